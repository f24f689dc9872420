//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deploytest"
	"github.com/aictl/aictl/test/testbed"
)

func TestKubernetesConforms(t *testing.T) {
	c := testbed.Kubernetes(t)
	for kind, spec := range map[string]string{
		deploy.Deployment:  "strategy: {rollingUpdate: {maxUnavailable: 0}}",
		deploy.StatefulSet: "serviceName: NAME\n  podManagementPolicy: Parallel",
	} {
		t.Run(kind, func(t *testing.T) {
			deploytest.Conformance(t, func(t *testing.T) deploytest.Target {
				ns := c.Namespace(t)
				image := func(name string, version int) string { return fmt.Sprintf("aictl.invalid/%s:%d", name, version) }
				return deploytest.Target{
					Cluster: onCluster(t, c, "admin", ns), Namespace: ns, Kind: kind, Image: image, Pauses: kind == deploy.Deployment,
					Make: func(t *testing.T, name string, replicas int) {
						c.Apply(t, ns, strings.NewReplacer("KIND", kind, "SPEC", strings.ReplaceAll(spec, "NAME", name), "NAME", name, "IMAGE", image(name, 1),
							"REPLICAS", fmt.Sprint(replicas)).Replace(`
apiVersion: apps/v1
kind: KIND
metadata: {name: NAME}
spec:
  replicas: REPLICAS
  SPEC
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: main, image: "IMAGE"}]}
`))
					},
					Says: func(t *testing.T, name, replica string, lines ...string) {
						c.Logs(t, ns, replica, "main", 0, lines...)
					},
				}
			})
		})
	}
}
