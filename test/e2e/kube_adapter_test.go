//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/kube"
	"github.com/aictl/aictl/internal/secrets/secretstest"
	"github.com/aictl/aictl/test/testbed"
)

// onCluster reaches the cluster as an identity of the kubeconfig.
func onCluster(t *testing.T, c *testbed.Cluster, identity, namespace string) *kube.Client {
	t.Helper()
	k, err := kube.New(kube.Options{Kubeconfig: c.Kubeconfig, Context: identity, Namespace: namespace})
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return k
}

// settled waits until a rollout has a final verdict.
func settled(t *testing.T, k *kube.Client, r deploy.Ref) *deploy.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for s, err := range k.Watch(ctx, r) {
		require.NoError(t, err)
		if s.Observed >= s.Generation && s.Workload.Updated == s.Workload.Desired && s.Workload.Available == s.Workload.Desired && len(s.Replicas) == s.Workload.Desired {
			return s
		}
	}
	return nil
}

func TestKubernetesWorkloads(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	k := onCluster(t, c, "admin", ns)
	c.Apply(t, ns, pause)
	web := deploy.Ref{Name: "web"}
	first := settled(t, k, web)
	require.Equal(t, "ready", first.Workload.State)
	require.Equal(t, "1", first.Workload.Revision)
	for _, r := range first.Replicas {
		require.True(t, r.Current && r.Ready)
	}
	list, err := k.List(t.Context(), deploy.Filter{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, deploy.Deployment, list[0].Kind)

	// A change of what was looked at goes through; one of what has changed does not.
	image := map[string]string{"": "aictl.invalid/web:2"}
	_, err = k.Change(t.Context(), web, deploy.Change{Version: first.Version, Dry: true, Images: image})
	require.NoError(t, err)
	_, err = k.Change(t.Context(), web, deploy.Change{Version: first.Version, Images: image, Cause: "newer", Actor: "ann"})
	require.NoError(t, err)
	_, err = k.Change(t.Context(), web, deploy.Change{Version: first.Version, Images: map[string]string{"": "aictl.invalid/web:3"}})
	require.Equal(t, fail.Conflict, fail.CodeOf(err))
	second := settled(t, k, web)
	require.Equal(t, []string{"aictl.invalid/web:2"}, second.Workload.Images)
	require.Equal(t, "newer", second.Workload.Cause)

	history, err := k.History(t.Context(), web)
	require.NoError(t, err)
	require.Len(t, history, 2)
	require.True(t, history[0].Current)
	require.Equal(t, "newer", history[0].Cause)
	require.Equal(t, "aictl.invalid/web:1", history[1].Template.Containers[0].Image)

	_, err = k.Change(t.Context(), web, deploy.Change{Version: second.Version, Undo: "1", Cause: "2 is bad"})
	require.NoError(t, err)
	require.Equal(t, []string{"aictl.invalid/web:1"}, settled(t, k, web).Workload.Images)
	require.NotContains(t, c.Kubectl(t, "get", "deployment", "web", "-n", ns, "-o", "jsonpath={.spec.template.metadata.labels}"), "pod-template-hash")

	three := 5
	s, err := k.Change(t.Context(), web, deploy.Change{Scale: &three})
	require.NoError(t, err)
	require.Equal(t, 5, s.Workload.Desired)
	_, err = k.Change(t.Context(), web, deploy.Change{Restart: true})
	require.NoError(t, err)
	require.Len(t, settled(t, k, web).Replicas, 5)
	yes := true
	s, err = k.Change(t.Context(), web, deploy.Change{Pause: &yes})
	require.NoError(t, err)
	require.True(t, s.Paused)
	_, err = k.Change(t.Context(), web, deploy.Change{Undo: "99"})
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	_, err = k.Get(t.Context(), deploy.Ref{Name: "wep"})
	require.ErrorContains(t, err, "did you mean deployment/web")
	_, err = k.Change(t.Context(), web, deploy.Change{Delete: true})
	require.NoError(t, err)
	_, err = k.Get(t.Context(), web)
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
}

func TestKubernetesForbidsByRule(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, pause)
	oncall := onCluster(t, c, "oncall", ns)
	_, err := oncall.Get(t.Context(), deploy.Ref{Kind: deploy.Deployment, Name: "web"})
	require.NoError(t, err)
	_, err = oncall.Change(t.Context(), deploy.Ref{Kind: deploy.Deployment, Name: "web"}, deploy.Change{Restart: true})
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
	require.ErrorContains(t, err, "oncall may not patch deployments.apps web in namespace "+ns)
	require.ErrorContains(t, err, `{apiGroups: ["apps"], resources: [deployments], verbs: [patch]}`)
	_, err = onCluster(t, c, "nobody", ns).List(t.Context(), deploy.Filter{})
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
}

func TestKubernetesSecretsAreAStore(t *testing.T) {
	c := testbed.Kubernetes(t)
	secretstest.Conformance(t, func(t *testing.T) secretstest.Target {
		ns := c.Namespace(t)
		return secretstest.Target{
			Store: onCluster(t, c, "admin", ns).Secrets(), Folder: ns + "/", Name: func(i int) string { return fmt.Sprintf("one-%d/value", i) },
			Bad: []string{"", "a", "a/b", "a/b/c/d", "A/b/c", "a/b/c d", "a//c"},
		}
	})
}

func TestBackendsAreFoundByTheirServices(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	c.Front(t, ns, "prometheus-operated", 9090, testbed.Prometheus(t, ""))
	k := onCluster(t, c, "admin", ns)
	f, err := k.Discover(t.Context(), kube.Prometheus)
	require.NoError(t, err)
	require.Equal(t, "prometheus "+ns+"/prometheus-operated", f.Name())
	base, transport := k.Proxy(f)
	res, err := (&http.Client{Transport: transport}).Get(base + "/api/v1/query?query=vector(1)")
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", body)
}
