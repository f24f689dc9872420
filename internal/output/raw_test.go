package output

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRaw(t *testing.T) {
	for _, c := range []struct {
		name string
		doc  any
		want string
	}{
		{"texts", []string{"a b", "two\nlines", "\x1b[2J"}, "a b\ntwo\nlines\n^[[2J\n"},
		{"a text", "x", "x\n"},
		{"an object", map[string]int{"a": 1}, "{\"a\":1}\n"},
		{"a mixed list", []any{"x", 1, nil, map[string]string{"k": "v"}}, "x\n1\nnull\n{\"k\":\"v\"}\n"},
		{"nothing", []string{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			p, err := New(Options{Out: &b, Output: "raw"})
			require.NoError(t, err)
			require.NoError(t, p.Print(c.doc))
			require.Equal(t, c.want, b.String())
		})
	}
}
