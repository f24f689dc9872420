package logs_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/logstest"
)

func entry(id string, at time.Time) api.LogEntry {
	return api.LogEntry{ID: id, Time: at, Level: "info", Service: "chat", Message: "message " + id}
}

// events runs a tail for d and gives what it yielded.
func events(t *testing.T, d time.Duration, s logs.Store, q logs.Query, o logs.TailOptions) (out []api.LogEvent, last error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for e, err := range logs.Tail(ctx, s, q, o) {
		if err != nil {
			require.NoError(t, last, "an error is yielded once, last")
			last = err
			continue
		}
		require.NoError(t, last, "nothing comes after an error")
		out = append(out, e)
	}
	return out, last
}

func ids(events []api.LogEvent) (out []string) {
	for _, e := range events {
		if e.Type == "entry" {
			out = append(out, e.Entry.ID)
		}
	}
	return out
}

func ofType(events []api.LogEvent, typ string) (out []api.LogEvent) {
	for _, e := range events {
		if e.Type == typ {
			out = append(out, e)
		}
	}
	return out
}

func lastCursor(events []api.LogEvent) string {
	for _, e := range slices.Backward(events) {
		if e.Cursor != "" {
			return e.Cursor
		}
	}
	return ""
}

func TestTailOrdersEachAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s := logstest.New(entry("b", now.Add(2)), entry("a", now.Add(1)), entry("c", now.Add(2)))
		got, err := events(t, 3*time.Second, s, logs.Query{}, logs.TailOptions{})
		require.Equal(t, fail.Timeout, fail.CodeOf(err))
		require.Equal(t, []string{"a", "b", "c"}, ids(got), "equal times are in order of id")
		require.NotEmpty(t, ofType(got, "watermark"))
	})
}

func TestTailMarksWhatCameLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s := logstest.New(entry("b", now))
		time.AfterFunc(time.Second, func() { s.Add(entry("a", now.Add(-time.Minute)), entry("c", now.Add(time.Second))) })
		got, _ := events(t, 5*time.Second, s, logs.Query{}, logs.TailOptions{})
		require.Equal(t, []string{"b", "a", "c"}, ids(got))
		late := map[string]bool{}
		for _, e := range ofType(got, "entry") {
			late[e.Entry.ID] = e.Late
		}
		require.Equal(t, map[string]bool{"a": true, "b": false, "c": false}, late)
	})
}

func TestTailHoldsForLateOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := logstest.New()
		for i := range 40 { // each comes up to 10 s after its time
			at := begin.Add(time.Duration(i) * time.Second)
			delay := time.Duration((i * 7) % 10)
			time.AfterFunc(time.Duration(i)*time.Second+delay*time.Second, func() { s.Add(entry(fmt.Sprintf("%02d", i), at)) })
		}
		got, _ := events(t, 2*time.Minute, s, logs.Query{}, logs.TailOptions{Hold: 10 * time.Second})
		require.Len(t, ids(got), 40)
		require.True(t, slices.IsSorted(ids(got)), "%v", ids(got))
		for _, e := range ofType(got, "entry") {
			require.False(t, e.Late)
		}
		require.Empty(t, ofType(got, "gap"))
	})
}

type limited struct{ error }

func (limited) RetryAfter() time.Duration { return 7 * time.Second }

func TestTailSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := logstest.New(entry("1", begin))
		var asked []time.Duration // after the outage: answered, told to wait, answered
		s.Fault = func(context.Context, string) error {
			since := time.Since(begin)
			if since > 2*time.Second && since < 30*time.Second {
				return fail.New(fail.Unavailable, "connection refused")
			}
			if since < 30*time.Second || len(asked) == 3 {
				return nil
			}
			// The times between are diced, so the faults count questions.
			if asked = append(asked, since); len(asked) == 2 {
				return fail.Wrap(fail.Limited, limited{errors.New("429")}, "asking")
			}
			return nil
		}
		time.AfterFunc(20*time.Second, func() { s.Add(entry("2", time.Now())) })
		got, _ := events(t, 2*time.Minute, s, logs.Query{}, logs.TailOptions{})
		require.Equal(t, []string{"1", "2"}, ids(got))
		notices := ofType(got, "notice")
		require.Len(t, notices, 4)
		require.Equal(t, "reconnecting", notices[0].Notice.Code)
		require.Contains(t, notices[0].Notice.Message, "connection refused")
		require.Equal(t, "reconnected", notices[1].Notice.Code)
		require.GreaterOrEqual(t, asked[2]-asked[1], 7*time.Second, "Retry-After is honoured")
	})
}

func TestTailBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logstest.New(entry("1", time.Now()))
		n := 0
		s.Fault = func(context.Context, string) error {
			if n++; n > 1 {
				return fail.New(fail.Unavailable, "down")
			}
			return nil
		}
		_, _ = events(t, 10*time.Minute, s, logs.Query{}, logs.TailOptions{})
		require.Less(t, n, 130, "about one attempt in 5 to 15 seconds")
		require.Greater(t, n, 40)
	})
}

func TestTailEndsWithWhatLasts(t *testing.T) {
	for _, code := range []fail.Code{fail.Usage, fail.Auth, fail.Forbidden, fail.NotFound} {
		synctest.Test(t, func(t *testing.T) {
			s, n := logstest.New(entry("1", time.Now())), 0
			s.Fault = func(context.Context, string) error {
				if n++; n > 2 {
					return fail.New(code, "no")
				}
				return nil
			}
			got, err := events(t, time.Minute, s, logs.Query{}, logs.TailOptions{Hold: 30 * time.Second})
			require.Equal(t, code, fail.CodeOf(err))
			require.Equal(t, []string{"1"}, ids(got), "what was held is given before the end")
		})
	}
	t.Run("away from the beginning", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := logstest.New()
			s.Fault = func(context.Context, string) error { return fail.New(fail.Unavailable, "refused") }
			_, err := events(t, time.Minute, s, logs.Query{}, logs.TailOptions{})
			require.Equal(t, fail.Unavailable, fail.CodeOf(err))
			require.Equal(t, 1, s.Calls("Next"))
		})
	})
	t.Run("a store that hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := logstest.New()
			s.Fault = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
			begin := time.Now()
			_, err := events(t, time.Hour, s, logs.Query{}, logs.TailOptions{CallTimeout: 5 * time.Second})
			require.Equal(t, fail.Timeout, fail.CodeOf(err))
			require.Equal(t, 5*time.Second, time.Since(begin))
		})
	})
}

func TestTailSaysGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s := logstest.New(entry("1", now))
		s.Gaps = []api.LogGap{{From: now, To: now.Add(time.Second), Reason: "the index was deleted", Missed: 7}}
		got, _ := events(t, time.Second, s, logs.Query{}, logs.TailOptions{})
		require.Equal(t, int64(7), ofType(got, "gap")[0].Gap.Missed)
	})
	t.Run("more repeated entries than are remembered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := logstest.New()
			s.Repeat = 10
			for i := range 100 {
				s.Add(entry(fmt.Sprint(i), time.Now()))
			}
			got, _ := events(t, 3*time.Second, s, logs.Query{}, logs.TailOptions{MaxSeen: 20, Batch: 10})
			require.Len(t, ofType(got, "gap"), 1)
			require.Contains(t, ofType(got, "gap")[0].Gap.Reason, "shown twice")
		})
	})
	t.Run("more held entries than fit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := logstest.New()
			for i := range 1000 {
				s.Add(entry(fmt.Sprintf("%03d", i), time.Now().Add(time.Duration(i))))
			}
			got, _ := events(t, 5*time.Second, s, logs.Query{}, logs.TailOptions{Hold: 3 * time.Second, MaxHeld: 100, Batch: 50})
			require.Len(t, ids(got), 1000, "none is lost")
			require.Len(t, ofType(got, "gap"), 1)
			require.Contains(t, ofType(got, "gap")[0].Gap.Reason, "order")
		})
	})
}

func TestTailIsPulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logstest.New()
		for i := range 10000 {
			s.Add(entry(fmt.Sprint(i), time.Now()))
		}
		n := 0
		for _, err := range logs.Tail(t.Context(), s, logs.Query{}, logs.TailOptions{Batch: 100}) {
			require.NoError(t, err)
			if n++; n == 150 {
				time.Sleep(time.Hour) // a reader who has gone to lunch
				require.Equal(t, 2, s.Calls("Next"))
				break
			}
		}
	})
}

// waiting is a store that can say when something new is there.
type waiting struct {
	*logstest.Store
	mu   sync.Mutex
	wake chan struct{}
}

func (w *waiting) Wait(ctx context.Context, since logs.Position) error {
	w.mu.Lock()
	wake := w.wake
	w.mu.Unlock()
	if b, err := w.Next(ctx, logs.Query{}, since); err == nil && len(b.Entries) > 0 {
		return nil
	}
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *waiting) add(e api.LogEntry) {
	w.Add(e)
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.wake)
	w.wake = make(chan struct{})
}

func TestTailWaitsForAStoreThatTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &waiting{Store: logstest.New(), wake: make(chan struct{})}
		const n = 200
		go func() {
			for i := range n {
				time.Sleep(time.Duration(1+i%700) * time.Millisecond)
				s.add(entry(fmt.Sprintf("%03d", i), time.Now()))
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var worst time.Duration
		got := 0
		for e, err := range logs.Tail(ctx, s, logs.Query{}, logs.TailOptions{}) {
			if err != nil {
				break
			}
			if e.Type == "entry" {
				got++
				worst = max(worst, time.Since(e.Entry.Time))
			}
		}
		require.Equal(t, n, got)
		require.LessOrEqual(t, worst, 50*time.Millisecond)
		require.Less(t, s.Calls("Next"), 3*n+400, "it waits and does not spin")
	})
}

// chaos is a model of a store behind a bad network: entries become visible
// late and out of order, some are given again, calls fail, hang up, are
// limited, and the index rolls over.
type chaos struct {
	*logstest.Store
	mu     sync.Mutex
	rnd    *rand.Rand
	begin  time.Time
	hidden []arrival
}

type arrival struct {
	at    time.Duration
	entry api.LogEntry
}

func (c *chaos) Next(ctx context.Context, q logs.Query, since logs.Position) (logs.Batch, error) {
	c.mu.Lock()
	n := 0
	for n < len(c.hidden) && c.hidden[n].at <= time.Since(c.begin) {
		c.Add(c.hidden[n].entry)
		n++
	}
	c.hidden = c.hidden[n:]
	dice := c.rnd.IntN(100)
	c.mu.Unlock()
	switch {
	case dice < 5:
		return logs.Batch{}, fail.New(fail.Unavailable, "connection reset")
	case dice < 7:
		return logs.Batch{}, fail.New(fail.Limited, "429")
	case dice < 9:
		return logs.Batch{}, fail.New(fail.Timeout, "no answer")
	}
	if len(since) == 8 && dice < 40 { // a position that fell back, as after a rollover
		at := binary.BigEndian.Uint64(since)
		since = binary.BigEndian.AppendUint64(nil, at-min(at, uint64(dice)))
	}
	b, err := c.Store.Next(ctx, q, since)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rnd.Shuffle(len(b.Entries), func(i, j int) { b.Entries[i], b.Entries[j] = b.Entries[j], b.Entries[i] })
	return b, err
}

// newChaos has writers whose n entries come up to late after their time.
func newChaos(seed uint64, n int, late time.Duration) (*chaos, []string) {
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a reproducible test
	c := &chaos{Store: logstest.New(), rnd: rnd, begin: time.Now()}
	var want []string
	for i := range n {
		at := time.Duration(i/4) * 10 * time.Millisecond // four at a time: equal timestamps
		id := fmt.Sprintf("%d-%06d", i%8, i)
		want = append(want, id)
		delay := time.Duration(rnd.Int64N(int64(late) + 1))
		c.hidden = append(c.hidden, arrival{at + delay, entry(id, c.begin.Add(at))})
	}
	slices.SortStableFunc(c.hidden, func(a, b arrival) int { return int(a.at - b.at) })
	slices.Sort(want)
	return c, want
}

func TestTailModel(t *testing.T) {
	const late = 30 * time.Second
	for seed := range uint64(6) {
		for _, hold := range []time.Duration{0, late} {
			t.Run(fmt.Sprintf("seed %d hold %s", seed, hold), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, want := newChaos(seed, 3000, late)
					// The first call of a tail without a cursor must succeed.
					for {
						if _, err := s.Next(t.Context(), logs.Query{}, nil); err == nil {
							break
						}
					}
					got, err := events(t, 4*time.Minute, retrying{s}, logs.Query{}, logs.TailOptions{Hold: hold, Batch: 200})
					require.Equal(t, fail.Timeout, fail.CodeOf(err))
					all := ids(got)
					slices.Sort(all)
					require.Equal(t, want, all, "each id once")
					require.Empty(t, ofType(got, "gap"))
					checkOrder(t, got, hold == late)
				})
			})
		}
	}
}

// retrying hides failures until the first answer.
type retrying struct{ *chaos }

func (r retrying) Next(ctx context.Context, q logs.Query, since logs.Position) (logs.Batch, error) {
	for {
		b, err := r.chaos.Next(ctx, q, since)
		if err == nil || len(since) > 0 {
			return b, err
		}
	}
}

// checkOrder: an entry before the greatest that was given is marked late, and
// no other is; strict forbids late ones.
func checkOrder(t *testing.T, got []api.LogEvent, strict bool) {
	t.Helper()
	var top *api.LogEntry
	for _, e := range ofType(got, "entry") {
		late := top != nil && logs.Compare(e.Entry, top) < 0
		require.Equal(t, late, e.Late, e.Entry.ID)
		require.False(t, strict && late, "%s at %s after %s", e.Entry.ID, e.Entry.Time, top)
		if !late {
			top = e.Entry
		}
	}
	var mark time.Time
	for _, e := range got {
		switch {
		case e.Type == "watermark":
			require.False(t, e.Watermark.Before(mark), "a watermark goes back")
			mark = *e.Watermark
		case e.Type == "entry" && !e.Late:
			require.False(t, e.Entry.Time.Before(mark), "an entry before the watermark that does not say late")
		}
	}
}

