package nearest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"predict", "predict", 0},
		{"perdict", "predict", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3},
		{"größe", "grösse", 2},
	} {
		require.Equal(t, c.want, Distance(c.a, c.b), "%q to %q", c.a, c.b)
		require.Equal(t, c.want, Distance(c.b, c.a), "symmetric")
	}
	require.Equal(t, 64, Distance(strings.Repeat("a", 1<<20), ""), "long words are cut")
}

func TestOf(t *testing.T) {
	names := []string{"chat", "predict", "personalize"}
	for _, c := range []struct {
		word, want string
		ok         bool
	}{
		{"prdict", "predict", true},
		{"Perdict", "predict", true},
		{"caht", "chat", true},
		{"persnalise", "personalize", true},
		{"cat", "", false},
		{"banana", "", false},
	} {
		got, ok := Of(c.word, names)
		require.Equal(t, c.ok, ok, c.word)
		if ok {
			require.Equal(t, c.want, got)
		}
	}
}
