package api

import (
	"time"

	"github.com/aictl/aictl/internal/op"
)

// Workload is a deployment as the list shows it.
type Workload struct {
	Engine    string    `json:"engine" jsonschema:"kubernetes or runtime"`
	Context   string    `json:"context,omitempty" jsonschema:"the kubeconfig context, where several are asked"`
	Namespace string    `json:"namespace"`
	Kind      string    `json:"kind" jsonschema:"Deployment, StatefulSet, DaemonSet or Service"`
	Name      string    `json:"name"`
	State     string    `json:"state" jsonschema:"ready, progressing, degraded, paused, stopped or failed"`
	Desired   int       `json:"desired"`
	Updated   int       `json:"updated" jsonschema:"replicas of the newest revision"`
	Ready     int       `json:"ready"`
	Available int       `json:"available"`
	Revision  string    `json:"revision,omitempty"`
	Images    []string  `json:"images"`
	Cause     string    `json:"cause,omitempty" jsonschema:"why the newest revision was made"`
	Created   time.Time `json:"created"`
	Changed   time.Time `json:"changed,omitzero" jsonschema:"when the newest revision was made"`
}

// WorkloadList is the workloads, and the engines that did not answer.
type WorkloadList struct {
	Workloads []Workload       `json:"workloads"`
	Failed    []BackendFailure `json:"failed"`
}

// The outcomes of a verdict.
const (
	DeployComplete     = "complete"
	DeployProgressing  = "progressing"
	DeployFailed       = "failed"
	DeployInconclusive = "inconclusive"
)

// DeployVerdict is what is thought of a rollout, and why.
type DeployVerdict struct {
	Outcome string `json:"outcome" jsonschema:"complete, progressing, failed or inconclusive"`
	// Code is one word a class; scripts rely on it.
	Code      string       `json:"code" jsonschema:"complete, progressing, paused, stale, superseded, image_pull, crash_loop, probe_failing, unschedulable, quota, admission, missing_config, canary or deadline"`
	Reason    string       `json:"reason,omitempty" jsonschema:"the engine's word: ImagePullBackOff, OOMKilled"`
	Message   string       `json:"message" jsonschema:"one line for people"`
	Detail    string       `json:"detail,omitempty" jsonschema:"the engine's own message"`
	Replica   string       `json:"replica,omitempty" jsonschema:"the replica that shows it best"`
	Container string       `json:"container,omitempty"`
	Affected  int          `json:"affected,omitempty" jsonschema:"replicas in the same trouble"`
	Restarts  int          `json:"restarts,omitempty"`
	Exit      *DeployExit  `json:"exit,omitempty" jsonschema:"how the container ended"`
	Event     *DeployEvent `json:"event,omitempty" jsonschema:"the event that decided"`
	Since     time.Time    `json:"since,omitzero" jsonschema:"when the trouble began, as far as is known"`
	Logs      []LogEntry   `json:"logs,omitempty" jsonschema:"the last lines of the container that crashed"`
	Notes     []string     `json:"notes,omitempty" jsonschema:"what else is wrong, and did not decide"`
	Next      string       `json:"next,omitempty" jsonschema:"a command to run next"`
}

// DeployExit is how a container or a process ended.
type DeployExit struct {
	Code   int       `json:"code"`
	Signal string    `json:"signal,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// DeployEvent is what an engine says happened.
type DeployEvent struct {
	Time    time.Time `json:"time"`
	Object  string    `json:"object"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Count   int       `json:"count,omitempty"`
}

// DeployReplica is a pod or a process in one line.
type DeployReplica struct {
	Name     string    `json:"name"`
	Revision string    `json:"revision"`
	Current  bool      `json:"current" jsonschema:"it is of the revision that is rolled out"`
	State    string    `json:"state" jsonschema:"ready, or the engine's word for what it waits for"`
	Ready    bool      `json:"ready"`
	Restarts int       `json:"restarts"`
	Node     string    `json:"node,omitempty"`
	Message  string    `json:"message,omitempty"`
	Created  time.Time `json:"created"`
}

// DeployCanary is a canary that goes on.
type DeployCanary struct {
	Revision string    `json:"revision"`
	Weight   int       `json:"weight" jsonschema:"percent of the calls"`
	Since    time.Time `json:"since,omitzero"`
	Message  string    `json:"message,omitempty"`
}

// DeployStatus is one judgement of a workload now.
type DeployStatus struct {
	Workload
	Version  string          `json:"version"`
	Verdict  DeployVerdict   `json:"verdict"`
	Canary   *DeployCanary   `json:"canary,omitempty"`
	Replicas []DeployReplica `json:"replicas"`
	Events   []DeployEvent   `json:"events"`
	Time     time.Time       `json:"time"`
}

