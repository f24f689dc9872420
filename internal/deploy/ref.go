package deploy

import (
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// kinds are the words for the kinds of workload.
var kinds = map[string]string{
	"deployment": Deployment, "deployments": Deployment, "deploy": Deployment, "deployment.apps": Deployment, "deployments.apps": Deployment,
	"statefulset": StatefulSet, "statefulsets": StatefulSet, "sts": StatefulSet, "statefulset.apps": StatefulSet, "statefulsets.apps": StatefulSet,
	"daemonset": DaemonSet, "daemonsets": DaemonSet, "ds": DaemonSet, "daemonset.apps": DaemonSet, "daemonsets.apps": DaemonSet,
	"service": Service, "services": Service, "svc": Service,
}

// ParseKind reads a kind as people write it.
func ParseKind(word string) (string, error) {
	if k, ok := kinds[strings.ToLower(word)]; ok {
		return k, nil
	}
	return "", fail.New(fail.Usage, "%q is no kind of workload", word).Hint("deployment, sts, ds or service")
}

// ParseRef reads NAME or KIND/NAME.
func ParseRef(text, namespace string) (Ref, error) {
	kind, name, both := strings.Cut(text, "/")
	if !both {
		kind, name = "", text
	}
	if name == "" || strings.ContainsAny(name, "/ \t\n") {
		return Ref{}, fail.New(fail.Usage, "%q names no workload", text).Hint("NAME, or KIND/NAME: deployment/web")
	}
	r := Ref{Namespace: namespace, Name: name}
	if kind != "" || both {
		k, err := ParseKind(kind)
		if err != nil {
			return Ref{}, err
		}
		r.Kind = k
	}
	return r, nil
}
