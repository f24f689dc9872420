package logs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       api.LogFilter
	}{
		{"nothing", "  ", api.LogFilter{}},
		{"words", "connection timeout", api.LogFilter{Text: "connection timeout"}},
		{"short", "timeout level:warn service:cart,chat service:auth", api.LogFilter{Text: "timeout", Level: "warn", Service: []string{"cart", "chat", "auth"}}},
		{"flags", "--level=WARNING timeout --service cart --trace abc", api.LogFilter{Text: "timeout", Level: "warn", Service: []string{"cart"}, Trace: "abc"}},
		{"where", `where(http.status >= 500 && (a == ")" || b exists)) x`, api.LogFilter{Text: "x", Where: `http.status >= 500 && (a == ")" || b exists)`}},
		{"where as a flag", "--where 'duration > 200ms'", api.LogFilter{Where: "duration > 200ms"}},
		{"two", "where(a == 1) where(b == 2)", api.LogFilter{Where: "(a == 1) && (b == 2)"}},
		{"grep", `grep:'a b|c'`, api.LogFilter{Grep: "a b|c"}},
		{"a quoted word is text", `"level:warn"`, api.LogFilter{Text: "level:warn"}},
		{"a colon is no key", "http://x:80 main.go:12", api.LogFilter{Text: "http://x:80 main.go:12"}},
		{"a pasted command", "aictl logs -f timeout --limit 5 --level error", api.LogFilter{Text: "timeout", Level: "error"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(c.text)
			require.NoError(t, err)
			require.Equal(t, c.want, got.filter)
			again, err := parse(format(got.filter))
			require.NoError(t, err, format(got.filter))
			require.Equal(t, got.filter, again.filter, format(got.filter))
		})
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"level:loud":     "is no level",
		"--lvel warn":    "there is no --lvel here",
		"--level":        "--level needs a value",
		"--since 2h":     "the window of time is the dashboard's",
		"where(a == 1":   "where( is not closed",
		"where(a == )":   "",
		"grep:'('":       "is no regular expression",
		`say "something`: "is not closed",
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`a 'b c' level:warn where(x == ")") grep:"it's"`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parse(text)
		if err != nil || strings.ContainsFunc(q.filter.Where+q.filter.Grep+q.filter.Raw, func(r rune) bool { return r < ' ' }) {
			return
		}
		again, err := parse(format(q.filter))
		if err != nil || again.filter.Where != q.filter.Where || again.filter.Text != strings.Join(strings.Fields(q.filter.Text), " ") {
			t.Fatalf("%q: %+v came back from %q as %+v, %v", text, q.filter, format(q.filter), again.filter, err)
		}
	})
}
