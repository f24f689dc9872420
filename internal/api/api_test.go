package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/op"
)

// TestEveryDeclarationIsListed reads the package's source: a declaration that
// All forgets would have no command, no route and no permission.
func TestEveryDeclarationIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, d := range All() {
		id := d.Describe().ID
		require.False(t, listed[id], "%s is listed twice", id)
		listed[id] = true
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	n := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			kv, ok := node.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "ID" {
				if lit, ok := kv.Value.(*ast.BasicLit); ok {
					n++
					require.True(t, listed[strings.Trim(lit.Value, `"`)], "%s is not in All", lit.Value)
				}
			}
			return true
		})
	}
	require.Equal(t, len(listed), n)
}

func TestDeclarationsAreComplete(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+\.[a-z-]+$`)
	mux := http.NewServeMux() // panics when two routes conflict
	for _, d := range All() {
		s := d.Describe()
		t.Run(s.ID, func(t *testing.T) {
			require.Regexp(t, id, s.ID)
			mux.HandleFunc(s.Route, func(http.ResponseWriter, *http.Request) {})
			require.True(t, strings.HasPrefix(s.Path(), "/api/v1/"), s.Route)
			require.NotEmpty(t, s.Summary)
			require.False(t, strings.HasSuffix(s.Summary, "."), "a summary has no full stop")
			require.GreaterOrEqual(t, len(s.Examples), 2)
			for _, e := range s.Examples {
				require.NotEmpty(t, e.Note)
				require.Contains(t, e.Command, "aictl ")
			}
			require.Contains(t, []op.Effect{op.Read, op.Invoke, op.Write, op.Destroy}, s.Effect)
			require.Equal(t, d.Shape() == op.ShapeChange, s.Effect.Mutates(),
				"what mutates is a Change, and a Change mutates")
			_, err := op.Schema(d.InputType())
			require.NoError(t, err)
			_, err = op.Schema(d.OutputType())
			require.NoError(t, err)
			fields := op.Fields(d.InputType())
			for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(s.Path(), -1) {
				found := false
				for _, f := range fields {
					found = found || f.JSON == m[1]
				}
				require.True(t, found, "no member for the wildcard %s", m[0])
			}
			for _, f := range fields {
				require.NotEmpty(t, f.Help, "%s.%s has no description", s.ID, f.JSON)
			}
		})
	}
}
