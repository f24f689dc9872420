package cli

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// TestSuggestedCommandsExist: what errors, incidents and handoffs tell a person
// to type is there: the command, its flags, and for what the program builds of
// words the number of arguments too. A suggestion that fails at three in the
// morning is worse than none.
func TestSuggestedCommandsExist(t *testing.T) {
	root, _ := newTree(t)
	root.InitDefaultHelpCmd()
	top := filepath.Join("..", "..")
	hints, built := 0, 0
	for _, dir := range []string{"internal", "server", "cmd", "tui"} {
		err := filepath.WalkDir(filepath.Join(top, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			builds := slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return strings.HasSuffix(i.Path.Value, `/internal/argv"`) })
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				at := set.Position(call.Pos()).String()
				switch name := called(call); {
				case name == "Hint":
					text, ok := literal(call.Args[0])
					if !ok {
						return true
					}
					for _, command := range commandsIn(root, text) {
						hints++
						if err := accepts(root, command, false); err != nil {
							t.Errorf("%s: %q: %v", strings.TrimPrefix(at, top), strings.Join(command, " "), err)
						}
					}
				case builds && (name == "line" || name == "Line"):
					words, ok := literals(call)
					if !ok {
						return true
					}
					built++
					if err := accepts(root, words, true); err != nil {
						t.Errorf("%s: %q: %v", strings.TrimPrefix(at, top), strings.Join(words, " "), err)
					}
				}
				return true
			})
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, hints, 100, "hints were found")
	require.Greater(t, built, 20, "built commands were found")
}

func TestASuggestionThatFailsIsFound(t *testing.T) {
	root, _ := newTree(t)
	for text, words := range map[string]string{
		"look at it: aictl alerts show NAME, or at all of them": "alerts show NAME",
		"aictl deploy undo web -n shop; or roll forward":        "deploy undo web -n shop",
		"start it with aictl up and try again":                  "up",
		"see (aictl logs --service web)":                        "logs --service web",
	} {
		require.Equal(t, [][]string{strings.Fields(words)}, commandsIn(root, text), text)
	}
	require.Len(t, commandsIn(root, "aictl secrets rotate X --resume Y; aictl handoff"), 2)
	require.Empty(t, commandsIn(root, "aictl and aictl-server belong together"))
	for _, c := range []struct {
		words string
		exact bool
		ok    bool
	}{
		{"secrets rotate X --resume X", true, true},
		{"secrets rotate --resume X", true, false}, // no REF
		{"secrets rotate --resume X", false, true}, // of a sentence the arguments are not known
		{"deploy undoo X", false, false},
		{"deploy undo X --verfy X", false, false},
		{"deploy undo X -n X --verify=X", true, true},
		{"alerts show X X X", true, false},
		{"frobnicate", false, false},
	} {
		require.Equal(t, c.ok, accepts(root, strings.Fields(c.words), c.exact) == nil, c.words)
	}
}

// called is the name of the function or method of a call.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	if sum, ok := e.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
		a, okA := literal(sum.X)
		b, okB := literal(sum.Y)
		if !okA && !okB {
			return "", false
		}
		return a + b, true
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// literals are the words of line("alerts", "show", name) and of
// argv.Line("aictl", …): what is no literal is one word. A call that ends in
// "…", or begins with something else, is not judged.
func literals(call *ast.CallExpr) ([]string, bool) {
	if call.Ellipsis.IsValid() {
		return nil, false
	}
	var words []string
	for i, a := range call.Args {
		w, ok := literal(a)
		switch {
		case !ok && i == 0:
			return nil, false
		case !ok:
			w = "X"
		}
		words = append(words, w)
	}
	if words[0] == "aictl" {
		words = words[1:]
	}
	return words, len(words) > 0 && !strings.HasPrefix(words[0], "-") // flags for another line
}

// A command in a sentence begins with aictl and ends where the sentence goes on.
var (
	inSentence = regexp.MustCompile(`(?:^|[\s(])aictl ([a-z][^;]*)`)
	goesOn     = regexp.MustCompile(`^(or|and|with|to|for|shows?|says?|gives?|names?|starts?|runs?|makes?|tells?|lists?|lets?|it|again|there|then|first|without|which|that|on|in|is|has|needs|takes|reads|of|as|where|what|by|brings|moves|revokes|goes|change|changes|answers|the|from|names|if|would|writes|would|ends|before|after|instead)$`)
)

func commandsIn(root *cobra.Command, text string) [][]string {
	var out [][]string
	for _, m := range inSentence.FindAllStringSubmatch(text, -1) {
		var words []string
		at := root
		for w := range strings.FieldsSeq(m[1]) {
			end := strings.TrimRight(w, ".,:)…")
			if at != nil {
				at = child(at, end)
			}
			if at == nil && (goesOn.MatchString(end) || strings.HasPrefix(end, "--%")) {
				break
			}
			if end != "" {
				words = append(words, strings.Trim(end, `"'`))
			}
			if end != w {
				break
			}
		}
		if len(words) > 0 {
			out = append(out, words)
		}
	}
	return out
}

// accepts says whether the tree has the command and its flags; with exact, also
// whether it takes so many arguments.
func accepts(root *cobra.Command, words []string, exact bool) error {
	c, rest := root, words
	for len(rest) > 0 {
		next := child(c, rest[0])
		if next == nil {
			break
		}
		c, rest = next, rest[1:]
	}
	if c == root {
		return errors.New("there is no such command")
	}
	if c.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && c.ValidateArgs(rest[:1]) != nil {
		return fmt.Errorf("%s has no %q", c.CommandPath(), rest[0])
	}
	c.InitDefaultHelpFlag()
	var args []string
	for i := 0; i < len(rest); i++ {
		w := rest[i]
		if !strings.HasPrefix(w, "-") || w == "-" {
			args = append(args, w)
			continue
		}
		if w == "--" {
			args = append(args, rest[i+1:]...)
			break
		}
		name, _, value := strings.Cut(strings.TrimLeft(w, "-"), "=")
		flag := c.Flags().Lookup(name)
		if flag == nil {
			flag = c.InheritedFlags().Lookup(name)
		}
		if flag == nil && len(name) == 1 {
			if flag = c.Flags().ShorthandLookup(name); flag == nil {
				flag = c.InheritedFlags().ShorthandLookup(name)
			}
		}
		if flag == nil {
			return fmt.Errorf("%s has no flag %s", c.CommandPath(), w)
		}
		if !value && flag.NoOptDefVal == "" {
			i++ // its value
		}
	}
	if exact {
		return c.ValidateArgs(args)
	}
	return nil
}

func child(c *cobra.Command, name string) *cobra.Command {
	for _, sub := range c.Commands() {
		if sub.Name() == name || sub.HasAlias(name) {
			return sub
		}
	}
	return nil
}
