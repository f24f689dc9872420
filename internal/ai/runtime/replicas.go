package runtime

import (
	"context"
	"iter"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// lookEvery is how often replicas are looked at that tell nothing by themselves:
// those of the control plane's own services.
const lookEvery = 2 * time.Second

// Replicas implements deploy.Cluster: a picture, and at every change of a
// service what differs from it. Of a service on Kubernetes they are its pods.
func (r *Runtime) Replicas(ctx context.Context, q deploy.ReplicaQuery) iter.Seq2[api.ReplicaEvent, error] {
	return func(yield func(api.ReplicaEvent, error) bool) {
		var told deploy.Told
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for first := true; ; first = false {
			changed := r.stirred()
			rows, err := r.replicaRows(q)
			if err != nil && (first || fail.CodeOf(err) != fail.NotFound) { // a service that is deleted has no replicas
				yield(api.ReplicaEvent{}, err)
				return
			}
			told.Begin()
			for i := range rows {
				if told.Seen(rows[i]) && !yield(api.ReplicaEvent{Type: api.ReplicaSeen, Replica: &rows[i]}, nil) {
					return
				}
			}
			for _, gone := range told.End() {
				if !yield(api.ReplicaEvent{Type: api.ReplicaGone, Replica: &gone}, nil) {
					return
				}
			}
			if first && !yield(api.ReplicaEvent{Type: api.ReplicaSynced, Engine: r.Engine()}, nil) || !q.Watch {
				return
			}
			select {
			case <-changed:
			case <-tick.C:
			case <-ctx.Done():
			}
			if ctx.Err() == nil {
				pause(ctx, together)
			}
			if ctx.Err() != nil {
				yield(api.ReplicaEvent{}, fail.From(context.Cause(ctx)))
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// stirred is closed at the next change of any service.
func (r *Runtime) stirred() <-chan struct{} {
	r.stirMu.Lock()
	defer r.stirMu.Unlock()
	return r.stir
}

func (r *Runtime) stirs() {
	r.stirMu.Lock()
	defer r.stirMu.Unlock()
	close(r.stir)
	r.stir = make(chan struct{})
}

// replicaRows are the replicas now.
func (r *Runtime) replicaRows(q deploy.ReplicaQuery) ([]api.Replica, error) {
	match, err := selector(q.Selector)
	if err != nil {
		return nil, err
	}
	one := q.Workload
	one.Namespace = q.Of(namespace)
	if one.Name != "" {
		if err := checkRef(one); err != nil {
			return nil, err
		}
		if _, ok := r.find(one.Name); !ok {
			if _, err := r.builtin(one.Name); err != nil {
				return nil, err
			}
		}
	}
	if one.Namespace != "" && one.Namespace != namespace {
		return nil, nil
	}
	picked := func(name string) bool { return (one.Name == "" || one.Name == name) && match(name) }
	var out []api.Replica
	add := func(s *deploy.Snapshot) {
		for _, v := range s.Replicas {
			out = append(out, deploy.ReplicaRow(s.Workload, v))
		}
	}
	ours := map[string]bool{}
	for _, s := range r.all() {
		ours[s.name] = true
		if picked(s.name) {
			add(s.snapshot())
		}
	}
	for _, d := range r.o.Gateway.Services() {
		if ours[d.Name] || !picked(d.Name) {
			continue
		}
		if s, err := r.builtin(d.Name); err == nil {
			add(s)
		}
	}
	return out, nil
}
