package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// HandoffInput asks what the next person on call must know.
type HandoffInput struct {
	Since     op.Duration `json:"since,omitempty" default:"8h" jsonschema:"how long the shift was"`
	Soon      op.Duration `json:"soon,omitempty" default:"12h" jsonschema:"what ends within this long ends soon"`
	Namespace string      `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace; * is all"`
}

// HandoffItem is one thing to know.
type HandoffItem struct {
	Kind string `json:"kind" jsonschema:"alert, silence, rollout, canary, secret, rotation, budget or change"`
	// Action says that somebody must do something about it.
	Action  bool      `json:"action" jsonschema:"somebody must do something about it"`
	Object  string    `json:"object"`
	Text    string    `json:"text"`
	Who     string    `json:"who,omitempty" jsonschema:"who has it"`
	Time    time.Time `json:"time,omitzero" jsonschema:"since when, or until when"`
	Command string    `json:"command,omitempty" jsonschema:"the command that would act, or shows it"`
}

// Handoff is what the next person must know, what needs action first.
type Handoff struct {
	Time    time.Time        `json:"time"`
	From    time.Time        `json:"from"`
	Items   []HandoffItem    `json:"items"`
	Actions int              `json:"actions" jsonschema:"how many need action"`
	Unknown []BackendFailure `json:"unknown" jsonschema:"what could not be looked at: never taken for quiet"`
}

// HandoffShow is the operation of handoffs.
var HandoffShow = &op.Query[HandoffInput, Handoff]{Spec: op.Spec{
	ID: "handoff.show", Route: "GET /api/v1/handoff", Command: "handoff", Effect: op.Read, Idempotent: true,
	Summary: "Say what the next person on call must know: what fires, what ends soon, what is under way",
	Doc: "What fires and who has it, acknowledgements and silences about to end, silences that match nothing, rollouts\n" +
		"in flight or stuck, canaries, secrets overdue and rotations left open, error budgets that are spent or burn.\n" +
		"What needs action comes first, with its command. Exit 10 when something needs action, 0 when nothing does,\n" +
		"4 when a part could not be looked at, 11 when nothing could.",
	Errors: []fail.Code{fail.False, fail.Partial, fail.Inconclusive},
	Examples: []op.Example{
		{Command: "aictl handoff", Note: "at the end of a shift"},
		{Command: "aictl handoff --since 12h -o md", Note: "for the channel"},
		{Command: "aictl handoff -o json --jq '.items[] | select(.action) | .text'", Note: "what needs action"},
	},
}}
