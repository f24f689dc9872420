// Package limittest holds every limit.Limiter to its contract.
package limittest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/limit"
)

// Conformance runs the suite; open gives a limiter without a past.
func Conformance(t *testing.T, open func(t *testing.T) limit.Limiter) {
	t.Helper()
	t.Run("a burst, then the rate", func(t *testing.T) {
		l := open(t)
		for range 3 {
			require.NoError(t, l.Allow(t.Context(), "a", 1, 3))
		}
		err := l.Allow(t.Context(), "a", 1, 3)
		require.Equal(t, fail.Limited, fail.CodeOf(err))
		var later interface{ RetryAfter() time.Duration }
		require.ErrorAs(t, err, &later)
		require.Greater(t, later.RetryAfter(), time.Duration(0))
		require.LessOrEqual(t, later.RetryAfter(), 1100*time.Millisecond)
		require.NoError(t, l.Allow(t.Context(), "b", 1, 3), "another key has its own bucket")
		require.NoError(t, l.Allow(t.Context(), "a", 0, 0), "no rate, no limit")
	})
	t.Run("a budget is not overshot by many at once", func(t *testing.T) {
		l := open(t)
		var taken atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if _, err := l.Reserve(t.Context(), "a", 10, 100, time.Hour); err == nil {
					taken.Add(10)
				} else if fail.CodeOf(err) != fail.Limited {
					t.Errorf("refused with %v", err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(100), taken.Load())
	})
	t.Run("what was not used comes back", func(t *testing.T) {
		l := open(t)
		settle, err := l.Reserve(t.Context(), "a", 100, 100, time.Hour)
		require.NoError(t, err)
		_, err = l.Reserve(t.Context(), "a", 1, 100, time.Hour)
		require.Equal(t, fail.Limited, fail.CodeOf(err))
		settle(40)
		settle(0) // a second time changes nothing
		_, err = l.Reserve(t.Context(), "a", 60, 100, time.Hour)
		require.NoError(t, err)
		_, err = l.Reserve(t.Context(), "a", 1, 100, time.Hour)
		require.Equal(t, fail.Limited, fail.CodeOf(err))
	})
	t.Run("what was used beyond the reservation counts", func(t *testing.T) {
		l := open(t)
		settle, err := l.Reserve(t.Context(), "a", 10, 100, time.Hour)
		require.NoError(t, err)
		settle(95)
		_, err = l.Reserve(t.Context(), "a", 6, 100, time.Hour)
		require.Equal(t, fail.Limited, fail.CodeOf(err))
		_, err = l.Reserve(t.Context(), "a", 5, 100, time.Hour)
		require.NoError(t, err)
	})
	t.Run("keys and no limit", func(t *testing.T) {
		l := open(t)
		_, err := l.Reserve(t.Context(), "a", 100, 100, time.Hour)
		require.NoError(t, err)
		_, err = l.Reserve(t.Context(), "b", 100, 100, time.Hour)
		require.NoError(t, err)
		settle, err := l.Reserve(t.Context(), "a", 1<<40, 0, time.Hour)
		require.NoError(t, err)
		settle(1)
	})
	t.Run("a caller who goes is not kept", func(t *testing.T) {
		l := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		_ = l.Allow(ctx, "a", 1, 1)
		require.Less(t, time.Since(start), 2*time.Second)
	})
	t.Run("ready", func(t *testing.T) {
		l := open(t)
		require.NoError(t, l.Ready(t.Context()))
		require.NotEmpty(t, l.Kind())
	})
}
