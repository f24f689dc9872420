package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/bundle"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
)

// walk visits every command of a fresh tree.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		walk(c, visit)
	}
}

// TestFromOnEveryCommand: on every command --from takes a bundle, and where the
// command has a --from of its own, that value too, in the same line.
func TestFromOnEveryCommand(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("15m", nil, 0o600))
	require.NoError(t, os.WriteFile("kept.zip", nil, 0o600))
	io, _, _, _ := term.Test()
	paths := [][]string{}
	walk(NewRoot(factory.New(io, func(string) string { return "" })), func(c *cobra.Command) { paths = append(paths, words(c)) })
	windows := 0
	for _, path := range paths {
		tree := func() (*cobra.Command, *factory.Factory) {
			f := factory.New(io, func(string) string { return "" })
			root := NewRoot(f)
			c, _, err := root.Find(path)
			require.NoError(t, err)
			return c, f
		}
		c, f := tree()
		if c.DisableFlagParsing {
			continue
		}
		require.NoError(t, c.ParseFlags([]string{"--from", "away.aictl"}), path)
		require.Equal(t, "away.aictl", f.Flags.From, path)
		require.Equal(t, fail.Usage, fail.CodeOf(c.ParseFlags([]string{"--from", "other.aictl"})), "two bundles: %v", path)

		c, f = tree()
		require.NoError(t, c.ParseFlags([]string{"--from=./15m"}), path)
		require.Equal(t, "./15m", f.Flags.From, path)
		c, f = tree()
		require.NoError(t, c.ParseFlags([]string{"--from=kept.zip"}), path)
		require.Equal(t, "kept.zip", f.Flags.From, path)

		c, f = tree()
		own := c.LocalNonPersistentFlags().Lookup("from")
		if own == nil {
			require.Equal(t, fail.Usage, fail.CodeOf(c.ParseFlags([]string{"--from", "2h"})), path)
			continue
		}
		windows++
		require.NoError(t, c.ParseFlags([]string{"--from", "2h", "--from", "away.aictl"}), path)
		require.Equal(t, "away.aictl", f.Flags.From, path)
		require.Equal(t, "2h", own.Value.String(), path)
		require.Equal(t, fail.Usage, fail.CodeOf(c.ParseFlags([]string{"--from", "15m"})), "a time and a file: %v", path)
	}
	require.Greater(t, windows, 8)
}

// words are a command's path below the root.
func words(c *cobra.Command) (out []string) {
	for ; c.HasParent(); c = c.Parent() {
		out = append([]string{c.Name()}, out...)
	}
	return out
}

// TestTheSweepNamesEveryRead: each read operation is asked or left out with a
// reason that somebody wrote.
func TestTheSweepNamesEveryRead(t *testing.T) {
	v := inventory{since: "1h", services: []string{"chat"}, workloads: []string{"chat"}, alerts: []string{"High"}, rules: []string{"High"}, queries: []string{"up"}, incidents: []string{"inc-1"}, runbooks: []string{"High"}}
	io, _, _, _ := term.Test()
	root := NewRoot(factory.New(io, func(string) string { return "" }))
	has := func(path []string, flag string) bool {
		c, _, err := root.Find(path)
		return err == nil && c.Flags().Lookup(flag) != nil
	}
	asked, left := lines(v, has)
	seen := map[string]bool{}
	for _, args := range asked {
		c, _, err := root.Find(args)
		require.NoError(t, err, args)
		seen[c.Annotations[annotationOperation]] = true
	}
	for _, q := range hidden {
		seen[q.Describe().ID] = true
	}
	omitted := map[string]bundle.Omitted{}
	for _, o := range left {
		omitted[o.Operation] = o
		require.False(t, seen[o.Operation], "%s is asked and left out", o.Operation)
	}
	all := map[string]bool{}
	for _, d := range api.All() {
		s := d.Describe()
		all[s.ID] = true
		if s.Effect != op.Read {
			require.False(t, seen[s.ID], "%s is no read", s.ID)
			continue
		}
		if !seen[s.ID] {
			require.NotEmpty(t, omitted[s.ID].Reason, "%s is neither asked nor left out", s.ID)
			require.NotEmpty(t, notSwept[s.ID], "%s is left out because nobody said how to ask it: add it to asks, or to notSwept with a reason", s.ID)
		}
	}
	declared := map[string]bool{api.IncidentsEvidence.ID: true, api.IncidentsExport.ID: true}
	for id := range notSwept {
		require.True(t, all[id] || declared[id], "%s is no operation", id)
	}
	for _, id := range []string{"secrets.get", "secrets.prints", "sessions.show", "tokens.list"} {
		require.False(t, seen[id], id)
	}
}

func TestRecordIsCareful(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, c := range []struct {
		name string
		args []string
		want fail.Code
	}{
		{"a size that is none", []string{"record", "--max-size", "much"}, fail.Usage},
		{"a size that is too large", []string{"record", "--max-size", "9GiB"}, fail.Usage},
		{"a window that is none", []string{"record", "--since", "yore"}, fail.Usage},
		{"a command without the dashes", []string{"record", "alerts", "list"}, fail.Usage},
		{"a recording of a recording", []string{"record", "--", "record"}, fail.Usage},
		{"a window with a command", []string{"record", "--since", "2h", "--", "version"}, fail.Usage},
		{"a bundle of a bundle", []string{"--from", "x.aictl", "record"}, fail.Refused},
		{"no such bundle", []string{"--from", "x.aictl", "alerts", "list"}, fail.NotFound},
		{"up on a bundle", []string{"up", "--from", "x.aictl"}, fail.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			io, _, _, _ := term.Test()
			f := factory.New(io, func(k string) string { return map[string]string{"HOME": dir}[k] })
			root := NewRoot(f)
			root.SetArgs(c.args)
			err := root.ExecuteContext(t.Context())
			require.Error(t, err)
			require.Equal(t, c.want, fail.CodeOf(err), "%v", err)
			left, err := filepath.Glob("*")
			require.NoError(t, err)
			require.Empty(t, left, "nothing is written")
		})
	}
}
