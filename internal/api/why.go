package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Fact is one piece of evidence that a claim stands on. Its id resolves: Show gives the
// same fact again.
type Fact struct {
	ID      string    `json:"id" jsonschema:"made of what it is; the same whenever it is found again"`
	Kind    string    `json:"kind" jsonschema:"metric, pattern, change, alert, graph, event or slo"`
	Source  string    `json:"source" jsonschema:"the backend that holds it"`
	Time    time.Time `json:"time" jsonschema:"when it happened or began"`
	Service string    `json:"service,omitempty"`
	Text    string    `json:"text" jsonschema:"one line: the fact, with its numbers"`
	// Value and Baseline are of metrics and patterns.
	Value    *op.Number `json:"value,omitempty"`
	Baseline *op.Number `json:"baseline,omitempty"`
	Show     string     `json:"show" jsonschema:"the command that shows it again"`
}

// WhyInput asks what is behind an alert, or behind how a service does.
type WhyInput struct {
	Subject   string `json:"subject" arg:"ALERT|SERVICE" complete:"alerts,services" jsonschema:"an alert's name or fingerprint, or a service"`
	Service   string `json:"service,omitempty" complete:"services" jsonschema:"of an alert that several services have: this one's"`
	Namespace string `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace"`
	// From and To bound what is looked at. To is also the moment that is asked
	// about: what came after it is not looked at.
	From  time.Time `json:"from,omitzero" flag:"-" jsonschema:"look back to here; an hour before the onset where absent"`
	To    time.Time `json:"to,omitzero" flag:"-" jsonschema:"as things were at this moment; now where absent"`
	Limit int       `json:"limit,omitempty" default:"5" jsonschema:"so many candidates"`
}

// The verdicts of why.
const (
	// WhyCause: the first candidate explains it.
	WhyCause = "cause"
	// WhyNoChange: something is wrong, and no change explains it; the
	// candidates say what is known instead (traffic, a dependency, a leak).
	WhyNoChange = "no_change"
	// WhyUnclear: several candidates explain it about as well, or none does.
	WhyUnclear = "unclear"
	// WhyHealthy: nothing is wrong with the subject in the window.
	WhyHealthy = "healthy"
	// WhyNoData: what would be needed to tell did not answer.
	WhyNoData = "no_data"
)

// The kinds of candidate.
const (
	CauseChange     = "change"     // something was changed: Change says what
	CauseDependency = "dependency" // a service that it calls, or an upstream of it, fails
	CauseTraffic    = "traffic"    // callers ask for more
	CauseNode       = "node"       // a node that it runs on is in trouble
	CauseNeighbour  = "neighbour"  // another workload takes what both share
	CauseResource   = "resource"   // it runs out of memory, CPU, disk, descriptors: a leak or a limit
	CauseErrors     = "errors"     // new or surging errors in its own logs, and nothing is known behind them
)

// Why is what is thought of the cause, with the evidence.
type Why struct {
	Subject WhySubject `json:"subject"`
	// Time is the moment that was asked about.
	Time    time.Time  `json:"time"`
	From    time.Time  `json:"from"`
	Symptom WhySymptom `json:"symptom"`
	Verdict string     `json:"verdict" jsonschema:"cause, no_change, unclear, healthy or no_data"`
	Summary string     `json:"summary" jsonschema:"one or two sentences made of the evidence"`
	// Candidates are ranked, the most probable first.
	Candidates []WhyCandidate `json:"candidates"`
	// Cleared are changes in the window that were looked at and do not explain
	// it, each with why.
	Cleared []WhyCleared `json:"cleared"`
	// Unknown names what could not be looked at: it is never taken for healthy.
	Unknown  []BackendFailure `json:"unknown"`
	Warnings []string         `json:"warnings"`
	Took     op.Duration      `json:"took"`
}

