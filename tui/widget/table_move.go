package widget

import (
	"encoding/json"
	"strconv"
)

// Act does a list action; false where the id is none.
func (t *Table[T]) Act(id string) bool {
	t.settle()
	switch id {
	case "list.up":
		t.moveTo(t.cursor - 1)
	case "list.down":
		t.moveTo(t.cursor + 1)
	case "list.pageup":
		t.moveTo(t.cursor - t.page)
	case "list.pagedown":
		t.moveTo(t.cursor + t.page)
	case "list.top":
		t.moveTo(0)
	case "list.bottom":
		t.moveTo(len(t.order) - 1)
	case "list.mark":
		t.mark()
	case "list.sort":
		t.sortBy(t.nextSort(), false)
	case "list.reverse":
		t.sortBy(t.sort, !t.reverse)
	case "list.left":
		t.shift = max(t.shift-shiftStep, 0)
	case "list.right":
		t.shift += shiftStep // View knows where the text ends, and takes back what is too much
	default:
		return false
	}
	return true
}

// shiftStep is how far left and right scroll.
const shiftStep = 16

// moveTo is the person's move: what was wished for before is forgotten.
func (t *Table[T]) moveTo(i int) {
	t.wish, t.home = "", ""
	t.place(i)
}

func (t *Table[T]) place(i int) {
	t.cursor = max(0, min(i, len(t.order)-1))
	if len(t.order) > 0 { // else the key stays, for when its row is back
		t.on = t.key(&t.rows[t.order[t.cursor]])
	}
	t.reveal()
}

// reveal scrolls so far that the cursor is visible and no line is wasted.
func (t *Table[T]) reveal() {
	t.top = min(t.top, t.cursor)
	t.top = max(t.top, t.cursor-t.page+1)
	t.top = max(0, min(t.top, len(t.order)-t.page))
}

func (t *Table[T]) mark() {
	if len(t.order) == 0 {
		return
	}
	slot := t.order[t.cursor]
	t.flags[slot] ^= marked
	if t.flags[slot]&marked != 0 {
		t.marks++
	} else {
		t.marks--
	}
	t.moveTo(t.cursor + 1)
}

// Click puts the cursor on the row in line y of the last View; false where
// there is none.
func (t *Table[T]) Click(y int) bool {
	t.settle()
	y -= t.widths.head
	if y < 0 || y >= t.page || t.top+y >= len(t.order) {
		return false
	}
	t.moveTo(t.top + y)
	return true
}

// Scroll moves what is visible by lines, down where positive; the cursor goes
// along where it would leave the table.
func (t *Table[T]) Scroll(lines int) {
	t.settle()
	t.top = max(0, min(t.top+lines, len(t.order)-t.page))
	if at := max(t.top, min(t.cursor, t.top+t.page-1)); at != t.cursor {
		t.moveTo(at)
	}
}

// Position says where the cursor is: "12/340", "12/340 of 1,000" with a filter,
// and how many rows are marked.
func (t *Table[T]) Position() string {
	t.settle()
	at := t.cursor + 1
	if len(t.order) == 0 {
		at = 0
	}
	out := grouped(at) + "/" + grouped(len(t.order))
	if !t.filter.Empty() {
		out += " of " + grouped(len(t.slots))
	}
	if t.marks > 0 {
		out += ", " + grouped(t.marks) + " marked"
	}
	return out
}

// grouped writes a number with a comma every three digits.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// saved is what a Table keeps between two sessions.
type saved struct {
	Sort    string `json:"sort,omitempty"`
	Reverse bool   `json:"reverse,omitempty"`
}

// Save gives what Restore takes: the order.
func (t *Table[T]) Save() any {
	s := saved{Reverse: t.reverse}
	if t.sort >= 0 {
		s.Sort = t.cols[t.sort].Name
	}
	return s
}

// Restore takes what Save gave, as JSON. What it cannot read it ignores.
func (t *Table[T]) Restore(raw []byte) {
	var s saved
	if json.Unmarshal(raw, &s) == nil {
		t.SortBy(s.Sort, s.Reverse)
	}
}
