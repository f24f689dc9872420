package runtime

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

var _ deploy.Cluster = (*Runtime)(nil)

// Engine implements deploy.Cluster.
func (r *Runtime) Engine() string { return "runtime" }

// List implements deploy.Cluster. The services of the control plane itself are
// among them.
func (r *Runtime) List(_ context.Context, f deploy.Filter) ([]api.Workload, error) {
	out := []api.Workload{}
	if f.Namespace != "" && f.Namespace != namespace && !f.AllNamespaces || len(f.Kinds) > 0 && !slices.Contains(f.Kinds, deploy.Service) {
		return out, nil
	}
	match, err := selector(f.Selector)
	if err != nil {
		return nil, err
	}
	ours := map[string]bool{}
	for _, s := range r.all() {
		ours[s.name] = true
		if match(s.name) {
			out = append(out, s.snapshot().Workload)
		}
	}
	for _, d := range r.o.Gateway.Services() {
		if !ours[d.Name] && match(d.Name) {
			if s, err := r.builtin(d.Name); err == nil {
				out = append(out, s.Workload)
			}
		}
	}
	slices.SortFunc(out, func(a, b api.Workload) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// selector reads kubectl's -l over the one label that a service has: app, or
// app.kubernetes.io/name.
func selector(text string) (func(name string) bool, error) {
	var tests []func(string) bool
	for term := range strings.SplitSeq(text, ",") {
		if term = strings.TrimSpace(term); term == "" {
			continue
		}
		key, value, equal := strings.Cut(term, "=")
		not := strings.HasSuffix(key, "!")
		key, value = strings.TrimSpace(strings.TrimSuffix(key, "!")), strings.TrimSpace(strings.TrimPrefix(value, "="))
		if strings.ContainsAny(term, "()") || strings.ContainsAny(key, " \t") || !equal && strings.HasPrefix(key, "!") {
			return nil, fail.New(fail.Usage, "the runtime reads selectors of the form app=NAME and app!=NAME, not %q", clip(term, 60))
		}
		known := key == "app" || key == "app.kubernetes.io/name"
		tests = append(tests, func(name string) bool {
			switch {
			case !equal:
				return known
			case not:
				return !known || name != value
			}
			return known && name == value
		})
	}
	return func(name string) bool {
		for _, t := range tests {
			if !t(name) {
				return false
			}
		}
		return true
	}, nil
}

// Get implements deploy.Cluster.
func (r *Runtime) Get(_ context.Context, ref deploy.Ref) (*deploy.Snapshot, error) {
	if err := checkRef(ref); err != nil {
		return nil, err
	}
	if s, ok := r.find(ref.Name); ok {
		return s.snapshot(), nil
	}
	return r.builtin(ref.Name)
}

// builtin is the picture of a service that is part of the control plane.
func (r *Runtime) builtin(name string) (*deploy.Snapshot, error) {
	d, err := r.o.Gateway.Describe(name)
	if err != nil {
		return nil, noService(name)
	}
	s := &deploy.Snapshot{
		Version: "builtin-" + d.Version, Generation: 1, Observed: 1, Taken: r.now().UTC(),
		Template: deploy.Template{Containers: []deploy.Container{{Name: name, Image: d.Version}}},
		Workload: api.Workload{
			Engine: r.Engine(), Namespace: namespace, Kind: deploy.Service, Name: name, State: "ready", Revision: d.Version,
			Images: []string{d.Version}, Cause: "part of the control plane",
		},
	}
	for _, t := range r.o.Gateway.ListTargets(name) {
		ready := t.Ready && t.Breaker != "open"
		s.Workload.Desired++
		s.Workload.Updated++
		if ready {
			s.Workload.Ready++
			s.Workload.Available++
		} else {
			s.Workload.State = "degraded"
		}
		s.Replicas = append(s.Replicas, deploy.Replica{
			Name: t.Name, Revision: t.Revision, Current: true, Phase: "Running", Ready: ready,
			Containers: []deploy.ContainerState{{Name: name, Image: d.Version, State: "running", Ready: ready}},
		})
	}
	s.Raw = raw(map[string]any{"kind": "Service", "metadata": map[string]any{"name": name}, "spec": d})
	return s, nil
}

// together is how long changes may share a picture.
const together = 50 * time.Millisecond

// Watch implements deploy.Cluster.
func (r *Runtime) Watch(ctx context.Context, ref deploy.Ref) iter.Seq2[*deploy.Snapshot, error] {
	return func(yield func(*deploy.Snapshot, error) bool) {
		if err := checkRef(ref); err != nil {
			yield(nil, err)
			return
		}
		s, ok := r.find(ref.Name)
		if !ok {
			one, err := r.builtin(ref.Name)
			if yield(one, err) && err == nil { // nothing about it will change
				<-ctx.Done()
				yield(nil, fail.From(ctx.Err()))
			}
			return
		}
		for {
			s.mu.Lock()
			changed, deleted := s.picture, s.deleted
			s.mu.Unlock()
			if deleted {
				yield(nil, noService(ref.Name))
				return
			}
			if !yield(s.snapshot(), nil) {
				return
			}
			select {
			case <-changed:
			case <-s.wakes():
			case <-ctx.Done():
				yield(nil, fail.From(context.Cause(ctx)))
				return
			}
			pause := time.NewTimer(together)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
			}
		}
	}
}

// wakes is closed when the service is stopped: its last picture counts, too.
func (s *service) wakes() <-chan struct{} {
	select {
	case <-s.ended: // it was seen: wait for nothing more
		return nil
	default:
		return s.ended
	}
}

// History implements deploy.Cluster.
func (r *Runtime) History(_ context.Context, ref deploy.Ref) ([]deploy.Revision, error) {
	if err := checkRef(ref); err != nil {
		return nil, err
	}
	s, ok := r.find(ref.Name)
	if !ok {
		one, err := r.builtin(ref.Name)
		if err != nil {
			return nil, err
		}
		return []deploy.Revision{{Name: one.Workload.Revision, Cause: one.Workload.Cause, Current: true, Ready: one.Workload.Ready, Template: one.Template, Good: true}}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := s.rec.newest()
	out := make([]deploy.Revision, 0, len(s.rec.Revisions))
	for i := range slices.Backward(s.rec.Revisions) {
		rev := &s.rec.Revisions[i]
		out = append(out, deploy.Revision{
			Name: strconv.Itoa(rev.Number), Created: rev.Created, Cause: rev.Reason, Actor: rev.Actor, Good: rev.Good,
			Current: newest != nil && rev.Number == newest.Number, Ready: s.available(rev.Number, 0, s.rt.now()), Template: template(rev),
		})
	}
	return out, nil
}

// Related implements deploy.Cluster.
func (r *Runtime) Related(ctx context.Context, ref deploy.Ref) (*deploy.Related, error) {
	if err := checkRef(ref); err != nil {
		return nil, err
	}
	s, ok := r.find(ref.Name)
	if !ok {
		_, err := r.builtin(ref.Name)
		return &deploy.Related{}, err
	}
	s.mu.Lock()
	rev := s.rec.newest()
	wanted, current, pinned := s.wanted, 0, s.rec.Replicas != nil
	for _, v := range s.replicas {
		if v.snapshot().ready {
			current++
		}
	}
	changed := time.Time{}
	for _, e := range s.events {
		if e.Reason == "ScaledUp" || e.Reason == "ScaledDown" {
			changed = e.Time
		}
	}
	s.mu.Unlock()
	out := &deploy.Related{}
	if rev == nil {
		return out, nil
	}
	m := rev.Manifest
	if !pinned && m.Runtime != plugin.Remote && m.MaxReplicas() > m.MinReplicas() {
		out.Scaler = &deploy.Scaler{Name: s.name, Min: m.MinReplicas(), Max: m.MaxReplicas(), Current: current, Wanted: wanted, Changed: changed}
	}
	for _, e := range m.Env {
		if e.Secret == "" {
			continue
		}
		f := deploy.Fingerprint{Object: "secret/" + e.Secret}
		if r.o.Fingerprint != nil {
			hash, at, err := r.o.Fingerprint(ctx, e.Secret)
			switch {
			case err == nil:
				f.Hash, f.Changed = hash, at
			case fail.CodeOf(err) == fail.NotFound: // missing: an empty fingerprint says so
			default:
				return nil, err
			}
		}
		out.Config = append(out.Config, f)
	}
	return out, nil
}
