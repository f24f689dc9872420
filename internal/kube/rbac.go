package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	authz "k8s.io/api/authorization/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// question is a resource as rules name it.
type question struct {
	verb, group, resource, sub, name, namespace string
}

func (q question) full() string {
	out := q.resource
	if q.group != "" {
		out += "." + q.group
	}
	if q.sub != "" {
		out += "/" + q.sub
	}
	return out
}

// Can asks the API server whether the person, or whom they impersonate, may.
func (c *Client) Can(ctx context.Context, in api.RBACQuestion) (api.RBACAnswer, error) {
	q, err := c.parse(ctx, in)
	if err != nil {
		return api.RBACAnswer{}, err
	}
	answer, err := c.review(ctx, q)
	if fail.CodeOf(err) == fail.Forbidden && c.o.As != "" {
		// Who may not act as somebody may still be allowed to ask about them.
		if other, refused := c.reviewOf(ctx, q); refused == nil {
			answer, err = other, nil
		}
	}
	if err != nil {
		return api.RBACAnswer{}, err
	}
	out := api.RBACAnswer{
		Allowed: answer.Allowed, User: c.as, Verb: q.verb, Resource: q.full(), Namespace: q.namespace,
		Reason: oneLine(answer.Reason), Groups: c.config.Impersonate.Groups,
	}
	if e := answer.EvaluationError; e != "" && !out.Allowed {
		out.Reason = oneLine(out.Reason + " " + e)
	}
	if !out.Allowed {
		resource := q.resource
		if q.sub != "" {
			resource += "/" + q.sub
		}
		out.Missing = fmt.Sprintf("{apiGroups: [%q], resources: [%s], verbs: [%s]}", q.group, resource, q.verb)
	}
	return out, nil
}

func (q question) attributes() *authz.ResourceAttributes {
	return &authz.ResourceAttributes{Namespace: q.namespace, Verb: q.verb, Group: q.group, Resource: q.resource, Subresource: q.sub, Name: q.name}
}

// review asks as whoever the client acts as.
func (c *Client) review(ctx context.Context, q question) (authz.SubjectAccessReviewStatus, error) {
	in := authz.SelfSubjectAccessReview{
		TypeMeta: meta.TypeMeta{APIVersion: authz.SchemeGroupVersion.String(), Kind: "SelfSubjectAccessReview"},
		Spec:     authz.SelfSubjectAccessReviewSpec{ResourceAttributes: q.attributes()},
	}
	var out authz.SelfSubjectAccessReview
	err := c.groups[authz.SchemeGroupVersion].Post().Resource("selfsubjectaccessreviews").Body(&in).Do(ctx).Into(&out)
	return out.Status, c.explain(err, "create", "selfsubjectaccessreviews", "", "")
}

// reviewOf asks about the one to impersonate, as the person.
func (c *Client) reviewOf(ctx context.Context, q question) (authz.SubjectAccessReviewStatus, error) {
	o := c.o
	o.As, o.AsGroups = "", nil
	self, err := New(o)
	if err != nil {
		return authz.SubjectAccessReviewStatus{}, err
	}
	defer self.Close()
	in := authz.SubjectAccessReview{
		TypeMeta: meta.TypeMeta{APIVersion: authz.SchemeGroupVersion.String(), Kind: "SubjectAccessReview"},
		Spec: authz.SubjectAccessReviewSpec{
			ResourceAttributes: q.attributes(), User: c.o.As, Groups: append(slices.Clone(c.o.AsGroups), "system:authenticated"),
		},
	}
	var out authz.SubjectAccessReview
	err = self.groups[authz.SchemeGroupVersion].Post().Resource("subjectaccessreviews").Body(&in).Do(ctx).Into(&out)
	return out.Status, self.explain(err, "create", "subjectaccessreviews", "", "")
}

