package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// TimelineRow is one thing that happened, on the common axis.
type TimelineRow struct {
	ID   string    `json:"id" jsonschema:"the same whenever the row is made again"`
	Time time.Time `json:"time"`
	// End is when it ended; absent while it lasts and where it has no length.
	End *time.Time `json:"end,omitempty"`
	// Within says how exactly the time is known.
	Within op.Duration `json:"within,omitempty"`
	Kind   string      `json:"kind" jsonschema:"alert, resolved, ack, silence, rollout, scale, autoscale, config, secret, node, settings, action, pattern, metric, onset or note"`
	Source string      `json:"source" jsonschema:"the backend that says so"`
	// Service is the workload that it is about.
	Service string `json:"service,omitempty"`
	Title   string `json:"title"`
	Text    string `json:"text,omitempty"`
	Actor   string `json:"actor,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Show    string `json:"show" jsonschema:"the command that shows it again"`
}

// TimelineInput asks what happened in a window.
type TimelineInput struct {
	Service   string    `json:"service,omitempty" arg:"?SERVICE" complete:"services" jsonschema:"only what bears on this service"`
	Namespace string    `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace; * is all"`
	Kind      []string  `json:"kind,omitempty" enum:"alert,resolved,ack,silence,rollout,scale,autoscale,pause,canary,config,secret,node,settings,delete,action,pattern,metric,onset,note" jsonschema:"only these kinds"`
	From      time.Time `json:"from,omitzero" flag:"-" jsonschema:"not before"`
	To        time.Time `json:"to,omitzero" flag:"-" jsonschema:"before"`
	Limit     int       `json:"limit,omitempty" default:"500" jsonschema:"at most so many rows; what is left out is said"`
}

// Timeline is what happened, the oldest first.
type Timeline struct {
	From time.Time     `json:"from"`
	To   time.Time     `json:"to"`
	Rows []TimelineRow `json:"rows"`
	// More is how many rows the limit left out.
	More     int              `json:"more"`
	Failed   []BackendFailure `json:"failed" jsonschema:"the sources that did not answer: their rows are missing"`
	Warnings []string         `json:"warnings"`
}

// TimelineShow is the operation of timelines.
var TimelineShow = &op.Query[TimelineInput, Timeline]{Spec: op.Spec{
	ID: "timeline.show", Route: "GET /api/v1/timeline", Command: "timeline", Effect: op.Read, Idempotent: true,
	Summary: "Show what happened on one axis: alerts, changes, new log patterns, shifts in metrics, actions",
	Doc: "Every row names its source, an id, and the command that shows it again. The order is by time, then by what\n" +
		"can only have come first, then by id: the same whatever order the sources answered in. -o md and -o svg\n" +
		"are for reports. Without --since or --from the window is the last hour.",
	Errors: []fail.Code{fail.Partial, fail.Forbidden},
	Examples: []op.Example{
		{Command: "aictl timeline", Note: "the last hour"},
		{Command: "aictl timeline mask --since 2h --kind alert,rollout,pattern", Note: "of one service"},
		{Command: "aictl timeline --since 24h -o svg > timeline.svg", Note: "a picture for a report"},
	},
}}
