package gateway

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aictl/aictl/internal/fail"
)

// queue admits at most limit calls at a time; further ones wait in order of
// arrival, at most depth of them. It has no goroutine.
type queue struct {
	mu      sync.Mutex // guards what follows
	limit   int        // 0: no limit
	depth   int
	running int
	waiting list.List // of chan struct{}, closed when the slot is handed over
	gauge   prometheus.Gauge
}

func (q *queue) resize(limit, depth int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit, q.depth = limit, depth
	for q.waiting.Len() > 0 && (limit == 0 || q.running < limit) {
		q.running++
		q.grant()
	}
}

// grant hands a slot, counted already, to the first in the queue.
func (q *queue) grant() {
	close(q.waiting.Remove(q.waiting.Front()).(chan struct{}))
}

// acquire takes a slot or waits for it, at most wait. It fails with
// fail.Limited when the queue is full or the wait is over.
func (q *queue) acquire(ctx context.Context, wait time.Duration) error {
	q.mu.Lock()
	if q.limit == 0 || q.running < q.limit {
		q.running++
		q.mu.Unlock()
		return nil
	}
	if q.waiting.Len() >= q.depth {
		n := q.waiting.Len()
		q.mu.Unlock()
		return withRetryAfter(fail.New(fail.Limited, "all %d slots are taken and %d calls wait already", q.limit, n).
			Hint("try again in a moment"), time.Second)
	}
	turn := make(chan struct{})
	at := q.waiting.PushBack(turn)
	q.mu.Unlock()
	if q.gauge != nil {
		q.gauge.Inc()
		defer q.gauge.Dec()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var err error
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = fail.From(context.Cause(ctx))
	case <-timer.C:
		err = withRetryAfter(fail.New(fail.Limited, "no slot became free within %s", wait).
			Hint("try again in a moment"), time.Second)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-turn: // the slot came in the meantime: use it unless the caller left
		if ctx.Err() == nil {
			return nil
		}
		q.releaseLocked()
	default:
		q.waiting.Remove(at)
	}
	return err
}

func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.releaseLocked()
}

func (q *queue) releaseLocked() {
	if q.waiting.Len() > 0 && (q.limit == 0 || q.running <= q.limit) {
		q.grant()
		return
	}
	q.running--
}

func (q *queue) depths() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running, q.waiting.Len()
}
