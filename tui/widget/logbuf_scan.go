package widget

import (
	"context"
	"time"
)

// LogSnapshot is the lines of a LogBuf at one moment. It is safe to read in
// another goroutine while the buffer goes on: chunks never change, and the
// lines that are in none yet are copied.
type LogSnapshot struct {
	first, end int64
	chunks     []*logChunk
	open       []LogLine
	openFirst  int64

	levels, origins, services logWords
	unpack                    *unpacker
}

// Snapshot takes one. It costs a pointer a thousand lines.
func (b *LogBuf) Snapshot() *LogSnapshot {
	s := &LogSnapshot{
		first: b.first, end: b.End(), openFirst: b.openFirst, unpack: b.unpack,
		chunks: append([]*logChunk(nil), b.chunks...), open: append([]LogLine(nil), b.open...),
		levels: b.levels, origins: b.origins, services: b.services,
	}
	// Reading a word by its number needs the slice alone, which only grows; the
	// map is the buffer's.
	s.levels.numbers, s.origins.numbers, s.services.numbers = nil, nil, nil
	return s
}

// Each gives the lines from one number up to another, those of the set alone
// where there is one; full says with documents. It stops when yield returns
// false or ctx ends.
func (s *LogSnapshot) Each(ctx context.Context, from, to int64, full bool, only *lineSet, yield func(n int64, l *LogLine) bool) error {
	from, to = max(from, s.first), min(to, s.end)
	words := LogBuf{levels: s.levels, origins: s.origins, services: s.services}
	for _, c := range s.chunks {
		if c.end() <= from || c.first >= to {
			continue
		}
		if only != nil {
			if n, ok := only.next(max(from, c.first)); !ok || n >= c.end() {
				continue
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h := s.unpack.head(c)
		var body *chunkBody
		if full {
			body = s.unpack.body(c)
		}
		for n := max(from, c.first); n < min(to, c.end()); n++ {
			if only != nil && !only.has(n) {
				continue
			}
			l := words.listed(c, h, int(n-c.first))
			if full {
				fillLine(&l, body, int(n-c.first))
			}
			if !yield(n, &l) {
				return nil
			}
		}
	}
	for n := max(from, s.openFirst); n < to; n++ {
		if only != nil && !only.has(n) {
			continue
		}
		if !yield(n, &s.open[n-s.openFirst]) {
			return nil
		}
	}
	return ctx.Err()
}

// nextLevel finds the next line after n (before it where step is -1) whose
// level or kind is wanted. It looks at a byte a line.
func (b *LogBuf) nextLevel(n int64, step int64, want func(kind LogKind, level string) bool) (int64, bool) {
	var good [oddLevel + 1]bool
	for i, w := range b.levels.words {
		good[i] = want(LogEntry, w)
	}
	for n += step; b.holds(n); {
		if n >= b.openFirst {
			if l := &b.open[n-b.openFirst]; want(l.Kind, l.Level) {
				return n, true
			}
			n += step
			continue
		}
		for c := b.chunk(n); n >= max(c.first, b.first) && n < c.end(); n += step {
			if t := c.tags.at(int(n - c.first)); t.kind() == LogEntry && good[t.level()] || t.kind() != LogEntry && want(t.kind(), "") {
				return n, true
			}
		}
	}
	return 0, false
}

// Nearest is the number of the line whose time is closest to a moment; false
// where there is no line. Lines are taken to be in order but for some.
func (b *LogBuf) Nearest(at time.Time) (int64, bool) {
	if b.Len() == 0 {
		return 0, false
	}
	lo, hi := b.first, b.End()
	for lo < hi {
		mid := lo + (hi-lo)/2
		if b.Time(mid).Before(at) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == b.End() {
		return lo - 1, true
	}
	if lo > b.first && at.Sub(b.Time(lo-1)) < b.Time(lo).Sub(at) {
		return lo - 1, true
	}
	return lo, true
}
