package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
)

// watcher looks after a process that runs.
type watcher struct {
	r        *replica
	p        *process
	ask      *asker
	suspects chan struct{}
	memory   int64
}

// startup waits until the process is ready for the first time. It asks in fine
// steps first: the supervisor's own share of a start must not be seen.
func (w *watcher) startup(ctx context.Context) bool {
	m := w.r.rev.manifest
	begun := time.Now()
	limit, cancel := context.WithTimeout(ctx, m.Probes.Startup.Timeout.D())
	defer cancel()
	told := begun
	var why error // of the last question that had its time
	for {
		err := w.ask.get(limit, m.Probes.Readiness.Path, m.Probes.Readiness.Timeout.D())
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if why == nil || limit.Err() == nil { // one that the limit cuts off says nothing of the process
			why = err
		}
		age := time.Since(begun)
		if limit.Err() != nil {
			w.r.s.event(w.r.name, "Unhealthy", "Startup probe failed: "+why.Error())
			w.killed("startup")
			return false
		}
		if time.Since(told) >= time.Second { // no failure yet, and not called one
			told = time.Now()
			w.r.s.event(w.r.name, "Waiting", "It is not ready yet: "+err.Error())
		}
		step := 2 * time.Millisecond
		switch {
		case age > 5*time.Second:
			step = 100 * time.Millisecond
		case age > time.Second:
			step = 20 * time.Millisecond
		case age > 100*time.Millisecond:
			step = 5 * time.Millisecond
		}
		if w.fat() {
			return false
		}
		timer := time.NewTimer(step)
		select {
		case <-timer.C:
		case <-limit.Done():
			timer.Stop()
		}
	}
}

// killed ends a process that failed its probe.
func (w *watcher) killed(probe string) {
	r := w.r
	r.s.event(r.name, "Killing", fmt.Sprintf("Container %s failed %s probe, will be restarted", r.s.name, probe))
	w.p.stop(min(r.rev.manifest.Drain.D(), time.Second))
}

// steady asks the process how it is until it ends, or should.
func (w *watcher) steady(ctx context.Context, inst *instance) {
	p := w.r.rev.manifest.Probes
	readiness, liveness := time.NewTicker(p.Readiness.Period.D()), time.NewTicker(p.Liveness.Period.D())
	defer readiness.Stop()
	defer liveness.Stop()
	var memory <-chan time.Time
	if w.memory > 0 {
		t := time.NewTicker(w.r.s.rt.o.Timing.Memory)
		defer t.Stop()
		memory = t.C
	}
	unready, dead := 0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-memory:
			w.fat()
		case <-w.suspects:
			unready = w.readiness(ctx, inst, p.Readiness, p.Readiness.Failures-1)
		case <-readiness.C:
			unready = w.readiness(ctx, inst, p.Readiness, unready)
		case <-liveness.C:
			err := w.ask.get(ctx, p.Liveness.Path, p.Liveness.Timeout.D())
			if err == nil || ctx.Err() != nil {
				dead = 0
				continue
			}
			w.r.s.event(w.r.name, "Unhealthy", "Liveness probe failed: "+err.Error())
			if dead++; dead >= p.Liveness.Failures {
				w.r.rev.pool.leave(inst)
				w.killed("liveness")
				return
			}
		}
	}
}

// readiness asks once, and gives the failures in a row.
func (w *watcher) readiness(ctx context.Context, inst *instance, p plugin.Probe, failed int) int {
	err := w.ask.get(ctx, p.Path, p.Timeout.D())
	if ctx.Err() != nil {
		return failed
	}
	if err == nil {
		w.r.rev.pool.setReady(inst, true)
		if w.r.snapshot().state != Ready {
			w.r.to(Ready, nil)
		}
		return 0
	}
	w.r.s.event(w.r.name, "Unhealthy", "Readiness probe failed: "+err.Error())
	if failed++; failed >= p.Failures {
		w.r.rev.pool.setReady(inst, false)
		if w.r.snapshot().state != Unready {
			w.r.to(Unready, func(s *status) { s.message = err.Error() })
		}
	}
	return failed
}

// fat kills a process that uses more memory than it may.
func (w *watcher) fat() bool {
	if w.memory == 0 {
		return false
	}
	n := residents(w.p.pid)
	if n <= w.memory {
		return false
	}
	w.r.s.event(w.r.name, "OOMKilling", fmt.Sprintf("Process %d uses %s, its limit is %s", w.p.pid, plugin.Size(n>>20<<20), plugin.Size(w.memory)))
	w.p.kill("OOMKilled")
	<-w.p.done
	return true
}

// asker probes a replica over HTTP.
type asker struct {
	tr     http.RoundTripper
	base   string
	header http.Header
}

func newAsker(dial func(ctx context.Context, network, address string) (net.Conn, error), base string) *asker {
	return &asker{tr: &http.Transport{DialContext: dial, DisableCompression: true, MaxIdleConnsPerHost: 1, MaxResponseHeaderBytes: 64 << 10}, base: strings.TrimRight(base, "/")}
}

// get is nil when the answer is of the 200s.
func (a *asker) get(ctx context.Context, path string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return err
	}
	for k, v := range a.header {
		req.Header[k] = v
	}
	resp, err := a.tr.RoundTrip(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no answer within %s", timeout)
		}
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return fmt.Errorf("it does not listen yet: %w", op.Err)
		}
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", resp.StatusCode)
	}
	return nil
}

func (a *asker) close() {
	if t, ok := a.tr.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
