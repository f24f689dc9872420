package widget

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/tui/theme"
)

func newView(t testing.TB, lines int) *LogView {
	t.Helper()
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	v := NewLogView(func() *theme.Theme { return th }, lines)
	v.Now = logStart
	return v
}

func logLines(from, to int) []LogLine {
	var out []LogLine
	for i := from; i < to; i++ {
		level := "info"
		if i%10 == 0 {
			level = "error"
		}
		out = append(out, LogLine{
			Time: logStart.Add(time.Duration(i) * time.Second), Level: level, Service: "checkout",
			Message: fmt.Sprintf("line %d", i),
		})
	}
	return out
}

// logMessages are the plain lines of a view without their cells.
func logMessages(view string) string {
	var out []string
	for _, l := range strings.Split(ansi.Strip(view), "\n") {
		if _, m, ok := strings.Cut(l, "checkout "); ok {
			out = append(out, strings.TrimSpace(m))
		}
	}
	return strings.Join(out, ",")
}

func TestLogViewFollows(t *testing.T) {
	v := newView(t, 0)
	v.Empty = "nothing yet"
	require.Contains(t, v.View(80, 6), "nothing yet")
	v.Append(logLines(0, 100)...)
	require.Equal(t, "line 95,line 96,line 97,line 98,line 99", logMessages(v.View(80, 6)))
	v.Append(logLines(100, 102)...)
	require.Equal(t, "line 97,line 98,line 99,line 100,line 101", logMessages(v.View(80, 6)))
	require.True(t, v.Following())

	require.True(t, v.Act("list.up"))
	require.False(t, v.Following())
	v.Append(logLines(102, 105)...)
	require.Equal(t, "line 97,line 98,line 99,line 100,line 101", logMessages(v.View(80, 6)))
	require.Equal(t, 3, v.Below())
	v.Act("list.down")
	v.Act("list.down")
	v.View(80, 6)
	require.Equal(t, 2, v.Below(), "one of them was scrolled into sight")
	v.Act("list.bottom")
	require.Equal(t, "line 100,line 101,line 102,line 103,line 104", logMessages(v.View(80, 6)))
	require.True(t, v.Following())
	v.Act("list.top")
	require.Equal(t, "line 0,line 1,line 2,line 3,line 4", logMessages(v.View(80, 6)))
	v.Act("list.pagedown")
	require.Equal(t, "line 0,line 1,line 2,line 3,line 4", logMessages(v.View(80, 6)))
	v.Act("list.pagedown")
	require.Equal(t, "line 4,line 5,line 6,line 7,line 8", logMessages(v.View(80, 6)))
}

func TestLogViewKeepsItsPlaceAsOldLinesGo(t *testing.T) {
	v := newView(t, 3000)
	v.Append(logLines(0, 3000)...)
	v.Act("list.top")
	v.View(80, 6)
	v.Append(logLines(3000, 5000)...)
	require.Equal(t, "line 2000,line 2001,line 2002,line 2003,line 2004", logMessages(v.View(80, 6)))
}

