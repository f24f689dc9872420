package plugin_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/aictl/aictl/internal/ai/plugin"
)

var update = flag.Bool("update", false, "write the generated files")

const clustered = `name: echo
version: 1.0+git
runtime: kubernetes
image: registry.example/echo:1.0
namespace: ai
operations: [{name: say}]
limits: {memory: 256Mi, cpu: 500m}
scale: {min: 2, max: 6, concurrency: 8}
drain: 20s
metrics: /metrics
env:
  - {name: PLAIN, value: a}
  - {name: KEY, secret: "kubernetes:ai/echo-secrets/key"}
`

// into reads an object strictly as the API's own type.
func into(t *testing.T, o map[string]any, v any) {
	t.Helper()
	body, err := json.Marshal(o)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(v), "%s", body)
}

func byKind(list []map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, o := range list {
		kind, _ := o["kind"].(string)
		out[kind] = o
	}
	return out
}

func TestRenderedObjectsAreOfTheAPI(t *testing.T) {
	m, err := plugin.Parse("p", []byte(clustered))
	require.NoError(t, err)
	all := byKind(plugin.Render(m, plugin.RenderOptions{
		Revision: "3", Reason: "because", Actor: "ana", Restarted: time.Unix(0, 0),
		FromNamespace: map[string]string{"kubernetes.io/metadata.name": "aictl"}, FromPods: map[string]string{"app": "aictl-server"},
	}))
	require.Len(t, all, 4)
	var d appsv1.Deployment
	into(t, all["Deployment"], &d)
	require.Equal(t, "ai", d.Namespace)
	require.Equal(t, "because", d.Annotations["kubernetes.io/change-cause"])
	require.Equal(t, "3", d.Annotations["aictl.dev/revision"])
	require.Nil(t, d.Spec.Replicas, "the HPA owns the number")
	for k, v := range d.Spec.Selector.MatchLabels {
		require.Equal(t, v, d.Spec.Template.Labels[k])
	}
	require.Equal(t, "1.0_git", d.Labels["app.kubernetes.io/version"])
	pod := d.Spec.Template.Spec
	require.False(t, *pod.AutomountServiceAccountToken)
	require.Equal(t, int64(30), *pod.TerminationGracePeriodSeconds)
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	c := pod.Containers[0]
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, c.SecurityContext.SeccompProfile.Type)
	require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.Equal(t, "256Mi", c.Resources.Limits.Memory().String())
	require.Equal(t, "500m", c.Resources.Limits.Cpu().String())
	require.Equal(t, int64(5), c.Lifecycle.PreStop.Sleep.Seconds)
	require.Equal(t, int32(30), c.StartupProbe.FailureThreshold)
	require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	require.Equal(t, "/livez", c.LivenessProbe.HTTPGet.Path)
	last := c.Env[len(c.Env)-1]
	require.Equal(t, "echo-secrets", last.ValueFrom.SecretKeyRef.Name)
	require.Equal(t, "key", last.ValueFrom.SecretKeyRef.Key)
	require.Empty(t, last.Value)
	var s corev1.Service
	into(t, all["Service"], &s)
	require.Equal(t, int32(8080), s.Spec.Ports[0].Port)
	var n networkingv1.NetworkPolicy
	into(t, all["NetworkPolicy"], &n)
	require.Equal(t, "aictl", n.Spec.Ingress[0].From[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"])
	require.Equal(t, "http", n.Spec.Ingress[0].Ports[0].Port.String())
	var h autoscalingv2.HorizontalPodAutoscaler
	into(t, all["HorizontalPodAutoscaler"], &h)
	require.Equal(t, int32(6), h.Spec.MaxReplicas)
	require.Equal(t, int32(2), *h.Spec.MinReplicas)

	four := 4
	pinned := byKind(plugin.Render(m, plugin.RenderOptions{Replicas: &four}))
	require.NotContains(t, pinned, "HorizontalPodAutoscaler")
	into(t, pinned["Deployment"], &d)
	require.Equal(t, int32(4), *d.Spec.Replicas)

	m.Runtime = plugin.Process
	require.Empty(t, plugin.Render(m, plugin.RenderOptions{}))
}

// The schema for editors agrees with the parser about the repository's own
// manifests, and about some that are wrong.
func TestJSONSchema(t *testing.T) {
	text, err := plugin.JSONSchema()
	require.NoError(t, err)
	const file = "../../../docs/plugin.schema.json"
	if *update {
		require.NoError(t, os.WriteFile(file, text, 0o600))
	}
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(kept), string(text), "run: go test ./internal/ai/plugin -update")
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	k := jsonschema.NewCompiler()
	require.NoError(t, k.AddResource(plugin.SchemaID, doc))
	schema, err := k.Compile(plugin.SchemaID)
	require.NoError(t, err)
	valid := func(text []byte) error {
		body, err := yaml.YAMLToJSON(text)
		require.NoError(t, err)
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		require.NoError(t, err)
		return schema.Validate(v)
	}
	found, err := filepath.Glob("../../../plugins/services/*/plugin.yaml")
	require.NoError(t, err)
	for _, f := range found {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NoError(t, valid(text), f)
	}
	require.NoError(t, valid([]byte(small)))
	require.NoError(t, valid([]byte(clustered)))
	for _, bad := range []string{
		strings.Replace(small, "process", "docker", 1), small + "sclae: {}\n", small + "drain: soon\n",
		strings.Replace(small, "echo\n", "Echo_1\n", 1), small + "env: [{name: A, secret: x}]\n",
	} {
		require.Error(t, valid([]byte(bad)), bad)
	}
}
