package widget

import (
	"github.com/aictl/aictl/internal/term"
)

// Filter shows only the rows that the expression lets through (NewFilter). It
// looks at the text of every column.
func (t *Table[T]) Filter(expr string) {
	if expr == t.filter.String() {
		return
	}
	if t.home == "" {
		t.home = t.on
	}
	t.filter, t.all, t.typed = NewFilter(expr), true, true
	if t.filter.Empty() {
		t.hay = nil
	}
}

// maxHay bounds the bytes of a cell that a filter looks at.
const maxHay = 64 << 10

// appendHay adds what a filter looks at: a line a cell.
func (t *Table[T]) appendHay(b []byte, row *T) []byte {
	for i := range t.cols {
		if i > 0 {
			b = append(b, '\n')
		}
		text := t.cols[i].Text(row)
		b = append(b, term.SafeLine(text[:runeStart(text, maxHay)])...)
	}
	return b
}

func (t *Table[T]) shows(slot int32) bool {
	return t.flags[slot]&gone == 0 && (t.hay == nil || t.filter.Match(t.hay[slot]))
}

// gatherHay makes what the filter looks at of all rows.
func (t *Table[T]) gatherHay() {
	t.hay = make([]string, len(t.rows))
	// One text for many rows: not an allocation a row.
	var b []byte
	var ends [512]int
	for from := 0; from < len(t.rows); from += len(ends) {
		n := min(len(ends), len(t.rows)-from)
		b = b[:0]
		for i := range n {
			if t.flags[from+i]&gone == 0 {
				b = t.appendHay(b, &t.rows[from+i])
			}
			ends[i] = len(b)
		}
		text, at := string(b), 0
		for i, end := range ends[:n] {
			t.hay[from+i], at = text[at:end], end
		}
	}
}
