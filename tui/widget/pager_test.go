package widget

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

func page(n int) *Pager {
	p := NewPager()
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("line %d", i)
	}
	p.SetLines(lines)
	return p
}

func TestPager(t *testing.T) {
	p := page(100)
	first := func() string { l, _, _ := strings.Cut(p.View(40, 10), "\n"); return l }
	require.Equal(t, "line 0", first())
	for _, s := range []struct{ id, want string }{
		{"list.down", "line 1"},
		{"list.pagedown", "line 10"},
		{"list.bottom", "line 90"},
		{"list.down", "line 90"},
		{"list.up", "line 89"},
		{"list.pageup", "line 80"},
		{"list.top", "line 0"},
		{"list.up", "line 0"},
	} {
		require.True(t, p.Act(s.id))
		require.Equal(t, s.want, first(), s.id)
	}
	require.False(t, p.Act("list.mark"))
	require.False(t, p.AtBottom())
	p.ToBottom()
	require.True(t, p.AtBottom())
	p.SetLines(p.lines[:50])
	require.Equal(t, "line 40", first(), "a shorter page shows its end")
	p.Scroll(-5)
	require.Equal(t, "line 35", first())
	p.SetLines(nil)
	require.Empty(t, first())
	require.True(t, p.AtBottom())
}

func TestPagerFinds(t *testing.T) {
	p := page(100)
	p.Match = skin(t, "default")().Match
	p.View(40, 10)
	p.Find("line 4[24]")
	require.Contains(t, p.View(40, 10), p.Match.Render("line 42"))
	require.Equal(t, 42, p.Top())
	require.True(t, p.Next())
	require.Equal(t, 44, p.Top())
	require.True(t, p.Next())
	require.Equal(t, 42, p.Top(), "round the end")
	require.True(t, p.Prev())
	require.Equal(t, 44, p.Top())
	p.Find("nothing")
	require.False(t, p.Next())
	require.Equal(t, 44, p.Top())
}

// Marks in a styled line keep the styles around them, and split no character.
func TestPagerMarksStyledText(t *testing.T) {
	th := skin(t, "default")()
	m := th.Match.Render
	red := func(s string) string { return th.Bad.Render(s) }
	open, _, _ := strings.Cut(red("x"), "x")
	for _, c := range []struct{ name, line, find, want string }{
		{"plain", "a timeout here", "timeout", "a " + m("timeout") + " here"},
		{"inside a style", red("a timeout here"), "timeout", open + "a " + reset + m("timeout") + open + " here" + reset},
		{"over the end of a style", red("time") + "out x", "timeout", open + reset + m("timeout") + " x"},
		{"two", "ab ab", "ab", m("ab") + " " + m("ab")},
		{"a part of a character", "x" + family, "👩", "x" + m(family)},
		{"a letter with a mark", accent + "x", "^e", m(accent) + "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := plainOf(c.line)
			got := highlightStyled(c.line, plain, NewFilter(c.find).Spans(plain), th.Match)
			require.Equal(t, c.want, got)
			require.Equal(t, plain, plainOf(got))
		})
	}
}

func TestPagerScrollsSideways(t *testing.T) {
	p := NewPager()
	p.SetLines([]string{"short", strings.Repeat("0123456789", 6)})
	require.Equal(t, "short\n012345678…", p.View(10, 3))
	for range 10 {
		p.Act("list.right")
	}
	require.Equal(t, "\n0123456789", p.View(10, 3), "as far as there is text")
	for range 10 {
		p.Act("list.left")
	}
	require.Equal(t, "short\n012345678…", p.View(10, 3))
}

func TestPagerHoldsItsBounds(t *testing.T) {
	th := skin(t, "default")()
	p := NewPager()
	p.Match = th.Match
	var lines []string
	for _, h := range hostile {
		lines = append(lines, term.SafeLine(h), th.Warn.Render(term.SafeLine(h))+th.Bad.Render(term.SafeLine(h)))
	}
	p.SetLines(lines)
	for w := 1; w <= 130; w += 1 + w/20 {
		p.Find([]string{"", "e", "👩", "~日", "x*", "!zzz"}[w%6])
		for h := 1; h <= 45; h += 1 + h/4 {
			p.Act([]string{"list.down", "list.right", "list.pagedown", "list.top", "list.left"}[(w+h)%5])
			inBounds(t, p.View(w, h), w, h)
		}
	}
}

func TestDiff(t *testing.T) {
	th := skin(t, "default")()
	unified := "--- a\n+++ b\n@@ -1,2 +1,2 @@\n same\n-old\tx\n+new \x1b[2J\n\\ No newline at end of file\n"
	got := Diff(th, ParseDiff(unified))
	require.Equal(t, []string{
		th.Info.Render("--- a"), th.Info.Render("+++ b"), th.Info.Render("@@ -1,2 +1,2 @@"), "  same",
		th.Removed.Render("- old    x"), th.Added.Render("+ new ^[[2J"), `  \ No newline at end of file`,
	}, got)
	require.Equal(t, []string{th.Changed.Render("~ a")}, Diff(th, []DiffLine{{'~', "a"}}))
	require.Empty(t, Diff(th, ParseDiff("")))
	mono := skin(t, theme.Mono)()
	require.Equal(t, []string{"+ a", "- b"}, Diff(mono, []DiffLine{{'+', "a"}, {'-', "b"}}), "the sign says it without colour")
}
