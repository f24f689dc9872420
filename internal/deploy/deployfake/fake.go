// Package deployfake is an engine of deployments in memory, for tests of
// whatever stands above the port deploy.Cluster. It keeps workloads with their
// revisions, refuses a change that was planned from another version, tells its
// watchers, and counts what was written.
//
// It promises the port's behaviour and nothing of an engine's own: a change
// shows at once, and a replica becomes ready when the test says so. It is safe
// for concurrent use.
package deployfake

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// Cluster is an engine in memory.
type Cluster struct {
	engine string
	now    func() time.Time

	mu      sync.Mutex // guards what follows
	items   map[key]*item
	writes  []deploy.Change
	err     error
	changed chan struct{} // closed, and made anew, at every change
}

type key struct{ kind, namespace, name string }

type item struct {
	snapshot deploy.Snapshot
	history  []deploy.Revision
	related  deploy.Related
	labels   map[string]string
	logs     []line
	version  int
}

type line struct {
	replica, container string
	previous           bool
	entry              api.LogEntry
}

// New makes an empty engine. now is its clock; nil is time.Now.
func New(engine string, now func() time.Time) *Cluster {
	if now == nil {
		now = time.Now
	}
	return &Cluster{engine: engine, now: now, items: map[key]*item{}, changed: make(chan struct{})}
}

// Engine implements deploy.Cluster.
func (c *Cluster) Engine() string { return c.engine }

// Has puts a workload with one good revision there, all of its replicas ready.
// An empty kind is a Deployment, an empty namespace the default one.
func (c *Cluster) Has(r deploy.Ref, replicas int, t deploy.Template) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := keyOf(r)
	now := c.now().UTC()
	it := &item{labels: map[string]string{"app": k.name}, version: 1}
	it.snapshot = deploy.Snapshot{
		Workload: api.Workload{
			Engine: c.engine, Namespace: k.namespace, Kind: k.kind, Name: k.name, State: "ready",
			Desired: replicas, Updated: replicas, Ready: replicas, Available: replicas,
			Revision: "1", Images: deploy.Images(t), Created: now, Changed: now,
		},
		Generation: 1, Observed: 1, Template: t,
	}
	it.history = []deploy.Revision{{Name: "1", Created: now, Current: true, Ready: replicas, Template: t, Good: true}}
	it.replicas(replicas, "1", true, now)
	c.items[k] = it
	c.tell()
}

// Edit changes what is there as an engine or another person would, and tells
// the watchers. It counts as no write. A change of Version is the caller's to
// make: Touch does.
func (c *Cluster) Edit(r deploy.Ref, f func(s *deploy.Snapshot)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.must(r).snapshot)
	c.tell()
}

// Place gives a DaemonSet so many nodes: the number of its replicas is theirs.
func (c *Cluster) Place(r deploy.Ref, nodes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.must(r)
	w := &it.snapshot.Workload
	w.Desired, w.Updated, w.Ready, w.Available, w.State = nodes, nodes, nodes, nodes, "ready"
	if nodes == 0 {
		w.State = "stopped"
	}
	it.replicas(nodes, w.Revision, true, c.now().UTC())
	c.tell()
}

// Touch changes the version, as somebody else's change would.
func (c *Cluster) Touch(r deploy.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.must(r).version++
	c.tell()
}

// Around says what stands around a workload.
func (c *Cluster) Around(r deploy.Ref, around deploy.Related) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.must(r).related = around
}

// Past replaces a workload's history, the newest revision first.
func (c *Cluster) Past(r deploy.Ref, list []deploy.Revision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.must(r).history = list
}

// Says adds a log line of a replica's container.
func (c *Cluster) Says(r deploy.Ref, replica, container string, previous bool, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.must(r)
	at := c.now().UTC()
	it.logs = append(it.logs, line{replica, container, previous, api.LogEntry{
		ID: fmt.Sprintf("%s-%s-%d", replica, container, len(it.logs)), Time: at, Service: keyOf(r).name, Message: message, Source: replica + "/" + container,
	}})
	c.tell()
}

// Settle makes the newest revision complete.
func (c *Cluster) Settle(r deploy.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.must(r)
	w := &it.snapshot.Workload
	w.Updated, w.Ready, w.Available, w.State = w.Desired, w.Desired, w.Desired, "ready"
	if w.Desired == 0 {
		w.State = "stopped"
	}
	it.snapshot.Observed = it.snapshot.Generation
	it.replicas(w.Desired, w.Revision, true, c.now().UTC())
	for i := range it.history {
		it.history[i].Ready = 0
		if it.history[i].Current {
			it.history[i].Good, it.history[i].Ready = true, w.Desired
		}
	}
	c.tell()
}

