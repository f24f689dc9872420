package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Replica is a pod on Kubernetes, a process on the control plane's runtime.
type Replica struct {
	Engine    string `json:"engine" jsonschema:"kubernetes or runtime"`
	Context   string `json:"context,omitempty" jsonschema:"the kubeconfig context, where several are asked"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Workload  string `json:"workload,omitempty" jsonschema:"what it belongs to, as commands take it: deployment/web; absent where it stands alone"`
	Revision  string `json:"revision,omitempty" jsonschema:"the revision that it runs: a number on the runtime, the hash of the template on Kubernetes"`
	// State is a word as kubectl prints it; nothing but people should rely on it.
	State           string    `json:"state" jsonschema:"what it does or waits for, as kubectl says it: Running, CrashLoopBackOff, Init:0/1, Terminating"`
	Ready           bool      `json:"ready" jsonschema:"it takes calls"`
	Containers      int       `json:"containers"`
	ReadyContainers int       `json:"ready_containers"`
	Restarts        int       `json:"restarts"`
	Node            string    `json:"node,omitempty"`
	IP              string    `json:"ip,omitempty"`
	Created         time.Time `json:"created,omitzero"`
}

// ReplicaFilter picks replicas.
type ReplicaFilter struct {
	Name      string `json:"name,omitempty" arg:"?NAME" complete:"deployments" jsonschema:"only those of this workload: NAME or KIND/NAME"`
	Namespace string `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace; * is all"`
	Selector  string `json:"selector,omitempty" flag:"selector,l" jsonschema:"only those with these labels: app=web,tier!=cache"`
	Engine    string `json:"engine,omitempty" enum:"kubernetes,runtime" jsonschema:"only on this engine"`
	Watch     bool   `json:"watch,omitempty" flag:"watch,w" jsonschema:"go on with what changes"`
}

// The types of a ReplicaEvent.
const (
	ReplicaSeen   = "replica" // it is there, new or changed
	ReplicaGone   = "gone"    // it is there no more; as it was last seen
	ReplicaSynced = "synced"  // all that the engine has has been told by now
	ReplicaNotice = "notice"  // an engine that did not answer
)

// ReplicaEvent is one thing that is told of replicas. Those that are there
// come first, in no order; each engine ends its own with a "synced" that names
// it, and one that names none says that every engine has answered or failed.
// With watch, what changes follows. An engine that had to be asked anew tells
// what differs, and its "synced" again.
type ReplicaEvent struct {
	Type    string   `json:"type" jsonschema:"replica, gone, synced or notice"`
	Replica *Replica `json:"replica,omitempty" jsonschema:"of replica and gone"`
	// Engine and Context say whose a synced or a notice is; a synced without
	// an engine is of all.
	Engine  string          `json:"engine,omitempty"`
	Context string          `json:"context,omitempty"`
	Message string          `json:"message,omitempty"`
	Failure *BackendFailure `json:"failure,omitempty" jsonschema:"of a notice: which engine, and why"`
}

// DeployReplicas lists replicas, and watches them.
var DeployReplicas = &op.Stream[ReplicaFilter, ReplicaEvent]{Spec: op.Spec{
	ID: "deploy.replicas", Route: "GET /api/v1/replicas", Effect: op.Read, Idempotent: true,
	Summary: "List the replicas of workloads: pods on Kubernetes, processes on the control plane's runtime",
	Doc: "States are the words that kubectl prints. Without a NAME those of all workloads are listed, and pods that\n" +
		"belong to none. --watch goes on with every replica that comes, changes or goes.",
	Errors: []fail.Code{fail.NotFound, fail.Forbidden, fail.Partial},
	Examples: []op.Example{
		{Command: "aictl deploy replicas", Note: "those of the context's namespace"},
		{Command: "aictl deploy replicas mask -o wide", Note: "of one workload, with nodes and addresses"},
		{Command: "aictl deploy replicas -A -l tier=web", Note: "in all namespaces, by label"},
		{Command: "aictl deploy replicas --watch", Note: "and what changes, until Ctrl-C"},
		{Command: `aictl deploy replicas -A -o json --jq '.[] | select(.restarts > 3) | .name'`, Note: "what restarts often"},
	},
}}
