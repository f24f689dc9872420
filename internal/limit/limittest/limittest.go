// Package limittest holds every limiter to the same behaviour: one suite, run
// against the one in memory and an imitation of Redis by the unit tests, and
// against a real Redis by the end-to-end tests. It is for tests only.
package limittest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/limit"
)

// Conformance runs the suite. open gives limiters that share their state, as
// replicas do, and that other tests do not see: one for a kind that is for one
// process. They use the clock of the machine.
func Conformance(t *testing.T, open func(t *testing.T) []limit.Limiter) {
	t.Run("a burst, then the rate", func(t *testing.T) { burst(t, open(t)) })
	t.Run("no limit", func(t *testing.T) { none(t, open(t)) })
	t.Run("keys do not share", func(t *testing.T) { keys(t, open(t)) })
	t.Run("concurrent callers keep to the burst", func(t *testing.T) { rush(t, open(t)) })
	t.Run("a budget is never overshot", func(t *testing.T) { budget(t, open(t)) })
	t.Run("settling", func(t *testing.T) { settle(t, open(t)) })
	t.Run("a window begins anew", func(t *testing.T) { window(t, open(t)) })
	t.Run("ready", func(t *testing.T) {
		for _, l := range open(t) {
			require.NoError(t, l.Ready(t.Context()))
		}
	})
}

// long is a window that does not end while a test runs, at midnight neither.
const long = 50 * 365 * 24 * time.Hour

// limited wants a refusal that says when to try again.
func limited(t *testing.T, err error, most time.Duration) {
	t.Helper()
	require.ErrorIs(t, err, fail.Limited.Err())
	var again interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &again)
	require.Positive(t, again.RetryAfter())
	require.LessOrEqual(t, again.RetryAfter(), most)
}

func burst(t *testing.T, all []limit.Limiter) {
	const rps = 0.001 // slow, so that the machine's load does not matter
	for i := range 5 {
		require.NoError(t, all[i%len(all)].Allow(t.Context(), "k", rps, 5))
	}
	for _, l := range all {
		limited(t, l.Allow(t.Context(), "k", rps, 5), 1000*time.Second+time.Millisecond)
	}
	// At 1000 a second, a token is back after a millisecond.
	require.NoError(t, all[0].Allow(t.Context(), "fast", 1000, 1))
	require.Eventually(t, func() bool { return all[len(all)-1].Allow(t.Context(), "fast", 1000, 1) == nil }, 5*time.Second, time.Millisecond)
	// A burst of less than one is one.
	require.NoError(t, all[0].Allow(t.Context(), "zero", rps, 0))
	limited(t, all[0].Allow(t.Context(), "zero", rps, 0), 1001*time.Second)
}

func none(t *testing.T, all []limit.Limiter) {
	for range 100 {
		require.NoError(t, all[0].Allow(t.Context(), "k", 0, 0))
		done, err := all[0].Reserve(t.Context(), "k", 1<<40, 0, time.Hour)
		require.NoError(t, err)
		done(1 << 50)
	}
}

func keys(t *testing.T, all []limit.Limiter) {
	for i := range 20 {
		key := fmt.Sprintf("k:%d {x} *\n", i)
		require.NoError(t, all[0].Allow(t.Context(), key, 0.001, 1))
		limited(t, all[0].Allow(t.Context(), key, 0.001, 1), 1001*time.Second)
		_, err := all[0].Reserve(t.Context(), key, 10, 10, time.Hour)
		require.NoError(t, err)
	}
}

func rush(t *testing.T, all []limit.Limiter) {
	const allowed = 50
	var passed atomic.Int64
	var done sync.WaitGroup
	for w := range 8 {
		done.Go(func() {
			for range 20 {
				if err := all[w%len(all)].Allow(t.Context(), "k", 0.0001, allowed); err == nil {
					passed.Add(1)
				} else if fail.CodeOf(err) != fail.Limited {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	require.LessOrEqual(t, passed.Load(), int64(allowed))
	require.Positive(t, passed.Load())
}

// budget lets callers reserve, use at most what they reserved, and settle, in
// a random order: what was used is never more than the limit, and in the end
// all that was not used can be.
func budget(t *testing.T, all []limit.Limiter) {
	const most = 1000
	var used atomic.Int64
	var done sync.WaitGroup
	for w := range 8 {
		done.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range 40 {
				want := 1 + r.Int64N(60)
				settle, err := all[w%len(all)].Reserve(t.Context(), "k", want, most, long)
				if err != nil {
					if fail.CodeOf(err) != fail.Limited {
						t.Error(err)
					}
					continue
				}
				took := r.Int64N(want + 1)
				if sum := used.Add(took); sum > most {
					t.Errorf("%d of %d used", sum, most)
				}
				settle(took)
			}
		})
	}
	done.Wait()
	rest := most - used.Load()
	if rest > 0 {
		_, err := all[0].Reserve(t.Context(), "k", rest, most, long)
		require.NoError(t, err, "what was given back can be used")
	}
	_, err := all[0].Reserve(t.Context(), "k", 1, most, long)
	limited(t, err, long)
}

func settle(t *testing.T, all []limit.Limiter) {
	reserve := func(n int64) (func(int64), error) {
		return all[len(all)-1].Reserve(t.Context(), "k", n, 100, long)
	}
	first, err := reserve(80)
	require.NoError(t, err)
	_, err = reserve(21)
	limited(t, err, long)
	first(30)
	first(0) // the second time is nothing
	second, err := reserve(70)
	require.NoError(t, err)
	_, err = reserve(1)
	limited(t, err, long)
	second(90) // more than was reserved is taken too: 120 of 100
	_, err = reserve(1)
	limited(t, err, long)
	_, err = all[0].Reserve(t.Context(), "other", 101, 100, long)
	limited(t, err, long)
	least, err := all[0].Reserve(t.Context(), "least", 0, 1, long)
	require.NoError(t, err)
	_, err = all[0].Reserve(t.Context(), "least", 0, 1, long)
	limited(t, err, long)
	least(-5) // no use is negative
	_, err = all[0].Reserve(t.Context(), "least", 2, 1, long)
	limited(t, err, long)
}

func window(t *testing.T, all []limit.Limiter) {
	const short = 200 * time.Millisecond
	require.Eventually(t, func() bool { // a window may end between two calls
		_, first := all[0].Reserve(t.Context(), "k", 10, 10, short)
		_, second := all[0].Reserve(t.Context(), "k", 1, 10, short)
		return first == nil && fail.CodeOf(second) == fail.Limited
	}, 5*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := all[0].Reserve(t.Context(), "k", 10, 10, short)
		return err == nil
	}, 5*time.Second, 10*time.Millisecond)
}
