package chat

import (
	"maps"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
)

// DefaultAlias answers requests that name no model.
const DefaultAlias = "default"

// Resolve gives the targets of a model's name, in order: an alias, a model of
// the upstreams, "upstream/model", or the built-in assistant. The empty name
// is the alias "default", else the first model of the first upstream that
// lists one, else the built-in assistant. The result is never empty. An
// unknown name is notfound, with the nearest name.
func (c Config) Resolve(model string) ([]Target, error) {
	if model == "" {
		model = c.Default()
	}
	if model == BuiltinModel {
		return []Target{{Upstream: Builtin, Model: BuiltinModel}}, nil
	}
	if targets := c.Aliases[model]; len(targets) > 0 {
		return tiers(targets), nil
	}
	var targets []Target
	for _, u := range c.Upstreams {
		if name, ok := u.Models[model]; ok {
			targets = append(targets, Target{Upstream: u.Name, Model: orSame(name, model), Weight: u.Weight})
		}
	}
	if len(targets) > 0 {
		return tiers(targets), nil
	}
	if name, rest, ok := strings.Cut(model, "/"); ok && rest != "" {
		for _, u := range c.Upstreams {
			if u.Name == name {
				if own, ok := u.Models[rest]; ok {
					rest = orSame(own, rest)
				}
				return []Target{{Upstream: name, Model: rest, Weight: u.Weight}}, nil
			}
		}
	}
	all := []string{}
	for _, n := range c.names() {
		all = append(all, n.name)
	}
	err := fail.New(fail.NotFound, "there is no model %q", clip(model, 100))
	if near, ok := nearest.Of(model, all); ok {
		err = fail.New(fail.NotFound, "there is no model %q; did you mean %q?", clip(model, 100), near)
	}
	return nil, err.Hint("aictl providers list")
}

// Default is the name that stands for a request without a model.
func (c Config) Default() string {
	if len(c.Aliases[DefaultAlias]) > 0 {
		return DefaultAlias
	}
	for _, u := range c.Upstreams {
		if len(u.Models) > 0 {
			return sortedKeys(u.Models)[0]
		}
	}
	return BuiltinModel
}

type named struct{ name, owner string }

// names lists every model that can be named, each once: the assistant, the
// aliases, the upstreams' models in order.
func (c Config) names() []named {
	out := []named{{BuiltinModel, "aictl"}}
	seen := map[string]bool{BuiltinModel: true}
	add := func(name, owner string) {
		if !seen[name] {
			seen[name] = true
			out = append(out, named{name, owner})
		}
	}
	for _, a := range sortedKeys(c.Aliases) {
		add(a, "aictl")
	}
	for _, u := range c.Upstreams {
		for _, m := range sortedKeys(u.Models) {
			add(m, u.Name)
		}
	}
	return out
}

// tiers numbers the targets: neighbours with a weight share a tier.
func tiers(in []Target) []Target {
	out := slices.Clone(in)
	for i := range out {
		if i == 0 {
			continue
		}
		out[i].Tier = out[i-1].Tier
		if out[i].Weight == 0 || out[i-1].Weight == 0 {
			out[i].Tier++
		}
	}
	return out
}

// Names lists every model that can be named: the assistant, the aliases, the
// upstreams' models in order, each once.
func (c Config) Names() []string {
	var out []string
	for _, n := range c.names() {
		out = append(out, n.name)
	}
	return out
}

// price is that of the first target that has one.
func (c Config) price(targets []Target) func(target string) Price {
	return func(answered string) Price {
		for _, t := range targets {
			if answered != "" && t.Upstream != answered && t.Upstream+"/"+t.Model != answered {
				continue
			}
			for _, key := range []string{t.Upstream + "/" + t.Model, t.Model} {
				if p, ok := c.Prices[key]; ok {
					return p
				}
			}
		}
		return Price{}
	}
}

func orSame(name, same string) string {
	if name == "" {
		return same
	}
	return name
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// clip cuts s to n bytes for a message.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
