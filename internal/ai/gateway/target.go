package gateway

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// BreakerOptions tune the circuit breaker that each target has. The breaker
// is sony/gobreaker: kept up, without dependencies, and its two-step form fits
// streams, whose outcome is known long after they were let through.
type BreakerOptions struct {
	// Failures in a row that open it. Default 5.
	Failures uint32
	// Requests and Ratio: it also opens when, of at least Requests calls within
	// Window, this share failed. Defaults 20, 0.5 and 10 s.
	Requests uint32
	Ratio    float64
	Window   time.Duration
	// Open is how long it stays open before one call may probe. Default 5 s.
	Open time.Duration
}

func (o BreakerOptions) withDefaults() BreakerOptions {
	o.Failures = cmp.Or(o.Failures, 5)
	o.Requests = cmp.Or(o.Requests, 20)
	o.Ratio = cmp.Or(o.Ratio, 0.5)
	o.Window = cmp.Or(o.Window, 10*time.Second)
	o.Open = cmp.Or(o.Open, 5*time.Second)
	return o
}

// replica is the state of one target. It outlives route changes.
type replica struct {
	service, revision, name string
	upstream                Upstream
	ready                   atomic.Pointer[func() bool]
	breaker                 *gobreaker.TwoStepCircuitBreaker[any]
	outstanding             atomic.Int64
	until                   atomic.Int64 // no calls before, Unix nanoseconds
	ejections               atomic.Int64

	removed atomic.Bool
	idle    chan struct{} // closed when removed and without calls
	once    sync.Once
}

// errExcluded tells the breaker that a call says nothing about the target.
var errExcluded = errors.New("says nothing about the target")

func (g *Gateway) newReplica(service, revision string, spec Replica) *replica {
	r := &replica{service: service, revision: revision, name: spec.Name, upstream: spec.Upstream, idle: make(chan struct{})}
	o := g.o.Breaker
	state := g.m.breaker.WithLabelValues(service, revision, spec.Name)
	state.Set(0)
	r.breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: spec.Name, MaxRequests: 1, Interval: o.Window, BucketPeriod: o.Window / 10, Timeout: o.Open,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return n.ConsecutiveFailures >= o.Failures ||
				n.Requests >= o.Requests && float64(n.TotalFailures) >= o.Ratio*float64(n.Requests)
		},
		IsExcluded:    func(err error) bool { return errors.Is(err, errExcluded) },
		OnStateChange: func(_ string, _, to gobreaker.State) { state.Set(float64(to)) },
	})
	return r.with(spec.Ready)
}

func (r *replica) with(ready func() bool) *replica {
	if ready == nil {
		r.ready.Store(nil)
	} else {
		r.ready.Store(&ready)
	}
	return r
}

// namesake says whether both have the same labels in the metrics.
func (r *replica) namesake(other *replica) bool {
	return r.revision == other.revision && r.name == other.name
}

func (r *replica) isReady() bool {
	f := r.ready.Load()
	return f == nil || (*f)()
}

// available says whether a new call may go there now.
func (r *replica) available(now time.Time) bool {
	return !r.removed.Load() && r.until.Load() <= now.UnixNano() && r.isReady() &&
		r.breaker.State() != gobreaker.StateOpen
}

// hold keeps new calls away until then.
func (r *replica) hold(then time.Time) {
	for n := then.UnixNano(); ; {
		old := r.until.Load()
		if old >= n || r.until.CompareAndSwap(old, n) {
			return
		}
	}
}

// enter counts a call in; false when the target was removed meanwhile.
func (r *replica) enter() bool {
	r.outstanding.Add(1)
	if r.removed.Load() {
		r.leave()
		return false
	}
	return true
}

func (r *replica) leave() {
	r.outstanding.Add(-1)
	r.checkIdle()
}

func (r *replica) checkIdle() {
	if r.removed.Load() && r.outstanding.Load() == 0 {
		r.once.Do(func() { close(r.idle) })
	}
}

// The longest that a target is left alone on its own word (Retry-After) or
// by ejection.
const maxHold = time.Minute

// eject leaves r alone for a while when it fails much more often than its
// siblings do: at least 5 calls and 30 % of them failed, three times the share
// of the others. At most half of a revision is ejected (after the outlier
// detection of Envoy).
func (g *Gateway) eject(rev *revision, r *replica, now time.Time) {
	mine := r.breaker.Counts()
	if mine.Requests < 5 || len(rev.replicas) < 2 || float64(mine.TotalFailures) < 0.3*float64(mine.Requests) {
		return
	}
	var requests, failures uint32
	out := 1
	for _, s := range rev.replicas {
		if s == r {
			continue
		}
		if s.until.Load() > now.UnixNano() || s.breaker.State() == gobreaker.StateOpen {
			out++
			continue
		}
		n := s.breaker.Counts()
		requests += n.Requests
		failures += n.TotalFailures
	}
	if 2*out > len(rev.replicas) || requests < 5 ||
		float64(mine.TotalFailures)/float64(mine.Requests) < 3*float64(failures)/float64(requests) {
		return
	}
	n := r.ejections.Add(1)
	r.hold(now.Add(min(time.Duration(n)*10*time.Second, maxHold)))
	g.m.ejections.WithLabelValues(r.service, r.revision, r.name).Inc()
}

// retryBudget is a token bucket: each call pays in a share, each retry takes
// one out.
type retryBudget struct {
	ratio, burst int64 // in thousandths
	saved        atomic.Int64
}

func newRetryBudget(ratio float64, burst int) *retryBudget {
	b := &retryBudget{ratio: int64(ratio * 1000), burst: int64(burst) * 1000}
	b.saved.Store(b.burst)
	return b
}

func (b *retryBudget) deposit() {
	if s := b.saved.Load(); s < b.burst {
		b.saved.CompareAndSwap(s, min(s+b.ratio, b.burst)) // a lost race loses a fraction of one retry
	}
}

func (b *retryBudget) withdraw() bool {
	for {
		s := b.saved.Load()
		if s < 1000 {
			return false
		}
		if b.saved.CompareAndSwap(s, s-1000) {
			return true
		}
	}
}
