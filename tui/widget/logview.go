package widget

import (
	"time"

	"github.com/aictl/aictl/tui/theme"
)

// LogView shows a LogBuf of a million lines: the visible ones alone cost
// anything. It follows what comes as long as the cursor is on the last line;
// from there on the place stays, whatever comes, and Below says how much did.
//
// A filter hides lines, or with all of them shown marks them. It is decided
// for new lines as they come and for old ones in pieces, outside of the loop:
// the owner runs what Scan gives and brings the result to Scanned, until Scan
// gives nothing more.
type LogView struct {
	// Wrap shows all of a message, in several lines where it is long.
	Wrap bool
	// Columns are what is shown beside the messages.
	Columns LogColumns
	// Highlight marks what else was looked for.
	Highlight Filter
	// Empty is what a view without lines says.
	Empty string
	// ASCII keeps the view's own signs to characters of every terminal.
	ASCII bool
	// Zone is that of the times (nil is UTC); those of another day than Now
	// have a date.
	Zone *time.Location
	Now  time.Time
	// Field gives a column that is no own one. Nil has none.
	Field func(l *LogLine, name string) string

	th  func() *theme.Theme
	buf *LogBuf

	// Lines are told by their numbers in the buffer, which never change.
	cursor, top int64
	follow      bool
	seen        int64 // the number after the newest line that was visible
	shift       int   // columns that messages are scrolled by
	page        int   // how many lines the last View had
	width       int   // and how wide it was
	last        int64 // the last visible line of the last View
	rows        []int // heights of the visible lines of the last View, from top

	filter  Filter
	context int
	hits    lineSet
	notes   lineSet // gaps and notices: no filter hides them
	marks   lineSet
	scanned int64 // lines from here on are decided
	scan    int   // counts filters: a piece of an older one is stale

	version uint64 // changes with everything that View looks at
	frame   logFrame
	columns logWidths
	service int // the widest service that was visible
}

// LogColumns are the columns before the message.
type LogColumns struct {
	NoTime    bool `json:"no_time,omitempty"`
	NoLevel   bool `json:"no_level,omitempty"`
	NoService bool `json:"no_service,omitempty"`
	// Origin shows which of several stores a line came from.
	Origin bool `json:"-"`
	// Fields are columns of the document, as Field knows them.
	Fields []string `json:"fields,omitempty"`
}

// AllLines is the context that hides nothing: a filter only marks.
const AllLines = -1

// NewLogView makes a view of so many lines; 0 is DefaultLogLines.
func NewLogView(th func() *theme.Theme, lines int) *LogView {
	return &LogView{th: th, buf: NewLogBuf(lines), follow: true, page: 10, width: 80}
}

// Buf are the lines. Only the view changes them.
func (v *LogView) Buf() *LogBuf { return v.buf }

// Append adds newer lines.
func (v *LogView) Append(lines ...LogLine) {
	if len(lines) == 0 {
		return
	}
	v.version++
	n := v.buf.End()
	v.buf.Append(lines...)
	for i := range lines {
		if lines[i].Kind != LogEntry {
			v.notes.add(n)
		} else if !v.filter.Empty() && v.matches(&lines[i]) {
			v.hits.add(n)
		}
		n++
	}
	first := v.buf.First()
	v.hits.dropBelow(first)
	v.notes.dropBelow(first)
	v.marks.dropBelow(first)
	v.scanned = max(v.scanned, first)
}

// Prepend adds older lines, and says how many there was room for.
func (v *LogView) Prepend(lines []LogLine) int {
	v.version++
	before := v.buf.First()
	n := v.buf.Prepend(lines)
	for i, l := range lines[len(lines)-n:] {
		if l.Kind != LogEntry {
			v.notes.add(v.buf.First() + int64(i))
		}
	}
	if v.filter.Empty() {
		v.scanned = v.buf.First()
	}
	if v.top == before && v.cursor == before {
		// The person waited at the top for them: the place stays, and the line
		// above is there.
		v.top = max(v.buf.First(), before-1)
	}
	return n
}

// Clear forgets all lines, the marks among them, and follows again.
func (v *LogView) Clear() {
	v.version++
	v.buf.Clear()
	v.hits, v.notes, v.marks = lineSet{}, lineSet{}, lineSet{}
	v.scanned, v.follow = v.buf.End(), true
	v.cursor, v.top, v.seen = v.buf.End(), v.buf.End(), v.buf.End()
}

// Len is how many lines are held, Shown how many of them the filter picked, as
// far as that is known.
func (v *LogView) Len() int { return v.buf.Len() }

// Shown is how many lines the filter picked so far; all without one.
func (v *LogView) Shown() int {
	if v.filter.Empty() {
		return v.buf.Len()
	}
	return v.hits.n
}

// Marked is how many lines are marked.
func (v *LogView) Marked() int { return v.marks.n }

// ClearMarks takes all marks away.
func (v *LogView) ClearMarks() {
	v.version++
	v.marks = lineSet{}
}

// SetColumns chooses the columns.
func (v *LogView) SetColumns(c LogColumns) {
	v.version++
	v.Columns, v.service = c, 0
}

// Following reports whether the view sticks to the newest line.
func (v *LogView) Following() bool { return v.follow }

// Below is how many shown lines came below the newest that was visible.
func (v *LogView) Below() int {
	if v.follow {
		return 0
	}
	if v.hides() {
		return v.hits.n - v.hits.below(v.seen)
	}
	return int(v.buf.End() - max(v.seen, v.buf.First()))
}

// Current is the line under the cursor, with all that is known of it.
func (v *LogView) Current() (LogLine, bool) {
	n, ok := v.at()
	if !ok {
		return LogLine{}, false
	}
	return v.buf.Full(n)
}

// Cursor is the number of the line under the cursor; -1 where there is none.
func (v *LogView) Cursor() int64 {
	if n, ok := v.at(); ok {
		return n
	}
	return -1
}

// at is the number of the line under the cursor.
func (v *LogView) at() (int64, bool) {
	if v.follow {
		return v.prev(v.buf.End() - 1)
	}
	return v.nearest(v.cursor)
}

// nearest is the shown line at n, after it, or else before it.
func (v *LogView) nearest(n int64) (int64, bool) {
	if m, ok := v.next(n); ok {
		return m, true
	}
	return v.prev(n)
}

// Oldest is the time of the oldest entry; false where there is none.
func (v *LogView) Oldest() (LogLine, bool) {
	for n := v.buf.First(); n < v.buf.End(); n++ {
		if l, ok := v.buf.Full(n); ok && l.Kind == LogEntry {
			return l, true
		}
	}
	return LogLine{}, false
}
