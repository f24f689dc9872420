package platform

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/serverconfig"
)

// A model of the upstreams is a route of the gateway of its own, under the
// name chat/MODEL: its tiers, weights and breakers are the gateway's. Such a
// route is inner: the call of the service chat that leads to it has been
// admitted already.
const innerPrefix = chat.ServiceName + "/"

// inner reports whether a route is reached through another service only.
func inner(service string) bool { return strings.HasPrefix(service, innerPrefix) }

// anyModel is the route to an upstream for models that nobody listed.
func anyModel(upstream string) string { return innerPrefix + "@" + upstream }

// chatConfig maps the server's configuration to the service's.
func chatConfig(c serverconfig.Chat) chat.Config {
	out := chat.Config{Aliases: map[string][]chat.Target{}, Prices: map[string]chat.Price{}}
	for _, u := range c.Upstreams {
		models := map[string]string{}
		for _, m := range u.Models {
			models[m] = m
		}
		out.Upstreams = append(out.Upstreams, chat.Upstream{
			Name: u.Name, URL: u.URL, KeyEnv: u.KeyEnv, KeyFile: u.KeyFile, Models: models,
			Weight: u.Weight, Timeout: op.Duration(u.Timeout),
		})
	}
	for alias, targets := range c.Aliases {
		out.Aliases[alias] = aliasTargets(targets)
	}
	for model, p := range c.Prices {
		out.Prices[model] = chat.Price{Input: p.Input, Output: p.Output}
	}
	return out
}

// aliasTargets orders by tier. In the service, neighbours that have a weight
// share a tier; a lone target of a tier has none, so that it stands by itself.
func aliasTargets(targets []serverconfig.Target) []chat.Target {
	byTier := map[int][]serverconfig.Target{}
	highest := 0
	for _, t := range targets {
		byTier[t.Tier] = append(byTier[t.Tier], t)
		highest = max(highest, t.Tier)
	}
	var out []chat.Target
	for tier := 0; tier <= highest; tier++ {
		for _, t := range byTier[tier] {
			weight := t.Weight
			if len(byTier[tier]) == 1 {
				weight = 0
			}
			out = append(out, chat.Target{Upstream: t.Upstream, Model: t.Model, Weight: weight})
		}
	}
	return out
}

// models keeps the gateway's routes of the upstreams' models. It implements
// chat.Forwarder. apply is for one goroutine at a time.
type models struct {
	gateway *gateway.Gateway
	getenv  func(string) string
	state   atomic.Pointer[modelState]
}

// modelState is what one configuration came to.
type modelState struct {
	config  chat.Config
	routes  map[string]gateway.Route
	clients []*gateway.HTTP
}

func newModels(g *gateway.Gateway, getenv func(string) string) *models {
	m := &models{gateway: g, getenv: getenv}
	m.state.Store(&modelState{})
	return m
}

// apply brings a configuration into force: every name gets its route, routes
// of names that are gone are removed. Calls under way stay where they are. A
// configuration that is wrong changes nothing.
func (m *models) apply(c chat.Config, firstToken time.Duration) error {
	fresh, err := m.build(c, firstToken)
	if err != nil {
		return err
	}
	for _, spec := range fresh.routes {
		if _, err := m.gateway.SetRoute(spec); err != nil {
			return err
		}
	}
	old := m.state.Swap(fresh)
	for name := range old.routes {
		if _, stays := fresh.routes[name]; !stays {
			m.gateway.RemoveRoute(name)
		}
	}
	old.close()
	return nil
}

// close lets go of idle connections; those in use end with their calls.
func (s *modelState) close() {
	for _, c := range s.clients {
		c.Close()
	}
}

func (m *models) close() { m.state.Load().close() }

