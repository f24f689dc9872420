package kube

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// coalesce is how long changes that come together share a picture.
const coalesce = 100 * time.Millisecond

// live is the state that the watches of one workload keep.
type live struct {
	mu     sync.Mutex // guards what follows
	w      *workload
	gone   bool
	sets   map[types.UID]apps.ReplicaSet
	states map[types.UID]apps.ControllerRevision
	pods   map[types.UID]core.Pod
	events map[types.UID]core.Event

	dirty chan struct{} // of one element: something changed since it was taken
}

func (l *live) change(f func()) {
	l.mu.Lock()
	f()
	l.mu.Unlock()
	select {
	case l.dirty <- struct{}{}:
	default:
	}
}

// Watch implements deploy.Cluster.
func (c *Client) Watch(ctx context.Context, r deploy.Ref) iter.Seq2[*deploy.Snapshot, error] {
	return func(yield func(*deploy.Snapshot, error) bool) {
		w, err := c.find(ctx, r)
		if err != nil {
			yield(nil, err)
			return
		}
		selector, err := podSelector(w)
		if err != nil {
			yield(nil, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		l := &live{dirty: make(chan struct{}, 1)}
		failed := make(chan error, 4)
		listed := make(chan struct{}, 4)
		for _, s := range c.sources(l, w, selector) {
			wg.Go(func() {
				if err := s.run(ctx, listed); err != nil {
					failed <- err
				}
			})
		}
		for range 4 {
			select {
			case <-ctx.Done():
				yield(nil, fail.From(ctx.Err()))
				return
			case err := <-failed:
				yield(nil, err)
				return
			case <-listed:
			}
		}
		for {
			select { // what is known by now is in this picture
			case <-l.dirty:
			default:
			}
			s, err := c.still(l, r, w)
			if !yield(s, err) || err != nil {
				return
			}
			select {
			case <-ctx.Done():
				yield(nil, fail.From(ctx.Err()))
				return
			case err := <-failed:
				yield(nil, err)
				return
			case <-l.dirty:
			}
			select {
			case <-ctx.Done():
			case <-time.After(coalesce):
			}
		}
	}
}

// still is the picture of what is known now.
func (c *Client) still(l *live, r deploy.Ref, w workload) (*deploy.Snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || l.w == nil {
		return nil, fail.New(fail.NotFound, "%s %s was deleted", w.kind, r.Name).Hint("aictl deploy list -n %s", w.meta.Namespace)
	}
	a := around{w: *l.w}
	for _, s := range l.sets {
		a.sets = append(a.sets, s)
	}
	for _, s := range l.states {
		a.states = append(a.states, s)
	}
	for _, p := range l.pods {
		a.pods = append(a.pods, p)
	}
	for _, e := range l.events {
		a.events = append(a.events, e)
	}
	return c.picture(a), nil
}

// source is one list that is kept up to date.
type source struct {
	c        *Client
	client   *rest.RESTClient
	resource string
	ns       string
	o        meta.ListOptions
	// list reads all and puts it in place; it gives the version.
	list func(ctx context.Context) (string, error)
	// apply brings one change in.
	apply func(kind kwatch.EventType, object runtime.Object)
	// optional sources end without a word where they are forbidden.
	optional bool
}

func (c *Client) sources(l *live, w workload, selector string) []*source {
	ns := w.meta.Namespace
	labels := meta.ListOptions{LabelSelector: selector}
	one := meta.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", w.meta.Name).String()}
	self := &source{c: c, client: c.apps(), resource: resourceOf(w.kind), ns: ns, o: one}
	self.list = func(ctx context.Context) (string, error) {
		objects, version, err := c.objectsAt(ctx, w.kind, ns, one)
		if err != nil {
			return "", err
		}
		l.change(func() {
			if l.gone = len(objects) == 0; !l.gone {
				seen := view(objects[0])
				l.w = &seen
			}
		})
		return version, nil
	}
	self.apply = func(kind kwatch.EventType, object runtime.Object) {
		l.change(func() {
			if l.gone = kind == kwatch.Deleted; !l.gone {
				seen := view(object)
				l.w = &seen
			}
		})
	}
	owned := kept(c, c.apps(), "replicasets", ns, labels, l, func() *map[types.UID]apps.ReplicaSet { return &l.sets }, replicaSets)
	if w.kind != deploy.Deployment {
		owned = kept(c, c.apps(), "controllerrevisions", ns, labels, l, func() *map[types.UID]apps.ControllerRevision { return &l.states }, controllerRevisions)
	}
	about := kept(c, c.core(), "events", ns, meta.ListOptions{}, l, func() *map[types.UID]core.Event { return &l.events }, func(page *core.EventList) ([]core.Event, meta.ListMeta) {
		return eventsNear(page.Items, w.meta.Name), page.ListMeta
	})
	bring := about.apply
	about.apply = func(kind kwatch.EventType, object runtime.Object) {
		if e, ok := object.(*core.Event); ok && near(e, w.meta.Name) {
			bring(kind, object)
		}
	}
	about.optional = true
	return []*source{self, owned, about, kept(c, c.core(), "pods", ns, labels, l, func() *map[types.UID]core.Pod { return &l.pods }, pods)}
}

// kept makes the source of a list of owned objects.
func kept[L, T any](c *Client, client *rest.RESTClient, resource, ns string, o meta.ListOptions, l *live, at func() *map[types.UID]T, items func(*L) ([]T, meta.ListMeta)) *source {
	s := &source{c: c, client: client, resource: resource, ns: ns, o: o}
	s.list = func(ctx context.Context) (string, error) {
		fresh := map[types.UID]T{}
		version, err := listAll(ctx, c, client, resource, ns, o, func(page *L) (string, string) {
			some, m := items(page)
			for i := range some {
				fresh[uidOf(&some[i])] = some[i]
			}
			return m.Continue, m.ResourceVersion
		})
		if err == nil {
			l.change(func() { *at() = fresh })
		}
		return version, err
	}
	s.apply = func(kind kwatch.EventType, object runtime.Object) {
		one, ok := any(object).(*T)
		if !ok {
			return
		}
		l.change(func() {
			m := *at()
			if kind == kwatch.Deleted {
				delete(m, uidOf(one))
			} else {
				m[uidOf(one)] = *one
			}
		})
	}
	return s
}

func uidOf(object any) types.UID {
	if o, ok := object.(meta.Object); ok {
		return o.GetUID()
	}
	return ""
}

// The pauses between tries of a list that fails.
const (
	pauseFirst = 100 * time.Millisecond
	pauseMost  = 5 * time.Second
)

// run lists, then watches from there; a watch that ends is taken up where it
// was, one that fell behind is listed anew. It ends with ctx, or with an error
// that waiting does not mend; before the first list with any.
func (s *source) run(ctx context.Context, listed chan<- struct{}) error {
	first := true
	pause := pauseFirst
	for ctx.Err() == nil {
		version, err := s.list(ctx)
		switch code := fail.CodeOf(err); {
		case err == nil:
			pause = pauseFirst
		case ctx.Err() != nil:
			return nil
		case code == fail.Forbidden && s.optional:
			if first {
				listed <- struct{}{}
			}
			return nil
		case first, code == fail.Forbidden, code == fail.Auth:
			return err
		}
		if first {
			first = false
			listed <- struct{}{}
		}
		for err == nil && ctx.Err() == nil {
			version, err = s.watch(ctx, version)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // no secret
		}
		pause = min(2*pause, pauseMost)
	}
	return nil
}

// watch brings changes in until the server ends it, and gives the version to
// go on from; an error asks for a new list.
func (s *source) watch(ctx context.Context, version string) (string, error) {
	o := s.o
	o.Watch, o.ResourceVersion, o.AllowWatchBookmarks = true, version, true
	w, err := s.client.Get().NamespaceIfScoped(s.ns, s.ns != "").Resource(s.resource).VersionedParams(&o, s.c.codec).Watch(ctx)
	if err != nil {
		return version, err
	}
	defer w.Stop()
	began := s.c.now()
	for e := range w.ResultChan() {
		if e.Type == kwatch.Error {
			return version, apierrors.FromObject(e.Object)
		}
		if o, ok := e.Object.(meta.Object); ok {
			version = o.GetResourceVersion()
		}
		if e.Type != kwatch.Bookmark {
			s.apply(e.Type, e.Object)
		}
	}
	if s.c.now().Sub(began) < time.Second { // a server that hangs up at once is not asked in a loop
		return version, fail.New(fail.Unavailable, "the watch of %s ended at once", s.resource)
	}
	return version, nil
}
