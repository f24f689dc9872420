package widget

import (
	"strings"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/term"
)

// View draws the table: at most height lines of at most width columns. The
// first line is the head, where there is room for it and two rows.
func (t *Table[T]) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	t.settle()
	t.widths.head = 0
	if height >= 3 {
		t.widths.head = 1
	}
	t.page = height - t.widths.head
	t.reveal()
	n := max(0, min(t.page, len(t.order)-t.top))
	cells := t.cells(t.order[t.top : t.top+n])
	t.layout(width, cells, n)

	lines := make([]string, 0, height)
	if t.widths.head > 0 {
		lines = append(lines, t.headLine(width))
	}
	for i := range n {
		lines = append(lines, t.rowLine(t.top+i, cells[i*len(t.cols):(i+1)*len(t.cols)], width))
	}
	if n == 0 {
		lines = append(lines, t.th().Muted.Render(Cut(t.emptyText(), width)))
	}
	return Join(lines)
}

func (t *Table[T]) emptyText() string {
	if len(t.slots) > 0 {
		return "nothing of " + grouped(len(t.slots)) + " matches " + term.SafeLine(t.filter.String())
	}
	return term.SafeLine(t.Empty)
}

// gutter is the room for the signs of the cursor and the marks.
func gutter(width int) int {
	if width < 8 {
		return 1
	}
	return 2
}

// cells are the texts of the rows, row by row.
func (t *Table[T]) cells(slots []int32) []string {
	out := make([]string, 0, len(slots)*len(t.cols))
	for _, slot := range slots {
		for i := range t.cols {
			out = append(out, cellText(t.cols[i].Text(&t.rows[slot])))
		}
	}
	return out
}

// maxCell bounds the bytes of a cell: more cannot be shown, and need not be
// made safe a frame.
const maxCell = 4 << 10

// cellText makes a text safe to stand in a cell.
func cellText(s string) string {
	if len(s) > maxCell {
		s = s[:runeStart(s, maxCell)] + ellipsis
	}
	return apart(term.SafeLine(s))
}

// apart drops marks at the start of a text that would join what stands before
// it: a variation selector makes a sign of one column one of two.
func apart(s string) string {
	for s != "" && s[0] >= utf8.RuneSelf {
		first := s[:runeStart(s, maxCluster)]
		if Width("|"+first) == 1+Width(first) {
			break
		}
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
	return s
}

// layout measures the visible cells and decides on the widths.
func (t *Table[T]) layout(width int, cells []string, n int) {
	w := &t.widths
	if w.width != width || len(w.seen) != len(t.cols) {
		w.width, w.seen = width, make([]int, len(t.cols))
	}
	cols := make([]column, len(t.cols))
	natural := make([]int, len(t.cols))
	for i, c := range t.cols {
		cols[i] = column{min: c.Min, max: c.Max, drop: c.Drop, grow: c.Grow}
		for r := range n {
			if s := cells[r*len(t.cols)+i]; len(s) > w.seen[i] { // no text is wider than its bytes
				w.seen[i] = max(w.seen[i], Width(s))
			}
		}
		natural[i] = max(w.seen[i], Width(c.Name))
		if i == t.sort && (gap(width) < 2 || i == len(t.cols)-1) {
			natural[i] = max(natural[i], Width(c.Name)+1) // no gap behind it that the arrow could stand in
		}
	}
	w.out = lay(cols, natural, width-gutter(width), gap(width))
	// The growing columns scroll as far as the longest text goes.
	longest := 0
	for i, c := range t.cols {
		if c.Grow && w.out[i] > 0 {
			longest = max(longest, w.seen[i]-w.out[i])
		}
	}
	t.shift = max(0, min(t.shift, longest))
}

// arrow is the sign of the sorted column.
func (t *Table[T]) arrow() string {
	switch {
	case t.reverse && t.ASCII:
		return "v"
	case t.reverse:
		return "▼"
	case t.ASCII:
		return "^"
	}
	return "▲"
}

func (t *Table[T]) headLine(width int) string {
	var b strings.Builder
	last, before := t.widths.last(), gutter(width)
	for i, w := range t.widths.out {
		if w == 0 {
			continue
		}
		b.WriteString(spaces(before))
		before = gap(width)
		text, align := t.cols[i].Name, Fit
		if t.cols[i].Right {
			align = FitLeft
		}
		if i == t.sort {
			// The arrow stands in the gap, so that sorting moves no column.
			if before > 1 && i != last {
				before--
				w++
			}
			text = Cut(text, w-1) + t.arrow()
		}
		b.WriteString(align(text, w))
	}
	return t.th().Header.Render(Cut(strings.TrimRight(b.String(), " "), width))
}

// join writes the columns that are shown with the gaps between them.
func (t *Table[T]) join(b *strings.Builder, width int, cell func(col, width int) string) {
	first := true
	for i, w := range t.widths.out {
		if w == 0 {
			continue
		}
		if !first {
			b.WriteString(spaces(gap(width)))
		}
		first = false
		b.WriteString(cell(i, w))
	}
}

// rowLine draws a row. The row under the cursor is one style over the whole
// width, and the signs in front say the same without colour.
func (t *Table[T]) rowLine(at int, cells []string, width int) string {
	th := t.th()
	slot := t.order[at]
	current, isMarked := at == t.cursor, t.flags[slot]&marked != 0
	var b strings.Builder
	t.signs(&b, width, current, isMarked)
	t.join(&b, width, func(i, w int) string {
		c := &t.cols[i]
		s := cells[i]
		from := 0
		if c.Grow {
			from = t.shift
		}
		text, shown := cutFrom(s, from, w)
		pad := spaces(w - shown)
		if !current {
			style := th.Text
			if c.Style != nil {
				style = c.Style(&t.rows[slot])
			} else if isMarked {
				style = th.Marked
			}
			text = highlight(text, t.filter.Spans(text), style, th.Match)
		}
		if c.Right {
			return pad + text
		}
		return text + pad
	})
	if current {
		return th.Selected.Render(Fit(b.String(), width))
	}
	return Cut(strings.TrimRight(b.String(), " "), width)
}

func (t *Table[T]) signs(b *strings.Builder, width int, current, isMarked bool) {
	dot := "●"
	if t.ASCII {
		dot = "*"
	}
	cursor, mark := " ", " "
	if current {
		cursor = ">"
	}
	if isMarked {
		mark = dot
		if !current {
			mark = t.th().Marked.Render(dot)
		}
	}
	if gutter(width) == 2 {
		b.WriteString(cursor + mark)
	} else if isMarked && !current {
		b.WriteString(mark)
	} else {
		b.WriteString(cursor)
	}
}
