//go:build e2e

package e2e

import (
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
