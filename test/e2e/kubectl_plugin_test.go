//go:build e2e

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

// asPlugin is somebody who runs `kubectl aictl …` with a kubeconfig and nothing
// else: the real kubectl finds the plugin on PATH.
func asPlugin(t *testing.T, c *testbed.Cluster, context string) *person {
	t.Helper()
	bin := testbed.Binaries(t)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(bin, "aictl"), filepath.Join(dir, "kubectl-aictl")))
	complete, err := os.ReadFile(filepath.Join(testbed.Root(t), "plugins", "kubectl", "kubectl_complete-aictl"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kubectl_complete-aictl"), complete, 0o755))
	kubeconfig, err := os.ReadFile(c.Kubeconfig)
	require.NoError(t, err)
	mine := filepath.Join(dir, "kubeconfig")
	require.NoError(t, os.WriteFile(mine, []byte(strings.Replace(string(kubeconfig), "current-context: admin", "current-context: "+context, 1)), 0o600))
	_, env := testbed.Home(t, bin)
	for i, kv := range env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			env[i] = "PATH=" + dir + string(os.PathListSeparator) + path
		}
	}
	return &person{bin: c.KubectlPath(), env: append(env, "KUBECONFIG="+mine)}
}

func (p *person) plugin(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	return p.run(t, append([]string{"aictl"}, args...)...)
}

func TestKubectlPlugin(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, pause)
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
	pair := testbed.AlertmanagerPair(t)
	c.Front(t, ns, "prometheus-operated", 9090, testbed.Prometheus(t, ""))
	c.Front(t, ns, "alertmanager-operated", 9093, pair[0].URL)
	me := asPlugin(t, c, "admin")

	list := decoded[api.WorkloadList](t, me.must(t, "aictl", "deploy", "list", "-n", ns, "-o", "json"))
	require.Len(t, list.Workloads, 1)
	require.Equal(t, "admin", list.Workloads[0].Context)

	// The backends are found by their Services, through the API server.
	testbed.Eventually(t, 15*time.Second, "Prometheus has scraped itself", func(context.Context) error {
		if out := me.must(t, "aictl", "metrics", "query", "up", "-n", ns); !strings.Contains(out, `job="prometheus"`) {
			return errors.New(out)
		}
		return nil
	})
	require.Equal(t, "[]\n", me.must(t, "aictl", "alerts", "list", "-n", ns, "-o", "json"))
	_, errs, exit := me.plugin(t, "logs", "-n", ns)
	require.Equal(t, fail.NotFound.Exit(), exit)
	require.Contains(t, errs, "aictl.dev/backend=elasticsearch")

	// Several clusters at once; the one that forbids is named.
	out, errs, exit := me.plugin(t, "deploy", "list", "-n", ns, "--context", "*", "-o", "name")
	require.Equal(t, fail.Partial.Exit(), exit)
	require.Equal(t, "deployment/web\ndeployment/web\n", out)
	require.Contains(t, errs, "nobody may not list deployments.apps")

	// The person's own rights, and those of whom they impersonate.
	oncall := asPlugin(t, c, "oncall")
	_, errs, exit = oncall.plugin(t, "deploy", "restart", "web", "-n", ns, "--yes")
	require.Equal(t, fail.Forbidden.Exit(), exit)
	require.Contains(t, errs, "resources: [deployments], verbs: [patch]} is missing")
	require.Contains(t, errs, "next: kubectl aictl rbac check patch deployments -n "+ns)
	_, _, exit = me.plugin(t, "rbac", "check", "patch", "deployments", "-n", ns, "--as", "oncall", "--as-group", "oncall")
	require.Equal(t, fail.False.Exit(), exit)
	c.Bind(t, ns)
	testbed.Eventually(t, 10*time.Second, "the binding counts", func(context.Context) error {
		if _, errs, exit := oncall.plugin(t, "deploy", "restart", "web", "-n", ns, "--yes", "--reason", "stuck"); exit != 0 {
			return errors.New(errs)
		}
		return nil
	})
	require.Equal(t, "stuck", strings.Split(c.Kubectl(t, "get", "deployment", "web", "-n", ns, "-o", `jsonpath={.metadata.annotations.kubernetes\.io/change-cause}`), " ")[0])
	require.Contains(t, me.must(t, "aictl", "rbac", "who-can", "patch", "deployments", "-n", ns), "oncall")

	// Completion by kubectl's own protocol.
	require.Contains(t, me.must(t, "__complete", "aictl", "deploy", "sta"), "status")
}
