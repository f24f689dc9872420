package widget

import (
	"strings"
	"time"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

// logFrame is the last View with what it was made of: while nothing changes,
// drawing again costs nothing.
type logFrame struct {
	version       uint64
	width, height int
	theme         *theme.Theme
	day           int
	wrap          bool
	highlight     string
	out           string
}

// View draws the visible lines: at most height lines of at most width columns.
func (v *LogView) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	key := logFrame{v.version, width, height, v.th(), v.day(v.Now), v.Wrap, v.Highlight.String(), ""}
	if old := v.frame; old.out != "" {
		old.out = ""
		if old == key {
			return v.frame.out
		}
	}
	v.width = width
	key.out = strings.Join(v.draw(width, height), "\n")
	key.version, v.frame = v.version, key
	return key.out
}

// head is how many lines are above the first row.
func (v *LogView) head() int {
	if v.page < 4 {
		return 0
	}
	return 1
}

func (v *LogView) draw(width, height int) []string {
	v.rows = v.rows[:0]
	v.page = height
	out := make([]string, 0, height)
	cursor, ok := v.at()
	if !ok {
		text := v.Empty
		if v.buf.Len() > 0 {
			text = "no line matches " + v.filter.String()
		}
		return Clip(v.th().Muted.Render(Cut(term.SafeLine(text), width)), width, height)
	}
	if v.head() > 0 {
		v.page--
	}
	// What is on the page decides the widths, and with wrapped lines these
	// decide what is on the page.
	v.place(cursor)
	v.columns = v.lay(width)
	if v.Wrap {
		v.place(cursor)
	}
	if v.head() > 0 {
		out = append(out, v.headLine(width))
	}
	n := v.top
	for room := v.page; room > 0; {
		l, found := v.line(n)
		if !found {
			break
		}
		lines := v.row(n, &l, n == cursor, width, room)
		out = append(out, lines...)
		v.rows, v.last = append(v.rows, len(lines)), n
		room -= len(lines)
		if n, found = v.next(n + 1); !found {
			break
		}
	}
	v.seen = max(v.seen, v.last+1)
	return out
}

// line gives what a row shows: with its document where a column is of it.
func (v *LogView) line(n int64) (LogLine, bool) {
	if len(v.Columns.Fields) > 0 && v.Field != nil {
		return v.buf.Full(n)
	}
	return v.buf.At(n)
}

// place finds the top so that the cursor is visible and the page is full.
func (v *LogView) place(cursor int64) {
	v.cursor = cursor
	top, ok := v.nearest(v.top)
	if !ok || cursor < top {
		top = cursor
	}
	if v.follow || v.height(top, cursor) > v.page {
		top = v.back(cursor)
	}
	// Where the lines end above the end of the page, the top moves up.
	end := top
	for used := v.rowHeight(top); used < v.page; {
		next, more := v.next(end + 1)
		if !more {
			top = v.back(end)
			break
		}
		end = next
		used += v.rowHeight(end)
	}
	v.top = top
}

// height is how many lines the rows from one to another take; more than a page
// where they are far apart.
func (v *LogView) height(from, to int64) int {
	used := 0
	for n, ok := from, true; ok && used <= v.page; n, ok = v.next(n + 1) {
		used += v.rowHeight(n)
		if n >= to {
			return used
		}
	}
	return v.page + 1
}

// back is the first row of a page that ends with n.
func (v *LogView) back(n int64) int64 {
	used := v.rowHeight(n)
	for {
		m, ok := v.prev(n - 1)
		if !ok {
			return n
		}
		if used += v.rowHeight(m); used > v.page {
			return n
		}
		n = m
	}
}

// rowHeight is how many lines a row takes.
func (v *LogView) rowHeight(n int64) int {
	if !v.Wrap {
		return 1
	}
	l, ok := v.buf.At(n)
	if !ok || l.Kind != LogEntry {
		return 1
	}
	return len(v.wrapped(&l))
}

// row draws a line of the log.
func (v *LogView) row(n int64, l *LogLine, current bool, width, room int) []string {
	th := v.th()
	var b strings.Builder
	v.signs(&b, n, current)
	if l.Kind != LogEntry {
		return []string{v.note(&b, l, current, width)}
	}
	around := v.hides() && !v.hits.has(n)
	plain := th.Text
	if around {
		plain = th.Muted
	}
	if current {
		plain = th.Selected
	}
	v.cells(&b, l, plain, current, around)
	match := th.Match
	parts := []string{""}
	if v.Wrap {
		parts = v.wrapped(l)
	} else {
		parts[0] = v.oneLine(l)
	}
	parts = parts[:min(len(parts), room)]
	out := make([]string, len(parts))
	for i, part := range parts {
		if i > 0 {
			b.Reset()
			b.WriteString(plain.Render(spaces(v.columns.before)))
		}
		b.WriteString(highlight(part, v.spans(part), plain, match))
		if current {
			b.WriteString(plain.Render(spaces(v.columns.message - Width(part))))
		}
		out[i] = Cut(b.String(), width)
	}
	return out
}

// spans are the places of a text that were looked for.
func (v *LogView) spans(text string) [][2]int {
	if spans := v.filter.Spans(text); spans != nil {
		return spans
	}
	return v.Highlight.Spans(text)
}

// signs are the two columns in front: the cursor and the mark, which say
// without colour what the styles say.
func (v *LogView) signs(b *strings.Builder, n int64, current bool) {
	th := v.th()
	if v.columns.signs == 0 {
		return
	}
	sign := " "
	if current {
		sign = th.Selected.Render(">")
	}
	b.WriteString(sign)
	if v.columns.signs == 1 {
		return
	}
	dot, hit := "●", "›"
	if v.ASCII {
		dot, hit = "*", ":"
	}
	switch {
	case v.marks.has(n):
		b.WriteString(th.Marked.Render(dot))
	case !v.filter.Empty() && !v.filter.inverse && v.context != 0 && v.hits.has(n):
		b.WriteString(th.Match.Render(hit)) // among lines that are none
	default:
		b.WriteByte(' ')
	}
}

// note draws a gap or a notice over the whole width.
func (v *LogView) note(b *strings.Builder, l *LogLine, current bool, width int) string {
	th := v.th()
	dash := "──"
	if v.ASCII {
		dash = "--"
	}
	style, word := th.Info, " "
	if l.Kind == LogGap {
		style, word = th.Warn, " gap: "
	}
	text := dash + " " + v.clock(l.Time, v.columns.layout) + word + term.SafeLine(clipText(l.Message, 4*width)) + " " + dash
	if l.Time.IsZero() {
		text = dash + word + term.SafeLine(clipText(l.Message, 4*width)) + " " + dash
	}
	if current {
		style = th.Selected
		text = Fit(text, max(width-v.columns.signs, 0))
	}
	b.WriteString(style.Render(Cut(text, max(width-v.columns.signs, 0))))
	return Cut(b.String(), width)
}

// clock writes a time; the layout is that of the page.
func (v *LogView) clock(t time.Time, layout string) string {
	if t.IsZero() {
		return spaces(len(layout))
	}
	return t.In(v.zone()).Format(layout)
}

func (v *LogView) zone() *time.Location {
	if v.Zone == nil {
		return time.UTC
	}
	return v.Zone
}

func (v *LogView) day(t time.Time) int {
	t = t.In(v.zone())
	return t.Year()*1000 + t.YearDay()
}
