package promcursor_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/promcursor"
)

func TestFind(t *testing.T) {
	for in, want := range map[string]promcursor.Cursor{
		"":                           {Kind: promcursor.Metric},
		"node_":                      {Word: "node_", Kind: promcursor.Metric},
		"sum(rate(node_":             {Head: "sum(rate(", Word: "node_", Kind: promcursor.Metric},
		"'sum(up":                    {Head: "'sum(", Word: "up", Kind: promcursor.Metric},
		"up{":                        {Head: "up{", Kind: promcursor.Label, Name: "up"},
		"up{jo":                      {Head: "up{", Word: "jo", Kind: promcursor.Label, Name: "up"},
		`up{job="a", ins`:            {Head: `up{job="a", `, Word: "ins", Kind: promcursor.Label, Name: "up"},
		`sum(up{job="a`:              {Head: `sum(up{job="`, Word: "a", Kind: promcursor.Value, Label: "job", Name: "up"},
		`up{job=~"a,b}c`:             {Head: `up{job=~"`, Word: "a,b}c", Kind: promcursor.Value, Label: "job", Name: "up"},
		`{job!="x`:                   {Head: `{job!="`, Word: "x", Kind: promcursor.Value, Label: "job"},
		`up{job="a"} / on(job) down`: {Head: `up{job="a"} / on(job) `, Word: "down", Kind: promcursor.Metric},
		"up{job=":                    {},
		`{"http.x`:                   {},
	} {
		require.Equal(t, want, promcursor.Find(in), in)
	}
}

func FuzzFind(f *testing.F) {
	f.Add(`sum(up{job="a`)
	f.Add("'{\"\\")
	f.Fuzz(func(t *testing.T, text string) {
		at := promcursor.Find(text)
		require.True(t, at.Kind == "" || at.Head+at.Word == text)
		require.True(t, strings.HasPrefix(text, at.Head))
	})
}
