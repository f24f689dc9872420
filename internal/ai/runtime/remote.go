package runtime

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// Endpoint is where a service on Kubernetes can be reached.
type Endpoint struct {
	// URL is its address, with a path where there is one.
	URL string
	// Header is sent with every call and probe: credentials of a proxy.
	Header http.Header
	// Dial replaces the dialler; nil is the plain one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport replaces the whole of it: a proxy with credentials of its own.
	Transport http.RoundTripper
}

// Applier runs services on Kubernetes. Errors are *fail.Error.
type Applier interface {
	// Apply makes the objects what they should be (server-side apply); dry
	// asks the cluster for its opinion without effect. An object without a
	// namespace goes to the applier's own.
	Apply(ctx context.Context, objects []map[string]any, dry bool) error
	// Delete removes them; what is not there is no error.
	Delete(ctx context.Context, objects []map[string]any) error
	// Endpoint is how the Service is reached from here.
	Endpoint(ctx context.Context, namespace, service string, port int) (Endpoint, error)
}

// Engine is what an Applier may have beside: the engine that it applies to. A
// service that runs there is then as healthy as its Deployment is, and not as
// what its address answers, which may be the revision before; and its lines can
// be read.
type Engine interface {
	Cluster(ctx context.Context) (deploy.Cluster, error)
}

// onCluster gives the engine that the revision's Deployment is on, and its
// name there; nil is none.
func (rt *Runtime) onCluster(ctx context.Context, m *plugin.Manifest) (deploy.Cluster, deploy.Ref, error) {
	ref := deploy.Ref{Kind: deploy.Deployment, Namespace: m.Namespace, Name: m.Name}
	e, ok := rt.o.Applier.(Engine)
	if !ok || m.Runtime != plugin.Kubernetes {
		return nil, ref, nil
	}
	c, err := e.Cluster(ctx)
	return c, ref, err
}

// look takes a picture of the Deployment. One that cannot be had says nothing:
// the last one counts.
func (r *replica) look() {
	ctx, cancel := context.WithTimeout(r.stopping, resolveTimeout)
	defer cancel()
	c, ref, err := r.s.rt.onCluster(ctx, r.rev.manifest)
	if c == nil || err != nil {
		return
	}
	asked := r.s.rt.now()
	view, err := c.Get(ctx, ref)
	if err != nil {
		if r.stopping.Err() == nil {
			r.s.event(r.name, "FailedGet", "The Deployment cannot be seen: "+err.Error())
		}
		return
	}
	r.mu.Lock()
	fresh := r.view == nil || r.view.Version != view.Version || r.view.Observed != view.Observed || len(r.view.Events) != len(view.Events) ||
		!reflect.DeepEqual(r.view.Replicas, view.Replicas)
	fresh = fresh || !r.viewed.After(r.s.appliedAt())
	r.view, r.viewed = view, asked
	r.mu.Unlock()
	if fresh {
		r.s.changed()
	}
}

