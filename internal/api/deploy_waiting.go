package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// DeployWaitInput waits for a condition.
type DeployWaitInput struct {
	WorkloadName
	Until    []string    `json:"until,omitempty" flag:"-" jsonschema:"expressions that must hold, all of them; rollout=complete where absent"`
	FailIf   []string    `json:"fail_if,omitempty" flag:"-" jsonschema:"expressions of which none may hold"`
	Grace    op.Duration `json:"grace,omitempty" jsonschema:"let what must not hold, hold for this long before it is a failure"`
	Stable   op.Duration `json:"stable,omitempty" jsonschema:"what must hold has to hold for this long"`
	Interval op.Duration `json:"interval,omitempty" default:"2s" jsonschema:"time between two questions about metrics and alerts"`
}

// DeployWaitEvent is a change of what is waited for.
type DeployWaitEvent struct {
	Type    string    `json:"type" jsonschema:"expression or verdict"`
	Time    time.Time `json:"time"`
	Expr    string    `json:"expr,omitempty"`
	State   string    `json:"state" jsonschema:"true, false or unknown; of a verdict complete, failed or inconclusive"`
	Message string    `json:"message,omitempty" jsonschema:"what was found"`
}

// DeployVerifyInput watches a PromQL expression after a change.
type DeployVerifyInput struct {
	Expr     string      `json:"expr" arg:"EXPR" jsonschema:"PromQL with a comparison that holds when all is well: error_rate < 0.01"`
	For      op.Duration `json:"for,omitempty" default:"5m" jsonschema:"watch for this long"`
	Stable   op.Duration `json:"stable,omitempty" jsonschema:"it has recovered when the expression has held for this long; a third of --for where absent"`
	Interval op.Duration `json:"interval,omitempty" default:"5s" jsonschema:"time between two looks"`
}

// DeployLogsInput picks the lines of workloads.
type DeployLogsInput struct {
	Name      string    `json:"name,omitempty" arg:"?NAME" complete:"deployments" jsonschema:"NAME or KIND/NAME; all that -l picks where absent"`
	Namespace string    `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace; * is all"`
	Selector  string    `json:"selector,omitempty" flag:"selector,l" jsonschema:"of every workload with these labels"`
	Engine    string    `json:"engine,omitempty" enum:"kubernetes,runtime" jsonschema:"only on this engine"`
	Container string    `json:"container,omitempty" flag:"container,c" jsonschema:"only this container's"`
	Replica   string    `json:"replica,omitempty" jsonschema:"only this replica's"`
	Previous  bool      `json:"previous,omitempty" flag:"previous,p" jsonschema:"of the containers before those that run"`
	Follow    bool      `json:"follow,omitempty" flag:"follow,f" jsonschema:"show what comes, of replicas that come later, too"`
	Tail      int       `json:"tail,omitempty" default:"100" jsonschema:"begin with so many of each container's latest lines"`
	Level     string    `json:"level,omitempty" enum:"trace,debug,info,warn,error,fatal" jsonschema:"only this level and worse"`
	Grep      string    `json:"grep,omitempty" jsonschema:"regular expression (RE2) that the message must match"`
	Where     string    `json:"where,omitempty" jsonschema:"typed expression over fields: http.status >= 500 && duration > 200ms"`
	From      time.Time `json:"from,omitzero" flag:"-" jsonschema:"not before"`
	To        time.Time `json:"to,omitzero" flag:"-" jsonschema:"before"`
}

// Validate implements op.Validator.
func (in *DeployLogsInput) Validate() error {
	if in.Name == "" && in.Selector == "" {
		return fail.New(fail.Usage, "name a workload, or pick several by their labels").Hint("aictl deploy logs NAME, or -l app=web")
	}
	if in.Follow && in.Previous {
		return fail.New(fail.Usage, "a container that has ended cannot be followed").Hint("leave -f or --previous out")
	}
	return nil
}

// The operations that wait, verify and read lines.
var (
	DeployWait = &op.Stream[DeployWaitInput, DeployWaitEvent]{Spec: op.Spec{
		ID: "deploy.wait", Route: "POST /api/v1/deployments/{name}/wait", Effect: op.Read, Idempotent: true,
		Summary: "Wait until an expression about a workload holds",
		Doc: "Expressions:\n" +
			"  condition=Available              a condition is True; condition=Ready=False for another status\n" +
			"  jsonpath={.status.readyReplicas} >= 3   a field of the object (= != < <= > >=; alone: it is there)\n" +
			"  rollout=complete                 the verdict of `aictl deploy watch`; or rollout=failed\n" +
			"  metric: PROMQL > 0.1             every series with --until, any with --fail-if\n" +
			"  alert: NAME firing               or absent\n" +
			"--until may be repeated: all must hold; of --fail-if none may. Exit 0 when it holds, 10 when what must\n" +
			"not hold does, 11 when that cannot be told, 8 after --timeout.",
		Errors: deployJudges,
		Examples: []op.Example{
			{Command: "aictl deploy wait chat", Note: "until its rollout is complete; ends at once when it fails"},
			{Command: "aictl deploy wait mask --until 'jsonpath={.status.readyReplicas}>=1' --timeout 1m", Note: "until a field has a value"},
			{Command: "aictl deploy wait chat --until 'metric: count(up) > 0' --fail-if 'alert: NothingOfTheKind firing' --grace 10s --timeout 1m", Note: "over metrics and alerts"},
		},
	}}
	DeployVerify = &op.Stream[DeployVerifyInput, DeployWaitEvent]{Spec: op.Spec{
		ID: "deploy.verify", Route: "POST /api/v1/deployments-verify", Command: "-", Effect: op.Read, Idempotent: true,
		Summary: "Watch a PromQL expression and say whether things have recovered",
		Errors:  []fail.Code{fail.False, fail.Inconclusive},
		Examples: []op.Example{
			{Command: "aictl deploy undo mask --yes --verify 'error_rate < 0.01'", Note: "after an undo"},
			{Command: "aictl deploy undo mask --yes --verify 'error_rate < 0.01' --for 10m", Note: "for longer"},
		},
	}}
	DeployLogs = &op.Stream[DeployLogsInput, LogEvent]{Spec: op.Spec{
		ID: "deploy.logs", Route: "POST /api/v1/deployments-logs", Effect: op.Read, Idempotent: true,
		Summary: "Show the lines of all replicas of a workload in the order of their times",
		Doc: "Lines are read as `aictl logs` reads them: levels and fields of JSON and logfmt are found, and --level,\n" +
			"--grep and --where filter by them. What could not be read is said.",
		Errors: deployReads,
		Examples: []op.Example{
			{Command: "aictl deploy logs mask", Note: "the latest lines of every replica"},
			{Command: "aictl deploy logs mask --previous --tail 20", Note: "what it said before it crashed"},
			{Command: "aictl deploy logs mask --level warn --since 1h -o json --jq '.[].message'", Note: "warnings and worse, for a script"},
		},
	}}
)
