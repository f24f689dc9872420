package platform

import (
	"context"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/backends"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/serverconfig"
)

// observed names the systems that the platform reads: those of the
// configuration, and the embedded ones in place of those that it does not name.
func observed(o Options) backends.Options {
	c := o.Config.Backends
	out := backends.Options{}
	switch {
	case c.Prometheus.URL != "":
		e := endpoint(c.Prometheus)
		out.Prometheus = &e
	case o.Prometheus != nil:
		out.Prometheus = &backends.Endpoint{Name: "embedded Prometheus", URL: "http://embedded/prometheus", Transport: op.InProcess{Handler: o.Prometheus}}
	}
	switch {
	case len(c.Alertmanagers) > 0:
		for _, a := range c.Alertmanagers {
			e := endpoint(a.Endpoint())
			e.Cluster = a.Cluster
			out.Alertmanagers = append(out.Alertmanagers, e)
		}
	case o.Alertmanager != nil:
		out.Alertmanagers = []backends.Endpoint{{Name: "embedded Alertmanager", URL: "http://embedded/alertmanager", Transport: op.InProcess{Handler: o.Alertmanager}}}
	}
	switch {
	case c.Elasticsearch.URL != "":
		out.Elasticsearch = &backends.Elasticsearch{Endpoint: endpoint(c.Elasticsearch.Endpoint()), APIKeyFile: c.Elasticsearch.APIKeyFile, Index: c.Elasticsearch.Index}
	case o.Logs != nil:
		out.Store = o.Logs
	}
	return out
}

func endpoint(e serverconfig.Endpoint) backends.Endpoint {
	return backends.Endpoint{
		URL: e.URL, Username: e.Username, PasswordFile: e.PasswordFile, TokenFile: e.TokenFile,
		CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile,
	}
}

// keepAlerts starts the keeper of acknowledgements and silences; Close ends it.
func (p *Platform) keepAlerts() {
	manager := p.backends.Alerts()
	if manager == nil {
		return
	}
	k := &alerts.Keeper{Manager: manager, Log: p.o.Logger, Now: p.o.Now, Owner: func(ctx context.Context, name string) bool {
		_, err := p.identity.Get(ctx, name)
		return fail.CodeOf(err) != fail.NotFound
	}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	p.closing("keeper of alerts", func() error {
		cancel()
		<-done
		return nil
	})
}
