package api

import (
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Provider is one model upstream as it is configured.
type Provider struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind" jsonschema:"builtin or openai"`
	URL     string   `json:"url,omitempty"`
	Models  []string `json:"models"`
	Breaker string   `json:"breaker" jsonschema:"closed, open or half-open"`
	State   string   `json:"state"`
}

// ProviderReport is what an upstream really supports, measured just now.
type ProviderReport struct {
	Name   string          `json:"name"`
	URL    string          `json:"url,omitempty"`
	Model  string          `json:"model"`
	OK     bool            `json:"ok"`
	Checks []ProviderCheck `json:"checks"`
}

// ProviderCheck is one measured ability.
type ProviderCheck struct {
	Check    string      `json:"check"`
	Result   string      `json:"result" jsonschema:"ok, no or unknown"`
	Detail   string      `json:"detail"`
	Duration op.Duration `json:"duration"`
}

// ProviderTestInput picks what is tested; none is every provider.
type ProviderTestInput struct {
	Name  string `json:"name,omitempty" arg:"?PROVIDER" complete:"providers" jsonschema:"the provider's name; all when absent"`
	Model string `json:"model,omitempty" jsonschema:"the model to test with; the provider's first where absent"`
}

// The operations of providers.
var (
	ProvidersList = &op.Query[None, []Provider]{Spec: op.Spec{
		ID: "providers.list", Route: "GET /api/v1/providers", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "List the model providers behind chat",
		Examples: []op.Example{
			{Command: "aictl providers list", Note: "upstreams, models and breakers"},
			{Command: "aictl providers list -o json --jq '.[].models[]'", Note: "every model"},
		},
	}}
	ProvidersTest = &op.Query[ProviderTestInput, []ProviderReport]{Spec: op.Spec{
		ID: "providers.test", Route: "POST /api/v1/providers/test", Effect: op.Invoke, Server: true,
		Summary: "Measure what a model provider really supports",
		Doc:     "Sends a few small calls: plain, streamed, with tools, with a response format. Costs some tokens.",
		Errors:  []fail.Code{fail.NotFound, fail.False},
		Examples: []op.Example{
			{Command: "aictl providers test", Note: "every provider"},
			{Command: "aictl providers test aictl-ops -o json", Note: "one provider, for a script"},
		},
	}}
)
