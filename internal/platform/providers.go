package platform

import (
	"context"
	"net/http"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/ai/chat/openai"
	"github.com/aictl/aictl/internal/ai/chat/probe"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// providers implements ops.Providers.
type providers struct{ p *Platform }

// List implements ops.Providers: the assistant first, then the upstreams in
// order. An upstream's breaker is the worst of its models'.
func (v providers) List(context.Context) ([]api.Provider, error) {
	out := []api.Provider{{Name: chat.Builtin, Kind: "builtin", Models: []string{chat.BuiltinModel}, Breaker: "closed", State: "ready"}}
	worst := map[string]string{}
	rank := map[string]int{"closed": 0, "half-open": 1, "open": 2}
	for _, t := range v.p.gateway.ListTargets("") {
		if inner(t.Service) && rank[t.Breaker] >= rank[worst[t.Name]] {
			worst[t.Name] = t.Breaker
		}
	}
	config := v.p.models.state.Load().config
	for _, u := range config.Upstreams {
		one := api.Provider{Name: u.Name, Kind: "openai", URL: u.URL, Models: []string{}, Breaker: worst[u.Name], State: "ready"}
		if one.Breaker == "open" {
			one.State = "down"
		}
		for _, name := range config.Names() {
			targets, err := config.Resolve(name)
			if err != nil {
				return nil, err
			}
			for _, t := range targets {
				if t.Upstream == u.Name {
					one.Models = append(one.Models, name)
					break
				}
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// Test implements ops.Providers.
func (v providers) Test(ctx context.Context, name, model string) ([]api.ProviderReport, error) {
	out := []api.ProviderReport{}
	if name == "" || name == chat.Builtin || name == chat.BuiltinModel {
		out = append(out, v.testBuiltin(ctx))
	}
	transport := &http.Transport{TLSHandshakeTimeout: 5 * time.Second, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	for _, u := range v.p.models.state.Load().config.Upstreams {
		if name != "" && name != u.Name {
			continue
		}
		up, err := openai.New(u, v.p.o.Getenv, transport)
		if err != nil {
			return nil, err
		}
		with := model
		if with == "" {
			for _, own := range u.Models { // any that is configured; else the first that it lists
				with = own
				break
			}
		}
		r := probe.Run(ctx, up, probe.Options{Model: with})
		report := api.ProviderReport{Name: r.Name, URL: r.URL, Model: r.Model, OK: r.OK, Checks: []api.ProviderCheck{}}
		for _, c := range r.Checks {
			report.Checks = append(report.Checks, api.ProviderCheck{Check: c.Check, Result: string(c.Result), Detail: c.Detail, Duration: op.Duration(c.Duration)})
		}
		out = append(out, report)
	}
	if len(out) == 0 {
		return nil, fail.New(fail.NotFound, "no provider named %q", name).Hint("aictl providers list")
	}
	return out, nil
}

// testBuiltin asks the assistant through the gateway, plain and streamed.
func (v providers) testBuiltin(ctx context.Context) api.ProviderReport {
	r := api.ProviderReport{Name: chat.Builtin, Model: chat.BuiltinModel, OK: true, Checks: []api.ProviderCheck{}}
	for _, c := range []struct {
		name   string
		stream bool
	}{{"completion", false}, {"stream", true}} {
		start := time.Now()
		n, err := 0, error(nil)
		reply, err := v.p.gateway.Do(ctx, ai.Call{
			Service: chat.ServiceName, Operation: chat.Complete, Stream: c.stream,
			Input: []byte(`{"model":"` + chat.BuiltinModel + `","messages":[{"role":"user","content":"what is running?"}]}`),
		})
		if err == nil {
			for e, failure := range chat.Events(reply) {
				n, err = n+len(e.Text), failure
			}
		}
		check := api.ProviderCheck{Check: c.name, Result: "ok", Detail: "answers from the platform's state", Duration: op.Duration(time.Since(start))}
		if err != nil || n == 0 {
			check.Result, r.OK = "no", false
			if err != nil {
				check.Detail = err.Error()
			}
		}
		r.Checks = append(r.Checks, check)
	}
	r.Checks = append(r.Checks, api.ProviderCheck{Check: "tools", Result: "no", Detail: "it is not a language model: tools are not called"})
	return r
}
