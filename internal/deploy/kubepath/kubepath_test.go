package kubepath

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

const object = `{"metadata":{"labels":{"a.b/c":"x"}},"spec":{"replicas":3},"status":{"readyReplicas":9007199254740993,"load":0.5,"ok":true,"none":null,
	"conditions":[{"type":"Available","status":"True"},{"type":"Progressing","status":"False"}]}}`

func TestCompile(t *testing.T) {
	for expr, want := range map[string][]any{
		"{.spec.replicas}":          {int64(3)},
		"{.status.readyReplicas}":   {int64(9007199254740993)},
		"{.status.load}":            {0.5},
		"{.status.ok}":              {true},
		"{.status.missing.deeper}":  nil,
		`{.metadata.labels.a\.b/c}`: {"x"},
		`{.status.conditions[?(@.type=="Available")].status}`: {"True"},
		"{.status.conditions[*].status}":                      {"True", "False"},
	} {
		f, err := Compile(expr)
		require.NoError(t, err, expr)
		got, err := f([]byte(object))
		require.NoError(t, err, expr)
		require.Equal(t, want, got, expr)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"{.a}", "{[0]}", "{..}", "{.a[?(@.b>1)]}", "{range .a[*]}{.b}{end}", "{.a[-1:0:1]}", "{", "{.a[?(@.b==@.c)]}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		path, err := Compile(expr)
		if err != nil {
			require.Equal(t, fail.Usage, fail.CodeOf(err))
			return
		}
		_, _ = path([]byte(object)) // whatever it finds: it must not panic
	})
}
