package widget

import (
	"cmp"
	"slices"
)

// The order of the rows is made when it is asked for (settle), so that any
// number of changes between two frames costs one pass. A few changed rows are
// taken out of the order and merged back in by binary search; only where a
// large part changed is everything sorted.

// SortBy orders by the column of that name; the order of arrival where there is
// none.
func (t *Table[T]) SortBy(column string, reverse bool) {
	t.sortBy(slices.IndexFunc(t.cols, func(c Column[T]) bool { return column != "" && c.Name == column }), reverse)
}

func (t *Table[T]) sortBy(col int, reverse bool) {
	if col != t.sort {
		t.texts = nil
	}
	t.sort, t.reverse, t.all = col, reverse, true
}

// nextSort goes through the columns that are not dropped.
func (t *Table[T]) nextSort() int {
	for i := t.sort + 1; i < len(t.cols); i++ {
		if !t.widths.hides(i) {
			return i
		}
	}
	return -1
}

// touch notes that a row changed.
func (t *Table[T]) touch(slot int32) {
	if t.texts != nil {
		t.texts = grown(t.texts, len(t.rows))
		t.texts[slot] = ""
		if t.flags[slot]&gone == 0 {
			t.texts[slot] = t.cols[t.sort].Text(&t.rows[slot])
		}
	}
	if t.hay != nil {
		t.hay = grown(t.hay, len(t.rows))
		t.hay[slot] = ""
		if t.flags[slot]&gone == 0 {
			t.hay[slot] = string(t.appendHay(nil, &t.rows[slot]))
		}
	}
	if t.flags[slot]&moved == 0 {
		t.flags[slot] |= moved
		t.changed = append(t.changed, slot)
	}
}

func grown(s []string, n int) []string {
	for len(s) < n {
		s = append(s, "")
	}
	return s
}

// settle brings order, cursor and what is visible in line with the rows.
func (t *Table[T]) settle() {
	if !t.all && len(t.changed) == 0 {
		return
	}
	screen := t.cursor - t.top
	if t.holes > 1024 && t.holes > len(t.rows)/2 {
		t.compact()
	}
	if t.all || len(t.changed) > len(t.order)/4+64 {
		t.orderAll()
	} else {
		t.orderChanged()
	}
	for _, slot := range t.changed {
		t.flags[slot] &^= moved
	}
	t.changed, t.all = t.changed[:0], false
	t.findCursor(screen)
}

func (t *Table[T]) orderAll() {
	t.prepare()
	t.order = slices.Grow(t.order[:0], len(t.slots))
	for i := range t.rows {
		t.flags[i] &^= visible
		if t.shows(int32(i)) { //nolint:gosec // as in Set
			t.flags[i] |= visible
			t.order = append(t.order, int32(i)) //nolint:gosec // as in Set
		}
	}
	if t.sort >= 0 {
		slices.SortFunc(t.order, t.compare)
	} else if t.reverse {
		slices.Reverse(t.order)
	}
	if slot, ok := t.slots[t.on]; ok && t.flags[slot]&visible == 0 {
		t.cursor, _ = slices.BinarySearchFunc(t.order, slot, t.compare)
	}
}

// orderChanged takes the changed rows out of the order and merges them back in.
func (t *Table[T]) orderChanged() {
	t.prepare()
	kept, cursor := t.order[:0], 0
	for i, slot := range t.order {
		if i == t.cursor {
			cursor = len(kept)
		}
		if t.flags[slot]&moved == 0 {
			kept = append(kept, slot)
		}
	}
	t.cursor = cursor // what takes its place, should its own row go
	in := make([]int32, 0, len(t.changed))
	for _, slot := range t.changed {
		t.flags[slot] &^= visible
		if t.shows(slot) {
			t.flags[slot] |= visible
			in = append(in, slot)
		}
	}
	slices.SortFunc(in, t.compare)
	// From the end: what is behind the last new row moves once, to its place.
	end := len(kept)
	t.order = slices.Grow(kept, len(in))[:end+len(in)]
	for n := len(in); n > 0; n-- {
		at, _ := slices.BinarySearchFunc(t.order[:end], in[n-1], t.compare)
		copy(t.order[at+n:], t.order[at:end])
		t.order[at+n-1] = in[n-1]
		end = at
		if at <= cursor {
			t.cursor++
		}
	}
}

// prepare makes what compare and shows look at.
func (t *Table[T]) prepare() {
	if t.sort >= 0 && t.cols[t.sort].Compare == nil && t.texts == nil {
		t.texts = make([]string, len(t.rows))
		for i := range t.rows {
			if t.flags[i]&gone == 0 {
				t.texts[i] = t.cols[t.sort].Text(&t.rows[i])
			}
		}
	}
	if !t.filter.Empty() && t.hay == nil {
		t.gatherHay()
	}
}

// compare orders two rows; none are equal, so that the order is always the same.
func (t *Table[T]) compare(a, b int32) int {
	c := 0
	if t.sort >= 0 {
		if f := t.cols[t.sort].Compare; f != nil {
			c = f(&t.rows[a], &t.rows[b])
		} else {
			c = natural(t.texts[a], t.texts[b])
		}
	}
	if c == 0 {
		c = cmp.Compare(a, b)
		if t.sort >= 0 {
			return c // rows that are alike keep their order, also in reverse
		}
	}
	if t.reverse {
		return -c
	}
	return c
}

// findCursor puts the cursor on its key, or leaves it in its place where the
// key is not shown any more. The first page stays the first page as long as the
// cursor is on it; further down the cursor stays in its line.
func (t *Table[T]) findCursor(screen int) {
	home := ""
	if t.typed {
		t.typed, home = false, t.home
	}
	for _, key := range []string{t.wish, home, t.on} {
		slot, ok := t.slots[key]
		if key == "" || !ok || t.flags[slot]&visible == 0 {
			continue
		}
		at := slices.Index(t.order, slot)
		if t.top > 0 {
			t.top = at - screen
		}
		switch key {
		case t.wish:
			t.wish, t.home = "", ""
		case t.home:
			t.home = ""
		}
		t.place(at)
		return
	}
	t.place(t.cursor)
}

// compact closes the holes that removed rows left.
func (t *Table[T]) compact() {
	rows := make([]T, 0, len(t.slots))
	flags := make([]flag, 0, len(t.slots))
	for i := range t.rows {
		if t.flags[i]&gone == 0 {
			t.slots[t.key(&t.rows[i])] = int32(len(rows)) //nolint:gosec // as in Set
			rows = append(rows, t.rows[i])
			flags = append(flags, t.flags[i]&marked)
		}
	}
	t.rows, t.flags, t.holes = rows, flags, 0
	t.texts, t.hay, t.changed, t.all = nil, nil, t.changed[:0], true
}
