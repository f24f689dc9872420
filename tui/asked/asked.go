// Package asked keeps what several contexts said to one question of a listing.
// A context that fails keeps the rows it gave before, with their age, and is
// named; one that is no longer chosen goes with its rows.
package asked

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// Listing is the rows of a listing, a context after the other. The zero value
// was never asked.
type Listing[T any] struct {
	parts []part[T]
	busy  bool
	asked time.Time
}

type part[T any] struct {
	context string
	rows    []T
	at      time.Time // of the last answer that was none; zero where there is none yet
	err     error     // of the last answer
}

// Begin says that the contexts are being asked.
func (l *Listing[T]) Begin(contexts []feed.Context, now time.Time) {
	l.busy, l.asked = true, now
	l.parts = slices.DeleteFunc(l.parts, func(p part[T]) bool { return !Among(contexts, p.context) })
}

// Among reports whether a context is one of those that are chosen. A page of
// one that is not must close: what it asked or changed would go elsewhere.
func Among(contexts []feed.Context, name string) bool {
	return slices.ContainsFunc(contexts, func(c feed.Context) bool { return c.Name == name })
}

// Flags name a context in a command line, where there are several of them.
func Flags(contexts []feed.Context, name string) []string {
	if len(contexts) < 2 || name == "" {
		return nil
	}
	return []string{"--context", name}
}

// Remade gives a listing's table that was made anew, with other columns, the
// order of the old one; there may be none.
func Remade[T any](old, table *widget.Table[T]) *widget.Table[T] {
	if old != nil {
		if raw, err := json.Marshal(old.Save()); err == nil {
			table.Restore(raw)
		}
	}
	return table
}

// Due reports whether it is time to ask again, every so often. A question that
// is still open is not asked twice.
func (l *Listing[T]) Due(now time.Time, every time.Duration) bool {
	return !l.busy && now.Sub(l.asked) >= every
}

// Busy reports whether an answer is awaited.
func (l *Listing[T]) Busy() bool { return l.busy }

// Take keeps an answer. read makes rows of what one context said.
func (l *Listing[T]) Take(a feed.Answer, now time.Time, read func(context string, out any) []T) {
	l.busy = false
	if a.Canceled() {
		return
	}
	for _, r := range a.Results {
		i := slices.IndexFunc(l.parts, func(p part[T]) bool { return p.context == r.Context })
		if i < 0 {
			l.parts, i = append(l.parts, part[T]{context: r.Context}), len(l.parts)
		}
		if l.parts[i].err = r.Err; r.Err == nil {
			l.parts[i].rows, l.parts[i].at = read(r.Context, r.Out), now
		}
	}
}

// Rows are all there is.
func (l *Listing[T]) Rows() []T {
	var out []T
	for _, p := range l.parts {
		out = append(out, p.rows...)
	}
	return out
}

// Known reports whether any context ever answered.
func (l *Listing[T]) Known() bool {
	return slices.ContainsFunc(l.parts, func(p part[T]) bool { return !p.at.IsZero() })
}

// Troubles name the contexts that failed, and how old their rows are.
func (l *Listing[T]) Troubles(now time.Time) []say.Trouble {
	var out []say.Trouble
	for _, p := range l.parts {
		if p.err == nil || fail.CodeOf(p.err) == fail.Canceled {
			continue
		}
		t := say.Err(p.context, p.err)
		if !p.at.IsZero() {
			t.What += "; what is shown is " + widget.Age(now.Sub(p.at)) + " old"
		}
		out = append(out, t)
	}
	return out
}
