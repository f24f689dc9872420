package widget

import "time"

// Act does a list action; false where the id is none of a log view's.
func (v *LogView) Act(id string) bool {
	n, ok := v.at()
	switch id {
	case "list.up":
		v.move(v.step(n, -1))
	case "list.down":
		v.down(1)
	case "list.pageup":
		v.move(v.step(n, -max(v.page-1, 1)))
	case "list.pagedown":
		v.down(max(v.page-1, 1))
	case "list.top":
		if first, found := v.next(v.buf.First()); found {
			v.move(first)
			v.top = first
		}
	case "list.bottom":
		v.ToBottom()
	case "list.mark":
		if !ok {
			return true
		}
		if v.marks.has(n) {
			v.marks.remove(n)
		} else {
			v.marks.add(n)
		}
		v.version++
		// As in a table, the next key marks the next line; not past the end,
		// where that would begin to follow.
		if next, more := v.next(n + 1); more {
			v.move(next)
		} else if v.follow {
			v.move(n)
		}
	case "list.left":
		v.shift = max(0, v.shift-shiftStep)
		v.version++
	case "list.right":
		if !v.Wrap {
			v.shift += shiftStep
			v.version++
		}
	default:
		return false
	}
	return true
}

// step is the line so many shown lines further; the outermost one where there
// are not so many.
func (v *LogView) step(n int64, by int) int64 {
	for ; by > 0; by-- {
		m, ok := v.next(n + 1)
		if !ok {
			break
		}
		n = m
	}
	for ; by < 0; by++ {
		m, ok := v.prev(n - 1)
		if !ok {
			break
		}
		n = m
	}
	return n
}

// down goes down, and follows at the last line.
func (v *LogView) down(by int) {
	n, ok := v.at()
	if !ok || v.follow {
		return
	}
	n = v.step(n, by)
	if _, more := v.next(n + 1); !more {
		v.ToBottom()
		return
	}
	v.move(n)
}

// move puts the cursor on a line and stops to follow.
func (v *LogView) move(n int64) {
	v.version++
	if v.follow {
		v.seen = v.buf.End()
	}
	v.follow, v.cursor = false, n
}

// ToBottom goes to the newest line and follows what comes.
func (v *LogView) ToBottom() {
	v.version++
	v.follow, v.seen = true, v.buf.End()
}

// Pause stays at the present place.
func (v *LogView) Pause() {
	if n, ok := v.at(); ok {
		v.move(n)
	}
}

// AtTop reports whether the oldest shown line is visible.
func (v *LogView) AtTop() bool {
	first, ok := v.next(v.buf.First())
	return !ok || !v.follow && (v.cursor <= first || v.top <= first) || v.buf.Len() <= v.page
}

// GoTo puts the cursor on the line that is closest to a moment; false where
// there is none.
func (v *LogView) GoTo(at time.Time) bool {
	n, ok := v.buf.Nearest(at)
	if !ok {
		return false
	}
	if n, ok = v.nearest(n); !ok {
		return false
	}
	v.move(n)
	v.center(n)
	return true
}

// center brings a line to the middle of the page.
func (v *LogView) center(n int64) { v.top = v.step(n, -v.page/2) }

// Jump goes to the next line (the one before with -1) of a kind; false where
// there is none.
func (v *LogView) Jump(to JumpTo, step int) bool {
	n, ok := v.at()
	if !ok {
		return false
	}
	for {
		m, found := v.jump(to, n, int64(step))
		if !found {
			return false
		}
		// A line that the filter hides is passed, but for marks: who marked it
		// wants to see it.
		if shown, is := v.next(m); is && shown == m {
			far := m < v.top || m > v.last
			v.move(m)
			if far {
				v.center(m)
			}
			return true
		}
		n = m
	}
}

// JumpTo is what Jump looks for.
type JumpTo uint8

// The goals of Jump.
const (
	JumpMark  JumpTo = iota
	JumpMatch        // of the filter, or of what is highlighted
	JumpError        // an error, something worse, or a gap
)

func (v *LogView) jump(to JumpTo, n, step int64) (int64, bool) {
	set := &v.marks
	switch to {
	case JumpMark:
	case JumpError:
		return v.buf.nextLevel(n, step, func(kind LogKind, level string) bool { return kind == LogGap || kind == LogEntry && severe(level) })
	case JumpMatch:
		if v.filter.Empty() {
			return v.find(n, step)
		}
		set = &v.hits
	}
	if step > 0 {
		return set.next(n + 1)
	}
	return set.prev(n - 1)
}

// findWithin bounds a search that runs in the loop, in lines: some tens of
// milliseconds. Further away is the filter's business, which has no bound.
const findWithin = 20_000

// find looks for what is highlighted.
func (v *LogView) find(n, step int64) (int64, bool) {
	if v.Highlight.Empty() {
		return 0, false
	}
	for range findWithin {
		n += step
		l, ok := v.buf.At(n)
		if !ok {
			return 0, false
		}
		if l.Kind == LogEntry && v.Highlight.Match(l.Message) {
			return n, true
		}
	}
	return 0, false
}

// Click puts the cursor on the line at a place of the last View; false where
// there is none.
func (v *LogView) Click(y int) bool {
	y -= v.head()
	n, ok := v.nearest(v.top)
	for _, height := range v.rows {
		if !ok {
			return false
		}
		if y >= 0 && y < height {
			v.move(n)
			return true
		}
		y -= height
		n, ok = v.next(n + 1)
	}
	return false
}

// Scroll moves what is visible by lines, down where positive; the cursor goes
// along where it would leave the page.
func (v *LogView) Scroll(lines int) {
	n, ok := v.at()
	if !ok || v.follow && lines > 0 {
		return
	}
	top := v.step(v.top, lines)
	if lines > 0 {
		if _, more := v.next(v.last + 1); !more {
			v.ToBottom()
			return
		}
	}
	if v.follow { // the last page is in sight: from its top
		v.move(n)
	}
	v.version++
	v.top = top
	v.cursor = max(v.cursor, top)
	if bottom := v.step(top, max(len(v.rows)-1, 0)); v.cursor > bottom {
		v.cursor = bottom
	}
}
