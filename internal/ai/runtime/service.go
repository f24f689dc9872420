package runtime

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/deploy"
)

// revision is one that has, or may have, replicas.
type revision struct {
	number   int
	name     string
	dir      string
	manifest *plugin.Manifest
	pool     *pool
	queue    *queue
}

// service is one service: what was asked for, and what is done about it. One
// goroutine reconciles them.
type service struct {
	rt   *Runtime
	name string

	kick  chan struct{} // look again; holds one
	stop  chan struct{} // closed: end everything
	rush  chan struct{} // closed: without grace
	ended chan struct{} // closed when the goroutine and all replicas have ended

	stopOnce, rushOnce sync.Once

	applied atomic.Int64 // when objects on Kubernetes were changed last, Unix nanoseconds

	mu        sync.Mutex // guards what follows
	rec       *Record
	observed  int64 // the generation that was reconciled last
	revisions map[int]*revision
	replicas  []*replica // the oldest first
	events    []deploy.Event
	picture   chan struct{} // closed, and made anew, at every change
	logs      chan struct{} // closed, and made anew, when a replica starts
	scaler    scaler
	wanted    int       // replicas of the revision that serves
	progress  time.Time // of the rollout, when it last made some
	best      int       // replicas of the target that were available at most
	routed    string    // what the gateway was told last
	judge     *canaryJudge
	past      []*journal // of replicas that have stopped, the oldest first
	deleted   bool
}

// maxEvents bounds the events kept of a service.
const maxEvents = 200

func (r *Runtime) newService(rec *Record) (*service, error) {
	s := &service{
		rt: r, name: rec.Name, kick: make(chan struct{}, 1), stop: make(chan struct{}), rush: make(chan struct{}), ended: make(chan struct{}),
		rec: rec, revisions: map[int]*revision{}, picture: make(chan struct{}), logs: make(chan struct{}), progress: r.now(),
	}
	if err := s.adopt(); err != nil {
		return nil, err
	}
	return s, nil
}

// adopt makes the revisions that the record speaks of. The caller holds mu,
// or is the only one that knows s.
func (s *service) adopt() error {
	for _, n := range s.numbers() {
		if s.revisions[n] != nil {
			continue
		}
		rec := s.rec.find(n)
		if rec == nil {
			continue
		}
		rev := &revision{number: n, name: strconv.Itoa(n), dir: rec.Dir, manifest: rec.Manifest}
		slots := rec.Manifest.Scale.Concurrency
		if rec.Manifest.Runtime != plugin.Process { // not ours to bound
			slots = 1 << 30
		}
		rev.pool = newPool(s.name, rev.name, max(slots, 1), s.rt.o.Queue, s.rt.now, s.wake)
		rev.queue = &queue{rev.pool}
		s.revisions[n] = rev
	}
	return nil
}

// numbers are the revisions that matter now: the one that serves, the one that
// is rolled out, the canary.
func (s *service) numbers() []int {
	out := []int{}
	add := func(n int) {
		if n > 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	add(s.rec.Stable)
	add(s.rec.Target)
	if s.rec.Canary != nil {
		add(s.rec.Canary.Revision)
	}
	return out
}

func (s *service) begin() {
	s.mu.Lock()
	s.route()
	s.mu.Unlock()
	go s.loop()
}

// wake asks the goroutine to look again.
func (s *service) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// changed says that something about a replica is different. It must not be
// called with mu held.
func (s *service) changed() {
	s.mu.Lock()
	s.tell()
	s.mu.Unlock()
	s.wake()
}

// tell wakes those who watch.
func (s *service) tell() {
	close(s.picture)
	s.picture = make(chan struct{})
	s.rt.stirs()
}

func (s *service) logsGrew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.logs)
	s.logs = make(chan struct{})
}

// event notes what happened to a replica, or to the service itself for the
// empty name. Equal ones are counted.
func (s *service) event(replica, reason, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(replica, reason, message)
}

