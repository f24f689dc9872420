package runtime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// DeployOptions say how a manifest is deployed.
type DeployOptions struct {
	// Reason and Actor are kept with the revision. Reason defaults to the
	// manifest's own.
	Reason, Actor string
	// Dry says what would be, and changes nothing.
	Dry bool
	// Canary gives the new revision this share of the calls, in percent, until
	// it is promoted or rolled back; 0 rolls it out.
	Canary int
	// Version is that of the picture that the deployment was planned from;
	// empty takes what is there.
	Version string
}

// Deploy makes the manifest a new revision of its service, and starts to roll
// it out. dir is the manifest's folder. The same manifest over the same files
// changes nothing. It returns before anything is ready: follow the rollout by
// Watch.
func (r *Runtime) Deploy(ctx context.Context, m *plugin.Manifest, dir string, o DeployOptions) (*deploy.Snapshot, error) {
	m = m.Clone()
	if err := m.Check(); err != nil {
		return nil, err
	}
	if o.Canary < 0 || o.Canary > 99 {
		return nil, fail.New(fail.Usage, "a canary gets 1 to 99 percent, not %d", o.Canary)
	}
	digest, err := m.Digest()
	if err != nil {
		return nil, err
	}
	var b *bundle
	if m.Runtime == plugin.Process {
		if dir == "" {
			return nil, fail.New(fail.Usage, "the folder of %s is not known: a process needs its files", m.Name).
				Hint("aictl deploy apply -f FOLDER/plugin.yaml")
		}
		if _, err := m.Locate(dir); err != nil {
			return nil, err
		}
		if b, err = collect(ctx, m, dir); err != nil {
			return nil, err
		}
		digest += "+" + b.sum
	}
	if o.Reason == "" {
		o.Reason = m.Reason
	}
	defer r.take(m.Name)()
	s, rec, err := r.current(m.Name)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(rec, m.Name, o.Version); err != nil {
		return nil, err
	}
	if s != nil {
		if now := rec.find(rec.Target); rec.Canary == nil && now != nil && now.Digest == digest {
			return s.snapshot(), nil
		}
		if err := checkCanary(rec, m, o.Canary); err != nil {
			return nil, err
		}
	} else if o.Canary > 0 {
		return nil, fail.New(fail.Usage, "the first revision of %s cannot be a canary: there is nothing to compare it with", m.Name)
	}
	now := r.now().UTC()
	next := rec.clone()
	n := 1
	if len(next.Revisions) > 0 {
		n = next.Revisions[len(next.Revisions)-1].Number + 1
	}
	rev := Revision{Number: n, Manifest: m, Digest: digest, Created: now, Reason: o.Reason, Actor: o.Actor}
	if b != nil && !o.Dry {
		if rev.Dir, err = b.copyTo(ctx, r.filesOf(m.Name, b.sum)); err != nil {
			return nil, err
		}
	}
	next.Revisions = append(next.Revisions, rev)
	next.Cause, next.Actor = o.Reason, o.Actor
	if o.Canary > 0 {
		next.Canary = &Canary{Revision: n, Weight: o.Canary, Since: now}
	} else {
		next.Target, next.Canary, next.Replicas, next.Changed = n, nil, nil, now
	}
	return r.commit(ctx, s, rec, next, o.Dry)
}

func (r *Runtime) filesOf(service, sum string) string {
	return filepath.Join(r.o.Dir, "files", service, sum[:24])
}

// current gives the service and a copy of its record; both are empty for a
// name that is free.
func (r *Runtime) current(name string) (*service, *Record, error) {
	r.mu.Lock()
	closed := r.closed
	s := r.services[name]
	r.mu.Unlock()
	if closed {
		return nil, nil, fail.New(fail.Unavailable, "the runtime is shutting down")
	}
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s, s.rec.clone(), nil
	}
	if _, err := r.o.Gateway.Describe(name); err == nil {
		return nil, nil, fail.New(fail.Conflict, "there is a builtin service named %q", name).Hint("choose another name; aictl services list")
	}
	return nil, &Record{Name: name, Created: r.now().UTC()}, nil
}

func checkVersion(rec *Record, name, version string) error {
	if version != "" && version != versionOf(rec) {
		return Stale(name)
	}
	return nil
}

// versionOf is the token of optimistic concurrency.
func versionOf(rec *Record) string {
	return strconv.FormatInt(rec.Created.UnixMicro(), 36) + "-" + strconv.FormatInt(rec.Generation, 10)
}

func checkCanary(rec *Record, m *plugin.Manifest, weight int) error {
	switch {
	case weight == 0:
		return nil
	case m.Runtime == plugin.Kubernetes:
		return refusedCanary()
	case rec.Stable == 0 || rec.Stable != rec.Target:
		return fail.New(fail.Conflict, "service/%s has no revision that was rolled out whole: there is nothing to compare a canary with", rec.Name).
			Hint("aictl deploy status service/%s", rec.Name)
	}
	return nil
}

func refusedCanary() error {
	return fail.New(fail.Refused, "Kubernetes splits calls by replicas, not by weight: it would need a second Deployment").
		Hint("run the service with runtime: process, or deploy a second service")
}

