package platform

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/authz"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/kube"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/store"
)

// closeRuntime is how long services may take to end, beyond their own drain.
const closeRuntime = 30 * time.Second

// openRuntime starts the engine of services that are not built in, and with it
// what ran when the last process ended.
func (p *Platform) openRuntime(ctx context.Context) error {
	o := runtime.Options{
		Gateway: p.gateway, Dir: filepath.Join(p.o.DataDir, "services"), Store: store.Services{Store: p.store},
		Secrets: p.secretOf, As: asService, Lines: newLines(p.o.Logger, p.o.Now).add, Metrics: p.o.Registry, Logger: p.o.Logger, Now: p.o.Now,
	}
	if c := p.o.Config.Backends.Kubernetes; c.Configured() {
		o.Applier = &applier{p: p}
		o.Render = plugin.RenderOptions{FromAnywhere: !c.InCluster} // the API server's proxy has an address that no selector names
	}
	r, err := runtime.New(ctx, o)
	if err != nil {
		return err
	}
	p.runtime = r
	p.closing("runtime", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closeRuntime)
		defer cancel()
		return r.Close(ctx)
	})
	return nil
}

// asService is the identity of a service that calls another: it may invoke, and
// nothing else.
func asService(ctx context.Context, service string) context.Context {
	return op.WithIdentity(ctx, op.Identity{Subject: "service:" + service, Grants: []op.Grant{{Role: "invoker", Namespace: "*"}}, Remote: "local"})
}

// secretOf gives a service the value that its manifest refers to.
func (p *Platform) secretOf(ctx context.Context, reference string) ([]byte, error) {
	ref, err := secrets.ParseRef(reference)
	if err != nil {
		return nil, err
	}
	all, err := p.secrets(ctx)
	if err != nil {
		return nil, err
	}
	v, _, err := all.Get(ctx, ref, "")
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return append([]byte(nil), v.Bytes()...), nil
}

// deployManifest brings a manifest in. What runs as a process runs as this
// server's user: that is for administrators.
func (p *Platform) deployManifest(ctx context.Context, in deploy.Manifest) (deploy.Applied, error) {
	m, err := plugin.Parse("plugin.yaml", in.Body)
	if err != nil {
		return deploy.Applied{}, err
	}
	switch in.To {
	case "", m.Runtime:
	case "runtime":
		if m.Runtime == plugin.Kubernetes {
			m.Runtime = plugin.Process
		}
	case plugin.Kubernetes:
		m.Runtime = plugin.Kubernetes
	default:
		return deploy.Applied{}, fail.New(fail.Usage, "%q is no engine", in.To).Hint("runtime or kubernetes")
	}
	if m.Runtime == plugin.Process {
		id, _ := op.IdentityFrom(ctx)
		if err := authz.Authorize(id, "accounts", op.Write, "default"); err != nil {
			return deploy.Applied{}, fail.Wrap(fail.CodeOf(err), err, "a process runs as the server's own user").Hint("%s", fail.From(err).Next)
		}
	}
	if m.Runtime == plugin.Kubernetes && in.Namespace != "" && m.Namespace == "" {
		m.Namespace = in.Namespace
	}
	var before *deploy.Snapshot
	ref := deploy.Ref{Kind: deploy.Service, Name: m.Name}
	if before, err = p.runtime.Get(ctx, ref); err != nil && fail.CodeOf(err) != fail.NotFound {
		return deploy.Applied{}, err
	}
	s, err := p.runtime.Deploy(ctx, m, in.Origin, runtime.DeployOptions{Reason: in.Cause, Actor: in.Actor, Dry: in.Dry, Version: in.Version, Canary: in.Canary})
	if err != nil {
		return deploy.Applied{}, err
	}
	out := deploy.Applied{Workload: s.Workload, Version: s.Version, Generation: s.Generation, Template: s.Template}
	step := deploy.ApplyStep{Action: "create", Object: "service/" + m.Name, Detail: "version " + m.Version + ", runtime " + m.Runtime}
	if before != nil {
		step.Action = "update"
		if before.Version == s.Version && !in.Dry || before.Template.Digest() == s.Template.Digest() {
			step.Action = "none"
		}
		if in.Dry {
			out.Version, out.Generation = before.Version, before.Generation
		}
	} else if in.Dry {
		out.Version, out.Generation = "", 0
	}
	if step.Action != "none" {
		if in.Canary > 0 {
			step.Detail += fmt.Sprintf(", to %d %% of the calls first", in.Canary)
		}
		out.Steps = append(out.Steps, step)
	}
	return out, nil
}

var _ interface {
	runtime.Applier
	runtime.Engine
} = (*applier)(nil)

// applier runs services on the cluster of the configuration. What somebody
// changes is changed as them, so that the platform is no ladder; what the
// platform looks at by itself it sees with its own account.
type applier struct {
	p *Platform

	mu   sync.Mutex // guards open
	open *kube.Client
}

// client is made at the first use and kept: it is asked at every probe.
func (a *applier) client() (*kube.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		c, err := kube.New(clusterOptions(a.p.config.Load().Backends.Kubernetes))
		if err != nil {
			return nil, err
		}
		a.open = c
	}
	return a.open, nil
}

// Cluster implements runtime.Engine: a service is as healthy as its Deployment.
func (a *applier) Cluster(context.Context) (deploy.Cluster, error) { return a.client() }

// caller is the client of whoever asks, or else of the platform.
func (a *applier) caller(ctx context.Context) (*kube.Client, error) {
	if id, ok := op.IdentityFrom(ctx); ok && id.Subject != "" {
		return a.p.cluster(ctx)
	}
	return a.client()
}

func (a *applier) Apply(ctx context.Context, objects []map[string]any, dry bool) error {
	c, err := a.caller(ctx)
	if err != nil {
		return err
	}
	return c.ApplyAll(ctx, objects, dry)
}

func (a *applier) Delete(ctx context.Context, objects []map[string]any) error {
	c, err := a.caller(ctx)
	if err != nil {
		return err
	}
	return c.DeleteAll(ctx, objects)
}

func (a *applier) Endpoint(_ context.Context, namespace, service string, port int) (runtime.Endpoint, error) {
	c, err := a.client()
	if err != nil {
		return runtime.Endpoint{}, err
	}
	url, transport := c.Reach(namespace, service, port)
	return runtime.Endpoint{URL: url, Transport: transport}, nil
}
