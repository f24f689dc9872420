package factory

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindCursor(t *testing.T) {
	for in, want := range map[string]promqlCursor{
		"":                           {kind: "metric"},
		"node_":                      {word: "node_", kind: "metric"},
		"sum(rate(node_":             {head: "sum(rate(", word: "node_", kind: "metric"},
		"'sum(up":                    {head: "'sum(", word: "up", kind: "metric"},
		"up{":                        {head: "up{", kind: "label", name: "up"},
		"up{jo":                      {head: "up{", word: "jo", kind: "label", name: "up"},
		`up{job="a", ins`:            {head: `up{job="a", `, word: "ins", kind: "label", name: "up"},
		`sum(up{job="a`:              {head: `sum(up{job="`, word: "a", kind: "value", label: "job", name: "up"},
		`up{job=~"a,b}c`:             {head: `up{job=~"`, word: "a,b}c", kind: "value", label: "job", name: "up"},
		`{job!="x`:                   {head: `{job!="`, word: "x", kind: "value", label: "job"},
		`up{job="a"} / on(job) down`: {head: `up{job="a"} / on(job) `, word: "down", kind: "metric"},
		"up{job=":                    {},
		`{"http.x`:                   {},
	} {
		require.Equal(t, want, findCursor(in), in)
	}
}

func FuzzFindCursor(f *testing.F) {
	f.Add(`sum(up{job="a`)
	f.Add("'{\"\\")
	f.Fuzz(func(t *testing.T, text string) {
		at := findCursor(text)
		require.True(t, at.kind == "" || at.head+at.word == text)
		require.True(t, strings.HasPrefix(text, at.head))
	})
}
