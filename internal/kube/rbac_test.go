package kube

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	rbac "k8s.io/api/rbac/v1"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

func TestRulesAreEvaluatedAsRBACDoes(t *testing.T) {
	rule := func(groups, resources, verbs []string, names ...string) rbac.PolicyRule {
		return rbac.PolicyRule{APIGroups: groups, Resources: resources, Verbs: verbs, ResourceNames: names}
	}
	one := func(s string) []string { return []string{s} }
	for name, c := range map[string]struct {
		q    question
		r    rbac.PolicyRule
		want bool
	}{
		"the same":              {question{verb: "get", resource: "pods"}, rule(one(""), one("pods"), one("get")), true},
		"another verb":          {question{verb: "list", resource: "pods"}, rule(one(""), one("pods"), one("get")), false},
		"another group":         {question{verb: "get", resource: "deployments", group: "apps"}, rule(one(""), one("deployments"), one("get")), false},
		"any group":             {question{verb: "get", resource: "deployments", group: "apps"}, rule(one("*"), one("deployments"), one("get")), true},
		"any verb":              {question{verb: "delete", resource: "pods"}, rule(one(""), one("pods"), one("*")), true},
		"any resource":          {question{verb: "get", resource: "pods", sub: "log"}, rule(one(""), one("*"), one("get")), true},
		"a subresource":         {question{verb: "get", resource: "pods", sub: "log"}, rule(one(""), one("pods/log"), one("get")), true},
		"not its parent's rule": {question{verb: "get", resource: "pods", sub: "log"}, rule(one(""), one("pods"), one("get")), false},
		"not its parent":        {question{verb: "get", resource: "pods"}, rule(one(""), one("pods/log"), one("get")), false},
		"any one's subresource": {question{verb: "patch", resource: "deployments", sub: "scale", group: "apps"}, rule(one("apps"), one("*/scale"), one("patch")), true},
		"by name":               {question{verb: "get", resource: "secrets", name: "a"}, rule(one(""), one("secrets"), one("get"), "a", "b"), true},
		"another name":          {question{verb: "get", resource: "secrets", name: "c"}, rule(one(""), one("secrets"), one("get"), "a", "b"), false},
		"a name is no all":      {question{verb: "get", resource: "secrets"}, rule(one(""), one("secrets"), one("get"), "a"), false},
	} {
		require.Equal(t, c.want, c.q.allowedBy(c.r), name)
	}
}

func TestWhoCanAndByWhat(t *testing.T) {
	f := newFake(t)
	rules := func(verb, resource string) []any {
		return []any{object{"apiGroups": []any{""}, "resources": []any{resource}, "verbs": []any{verb}}}
	}
	bind := func(kind, role string, subjects ...any) object {
		return object{"metadata": object{}, "roleRef": object{"kind": kind, "name": role}, "subjects": subjects}
	}
	const group = "/apis/rbac.authorization.k8s.io/v1/"
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		list := func(kind string, items ...any) bool {
			answer(w, object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": object{}, "items": items})
			return true
		}
		named := func(name string, o object) object { field(o, "metadata")["name"] = name; return o }
		switch r.URL.Path {
		case group + "clusterroles":
			return list("ClusterRoleList", named("all", object{"metadata": object{}, "rules": rules("*", "*")}), named("view", object{"metadata": object{}, "rules": rules("get", "pods")}))
		case group + "clusterrolebindings":
			return list("ClusterRoleBindingList", named("admins", bind("ClusterRole", "all", object{"kind": "Group", "name": "admins"})))
		case group + "namespaces/shop/roles":
			return list("RoleList", named("keeper", object{"metadata": object{}, "rules": rules("delete", "secrets")}))
		case group + "namespaces/shop/rolebindings":
			return list("RoleBindingList",
				named("keepers", bind("Role", "keeper", object{"kind": "User", "name": "ann"}, object{"kind": "ServiceAccount", "name": "bot", "namespace": "ci"})),
				named("viewers", bind("ClusterRole", "view", object{"kind": "User", "name": "eve"})),
				named("dangling", bind("Role", "gone", object{"kind": "User", "name": "eve"})))
		}
		return false
	}
	k := f.client(Options{})
	who := func(verb, resource, ns string) (out []string) {
		list, err := k.WhoCan(t.Context(), api.RBACQuestion{Verb: verb, Resource: resource, Namespace: ns})
		require.NoError(t, err)
		for _, s := range list {
			out = append(out, s.Kind+" "+s.Namespace+"/"+s.Name+" by "+s.Binding+" "+s.Role)
		}
		return out
	}
	admins := "Group /admins by ClusterRoleBinding/admins ClusterRole/all"
	require.Equal(t, []string{admins, "ServiceAccount ci/bot by RoleBinding/keepers Role/keeper", "User /ann by RoleBinding/keepers Role/keeper"}, who("delete", "secret", ""))
	require.Equal(t, []string{admins, "User /eve by RoleBinding/viewers ClusterRole/view"}, who("get", "po", "shop"))
	require.Equal(t, []string{admins}, who("delete", "secrets", "*"))
	require.Equal(t, []string{admins}, who("get", "nodes", "shop"), "what is in no namespace is given by no RoleBinding")
}