// TestTailResumes kills a tail at arbitrary events and resumes it from the
// last cursor that its consumer kept.
func TestTailResumes(t *testing.T) {
	for seed := range uint64(5) {
		for _, hold := range []time.Duration{0, 10 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				s, want := newChaos(seed, 1500, 10*time.Second)
				rnd := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a reproducible test
				unique, doubles, cursor := map[string]bool{}, 0, ""
				for range 12 {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					kill := 1 + rnd.IntN(600)
					for e, err := range logs.Tail(ctx, retrying{s}, logs.Query{}, logs.TailOptions{Hold: hold, Cursor: cursor, Batch: 100}) {
						if err != nil || kill == 0 {
							break
						}
						if e.Type == "entry" {
							if kill--; unique[e.Entry.ID] {
								doubles++
							}
							unique[e.Entry.ID] = true
						}
						if e.Cursor != "" && rnd.IntN(3) > 0 { // some are lost with the process
							cursor = e.Cursor
						}
					}
					cancel()
				}
				got, _ := events(t, 2*time.Minute, retrying{s}, logs.Query{}, logs.TailOptions{Hold: hold, Cursor: cursor})
				for _, id := range ids(got) {
					unique[id] = true
				}
				require.Len(t, unique, len(want), "no id is lost")
			})
		}
	}
}

func TestTailResumesWithoutDoublesWhenNothingWasKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logstest.New()
		s.Repeat = 50
		for i := range 300 {
			s.Add(entry(fmt.Sprintf("%03d", i), time.Now().Add(time.Duration(i))))
		}
		first, _ := events(t, 2*time.Second, s, logs.Query{}, logs.TailOptions{})
		s.Add(entry("new", time.Now()))
		again, _ := events(t, 2*time.Second, s, logs.Query{}, logs.TailOptions{Cursor: lastCursor(first)})
		require.Equal(t, []string{"new"}, ids(again))
	})
}

// TestTailGivesACursorAtOnce: whoever is stopped before anything came resumes
// from there all the same.
func TestTailGivesACursorAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logstest.New()
		first, _ := events(t, 10*time.Millisecond, s, logs.Query{From: time.Now()}, logs.TailOptions{Hold: 30 * time.Second})
		require.NotEmpty(t, lastCursor(first))
		s.Add(entry("meanwhile", time.Now()))
		time.Sleep(time.Hour)
		again, _ := events(t, 2*time.Minute, s, logs.Query{From: time.Now()}, logs.TailOptions{Cursor: lastCursor(first)})
		require.Equal(t, []string{"meanwhile"}, ids(again))
	})
}

func TestTailRefusesTheCursorOfAnotherQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logstest.New(entry("1", time.Now()))
		first, _ := events(t, time.Second, s, logs.Query{}, logs.TailOptions{})
		_, err := events(t, time.Second, s, logs.Query{Text: "x"}, logs.TailOptions{Cursor: lastCursor(first)})
		require.Equal(t, fail.Usage, fail.CodeOf(err))
		require.ErrorContains(t, err, "another query")
	})
}

// TestTailMemory follows many more entries than the bounds hold.
func TestTailMemory(t *testing.T) {
	g := &generator{total: 60_000, batch: 1000}
	n := 0
	var base, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&base)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for e, err := range logs.Tail(ctx, g, logs.Query{}, logs.TailOptions{Hold: time.Hour, MaxHeld: 5000, MaxSeen: 10_000}) {
		require.NoError(t, err)
		if e.Type == "entry" {
			n++
		}
		if n == g.total-6000 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			break
		}
	}
	require.Less(t, int64(after.HeapAlloc)-int64(base.HeapAlloc), int64(16<<20)) //nolint:gosec // small numbers
}

// generator makes entries without keeping any.
type generator struct {
	logstest.Store
	total, batch int
}

func (g *generator) Next(_ context.Context, _ logs.Query, since logs.Position) (logs.Batch, error) {
	at := 0
	if len(since) == 8 {
		at = int(binary.BigEndian.Uint64(since)) //nolint:gosec // our own position
	}
	b := logs.Batch{More: at+g.batch < g.total, Next: binary.BigEndian.AppendUint64(nil, uint64(at+g.batch))} //nolint:gosec // not negative
	for i := at; i < min(at+g.batch, g.total); i++ {
		b.Entries = append(b.Entries, entry(fmt.Sprintf("%09d", i), time.Unix(0, int64(i))))
	}
	return b, nil
}
