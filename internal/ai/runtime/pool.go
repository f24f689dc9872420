package runtime

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/fail"
)

// pool is the ready instances of one revision with their slots, and the queue
// of the calls that wait for one. Calls wait in order of arrival, at most
// limit of them; nothing that was let in is dropped while a caller waits.
type pool struct {
	service, revision string
	slots             int // of one instance
	limit             int // of the queue
	now               func() time.Time
	// wake asks for an instance: somebody waits and there is none.
	wake func()
	// moved is when an instance last came or went, Unix nanoseconds.
	moved atomic.Int64
	meter *meter

	mu      sync.Mutex // guards what follows
	members []*instance
	waiting list.List // of *waiter
	broken  error     // why no instance will come; nil where one may
	next    *pool     // that has taken over; calls that come late go there
	load    load
}

type waiter struct {
	turn chan struct{} // closed when inst or err is set
	inst *instance
	err  error
}

// instance is one start of a replica.
type instance struct {
	pool *pool
	name string // of the replica
	up   gateway.Upstream
	// suspect is told of a connection that broke; it must not block.
	suspect func(error)
	ready   atomic.Bool
	busy    int           // guarded by pool.mu
	left    bool          // guarded by pool.mu
	idle    chan struct{} // closed when left and without calls
}

var _ gateway.Upstream = (*instance)(nil)

func newPool(service, revision string, slots, limit int, now func() time.Time, wake func()) *pool {
	return &pool{service: service, revision: revision, slots: slots, limit: limit, now: now, wake: wake, meter: newMeter(now), load: load{now: now}}
}

// join lets calls in.
func (p *pool) join(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i.idle = make(chan struct{})
	p.members = append(p.members, i)
	p.broken = nil
}

// leave lets no more calls in; idle is closed when the last one has ended.
func (p *pool) leave(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i.left {
		return
	}
	i.left = true
	for at, m := range p.members {
		if m == i {
			p.members = append(p.members[:at:at], p.members[at+1:]...)
			break
		}
	}
	if i.ready.Swap(false) {
		p.moved.Store(p.now().UnixNano())
	}
	if i.busy == 0 {
		close(i.idle)
	}
}

// setReady opens or closes an instance for new calls.
func (p *pool) setReady(i *instance, ready bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i.left || i.ready.Swap(ready) == ready {
		return
	}
	p.moved.Store(p.now().UnixNano())
	if ready {
		p.broken = nil
		p.hand()
	}
}

// breakUp tells those who wait that no instance will come, and those who come
// after them, until one joins or mend is called.
func (p *pool) breakUp(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = err
	for p.waiting.Len() > 0 {
		w := p.pop()
		w.err = err
		close(w.turn)
	}
}

// retire sends those who wait, and those who come, to the pool that has taken
// over; nil takes it back.
func (p *pool) retire(next *pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next = next; next == nil {
		return
	}
	for p.waiting.Len() > 0 {
		w := p.pop()
		w.err = errRetired
		close(w.turn)
	}
}

var errRetired = errors.New("another revision has taken over")

func (p *pool) successor() *pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

func (p *pool) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = nil
}

func (p *pool) pop() *waiter {
	w, ok := p.waiting.Remove(p.waiting.Front()).(*waiter)
	if !ok {
		panic("only waiters wait")
	}
	p.load.add(0, -1)
	return w
}

// hand gives free slots to those who wait.
func (p *pool) hand() {
	for p.waiting.Len() > 0 {
		i := p.free(nil)
		if i == nil {
			return
		}
		w := p.pop()
		w.inst = i
		p.take(i)
		close(w.turn)
	}
}

// free is prefer, where it has a slot, or else the instance with the fewest
// calls that has one.
func (p *pool) free(prefer *instance) *instance {
	if prefer != nil && !prefer.left && prefer.ready.Load() && prefer.busy < p.slots {
		return prefer
	}
	var best *instance
	for _, i := range p.members {
		if i.ready.Load() && i.busy < p.slots && (best == nil || i.busy < best.busy) {
			best = i
		}
	}
	return best
}

func (p *pool) take(i *instance) {
	i.busy++
	p.load.add(1, 0)
}

// acquire takes a slot, of prefer if it can be, or waits for one until ctx
// ends. The caller owes a release.
func (p *pool) acquire(ctx context.Context, prefer *instance) (*instance, error) {
	p.mu.Lock()
	if p.next != nil && (prefer == nil || prefer.left) {
		p.mu.Unlock()
		return nil, errRetired
	}
	if p.waiting.Len() == 0 {
		if i := p.free(prefer); i != nil {
			p.take(i)
			p.mu.Unlock()
			return i, nil
		}
	}
	if p.broken != nil && !p.anyReady() {
		err := p.broken
		p.mu.Unlock()
		return nil, err
	}
	if n := p.waiting.Len(); n >= p.limit {
		p.mu.Unlock()
		return nil, &busyError{err: fail.New(fail.Limited, "%d calls of %s wait for a replica already", n, p.service).
			Hint("try again in a moment; aictl deploy status service/%s", p.service)}
	}
	w := &waiter{turn: make(chan struct{})}
	at := p.waiting.PushBack(w)
	p.load.add(0, 1)
	none := len(p.members) == 0
	p.mu.Unlock()
	if none {
		p.wake()
	}
	select {
	case <-w.turn:
		return w.inst, w.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.turn: // it came as the caller left
		if w.inst != nil {
			p.releaseLocked(w.inst)
		}
	default:
		p.waiting.Remove(at)
		p.load.add(0, -1)
	}
	return nil, context.Cause(ctx)
}

// busyError tells the gateway when to come back.
type busyError struct{ err *fail.Error }

func (e *busyError) Error() string { return e.err.Error() }
func (e *busyError) Unwrap() error { return e.err }

// RetryAfter is what fail.RetryAfter looks for.
func (e *busyError) RetryAfter() time.Duration { return time.Second }

func (p *pool) release(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releaseLocked(i)
}

func (p *pool) releaseLocked(i *instance) {
	i.busy--
	p.load.add(-1, 0)
	if i.left && i.busy == 0 {
		close(i.idle)
	}
	p.hand()
}

// depths are the calls under way and those that wait.
func (p *pool) depths() (running, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.load.running, p.load.waiting
}

// isReady says whether any instance takes calls.
func (p *pool) isReady() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.anyReady()
}

func (p *pool) anyReady() bool {
	for _, i := range p.members {
		if i.ready.Load() {
			return true
		}
	}
	return false
}
