// Package deploy is the domain of deployments: what a workload is on any
// engine, what its state means (verdict.go), what a change would do (plan.go)
// and how a rollout is followed. The engines (Kubernetes, the control plane's
// own runtime) are adapters of the port Cluster and hold none of these rules.
//
// It promises that nothing is written but what a plan said, against the
// version of the object that the plan was made from. It knows no client
// library and no HTTP.
package deploy

import (
	"context"
	"iter"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Cluster is an engine that runs workloads. Implementations are safe for
// concurrent use. Errors are *fail.Error: NotFound, Forbidden (with the
// missing rule and whom to ask), Conflict (the object changed since Version),
// Refused (by a quota or an admission rule, with its words), Unavailable.
type Cluster interface {
	// Engine is "kubernetes" or "runtime".
	Engine() string
	// List gives the workloads that the filter picks, by namespace, kind and
	// name. It costs a bounded number of requests whatever the number of pods.
	List(ctx context.Context, f Filter) ([]api.Workload, error)
	// Get takes a picture of one workload. Ref may lack Kind and namespace:
	// the adapter resolves it, and answers Usage where it is ambiguous.
	Get(ctx context.Context, r Ref) (*Snapshot, error)
	// Watch gives a picture at once, and one after each change of the
	// workload, of its replicas or of events about them, until ctx ends or the
	// workload is deleted (NotFound). Changes close to each other (100 ms) may
	// share a picture. A broken watch is taken up again without a word.
	Watch(ctx context.Context, r Ref) iter.Seq2[*Snapshot, error]
	// Replicas gives the replicas that q picks, those of no workload too, and
	// then a "synced"; with Watch each that comes, changes or goes after it,
	// until ctx ends. An engine that had to read its list anew gives what
	// differs from what was told, and "synced" again; while it cannot, a
	// "notice" says why. NotFound is a workload of that name. The engine keeps
	// what it has told and nothing else, and without Watch not even that.
	Replicas(ctx context.Context, q ReplicaQuery) iter.Seq2[api.ReplicaEvent, error]
	// History gives the revisions, the newest first.
	History(ctx context.Context, r Ref) ([]Revision, error)
	// Related gives what stands around a workload: what it refers to, what
	// scales and protects it, with the time each last changed.
	Related(ctx context.Context, r Ref) (*Related, error)
	// Change applies one change to the workload if it is still at the version
	// given, else fail.Conflict; dry runs it on the engine without effect
	// (admission and quota included). It returns the new picture.
	Change(ctx context.Context, r Ref, c Change) (*Snapshot, error)
	// Logs gives the lines of all replicas, each replica's in its own order.
	// An entry's Service is the workload and its Source "REPLICA/CONTAINER";
	// its ID is stable over a second reading. With Follow also of replicas that come later,
	// until ctx ends. What could not be read is a gap or a notice, never
	// silence.
	Logs(ctx context.Context, r Ref, o LogOptions) iter.Seq2[api.LogEvent, error]
}

// Kinds of workload. On the runtime all are Service.
const (
	Deployment  = "Deployment"
	StatefulSet = "StatefulSet"
	DaemonSet   = "DaemonSet"
	Service     = "Service"
)

// Ref names a workload: "NAME", "deployment/NAME", "sts/NAME"; Kind is one of
// the constants or empty.
type Ref struct{ Kind, Namespace, Name string }

// Filter picks workloads; the zero value picks those of the default namespace.
type Filter struct {
	Namespace     string
	AllNamespaces bool
	Selector      string // as kubectl's -l
	Kinds         []string
}

// Snapshot is a workload at one moment.
type Snapshot struct {
	Workload api.Workload `json:"workload"`
	// Version is the token of optimistic concurrency. It changes with whatever
	// was asked for (template, scale, pause, canary) and never with status
	// alone: a plan must not be stale because a container crashed once more.
	// On Kubernetes it is made of the object's UID and generation.
	Version string `json:"version"`
	// Generation is what was asked for last, Observed what the engine has seen.
	Generation int64 `json:"generation"`
	Observed   int64 `json:"observed"`
	Paused     bool  `json:"paused,omitempty"`
	// Deadline is how long a rollout may make no progress; 0 is unbounded.
	Deadline time.Duration `json:"deadline,omitempty"`
	Template Template      `json:"template"`
	// Conditions are the engine's own words.
	Conditions []Condition `json:"conditions,omitempty"`
	// Replicas are the pods or processes, those of the newest revision first.
	Replicas []Replica `json:"replicas,omitempty"`
	// Events are the warnings about the workload and what it owns, the newest
	// last, of the last hour at most; and of the normal ones those that tell
	// how long to wait: Killing, TriggeredScaleUp, NotTriggerScaleUp,
	// Nominated, CanaryRolledBack ("revision N: why").
	Events []Event `json:"events,omitempty"`
	// Canary is the canary that goes on, if one does.
	Canary *CanaryState `json:"canary,omitempty"`
	// Taken is the engine's time of the picture where it is known.
	Taken time.Time `json:"taken"`
	// Raw is the object as the engine has it (JSON), without managed fields
	// and without the values of secrets: what JSONPath expressions read.
	Raw []byte `json:"-"`
}

// Template is what a revision runs. Values of environment variables are kept
// as fingerprints only.
type Template struct {
	Containers     []Container       `json:"containers"`
	Volumes        []Volume          `json:"volumes,omitempty"`
	ServiceAccount string            `json:"service_account,omitempty"`
	NodeSelector   map[string]string `json:"node_selector,omitempty"`
	// Annotations are those of the template, without the engine's own.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Container is one container of a pod, or the process of a service.
type Container struct {
	Name    string            `json:"name"`
	Init    bool              `json:"init,omitempty"`
	Image   string            `json:"image"` // the service's version on the runtime
	Command []string          `json:"command,omitempty"`
	Args    []string          `json:"args,omitempty"`
	Env     []EnvVar          `json:"env,omitempty"`
	Ports   []int32           `json:"ports,omitempty"`
	Request map[string]string `json:"requests,omitempty"`
	Limits  map[string]string `json:"limits,omitempty"`
	// Probes by name (startup, readiness, liveness), each in one line of text.
	Probes map[string]string `json:"probes,omitempty"`
	// Timing has the numbers of the same probes: how long a container may fail
	// them before it counts. Absent is the engine's default.
	Timing map[string]ProbeTiming `json:"timing,omitempty"`
	Mounts []string               `json:"mounts,omitempty"` // "PATH from VOLUME"
}

// ProbeTiming is when a probe begins, how often it asks, and how many failures
// in a row it takes. Durations are nanoseconds in JSON.
type ProbeTiming struct {
	Delay    time.Duration `json:"delay,omitempty"`
	Period   time.Duration `json:"period,omitempty"`
	Failures int           `json:"failures,omitempty"`
}

// EnvVar is the name of a variable and where its value comes from:
// "value sha256:ab12…" (a fingerprint), "configmap/NAME:KEY",
// "secret/NAME:KEY", "field status.podIP".
type EnvVar struct {
	Name   string `json:"name"`
	Source string `json:"source"`
}

// Volume is a volume and its source in one line: "configmap/NAME",
// "secret/NAME", "pvc/NAME", "emptyDir".
type Volume struct {
	Name   string `json:"name"`
	Source string `json:"source"`
}

// Condition is a condition of the engine.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"` // True, False, Unknown
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// Replica is a pod or a process.
type Replica struct {
	Name     string `json:"name"`
	Revision string `json:"revision"`
	// Current says that it is of the revision that is being rolled out.
	Current    bool             `json:"current"`
	Node       string           `json:"node,omitempty"`
	Phase      string           `json:"phase"` // Pending, Running, Succeeded, Failed; the runtime's states in the same words
	Reason     string           `json:"reason,omitempty"`
	Message    string           `json:"message,omitempty"`
	Ready      bool             `json:"ready"`
	Deleting   bool             `json:"deleting,omitempty"`
	Created    time.Time        `json:"created"`
	Started    time.Time        `json:"started,omitzero"`
	Conditions []Condition      `json:"conditions,omitempty"`
	Containers []ContainerState `json:"containers"`
}

// ContainerState is a container of a replica.
type ContainerState struct {
	Name     string       `json:"name"`
	Init     bool         `json:"init,omitempty"`
	Image    string       `json:"image"`
	State    string       `json:"state"` // waiting, running, terminated
	Reason   string       `json:"reason,omitempty"`
	Message  string       `json:"message,omitempty"`
	Ready    bool         `json:"ready"`
	Restarts int          `json:"restarts"`
	Since    time.Time    `json:"since,omitzero"`
	Exit     *Termination `json:"exit,omitempty"` // of this state
	Last     *Termination `json:"last,omitempty"` // of the state before
}

// Termination is how a container ended.
type Termination struct {
	Code    int       `json:"code"`
	Signal  string    `json:"signal,omitempty"` // SIGKILL
	Reason  string    `json:"reason,omitempty"` // OOMKilled, Error
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Event is what the engine says happened.
type Event struct {
	Time  time.Time `json:"time"`           // last
	First time.Time `json:"first,omitzero"` // first; Time where absent
	// Object is the kind in lower case and the name: "pod/web-1".
	Object string `json:"object"`
	// Container is the one that the event is about, where it is about one.
	Container string `json:"container,omitempty"`
	Reason    string `json:"reason"`
	Message   string `json:"message"`
	Count     int    `json:"count"`
}

// Revision is one entry of a workload's history.
type Revision struct {
	Name    string    `json:"name"` // "7"
	Created time.Time `json:"created"`
	Cause   string    `json:"cause,omitempty"` // the change-cause
	Actor   string    `json:"actor,omitempty"`
	Current bool      `json:"current"`
	// Ready is how many replicas of it are ready now.
	Ready    int      `json:"ready"`
	Template Template `json:"template"`
	Good     bool     `json:"good"` // it was rolled out whole once
}

// Related stands around a workload.
type Related struct {
	// Config are the ConfigMaps and Secrets that the template refers to, by
	// keyed fingerprint; Missing ones are named with an empty fingerprint.
	// The one that may not be read is Hidden.
	Config []Fingerprint `json:"config,omitempty"`
	Scaler *Scaler       `json:"scaler,omitempty"`
	Budget *Budget       `json:"budget,omitempty"`
}

// Hidden stands for the fingerprint of an object that the caller may not read.
const Hidden = "hidden"

// Fingerprint is an object by its content's keyed hash.
type Fingerprint struct {
	Object  string    `json:"object"` // "configmap/web"
	Hash    string    `json:"hash,omitempty"`
	Changed time.Time `json:"changed,omitzero"` // last write that is known
	By      string    `json:"by,omitempty"`     // its field manager
}

// Scaler changes the number of replicas by load.
type Scaler struct {
	Name    string    `json:"name"`
	Min     int       `json:"min"`
	Max     int       `json:"max"`
	Current int       `json:"current"`
	Wanted  int       `json:"wanted"`
	Changed time.Time `json:"changed,omitzero"`
}

// Budget bounds voluntary disruptions.
type Budget struct {
	Name    string    `json:"name"`
	Allowed int       `json:"allowed"` // disruptions allowed now
	Healthy int       `json:"healthy"`
	Wanted  int       `json:"wanted"`
	Changed time.Time `json:"changed,omitzero"`
}

// Change is one mutation of a workload. Exactly one of the members is set,
// beside Version, Dry and Cause.
type Change struct {
	// Version that the change was planned from; empty takes what is there.
	Version string
	// Dry asks the engine for its opinion without effect.
	Dry bool
	// Cause and Actor land in the object's change-cause.
	Cause, Actor string

	Scale   *int
	Restart bool
	// Undo names the revision to go back to.
	Undo   string
	Pause  *bool             // false resumes
	Images map[string]string // container → image; "" is the only container
	Canary *Canary
	// Delete removes the workload and its replicas; the picture returned is
	// the last one.
	Delete bool
}

// Canary sends a share of the calls to a revision. The runtime does it
// exactly; Kubernetes needs a second Deployment, and answers Refused.
type Canary struct {
	// Revision gets Weight percent; Promote and Abort end the canary.
	Revision       string
	Weight         int
	Promote, Abort bool
}

// CanaryState is how a canary stands.
type CanaryState struct {
	Revision string    `json:"revision"`
	Weight   int       `json:"weight"` // percent of the calls
	Since    time.Time `json:"since,omitzero"`
	// Message says what is compared, in one line.
	Message string `json:"message,omitempty"`
}

// LogOptions choose the lines of a workload.
type LogOptions struct {
	Follow, Previous bool
	Container        string
	Replica          string // only this one's
	Since            time.Time
	Tail             int // lines of each replica; 0 is all
}
