package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// dashboardHome is a person with two contexts, who left the dashboard in the
// second one.
func dashboardHome(t *testing.T) func(string) string {
	t.Helper()
	home := t.TempDir()
	for name, text := range map[string]string{
		".config/aictl/config.yaml":         "current_context: prod\ncontexts:\n  - name: prod\n    server: http://127.0.0.1:1\n  - name: staging\n    server: http://127.0.0.1:2\n    read_only: true\n",
		".local/state/aictl/dashboard.json": `{"context":"staging","contexts":{}}`,
	} {
		path := filepath.Join(home, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return func(k string) string { return map[string]string{"HOME": home, "LC_ALL": "C.UTF-8"}[k] }
}

func TestTheDashboardOpensWhereItWasLeft(t *testing.T) {
	env := dashboardHome(t)
	for _, c := range []struct {
		name, flag string
		context    string
		readOnly   bool
		said       bool
	}{
		{"as the last time", "", "staging", true, true},
		{"a flag says which", "prod", "prod", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			io, _, _, _ := term.Test()
			f := factory.New(io, env)
			f.Flags.Set = map[string]bool{}
			if c.flag != "" {
				f.Flags.Contexts, f.Flags.Set = []string{c.flag}, map[string]bool{"context": true}
			}
			o, err := dashboardOptions(f)
			require.NoError(t, err)
			require.Len(t, o.Contexts, 1)
			require.Equal(t, c.context, o.Contexts[0].Name)
			require.Equal(t, c.readOnly, o.Contexts[0].ReadOnly)
			require.Equal(t, c.said, o.Notice != "")
			require.Equal(t, []string{"prod", "staging"}, o.All)
			other, err := o.OpenContext("staging")
			require.NoError(t, err)
			require.True(t, other.ReadOnly)
		})
	}
}

func TestTheDashboardNeedsATerminal(t *testing.T) {
	var out, errOut bytes.Buffer
	root := NewRoot(factory.New(term.Captured(&out, &errOut, 80, dashboardHome(t)), dashboardHome(t)))
	root.SetArgs([]string{"dashboard"})
	err := root.Execute()
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	require.Empty(t, out.String())
}

// The palette's command lines: a change is handed back and nothing is sent, what
// needs the terminal is refused, the window is given where it fits.
func TestCommandLinesInside(t *testing.T) {
	env := dashboardHome(t)
	io, _, _, _ := term.Test()
	f := factory.New(io, env)
	f.Flags.Set = map[string]bool{}
	in := inside{f}
	window := []string{"--since", "15m"}

	o, err := in.run(t.Context(), []string{"deploy", "scale", "web", "--replicas", "3"}, []string{"prod"}, window, 80)
	require.NoError(t, err)
	require.Equal(t, "deploy.scale", o.Change.Describe().ID)
	require.Empty(t, o.Text)

	for _, line := range [][]string{{"up"}, {"dashboard"}, {"secrets", "run", "--", "sh"}, {"login"}, {"context", "use", "prod"}} {
		_, err = in.run(t.Context(), line, []string{"prod"}, window, 80)
		require.Equal(t, fail.Usage, fail.CodeOf(err), line)
		require.ErrorContains(t, err, "needs the terminal")
	}

	_, err = in.run(t.Context(), []string{"changes"}, []string{"prod"}, window, 80)
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "it was sent, and nobody is there")
	_, err = in.run(t.Context(), []string{"nonsense"}, []string{"prod"}, window, 80)
	require.Error(t, err)

	o, err = in.run(t.Context(), []string{"version"}, []string{"prod"}, window, 80)
	require.NoError(t, err)
	require.NotEmpty(t, o.Text)

	require.Contains(t, in.complete(t.Context(), []string{"deploy", "sca"}), "scale\tChange the number of replicas of a workload")
}
