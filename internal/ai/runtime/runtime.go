// Package runtime runs services: processes that it supervises, endpoints that
// somebody else runs, and Deployments that it has applied. It is the control
// plane's own engine of deployments, an adapter of deploy.Cluster, and it
// routes the gateway's calls to what it runs.
//
// It promises: a call goes to a replica that is ready, or waits in a bounded
// queue until one is; a revision gets calls only when its replicas are ready,
// and one that fails never gets any while the one before serves; a process
// that ends is started again with growing delays; calls in flight are let end
// before a process is stopped; what a process writes to stdout and stderr is
// passed on line by line; what was asked for outlives the control plane
// (Store), and processes that a killed one has left are ended before new ones
// are started. Every queue is bounded. Close joins every goroutine and ends
// every process.
//
// It does not decide who may change what, and it knows no Kubernetes client:
// see Applier. A process is held to its memory by watching what is resident
// (Linux), not by a container: services of the runtime process are trusted
// code of this machine's user.
package runtime

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/fail"
)

// Options are what a Runtime needs. Gateway and Dir must be set.
type Options struct {
	Gateway *gateway.Gateway
	// Dir is the runtime's own directory, made where it is missing (0700): pid
	// files, sockets, and the copies of the services' folders.
	Dir string
	// Store keeps what was asked for; nil forgets it at the end.
	Store Store
	// Secrets resolves a reference STORE:PATH. nil knows none. The runtime
	// overwrites what it was given when a process has it.
	Secrets func(ctx context.Context, ref string) ([]byte, error)
	// Fingerprint says by keyed hash what a secret holds, and when it was
	// written; for Related. nil leaves it out.
	Fingerprint func(ctx context.Context, ref string) (hash string, changed time.Time, err error)
	// Lines gets every line that a service writes. It must not block for long:
	// the service waits for it.
	Lines func(Line)
	// Applier runs services on Kubernetes; nil cannot.
	Applier Applier
	// Render is what the objects of a service on Kubernetes need beside its
	// manifest: who may call it, the pods' ServiceAccount.
	Render plugin.RenderOptions
	// As makes the identity of calls that a service makes to another; nil is
	// the context's own.
	As func(ctx context.Context, service string) context.Context
	// Metrics is where the collectors are registered; nil registers nowhere.
	Metrics prometheus.Registerer
	// Logger gets what the runtime does by itself; nil is silent.
	Logger *slog.Logger
	// Queue bounds the calls of one revision that wait for a replica.
	// Default 1024.
	Queue int
	// Timing are the runtime's own times; zero fields mean the defaults.
	Timing Timing
	// Rules decide about canaries; zero fields mean the defaults.
	Rules CanaryRules
	// Now is the clock of statistics; nil is time.Now.
	Now func() time.Time
}

// Timing are the runtime's own times.
type Timing struct {
	// Tick is how often load is looked at. Default 250 ms.
	Tick time.Duration
	// MinReady is how long a replica must be ready before it counts, where
	// another revision serves. Default 1 s.
	MinReady time.Duration
	// BackoffMin and BackoffMax bound the delay before a start after an end;
	// a replica that was ready for Healthy starts anew at BackoffMin.
	// Defaults 100 ms, 30 s and 10 s.
	BackoffMin, BackoffMax, Healthy time.Duration
	// CrashAfter ends in a row are a crash loop. Default 3.
	CrashAfter int
	// ScaleDown is how long the load must have been lower before replicas are
	// stopped. Default 60 s.
	ScaleDown time.Duration
	// Memory is how often the resident memory is looked at. Default 250 ms.
	Memory time.Duration
	// Deadline is how long a rollout may make no progress, beyond the time
	// that a start may take. Default 60 s.
	Deadline time.Duration
}

func (t Timing) withDefaults() Timing {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&t.Tick, 250*time.Millisecond)
	set(&t.MinReady, time.Second)
	set(&t.BackoffMin, 100*time.Millisecond)
	set(&t.BackoffMax, 30*time.Second)
	set(&t.Healthy, 10*time.Second)
	set(&t.ScaleDown, time.Minute)
	set(&t.Memory, 250*time.Millisecond)
	set(&t.Deadline, time.Minute)
	if t.CrashAfter <= 0 {
		t.CrashAfter = 3
	}
	return t
}

