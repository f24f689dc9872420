package embedded

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/aictl/aictl/internal/fail"
)

// mostWaiting bounds the questions that wait for their turn. Each has a caller
// that waits for it, too.
const mostWaiting = 128

// turns bounds how many questions the engine answers at once: each uses all
// cores, and more of them at a time only make every one late.
type turns struct {
	running chan struct{}
	waiting atomic.Int64
}

func newTurns() turns { return turns{running: make(chan struct{}, 2*runtime.GOMAXPROCS(0))} }

// take waits for a turn, and gives what ends it. It fails with Limited where
// too many wait already, and as ctx does.
func (t *turns) take(ctx context.Context) (leave func(), err error) {
	leave = func() { <-t.running }
	select {
	case t.running <- struct{}{}:
		return leave, nil
	default:
	}
	if t.waiting.Add(1) > mostWaiting {
		t.waiting.Add(-1)
		return nil, fail.New(fail.Limited, "the log store is asked by %d callers already", mostWaiting+cap(t.running)).
			Hint("try again in a moment, with a shorter window or a narrower filter")
	}
	defer t.waiting.Add(-1)
	select {
	case t.running <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
