package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func kubeconfig(t *testing.T, current string, names ...string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: Config\ncurrent-context: " + current + "\ncontexts:\n")
	for _, n := range names {
		b.WriteString("- name: " + n + "\n  context: {cluster: c-" + n + ", namespace: ns-" + n + ", user: u}\n")
	}
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	return file
}

func TestKubeContexts(t *testing.T) {
	first, second := kubeconfig(t, "b", "a", "b"), kubeconfig(t, "c", "b", "c")
	env := func(k string) string {
		return map[string]string{"KUBECONFIG": first + string(os.PathListSeparator) + "/does/not/exist" + string(os.PathListSeparator) + second}[k]
	}
	k, err := LoadKubeContexts(env, "")
	require.NoError(t, err)
	require.Equal(t, "b", k.Current, "the first file wins")
	require.Equal(t, []KubeContext{{"a", "ns-a", "c-a"}, {"b", "ns-b", "c-b"}, {"c", "ns-c", "c-c"}}, k.All)

	for _, c := range []struct {
		name     string
		patterns []string
		want     string
	}{
		{"the current one", nil, "b"},
		{"by name", []string{"c"}, "c"},
		{"each once, in their order", []string{"[bc]", "b"}, "b c"},
		{"all", []string{"*"}, "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := k.Match(c.patterns)
			require.NoError(t, err)
			names := make([]string, len(got))
			for i, g := range got {
				names[i] = g.Name
			}
			require.Equal(t, c.want, strings.Join(names, " "))
		})
	}
	_, err = k.Match([]string{"nope"})
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
}

func TestKubeContextsThatAreNotThere(t *testing.T) {
	none := func(string) string { return "" }
	k, err := LoadKubeContexts(none, "")
	require.NoError(t, err)
	_, err = k.Match(nil)
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	_, err = LoadKubeContexts(none, "/does/not/exist")
	require.Equal(t, fail.Usage, fail.CodeOf(err), "one that was named must be there")
	odd := filepath.Join(t.TempDir(), "odd")
	require.NoError(t, os.WriteFile(odd, []byte("contexts: {"), 0o600))
	_, err = LoadKubeContexts(none, odd)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

func TestGuardRailsHoldForTheCluster(t *testing.T) {
	c := load(t, home(t, "contexts:\n- name: shop\n  protection: prod\n  backends:\n    kubernetes: {context: shop-eu}\n", "", nil))
	one, ok := c.ForCluster("shop-eu")
	require.True(t, ok)
	require.Equal(t, ProtectionProd, one.Protection)
	_, ok = c.ForCluster("other")
	require.False(t, ok)
}
