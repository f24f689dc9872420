package factory

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func pluginFactory(t *testing.T, args0, config string, flags Flags) *Factory {
	t.Helper()
	dir := t.TempDir()
	kube := filepath.Join(dir, "kube")
	require.NoError(t, os.WriteFile(kube, []byte("current-context: eu\ncontexts:\n- {name: eu, context: {cluster: e, namespace: shop}}\n- {name: us, context: {cluster: u}}\n"), 0o600))
	file := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	env := map[string]string{"KUBECONFIG": kube, "AICTL_CONFIG": file, "HOME": dir}
	return &Factory{
		Args0: args0, Env: func(k string) string { return env[k] }, Flags: flags, Now: time.Now,
		Cwd: func() (string, error) { return dir, nil },
	}
}

func TestThePluginSpeaksToTheKubeconfigsCluster(t *testing.T) {
	f := pluginFactory(t, "/usr/bin/kubectl-aictl", "", Flags{Set: map[string]bool{}})
	s, err := f.Settings()
	require.NoError(t, err)
	require.Len(t, s.Targets, 1)
	one := s.Targets[0]
	require.Equal(t, "eu", one.Name)
	require.Equal(t, "shop", one.Namespace)
	require.Equal(t, "eu", one.Backends.Kubernetes.Context)
	require.True(t, one.Backends.Kubernetes.Discover)
	require.Empty(t, one.Server)
}

func TestSeveralClustersAtOnce(t *testing.T) {
	f := pluginFactory(t, "kubectl-aictl", "", Flags{Contexts: []string{"*"}, As: "eve", Set: map[string]bool{"context": true, "as": true}})
	s, err := f.Settings()
	require.NoError(t, err)
	require.Len(t, s.Targets, 2)
	require.Equal(t, "default", s.Targets[1].Namespace)
	require.Equal(t, "eve", s.Targets[1].Backends.Kubernetes.As)
}

func TestAProtectedContextLendsItsGuardRails(t *testing.T) {
	f := pluginFactory(t, "kubectl-aictl", "contexts:\n- name: mine\n  protection: prod\n  read_only: true\n  backends:\n    kubernetes: {context: eu}\n    prometheus: {url: \"http://p:9090\"}\n", Flags{Set: map[string]bool{}})
	s, err := f.Settings()
	require.NoError(t, err)
	require.Equal(t, "prod", s.Targets[0].Protection)
	require.True(t, s.Targets[0].ReadOnly)
	require.Equal(t, "http://p:9090", s.Targets[0].Backends.Prometheus.URL)
}

func TestImpersonationIsOfClusters(t *testing.T) {
	f := pluginFactory(t, "aictl", "contexts:\n- name: mine\n  server: http://127.0.0.1:1\ncurrent_context: mine\n", Flags{As: "eve", Set: map[string]bool{"as": true}})
	_, err := f.Settings()
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}
