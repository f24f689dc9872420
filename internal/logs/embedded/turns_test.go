package embedded

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func TestQuestionsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTurns()
		var now, over, refused, others, done atomic.Int64
		var callers sync.WaitGroup
		for range mostWaiting + cap(x.running) + 10 {
			callers.Go(func() {
				leave, err := x.take(t.Context())
				switch {
				case fail.CodeOf(err) == fail.Limited:
					refused.Add(1)
					return
				case err != nil:
					others.Add(1)
					return
				}
				defer leave()
				if now.Add(1) > int64(cap(x.running)) {
					over.Add(1)
				}
				time.Sleep(time.Second)
				now.Add(-1)
				done.Add(1)
			})
		}
		callers.Wait()
		require.Zero(t, over.Load())
		require.Zero(t, others.Load())
		require.EqualValues(t, 10, refused.Load())
		require.EqualValues(t, mostWaiting+cap(x.running), done.Load())
		require.Zero(t, x.waiting.Load())
	})
}

func TestAWaitingQuestionMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTurns()
		for range cap(x.running) {
			_, err := x.take(t.Context())
			require.NoError(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := x.take(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, x.waiting.Load())
	})
}
