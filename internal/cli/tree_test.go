package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

func newTree(t *testing.T) (*cobra.Command, func() string) {
	t.Helper()
	io, _, out, errOut := term.Test()
	home := t.TempDir()
	return NewRoot(factory.New(io, func(k string) string {
		if k == "HOME" {
			return home
		}
		return ""
	})), func() string { return out.String() + errOut.String() }
}

// TestEveryLeafIsWhole walks the whole tree.
func TestEveryLeafIsWhole(t *testing.T) {
	root, output := newTree(t)
	leaves := Leaves(root)
	require.Greater(t, len(leaves), 40)
	for _, c := range leaves {
		t.Run(c.CommandPath(), func(t *testing.T) {
			require.NotEmpty(t, c.Short)
			require.NotContains(t, c.Short, "\n")
			require.False(t, strings.HasSuffix(c.Short, "."), "a summary has no full stop")
			first, _, _ := strings.Cut(c.Short, " ")
			require.NotRegexp(t, `s$`, first, "a summary is imperative: %q", c.Short)

			info := Describe(c)
			require.GreaterOrEqual(t, len(info.Examples), 2)
			require.LessOrEqual(t, len(info.Examples), 5)
			require.NotEmpty(t, info.Exit)
			require.Equal(t, fail.OK, info.Exit[0].Code)
			_, err := schemaOf(c)
			require.NoError(t, err)

			require.NoError(t, c.Help())
			require.NoError(t, c.Usage())
			require.NotContains(t, output(), "\x1b", "an escape sequence off a terminal")
		})
	}
}

// TestExamplesFitTheTree: each example's words, flags and arguments exist.
// That they do what they say is shown in the acceptance stories and the manual.
func TestExamplesFitTheTree(t *testing.T) {
	root, _ := newTree(t)
	for _, leaf := range Leaves(root) {
		for _, example := range Describe(leaf).Examples {
			t.Run(example, func(t *testing.T) {
				words := shellWords(t, example)
				at := 0
				for at < len(words) && words[at] != "aictl" {
					at++ // what stands before a pipe
				}
				require.Less(t, at, len(words), "no aictl in it")
				words = words[at+1:]
				for i, w := range words {
					if w == "<" || w == "|" || w == ">" {
						words = words[:i]
						break
					}
				}
				fresh, _ := newTree(t)
				cmd, rest, err := fresh.Find(words)
				require.NoError(t, err)
				require.Equal(t, leaf.CommandPath(), cmd.CommandPath(), "an example of another command")
				require.NoError(t, cmd.ParseFlags(rest))
				if cmd.Args != nil {
					require.NoError(t, cmd.Args(cmd, cmd.Flags().Args()))
				}
			})
		}
	}
}

// shellWords splits as a shell does, for quotes of both kinds.
func shellWords(t *testing.T, s string) []string {
	t.Helper()
	var words []string
	var word strings.Builder
	quote, inWord := rune(0), false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && r == ' ':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			inWord = true
			if r != '\\' || quote == '\'' {
				word.WriteRune(r)
			}
		}
	}
	require.Zero(t, quote, "a quote without its end")
	if inWord {
		words = append(words, word.String())
	}
	return words
}

func TestGlobalFlagsHaveVariables(t *testing.T) {
	root, _ := newTree(t)
	page := topics()["environment"][1]
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "jq" {
			return
		}
		require.Contains(t, page, config.EnvName(f.Name), "the page on the environment")
	})
}

func TestHelpOfExitCodesIsTheTable(t *testing.T) {
	page := topics()["exit-codes"][1]
	for _, e := range fail.Table() {
		require.Contains(t, page, e.Meaning)
		require.Contains(t, page, string(e.Code))
	}
}

func TestUnknownWordsSuggest(t *testing.T) {
	for words, want := range map[string]string{
		"servics":            "aictl services",
		"services descrbe x": "aictl services describe",
		"context lst":        "aictl context list",
		"audit verfy":        "aictl audit verify",
	} {
		root, _ := newTree(t)
		root.SetArgs(strings.Fields(words))
		err := root.ExecuteContext(t.Context())
		require.Equal(t, fail.Usage, fail.CodeOf(err), words)
		require.Equal(t, want, fail.From(err).Next, words)
	}
}
