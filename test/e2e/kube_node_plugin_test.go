//go:build e2e && node

package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/test/testbed"
)

// onNode is the manifest of the forecasts as containers of our own image.
const onNode = `
name: series
version: 1.0.0
summary: Forecasts in containers of their own
runtime: kubernetes
image: aictl.invalid/aictl-server:1
image_port: 8080
namespace: NAMESPACE
command: [/aictl-server, plugin, predict]
operations:
  - {name: forecast, idempotent: true, limits: {timeout: 30s}}
  - {name: models, idempotent: true}
probes: {startup: {timeout: 30s}, readiness: {period: 1s}}
limits: {memory: 128Mi}
scale: {min: 2, max: 2}
drain: 1s
`

// TestRealNodeRunsAServicePlugin is the whole way: an image that the test
// builds, a service of it on a real kubelet by the manifest alone, calls routed
// there, a broken revision with its verdict, and the way back.
func TestRealNodeRunsAServicePlugin(t *testing.T) {
	c := testbed.Kubernetes(t)
	n := c.RealNode(t)
	n.Image(t, "aictl.invalid/aictl-server:1", testbed.Program{Path: filepath.Join(testbed.Binaries(t), "aictl-server"), User: "65532"})
	ns := n.Namespace(t) // the manifest says nothing of nodes: all pods of this namespace are on the real one
	c.Apply(t, ns, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: aictl}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: Group, name: "aictl:admin", apiGroup: rbac.authorization.k8s.io}]
`)
	p := testbed.UpWith(t, []string{"AICTL_SERVER_BACKENDS_KUBERNETES_KUBECONFIG=" + c.Kubeconfig, "AICTL_SERVER_BACKENDS_KUBERNETES_NAMESPACE=" + ns})
	me := &person{bin: filepath.Join(p.Workspace, "bin", "aictl"), env: p.Env}
	file := filepath.Join(t.TempDir(), "plugin.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(onNode, "NAMESPACE", ns, 1)), 0o600))

	// Whoever deploys needs the right to; the platform lends none of its own.
	start := time.Now()
	t.Log(me.must(t, "deploy", "apply", "-f", file, "--yes", "--watch", "--reason", "at scale"))
	t.Logf("two replicas serve after %s", time.Since(start).Round(time.Millisecond))
	ask := func() error {
		out, errs, exit := me.run(t, "invoke", "series", "models")
		if exit != 0 {
			return errors.New(errs)
		}
		if !strings.Contains(out, "theta") {
			return errors.New(out)
		}
		return nil
	}
	require.NoError(t, ask())
	require.Equal(t, "kubernetes", decoded[api.ServiceDetail](t, me.must(t, "services", "describe", "series", "-o", "json")).Kind)
	// The cluster's own view, as the caller.
	require.Contains(t, me.must(t, "deploy", "list", "-n", ns, "--engine", "kubernetes", "-o", "name"), "deployment/series")
	require.Contains(t, me.must(t, "deploy", "logs", "deployment/series", "-n", ns, "--engine", "kubernetes", "-o", "json"), "[")

	// A revision that cannot start: the verdict names it, and the old one serves.
	out, errs, exit := me.run(t, "deploy", "set-image", "series", "series=aictl.invalid/aictl-server:none", "--engine", "runtime", "--yes", "--reason", "newer", "--watch")
	require.Equal(t, fail.False.Exit(), exit, "%s\n%s", out, errs)
	require.Contains(t, out+errs, "image_pull")
	require.NoError(t, ask(), "the revision before still serves")

	t.Log(me.must(t, "deploy", "undo", "series", "--engine", "runtime", "--yes", "--reason", "no such image", "--watch"))
	testbed.Eventually(t, 30*time.Second, "calls are answered", func(context.Context) error { return ask() })
}
