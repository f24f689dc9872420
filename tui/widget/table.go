package widget

import (
	"slices"

	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/theme"
)

// Column is one column of a Table.
type Column[T any] struct {
	// Name is the head.
	Name string
	// Min and Max bound the width in columns; 0 is no bound. A column with a
	// Min gives way to it before other columns vanish.
	Min, Max int
	// Grow takes the room that is left, Right aligns at the right.
	Grow, Right bool
	// Drop: the column with the highest vanishes first where there is no room;
	// 0 stays.
	Drop int
	// Text is what the cell says, plain text: the table makes it safe.
	Text func(row *T) string
	// Style is how; nil is plain.
	Style func(row *T) theme.Style
	// Compare orders rows by this column; nil orders by Text, numbers in it by
	// value, and remembers Text until the row is set again.
	Compare func(a, b *T) int
}

// Table shows rows that have a key. It holds 100,000 of them: drawing costs
// what is visible, and a change of some rows does not order all of them again.
//
// The cursor and the marks belong to keys: they stay on their row when rows
// come, go and change places. Where the row under the cursor goes, the cursor
// is on the one that took its place; where a filter hides it, the cursor comes
// back to it with the next filter that does not.
//
// The pointers it gives out are good until the next Set, Upsert or Remove.
type Table[T any] struct {
	// Empty is what a table without rows says.
	Empty string
	// ASCII keeps the table's own signs to characters of every terminal.
	ASCII bool

	th   func() *theme.Theme
	key  func(*T) string
	cols []Column[T]

	rows  []T              // in the order of arrival; a removed one is a hole
	flags []flag           // of rows
	slots map[string]int32 // where in rows a key is
	holes int
	marks int
	// order are the rows that are shown, as they are shown.
	order []int32
	// changed are rows that must find their place in order; all says that
	// every row must.
	changed []int32
	all     bool

	sort    int // a column, or -1 for the order of arrival
	reverse bool
	texts   []string // of the sorted column, where it has no Compare
	filter  Filter
	hay     []string // what the filter looks at, a row; nil without a filter

	cursor int    // in order
	on     string // the key there
	wish   string // a key that was selected before its row came
	home   string // the key before the filter was typed, to come back to
	typed  bool   // the filter changed: home may be back
	top    int    // the first visible row, in order
	page   int    // how many are visible
	shift  int    // columns that the growing column is scrolled by
	widths widths
}

type flag uint8

const (
	gone    flag = 1 << iota // a hole
	moved                    // in changed
	marked                   //
	visible                  // in order
)

// NewTable makes an empty table. th gives the present theme, key what tells a
// row from the others; two rows with one key are one row.
func NewTable[T any](th func() *theme.Theme, key func(*T) string, cols ...Column[T]) *Table[T] {
	return &Table[T]{th: th, key: key, cols: cols, sort: -1, page: 10, slots: map[string]int32{}}
}

// Set replaces all rows. Cursor, marks, order and filter stay. The slice
// remains the caller's.
func (t *Table[T]) Set(rows []T) {
	old := t.slots
	oldFlags := t.flags
	t.rows = slices.Clone(rows)
	t.flags = make([]flag, len(rows))
	t.slots = make(map[string]int32, len(rows))
	t.holes, t.changed, t.all = 0, nil, true
	t.texts, t.hay = nil, nil
	wasMarked := t.marks
	t.marks = 0
	for i := range t.rows {
		k := t.key(&t.rows[i])
		if first, twice := t.slots[k]; twice {
			t.rows[first] = t.rows[i]
			t.flags[i] = gone
			t.holes++
			continue
		}
		t.slots[k] = int32(i) //nolint:gosec // 2³¹ rows do not fit into memory
		if wasMarked > 0 {
			if was, ok := old[k]; ok && oldFlags[was]&marked != 0 {
				t.flags[i] |= marked
				t.marks++
			}
		}
	}
	t.widths.forget()
}

// Upsert puts rows in, or in the place of those with their keys. New ones come
// last in the order of arrival.
func (t *Table[T]) Upsert(rows ...T) {
	for i := range rows {
		k := t.key(&rows[i])
		slot, known := t.slots[k]
		if known {
			t.rows[slot] = rows[i]
		} else {
			slot = int32(len(t.rows)) //nolint:gosec // as in Set
			t.slots[k] = slot
			t.rows = append(t.rows, rows[i])
			t.flags = append(t.flags, 0)
		}
		t.touch(slot)
	}
}