func (m *models) build(c chat.Config, firstToken time.Duration) (_ *modelState, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &modelState{config: c, routes: map[string]gateway.Route{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	add := func(name string, targets []chat.Target) error {
		spec, err := s.route(name, targets, firstToken, m.getenv)
		s.routes[name] = spec
		return err
	}
	for _, name := range c.Names() {
		targets, err := c.Resolve(name)
		if err != nil {
			return nil, err
		}
		if targets[0].Builtin() {
			continue
		}
		if err := add(innerPrefix+name, targets); err != nil {
			return nil, err
		}
	}
	for _, u := range c.Upstreams {
		if err := add(anyModel(u.Name), []chat.Target{{Upstream: u.Name}}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *modelState) route(name string, targets []chat.Target, firstToken time.Duration, getenv func(string) string) (gateway.Route, error) {
	spec := gateway.Route{
		Description: ai.Description{Name: name, Version: "upstream", Summary: "model " + strings.TrimPrefix(name, innerPrefix)},
		Policies:    map[string]gateway.Policy{}, Inner: true,
	}
	policy := gateway.Policy{
		FirstByte: firstToken, Idempotent: true, Timeout: time.Minute,
		Terminator: "[DONE]", Frame: gateway.OpenAIFrame, Usage: gateway.OpenAIUsage,
	}
	for _, t := range targets {
		for _, u := range s.config.Upstreams {
			if u.Name != t.Upstream {
				continue
			}
			up, err := newUpstream(u, t.Model, getenv)
			if err != nil {
				return spec, err
			}
			s.clients = append(s.clients, up)
			policy.Timeout = max(policy.Timeout, time.Duration(u.Timeout))
			for len(spec.Tiers) <= t.Tier {
				spec.Tiers = append(spec.Tiers, gateway.Tier{})
			}
			tier := &spec.Tiers[t.Tier]
			tier.Revisions = append(tier.Revisions, gateway.Revision{
				Name: t.Upstream + "/" + t.Model, Weight: max(t.Weight, 1),
				Replicas: []gateway.Replica{{Name: t.Upstream, Upstream: up}},
			})
		}
	}
	spec.Policies[chat.Complete] = policy
	policy.Terminator = ""
	spec.Policies[chat.Embeddings] = policy
	return spec, nil
}

// newUpstream makes the way to one upstream's model; an empty model leaves
// the body as it is.
func newUpstream(u chat.Upstream, model string, getenv func(string) string) (*gateway.HTTP, error) {
	key, err := u.Key(getenv)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if key != "" {
		header.Set("Authorization", "Bearer "+key)
	}
	return gateway.NewHTTP(gateway.HTTPOptions{
		BaseURL: u.URL, Header: header,
		Path: func(call *ai.Call) (string, string) {
			if call.Operation == chat.Embeddings {
				return http.MethodPost, "/embeddings"
			}
			return http.MethodPost, "/chat/completions"
		},
		Body: func(call *ai.Call) []byte {
			if model == "" {
				return call.Input
			}
			body, err := chat.Request(call.Input, model, call.Stream)
			if err != nil { // the service has read it already, so it can be read
				return call.Input
			}
			return body
		},
	})
}

// Forward implements chat.Forwarder: the call goes to the inner route of the
// model that was asked for, whose targets are those that were resolved and put
// their own model's name into the body.
func (m *models) Forward(ctx context.Context, route chat.Route, body func(chat.Target) ([]byte, error)) (*ai.Reply, error) {
	call := route.Call
	call.Service = innerPrefix + route.Model
	if _, known := m.state.Load().routes[call.Service]; !known { // UPSTREAM/MODEL, which nobody listed
		input, err := body(route.Targets[0])
		if err != nil {
			return nil, err
		}
		call.Service, call.Input = anyModel(route.Targets[0].Upstream), input
	}
	return m.gateway.Do(ctx, call)
}

// chatSettings implements ops.ChatConfig.
type chatSettings struct{ p *Platform }

// Window implements ops.ChatConfig: enough for any model of today, and a bound.
func (chatSettings) Window() int64 { return 24_000 }

// Builtin implements ops.ChatConfig. A name that nobody knows is not the
// assistant's: the call that follows says so.
func (c chatSettings) Builtin(model string) bool {
	targets, err := c.p.models.state.Load().config.Resolve(model)
	return err == nil && targets[0].Builtin()
}
