package logs

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Tail follows what matches the query, for as long as the caller takes events.
//
// It promises: every entry that the store gives is given once (an id is
// remembered for Window), none is dropped; entries are in order by time and id
// as long as none comes later than Hold, and one that does is given all the
// same, marked Late; what the store says it lost, and every moment at which
// one of these promises can no longer be kept because a bound was reached, is
// a gap event, never silence. A watermark event carries a cursor; everything
// before it has been given.
//
// It pulls: nothing is asked of the store while the caller works, and memory
// is bounded by the options. A store that is away, slow or pushing back is
// asked again after a jittered, growing time, or the time that it names. It
// ends with ctx, when the caller stops, or with an error that asking again
// cannot mend (usage, sign-in, not found); a store that cannot be reached is
// such an error while nothing has come from it yet and there is no cursor to
// resume. The error is yielded once, last.
func Tail(ctx context.Context, store Store, q Query, o TailOptions) iter.Seq2[api.LogEvent, error] {
	return func(yield func(api.LogEvent, error) bool) {
		t, err := newTail(store, q, o)
		if err == nil {
			err = t.run(ctx, yield)
		}
		if err != nil {
			yield(api.LogEvent{}, err)
		}
	}
}

// tail is one run of Tail. It lives in one goroutine.
type tail struct {
	store   Store
	waiter  Waiter
	q       Query
	o       TailOptions
	digest  string
	resumed map[uint64]struct{} // ids that the cursor says were given
	yield   func(api.LogEvent, error) bool
	stopped bool

	pos      Position
	held     hold
	seen     *Seen
	forgot   bool // an id was forgotten before its time
	doubles  bool // the store has given an entry twice
	floor    key  // the greatest place that was given
	begun    bool // floor is set
	recent   []uint64
	interval time.Duration

	marked    time.Time            // the last watermark
	markEvery time.Duration        // between two watermarks, while something comes
	dirty     bool                 // something came since the last one
	said      map[string]time.Time // reasons and warnings, and when they were said

	backoff  *backoff.ExponentialBackOff
	failing  time.Time // since when the store is away
	failures int
	noticed  bool
	answered bool
}

func newTail(store Store, q Query, o TailOptions) (*tail, error) {
	o.complete()
	t := &tail{
		store: store, q: q, o: o, digest: Digest(q), seen: NewSeen(o.Window, o.MaxSeen),
		interval: o.MinPoll, markEvery: markEvery, said: map[string]time.Time{}, resumed: map[uint64]struct{}{},
		backoff: backoff.NewExponentialBackOff(),
	}
	t.waiter, _ = store.(Waiter)
	t.q.Limit, t.q.Newest = o.Batch, false
	t.backoff.InitialInterval, t.backoff.MaxInterval = 200*time.Millisecond, o.MaxBackoff
	if o.Cursor == "" {
		return t, nil
	}
	c, err := ParseCursor(o.Cursor)
	if err != nil {
		return nil, err
	}
	if c.Query != t.digest {
		return nil, fail.New(fail.Usage, "the cursor was made for another query, and would skip or repeat entries of this one").
			Hint("use another cursor file, or remove this one to begin anew")
	}
	t.pos, t.recent = c.Position, slices.Clone(c.Recent)
	if !c.Last.IsZero() {
		t.floor, t.begun = key{c.Last, c.LastID}, true
	}
	for _, d := range c.Recent {
		t.resumed[d] = struct{}{}
	}
	return t, nil
}

func (t *tail) run(ctx context.Context, yield func(api.LogEvent, error) bool) error {
	t.yield = yield
	t.marked = t.o.Now()
	for ctx.Err() == nil && !t.stopped {
		asked := t.o.Now()
		batch, err := t.ask(ctx)
		now := t.o.Now()
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			if !t.again(err) {
				t.release(key{}, time.Time{}, true)
				t.mark(now, true)
				return t.quiet(err)
			}
			t.sleep(ctx, t.away(err, now))
			continue
		}
		t.back(now)
		fresh := t.take(batch, now)
		t.letGo(asked, now, batch.More)
		t.mark(now, false)
		if batch.More || t.stopped {
			continue
		}
		t.wait(ctx, asked, fresh > 0)
	}
	if ctx.Err() != nil {
		t.mark(t.o.Now(), true)
		return t.quiet(fail.From(ctx.Err()))
	}
	return nil
}