// Fail makes every question fail; nil ends it.
func (c *Cluster) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.tell()
}

// Writes are the changes that were applied, without the dry ones.
func (c *Cluster) Writes() []deploy.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.writes)
}

func keyOf(r deploy.Ref) key {
	return key{cmp.Or(r.Kind, deploy.Deployment), cmp.Or(r.Namespace, "default"), r.Name}
}

func (c *Cluster) must(r deploy.Ref) *item {
	it := c.items[keyOf(r)]
	if it == nil {
		panic("deployfake: nothing is named " + r.Name) // a mistake of the test
	}
	return it
}

func (it *item) replicas(n int, revision string, ready bool, now time.Time) {
	it.snapshot.Replicas = nil
	for i := range n {
		r := deploy.Replica{
			Name: fmt.Sprintf("%s-%s-%d", it.snapshot.Workload.Name, revision, i), Revision: revision, Current: true, Node: "node-1",
			Phase: "Running", Ready: ready, Created: now, Started: now,
		}
		for _, one := range it.snapshot.Template.Containers {
			if !one.Init {
				r.Containers = append(r.Containers, deploy.ContainerState{Name: one.Name, Image: one.Image, State: "running", Ready: ready, Since: now})
			}
		}
		it.snapshot.Replicas = append(it.snapshot.Replicas, r)
	}
}

// tell wakes the watchers.
func (c *Cluster) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// picture is a copy that later changes leave alone.
func (c *Cluster) picture(it *item) *deploy.Snapshot {
	it.snapshot.Version = strconv.Itoa(it.version)
	it.snapshot.Taken = c.now().UTC()
	var out deploy.Snapshot
	body, err := json.Marshal(it.snapshot)
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	if err != nil {
		panic(err) // a snapshot always encodes
	}
	out.Raw = it.snapshot.Raw
	if out.Raw == nil {
		w := out.Workload
		out.Raw, err = json.Marshal(map[string]any{
			"kind": w.Kind, "metadata": map[string]any{"name": w.Name, "namespace": w.Namespace, "generation": out.Generation},
			"spec":   map[string]any{"replicas": w.Desired, "paused": out.Paused},
			"status": map[string]any{"replicas": len(out.Replicas), "readyReplicas": w.Ready, "updatedReplicas": w.Updated, "availableReplicas": w.Available, "conditions": out.Conditions},
		})
		if err != nil {
			panic(err)
		}
	}
	return &out
}

// find resolves a reference as the port says.
func (c *Cluster) find(r deploy.Ref) (*item, error) {
	if c.err != nil {
		return nil, c.err
	}
	var found []key
	for k := range c.items {
		if k.name == r.Name && k.namespace == cmp.Or(r.Namespace, "default") && (r.Kind == "" || r.Kind == k.kind) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 0:
		return nil, fail.New(fail.NotFound, "no workload %q in namespace %s", r.Name, cmp.Or(r.Namespace, "default")).Hint("aictl deploy list -A")
	case 1:
		return c.items[found[0]], nil
	}
	var names []string
	for _, k := range found {
		names = append(names, strings.ToLower(k.kind)+"/"+k.name)
	}
	slices.Sort(names)
	return nil, fail.New(fail.Usage, "%q is ambiguous: %s", r.Name, strings.Join(names, ", ")).Hint("name the kind, too")
}

