package kube

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/deploy"
)

const podTemplate = `{"spec": {
  "imagePullSecrets": [{"name": "pull"}],
  "initContainers": [{"name": "init", "image": "i:1", "envFrom": [{"prefix": "P_", "configMapRef": {"name": "base"}}]}],
  "containers": [{"name": "main", "image": "m:1",
    "env": [
      {"name": "PASSWORD", "value": "hunter2"},
      {"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
      {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "maybe", "key": "mode", "optional": true}}},
      {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5, "failureThreshold": 3}}],
  "volumes": [
    {"name": "v", "secret": {"secretName": "tls"}},
    {"name": "all", "projected": {"sources": [{"secret": {"name": "part"}}, {"configMap": {"name": "base"}}, {"serviceAccountToken": {"path": "t"}}]}},
    {"name": "ext", "csi": {"driver": "store.example", "nodePublishSecretRef": {"name": "store"}}},
    {"name": "tmp", "emptyDir": {}}]}}`

func TestATemplateShowsNoValues(t *testing.T) {
	var in core.PodTemplateSpec
	require.NoError(t, json.Unmarshal([]byte(podTemplate), &in))
	c := &Client{key: []byte("key")}
	got := c.template(in)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(text), "hunter2")
	require.Equal(t, []string{"init", "main"}, []string{got.Containers[0].Name, got.Containers[1].Name})
	env := map[string]string{}
	for _, k := range got.Containers {
		for _, e := range k.Env {
			env[e.Name] = e.Source
		}
	}
	require.Equal(t, map[string]string{
		"P_*": "configmap/base", "DB": "secret/db:url", "MODE": "configmap/maybe:mode", "IP": "field status.podIP", "PASSWORD": env["PASSWORD"],
	}, env)
	require.Regexp(t, `^value [0-9a-f]{12}$`, env["PASSWORD"])
	require.NotEqual(t, env["PASSWORD"], (&Client{key: []byte("other")}).envSource(in.Spec.Containers[0].Env[0]), "it is keyed")
	require.Equal(t, []deploy.Volume{
		{Name: "v", Source: "secret/tls"},
		{Name: "all/part", Source: "secret/part"},
		{Name: "all/base", Source: "configmap/base"},
		{Name: "all/token", Source: "token"},
		{Name: "ext", Source: "csi store.example"},
		{Name: "ext/credentials", Source: "secret/store"},
		{Name: "tmp", Source: "emptyDir"},
		{Name: "image pull pull", Source: "secret/pull"},
	}, got.Volumes, "every use of a Secret")
	require.Equal(t, "GET /ready on 8080, every 5s, within 1s, 3 failures", got.Containers[1].Probes["readiness"])
	var names []string
	for _, r := range references(in.Spec) {
		names = append(names, r.object+map[bool]string{false: "?"}[r.required])
	}
	require.Equal(t, []string{"configmap/base", "configmap/maybe?", "secret/db", "secret/part", "secret/pull?", "secret/tls"}, names)
}

func TestWhatStandsAround(t *testing.T) {
	f := newFake(t)
	var template object
	require.NoError(t, json.Unmarshal([]byte(podTemplate), &template))
	template["metadata"] = object{"labels": object{"app": "web"}}
	o := deployment("web", "", 1)
	field(o, "spec")["template"] = template
	f.has(deployments+"web", o)
	secret := func(v string) object { return object{"metadata": object{}, "data": object{"url": v, "other": "eA=="}} }
	f.has("/api/v1/namespaces/shop/secrets/db", secret("YQ=="))
	f.has("/api/v1/namespaces/shop/configmaps/base", object{"metadata": object{"managedFields": []any{
		object{"manager": "helm", "time": "2099-01-02T03:04:05Z", "operation": "Update"},
	}}, "data": object{"a": "b"}})
	f.has("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/other", object{"spec": object{"maxReplicas": 3, "scaleTargetRef": object{"kind": "StatefulSet", "name": "web"}}})
	f.has("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web", object{"spec": object{"minReplicas": 2, "maxReplicas": 9, "scaleTargetRef": object{"kind": "Deployment", "name": "web"}}})
	f.has("/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web", object{"spec": object{"selector": object{"matchLabels": object{"app": "web"}}}, "status": object{"disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2}})
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/secrets/tls") {
			return false
		}
		status(w, 403, meta.StatusReasonForbidden, `User "ann" cannot get resource "secrets" in API group ""`)
		return true
	}
	k := f.client(Options{Key: []byte("k")})
	around := func() *deploy.Related {
		got, err := k.Related(t.Context(), deploy.Ref{Name: "web"})
		require.NoError(t, err)
		return got
	}
	got := around()
	by := map[string]deploy.Fingerprint{}
	for _, c := range got.Config {
		by[c.Object] = c
	}
	require.Len(t, by, 4, "%v: what is optional and absent is not missing", by)
	require.Empty(t, by["secret/part"].Hash, "it is missing")
	require.Equal(t, deploy.Hidden, by["secret/tls"].Hash)
	require.Equal(t, "helm", by["configmap/base"].By)
	require.Equal(t, 2099, by["configmap/base"].Changed.Year())
	require.Equal(t, []any{"web", 2, 9}, []any{got.Scaler.Name, got.Scaler.Min, got.Scaler.Max})
	require.Equal(t, []any{"web", 1, 3, 2}, []any{got.Budget.Name, got.Budget.Allowed, got.Budget.Healthy, got.Budget.Wanted})
	require.Equal(t, by["secret/db"].Hash, around().Config[1].Hash)
	f.has("/api/v1/namespaces/shop/secrets/db", secret("Yg=="))
	require.NotEqual(t, by["secret/db"].Hash, around().Config[1].Hash)
}
