// Package direct is the handler of a context without a control plane: the same
// operations over the same backends as the server's, in this process, with the
// person's own URLs and credentials. It is what lets the on-call engineer look
// while the control plane is down.
//
// It promises that nothing is opened before it is asked for, and that an
// operation that needs a control plane says so. It authenticates nobody: what
// the person may do is what the credentials may. It keeps no audit: there is
// nobody to keep it for; the backends have their own.
package direct

import (
	"context"
	"net/http"
	"os/user"
	"time"

	"github.com/aictl/aictl/internal/backends"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/kube"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/observe"
	"github.com/aictl/aictl/internal/ops/operate"
	"github.com/aictl/aictl/internal/ops/respond"
	"github.com/aictl/aictl/internal/redact"
)

// Open gives the transport of a context with these backends. What it opens
// lives as long as the process, which is one command.
func Open(b *config.Backends) http.RoundTripper {
	set := backends.New(Options(b))
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	d := operated(set, b)
	observe.Bind(r, observe.Deps{
		Logs: set.Logs(), Metrics: set.Metrics(), Alerts: set.Alerts(), Backends: set.Check, Now: time.Now,
		Annotations: operate.Annotations(d.Clusters, set.Silences),
	})
	d.Secrets = secretStores(set, d)
	d.MayReveal = func(context.Context) error { return nil } // what the person may see is what the credentials may
	operate.Bind(r, d)
	respond.Bind(r, respond.Deps{
		Logs: set.Logs(), Metrics: set.Metrics(), Alerts: set.Alerts(), Clusters: d.Clusters, Changes: changeSources(set),
		Secrets: d.Secrets, Namespace: d.Namespace, Now: time.Now, Incidents: incidents, Redact: redact.New().String,
	})
	me := op.Identity{Subject: name(), Remote: "local"}
	return op.InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !r.Knows(req) {
			fail.WriteProblem(w, fail.New(fail.Unavailable, "%s needs a control plane, and this context has none", req.URL.Path).Hint("aictl up"))
			return
		}
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), me)))
	})}
}

// name is who the person is on this machine.
func name() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "somebody"
}

// Options are the backends of a context.
func Options(b *config.Backends) backends.Options {
	var out backends.Options
	if k := b.Kubernetes; k != nil {
		out.Discover = k.Discover
		out.Kubernetes = &kube.Options{Kubeconfig: k.Kubeconfig, Context: k.Context, Namespace: k.Namespace, As: k.As, AsGroups: k.AsGroups, ReadOnly: k.ReadOnly}
	}
	if b.Prometheus != nil {
		e := endpoint(*b.Prometheus)
		out.Prometheus = &e
	}
	for _, a := range b.Alertmanagers {
		out.Alertmanagers = append(out.Alertmanagers, endpoint(a))
	}
	if e := b.Elasticsearch; e != nil {
		out.Elasticsearch = &backends.Elasticsearch{Endpoint: endpoint(e.Endpoint), APIKeyFile: e.APIKeyFile, Index: e.Index, Fields: e.Fields}
	}
	return out
}

func endpoint(e config.Endpoint) backends.Endpoint {
	return backends.Endpoint{
		Name: e.Name, URL: e.URL, Cluster: e.Cluster, Username: e.Username, PasswordFile: e.PasswordFile, TokenFile: e.TokenFile,
		CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile, Headers: e.Headers,
	}
}