// WhoCan reads the roles and bindings as RBAC evaluates them. What other
// authorizers allow (the group system:masters, nodes) is not in them.
func (c *Client) WhoCan(ctx context.Context, in api.RBACQuestion) ([]api.RBACSubject, error) {
	q, err := c.parse(ctx, in)
	if err != nil {
		return nil, err
	}
	rules, err := c.roles(ctx, q.namespace)
	if err != nil {
		return nil, err
	}
	out := []api.RBACSubject{}
	client := c.groups[rbac.SchemeGroupVersion]
	bound := func(binding, role string, subjects []rbac.Subject) {
		for _, rule := range rules[role] {
			if !q.allowedBy(rule) {
				continue
			}
			for _, s := range subjects {
				out = append(out, api.RBACSubject{Kind: s.Kind, Namespace: s.Namespace, Name: s.Name, Binding: binding, Role: role, Rule: ruleText(rule)})
			}
			return
		}
	}
	wide, err := all(ctx, c, client, "clusterrolebindings", "", meta.ListOptions{}, func(l *rbac.ClusterRoleBindingList) ([]rbac.ClusterRoleBinding, meta.ListMeta) {
		return l.Items, l.ListMeta
	})
	if err != nil {
		return nil, err
	}
	for _, b := range wide {
		bound("ClusterRoleBinding/"+b.Name, "ClusterRole/"+b.RoleRef.Name, b.Subjects)
	}
	if q.namespace != "" {
		narrow, err := all(ctx, c, client, "rolebindings", q.namespace, meta.ListOptions{}, func(l *rbac.RoleBindingList) ([]rbac.RoleBinding, meta.ListMeta) {
			return l.Items, l.ListMeta
		})
		if err != nil {
			return nil, err
		}
		for _, b := range narrow {
			bound("RoleBinding/"+b.Name, b.RoleRef.Kind+"/"+b.RoleRef.Name, b.Subjects)
		}
	}
	slices.SortFunc(out, func(a, b api.RBACSubject) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Binding, b.Binding))
	})
	return out, nil
}

// roles are the rules by "KIND/NAME". Aggregated roles hold theirs already:
// the controller manager writes them in.
func (c *Client) roles(ctx context.Context, namespace string) (map[string][]rbac.PolicyRule, error) {
	client := c.groups[rbac.SchemeGroupVersion]
	out := map[string][]rbac.PolicyRule{}
	wide, err := all(ctx, c, client, "clusterroles", "", meta.ListOptions{}, func(l *rbac.ClusterRoleList) ([]rbac.ClusterRole, meta.ListMeta) {
		return l.Items, l.ListMeta
	})
	if err != nil {
		return nil, err
	}
	for _, r := range wide {
		out["ClusterRole/"+r.Name] = r.Rules
	}
	if namespace == "" {
		return out, nil
	}
	narrow, err := all(ctx, c, client, "roles", namespace, meta.ListOptions{}, func(l *rbac.RoleList) ([]rbac.Role, meta.ListMeta) { return l.Items, l.ListMeta })
	if err != nil {
		return nil, err
	}
	for _, r := range narrow {
		out["Role/"+r.Name] = r.Rules
	}
	return out, nil
}

// allowedBy is RBAC's own evaluation of one rule
// (k8s.io/kubernetes/pkg/apis/rbac/v1/evaluation_helpers.go).
func (q question) allowedBy(r rbac.PolicyRule) bool {
	has := func(list []string, want string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, want)
	}
	if !has(r.Verbs, q.verb) || !has(r.APIGroups, q.group) {
		return false
	}
	if len(r.ResourceNames) > 0 && !slices.Contains(r.ResourceNames, q.name) {
		return false
	}
	resource := q.resource
	if q.sub != "" {
		resource += "/" + q.sub
	}
	return has(r.Resources, resource) || q.sub != "" && slices.Contains(r.Resources, "*/"+q.sub)
}

func ruleText(r rbac.PolicyRule) string {
	out := strings.Join(r.Verbs, ",") + " on " + strings.Join(r.Resources, ",")
	if len(r.APIGroups) > 0 && !slices.Equal(r.APIGroups, []string{""}) {
		out += " of " + strings.Join(r.APIGroups, ",")
	}
	if len(r.ResourceNames) > 0 {
		out += " named " + strings.Join(r.ResourceNames, ",")
	}
	return out
}
