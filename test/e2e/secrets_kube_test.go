//go:build e2e

package e2e

import (
	"encoding/base64"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/test/testbed"
)

// consumer is a Deployment that reads the Secret, with a play of its pods.
const consumer = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "aictl.invalid/web:1", env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]}]
`

// TestSecretsOnACluster takes a secret from the vault to a real cluster: synced,
// compared, changed by somebody else, rotated with its consumers replaced, and
// all of it as the caller, whom the cluster's own rules bind.
func TestSecretsOnACluster(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	p := testbed.UpWith(t, []string{"AICTL_SERVER_BACKENDS_KUBERNETES_KUBECONFIG=" + c.Kubeconfig, "AICTL_SERVER_BACKENDS_KUBERNETES_NAMESPACE=" + ns})
	me := &person{bin: filepath.Join(p.Workspace, "bin", "aictl"), env: p.Env}
	set := func(ref, value string) {
		cmd := exec.CommandContext(t.Context(), me.bin, "secrets", "set", ref, "--yes")
		cmd.Env, cmd.Stdin = me.env, strings.NewReader(value)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	live := func() string {
		body, err := base64.StdEncoding.DecodeString(c.Kubectl(t, "get", "secret", "db", "-n", ns, "-o", "jsonpath={.data.password}"))
		require.NoError(t, err)
		return string(body)
	}
	pods := func() string {
		return c.Kubectl(t, "get", "pods", "-n", ns, "-o", "jsonpath={.items[*].metadata.uid}")
	}
	copied := "kubernetes:" + ns + "/db/password"
	set("vault:db/password", "first-value")

	// Without a rule of the cluster the server may not do it for the caller.
	_, errs, exit := me.run(t, "secrets", "sync", "--from", "vault:db/", "--to", "kubernetes:"+ns+"/db/", "--yes")
	require.Equal(t, fail.Forbidden.Exit(), exit, "%s", errs)
	require.Contains(t, errs, "aictl:admin")
	c.Apply(t, ns, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: aictl}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: Group, name: "aictl:admin", apiGroup: rbac.authorization.k8s.io}]
`)
	me.must(t, "secrets", "sync", "--from", "vault:db/", "--to", "kubernetes:"+ns+"/db/", "--yes")
	require.Equal(t, "first-value", live())
	me.must(t, "secrets", "diff", "vault:db/password", copied)

	// Somebody else's change is drift, by fingerprint alone.
	c.Kubectl(t, "patch", "secret", "db", "-n", ns, "-p", `{"stringData":{"password":"not-ours"}}`)
	out, errs, exit := me.run(t, "secrets", "diff", "vault:db/password", copied)
	require.Equal(t, fail.False.Exit(), exit)
	require.NotContains(t, out+errs, "not-ours")
	require.NotContains(t, out+errs, "first-value")
	me.must(t, "secrets", "sync", "--from", "vault:db/", "--to", "kubernetes:"+ns+"/db/", "--yes")
	require.Equal(t, "first-value", live())

	// A rotation replaces every pod that reads the value, and then takes the old
	// version away.
	c.Apply(t, ns, consumer)
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
	before := pods()
	rotated := decoded[api.SecretRotation](t, me.must(t, "secrets", "rotate", "vault:db/password", "--to", copied, "--generate", "32", "--yes", "--reason", "quarterly", "-o", "json"))
	require.False(t, rotated.Open)
	require.Len(t, rotated.Consumers, 1, "%v", rotated)
	require.Contains(t, rotated.Consumers[0], "web")
	require.Len(t, live(), 32)
	for _, uid := range strings.Fields(before) {
		require.NotContains(t, pods(), uid, "every pod was replaced")
	}
	require.Contains(t, c.Kubectl(t, "get", "deployment", "web", "-n", ns, "-o", `jsonpath={.metadata.annotations}`), "quarterly")
	me.must(t, "secrets", "diff", "vault:db/password", copied)
	require.Contains(t, me.must(t, "secrets", "history", "vault:db/password", "-o", "json"), `"revoked": true`)

	// One whose consumers do not come back is undone: nobody is left on a value
	// that is gone.
	good := live()
	c.Stage(t, ns, map[string]testbed.Play{"crash": testbed.Failures["crash"].Play})
	c.Kubectl(t, "patch", "deployment", "web", "-n", ns, "-p", `{"spec":{"paused":true,"template":{"metadata":{"annotations":{"aictl.test/play":"crash"}}}}}`)
	c.Kubectl(t, "patch", "deployment", "web", "-n", ns, "-p", `{"spec":{"paused":false}}`)
	_, errs, exit = me.run(t, "secrets", "rotate", "vault:db/password", "--to", copied, "--generate", "32", "--patience", "20s", "--yes", "--timeout", "50s")
	require.NotZero(t, exit, "%s", errs)
	require.Equal(t, good, live(), "the old value is back")
	// It stays open, because no consumer could be shown to be back on it; when
	// the Deployment is mended, it is brought to its end.
	open := decoded[[]api.SecretRotation](t, me.must(t, "secrets", "rotations", "-o", "json", "--jq", "[.[] | select(.open)]"))
	require.Len(t, open, 1)
	require.Contains(t, open[0].Failure, "crash_loop")
	c.Kubectl(t, "patch", "deployment", "web", "-n", ns, "--type=json", "-p", `[{"op":"remove","path":"/spec/template/metadata/annotations/aictl.test~1play"}]`)
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
	me.must(t, "secrets", "rotate", "vault:db/password", "--abort", open[0].ID, "--yes")
	require.Equal(t, good, live())
	require.Equal(t, "[]\n", me.must(t, "secrets", "rotations", "-o", "json", "--jq", "[.[] | select(.open)]"))
}
