//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deploytest"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/kube"
	"github.com/aictl/aictl/test/testbed"
)

// kinds are what a cluster is operated by, each with what its specification
// needs beside the template.
var kinds = map[string]string{
	deploy.Deployment:  "replicas: REPLICAS\n  strategy: {rollingUpdate: {maxUnavailable: 0}}",
	deploy.StatefulSet: "replicas: REPLICAS\n  serviceName: NAME\n  podManagementPolicy: Parallel",
	deploy.DaemonSet:   "updateStrategy: {rollingUpdate: {maxUnavailable: 1}}",
}

// make1 makes a workload of a kind, of the image of version 1.
func make1(t *testing.T, c *testbed.Cluster, namespace, kind, name string, replicas int) {
	t.Helper()
	selector := ""
	if kind == deploy.DaemonSet {
		place(t, c, namespace, name, replicas)
		selector = fmt.Sprintf("nodeSelector: {%s: here}, ", placeLabel(namespace, name))
	}
	c.Apply(t, namespace, strings.NewReplacer("KIND", kind, "SPEC", strings.NewReplacer("REPLICAS", fmt.Sprint(replicas), "NAME", name).Replace(kinds[kind]),
		"NAME", name, "IMAGE", imageOf(name, 1), "SELECTOR", selector).Replace(`
apiVersion: apps/v1
kind: KIND
metadata: {name: NAME}
spec:
  SPEC
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {SELECTORcontainers: [{name: main, image: "IMAGE"}]}
`))
}

func imageOf(name string, version int) string {
	return fmt.Sprintf("aictl.invalid/%s:%d", name, version)
}

func placeLabel(namespace, name string) string { return "aictl.test/" + namespace + "-" + name }

// place lets a DaemonSet have so many nodes, until the test ends.
func place(t *testing.T, c *testbed.Cluster, namespace, name string, nodes int) {
	t.Helper()
	require.LessOrEqual(t, nodes, testbed.KubeNodes)
	label := func(ctx context.Context, node int, value any) error {
		body, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{placeLabel(namespace, name): value}}})
		if err != nil {
			return err
		}
		_, err = c.Do(ctx, http.MethodPatch, fmt.Sprintf("/api/v1/nodes/node-%d", node), "application/merge-patch+json", body)
		return err
	}
	for i := range testbed.KubeNodes {
		var value any // null takes the label away
		if i < nodes {
			value = "here"
		}
		require.NoError(t, label(t.Context(), i, value))
	}
	t.Cleanup(func() {
		for i := range testbed.KubeNodes {
			if err := label(context.Background(), i, nil); err != nil {
				t.Errorf("taking a label off node-%d: %v", i, err)
			}
		}
	})
}

func TestKubernetesConforms(t *testing.T) {
	c := testbed.Kubernetes(t)
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			deploytest.Conformance(t, func(t *testing.T) deploytest.Target {
				ns := c.Namespace(t)
				x := deploytest.Target{
					Cluster: onCluster(t, c, "admin", ns), Namespace: ns, Kind: kind, Image: imageOf, Pauses: kind == deploy.Deployment,
					Make: func(t *testing.T, name string, replicas int) { make1(t, c, ns, kind, name, replicas) },
					Says: func(t *testing.T, name, replica string, lines ...string) {
						c.Logs(t, ns, replica, "main", 0, lines...)
					},
				}
				if kind == deploy.DaemonSet {
					x.Resize = func(t *testing.T, name string, replicas int) { place(t, c, ns, name, replicas) }
				}
				return x
			})
		})
	}
}

// objects reads manifests.
func objects(t *testing.T, manifests string) (out []map[string]any) {
	t.Helper()
	for _, one := range strings.Split(manifests, "\n---\n") {
		var o map[string]any
		body, err := yaml.YAMLToJSON([]byte(one))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(body, &o))
		out = append(out, o)
	}
	return out
}

