package api

import (
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// BackendCheck is one finding about one backend.
type BackendCheck struct {
	Backend string      `json:"backend" jsonschema:"logs, metrics or alerts, with the system's name"`
	Check   string      `json:"check" jsonschema:"reachable or clock"`
	OK      bool        `json:"ok"`
	Code    fail.Code   `json:"code"`
	Detail  string      `json:"detail"`
	Next    string      `json:"next,omitempty" jsonschema:"what mends it"`
	Skew    op.Duration `json:"skew,omitempty" jsonschema:"the backend's clock minus ours"`
}

// BackendsCheck looks at every backend; the doctor shows it.
var BackendsCheck = &op.Query[None, []BackendCheck]{Spec: op.Spec{
	ID: "backends.check", Route: "GET /api/v1/backends", Command: "-", Effect: op.Read, Idempotent: true,
	Summary: "Check every backend: does it answer, what is it, do the clocks agree",
	Examples: []op.Example{
		{Command: "aictl doctor", Note: "with everything else that can be checked"},
		{Command: "aictl doctor -o json --jq '.[] | select(.ok | not)'", Note: "what is wrong"},
	},
}}
