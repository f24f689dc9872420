//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

const pause = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "aictl.invalid/web:1"}]
`

func TestKubernetesIsReal(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, pause)
	start := time.Now()
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
	t.Logf("three replicas are ready after %s", time.Since(start).Round(time.Millisecond))
	require.Contains(t, c.Kubectl(t, "auth", "can-i", "--as=oncall", "--as-group=oncall", "list", "pods", "-n", ns), "yes")
	require.Contains(t, c.Kubectl(t, "version"), testbed.KubeVersion)
}

// played is a deployment of one pod that is given a play.
func played(name, play string) string {
	return strings.NewReplacer("NAME", name, "PLAY", play).Replace(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 1
  progressDeadlineSeconds: 600
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}, annotations: {aictl.test/play: PLAY}}
    spec:
      initContainers: [{name: setup, image: "aictl.invalid/setup:1"}]
      containers: [{name: web, image: "aictl.invalid/web:2"}]
`)
}

func TestPodsArePlayed(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	decided := c.Stage(t, ns, map[string]testbed.Play{"crash": testbed.Failures["crash"].Play, "one-restart": testbed.Transients["one-restart"]})
	c.Apply(t, ns, played("bad", "crash"))
	testbed.Await(t, decided, 20*time.Second)
	require.Contains(t, c.Kubectl(t, "get", "pods", "-n", ns), "CrashLoopBackOff")
	c.Apply(t, ns, played("good", "one-restart"))
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/good", "--timeout=30s")
	require.Regexp(t, `good-\S+ +1/1 +Running +1 `, c.Kubectl(t, "get", "pods", "-n", ns))
}