func TestQuestionsNameWhatTheServerHas(t *testing.T) {
	f := newFake(t)
	var asked struct {
		Spec struct {
			ResourceAttributes map[string]string `json:"resourceAttributes"`
		} `json:"spec"`
	}
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/api":
			answer(w, object{"items": []any{}})
		case "/apis":
			answer(w, object{"items": []any{object{"metadata": object{"name": "monitoring.example"}, "versions": []any{object{"resources": []any{
				object{"resource": "probes", "scope": "Namespaced", "singularResource": "probe", "shortNames": []any{"prb"}},
				object{"resource": "fleets", "scope": "Cluster", "singularResource": "fleet"},
			}}}}}})
		case "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
			body, _ := io.ReadAll(r.Body)
			asked.Spec.ResourceAttributes = nil
			_ = json.Unmarshal(body, &asked)
			allowed := asked.Spec.ResourceAttributes["verb"] == "get"
			answer(w, object{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "status": object{"allowed": allowed, "reason": "RBAC:\n says so"}})
		default:
			return false
		}
		return true
	}
	k := f.client(Options{As: "eve"})
	for in, want := range map[string]map[string]string{
		"deploy":                    {"namespace": "shop", "group": "apps", "resource": "deployments"},
		"deployments.apps/scale":    {"namespace": "shop", "group": "apps", "resource": "deployments", "subresource": "scale"},
		"Pods/log":                  {"namespace": "shop", "resource": "pods", "subresource": "log"},
		"secret/db":                 {"namespace": "shop", "resource": "secrets", "name": "db"},
		"ingress":                   {"namespace": "shop", "group": "networking.k8s.io", "resource": "ingresses"},
		"events.events.k8s.io":      {"namespace": "shop", "group": "events.k8s.io", "resource": "events"},
		"node":                      {"resource": "nodes"},
		"prb":                       {"namespace": "shop", "group": "monitoring.example", "resource": "probes"},
		"probe.monitoring.example":  {"namespace": "shop", "group": "monitoring.example", "resource": "probes"},
		"fleets.monitoring.example": {"group": "monitoring.example", "resource": "fleets"},
		"things.nobody.example":     {"namespace": "shop", "group": "nobody.example", "resource": "things"},
	} {
		a, err := k.Can(t.Context(), api.RBACQuestion{Verb: "get", Resource: in})
		require.NoError(t, err, in)
		want["verb"] = "get"
		require.Equal(t, want, asked.Spec.ResourceAttributes, in)
		require.Equal(t, []any{true, "eve", "RBAC: says so"}, []any{a.Allowed, a.User, a.Reason})
	}
	a, err := k.Can(t.Context(), api.RBACQuestion{Verb: "patch", Resource: "sts/scale"})
	require.NoError(t, err)
	require.False(t, a.Allowed)
	require.Equal(t, `{apiGroups: ["apps"], resources: [statefulsets/scale], verbs: [patch]}`, a.Missing)
	_, err = k.Can(t.Context(), api.RBACQuestion{Verb: "get", Resource: "nonsense"})
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	_, err = k.Can(t.Context(), api.RBACQuestion{Verb: "get", Resource: "/x"})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}
