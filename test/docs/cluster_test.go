package docs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// withCluster puts a `kubectl` that knows our plugin alone into the workspace,
// and a kubeconfig of a cluster that answers questions about rights: what the
// examples of rbac need where no cluster is (the end-to-end suite has one).
func withCluster(t *testing.T, p *testbed.Platform) {
	t.Helper()
	list := func(kind string) string {
		return fmt.Sprintf(`{"kind":%q,"apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"resourceVersion":"1"},"items":[]}`, kind)
	}
	answers := map[string]string{
		"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":          `{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true,"reason":"RBAC: allowed"}}`,
		"/apis/authorization.k8s.io/v1/subjectaccessreviews":              `{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true}}`,
		"/apis/rbac.authorization.k8s.io/v1/clusterroles":                 list("ClusterRoleList"),
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings":          list("ClusterRoleBindingList"),
		"/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles":        list("RoleList"),
		"/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings": list("RoleBindingList"),
		"/api":  `{"kind":"APIVersions","versions":["v1"]}`,
		"/apis": `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}],"preferredVersion":{"groupVersion":"apps/v1","version":"v1"}}]}`,
		"/api/v1": `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get"]},` +
			`{"name":"pods/log","singularName":"","namespaced":true,"kind":"Pod","verbs":["get"]},{"name":"secrets","singularName":"secret","namespaced":true,"kind":"Secret","verbs":["get"]}]}`,
		"/apis/apps/v1": `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"apps/v1","resources":[{"name":"deployments","singularName":"deployment","namespaced":true,"kind":"Deployment","verbs":["get"]}]}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, ok := answers[req.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"not here"}`
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(kubeconfig, []byte("apiVersion: v1\nkind: Config\ncurrent-context: shop\nclusters: [{name: c, cluster: {server: \""+s.URL+
		"\"}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: shop, context: {cluster: c, user: u, namespace: shop}}]\n"), 0o600))
	p.Env = append(p.Env, "KUBECONFIG="+kubeconfig)
	bin := filepath.Join(p.Workspace, "bin")
	require.NoError(t, os.Symlink(filepath.Join(bin, "aictl"), filepath.Join(bin, "kubectl-aictl")))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "kubectl"), []byte("#!/bin/sh\n[ \"$1\" = aictl ] || exit 2\nshift\nexec kubectl-aictl \"$@\"\n"), 0o755)) //nolint:gosec // a script has to be executable
}

// plugin is a service that needs nothing but our own server.
const plugin = `
name: mask
version: 1.0.0
runtime: process
command: [aictl-server, plugin, predict]
operations: [{name: models, idempotent: true}]
`

// withService writes its folder.
func withService(t *testing.T, p *testbed.Platform) {
	t.Helper()
	dir := filepath.Join(p.Workspace, "mask")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(strings.TrimLeft(plugin, "\n")), 0o600))
}
