package api

import (
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// RBACQuestion asks whether somebody may do something on the cluster.
type RBACQuestion struct {
	Verb      string `json:"verb" arg:"VERB" enum:"get,list,watch,create,update,patch,delete,deletecollection,impersonate,bind,escalate,use,*" jsonschema:"the verb of the rule"`
	Resource  string `json:"resource" arg:"RESOURCE" jsonschema:"RESOURCE[.GROUP][/SUBRESOURCE] or RESOURCE/NAME, as kubectl auth can-i takes it"`
	Namespace string `json:"namespace,omitempty" flag:"-" jsonschema:"where; * is all, and the context's when absent"`
	Name      string `json:"name,omitempty" jsonschema:"only the object of this name"`
}

// RBACAnswer says whether, and by which rule.
type RBACAnswer struct {
	Allowed   bool     `json:"allowed"`
	User      string   `json:"user,omitempty" jsonschema:"who was asked about"`
	Verb      string   `json:"verb"`
	Resource  string   `json:"resource"`
	Namespace string   `json:"namespace,omitempty"`
	Reason    string   `json:"reason,omitempty" jsonschema:"the authorizer's words"`
	Missing   string   `json:"missing,omitempty" jsonschema:"the rule that would allow it"`
	Groups    []string `json:"groups,omitempty"`
}

// RBACSubject is somebody who may, with the path by which.
type RBACSubject struct {
	Kind      string `json:"kind" jsonschema:"User, Group or ServiceAccount"`
	Namespace string `json:"namespace,omitempty" jsonschema:"of a ServiceAccount"`
	Name      string `json:"name"`
	Binding   string `json:"binding" jsonschema:"what gives the role"`
	Role      string `json:"role"`
	Rule      string `json:"rule" jsonschema:"the part of the role that matches"`
}

// The operations of rbac.
var (
	RBACCheck = &op.Query[RBACQuestion, RBACAnswer]{Spec: op.Spec{
		ID: "rbac.check", Route: "GET /api/v1/rbac/check", Effect: op.Read, Idempotent: true,
		Summary: "Say whether you may do something on the cluster, and which rule is missing",
		Doc:     "The API server is asked, so that every authorizer counts. With --as it is asked about somebody else.\nExit 10 where the answer is no.",
		Errors:  []fail.Code{fail.False},
		Examples: []op.Example{
			{Command: "kubectl aictl rbac check patch deployments -n shop", Note: "may I restart?"},
			{Command: "kubectl aictl rbac check get pods/log -A --as eve -o json --jq .allowed", Note: "may eve read every log?"},
		},
	}}
	RBACWhoCan = &op.Query[RBACQuestion, []RBACSubject]{Spec: op.Spec{
		ID: "rbac.who-can", Route: "GET /api/v1/rbac/who-can", Effect: op.Read, Idempotent: true,
		Summary: "List who may do something on the cluster, with the binding and the rule that allow it",
		Doc:     "Roles and bindings are read as RBAC evaluates them: wildcards, names of objects, aggregation, groups.\nMembers of a group are known to the identity provider alone.",
		Examples: []op.Example{
			{Command: "kubectl aictl rbac who-can delete secrets -n shop", Note: "users, groups and service accounts"},
			{Command: "kubectl aictl rbac who-can patch deployments -A -o json --jq '.[].name'", Note: "in every namespace"},
		},
	}}
)