// List implements deploy.Cluster. Selectors are of the form a=b,c=d.
func (c *Cluster) List(_ context.Context, f deploy.Filter) ([]api.Workload, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	if strings.ContainsAny(f.Selector, "()") {
		return nil, fail.New(fail.Usage, "the selector %q is not of the form a=b,c=d", f.Selector)
	}
	out := []api.Workload{}
	for k, it := range c.items {
		if (f.AllNamespaces || k.namespace == cmp.Or(f.Namespace, "default")) && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, k.kind)) && selects(f.Selector, it.labels) {
			out = append(out, it.snapshot.Workload)
		}
	}
	slices.SortFunc(out, func(a, b api.Workload) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

func selects(selector string, labels map[string]string) bool {
	for part := range strings.SplitSeq(selector, ",") {
		name, value, ok := strings.Cut(part, "=")
		if ok && labels[name] != value {
			return false
		}
	}
	return true
}

// Get implements deploy.Cluster.
func (c *Cluster) Get(_ context.Context, r deploy.Ref) (*deploy.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, err := c.find(r)
	if err != nil {
		return nil, err
	}
	return c.picture(it), nil
}

// Watch implements deploy.Cluster.
func (c *Cluster) Watch(ctx context.Context, r deploy.Ref) iter.Seq2[*deploy.Snapshot, error] {
	return func(yield func(*deploy.Snapshot, error) bool) {
		for {
			c.mu.Lock()
			changed := c.changed
			it, err := c.find(r)
			var s *deploy.Snapshot
			if err == nil {
				s = c.picture(it)
			}
			c.mu.Unlock()
			if !yield(s, err) || err != nil {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(nil, fail.From(ctx.Err()))
				return
			}
		}
	}
}

// Replicas implements deploy.Cluster.
func (c *Cluster) Replicas(ctx context.Context, q deploy.ReplicaQuery) iter.Seq2[api.ReplicaEvent, error] {
	return func(yield func(api.ReplicaEvent, error) bool) {
		var told deploy.Told
		for first := true; ; first = false {
			c.mu.Lock()
			changed := c.changed
			rows, err := c.rows(q)
			c.mu.Unlock()
			if err != nil && (first || fail.CodeOf(err) != fail.NotFound) {
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
			if first && !yield(api.ReplicaEvent{Type: api.ReplicaSynced, Engine: c.engine}, nil) || !q.Watch {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(api.ReplicaEvent{}, fail.From(ctx.Err()))
				return
			}
		}
	}
}

// rows are the replicas that a query picks. c.mu is held.
func (c *Cluster) rows(q deploy.ReplicaQuery) ([]api.Replica, error) {
	if c.err != nil {
		return nil, c.err
	}
	if strings.ContainsAny(q.Selector, "()") {
		return nil, fail.New(fail.Usage, "the selector %q is not of the form a=b,c=d", q.Selector)
	}
	ns := q.Of("default")
	var only *item
	if q.Workload.Name != "" {
		it, err := c.find(deploy.Ref{Kind: q.Workload.Kind, Namespace: ns, Name: q.Workload.Name})
		if err != nil {
			return nil, err
		}
		only = it
	}
	var out []api.Replica
	for k, it := range c.items {
		if ns != "" && k.namespace != ns || only != nil && it != only || !selects(q.Selector, it.labels) {
			continue
		}
		for _, r := range it.snapshot.Replicas {
			out = append(out, deploy.ReplicaRow(it.snapshot.Workload, r))
		}
	}
	return out, nil
}

// History implements deploy.Cluster.
func (c *Cluster) History(_ context.Context, r deploy.Ref) ([]deploy.Revision, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, err := c.find(r)
	if err != nil {
		return nil, err
	}
	return slices.Clone(it.history), nil
}

// Related implements deploy.Cluster.
func (c *Cluster) Related(_ context.Context, r deploy.Ref) (*deploy.Related, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, err := c.find(r)
	if err != nil {
		return nil, err
	}
	around := it.related
	return &around, nil
}

// Change implements deploy.Cluster.
func (c *Cluster) Change(_ context.Context, r deploy.Ref, ch deploy.Change) (*deploy.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, err := c.find(r)
	if err != nil {
		return nil, err
	}
	if ch.Version != "" && ch.Version != strconv.Itoa(it.version) {
		return nil, fail.New(fail.Conflict, "%s is at version %d, not %s", r.Name, it.version, ch.Version)
	}
	after := *it
	after.history = slices.Clone(it.history)
	after.snapshot = *c.picture(it)
	if err := c.apply(&after, ch); err != nil {
		return nil, err
	}
	if ch.Dry {
		return &after.snapshot, nil
	}
	after.version++
	after.snapshot.Raw = nil
	c.writes = append(c.writes, ch)
	*it = after
	s := c.picture(it)
	if ch.Delete {
		maps.DeleteFunc(c.items, func(_ key, one *item) bool { return one == it })
	}
	c.tell()
	return s, nil
}

func (c *Cluster) apply(it *item, ch deploy.Change) error {
	s := &it.snapshot
	switch kind := s.Workload.Kind; {
	case ch.Scale != nil && kind == deploy.DaemonSet:
		return fail.New(fail.Usage, "a DaemonSet has no number of replicas").Hint("kubectl get nodes")
	case ch.Pause != nil && (kind == deploy.StatefulSet || kind == deploy.DaemonSet):
		return fail.New(fail.Usage, "a %s cannot be paused", kind).Hint("aictl deploy undo %s", deploy.Title(s.Workload))
	case ch.Scale != nil:
		s.Workload.Desired = *ch.Scale
		c.step(it)
		s.Workload.Updated = min(s.Workload.Updated, *ch.Scale)
		s.Replicas = s.Replicas[:min(len(s.Replicas), *ch.Scale)]
		s.Workload.Ready = min(s.Workload.Ready, *ch.Scale)
		s.Workload.Available = min(s.Workload.Available, *ch.Scale)
	case ch.Restart:
		c.roll(it, s.Template, ch)
	case ch.Undo != "":
		for _, rev := range it.history {
			if rev.Name == ch.Undo {
				it.history = slices.DeleteFunc(it.history, func(one deploy.Revision) bool { return one.Name == ch.Undo })
				c.roll(it, rev.Template, ch)
				return nil
			}
		}
		return fail.New(fail.NotFound, "no revision %s", ch.Undo)
	case ch.Pause != nil:
		s.Paused = *ch.Pause
		c.step(it)
	case len(ch.Images) > 0:
		t := s.Template
		t.Containers = slices.Clone(t.Containers)
		for name, image := range ch.Images {
			at := slices.IndexFunc(t.Containers, func(one deploy.Container) bool { return one.Name == name || name == "" })
			if at < 0 {
				return fail.New(fail.NotFound, "no container %q", name)
			}
			t.Containers[at].Image = image
		}
		c.roll(it, t, ch)
	case ch.Canary != nil:
		if c.engine == "kubernetes" {
			return fail.New(fail.Refused, "Kubernetes needs a second Deployment for a canary").Hint("aictl deploy apply -f plugin.yaml")
		}
		switch {
		case ch.Canary.Abort:
			s.Canary = nil
		case ch.Canary.Promote:
			s.Canary = nil
		default:
			s.Canary = &deploy.CanaryState{Revision: ch.Canary.Revision, Weight: ch.Canary.Weight, Since: c.now().UTC()}
		}
		c.step(it)
	case ch.Delete:
	default:
		return fail.New(fail.Usage, "nothing to change")
	}
	return nil
}

// step is a change that makes no revision.
func (c *Cluster) step(it *item) {
	it.snapshot.Generation++
	it.snapshot.Observed = it.snapshot.Generation
}

// roll makes a new revision, whose replicas are not ready yet.
func (c *Cluster) roll(it *item, t deploy.Template, ch deploy.Change) {
	now := c.now().UTC()
	newest := 0
	for i := range it.history {
		it.history[i].Current = false
		if n, err := strconv.Atoi(it.history[i].Name); err == nil {
			newest = max(newest, n)
		}
	}
	if n, err := strconv.Atoi(it.snapshot.Workload.Revision); err == nil {
		newest = max(newest, n)
	}
	name := strconv.Itoa(newest + 1)
	it.history = append([]deploy.Revision{{Name: name, Created: now, Cause: ch.Cause, Actor: ch.Actor, Current: true, Template: t}}, it.history...)
	s := &it.snapshot
	s.Template = t
	s.Workload.Revision, s.Workload.Cause, s.Workload.Changed, s.Workload.Images = name, ch.Cause, now, deploy.Images(t)
	s.Workload.Updated, s.Workload.Ready, s.Workload.Available, s.Workload.State = s.Workload.Desired, 0, 0, "progressing"
	s.Conditions, s.Events = nil, nil
	c.step(it)
	it.replicas(s.Workload.Desired, name, false, now)
}

// Logs implements deploy.Cluster.
func (c *Cluster) Logs(ctx context.Context, r deploy.Ref, o deploy.LogOptions) iter.Seq2[api.LogEvent, error] {
	return func(yield func(api.LogEvent, error) bool) {
		shown := 0
		for {
			c.mu.Lock()
			changed := c.changed
			it, err := c.find(r)
			var all []line
			if err == nil {
				all = slices.Clone(it.logs)
			}
			c.mu.Unlock()
			if err != nil {
				yield(api.LogEvent{}, err)
				return
			}
			picked := pick(all, o)
			if shown == 0 && o.Tail > 0 && len(picked) > o.Tail {
				shown = len(picked) - o.Tail
			}
			for _, l := range picked[min(shown, len(picked)):] {
				e := l.entry
				shown++
				if !yield(api.LogEvent{Type: "entry", Entry: &e}, nil) {
					return
				}
			}
			if !o.Follow {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(api.LogEvent{}, fail.From(ctx.Err()))
				return
			}
		}
	}
}

func pick(all []line, o deploy.LogOptions) []line {
	return slices.DeleteFunc(all, func(l line) bool {
		return l.previous != o.Previous || o.Container != "" && o.Container != l.container || o.Replica != "" && o.Replica != l.replica || l.entry.Time.Before(o.Since)
	})
}

var _ deploy.Cluster = (*Cluster)(nil)