// Remove takes rows out.
func (t *Table[T]) Remove(keys ...string) {
	for _, k := range keys {
		slot, known := t.slots[k]
		if !known {
			continue
		}
		delete(t.slots, k)
		if t.flags[slot]&marked != 0 {
			t.marks--
		}
		t.flags[slot] = t.flags[slot]&^marked | gone
		t.rows[slot] = *new(T) // let go of what it holds
		t.holes++
		t.touch(slot)
	}
}

// Len is how many rows the filter lets through.
func (t *Table[T]) Len() int {
	t.settle()
	return len(t.order)
}

// Total is how many rows there are.
func (t *Table[T]) Total() int { return len(t.slots) }

// Current is the row under the cursor.
func (t *Table[T]) Current() (*T, bool) {
	t.settle()
	if len(t.order) == 0 {
		return nil, false
	}
	return &t.rows[t.order[t.cursor]], true
}

// Get is the row of a key, also where the filter hides it.
func (t *Table[T]) Get(key string) (*T, bool) {
	slot, ok := t.slots[key]
	if !ok {
		return nil, false
	}
	return &t.rows[slot], true
}

// Select puts the cursor on a row. Where no such row is shown (yet) it says
// false, and goes there once it comes, unless the cursor is moved before.
func (t *Table[T]) Select(key string) bool {
	t.settle()
	t.wish = ""
	if slot, ok := t.slots[key]; ok && t.flags[slot]&visible != 0 {
		t.moveTo(slices.Index(t.order, slot))
		return true
	}
	t.wish = key
	return false
}

// Marked are the marked rows in the order of arrival, also those that the
// filter hides.
func (t *Table[T]) Marked() []*T {
	out := make([]*T, 0, t.marks)
	for i := range t.rows {
		if t.flags[i]&marked != 0 {
			out = append(out, &t.rows[i])
		}
	}
	return out
}

// ClearMarks takes all marks away.
func (t *Table[T]) ClearMarks() {
	for i := range t.flags {
		t.flags[i] &^= marked
	}
	t.marks = 0
}

// Each gives every row that the filter lets through, in order, until f says
// false.
func (t *Table[T]) Each(f func(*T) bool) {
	t.settle()
	for _, slot := range t.order {
		if !f(&t.rows[slot]) {
			return
		}
	}
}

// ListActions are the actions of a Table's Act, and of the other lists', with
// their keys.
func ListActions() []keymap.Action {
	return []keymap.Action{
		{ID: "list.up", Keys: []string{"up", "k"}, Short: "up", Help: "One row up.", Quiet: true},
		{ID: "list.down", Keys: []string{"down", "j"}, Short: "down", Help: "One row down.", Quiet: true},
		{ID: "list.pageup", Keys: []string{"pgup"}, Short: "page up", Help: "One page up.", Quiet: true},
		{ID: "list.pagedown", Keys: []string{"pgdown"}, Short: "page down", Help: "One page down.", Quiet: true},
		{ID: "list.top", Keys: []string{"home", "g"}, Short: "top", Help: "To the first row.", Quiet: true},
		{ID: "list.bottom", Keys: []string{"end", "G"}, Short: "bottom", Help: "To the last row.", Quiet: true},
		{ID: "list.mark", Keys: []string{"space"}, Short: "mark", Help: "Mark the row, or take its mark away: actions take all marked rows.", Quiet: true},
		{ID: "list.sort", Keys: []string{"s"}, Short: "sort", Help: "Sort by the next column; after the last one the order of the source is back.", Quiet: true},
		{ID: "list.reverse", Keys: []string{"S"}, Short: "reverse", Help: "Reverse the order.", Quiet: true},
		{ID: "list.left", Keys: []string{"left"}, Short: "left", Help: "Scroll long text to the left, or close a branch.", Quiet: true},
		{ID: "list.right", Keys: []string{"right"}, Short: "right", Help: "Scroll long text to the right, or open a branch.", Quiet: true},
	}
}
