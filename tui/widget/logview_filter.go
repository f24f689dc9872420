package widget

import "context"

// Filter shows only lines that match the expression (NewFilter) in their
// message, service or level, with Context's lines around them.
func (v *LogView) Filter(expr string) {
	if expr == v.filter.String() {
		return
	}
	at, ok := v.at()
	v.version++
	v.filter = NewFilter(expr)
	v.scan++
	v.hits = lineSet{}
	if v.scanned = v.buf.End(); v.filter.Empty() {
		v.scanned = v.buf.First()
	} else {
		// What is on the screen is right at once: the newest lines are decided
		// here, and those about the cursor where that is elsewhere.
		v.Scanned(v.piece(max(v.buf.First(), v.buf.End()-2*chunkLines), v.buf.End())(context.Background()))
	}
	if ok && !v.follow {
		v.cursor = at
		v.top = min(v.top, at)
	}
}

// Context is how many lines before and after each match are shown; AllLines
// shows all and marks the matches.
func (v *LogView) Context(lines int) {
	v.version++
	v.context = lines
}

// hides reports whether the filter hides lines.
func (v *LogView) hides() bool { return !v.filter.Empty() && v.context != AllLines }

// matches decides the filter over an entry.
func (v *LogView) matches(l *LogLine) bool { return matchesLine(v.filter, l) }

func matchesLine(f Filter, l *LogLine) bool {
	if f.inverse {
		return f.Match(l.Message) && f.Match(l.Service) && f.Match(l.Level)
	}
	return f.Match(l.Message) || f.Match(l.Service) || f.Match(l.Level)
}

// next is the least shown line from n on.
func (v *LogView) next(n int64) (int64, bool) {
	n = max(n, v.buf.First())
	if n >= v.buf.End() {
		return 0, false
	}
	if !v.hides() {
		return n, true
	}
	around := int64(v.context)
	best, ok := v.notes.next(n)
	if hit, found := v.hits.next(n - around); found && (!ok || max(n, hit-around) < best) {
		best, ok = max(n, hit-around), true
	}
	return best, ok
}

// prev is the greatest shown line up to n.
func (v *LogView) prev(n int64) (int64, bool) {
	n = min(n, v.buf.End()-1)
	if n < v.buf.First() {
		return 0, false
	}
	if !v.hides() {
		return n, true
	}
	around := int64(v.context)
	best, ok := v.notes.prev(n)
	if hit, found := v.hits.prev(n + around); found && (!ok || min(n, hit+around) > best) {
		best, ok = min(n, hit+around), true
	}
	return best, ok && best >= v.buf.First()
}

// scanPiece is how many lines a piece of a scan looks at: some tens of
// milliseconds of work.
const scanPiece = 64 * chunkLines

// LogScan is what a piece of a scan found.
type LogScan struct {
	scan     int
	from, to int64
	hits     []int64
	err      error
}

// Scan is the next piece of work of the filter, from the newest lines to the
// oldest; nil where all is decided. It may run in another goroutine, and gives
// what Scanned takes.
func (v *LogView) Scan() func(ctx context.Context) LogScan {
	if v.filter.Empty() || v.scanned <= v.buf.First() {
		return nil
	}
	return v.piece(max(v.buf.First(), v.scanned-scanPiece), v.scanned)
}

func (v *LogView) piece(from, to int64) func(ctx context.Context) LogScan {
	s, f := v.buf.Snapshot(), v.filter
	out := LogScan{scan: v.scan, from: from, to: to}
	return func(ctx context.Context) LogScan {
		out.err = s.Each(ctx, from, to, false, nil, func(n int64, l *LogLine) bool {
			if l.Kind == LogEntry && matchesLine(f, l) {
				out.hits = append(out.hits, n)
			}
			return true
		})
		return out
	}
}

// Scanned takes what a piece found.
func (v *LogView) Scanned(s LogScan) {
	if s.scan != v.scan || s.err != nil || s.to < v.scanned {
		return
	}
	v.version++
	for i := len(s.hits) - 1; i >= 0; i-- {
		if s.hits[i] >= v.buf.First() {
			v.hits.add(s.hits[i])
		}
	}
	v.scanned = max(min(v.scanned, s.from), v.buf.First())
}

// Progress is how many of the lines are decided; equal where all are.
func (v *LogView) Progress() (done, all int) {
	if v.filter.Empty() {
		return v.buf.Len(), v.buf.Len()
	}
	return int(v.buf.End() - max(v.scanned, v.buf.First())), v.buf.Len()
}

// Shows gives the lines that are shown now, or the marked ones, to be read in
// another goroutine: all of the filter must be decided (Progress).
func (v *LogView) Shows(marked bool) func(ctx context.Context, yield func(l *LogLine) bool) error {
	s := v.buf.Snapshot()
	var only *lineSet
	switch {
	case marked:
		set := v.marks.clone()
		only = &set
	case v.hides():
		set := v.withContext()
		only = &set
	}
	return func(ctx context.Context, yield func(l *LogLine) bool) error {
		return s.Each(ctx, s.first, s.end, true, only, func(_ int64, l *LogLine) bool {
			return l.Kind != LogEntry || yield(l)
		})
	}
}

// withContext are the matches with the lines around them.
func (v *LogView) withContext() lineSet {
	set := v.hits.clone()
	around := int64(v.context)
	if around <= 0 {
		return set
	}
	for n, ok := v.hits.next(v.buf.First()); ok; n, ok = v.hits.next(n + 1) {
		for m := max(n-around, v.buf.First()); m <= min(n+around, v.buf.End()-1); m++ {
			set.add(m)
		}
	}
	return set
}