// commit makes next what is asked for: on the cluster first, where the service
// runs there; then in the store; then here. The caller has
// the service's turn.
func (r *Runtime) commit(ctx context.Context, s *service, before, next *Record, dry bool) (*deploy.Snapshot, error) {
	next.Generation++
	next.trim()
	if err := r.apply(ctx, before, next, dry); err != nil {
		return nil, err
	}
	if dry {
		ghost, err := r.newService(next)
		if err != nil {
			return nil, err
		}
		if s != nil {
			s.mu.Lock()
			ghost.wanted = s.wanted
			s.mu.Unlock()
		}
		return ghost.snapshot(), nil
	}
	if s == nil {
		return r.create(ctx, next)
	}
	if len(r.rendered(next)) > 0 {
		s.applied.Store(r.now().UnixNano())
	}
	s.mu.Lock()
	// What the runtime has found out itself meanwhile stays.
	if s.rec.Generation != before.Generation {
		s.mu.Unlock()
		return nil, Stale(next.Name)
	}
	keep(s.rec, next)
	serial := s.rec.Serial
	next.Serial = serial + 1
	if err := r.o.Store.SaveService(ctx, *next.clone(), serial); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	if before.Target != next.Target {
		s.best, s.progress = 0, r.now()
	}
	if c := next.Canary; c == nil || before.Canary == nil || *c != *before.Canary {
		s.judge = nil
	}
	s.rec = next
	err := s.adopt()
	s.tell()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	r.prune(next)
	s.wake()
	return s.snapshot(), nil
}

// keep carries over what the runtime wrote into the record since it was read.
func keep(now, next *Record) {
	next.Stable = now.Stable
	for i := range next.Revisions {
		if old := now.find(next.Revisions[i].Number); old != nil {
			next.Revisions[i].Good = old.Good
		}
	}
}

func (r *Runtime) create(ctx context.Context, rec *Record) (*deploy.Snapshot, error) {
	s, err := r.newService(rec)
	if err != nil {
		return nil, err
	}
	rec.Serial = 1
	if err := r.o.Store.SaveService(ctx, *rec.clone(), 0); err != nil {
		return nil, err
	}
	r.mu.Lock()
	if r.closed { // it is in the store, and begins with the next control plane
		r.mu.Unlock()
		return s.snapshot(), nil
	}
	r.services[rec.Name] = s
	s.begin()
	r.mu.Unlock()
	return s.snapshot(), nil
}

// prune removes the copies that no revision refers to.
func (r *Runtime) prune(rec *Record) {
	root := filepath.Join(r.o.Dir, "files", rec.Name)
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, e := range entries {
		used := false
		for _, rev := range rec.Revisions {
			used = used || rev.Dir != "" && within(filepath.Join(root, e.Name()), rev.Dir)
		}
		if !used {
			_ = os.RemoveAll(filepath.Join(root, e.Name()))
		}
	}
}

// Change implements deploy.Cluster.
func (r *Runtime) Change(ctx context.Context, ref deploy.Ref, c deploy.Change) (*deploy.Snapshot, error) {
	if err := checkRef(ref); err != nil {
		return nil, err
	}
	defer r.take(ref.Name)()
	s, rec, err := r.current(ref.Name)
	if err != nil {
		if fail.CodeOf(err) == fail.Conflict {
			err = fail.New(fail.Refused, "service/%s is part of the control plane: it is changed with the control plane's version", ref.Name).
				Hint("aictl services describe %s", ref.Name)
		}
		return nil, err
	}
	if s == nil {
		return nil, noService(ref.Name)
	}
	if err := checkVersion(rec, ref.Name, c.Version); err != nil {
		return nil, err
	}
	if c.Delete {
		return r.remove(ctx, s, rec, c.Dry)
	}
	next := rec.clone()
	if err := r.edit(rec, next, c); err != nil {
		return nil, err
	}
	next.Cause, next.Actor = c.Cause, c.Actor
	out, err := r.commit(ctx, s, rec, next, c.Dry)
	if err == nil && !c.Dry {
		s.event("", "Changed", told(c))
	}
	return out, err
}

// Delete removes a service, its replicas and its history.
func (r *Runtime) Delete(ctx context.Context, name, reason, actor string) error {
	_, err := r.Change(ctx, deploy.Ref{Name: name}, deploy.Change{Delete: true, Cause: reason, Actor: actor})
	return err
}

// remove deletes a service: from the store first, so that it does not come
// back.
func (r *Runtime) remove(ctx context.Context, s *service, rec *Record, dry bool) (*deploy.Snapshot, error) {
	last := s.snapshot()
	if dry {
		return last, nil
	}
	if err := r.apply(ctx, rec, &Record{Name: rec.Name}, false); err != nil {
		return nil, err
	}
	if err := r.o.Store.DeleteService(ctx, s.name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.deleted = true
	s.tell()
	s.mu.Unlock()
	s.end()
	select {
	case <-s.ended:
	case <-ctx.Done(): // nobody waits: without grace, then
		s.kill()
		<-s.ended
	}
	r.mu.Lock()
	delete(r.services, s.name)
	r.mu.Unlock()
	if err := os.RemoveAll(filepath.Join(r.o.Dir, "files", s.name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		r.o.Logger.Warn("files of a deleted service are left", "service", s.name, "error", err)
	}
	return last, nil
}

func noService(name string) error {
	return fail.New(fail.NotFound, "no service named %q runs here", name).Hint("aictl deploy list --engine runtime")
}

func checkRef(ref deploy.Ref) error {
	if ref.Kind != "" && ref.Kind != deploy.Service {
		return fail.New(fail.NotFound, "the runtime has services only, no %s", ref.Kind).Hint("aictl deploy list --engine runtime")
	}
	if ref.Namespace != "" && ref.Namespace != namespace {
		return fail.New(fail.NotFound, "the runtime has the namespace %s only", namespace).Hint("aictl deploy list --engine runtime")
	}
	return nil
}

// namespace is the only one.
const namespace = "default"
