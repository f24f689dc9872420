package limit

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/aictl/aictl/internal/fail"
)

// maxKeys bounds the memory. When it is reached, keys that have not been used
// for longest go; a bucket that comes back is full.
const maxKeys = 50_000

// Memory is a Limiter for one process.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex // guards what follows
	buckets map[string]*bucket
	budgets map[string]*budget
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

type budget struct {
	end   time.Time // of the window
	taken int64
}

var _ Limiter = (*Memory)(nil)

// NewMemory makes one; now is the clock.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, buckets: map[string]*bucket{}, budgets: map[string]*budget{}}
}

// Allow implements Limiter.
func (m *Memory) Allow(_ context.Context, key string, rps float64, burst int) error {
	if rps <= 0 {
		return nil
	}
	now := m.now()
	burst = max(burst, 1)
	m.mu.Lock()
	b := m.buckets[key]
	if b == nil {
		m.evict(now)
		b = &bucket{Limiter: rate.NewLimiter(rate.Limit(rps), burst)}
		m.buckets[key] = b
	}
	b.used = now
	if b.Limit() != rate.Limit(rps) || b.Burst() != burst { // the configuration changed
		b.SetLimitAt(now, rate.Limit(rps))
		b.SetBurstAt(now, burst)
	}
	m.mu.Unlock()
	r := b.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return tooFast(wait)
	}
	return nil
}

// evict makes room; m.mu is held. A full map loses the older half at once, so
// that the price is paid rarely.
func (m *Memory) evict(now time.Time) {
	if len(m.buckets) < maxKeys {
		return
	}
	for horizon := time.Hour; len(m.buckets) > maxKeys/2 && horizon > time.Millisecond; horizon /= 4 {
		for k, b := range m.buckets {
			if now.Sub(b.used) >= horizon {
				delete(m.buckets, k)
			}
		}
	}
	for k := range m.buckets { // all were used just now: any
		if len(m.buckets) <= maxKeys/2 {
			break
		}
		delete(m.buckets, k)
	}
}

// Reserve implements Limiter.
func (m *Memory) Reserve(_ context.Context, key string, tokens, limit int64, window time.Duration) (func(int64), error) {
	if limit <= 0 || window <= 0 {
		return func(int64) {}, nil
	}
	now := m.now()
	_, end := windowOf(now, window)
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.budgets[key]
	if b == nil || !b.end.Equal(end) {
		if b == nil && !m.roomForBudget(now) {
			return nil, fail.New(fail.Unavailable, "more than %d token budgets are in use on this server", maxKeys).
				Hint("share them: redis.url in the server's configuration")
		}
		b = &budget{end: end}
		m.budgets[key] = b
	}
	if tokens = max(tokens, 1); b.taken+tokens > limit {
		return nil, overBudget(limit, end.Sub(now))
	}
	b.taken += tokens
	var once sync.Once
	return func(used int64) {
		once.Do(func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			b.taken += max(used, 0) - tokens
		})
	}, nil
}

// roomForBudget drops the budgets whose window is over, when there are too
// many; m.mu is held. One that counts is never dropped: it would begin anew
// and be overshot.
func (m *Memory) roomForBudget(now time.Time) bool {
	if len(m.budgets) < maxKeys {
		return true
	}
	for k, b := range m.budgets {
		if !now.Before(b.end) {
			delete(m.budgets, k)
		}
	}
	return len(m.budgets) < maxKeys
}

// Kind implements Limiter.
func (*Memory) Kind() string { return "memory" }

// Ready implements Limiter.
func (*Memory) Ready(context.Context) error { return nil }

// Close implements Limiter.
func (*Memory) Close() error { return nil }

// Keys is how many keys are remembered, for the metrics.
func (m *Memory) Keys() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.buckets)
}
