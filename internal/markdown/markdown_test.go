package markdown

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/term"
)

func TestRender(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"paragraphs", "one\ntwo\n\nthree", "one two\n\nthree"},
		{"heading", "# Title\n\ntext", "Title\n\ntext"},
		{"list", "- a\n- b\n  - c\n- d", "• a\n• b\n  • c\n• d"},
		{"ordered", "3. a\n4. b", "3. a\n4. b"},
		{"code", "```sh\naictl up\n  -x\n```", "  aictl up\n    -x"},
		{"inline", "use `aictl up`, **now** or *later*", "use aictl up, now or later"},
		{"link", "[docs](https://x.invalid/a) <https://y.invalid>", "docs (https://x.invalid/a) https://y.invalid"},
		{"image is an address", "![pic](https://x.invalid/p.png)", "pic (https://x.invalid/p.png)"},
		{"quote", "> a\n> b", "│ a b"},
		{"table", "| a | bb |\n|---|---|\n| ccc | d |", "a     bb\nccc   d"},
		{"wraps", strings.Repeat("word ", 10), "word word word word\nword word word word\nword word"},
		{"html is text", "<b>x</b>", "<b>x</b>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			width := 60
			if c.name == "wraps" {
				width = 20
			}
			require.Equal(t, c.want, Render(c.in, width, term.NewStyles(false)))
		})
	}
	require.Contains(t, Render("**x**", 20, term.NewStyles(true)), "\x1b[")
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{"", "```", "- - - -", "|||\n|-|", "[](<", "> > >", "1. \n\n 2.", "**_`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Render(term.Safe(s), 40, term.NewStyles(false))
		for _, r := range out {
			if r < 0x20 && r != '\n' && r != '\t' {
				t.Fatalf("control %q from %q", r, s)
			}
		}
	})
}

// A character reference is text until the parser makes a character of it.
func TestReferencesNeverSteer(t *testing.T) {
	for _, source := range []string{
		"a &#27;]0;x&#7; b", "# &#x1b;[2J", "`&#27;[2J`", "[&#27;[31m](http://x/&#27;[2J)", "- &#155;2J", "| &#27;[2J |\n|---|\n| &#8238;x |",
		"<b>&#27;[2J</b>", "![&#27;c](&#27;c)", "> &#27;[2J", "    &#27;[2J",
	} {
		out := Render(source, 80, term.NewStyles(false))
		require.Equal(t, term.Safe(out), out, "%q", source)
		require.NotContains(t, out, "\x1b", "%q", source)
	}
}
