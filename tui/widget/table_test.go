package widget

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/tui/theme"
)

type pod struct {
	name, status, note string
	restarts           int
}

func skin(t testing.TB, name string) func() *theme.Theme {
	t.Helper()
	th, err := theme.New(name)
	require.NoError(t, err)
	return func() *theme.Theme { return th }
}

func pods(th func() *theme.Theme) *Table[pod] {
	t := NewTable(th, func(p *pod) string { return p.name },
		Column[pod]{Name: "NAME", Min: 6, Text: func(p *pod) string { return p.name }},
		Column[pod]{
			Name: "STATUS", Drop: 1, Text: func(p *pod) string { return p.status },
			Style: func(p *pod) theme.Style { return th().Severity(p.status) },
		},
		Column[pod]{
			Name: "RESTARTS", Right: true, Drop: 2, Text: func(p *pod) string { return grouped(p.restarts) },
			Compare: func(a, b *pod) int { return cmp.Compare(a.restarts, b.restarts) },
		},
		Column[pod]{Name: "NOTE", Grow: true, Text: func(p *pod) string { return p.note }},
	)
	t.Empty = "no pods"
	return t
}

func numbered(n int) []pod {
	out := make([]pod, n)
	for i := range out {
		out[i] = pod{
			name: fmt.Sprintf("pod-%d", i), restarts: i * 7 % 13,
			status: []string{"Running", "Failed", "Pending"}[i%3], note: fmt.Sprintf("note of %d", i),
		}
	}
	return out
}

func TestTableLooks(t *testing.T) {
	tb := pods(skin(t, theme.Mono))
	tb.Set([]pod{
		{name: "checkout-1", status: "Running", note: "all well"},
		{name: "checkout-2", status: "Failed", restarts: 1234, note: "exit 137 (out of memory), and then some more of it"},
		{name: "日本", status: "Pending"},
	})
	tb.Act("list.down")
	tb.Act("list.mark") // and down
	tb.Act("list.up")
	want := func(width, height int, lines ...string) {
		t.Helper()
		got := plainOf(tb.View(width, height))
		if got != strings.Join(lines, "\n") {
			t.Errorf("%d×%d:\n%s\nwant:\n%s", width, height, got, strings.Join(lines, "\n"))
		}
	}
	want(
		60, 5,
		"  NAME        STATUS   RESTARTS  NOTE",
		"  checkout-1  Running         0  all well",
		">●checkout-2  Failed      1,234  exit 137 (out of memory), …",
		"  日本        Pending         0",
	)
	tb.SortBy("RESTARTS", true)
	want(
		60, 5,
		"  NAME        STATUS   RESTARTS▼ NOTE",
		">●checkout-2  Failed      1,234  exit 137 (out of memory), …",
		"  checkout-1  Running         0  all well",
		"  日本        Pending         0",
	)
	tb.ASCII = true
	tb.Act("list.down")
	tb.SortBy("NAME", false)
	want(
		30, 5,
		"  NAME^      NOTE",
		"> checkout-1 all well         ",
		" *checkout-2 exit 137 (out of…",
		"  日本",
	)
	want(20, 2, "> check… all well   ", " *check… exit 137 (…")
	want(5, 1, ">che…")
	tb.Filter("oom!")
	want(40, 5, "  NAME^   STATUS  RESTARTS  NOTE", "nothing of 3 matches oom!")
	tb.Filter("")
	tb.Set(nil)
	want(40, 5, "  NAME^   STATUS  RESTARTS  NOTE", "no pods")
}

func TestTableHighlightsAndScrollsSideways(t *testing.T) {
	tb := pods(skin(t, "default"))
	th := skin(t, "default")()
	tb.Set([]pod{{name: "a", note: "first"}, {name: "b", note: strings.Repeat("0123456789", 10) + " timeout"}})
	tb.Filter("timeout|first")
	tb.Act("list.down")
	view := tb.View(60, 5)
	require.Contains(t, view, th.Match.Render("first"))
	require.NotContains(t, view, "timeout")
	for range 20 {
		tb.Act("list.right")
		view = tb.View(60, 5)
	}
	require.Contains(t, view, "timeout")
	for range 20 {
		tb.Act("list.left")
	}
	require.Contains(t, tb.View(60, 5), "0123456789")
}

func TestTableWidthsOnlyGrow(t *testing.T) {
	tb := pods(skin(t, theme.Mono))
	rows := numbered(100)
	rows[50].name = "a-pod-with-a-long-name"
	tb.Set(rows)
	at := func() int {
		before, _, _ := strings.Cut(strings.Split(tb.View(80, 12), "\n")[0], "STATUS")
		return ansi.StringWidth(before)
	}
	narrow := at()
	require.True(t, tb.Select("a-pod-with-a-long-name"))
	wide := at()
	require.Greater(t, wide, narrow)
	tb.Act("list.top")
	require.Equal(t, wide, at(), "scrolling back does not narrow the column")
	tb.Act("list.sort")
	require.Equal(t, wide, at(), "sorting does not move it")
	tb.Act("list.top")
	tb.View(80, 12)
	tb.Set(numbered(100))
	require.Equal(t, narrow, at(), "other rows are measured anew")
}

