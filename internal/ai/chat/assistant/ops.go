package assistant

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// PartTimeout bounds every operation that an answer asks: a backend that hangs
// is named, and the answer comes without it.
const PartTimeout = 10 * time.Second

// Ops are the platform's read operations. Each runs as the caller in ctx, so
// that what they may not read elsewhere is refused here, too. What a backend
// could not say is in Failed and never left out in silence. Every text in the
// answers is foreign: the assistant shows it as data.
type Ops interface {
	// Alerts lists all alerts, the quiet ones too, the worst first.
	Alerts(ctx context.Context) (Alerts, error)
	// Cause says what is behind an alert or behind how a service does. service
	// tells alerts of one name apart; it may be empty.
	Cause(ctx context.Context, subject, service string) (Cause, error)
	// Logs gives the newest lines, oldest first.
	Logs(ctx context.Context, q LogQuery) (Logs, error)
	// Patterns gives what the lines have in common, the commonest first.
	Patterns(ctx context.Context, q LogQuery) (Patterns, error)
	// News gives the patterns that are new or surging against as long a time before.
	News(ctx context.Context, q LogQuery) (Patterns, error)
	Deployments(ctx context.Context) (Deployments, error)
	// Rollout judges the rollout of one of the Deployments.
	Rollout(ctx context.Context, w Workload) (Rollout, error)
	// Changes lists what changed since from, the oldest first; an empty service is all.
	Changes(ctx context.Context, service string, from time.Time) (Changes, error)
	Handoff(ctx context.Context) (Handoff, error)
	// Metric evaluates a PromQL expression now.
	Metric(ctx context.Context, query string) (Samples, error)
	// Overdue lists the secrets that should have been rotated, without values.
	Overdue(ctx context.Context) (Secrets, error)
}

// Gap is a part that did not answer.
type Gap struct {
	Source  string
	Code    fail.Code
	Message string
	Next    string // a command or a sentence that helps
}

// Alerts are the alerts.
type Alerts struct {
	Alerts []Alert
	Failed []Gap
}

// Alert is one alert.
type Alert struct {
	Name, Fingerprint, Severity, Service, Summary string
	State                                         string // firing, silenced or inhibited
	Started                                       time.Time
	// By has it, until then; empty is nobody.
	By, Comment string
	Until       time.Time
}

// active says that it fires: one that somebody has is quiet, and fires still.
func (a Alert) active() bool { return a.State == "firing" || a.By != "" }

// The verdicts of a Cause; every other says that it is unclear.
const (
	FoundCause  = "cause"
	NoChange    = "no_change"
	NothingLeft = "healthy"
	NoData      = "no_data"
)

// Cause is what is thought to be behind something.
type Cause struct {
	Subject, Service string
	Verdict          string
	Summary          string
	Candidates       []Candidate // the most probable first
	Unknown          []Gap
}

// Candidate is one possible cause.
type Candidate struct {
	Kind, Title string
	Confidence  float64 // 0 to 1
	Facts       []Fact
	Against     []string
	Act, Next   string // the command that would act, and the one that looks closer
}

// Fact is evidence with the command that shows it again.
type Fact struct{ ID, Text, Show string }

// LogQuery picks log lines.
type LogQuery struct {
	Service string // empty is all
	Level   string // this and worse; empty is all
	Text    string // words that the message holds
	From    time.Time
	Limit   int
}

// Logs are lines, oldest first.
type Logs struct {
	Lines    []LogLine
	More     bool // older ones match too
	Warnings []string
}

// LogLine is one line.
type LogLine struct {
	Time                    time.Time
	Level, Service, Message string
}

// Patterns are templates of lines.
type Patterns struct {
	Patterns []Pattern
	More     int
	Sampled  bool // not every line was looked at
	Warnings []string
}

// Pattern is a template that lines share.
type Pattern struct {
	ID, Text string
	Count    int64
	Worst    string // the worst level of its lines
	Surging  bool   // it was there before, and there is more of it now
	Before   int64  // its count then
}

// Deployments are the workloads.
type Deployments struct {
	Workloads []Workload
	Failed    []Gap
}

// Workload is one workload.
type Workload struct {
	Engine, Context, Namespace, Kind, Name string
	State, Revision, Cause                 string
	Images                                 []string
	Ready, Desired                         int
	Changed                                time.Time
}

// Rollout is what is thought of a rollout.
type Rollout struct {
	Workload
	Outcome, Code, Message, Detail, Next string
	// Canary is the revision that gets Weight percent of the calls; empty is none.
	Canary string
	Weight int
}

// Changes are what changed.
type Changes struct {
	Changes  []Change
	Failed   []Gap
	Warnings []string
}

// Change is one change.
type Change struct {
	Time                                                          time.Time
	ID, Kind, Service, Object, Summary, Actor, Reason, Show, Undo string
}

// Handoff is what the next person on call must know, what needs action first.
type Handoff struct {
	Items   []HandoffItem
	Unknown []Gap
}

// HandoffItem is one thing to know.
type HandoffItem struct {
	Kind, Object, Text, Command string
	Action                      bool
}

// Samples are the values of an expression.
type Samples struct {
	Samples  []Sample
	Warnings []string
}

// Sample is one value.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Secrets are secrets without their values.
type Secrets struct {
	Secrets []Secret
	Failed  []Gap
	Open    int // rotations that did not come to their end
}

// Secret is one secret.
type Secret struct {
	Ref     string
	Rotated time.Time
	MaxAge  time.Duration
}
