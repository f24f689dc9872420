package pane

import (
	"time"
)

// Window is the stretch of time that every pane shows: one for the whole
// dashboard. A live window ends now and moves with the clock.
type Window struct {
	Span time.Duration
	// End is where a window that is not live ends.
	End  time.Time
	Live bool
	// Cursor is the moment under the scrubber; zero where there is none.
	Cursor time.Time
	// Marks are moments that the person marked, in order.
	Marks []time.Time
	// Compare shows the same stretch this long before beside it; 0 does not.
	Compare time.Duration
}

// The bounds of a window's length.
const (
	ShortestWindow = time.Minute
	LongestWindow  = 30 * 24 * time.Hour
)

// Bounds are the first and the last moment of the window.
func (w Window) Bounds(now time.Time) (from, to time.Time) {
	to = w.End
	if w.Live {
		to = now
	}
	return to.Add(-w.Span), to
}

// Zoom makes the window as many times as long, around the cursor where there
// is one, and otherwise around its end (live) or its middle.
func (w Window) Zoom(factor float64, now time.Time) Window {
	span := time.Duration(float64(w.Span) * factor).Round(time.Second)
	span = min(max(span, ShortestWindow), LongestWindow)
	if w.Live && w.Cursor.IsZero() {
		w.Span = span
		return w
	}
	from, to := w.Bounds(now)
	middle := w.Cursor
	if middle.IsZero() {
		middle = from.Add(to.Sub(from) / 2)
	}
	w.Live, w.Span = false, span
	if w.End = middle.Add(span / 2); !w.End.Before(now) {
		w.End, w.Live = now, true
	}
	return w
}

// Shift moves the window by a share of its length, back where negative. Past
// now it is live again.
func (w Window) Shift(share float64, now time.Time) Window {
	_, to := w.Bounds(now)
	to = to.Add(time.Duration(share * float64(w.Span)))
	w.Live, w.End = false, to
	if !to.Before(now) {
		w.Live, w.End = true, now
	}
	return w
}

// scrubSteps is how many steps of the cursor make a window.
const scrubSteps = 60

// Scrub moves the cursor by steps of a sixtieth of the window; without a
// cursor it begins at the end. It stays in the window.
func (w Window) Scrub(steps int, now time.Time) Window {
	from, to := w.Bounds(now)
	at := w.Cursor
	if at.IsZero() {
		at = to
	}
	at = at.Add(time.Duration(steps) * w.Span / scrubSteps)
	if at.Before(from) {
		at = from
	}
	if at.After(to) {
		at = to
	}
	w.Cursor = at
	return w
}

// Mark sets a mark at the cursor (or at the end), or takes it away.
func (w Window) Mark(now time.Time) Window {
	at := w.Cursor
	if at.IsZero() {
		_, at = w.Bounds(now)
	}
	marks := make([]time.Time, 0, len(w.Marks)+1)
	taken, placed := false, false
	for _, m := range w.Marks {
		if m.Equal(at) {
			taken = true
			continue
		}
		if !placed && m.After(at) {
			marks, placed = append(marks, at), true
		}
		marks = append(marks, m)
	}
	if taken {
		w.Marks = without(w.Marks, at)
		return w
	}
	if !placed {
		marks = append(marks, at)
	}
	w.Marks = marks
	return w
}

func without(all []time.Time, at time.Time) []time.Time {
	out := make([]time.Time, 0, len(all))
	for _, m := range all {
		if !m.Equal(at) {
			out = append(out, m)
		}
	}
	return out
}

// Around is a window of the same length with the moment in its middle and
// under its cursor; a moment close to now keeps it live.
func (w Window) Around(at, now time.Time) Window {
	w.Cursor = at
	if from, to := w.Bounds(now); at.After(from) && !at.After(to) {
		return w
	}
	w.Live, w.End = false, at.Add(w.Span/2)
	if !w.End.Before(now) {
		w.Live, w.End = true, now
	}
	return w
}

// Flags are the window as a command line has it.
func (w Window) Flags() string {
	if w.Live {
		return "--since " + Short(w.Span)
	}
	from, to := w.Bounds(w.End)
	return "--from " + from.UTC().Format(time.RFC3339) + " --to " + to.UTC().Format(time.RFC3339)
}

// Short writes a length of time without zero parts: 15m, 1h30m, 2d.
func Short(d time.Duration) string {
	if d%(24*time.Hour) == 0 && d > 0 {
		return itoa(int64(d/(24*time.Hour))) + "d"
	}
	out := ""
	for _, u := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / u.size; n > 0 {
			out += itoa(int64(n)) + u.name
			d -= n * u.size
		}
	}
	if out == "" {
		return "0s"
	}
	return out
}