// DeployWatchEvent is one thing that happened while a rollout was followed.
type DeployWatchEvent struct {
	Type     string         `json:"type" jsonschema:"workload, replica, gone, event, notice or verdict"`
	Time     time.Time      `json:"time"`
	Workload *Workload      `json:"workload,omitempty"`
	Replica  *DeployReplica `json:"replica,omitempty"`
	Event    *DeployEvent   `json:"event,omitempty"`
	Verdict  *DeployVerdict `json:"verdict,omitempty"`
	Message  string         `json:"message,omitempty"`
}

// DeployChanged is what a change led to.
type DeployChanged struct {
	Workload
	Version string `json:"version"`
	// Template is a digest of what is rolled out now: a watch that is given it
	// ends when somebody rolls out something else.
	Template   string `json:"template,omitempty"`
	Generation int64  `json:"generation,omitempty"`
	Unchanged  bool   `json:"unchanged,omitempty" jsonschema:"everything was so already"`
}

// DeployRevision is one entry of a history.
type DeployRevision struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Cause   string    `json:"cause,omitempty"`
	Actor   string    `json:"actor,omitempty"`
	Current bool      `json:"current"`
	Ready   int       `json:"ready" jsonschema:"replicas of it that are ready now"`
	Good    bool      `json:"good" jsonschema:"it was rolled out whole once"`
	Images  []string  `json:"images"`
	// Changes are those against the revision before it.
	Changes []DeployChange `json:"changes,omitempty"`
}

// DeployChange is one difference between two revisions.
type DeployChange struct {
	Kind   string `json:"kind" jsonschema:"image, command, args, env, request, limit, probe, mount, port, volume, service_account, node_selector, annotation or container"`
	Action string `json:"action" jsonschema:"added, removed or changed"`
	Where  string `json:"where,omitempty" jsonschema:"the container, where it is about one"`
	Name   string `json:"name,omitempty" jsonschema:"of the variable, the probe, the volume"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
}

// DeployAround is something beside the template that changed, or that bears
// on a rollout.
type DeployAround struct {
	Kind    string    `json:"kind" jsonschema:"config, missing, scaler, budget, replicas or note"`
	Object  string    `json:"object"`
	Message string    `json:"message"`
	Changed time.Time `json:"changed,omitzero"`
	By      string    `json:"by,omitempty"`
}

// DeployDiff is what going to another revision would change.
type DeployDiff struct {
	Workload
	Version string         `json:"version"`
	From    string         `json:"from" jsonschema:"the revision that runs"`
	To      string         `json:"to"`
	Changes []DeployChange `json:"changes"`
	// Since is what changed beside the template after To was made; going back
	// does not bring it back.
	Since   []DeployAround `json:"since"`
	Effects []DeployAround `json:"effects" jsonschema:"what disruption budgets and autoscalers will do about it"`
}

// WorkloadFilter picks workloads.
type WorkloadFilter struct {
	Name      string   `json:"name,omitempty" arg:"?NAME" complete:"deployments" jsonschema:"only this one: NAME or KIND/NAME"`
	Namespace string   `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace; * is all"`
	Selector  string   `json:"selector,omitempty" flag:"selector,l" jsonschema:"only those with these labels: app=web,tier!=cache"`
	Kind      []string `json:"kind,omitempty" jsonschema:"only these kinds (deployment, sts, ds, service)"`
	Engine    string   `json:"engine,omitempty" enum:"kubernetes,runtime" jsonschema:"only on this engine"`
}

// WorkloadName names one workload.
type WorkloadName struct {
	Name      string `json:"name" arg:"NAME" complete:"deployments" jsonschema:"NAME or KIND/NAME (deployment/web, sts/db, service/chat)"`
	Namespace string `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace"`
	Engine    string `json:"engine,omitempty" enum:"kubernetes,runtime" jsonschema:"where it runs, when both engines have the name"`
}

// DeployStatusInput asks for one judgement.
type DeployStatusInput struct {
	WorkloadName
	Lines int `json:"lines,omitempty" default:"10" jsonschema:"so many of the last lines of a container that crashed"`
}

// DeployWatchInput follows a rollout.
type DeployWatchInput struct {
	WorkloadName
	Grace      *op.Duration `json:"grace,omitempty" jsonschema:"let every kind of trouble last this long before it is a failure, in place of each kind's own time"`
	Lines      int          `json:"lines,omitempty" default:"10" jsonschema:"so many of the last lines of a container that crashed"`
	Revision   string       `json:"revision,omitempty" jsonschema:"end as inconclusive when another revision than this is rolled out"`
	Template   string       `json:"template,omitempty" flag:"-" jsonschema:"end as inconclusive when another template than that of this digest is rolled out"`
	Generation int64        `json:"generation,omitempty" flag:"-" jsonschema:"what was seen before this generation says nothing"`
}
