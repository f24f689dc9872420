package kube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aictl/aictl/internal/fail"
)

// groupOf names the API group of a resource of ours, as rules do.
func groupOf(plural string) string {
	if plural == "selfsubjectaccessreviews" {
		return "authorization.k8s.io"
	}
	r, _ := common(plural)
	return r.group
}

// explain gives an error of the API server its code, and says what to do: a
// refusal names the rule that is missing, an admission's its own words.
func (c *Client) explain(err error, verb, resource, namespace, name string) error {
	if err == nil {
		return nil
	}
	if ours := (*fail.Error)(nil); errors.As(err, &ours) {
		return err
	}
	what := resource
	if name != "" {
		what += "/" + name
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		switch {
		case errors.Is(err, context.Canceled):
			return fail.Wrap(fail.Canceled, err, "asking %s", c.host)
		case errors.Is(err, context.DeadlineExceeded):
			return fail.Wrap(fail.Timeout, err, "%s did not answer in time", c.host).Hint("--timeout 1m")
		}
		if strings.Contains(err.Error(), "getting credentials") { // of a program that the kubeconfig names
			return fail.Wrap(fail.Auth, err, "the credentials of context %s", c.name).Hint("kubectl --context %s auth whoami", c.name)
		}
		return fail.Wrap(fail.Unavailable, err, "the cluster of context %s (%s) cannot be reached", c.name, c.host).
			Hint("kubectl --context %s get --raw /readyz", c.name)
	}
	s := status.Status()
	switch {
	case apierrors.IsUnauthorized(err):
		return fail.New(fail.Auth, "the cluster of context %s does not take these credentials", c.name).Hint("kubectl --context %s auth whoami", c.name)
	case apierrors.IsForbidden(err) && refusedByRule(s.Message):
		return c.forbidden(verb, resource, namespace, name, s.Message)
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), s.Code == http.StatusBadRequest && verb != "get" && verb != "list":
		// A quota, an admission webhook or policy, or the schema: their words
		// are the best there are.
		return fail.New(fail.Refused, "the cluster refuses the change of %s: %s", what, oneLine(s.Message))
	case apierrors.IsNotFound(err):
		if namespace != "" {
			what += " in namespace " + namespace
		}
		return fail.New(fail.NotFound, "there is no %s", what).Hint("aictl deploy list -n %s", orAll(namespace))
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return fail.New(fail.Conflict, "%s changed in between: %s", what, oneLine(s.Message))
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), s.Code == http.StatusGatewayTimeout:
		return fail.New(fail.Timeout, "%s: %s", c.host, oneLine(s.Message))
	case apierrors.IsTooManyRequests(err):
		return fail.New(fail.Limited, "the API server of context %s is busy: %s", c.name, oneLine(s.Message))
	case s.Code >= http.StatusInternalServerError:
		return fail.New(fail.Unavailable, "the API server of context %s: %s", c.name, oneLine(s.Message)).Hint("kubectl --context %s get --raw /readyz?verbose", c.name)
	}
	return fail.New(fail.Failed, "%s %s: %s", verb, what, oneLine(s.Message))
}

// refusedByRule tells RBAC's refusal from that of a quota or an admission,
// which have the same status.
func refusedByRule(message string) bool {
	return strings.Contains(message, " cannot ") &&
		(strings.Contains(message, " in API group ") || strings.Contains(message, "cannot impersonate") || strings.Contains(message, " path "))
}

// forbidden says which rule is missing.
func (c *Client) forbidden(verb, resource, namespace, name, message string) error {
	base, sub, _ := strings.Cut(resource, "/")
	full := base
	if g := groupOf(base); g != "" {
		full += "." + g
	}
	if sub != "" {
		full += "/" + sub
	}
	who := "you"
	if _, rest, ok := strings.Cut(message, "User "); ok {
		if quoted := strings.SplitN(rest, `"`, 3); len(quoted) == 3 {
			who = quoted[1]
		}
	}
	if strings.Contains(message, "cannot impersonate") {
		return fail.New(fail.Forbidden, "%s may not impersonate: %s", who, oneLine(message)).
			Hint("ask for the verb impersonate on users and groups, or leave --as out")
	}
	if strings.Contains(message, " path ") && !strings.Contains(message, " in API group ") {
		return fail.New(fail.Forbidden, "%s", oneLine(message)).Hint("ask for a ClusterRole with nonResourceURLs")
	}
	where := "in namespace " + namespace
	flag := " -n " + namespace
	if namespace == "" {
		where, flag = "in all namespaces", " -A"
	}
	of := ""
	if name != "" {
		of = " " + name
	}
	as := ""
	if c.as != "" {
		as = " --as " + c.as
	}
	return fail.New(fail.Forbidden, "%s may not %s %s%s %s: the rule {apiGroups: [%q], resources: [%s], verbs: [%s]} is missing",
		who, verb, full, of, where, groupOf(base), resource, verb).
		Hint("aictl rbac check %s %s%s%s, and aictl rbac who-can %s %s%s", verb, resource, flag, as, verb, resource, flag)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func orAll(namespace string) string {
	if namespace == "" {
		return "NAMESPACE"
	}
	return namespace
}

func decodeJSON(body []byte, into any) error { return json.Unmarshal(body, into) }
