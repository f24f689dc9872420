package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// The verdicts of a gate, and the states of its checks.
const (
	GatePass         = "pass"
	GateFail         = "fail"
	GateInconclusive = "inconclusive"
)

// GateInput says what must be well.
type GateInput struct {
	SLO    []string `json:"slo,omitempty" flag:"-" jsonschema:"objectives whose error budget must not burn too fast: NAME, NAME/SERVICE, or errors=PROMQL total=PROMQL objective=99.9 with $w for the window"`
	Alerts []string `json:"alerts,omitempty" flag:"-" jsonschema:"matchers of alerts of which none may fire: severity=critical service=web"`
	Query  []string `json:"query,omitempty" flag:"-" jsonschema:"PromQL with a comparison that must hold for every series: error_rate < 0.01; the right side may be a multiple of baseline"`
	Logs   []string `json:"logs,omitempty" flag:"-" jsonschema:"new-errors: no pattern of warnings or worse may be new or surge; new-errors SERVICE for one service"`
	// For is how long everything must stay well; 0 looks once.
	For      op.Duration `json:"for,omitempty" jsonschema:"keep watching for this long; ends at once when something is decided against"`
	Interval op.Duration `json:"interval,omitempty" default:"15s" jsonschema:"time between two looks"`
	Grace    op.Duration `json:"grace,omitempty" jsonschema:"let a check be false or unknown for this long before it counts"`
	Baseline string      `json:"baseline,omitempty" enum:"previous,window" default:"window" jsonschema:"what is compared with: the time before the last rollout of --deploy, or as long before the gate"`
	Deploy   string      `json:"deploy,omitempty" complete:"deployments" jsonschema:"the workload whose last rollout --baseline previous means"`
	Window   op.Duration `json:"window,omitempty" default:"10m" jsonschema:"how long the compared windows are"`
	Missing  string      `json:"missing,omitempty" enum:"inconclusive,pass,fail" default:"inconclusive" jsonschema:"what missing data counts as"`

	Namespace string `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace"`
}

// Validate implements op.Validator.
func (in *GateInput) Validate() error {
	if len(in.SLO)+len(in.Alerts)+len(in.Query)+len(in.Logs) == 0 {
		return fail.New(fail.Usage, "a gate without a check would always pass").Hint("aictl gate --alerts severity=critical --query 'up == 1' --slo availability --logs new-errors")
	}
	if in.Baseline == "previous" && in.Deploy == "" {
		return fail.New(fail.Usage, "--baseline previous needs the workload that was rolled out").Hint("--deploy NAME")
	}
	return nil
}

// GateCheck is one check of a gate.
type GateCheck struct {
	Kind    string `json:"kind" jsonschema:"slo, alerts, query or logs"`
	Name    string `json:"name" jsonschema:"the check as it was written"`
	State   string `json:"state" jsonschema:"pass, fail or inconclusive"`
	Message string `json:"message" jsonschema:"what was found"`
	// Since is when it became what it is.
	Since    time.Time `json:"since"`
	Evidence []Fact    `json:"evidence"`
}

// GateEvent is a change of a check, or the verdict, which comes last.
type GateEvent struct {
	Type    string      `json:"type" jsonschema:"check or verdict"`
	Time    time.Time   `json:"time"`
	Check   *GateCheck  `json:"check,omitempty"`
	Verdict string      `json:"verdict,omitempty" jsonschema:"pass, fail or inconclusive"`
	Message string      `json:"message,omitempty"`
	Checks  []GateCheck `json:"checks,omitempty" jsonschema:"all of them, with the verdict"`
	From    time.Time   `json:"from,omitzero"`
	Looks   int         `json:"looks,omitempty" jsonschema:"how often everything was looked at"`
}

// WaitInput waits for expressions over metrics and alerts, of no workload in
// particular.
type WaitInput struct {
	Until    []string    `json:"until,omitempty" flag:"-" jsonschema:"expressions that must hold, all of them"`
	FailIf   []string    `json:"fail_if,omitempty" flag:"-" jsonschema:"expressions of which none may hold"`
	Grace    op.Duration `json:"grace,omitempty" jsonschema:"let what must not hold, hold for this long before it is a failure"`
	Stable   op.Duration `json:"stable,omitempty" jsonschema:"what must hold has to hold for this long"`
	Interval op.Duration `json:"interval,omitempty" default:"2s" jsonschema:"time between two questions"`
}

// Validate implements op.Validator.
func (in *WaitInput) Validate() error {
	if len(in.Until) == 0 {
		return fail.New(fail.Usage, "nothing is waited for").Hint("aictl wait --until 'metric: up == 1'")
	}
	return nil
}

// The operations that decide.
var (
	GateRun = &op.Stream[GateInput, GateEvent]{Spec: op.Spec{
		ID: "gate.run", Route: "POST /api/v1/gate", Command: "gate", Effect: op.Read, Idempotent: true,
		Summary: "Decide by live signals whether a change may go on: pass, fail or inconclusive",
		Doc: "Every check must pass: exit 0. One that fails ends the gate: exit 10. Missing data (no series, NaN, a\n" +
			"series or a target that has gone, a backend that does not answer) never passes unless --missing says so:\n" +
			"exit 11.\n" +
			"--slo burns: a check fails when the error budget burns too fast over a long and a short window at once,\n" +
			"by the rows of the SRE Workbook (14.4× over 1h and 5m, 6× over 6h and 30m, 3× over 1d and 2h, 1× over 3d\n" +
			"and 6h). --query 'EXPR < 1.2 * baseline' compares with the same expression in the baseline.\n" +
			"-o junit, -o github and -o md are for CI.",
		Errors: []fail.Code{fail.False, fail.Inconclusive, fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl gate --alerts severity=critical", Note: "nothing critical fires"},
			{Command: "aictl gate --query 'count(up) > 0' --logs new-errors --for 2s --interval 1s", Note: "for a while after a rollout"},
			{Command: "aictl gate --query 'count(up) >= 0.5 * baseline' --missing pass -o json --jq .verdict", Note: "against what was before"},
		},
	}}
	WaitFor = &op.Stream[WaitInput, DeployWaitEvent]{Spec: op.Spec{
		ID: "wait.until", Route: "POST /api/v1/wait", Command: "wait", Effect: op.Read, Idempotent: true,
		Summary: "Wait until expressions over metrics and alerts hold",
		Doc: "Expressions:\n" +
			"  metric: PROMQL > 0.1   every series with --until, any with --fail-if\n" +
			"  alert: NAME firing     or absent\n" +
			"--until may be repeated: all must hold; of --fail-if none may. Exit 0 when it holds, 10 when what must\n" +
			"not hold does, 8 after --timeout. `aictl deploy wait` has the same for a workload's own state.",
		Errors: []fail.Code{fail.False, fail.Inconclusive},
		Examples: []op.Example{
			{Command: "aictl wait --until 'metric: count(up) > 0' --timeout 1m", Note: "until something is scraped"},
			{Command: "aictl wait --until 'alert: NothingOfTheKind absent' --stable 1s --timeout 1m", Note: "until an alert has been gone for a while"},
		},
	}}
)
