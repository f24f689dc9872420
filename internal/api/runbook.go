package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// The kinds of a runbook's steps.
const (
	RunbookCheck = "check" // looks; is run read-only whatever the context allows
	RunbookAct   = "act"   // changes; takes the ordinary path of plan, confirmation and reason
)

// RunbookStep is one fenced step.
type RunbookStep struct {
	Number int    `json:"number" jsonschema:"from 1"`
	Name   string `json:"name,omitempty" jsonschema:"what a goto names"`
	Kind   string `json:"kind" jsonschema:"check or act"`
	Line   string `json:"line" jsonschema:"the command line as it is written"`
	// Words are the line's arguments before variables are put in.
	Words   []string    `json:"words"`
	Expect  string      `json:"expect,omitempty" jsonschema:"ok (the default), any, an exit code, or a text that the output must hold"`
	Timeout op.Duration `json:"timeout,omitempty"`
	Failed  string      `json:"failed,omitempty" jsonschema:"what a failure does: stop (the default), next, or goto NAME"`
}

// Runbook is one runbook.
type Runbook struct {
	Name   string        `json:"name"`
	Title  string        `json:"title"`
	Alerts []string      `json:"alerts" jsonschema:"the alerts that it is for"`
	Source string        `json:"source" jsonschema:"where it is from"`
	Text   string        `json:"text" jsonschema:"Markdown"`
	Steps  []RunbookStep `json:"steps"`
}

// RunbookFilter picks runbooks.
type RunbookFilter struct {
	Alert string `json:"alert,omitempty" arg:"?ALERT" complete:"alerts" jsonschema:"only those for this alert"`
}

// RunbookInput names a runbook.
type RunbookInput struct {
	Name string `json:"name" arg:"ALERT|NAME" complete:"alerts" jsonschema:"an alert, or the name of a runbook"`
}

// RunbookResult is what one step did.
type RunbookResult struct {
	ID        string      `json:"id"`
	Step      int         `json:"step"`
	Kind      string      `json:"kind"`
	Command   string      `json:"command" jsonschema:"the arguments as a line that can be pasted"`
	Argv      []string    `json:"argv"`
	Started   time.Time   `json:"started"`
	Took      op.Duration `json:"took"`
	Exit      int         `json:"exit"`
	OK        bool        `json:"ok" jsonschema:"the step did what it expects"`
	Output    string      `json:"output" jsonschema:"bounded, with secrets masked"`
	Truncated bool        `json:"truncated,omitempty"`
	Note      string      `json:"note,omitempty"`
}

// RunbookRun is the transcript of one run.
type RunbookRun struct {
	ID      string            `json:"id"`
	Runbook string            `json:"runbook"`
	Source  string            `json:"source"`
	Alert   string            `json:"alert,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	By      string            `json:"by,omitempty"`
	Started time.Time         `json:"started"`
	Ended   time.Time         `json:"ended"`
	Outcome string            `json:"outcome" jsonschema:"done, failed or canceled"`
	Results []RunbookResult   `json:"results"`
}

// The operations of runbooks. Running one is the command line's: it runs
// commands, and asks a person.
var (
	RunbooksList = &op.Query[RunbookFilter, []Runbook]{Spec: op.Spec{
		ID: "runbook.list", Route: "GET /api/v1/runbooks", Effect: op.Read, Idempotent: true,
		Summary: "List the runbooks and the alerts that they are for",
		Examples: []op.Example{
			{Command: "aictl runbook list", Note: "all of them"},
			{Command: "aictl runbook list ServiceErrorsHigh -o json --jq '.[].steps | length'", Note: "how many steps one has"},
		},
	}}
	RunbooksShow = &op.Query[RunbookInput, Runbook]{Spec: op.Spec{
		ID: "runbook.show", Route: "GET /api/v1/runbooks/{name}", Effect: op.Read, Idempotent: true,
		Summary: "Show the runbook of an alert",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl runbook show ServiceErrorsHigh", Note: "by the alert"},
			{Command: "aictl runbook show ServiceErrorsHigh -o json --jq '.steps[].line'", Note: "its commands"},
		},
	}}
)
