package platform

import (
	"context"
	"slices"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/kube"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/operate"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/serverconfig"
)

// clusters are the engines of deployments: the runtime of this process, and
// the cluster of the configuration as the caller.
func (p *Platform) clusters(ctx context.Context) ([]deploy.Cluster, error) {
	var out []deploy.Cluster
	if p.runtime != nil {
		out = append(out, p.runtime)
	}
	if p.config.Load().Backends.Kubernetes.Configured() {
		c, err := p.cluster(ctx)
		switch {
		case err == nil:
			out = append(out, c)
		case len(out) == 0:
			return nil, err
		default: // what runs here is operated though the kubeconfig is broken
			p.o.Logger.WarnContext(ctx, "the cluster cannot be opened", "error", err)
		}
	}
	if len(out) == 0 {
		return nil, fail.New(fail.Unavailable, "this control plane runs no deployments")
	}
	return out, nil
}

// cluster is the cluster of the configuration, reached as whoever calls: what
// they may do there is what the cluster's own rules give to them. The accounts
// are prefixed, so that none of ours can be taken for one of the cluster's.
func (p *Platform) cluster(ctx context.Context) (*kube.Client, error) {
	id, ok := op.IdentityFrom(ctx)
	if !ok || id.Subject == "" {
		return nil, fail.New(fail.Auth, "not signed in").Hint("aictl login")
	}
	o := clusterOptions(p.config.Load().Backends.Kubernetes)
	o.As, o.AsGroups = "aictl:"+id.Subject, clusterGroups(id)
	return kube.New(o)
}

func clusterOptions(c serverconfig.Kubernetes) kube.Options {
	return kube.Options{Kubeconfig: c.Kubeconfig, Context: c.Context, InCluster: c.InCluster, Namespace: c.Namespace, UserAgent: "aictl-server"}
}

// clusterGroups are the roles as groups: aictl:ROLE for one that is held
// everywhere, aictl:ROLE:NAMESPACE for one of a namespace.
func clusterGroups(id op.Identity) []string {
	var out []string
	for _, g := range id.Grants {
		name := "aictl:" + g.Role
		if g.Namespace != "*" {
			name += ":" + g.Namespace
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// permissions asks the cluster as the caller; nil where there is none.
func (p *Platform) permissions() func(context.Context) (operate.Permissions, error) {
	if !p.config.Load().Backends.Kubernetes.Configured() {
		return nil
	}
	return func(ctx context.Context) (operate.Permissions, error) { return p.cluster(ctx) }
}

// clusterSecrets is the cluster's store of secrets. Stores are shared by all
// callers, so that this one asks as whoever calls, each time.
func (p *Platform) clusterSecrets() []secrets.Named {
	if !p.config.Load().Backends.Kubernetes.Configured() {
		return nil
	}
	return []secrets.Named{{Name: secrets.KindKubernetes, Kind: secrets.KindKubernetes, Open: func(context.Context) (secrets.Store, error) {
		return asCaller{p}, nil
	}}}
}

// asCaller is a secrets.Store over the cluster as each call's own identity.
type asCaller struct{ p *Platform }

func (asCaller) Kind() string                       { return secrets.KindKubernetes }
func (asCaller) Capabilities() secrets.Capabilities { return (*kube.Secrets)(nil).Capabilities() }
func (asCaller) Check(path string) error            { return (*kube.Secrets)(nil).Check(path) }

func (a asCaller) List(ctx context.Context, prefix string) ([]secrets.Info, error) {
	c, err := a.p.cluster(ctx)
	if err != nil {
		return nil, err
	}
	return c.Secrets().List(ctx, prefix)
}

func (a asCaller) Stat(ctx context.Context, path string) (*secrets.Info, error) {
	c, err := a.p.cluster(ctx)
	if err != nil {
		return nil, err
	}
	return c.Secrets().Stat(ctx, path)
}

func (a asCaller) Get(ctx context.Context, path, version string) (secrets.Value, *secrets.Info, error) {
	c, err := a.p.cluster(ctx)
	if err != nil {
		return secrets.Value{}, nil, err
	}
	return c.Secrets().Get(ctx, path, version)
}

func (a asCaller) Put(ctx context.Context, path string, v secrets.Value, o secrets.PutOptions) (*secrets.Info, error) {
	c, err := a.p.cluster(ctx)
	if err != nil {
		return nil, err
	}
	return c.Secrets().Put(ctx, path, v, o)
}

func (a asCaller) Delete(ctx context.Context, path string, o secrets.DeleteOptions) error {
	c, err := a.p.cluster(ctx)
	if err != nil {
		return err
	}
	return c.Secrets().Delete(ctx, path, o)
}