// WhySubject is what was asked about.
type WhySubject struct {
	Kind      string            `json:"kind" jsonschema:"alert or service"`
	Name      string            `json:"name"`
	Service   string            `json:"service,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	State     string            `json:"state,omitempty" jsonschema:"of an alert: firing, silenced, inhibited, pending or resolved"`
	Started   time.Time         `json:"started,omitzero" jsonschema:"when the alert began to fire"`
	Runbook   string            `json:"runbook,omitempty"`
}

// WhySymptom is what is wrong, measured.
type WhySymptom struct {
	Expr      string         `json:"expr,omitempty" jsonschema:"the expression, without its comparison"`
	Op        string         `json:"op,omitempty" jsonschema:"the comparison: > < >= <= == !="`
	Threshold *op.Number     `json:"threshold,omitempty"`
	Values    []MetricSeries `json:"values"`
	// Onset is when the values left what they were before, found by change-point
	// detection; absent where there was no such moment.
	Onset *time.Time `json:"onset,omitempty"`
	// OnsetWithin says how exactly the onset is known.
	OnsetWithin op.Duration `json:"onset_within,omitempty"`
	Before      *op.Number  `json:"before,omitempty" jsonschema:"the median before the onset"`
	After       *op.Number  `json:"after,omitempty" jsonschema:"the median after it"`
	Evidence    []Fact      `json:"evidence"`
}

// WhyCandidate is one possible cause.
type WhyCandidate struct {
	Rank    int    `json:"rank"`
	Kind    string `json:"kind" jsonschema:"change, dependency, traffic, node, neighbour, resource or errors"`
	Service string `json:"service,omitempty" jsonschema:"where the cause is"`
	Object  string `json:"object" jsonschema:"kind and name of what it is about: service/mask, configmap/web, node/n1"`
	Title   string `json:"title" jsonschema:"one line"`
	// Score orders; Confidence is the probability that this is the cause, as
	// measured on the catalogue of scenarios.
	Score      op.Number `json:"score"`
	Confidence op.Number `json:"confidence"`
	Onset      time.Time `json:"onset,omitzero" jsonschema:"when it began"`
	Path       []string  `json:"path,omitempty" jsonschema:"from the cause to the subject, over the calls between services"`
	Change     *Change   `json:"change,omitempty"`
	Evidence   []Fact    `json:"evidence"`
	// Against are facts that speak against it.
	Against []string `json:"against,omitempty"`
	Command string   `json:"command,omitempty" jsonschema:"the command that would act"`
	Next    string   `json:"next,omitempty" jsonschema:"the command that looks closer"`
}

// WhyCleared is a change that does not explain the symptom.
type WhyCleared struct {
	Change Change `json:"change"`
	Why    string `json:"why"`
}

// WhyAsk is the operation of why.
var WhyAsk = &op.Query[WhyInput, Why]{Spec: op.Spec{
	ID: "why.ask", Route: "GET /api/v1/why/{subject}", Command: "why", Effect: op.Read, Idempotent: true,
	Summary: "Say what is behind an alert, or behind how a service does, with the evidence",
	Doc: "The alert's own expression is measured and its onset found; what changed, what else began to move, what the\n" +
		"logs began to say, who calls whom and which alerts stand together are ranked. Nothing is stated without\n" +
		"evidence, nothing is sent anywhere but to the context's backends, and equal data gives an equal answer.\n" +
		"When no change explains it, that is said. A backend that does not answer is named under unknown: exit 4\n" +
		"when the rest sufficed, 11 when it did not.",
	Errors: []fail.Code{fail.NotFound, fail.Partial, fail.Inconclusive, fail.Forbidden},
	Examples: []op.Example{
		{Command: "aictl why ServiceErrorsHigh", Note: "an alert by its name"},
		{Command: "aictl why mask --since 2h", Note: "how a service does, whether or not an alert fires"},
		{Command: "aictl why mask --to now-30m -o json --jq '.candidates[0].title'", Note: "as things were half an hour ago"},
	},
}}