// Runtime is the engine. Safe for concurrent use.
type Runtime struct {
	o       Options
	now     func() time.Time
	metrics *metrics
	sockets string // directory of the sockets: short, for their paths are bounded
	own     bool   // sockets is a temporary directory

	outgoing *outgoing

	mu       sync.Mutex       // guards what follows
	turns    map[string]*turn // by service: one change at a time
	services map[string]*service
	closed   bool

	stirMu sync.Mutex    // guards stirred; it is taken last
	stir   chan struct{} // closed, and made anew, when a service has changed
}

// maxSocketPath is the longest path of a Unix socket on every system.
const maxSocketPath = 103

// New makes a Runtime, ends what an earlier one has left, and starts the
// services of the store. It does not wait until they are ready.
func New(ctx context.Context, o Options) (*Runtime, error) {
	if o.Gateway == nil || o.Dir == "" {
		return nil, fail.New(fail.Usage, "a runtime needs a gateway and a directory")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	if o.Store == nil {
		o.Store = &memory{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Timing, o.Rules = o.Timing.withDefaults(), o.Rules.withDefaults()
	dir, err := filepath.Abs(o.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.Chmod(dir, 0o700) //nolint:gosec // a directory must be entered
	}
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making the runtime's directory").Hint("choose another with --data-dir")
	}
	o.Dir = dir
	r := &Runtime{o: o, now: o.Now, turns: map[string]*turn{}, services: map[string]*service{}, stir: make(chan struct{})}
	if r.metrics, err = newMetrics(o.Metrics, r); err != nil {
		return nil, fail.Wrap(fail.Conflict, err, "registering the runtime's metrics")
	}
	n, err := orphans(dir)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		o.Logger.Warn("ended processes that an earlier control plane had left", "count", n)
	}
	if err := r.makeSockets(); err != nil {
		return nil, err
	}
	if r.outgoing, err = r.serveOutgoing(); err != nil {
		return nil, err
	}
	records, err := o.Store.LoadServices(ctx)
	if err != nil {
		_ = r.Close(context.Background())
		return nil, err
	}
	for i := range records {
		rec := records[i].clone()
		s, err := r.newService(rec)
		if err != nil { // one that cannot be served must not keep the others down
			o.Logger.Error("a service of the store cannot be run", "service", rec.Name, "error", err)
			continue
		}
		r.services[rec.Name] = s
		s.begin()
	}
	return r, nil
}

func (r *Runtime) makeSockets() error {
	r.sockets = filepath.Join(r.o.Dir, "run")
	if len(r.sockets)+len("/abcde.sock") > maxSocketPath {
		short, err := os.MkdirTemp("", "aictl-")
		if err != nil {
			return fail.Wrap(fail.Failed, err, "making a directory for sockets")
		}
		r.sockets, r.own = short, true
		return nil
	}
	if err := os.RemoveAll(r.sockets); err != nil {
		return fail.Wrap(fail.Failed, err, "clearing %s", r.sockets)
	}
	if err := os.Mkdir(r.sockets, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail.Wrap(fail.Failed, err, "making a directory for sockets")
	}
	return nil
}

// Close stops every service: calls in flight may end until ctx does, then
// everything is killed. It returns when all have ended. What was asked for
// stays in the store.
func (r *Runtime) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	all := slices.Collect(maps.Values(r.services))
	r.mu.Unlock()
	for _, s := range all {
		s.end()
	}
	var err error
	for _, s := range all {
		select {
		case <-s.ended:
		case <-ctx.Done():
			err = fail.Wrap(fail.Timeout, ctx.Err(), "waiting for the services to stop")
			s.kill()
			<-s.ended
		}
	}
	err = errors.Join(err, r.outgoing.close(ctx))
	if r.own {
		err = errors.Join(err, os.RemoveAll(r.sockets))
	}
	r.metrics.unregister(r.o.Metrics)
	return err
}

// turn serialises the changes of one service.
type turn struct {
	sync.Mutex
	users int // guarded by Runtime.mu
}

// take waits for its turn to change the service of that name, and gives the
// function that hands it on.
func (r *Runtime) take(name string) (done func()) {
	r.mu.Lock()
	t := r.turns[name]
	if t == nil {
		t = &turn{}
		r.turns[name] = t
	}
	t.users++
	r.mu.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		r.mu.Lock()
		defer r.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(r.turns, name)
		}
	}
}

// find gives a service that runs here.
func (r *Runtime) find(name string) (*service, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.services[name]
	return s, ok
}

func (r *Runtime) all() []*service {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.services), func(a, b *service) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
}