func TestKubernetesManifestsAreAppliedAndPruned(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	k := onCluster(t, c, "admin", ns)
	manifest := func(replicas int) []map[string]any {
		return objects(t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat, labels: {app.kubernetes.io/name: chat, app.kubernetes.io/managed-by: aictl}}
spec:
  replicas: %d
  selector: {matchLabels: {app.kubernetes.io/name: chat}}
  template:
    metadata: {labels: {app.kubernetes.io/name: chat}}
    spec: {containers: [{name: main, image: "aictl.invalid/chat:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: chat, labels: {app.kubernetes.io/name: chat, app.kubernetes.io/managed-by: aictl}}
spec: {selector: {app.kubernetes.io/name: chat}, ports: [{port: 80}]}
`, replicas))
	}
	apply := func(o []map[string]any, dry bool) map[string]string {
		steps, err := k.Apply(t.Context(), ns, o, "app.kubernetes.io/name", "chat", dry)
		require.NoError(t, err)
		out := map[string]string{}
		for _, s := range steps {
			out[s.Object] = s.Action
		}
		return out
	}
	both := func(what string) map[string]string {
		return map[string]string{"deployment/chat": what, "service/chat": what}
	}
	require.Equal(t, both("create"), apply(manifest(2), true))
	_, err := k.Get(t.Context(), deploy.Ref{Name: "chat"})
	require.Equal(t, fail.NotFound, fail.CodeOf(err), "a dry run makes nothing")
	require.Equal(t, both("create"), apply(manifest(2), false))
	settled(t, k, deploy.Ref{Name: "chat"})
	require.Equal(t, both("none"), apply(manifest(2), false))
	require.Equal(t, map[string]string{"deployment/chat": "update", "service/chat": "none"}, apply(manifest(3), false))
	require.Contains(t, c.Kubectl(t, "get", "deployment", "chat", "-n", ns, "-o", "jsonpath={.metadata.managedFields[*].manager}", "--show-managed-fields"), kube.FieldManager)

	// What somebody else has set since is theirs, and they are named.
	c.Kubectl(t, "scale", "deployment/chat", "-n", ns, "--replicas=5")
	c.Kubectl(t, "set", "image", "deployment/chat", "-n", ns, "main=aictl.invalid/chat:9")
	_, err = k.Apply(t.Context(), ns, manifest(3), "app.kubernetes.io/name", "chat", false)
	require.Equal(t, fail.Conflict, fail.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "kubectl")

	_, err = onCluster(t, c, "oncall", ns).Apply(t.Context(), ns, manifest(3), "app.kubernetes.io/name", "chat", false)
	require.Equal(t, fail.Forbidden, fail.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "verbs: [patch]")

	// What is no more is deleted, and nothing that is not ours.
	c.Kubectl(t, "create", "configmap", "other", "-n", ns)
	require.Equal(t, "delete", apply(manifest(3)[1:], true)["deployment/chat"])
	require.Equal(t, map[string]string{"service/chat": "none", "deployment/chat": "delete"}, apply(manifest(3)[1:], false))
	_, err = k.Get(t.Context(), deploy.Ref{Name: "chat"})
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	c.Apply(t, ns, pause)
	foreign := objects(t, strings.Replace(pause, "metadata: {name: web}", "metadata: {name: web, labels: {app.kubernetes.io/managed-by: aictl}}", 1))
	require.Equal(t, fail.Conflict, fail.CodeOf(k.ApplyAll(t.Context(), foreign, false)))
	require.NoError(t, k.DeleteAll(t.Context(), foreign))
	_, err = k.Get(t.Context(), deploy.Ref{Name: "web"})
	require.NoError(t, err, "it is somebody else's")
	require.NoError(t, k.DeleteAll(t.Context(), manifest(1)))
	steps, err := k.Remove(t.Context(), ns, "app.kubernetes.io/name", "chat", false)
	require.NoError(t, err)
	require.Empty(t, steps)
	c.Kubectl(t, "get", "configmap", "other", "-n", ns)
}

func TestKubernetesSaysWhoMay(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	c.Kubectl(t, "create", "role", "keeper", "-n", ns, "--verb=get", "--resource=secrets", "--resource-name=db")
	c.Kubectl(t, "create", "rolebinding", "keepers", "-n", ns, "--role=keeper", "--user=ann", "--serviceaccount=ci:bot")
	may := func(o kube.Options, verb, resource string) bool {
		t.Helper()
		o.Kubeconfig, o.Namespace = c.Kubeconfig, ns
		k, err := kube.New(o)
		require.NoError(t, err)
		defer k.Close()
		a, err := k.Can(t.Context(), api.RBACQuestion{Verb: verb, Resource: resource})
		require.NoError(t, err)
		return a.Allowed
	}
	require.True(t, may(kube.Options{Context: "oncall"}, "list", "deploy"))
	require.False(t, may(kube.Options{Context: "oncall"}, "patch", "deployments/scale"))
	require.True(t, may(kube.Options{Context: "admin", As: "ann"}, "get", "secrets/db"))
	require.False(t, may(kube.Options{Context: "admin", As: "ann"}, "get", "secrets"))
	require.True(t, may(kube.Options{Context: "admin", As: "x", AsGroups: []string{"oncall"}}, "get", "pods/log"))
	require.True(t, may(kube.Options{Context: "admin"}, "create", "flowschema"), "a resource that is not among the common ones")

	// Who may not impersonate, but may ask, gets an answer.
	c.Kubectl(t, "create", "clusterrolebinding", "asks-"+ns, "--clusterrole=system:auth-delegator", "--user=nobody")
	t.Cleanup(func() {
		_, _ = c.Do(context.Background(), http.MethodDelete, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/asks-"+ns, "", nil)
	})
	require.Eventually(t, func() bool {
		k, err := kube.New(kube.Options{Kubeconfig: c.Kubeconfig, Context: "nobody", Namespace: ns, As: "ann"})
		require.NoError(t, err)
		defer k.Close()
		a, err := k.Can(t.Context(), api.RBACQuestion{Verb: "get", Resource: "secrets/db"})
		return err == nil && a.Allowed
	}, 10*time.Second, 100*time.Millisecond)

	who, err := onCluster(t, c, "admin", ns).WhoCan(t.Context(), api.RBACQuestion{Verb: "get", Resource: "secrets", Name: "db"})
	require.NoError(t, err)
	var names []string
	for _, s := range who {
		names = append(names, s.Kind+" "+s.Name+" by "+s.Binding)
	}
	require.Contains(t, names, "User ann by RoleBinding/keepers")
	require.Contains(t, names, "ServiceAccount bot by RoleBinding/keepers")
	require.Contains(t, names, "Group system:masters by ClusterRoleBinding/cluster-admin")
	_, err = onCluster(t, c, "oncall", ns).WhoCan(t.Context(), api.RBACQuestion{Verb: "get", Resource: "secrets"})
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
}

func TestKubernetesKnowsWhatStandsAround(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	c.Kubectl(t, "create", "configmap", "settings", "-n", ns, "--from-literal=mode=fast")
	c.Kubectl(t, "create", "secret", "generic", "db", "-n", ns, "--from-literal=url=postgres://x")
	c.Apply(t, ns, strings.Replace(pause, `containers: [{name: web, image: "aictl.invalid/web:1"}]`,
		`containers: [{name: web, image: "aictl.invalid/web:1", envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: db}}]}]`, 1))
	c.Kubectl(t, "autoscale", "deployment/web", "-n", ns, "--min=2", "--max=5", "--cpu=80%")
	c.Kubectl(t, "create", "poddisruptionbudget", "web", "-n", ns, "--selector=app=web", "--min-available=1")
	of := func(identity string) map[string]deploy.Fingerprint {
		got, err := onCluster(t, c, identity, ns).Related(t.Context(), deploy.Ref{Kind: deploy.Deployment, Name: "web"})
		require.NoError(t, err)
		if identity == "admin" {
			require.Equal(t, []int{2, 5}, []int{got.Scaler.Min, got.Scaler.Max})
			require.Equal(t, "web", got.Budget.Name)
		}
		out := map[string]deploy.Fingerprint{}
		for _, f := range got.Config {
			out[f.Object] = f
		}
		return out
	}
	first := of("admin")
	require.Len(t, first, 2)
	require.Equal(t, "kubectl-create", first["configmap/settings"].By)
	hidden := of("oncall")
	require.Equal(t, []string{deploy.Hidden, deploy.Hidden}, []string{hidden["secret/db"].Hash, hidden["configmap/settings"].Hash})
}