// seen is a picture of the workload on Kubernetes that is younger than what was
// applied last. blind says that there should be one.
func (r *replica) seen() (view *deploy.Snapshot, blind bool) {
	if _, ok := r.s.rt.o.Applier.(Engine); !ok || r.rev.manifest.Runtime != plugin.Kubernetes {
		return nil, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.view == nil || r.viewed.Before(r.s.appliedAt()) {
		return nil, true
	}
	return r.view, false
}

// whole says that the Deployment has been rolled out, as far as is known.
func (r *replica) whole() bool {
	v, blind := r.seen()
	if v == nil {
		return !blind
	}
	w := v.Workload
	old := slices.ContainsFunc(v.Replicas, func(r deploy.Replica) bool { return !r.Current && !r.Deleting })
	return v.Observed >= v.Generation && w.Updated >= w.Desired && w.Available >= w.Desired && !old
}

// endpoint is where the calls of a revision go.
func (r *replica) endpoint() (*upstream, error) {
	m := r.rev.manifest
	o := gateway.HTTPOptions{BaseURL: m.URL, Path: invoke}
	if m.Runtime == plugin.Kubernetes {
		if r.s.rt.o.Applier == nil {
			return nil, fail.New(fail.Unavailable, "this control plane has no cluster to run %s on", m.Name)
		}
		ctx, cancel := context.WithTimeout(r.stopping, resolveTimeout)
		defer cancel()
		e, err := r.s.rt.o.Applier.Endpoint(ctx, m.Namespace, m.Name, m.ImagePort)
		if err != nil {
			return nil, err
		}
		o.BaseURL, o.Header, o.Dial, o.Transport = e.URL, e.Header, e.Dial, e.Transport
	}
	up := &upstream{base: o.BaseURL, dial: o.Dial, header: o.Header, transport: o.Transport}
	if up.dial == nil {
		up.dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	}
	var err error
	up.HTTP, err = gateway.NewHTTP(o)
	return up, err
}

// runRemote looks after an endpoint that somebody else runs: it is asked
// whether it is ready, and never started or stopped.
func (r *replica) runRemote() {
	p := r.rev.manifest.Probes.Readiness
	var up *upstream
	for {
		var err error
		if up, err = r.endpoint(); err == nil {
			break
		}
		if r.stopping.Err() != nil {
			return
		}
		r.away(nil, err)
		if !r.pause(p.Period.D()) {
			return
		}
	}
	defer up.Close()
	ask := newAsker(up.dial, up.base)
	ask.header = up.header
	if up.transport != nil {
		ask.tr = up.transport
	}
	defer ask.close()
	again := make(chan struct{}, 1)
	inst := &instance{pool: r.rev.pool, name: r.name, up: up}
	inst.suspect = func(err error) {
		r.rev.pool.setReady(inst, false)
		r.rev.pool.breakUp(r.unreachable(err))
		select {
		case again <- struct{}{}:
		default:
		}
	}
	r.mu.Lock()
	r.inst = inst
	r.status.started = r.s.rt.now().UTC()
	r.mu.Unlock()
	r.rev.pool.join(inst)
	defer r.leave(inst)
	failed := 0
	tick := time.NewTicker(p.Period.D())
	defer tick.Stop()
	for {
		r.look()
		err := ask.get(r.stopping, p.Path, p.Timeout.D())
		switch {
		case r.stopping.Err() != nil:
			return
		case err == nil:
			failed = 0
			r.rev.pool.setReady(inst, true)
			if r.snapshot().state != Ready {
				r.to(Ready, nil)
			}
		default:
			r.s.event(r.name, "Unhealthy", "Readiness probe failed: "+err.Error())
			if failed++; failed >= p.Failures || !r.snapshot().everReady {
				r.away(inst, err)
			}
		}
		select {
		case <-tick.C:
		case <-again:
		case <-r.stopping.Done():
			return
		}
	}
}

// away says that the endpoint cannot be reached.
func (r *replica) away(inst *instance, err error) {
	if inst != nil {
		r.rev.pool.setReady(inst, false)
	}
	r.rev.pool.breakUp(r.unreachable(err))
	state := Unready
	if !r.snapshot().everReady {
		state = Starting
	}
	if st := r.snapshot(); st.state != state || st.message != err.Error() {
		r.to(state, func(s *status) { s.message = err.Error() })
	}
}

func (r *replica) unreachable(err error) error {
	return fail.Wrap(fail.Unavailable, err, "service %s cannot be reached", r.s.name).Hint("aictl deploy status service/%s", r.s.name)
}

// leave lets the calls in flight end.
func (r *replica) leave(inst *instance) {
	r.to(Draining, nil)
	r.rev.pool.leave(inst)
	t := time.NewTimer(r.rev.manifest.Drain.D())
	defer t.Stop()
	select {
	case <-inst.idle:
	case <-t.C:
		r.s.event(r.name, "Killing", fmt.Sprintf("Calls in flight did not end within %s", r.rev.manifest.Drain))
	case <-r.hurry:
	}
}

// pause waits; false says that the replica should stop.
func (r *replica) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.stopping.Done():
		return false
	}
}
