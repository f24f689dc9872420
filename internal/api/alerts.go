package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Alert is one alert as the Alertmanagers have it.
type Alert struct {
	Fingerprint string            `json:"fingerprint" jsonschema:"of the labels; the same on every Alertmanager"`
	Name        string            `json:"name"`
	State       string            `json:"state" jsonschema:"firing, silenced or inhibited"`
	Severity    string            `json:"severity,omitempty"`
	Service     string            `json:"service,omitempty"`
	Summary     string            `json:"summary,omitempty"`
	Started     time.Time         `json:"started"`
	Updated     time.Time         `json:"updated"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Runbook     string            `json:"runbook,omitempty"`
	Source      string            `json:"source,omitempty" jsonschema:"link to the expression"`
	SilencedBy  []string          `json:"silenced_by,omitempty"`
	InhibitedBy []string          `json:"inhibited_by,omitempty"`
	Ack         *AlertAck         `json:"ack,omitempty" jsonschema:"who has it"`
}

// AlertAck says who takes care of an alert.
type AlertAck struct {
	By      string    `json:"by"`
	Comment string    `json:"comment,omitempty"`
	Until   time.Time `json:"until" jsonschema:"it lapses then, unless it is renewed"`
	Silence string    `json:"silence"`
}

// BackendFailure is a backend that did not answer while others did.
type BackendFailure struct {
	Backend string    `json:"backend"`
	Code    fail.Code `json:"code"`
	Message string    `json:"message"`
	Next    string    `json:"next,omitempty"`
	// Covered says that another one that has the same answered: nothing is
	// missing.
	Covered bool `json:"-"`
}

// AlertFilter picks alerts.
type AlertFilter struct {
	Matchers string `json:"matchers,omitempty" arg:"?MATCHER..." complete:"alerts" jsonschema:"a name, or matchers: severity=critical service=~\"chat|predict\""`
	State    string `json:"state,omitempty" enum:"firing,silenced,inhibited,all" default:"firing" jsonschema:"only alerts in this state"`
	Severity string `json:"severity,omitempty" jsonschema:"only this severity"`
	Service  string `json:"service,omitempty" complete:"services" jsonschema:"only this service"`
}

// AlertList is the alerts, and the Alertmanagers that did not answer.
type AlertList struct {
	Alerts []Alert          `json:"alerts"`
	Failed []BackendFailure `json:"failed"`
}

// AlertShowInput names one alert.
type AlertShowInput struct {
	Alert string      `json:"alert" arg:"ALERT" complete:"alerts" jsonschema:"name or fingerprint"`
	Since op.Duration `json:"since,omitempty" default:"1h" jsonschema:"window of the value and of the logs"`
}

// AlertDetail is what an on-call engineer wants to know of an alert.
type AlertDetail struct {
	Alert
	Rule     *AlertRule       `json:"rule,omitempty"`
	Values   []MetricSeries   `json:"values" jsonschema:"the rule's expression without its comparison, over the window"`
	Current  *op.Number       `json:"current,omitempty"`
	Logs     []LogEntry       `json:"logs" jsonschema:"the service's warnings and errors in the window"`
	Others   []Alert          `json:"others" jsonschema:"alerts of the same name with other labels"`
	Failed   []BackendFailure `json:"failed"`
	Warnings []string         `json:"warnings"`
}

// AlertEvent is one change that a watch saw.
type AlertEvent struct {
	Type  string          `json:"type" jsonschema:"snapshot, firing, refiring, silenced, unsilenced, inhibited, uninhibited, resolved or gap"`
	Time  time.Time       `json:"time"`
	Alert *Alert          `json:"alert,omitempty"`
	Gap   *BackendFailure `json:"gap,omitempty"`
}

// AlertWatchInput is a filter with the time between two looks.
type AlertWatchInput struct {
	AlertFilter
	Interval op.Duration `json:"interval,omitempty" default:"5s" jsonschema:"time between two looks"`
}

// AlertAckInput takes alerts over.
type AlertAckInput struct {
	Matchers string      `json:"matchers" arg:"ALERT..." complete:"alerts" jsonschema:"name, fingerprint or matchers"`
	Comment  string      `json:"comment,omitempty" jsonschema:"what you are doing about it"`
	For      op.Duration `json:"for,omitempty" default:"24h" jsonschema:"give it back after this long at most"`
}

// AlertAcks are the acknowledgements that were made.
type AlertAcks struct {
	Acks    []AlertAck `json:"acks"`
	Renewed bool       `json:"renewed" jsonschema:"the control plane renews them while the alerts fire"`
}

// SilenceInput keeps alerts quiet.
type SilenceInput struct {
	Matchers      string      `json:"matchers" arg:"MATCHER..." complete:"alerts" jsonschema:"a name, or matchers: alertname=X service=~\"chat|predict\""`
	Duration      op.Duration `json:"duration,omitempty" default:"2h" jsonschema:"how long"`
	Until         time.Time   `json:"until,omitzero" flag:"-" jsonschema:"end, in place of the duration"`
	UntilResolved bool        `json:"until_resolved,omitempty" jsonschema:"end when none of what it hits fires any more, and after the duration at the latest"`
	Comment       string      `json:"comment,omitempty" jsonschema:"why; needed for more than a day, for many alerts and for critical ones"`
}

// Silence is one silence.
type Silence struct {
	ID       string    `json:"id"`
	State    string    `json:"state" jsonschema:"active, pending or expired"`
	Matchers string    `json:"matchers"`
	By       string    `json:"by"`
	Comment  string    `json:"comment"`
	Starts   time.Time `json:"starts"`
	Ends     time.Time `json:"ends"`
	Ack      bool      `json:"ack,omitempty"`
	Hits     int       `json:"hits" jsonschema:"alerts that it keeps quiet now"`
	Stale    string    `json:"stale,omitempty" jsonschema:"why it can go"`
}

// SilenceFilter picks silences.
type SilenceFilter struct {
	Matchers string `json:"matchers,omitempty" arg:"?MATCHER..." jsonschema:"only silences that would hit an alert with these labels"`
	Expired  bool   `json:"expired,omitempty" jsonschema:"those that have ended, too"`
	Stale    bool   `json:"stale,omitempty" jsonschema:"only those that keep nothing quiet"`
}

// SilenceList is the silences, and the Alertmanagers that did not answer.
type SilenceList struct {
	Silences []Silence        `json:"silences"`
	Failed   []BackendFailure `json:"failed"`
}

// UnsilenceInput ends silences.
type UnsilenceInput struct {
	IDs   string `json:"ids,omitempty" arg:"?SILENCE..." complete:"silences" jsonschema:"ids, or their beginnings"`
	Stale bool   `json:"stale,omitempty" jsonschema:"sweep: every silence that keeps nothing quiet"`
}

// AlertHistoryInput asks what fired when.
type AlertHistoryInput struct {
	Matchers string    `json:"matchers,omitempty" arg:"?MATCHER..." complete:"alerts" jsonschema:"a name, or matchers"`
	From     time.Time `json:"from,omitzero" flag:"-" jsonschema:"not before"`
	To       time.Time `json:"to,omitzero" flag:"-" jsonschema:"before"`
}

// AlertPast is a stretch of time in which an alert fired, or something that
// was done about it.
type AlertPast struct {
	Kind     string            `json:"kind" jsonschema:"firing, ack, silence, unsilence, resolved"`
	Name     string            `json:"name"`
	Labels   map[string]string `json:"labels,omitempty"`
	Start    time.Time         `json:"start"`
	End      *time.Time        `json:"end,omitempty" jsonschema:"absent while it lasts"`
	Duration op.Duration       `json:"duration,omitempty"`
	By       string            `json:"by,omitempty"`
	Matchers string            `json:"matchers,omitempty" jsonschema:"which alerts an ack or a silence was for"`
	Text     string            `json:"text,omitempty"`
	Source   string            `json:"source" jsonschema:"ALERTS, or the control plane's record"`
}

// AlertRule is one alerting rule.
type AlertRule struct {
	Name        string            `json:"name"`
	Group       string            `json:"group"`
	File        string            `json:"file,omitempty"`
	Expr        string            `json:"expr"`
	For         op.Duration       `json:"for,omitempty"`
	Severity    string            `json:"severity,omitempty"`
	State       string            `json:"state" jsonschema:"inactive, pending or firing; unknown before the first evaluation"`
	Health      string            `json:"health" jsonschema:"ok, err or unknown"`
	Error       string            `json:"error,omitempty"`
	Firing      int               `json:"firing"`
	Pending     int               `json:"pending"`
	Evaluated   time.Time         `json:"evaluated"`
	Took        op.Duration       `json:"took"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// AlertRuleFilter picks rules.
type AlertRuleFilter struct {
	Name  string `json:"name,omitempty" arg:"?RULE" jsonschema:"only rules of this name"`
	State string `json:"state,omitempty" enum:"inactive,pending,firing" jsonschema:"only rules in this state"`
}

// PreviewInput are the matchers of a silence that is not made yet.
type PreviewInput struct {
	Matchers string      `json:"matchers" arg:"MATCHER..." complete:"alerts" jsonschema:"a name, or matchers: alertname=X service=~\"chat|predict\""`
	Since    op.Duration `json:"since,omitempty" default:"7d" jsonschema:"how far to look back"`
}

// Preview is what a silence would hit.
type Preview struct {
	Matchers string           `json:"matchers"`
	Now      []Alert          `json:"now" jsonschema:"what it would keep quiet now"`
	Past     []PreviewPast    `json:"past" jsonschema:"what it would have kept quiet in the window"`
	Since    time.Time        `json:"since"`
	Failed   []BackendFailure `json:"failed"`
	Warnings []string         `json:"warnings"`
}

// PreviewPast is one alert that fired in the window.
type PreviewPast struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
	Times  int               `json:"times"`
	Fired  op.Duration       `json:"fired" jsonschema:"how long in all"`
	Last   time.Time         `json:"last"`
}