func TestLogViewFilter(t *testing.T) {
	v := newView(t, 0)
	v.Append(logLines(0, 20_000)...)
	v.Append(LogLine{Kind: LogGap, Message: "the store was away"})
	v.Append(logLines(20_000, 20_010)...)
	v.Filter("line 1..00$")
	require.Contains(t, v.View(80, 4), "gap: the store was away", "a gap is shown whatever the filter")
	done, all := v.Progress()
	require.Less(t, done, all)
	for work := v.Scan(); work != nil; work = v.Scan() {
		v.Scanned(work(context.Background()))
	}
	done, all = v.Progress()
	require.Equal(t, all, done)
	require.Equal(t, 100, v.Shown())
	v.Append(logLines(10_100, 10_101)...)
	require.Equal(t, 101, v.Shown(), "a new line is decided as it comes")
	v.Act("list.top")
	require.Equal(t, "line 10000,line 10100,line 10200", logMessages(v.View(80, 4)))

	v.Context(1)
	v.Act("list.top")
	require.Equal(t, "line 9999,line 10000,line 10001", logMessages(v.View(80, 4)))
	v.Context(AllLines)
	v.View(80, 4)
	require.True(t, v.Jump(JumpMatch, 1))
	l, _ := v.Current()
	require.Equal(t, "line 10000", l.Message)
	require.True(t, v.Jump(JumpMatch, 1))
	require.True(t, v.Jump(JumpMatch, -1))
	l, _ = v.Current()
	require.Equal(t, "line 10000", l.Message)
	require.False(t, v.Jump(JumpMatch, -1))

	v.Filter("!line")
	for work := v.Scan(); work != nil; work = v.Scan() {
		v.Scanned(work(context.Background()))
	}
	require.Equal(t, 0, v.Shown())
	v.Filter("")
	require.Equal(t, v.Len(), v.Shown())
	stale := LogScan{scan: 1, from: 0, to: 1 << 40, hits: []int64{5}}
	v.Scanned(stale)
	require.Equal(t, 0, v.hits.n)
}

func TestLogViewJumpsAndMarks(t *testing.T) {
	v := newView(t, 0)
	v.Append(logLines(1, 3000)...)
	v.Act("list.top")
	v.View(80, 10)
	require.True(t, v.Jump(JumpError, 1))
	l, _ := v.Current()
	require.Equal(t, "line 10", l.Message)
	require.True(t, v.Jump(JumpError, 1))
	require.True(t, v.Jump(JumpError, -1))
	require.False(t, v.Jump(JumpError, -1))

	v.Act("list.mark")
	require.Equal(t, 1, v.Marked())
	require.Contains(t, ansi.Strip(v.View(80, 10)), " ●10:00:10.000 ERROR")
	v.Act("list.bottom")
	v.Act("list.mark")
	require.False(t, v.Jump(JumpMark, 1))
	require.True(t, v.Jump(JumpMark, -1))
	l, _ = v.Current()
	require.Equal(t, "line 10", l.Message)
	var saved []string
	require.NoError(t, v.Shows(true)(context.Background(), func(l *LogLine) bool {
		saved = append(saved, l.Message)
		return true
	}))
	require.Equal(t, []string{"line 10", "line 2999"}, saved)
	require.True(t, v.GoTo(logStart.Add(1500*time.Second)))
	l, _ = v.Current()
	require.Equal(t, "line 1500", l.Message)
}

func TestLogViewWraps(t *testing.T) {
	v := newView(t, 0)
	v.Wrap = true
	v.Append(LogLine{Time: logStart, Level: "error", Service: "checkout", Message: "panic: boom\n\tat main.go:12\n\tat run.go:7\n"})
	v.Append(LogLine{Time: logStart, Level: "info", Service: "checkout", Message: strings.Repeat("word ", 500)})
	view := ansi.Strip(v.View(80, 30))
	require.Contains(t, view, "panic: boom\n")
	require.Contains(t, view, "     at main.go:12\n")
	require.Contains(t, view, "[enter: all]")
	v.Wrap = false
	require.Contains(t, ansi.Strip(v.View(80, 30)), "panic: boom [+2 lines]")
	require.True(t, v.Click(1))
	l, _ := v.Current()
	require.Equal(t, "error", l.Level)
}

// hostileLines are lines made to break a layout.
func hostileLines() []LogLine {
	return []LogLine{
		{Message: "\x1b[2J\x1b]0;title\x07\x1b[31mred", Level: "\x1b[5m", Service: "\x9b31m"},
		{Message: strings.Repeat("漢字", 500), Level: "info", Service: "日本語のとても長いサービス名前です"},
		{Message: "e" + strings.Repeat("\u0301", 2000) + " zalgo", Service: "a\nb"},
		{Message: "\u202egnp.exe \u2066x", Level: strings.Repeat("x", 300)},
		{Message: strings.Repeat("m", 1<<20), Late: true, Fields: json.RawMessage(`{"a":"` + strings.Repeat("\\n", 3000) + `"}`)},
		{Message: "👩‍👩‍👧‍👦🇩🇪 family " + strings.Repeat("👩‍👩‍👧‍👦", 100), Origin: "\u202eprod"},
		{Message: "a\tb\r\nc\x00", Time: logStart.AddDate(-3, 0, 0)},
		{Kind: LogGap, Message: strings.Repeat("gap\n", 100), Time: logStart},
		{Kind: LogNotice, Message: "\x1b[H"},
		{},
	}
}