// quiet is err, or nothing when the caller has stopped: nobody reads it.
func (t *tail) quiet(err error) error {
	if t.stopped {
		return nil
	}
	return err
}

func (t *tail) ask(ctx context.Context) (Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, t.o.CallTimeout)
	defer cancel()
	return t.store.Next(ctx, t.q, t.pos)
}

// take puts what is fresh of an answer into the hold, and says what the store
// says besides.
func (t *tail) take(b Batch, now time.Time) int {
	fresh := make([]api.LogEntry, 0, len(b.Entries))
	for _, e := range b.Entries {
		if e.ID == "" { // nothing to tell it by
			fresh = append(fresh, e)
			continue
		}
		d := digestOf(e.ID)
		if _, given := t.resumed[d.short()]; given {
			t.doubles = true
			continue
		}
		isNew, early := t.seen.add(d, now)
		t.doubles = t.doubles || !isNew
		t.forgot = t.forgot || early
		if isNew {
			fresh = append(fresh, e)
		}
	}
	if t.forgot && t.doubles { // an id forgotten early matters to a store that repeats
		t.forgot = false
		t.gap(now, api.LogGap{From: now.Add(-t.o.Window), To: now, Reason: fmt.Sprintf(
			"more than %d entries within %s: an entry that the store repeats may be shown twice", t.o.MaxSeen, t.o.Window)})
	}
	for _, g := range b.Gaps {
		t.emit(api.LogEvent{Type: "gap", Gap: &g})
	}
	for _, w := range b.Warnings {
		if t.once("warning: "+w, now) {
			t.emit(api.LogEvent{Type: "notice", Notice: &api.LogNotice{Code: "warning", Message: w}})
		}
	}
	t.held.add(fresh, t.pos, now)
	t.pos = b.Next
	t.dirty = t.dirty || len(b.Entries) > 0 || len(b.Gaps) > 0
	return len(fresh)
}

// letGo gives away what is complete. asked is when the question was sent: the
// answer has everything that was visible then, unless there is more.
func (t *tail) letGo(asked, now time.Time, more bool) {
	if t.o.Hold == 0 {
		t.release(key{}, time.Time{}, true)
		return
	}
	// What comes too late for its place need not wait for it.
	due, old := t.floor, time.Time{}
	if !more {
		if k, ok := t.held.dueByArrival(asked, t.o.Hold); ok && k.compare(due) > 0 {
			due = k
		}
		// The past need not wait: twice the hold leaves one for the skew of the
		// writers' clocks against ours.
		old = asked.Add(-2 * t.o.Hold)
	} else if t.crowded(3, 4) {
		old = t.held.dueByTime(t.o.Hold)
	}
	t.release(due, old, false)
	if !t.crowded(1, 1) {
		return
	}
	t.gap(now, api.LogGap{From: t.held.least().Time, To: t.held.newest, Reason: fmt.Sprintf(
		"more entries within the hold of %s than fit into memory: their order is not kept, none is lost", t.o.Hold)})
	for t.crowded(1, 1) && !t.stopped {
		t.give()
	}
}

// crowded says that the hold is over n/d of its bounds.
func (t *tail) crowded(n, d int) bool {
	return t.held.len() > t.o.MaxHeld/d*n || t.held.len() > 0 && t.held.bytes > t.o.MaxHeldBytes/d*n
}

// release gives away the entries up to due in the order, those before old, or
// all.
func (t *tail) release(due key, old time.Time, all bool) {
	for t.held.len() > 0 && !t.stopped {
		e := t.held.least()
		if !all && keyOf(e).compare(due) > 0 && !e.Time.Before(old) {
			return
		}
		t.give()
	}
}