func (s *service) note(replica, reason, message string) {
	object := "service/" + s.name
	if replica != "" {
		object = "replica/" + replica
	}
	now := s.rt.now().UTC()
	message = clip(message, 1000)
	for i := range s.events {
		if e := &s.events[i]; e.Object == object && e.Reason == reason && e.Message == message && now.Sub(e.Time) < 10*time.Minute {
			e.Count++
			e.Time = now
			moved := *e
			s.events = append(append(s.events[:i:i], s.events[i+1:]...), moved)
			s.tell()
			return
		}
	}
	if len(s.events) >= maxEvents {
		s.events = slices.Clone(s.events[1:])
	}
	s.events = append(s.events, deploy.Event{Time: now, First: now, Object: object, Reason: reason, Message: message, Count: 1})
	s.tell()
}

// end stops the service; kill loses patience.
func (s *service) end()  { s.stopOnce.Do(func() { close(s.stop) }) }
func (s *service) kill() { s.end(); s.rushOnce.Do(func() { close(s.rush) }) }

func (s *service) loop() {
	defer close(s.ended)
	tick := time.NewTicker(s.rt.o.Timing.Tick)
	defer tick.Stop()
	for {
		s.reconcile()
		select {
		case <-s.stop:
			s.shutdown()
			return
		case <-s.kick:
		case <-tick.C:
		}
	}
}

// shutdown ends all replicas, together.
func (s *service) shutdown() {
	s.mu.Lock()
	all := slices.Clone(s.replicas)
	pools := slices.Collect(maps.Values(s.revisions))
	s.mu.Unlock()
	for _, r := range all {
		r.stop()
	}
	gone := s.rt.o.Gateway.RemoveRoute(s.name)
	for _, v := range pools { // who still waits is told
		v.pool.breakUp(stopping(s.name))
	}
	for _, r := range all {
		select {
		case <-r.done:
		case <-s.rush:
			r.kill()
			<-r.done
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = gone(ctx) // a call that a replica has answered may still be read by its caller
	s.rt.metrics.forget(s.name)
	s.mu.Lock()
	s.tell()
	s.mu.Unlock()
}

const letters = "bcdfghjklmnpqrstvwxz2456789" // as Kubernetes: no words

func suffix() string {
	b := make([]byte, 5)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))] //nolint:gosec // a name is no secret
	}
	return string(b)
}

// spawn makes a replica. The caller holds mu.
func (s *service) spawn(rev *revision) {
	name := fmt.Sprintf("%s-%d-%s", s.name, rev.number, suffix())
	r := newReplica(s, rev, name)
	s.replicas = append(s.replicas, r)
	rev.pool.mend()
	go func() {
		defer close(r.done)
		r.run()
		s.remove(r)
	}()
}

// remove forgets a replica that has stopped.
func (s *service) remove(r *replica) {
	s.mu.Lock()
	s.keepJournal(r)
	last := true
	for _, o := range s.replicas {
		last = last && (o == r || o.rev != r.rev)
	}
	if last { // why it did not start is no verdict on the next try
		r.rev.pool.mend()
	}
	s.replicas = slices.DeleteFunc(s.replicas, func(o *replica) bool { return o == r })
	s.tell()
	s.mu.Unlock()
	s.wake()
}

// of gives the replicas of a revision that are not to stop.
func (s *service) of(number int) []*replica {
	var out []*replica
	for _, r := range s.replicas {
		if r.rev.number == number && r.stopping.Err() == nil {
			out = append(out, r)
		}
	}
	return out
}

// adjust starts and stops replicas until there are n of the revision.
func (s *service) adjust(rev *revision, n int) {
	have := s.of(rev.number)
	for range n - len(have) {
		s.spawn(rev)
	}
	if len(have) <= n {
		return
	}
	// Those that serve stay: the youngest of those that don't go first.
	slices.SortStableFunc(have, func(a, b *replica) int {
		x, y := a.snapshot(), b.snapshot()
		if x.ready != y.ready {
			if x.ready {
				return 1
			}
			return -1
		}
		return y.created.Compare(x.created)
	})
	for _, r := range have[:len(have)-n] {
		r.stop()
	}
}

// available counts the replicas of a revision that have been ready for long
// enough.
func (s *service) available(number int, least time.Duration, now time.Time) (n int) {
	for _, r := range s.of(number) {
		if st := r.snapshot(); st.ready && now.Sub(st.readySince) >= least && r.whole() {
			n++
		}
	}
	return n
}

// appliedAt is when objects on Kubernetes were changed last.
func (s *service) appliedAt() time.Time { return time.Unix(0, s.applied.Load()) }