// The operations of alerts.
var (
	AlertsList = &op.Query[AlertFilter, AlertList]{Spec: op.Spec{
		ID: "alerts.list", Route: "GET /api/v1/alerts", Effect: op.Read, Idempotent: true,
		Summary: "List the alerts, the worst first",
		Doc: "MATCHER is an alert's name, or a matcher as Alertmanager has it: severity=critical, service!=chat,\n" +
			"instance=~\"web.*\". Several must all hold. Members of a high-availability cluster are asked all, and\n" +
			"an alert is shown once; a member that does not answer makes the answer partial: exit 4.",
		Errors: []fail.Code{fail.Partial},
		Examples: []op.Example{
			{Command: "aictl alerts list", Note: "what is firing"},
			{Command: "aictl alerts list severity=critical --state all", Note: "critical ones, the quiet ones too"},
			{Command: "aictl alerts list -o json --jq '.[].name'", Note: "the names, for a script"},
		},
	}}
	AlertsShow = &op.Query[AlertShowInput, AlertDetail]{Spec: op.Spec{
		ID: "alerts.show", Route: "GET /api/v1/alerts/{alert}", Effect: op.Read, Idempotent: true,
		Summary: "Show an alert: expression, value, labels, runbook, who has it, the logs around it",
		Errors:  []fail.Code{fail.NotFound, fail.Partial},
		Examples: []op.Example{
			{Command: "aictl alerts show ServiceErrorsHigh", Note: "one alert by its name"},
			{Command: "aictl alerts show ServiceErrorsHigh --since 6h -o json --jq '.rule.expr'", Note: "its expression"},
		},
	}}
	AlertsWatch = &op.Stream[AlertWatchInput, AlertEvent]{Spec: op.Spec{
		ID: "alerts.watch", Route: "GET /api/v1/alerts-watch", Effect: op.Read, Idempotent: true,
		Summary: "Watch alerts: what fires now, then every change",
		Doc: "An alert that resolved and fired again between two looks is said to be refiring: its start changed.\n" +
			"When no Alertmanager answers, that is an event too, and the watch goes on.",
		Examples: []op.Example{
			{Command: "aictl alerts watch", Note: "until Ctrl-C"},
			{Command: "aictl alerts watch --severity critical --interval 2s -o jsonl", Note: "for a script"},
		},
	}}
	AlertsAck = &op.Change[AlertAckInput, AlertAcks]{Spec: op.Spec{
		ID: "alerts.ack", Route: "POST /api/v1/alerts/ack", Effect: op.Write,
		Summary: "Take alerts over: a short silence in your name that ends when they resolve",
		Doc: "Alertmanager has no acknowledgement; this is karma's convention: a silence of exactly the alert's\n" +
			"labels whose comment begins with ACK!. It holds for 15 minutes; the control plane renews it while the\n" +
			"alert fires, for --for at most, and ends it when the alert resolves. Without a control plane it lapses\n" +
			"unless --hold keeps this command renewing it.",
		Errors: []fail.Code{fail.NotFound, fail.Partial},
		Examples: []op.Example{
			{Command: "aictl alerts ack ServiceErrorsHigh --comment 'looking' --yes", Note: "by name"},
			{Command: "aictl alerts ack ServiceErrorsHigh --for 2h --dry-run=server", Note: "what it would take over"},
		},
	}}
	AlertsSilence = &op.Change[SilenceInput, Silence]{Spec: op.Spec{
		ID: "alerts.silence", Route: "POST /api/v1/silences", Effect: op.Write,
		Summary: "Keep alerts quiet for a while",
		Doc: "The plan says what the silence hits now. A silence of everything is refused; one of more than a day,\n" +
			"of more than ten alerts, or of a critical alert needs --comment (or --reason).",
		Errors: []fail.Code{fail.Partial},
		Examples: []op.Example{
			{Command: "aictl alerts silence service=chat severity=warning --duration 1h --comment 'rollout' --yes", Note: "for an hour"},
			{Command: "aictl alerts silence ServiceErrorsHigh --until-resolved --dry-run=server", Note: "what it would hit"},
		},
	}}
	AlertsUnsilence = &op.Change[UnsilenceInput, SilenceList]{Spec: op.Spec{
		ID: "alerts.unsilence", Route: "POST /api/v1/silences/expire", Effect: op.Write,
		Summary: "End silences by id, or sweep those that keep nothing quiet",
		Errors:  []fail.Code{fail.NotFound, fail.Partial},
		Examples: []op.Example{
			{Command: "aictl alerts unsilence --stale --yes", Note: "the sweep"},
			{Command: "aictl alerts unsilence --stale --dry-run=server", Note: "what it would end"},
		},
	}}
	AlertsSilences = &op.Query[SilenceFilter, SilenceList]{Spec: op.Spec{
		ID: "alerts.silences", Route: "GET /api/v1/silences", Effect: op.Read, Idempotent: true,
		Summary: "List the silences, and how many alerts each keeps quiet",
		Errors:  []fail.Code{fail.Partial},
		Examples: []op.Example{
			{Command: "aictl alerts silences", Note: "those that hold"},
			{Command: "aictl alerts silences --stale -o name", Note: "those that keep nothing quiet"},
		},
	}}
	AlertsHistory = &op.Query[AlertHistoryInput, []AlertPast]{Spec: op.Spec{
		ID: "alerts.history", Route: "GET /api/v1/alerts-history", Effect: op.Read, Idempotent: true,
		Summary: "Show what fired when, and what was done about it",
		Doc: "What fired is read from Prometheus's series ALERTS; acknowledgements, silences and resolutions from\n" +
			"the control plane's record in the logs.",
		Examples: []op.Example{
			{Command: "aictl alerts history", Note: "the last day"},
			{Command: "aictl alerts history severity=critical --since 7d -o json --jq 'length'", Note: "how often it was critical"},
		},
	}}
	AlertsRules = &op.Query[AlertRuleFilter, []AlertRule]{Spec: op.Spec{
		ID: "alerts.rules", Route: "GET /api/v1/alert-rules", Effect: op.Read, Idempotent: true,
		Summary: "List the alerting rules with their state and health",
		Examples: []op.Example{
			{Command: "aictl alerts rules", Note: "all of them"},
			{Command: "aictl alerts rules -o json --jq '.[] | select(.health == \"err\")'", Note: "those that cannot be evaluated"},
		},
	}}
	AlertsPreview = &op.Query[PreviewInput, Preview]{Spec: op.Spec{
		ID: "alerts.preview", Route: "GET /api/v1/silences-preview", Effect: op.Read, Idempotent: true,
		Summary: "Say what a silence would hit now, and would have hit in the last days",
		Errors:  []fail.Code{fail.Partial},
		Examples: []op.Example{
			{Command: "aictl alerts preview service=chat", Note: "before silencing a service"},
			{Command: "aictl alerts preview severity=~'warning|info' --since 30d -o json --jq '.now | length'", Note: "how many now"},
		},
	}}
)
