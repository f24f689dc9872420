package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// The kinds of change.
const (
	ChangeRollout   = "rollout"   // a new revision of a workload, whoever made it
	ChangeScale     = "scale"     // a person changed how many replicas there should be
	ChangeAutoscale = "autoscale" // an autoscaler did
	ChangePause     = "pause"     // paused or resumed
	ChangeCanary    = "canary"    // a share of the calls moved to another revision
	ChangeConfig    = "config"    // a ConfigMap
	ChangeSecret    = "secret"    // a secret, by its fingerprint
	ChangeNode      = "node"      // a node came, went, or changed its condition
	ChangeSilence   = "silence"   // a silence began or was ended
	ChangeAck       = "ack"       // somebody took an alert over
	ChangeSettings  = "settings"  // the control plane's own configuration
	ChangeDelete    = "delete"    // a workload went
	ChangeAction    = "action"    // anything else that was done through the control plane
)

// Change is one thing that was changed, from whatever source says so.
type Change struct {
	ID     string    `json:"id" jsonschema:"the same whenever the same change is read again"`
	Time   time.Time `json:"time" jsonschema:"by our clock"`
	Source string    `json:"source" jsonschema:"kubernetes, runtime, audit or alertmanager; with a name where there are several"`
	Kind   string    `json:"kind" jsonschema:"rollout, scale, autoscale, pause, canary, config, secret, node, silence, ack, settings, delete or action"`
	// Service is the workload that the change bears on, by its plain name;
	// Services names all where one object bears on several (a ConfigMap).
	Service   string   `json:"service,omitempty"`
	Services  []string `json:"services,omitempty" jsonschema:"every workload that it bears on, where there are several"`
	Namespace string   `json:"namespace,omitempty"`
	Object    string   `json:"object" jsonschema:"kind and name: deployment/web, configmap/web, node/n1, service/mask"`
	Summary   string   `json:"summary" jsonschema:"one line: what was changed"`
	// Changes are the differences, where the source knows them.
	Changes  []DeployChange `json:"changes,omitempty"`
	Actor    string         `json:"actor,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Revision string         `json:"revision,omitempty" jsonschema:"the revision that it made"`
	Previous string         `json:"previous,omitempty" jsonschema:"the revision before it"`
	// Skew is what the source's clock was ahead of ours; Time is corrected by it.
	Skew op.Duration `json:"skew,omitempty" jsonschema:"what the source's clock was ahead of ours; the time is corrected by it"`
	// Within says how exactly the time is known: the change happened in
	// [Time-Within, Time+Within].
	Within op.Duration `json:"within,omitempty" jsonschema:"how exactly the time is known"`
	Show   string      `json:"show,omitempty" jsonschema:"the command that shows it again"`
	Undo   string      `json:"undo,omitempty" jsonschema:"the command that takes it back, where one can"`
}

// ChangeFilter picks changes.
type ChangeFilter struct {
	Service   string    `json:"service,omitempty" arg:"?SERVICE" complete:"deployments" jsonschema:"only those that bear on this workload"`
	Namespace string    `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace; * is all"`
	Kind      []string  `json:"kind,omitempty" enum:"rollout,scale,autoscale,pause,canary,config,secret,node,silence,ack,settings,delete,action" jsonschema:"only these kinds"`
	From      time.Time `json:"from,omitzero" flag:"-" jsonschema:"not before"`
	To        time.Time `json:"to,omitzero" flag:"-" jsonschema:"before"`
}

// ChangeList is what changed in a window, the oldest first, and the sources
// that did not answer.
type ChangeList struct {
	Changes  []Change         `json:"changes"`
	From     time.Time        `json:"from"`
	To       time.Time        `json:"to"`
	Failed   []BackendFailure `json:"failed"`
	Warnings []string         `json:"warnings" jsonschema:"what a source could not say"`
}

// The operations of changes.
var (
	ChangesList = &op.Query[ChangeFilter, ChangeList]{Spec: op.Spec{
		ID: "changes.list", Route: "GET /api/v1/changes", Command: "changes", Effect: op.Read, Idempotent: true,
		Summary: "List what changed: rollouts, scale, configuration, secrets, nodes, silences",
		Doc: "One stream from the cluster, the control plane's runtime, its audit record and the Alertmanagers. Times\n" +
			"are by one clock: what a source's clock is ahead or behind is measured and taken off. Secrets are told\n" +
			"by their fingerprints. Without --since or --from the window is the last hour. A source that does not\n" +
			"answer makes the answer partial: exit 4.",
		Errors: []fail.Code{fail.Partial, fail.Forbidden},
		Examples: []op.Example{
			{Command: "aictl changes", Note: "the last hour"},
			{Command: "aictl changes mask --since 6h --kind rollout,config", Note: "what was changed about one service"},
			{Command: "aictl changes --since 24h -o json --jq '.changes[].summary'", Note: "for a script"},
		},
	}}
)