func TestLogViewBounds(t *testing.T) {
	for _, wrap := range []bool{false, true} {
		v := newView(t, 0)
		v.Wrap = wrap
		v.Columns = LogColumns{Origin: true, Fields: []string{"a"}}
		v.Field = func(l *LogLine, _ string) string { return string(l.Fields) }
		for range 6 {
			v.Append(hostileLines()...)
		}
		v.Highlight = NewFilter("m+")
		for w := 1; w <= 130; w += 3 {
			for h := 1; h <= 45; h += 4 {
				lines := strings.Split(v.View(w, h), "\n")
				require.LessOrEqual(t, len(lines), h)
				for _, l := range lines {
					require.LessOrEqual(t, ansi.StringWidth(l), w, "%dx%d %q", w, h, l)
					require.NotContains(t, ansi.Strip(l), "\x1b")
				}
				v.Act([]string{"list.up", "list.pageup", "list.down", "list.mark"}[(w+h)%4])
			}
			v.Act("list.bottom")
		}
	}
}

func TestLogDetail(t *testing.T) {
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	l := LogLine{
		Time: logStart, Level: "error", Service: "checkout", Message: "it broke", Trace: "abc",
		Fields: json.RawMessage(`{"http":{"status":500,"ok":false},"tags":["a",null],"none":{},"error":{"stack_trace":"java.lang.X: no\n\tat a.b(C.java:1)\nCaused by: y"}}`),
	}
	got := ansi.Strip(strings.Join(LogDetail(th, &l, 60, nil, "3m"), "\n"))
	require.Equal(t, `time     2026-03-01 10:00:00.000000 UTC  (3m ago)
level    ERROR
service  checkout
trace    abc

it broke

{
  http: {
    status: 500
    ok: false
  }
  tags: [
    "a"
    null
  ]
  none: {}
  error: {
    stack_trace: `+`
      java.lang.X: no
          at a.b(C.java:1)
      Caused by: y
  }
}`, got)
	l.Fields = json.RawMessage(`{"a":`)
	require.Contains(t, ansi.Strip(strings.Join(LogDetail(th, &l, 60, nil, ""), "\n")), `{"a":`)
	for _, h := range hostileLines() {
		h.Fields = json.RawMessage(strings.Repeat(`{"a":[`, 200) + `"` + strings.Repeat("x", 5000) + `"` + strings.Repeat("]}", 200))
		for _, w := range []int{1, 3, 20, 80} {
			for _, line := range LogDetail(th, &h, w, nil, "1s") {
				require.NotContains(t, ansi.Strip(line), "\x1b")
			}
		}
	}
}

// BenchmarkLogView is a frame at 10,000 lines a second: a batch of 330 lines
// and a View, against appending to a slice and joining the last lines.
func BenchmarkLogView(b *testing.B) {
	lines := ecsLines(33_000)
	b.Run("view", func(b *testing.B) {
		v := newView(b, 0)
		i := 0
		for b.Loop() {
			v.Append(lines[i : i+330]...)
			_ = v.View(200, 60)
			if i += 330; i == len(lines) {
				i = 0
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		var all []LogLine
		i := 0
		for b.Loop() {
			all = append(all, lines[i:i+330]...)
			var rows []string
			for _, l := range all[max(0, len(all)-60):] {
				rows = append(rows, l.Time.Format("15:04:05.000")+" "+l.Level+" "+l.Service+" "+l.Message)
			}
			_ = strings.Join(rows, "\n")
			if len(all) > 1_000_000 {
				all = all[:0]
			}
			if i += 330; i == len(lines) {
				i = 0
			}
		}
	})
}
