package runtime

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// State is what a replica is about.
type State string

// The states of a replica.
const (
	Starting  State = "starting"   // it was started, and has not been ready yet
	Ready     State = "ready"      // it takes calls
	Unready   State = "unready"    // it was ready, and says that it is not
	Draining  State = "draining"   // it takes no new calls and will be stopped
	Stopped   State = "stopped"    // it has ended because we wanted it to
	Backoff   State = "backoff"    // it has ended, or could not be started, and will be tried again
	CrashLoop State = "crash_loop" // the same, too often to believe in it
)

// States are all of them, in the order of a life.
var States = []State{Starting, Ready, Unready, Draining, Stopped, Backoff, CrashLoop}

// status is what is known of a replica.
type status struct {
	state      State
	reason     string // of a wait: CrashLoopBackOff, CreateContainerConfigError, RunContainerError
	message    string
	created    time.Time
	since      time.Time // of this state
	started    time.Time // of the process that runs
	readySince time.Time
	restarts   int
	last       *deploy.Termination
	pid        int
	bad        int // ends in a row before it was up for long
	ready      bool
	everReady  bool
}

// replica is one process, or one endpoint, of a revision. Its goroutine lives
// until it has stopped.
type replica struct {
	s    *service
	rev  *revision
	name string

	stopping context.Context // ends when it should stop
	halt     context.CancelFunc
	hurry    chan struct{} // closed: no grace any more
	rush     sync.Once
	done     chan struct{}

	mu       sync.Mutex // guards what follows
	status   status
	inst     *instance // that takes calls, once ready
	journal  *journal
	previous *journal
	starts   int
	view     *deploy.Snapshot // of the workload on Kubernetes
	viewed   time.Time        // when it was asked for
}

func newReplica(s *service, rev *revision, name string) *replica {
	r := &replica{s: s, rev: rev, name: name, hurry: make(chan struct{}), done: make(chan struct{})}
	r.stopping, r.halt = context.WithCancel(context.Background())
	now := s.rt.now().UTC()
	r.status = status{state: Starting, created: now, since: now}
	return r
}

// stop begins to drain the replica. It does not wait.
func (r *replica) stop() { r.halt() }

// kill ends all grace.
func (r *replica) kill() {
	r.halt()
	r.rush.Do(func() { close(r.hurry) })
}

func (r *replica) snapshot() status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// instance is the one that takes calls; nil is none.
func (r *replica) instance() *instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inst
}

// to changes the state and tells the service.
func (r *replica) to(state State, change func(*status)) {
	r.mu.Lock()
	now := r.s.rt.now().UTC()
	if r.status.state != state {
		r.status.since = now
	}
	r.status.state = state
	r.status.reason, r.status.message = "", ""
	ready := state == Ready
	if ready && !r.status.ready {
		r.status.readySince, r.status.everReady = now, true
	}
	r.status.ready = ready
	if change != nil {
		change(&r.status)
	}
	r.mu.Unlock()
	r.s.changed()
}

// run is the life of a replica.
func (r *replica) run() {
	if r.rev.manifest.Runtime == plugin.Process {
		r.runProcess()
	} else {
		r.runRemote()
	}
	r.to(Stopped, nil)
}

// ending is how one start of a process went.
type ending struct {
	config  bool // it could not be configured: what it needs is missing
	started bool
	uptime  time.Duration // since it was ready first
	err     error
}

func (r *replica) runProcess() {
	t := r.s.rt.o.Timing
	wait := &backoff.ExponentialBackOff{InitialInterval: t.BackoffMin, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: t.BackoffMax}
	wait.Reset()
	bad := 0 // ends in a row before it was up for long
	for {
		end := r.once()
		if r.stopping.Err() != nil {
			return
		}
		if end.uptime >= t.Healthy {
			bad = 0
			wait.Reset()
		}
		bad++
		delay := wait.NextBackOff()
		if end.config { // what is missing may come at any time, and asking costs little
			delay = min(max(delay, t.BackoffMin), 2*time.Second)
		}
		r.waits(end, bad, delay)
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-r.stopping.Done():
			timer.Stop()
			return
		}
		r.mu.Lock()
		r.status.restarts++
		r.mu.Unlock()
		r.s.rt.metrics.restarts.WithLabelValues(r.s.name).Inc()
		r.to(Starting, nil)
	}
}

// waits says what the replica waits for, in the words of a kubelet.
func (r *replica) waits(end ending, bad int, delay time.Duration) {
	state := Backoff
	if bad >= r.s.rt.o.Timing.CrashAfter {
		state = CrashLoop
	}
	r.to(state, func(s *status) {
		s.pid, s.bad = 0, bad
		switch {
		case end.config:
			s.reason, s.message = "CreateContainerConfigError", end.err.Error()
		case !end.started:
			s.reason, s.message = "RunContainerError", end.err.Error()
		default:
			s.reason = "CrashLoopBackOff"
			s.message = fmt.Sprintf("back-off %s restarting failed process of %s", delay.Round(time.Millisecond), r.name)
		}
	})
	st := r.snapshot()
	r.s.event(r.name, map[bool]string{true: "Failed", false: "BackOff"}[!end.started], st.message)
	// What was ready will be again, most likely: its callers wait, if not for
	// long.
	if end.config || state == CrashLoop && (end.uptime == 0 || delay > patience) {
		why := st.message
		if st.reason == "CrashLoopBackOff" && st.last != nil {
			why = "it ended with " + describe(st.last)
		}
		r.rev.pool.breakUp(fail.New(fail.Unavailable, "service %s does not start: %s", r.s.name, why).
			Hint("aictl deploy status service/%s", r.s.name))
	}
}

