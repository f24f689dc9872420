package kube

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// parse reads RESOURCE[.GROUP][/SUBRESOURCE|/NAME].
func (c *Client) parse(ctx context.Context, q api.RBACQuestion) (question, error) {
	out := question{verb: q.Verb, name: q.Name, namespace: cmp.Or(q.Namespace, c.namespace)}
	if q.Namespace == "*" {
		out.namespace = ""
	}
	base, rest, _ := strings.Cut(q.Resource, "/")
	word, group, grouped := strings.Cut(strings.ToLower(base), ".")
	if word == "" {
		return out, fail.New(fail.Usage, "%q names no resource", q.Resource).Hint("aictl rbac check patch deployments")
	}
	if slices.Contains(subresources, rest) {
		out.sub = rest
	} else if rest != "" {
		out.name = rest
	}
	known, err := c.named(ctx, word, group, grouped)
	if err != nil {
		return out, err
	}
	out.resource, out.group = known.plural, known.group
	if !known.namespaced {
		out.namespace = ""
	}
	return out, nil
}

// subresources are what may follow a resource in a rule; another word there is
// an object's name.
var subresources = []string{
	"approval", "attach", "binding", "ephemeralcontainers", "eviction", "exec", "finalize", "finalizers", "log", "portforward", "proxy", "resize", "scale", "status", "token",
}

// resource is one as rules name it.
type resource struct {
	plural, group string
	namespaced    bool
}

// named finds the resource that a word means: its plural, its singular or a
// short name. What everybody uses is known; the rest is asked of the API
// server. A resource whose group is given need not be there.
func (c *Client) named(ctx context.Context, word, group string, grouped bool) (resource, error) {
	plural := cmp.Or(shortNames[word], word)
	if _, ok := common(plural); !ok {
		if _, ok := common(plural + "s"); ok {
			plural += "s"
		}
	}
	if r, ok := common(plural); ok && (!grouped || group == r.group) {
		return r, nil
	}
	if word == "*" {
		return resource{"*", group, true}, nil
	}
	list, err := c.served(ctx)
	if err != nil && !grouped {
		return resource{}, err
	}
	for _, s := range list {
		if slices.Contains(s.words, word) && (!grouped || s.group == group) {
			return s.resource, nil
		}
	}
	if grouped {
		return resource{word, group, true}, nil
	}
	return resource{}, fail.New(fail.NotFound, "the cluster of context %s has no resource %q", c.name, word).Hint("kubectl --context %s api-resources", c.name)
}

var shortNames = map[string]string{
	"cm": "configmaps", "cj": "cronjobs", "deploy": "deployments", "ds": "daemonsets", "ep": "endpoints", "ev": "events", "hpa": "horizontalpodautoscalers",
	"ing": "ingresses", "ingress": "ingresses", "netpol": "networkpolicies", "networkpolicy": "networkpolicies", "no": "nodes", "ns": "namespaces",
	"pdb": "poddisruptionbudgets", "po": "pods", "pv": "persistentvolumes", "pvc": "persistentvolumeclaims", "quota": "resourcequotas",
	"rs": "replicasets", "sa": "serviceaccounts", "sts": "statefulsets", "svc": "services",
}

// common knows the resources that need no question.
func common(plural string) (resource, bool) {
	switch plural {
	case "configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims", "pods", "podtemplates", "replicationcontrollers",
		"resourcequotas", "secrets", "serviceaccounts", "services":
		return resource{plural, "", true}, true
	case "namespaces", "nodes", "persistentvolumes", "users", "groups":
		return resource{plural, "", false}, true
	case "controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets":
		return resource{plural, "apps", true}, true
	case "horizontalpodautoscalers":
		return resource{plural, "autoscaling", true}, true
	case "cronjobs", "jobs":
		return resource{plural, "batch", true}, true
	case "ingresses", "networkpolicies":
		return resource{plural, "networking.k8s.io", true}, true
	case "poddisruptionbudgets":
		return resource{plural, "policy", true}, true
	case "rolebindings", "roles":
		return resource{plural, "rbac.authorization.k8s.io", true}, true
	case "clusterrolebindings", "clusterroles":
		return resource{plural, "rbac.authorization.k8s.io", false}, true
	}
	return resource{}, false
}

// served is a resource that the API server has, with the words for it.
type served struct {
	resource
	words []string
}

// served reads what the API server has, in the two requests of aggregated
// discovery.
func (c *Client) served(ctx context.Context) ([]served, error) {
	var out []served
	for _, path := range []string{"/api", "/apis"} {
		body, err := content(c.core().Get().AbsPath(path).
			SetHeader("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList").Do(ctx))
		if err != nil {
			return nil, c.explain(err, "get", "the API's resources", "", "")
		}
		var list struct {
			Items []struct {
				Metadata struct {
					Name string `json:"name"`
				} `json:"metadata"`
				Versions []struct {
					Resources []struct {
						Resource   string   `json:"resource"`
						Scope      string   `json:"scope"`
						Singular   string   `json:"singularResource"`
						ShortNames []string `json:"shortNames"`
					} `json:"resources"`
				} `json:"versions"`
			} `json:"items"`
		}
		if err := decodeJSON(body, &list); err != nil {
			return nil, fail.Wrap(fail.Failed, err, "%s does not answer as a Kubernetes API server", c.host)
		}
		for _, g := range list.Items {
			for _, v := range g.Versions {
				for _, r := range v.Resources {
					words := append([]string{r.Resource, r.Singular}, r.ShortNames...)
					out = append(out, served{resource{r.Resource, g.Metadata.Name, r.Scope == "Namespaced"}, words})
				}
			}
		}
	}
	return out, nil
}
