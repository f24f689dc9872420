package widget

// widths is how wide the columns of a table are. They are measured on what is
// visible and only grow until the rows are replaced or the size changes, so
// that scrolling does not make them jump.
type widths struct {
	head  int   // lines of the head
	width int   // of the table
	seen  []int // the widest text of a column so far
	out   []int // the width it has; 0 hides it
}

func (w *widths) forget() { w.seen = nil }

func (w *widths) hides(col int) bool { return col < len(w.out) && w.out[col] == 0 }

// last is the last column that is shown.
func (w *widths) last() int {
	for i := len(w.out) - 1; i > 0; i-- {
		if w.out[i] > 0 {
			return i
		}
	}
	return 0
}

// gap is the space between two columns.
func gap(width int) int {
	if width < 40 {
		return 1
	}
	return 2
}

// growFloor is the width that a growing column without a Min keeps before
// others vanish for it.
const growFloor = 16

// column is what the layout needs to know of a column.
type column struct {
	min, max, drop int
	grow           bool
}

// lay gives each column its width: 0 is hidden. natural is the widest text.
//
// Columns that may vanish do so until the smallest widths fit. Then the rest of
// the room goes to columns that are smaller than their text, those that do not
// grow first, and at last to those that grow.
func lay(cols []column, natural []int, width, gap int) []int {
	want := make([]int, len(cols))
	floor := make([]int, len(cols))
	shown := make([]bool, len(cols))
	for i, c := range cols {
		want[i] = max(natural[i], c.min, 1)
		if c.max > 0 {
			want[i] = min(want[i], c.max)
		}
		floor[i] = want[i]
		if c.min > 0 {
			floor[i] = min(c.min, want[i])
		} else if c.grow {
			floor[i] = min(growFloor, want[i])
		}
		shown[i] = true
	}
	room := func() int {
		left, n := width, 0
		for i := range cols {
			if shown[i] {
				left -= floor[i]
				n++
			}
		}
		return left - gap*max(n-1, 0)
	}
	for room() < 0 {
		if i := dropped(cols, shown); i >= 0 {
			shown[i] = false
		} else if i := widest(floor, shown); i >= 0 && floor[i] > 4 {
			floor[i]--
		} else if i := last(shown); i > 0 {
			shown[i] = false
		} else {
			floor[i] = max(width, 1)
			break
		}
	}
	left := room()
	for _, grow := range []bool{false, true} {
		left = fillUp(cols, floor, want, shown, grow, left)
	}
	spread(cols, floor, shown, left)
	for i := range floor {
		if !shown[i] {
			floor[i] = 0
		}
	}
	return floor
}

// dropped is the column to hide next, or -1.
func dropped(cols []column, shown []bool) int {
	at := -1
	for i, c := range cols {
		if shown[i] && c.drop > 0 && (at < 0 || c.drop >= cols[at].drop) {
			at = i
		}
	}
	return at
}

func widest(w []int, shown []bool) int {
	at := -1
	for i := range w {
		if shown[i] && (at < 0 || w[i] >= w[at]) {
			at = i
		}
	}
	return at
}

func last(shown []bool) int {
	for i := len(shown) - 1; i > 0; i-- {
		if shown[i] {
			return i
		}
	}
	return 0
}

// fillUp widens columns up to what their text wants, evenly, and gives the room
// that is left.
func fillUp(cols []column, w, want []int, shown []bool, grow bool, left int) int {
	for left > 0 {
		// The narrowest first: short columns are whole before long ones are.
		at := -1
		for i := range cols {
			if shown[i] && cols[i].grow == grow && w[i] < want[i] && (at < 0 || w[i] < w[at]) {
				at = i
			}
		}
		if at < 0 {
			break
		}
		w[at]++
		left--
	}
	return left
}

// spread gives the rest to the columns that grow.
func spread(cols []column, w []int, shown []bool, left int) {
	for left > 0 {
		before := left
		for i, c := range cols {
			if left > 0 && shown[i] && c.grow && (c.max == 0 || w[i] < c.max) {
				w[i]++
				left--
			}
		}
		if left == before {
			return
		}
	}
}