// patience is how long callers wait for the next start of a process that was
// ready before it ended.
const patience = 5 * time.Second

func describe(t *deploy.Termination) string {
	out := fmt.Sprintf("code %d", t.Code)
	if t.Signal != "" {
		out += " (" + t.Signal + ")"
	}
	if t.Reason == "OOMKilled" {
		out += ", out of memory"
	}
	return out
}

// once starts the process and stays with it until it has ended.
func (r *replica) once() ending {
	c, up, err := r.prepare()
	if err != nil {
		return ending{err: err, config: errors.Is(err, errConfig)}
	}
	m := r.rev.manifest
	r.mu.Lock()
	r.starts++
	j := &journal{
		service: r.s.name, revision: r.rev.name, replica: r.name, start: r.starts, now: r.s.rt.now, sink: r.s.rt.o.Lines,
	}
	if r.journal != nil {
		r.previous = r.journal
	}
	r.journal = j
	r.mu.Unlock()
	r.s.logsGrew()
	begun := r.s.rt.now()
	p, err := spawn(c, r.s.rt.now, j)
	if err != nil {
		j.end()
		up.Close()
		return ending{err: err}
	}
	r.s.rt.metrics.starts.WithLabelValues(r.s.name).Inc()
	r.to(Starting, func(s *status) { s.started, s.pid = begun.UTC(), p.pid })
	ctx, cancel := context.WithCancel(r.stopping)
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(); <-joined; up.Close() }()
	w := &watcher{r: r, p: p, ask: newAsker(up.dial, up.base), suspects: make(chan struct{}, 1), memory: int64(m.Limits.Memory)}
	defer w.ask.close()
	inst := &instance{pool: r.rev.pool, name: r.name, up: up}
	inst.suspect = func(error) {
		r.rev.pool.setReady(inst, false)
		select {
		case w.suspects <- struct{}{}:
		default:
		}
	}
	end := ending{started: true}
	if w.startup(ctx) {
		r.s.rt.metrics.startSeconds.WithLabelValues(r.s.name).Observe(r.s.rt.now().Sub(begun).Seconds())
		ready := r.s.rt.now()
		r.takeCalls(inst)
		w.steady(ctx, inst)
		end.uptime = r.s.rt.now().Sub(ready)
	}
	r.finish(inst, p, func() { up.Close(); w.ask.close() })
	last := p.end
	r.mu.Lock()
	r.status.last = &last
	r.inst = nil
	r.mu.Unlock()
	return end
}

// takeCalls opens the instance. Its target is put into the route by the
// service; until then, calls reach it by the queue.
func (r *replica) takeCalls(inst *instance) {
	r.mu.Lock()
	r.inst = inst
	r.mu.Unlock()
	r.rev.pool.join(inst)
	r.rev.pool.setReady(inst, true)
	r.to(Ready, nil)
}

// finish lets the process end: when it still runs, we want it to.
// quiet lets go of idle connections.
func (r *replica) finish(inst *instance, p *process, quiet func()) {
	select {
	case <-p.done:
		if inst.idle != nil {
			r.rev.pool.leave(inst)
		}
		return
	default:
	}
	grace := r.rev.manifest.Drain.D()
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	stepped := make(chan struct{})
	joined := make(chan struct{})
	go func() { // somebody may lose patience at any step
		defer close(joined)
		select {
		case <-r.hurry:
			p.kill("")
		case <-stepped:
		}
	}()
	defer func() { close(stepped); <-joined }()
	if r.stopping.Err() != nil {
		r.to(Draining, nil)
	}
	if inst.idle != nil {
		r.rev.pool.leave(inst)
		select {
		case <-inst.idle: // calls in flight first: not everything that is run knows SIGTERM
		case <-deadline.C:
			r.s.event(r.name, "Killing", fmt.Sprintf("Calls in flight did not end within %s", r.rev.manifest.Drain))
		case <-p.done:
			return
		case <-r.hurry:
		}
	}
	quiet() // a server that closes waits for its idle connections
	if p.stop(max(grace/2, time.Second)) {
		r.s.event(r.name, "Killing", "The process did not end at SIGTERM and was killed")
	}
}

// upstream is where calls and probes of an instance go.
type upstream struct {
	*gateway.HTTP
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	base   string
	header http.Header
	// transport replaces dial where there is one.
	transport http.RoundTripper
}