func (t *tail) give() {
	e, done := t.held.pop()
	k := keyOf(&e)
	late := t.begun && k.compare(t.floor) < 0
	if !late {
		t.floor, t.begun = k, true
	}
	t.emit(api.LogEvent{Type: "entry", Entry: &e, Late: late})
	if t.stopped {
		return
	}
	done()
	t.dirty = true
	if t.recent = append(t.recent, digestOf(e.ID).short()); len(t.recent) >= 2*maxRecent {
		t.recent = t.recent[:copy(t.recent, t.recent[len(t.recent)-maxRecent:])]
	}
	if now := t.o.Now(); len(t.recent)%64 == 0 && now.Sub(t.marked) >= t.markEvery {
		t.mark(now, true)
	}
}

// mark gives a watermark with a cursor: soon after something came, seldom
// while nothing does, and now when it is the last.
func (t *tail) mark(now time.Time, force bool) {
	age := now.Sub(t.marked)
	if !force && (!t.dirty || age < t.markEvery) && age < t.o.Heartbeat || force && !t.dirty {
		return
	}
	at := t.floor.at
	if !t.begun {
		at = t.q.From
	}
	t.marked, t.dirty = now, false
	cursor := t.cursor().String()
	// A position with many shards is long: it is given less often.
	t.markEvery = min(markEvery*time.Duration(1+len(cursor)/bigCursor), t.o.Heartbeat)
	if len(cursor) > maxCursor {
		cursor = ""
		if t.once("cursor", now) {
			t.emit(api.LogEvent{Type: "notice", Notice: &api.LogNotice{
				Code: "warning", Message: "the store's position is too long for a cursor: this tail cannot be resumed",
			}})
		}
	}
	t.emit(api.LogEvent{Type: "watermark", Watermark: &at, Cursor: cursor})
}

func (t *tail) cursor() Cursor {
	c := Cursor{Query: t.digest, Position: t.held.position(t.pos), Recent: t.recent}
	if t.begun {
		c.Last, c.LastID = t.floor.at, t.floor.id
	}
	return c
}

func (t *tail) emit(e api.LogEvent) {
	if !t.stopped && !t.yield(e, nil) {
		t.stopped = true
	}
}

// gap says that something may be amiss from here on, each reason at most once
// a minute.
func (t *tail) gap(now time.Time, g api.LogGap) {
	if t.once(g.Reason, now) {
		t.emit(api.LogEvent{Type: "gap", Gap: &g})
	}
}

// once reports whether the text was not said lately.
func (t *tail) once(text string, now time.Time) bool {
	if at, known := t.said[text]; known && now.Sub(at) < sayEvery {
		return false
	}
	if len(t.said) >= 64 {
		clear(t.said)
	}
	t.said[text] = now
	return true
}

// wait lets time pass until there is a reason to ask again: the interval, an
// entry whose hold is over, a watermark that is owed, or the store's word.
func (t *tail) wait(ctx context.Context, asked time.Time, came bool) {
	if came {
		t.interval = t.o.MinPoll
	} else {
		t.interval = min(t.interval*3/2, t.o.MaxPoll)
	}
	now := t.o.Now()
	limit := t.o.Heartbeat - now.Sub(t.marked)
	if t.dirty {
		limit = min(limit, t.markEvery-now.Sub(t.marked))
	}
	if at, ok := t.held.nextArrival(); ok {
		limit = min(limit, at.Add(t.o.Hold).Sub(now))
	}
	if t.waiter == nil {
		t.sleep(ctx, max(min(t.interval, limit), waitSpacing))
		return
	}
	t.sleep(ctx, waitSpacing-now.Sub(asked))
	waitCtx, cancel := context.WithTimeout(ctx, max(limit, waitSpacing))
	defer cancel()
	if err := t.waiter.Wait(waitCtx, t.pos); err != nil && waitCtx.Err() == nil {
		t.sleep(ctx, t.interval) // it cannot wait now; the next question will tell why
	}
}

func (t *tail) sleep(ctx context.Context, d time.Duration) {
	if d <= 0 || t.stopped {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