func TestTableCursorAndMarks(t *testing.T) {
	tb := pods(skin(t, theme.Mono))
	tb.Set(numbered(100))
	tb.View(80, 11)
	on := func() string {
		p, ok := tb.Current()
		require.True(t, ok)
		return p.name
	}
	require.True(t, tb.Select("pod-42"))
	require.Equal(t, "43/100", tb.Position())
	tb.Filter("failed")
	require.Equal(t, "15/33 of 100", tb.Position())
	require.Equal(t, "pod-43", on(), "the next one, where the filter hides it")
	tb.Filter("failed|pending")
	tb.Filter("")
	require.Equal(t, "pod-42", on(), "back after typing")
	tb.Filter("nothing is like this")
	_, ok := tb.Current()
	require.False(t, ok)
	require.Equal(t, "0/0 of 100", tb.Position())
	tb.Filter("")
	require.Equal(t, "pod-42", on())
	tb.Filter("failed")
	tb.Act("list.down")
	tb.Filter("")
	require.Equal(t, "pod-46", on(), "a move in the filtered rows counts")

	tb.Remove("pod-46", "no such pod")
	require.Equal(t, "pod-47", on(), "what took its place")
	tb.Set(nil)
	require.Equal(t, "0/0", tb.Position())
	tb.Set(numbered(100))
	require.Equal(t, "pod-47", on(), "an empty answer in between does not move it")

	require.False(t, tb.Select("late"))
	require.Equal(t, "pod-47", on())
	tb.Upsert(pod{name: "late"})
	require.Equal(t, "late", on(), "a row that was selected before it came")
	require.False(t, tb.Select("later"))
	tb.Act("list.top")
	tb.Upsert(pod{name: "later"})
	require.Equal(t, "pod-0", on(), "unless the person went elsewhere")

	tb.Act("list.mark")
	tb.Act("list.mark")
	tb.Remove("pod-0")
	tb.Filter("pending")
	require.Equal(t, "1/33 of 101, 1 marked", tb.Position())
	require.Equal(t, "pod-1", tb.Marked()[0].name, "also where the filter hides it")
	tb.Set(numbered(3))
	require.Len(t, tb.Marked(), 1)
	tb.Set(numbered(1))
	tb.Set(numbered(3))
	require.Empty(t, tb.Marked(), "the mark of a row that went does not come back with it")
	tb.Select("pod-2")
	tb.Act("list.mark")
	tb.ClearMarks()
	require.Empty(t, tb.Marked())
	_, ok = tb.Get("pod-1")
	require.True(t, ok)
	_, ok = tb.Get("pod-9")
	require.False(t, ok)
	require.False(t, tb.Act("alerts.ack"))
}

func TestTableMouse(t *testing.T) {
	tb := pods(skin(t, theme.Mono))
	tb.Set(numbered(30))
	tb.View(80, 11)
	require.False(t, tb.Click(0), "the head")
	require.True(t, tb.Click(3))
	require.Equal(t, "3/30", tb.Position())
	tb.Scroll(5)
	require.Equal(t, "6/30", tb.Position(), "taken along")
	require.Contains(t, strings.Split(tb.View(80, 11), "\n")[1], ">")
	tb.Scroll(-2)
	require.Equal(t, "6/30", tb.Position())
	tb.Scroll(1000)
	require.Equal(t, "21/30", tb.Position())
	tb.View(80, 40)
	require.False(t, tb.Click(35), "below the rows")
	require.False(t, tb.Click(-1))
}

func TestTableFirstPageStays(t *testing.T) {
	tb := pods(skin(t, theme.Mono))
	tb.Set(numbered(30))
	tb.View(80, 11)
	tb.SortBy("NAME", false)
	tb.Act("list.top")
	tb.Upsert(pod{name: "a"}, pod{name: "b"})
	lines := strings.Split(tb.View(80, 11), "\n")
	require.Contains(t, lines[1], "  a", "new rows on top are seen")
	require.Contains(t, lines[3], "> pod-0", "and the cursor stays on its row")

	tb.Select("pod-20")
	line := func() int {
		return slices.IndexFunc(strings.Split(tb.View(80, 11), "\n"), func(l string) bool { return strings.HasPrefix(l, ">") })
	}
	before := line()
	tb.Upsert(pod{name: "c"}, pod{name: "d"})
	require.Equal(t, before, line(), "further down the cursor stays in its line")
}

func TestTableSaves(t *testing.T) {
	tb := pods(skin(t, theme.Mono))
	tb.SortBy("RESTARTS", true)
	raw, err := json.Marshal(tb.Save())
	require.NoError(t, err)
	other := pods(skin(t, theme.Mono))
	other.Restore(raw)
	require.Equal(t, tb.Save(), other.Save())
	for _, bad := range []string{"", "null", "[]", `{"sort":7}`, `{"sort":"NO SUCH"}`, `{"sort":""}`} {
		other.Restore([]byte(bad))
	}
	other.Set(numbered(3))
	require.Equal(t, 3, other.Len())
}

func TestTableHoldsItsBounds(t *testing.T) {
	for _, name := range []string{"default", theme.Mono} {
		tb := pods(skin(t, name))
		for i, h := range hostile {
			tb.Upsert(pod{name: fmt.Sprint(h, i), status: h, note: h + h})
			tb.Upsert(pod{name: fmt.Sprint(i, h), status: hostile[(i+7)%len(hostile)], note: h})
		}
		for w := 1; w <= 130; w += 1 + w/20 {
			tb.Filter([]string{"", "e", "👩", "~日", "x*", "!zzz"}[w%6])
			for h := 1; h <= 45; h += 1 + h/4 {
				tb.Act([]string{"list.down", "list.mark", "list.right", "list.pagedown", "list.sort", "list.reverse", "list.top"}[(w*3+h)%7])
				inBounds(t, tb.View(w, h), w, h)
			}
		}
		require.Empty(t, tb.View(0, 5))
		require.Empty(t, tb.View(5, 0))
	}
}
