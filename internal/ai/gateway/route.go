package gateway

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// Route says where the calls of one service go.
type Route struct {
	// Description is the service's own; Description.Name is the route's key.
	Description ai.Description
	// Tiers are tried in order: the next one only when the one before has no
	// target that answers.
	Tiers []Tier
	// Policies override, by operation, what the description declares.
	Policies map[string]Policy
	// Inner marks a route that is reached through another one only: the outer
	// call was admitted, and leaves the log line and the span. Metrics and
	// statistics are kept.
	Inner bool
	// Default is for operations that neither the description nor Policies
	// name; nil refuses them with fail.NotFound.
	Default *Policy
}

// Tier is a set of revisions that share the traffic by weight.
type Tier struct{ Revisions []Revision }

// Revision is one version of a service. Weight 0 gets no new calls.
type Revision struct {
	Name     string
	Weight   int
	Replicas []Replica
}

// Replica is one target. Name is unique in its revision.
type Replica struct {
	Name     string
	Upstream Upstream
	// Ready says whether new calls may go there; nil means always. It is
	// called for each call: it must be quick and must not block.
	Ready func() bool
}

// Upstream answers calls. Do returns with the first byte of the answer, or an
// error before it. Cancelling ctx ends both Do and the reply's Chunks.
type Upstream interface {
	Do(ctx context.Context, call *ai.Call) (*ai.Reply, error)
}

// Policy is how calls of one operation are treated. Zero fields mean the
// defaults given.
type Policy struct {
	// Timeout bounds a plain call, and a streamed one up to its first byte,
	// all tries together. Default 60 s.
	Timeout time.Duration
	// FirstByte bounds one try up to its first byte. Default: Timeout, or a
	// third of it where the call may be sent elsewhere.
	FirstByte time.Duration
	// Idle is the longest silence inside a stream, Stream the longest stream.
	// Defaults 2 min and 1 h.
	Idle, Stream time.Duration
	// Concurrency bounds calls at a time, 0 is unbounded; Queue bounds how many
	// wait (default 2 × Concurrency), QueueWait how long (default 5 s).
	Concurrency, Queue int
	QueueWait          time.Duration
	// MaxBody bounds the input in bytes; 0 leaves it to the caller.
	MaxBody int64
	// Idempotent allows that a call is sent twice.
	Idempotent bool
	// Terminator is the data of the event that ends a whole stream, as
	// "[DONE]". A stream without it is an error. Empty expects none.
	Terminator string
	// Frame makes the event that tells the client of a failure inside a
	// stream; nil is TypedFrame. See OpenAIFrame.
	Frame func(error) []byte
	// Usage reads the tokens used out of a chunk; nil leaves it to the service.
	// See OpenAIUsage.
	Usage func(chunk []byte) (ai.Usage, bool)
}

func (p Policy) withDefaults(o ai.Operation) Policy {
	p.Timeout = cmp.Or(p.Timeout, time.Duration(o.Limits.TimeoutMS)*time.Millisecond, time.Minute)
	p.Idle = cmp.Or(p.Idle, 2*time.Minute)
	p.Stream = cmp.Or(p.Stream, time.Hour)
	p.Concurrency = cmp.Or(p.Concurrency, o.Limits.Concurrency)
	p.Queue = cmp.Or(p.Queue, 2*p.Concurrency)
	p.QueueWait = cmp.Or(p.QueueWait, 5*time.Second)
	p.MaxBody = cmp.Or(p.MaxBody, o.Limits.MaxBody)
	p.Idempotent = p.Idempotent || o.Idempotent
	if p.Frame == nil {
		p.Frame = TypedFrame
	}
	return p
}

// table is all routes at one moment; it is replaced, never changed.
type table struct{ routes map[string]*route }

type route struct {
	Route
	tiers    []*tier
	ops      map[string]*operation
	fallback *operation
	stats    *stats
	budget   *retryBudget
}

type tier struct {
	mu        sync.Mutex // guards the credits of the revisions
	revisions []*revision
}

type operation struct {
	policy Policy
	queue  *queue
}

type revision struct {
	name     string
	weight   int
	credit   int // of the smooth weighted round robin; guarded by tier.mu
	replicas []*replica
}

// Register makes s a service of its own with one builtin target.
func (g *Gateway) Register(s ai.Service) error {
	d := s.Describe()
	_, err := g.SetRoute(Route{Description: d, Tiers: []Tier{{Revisions: []Revision{{
		Name: cmp.Or(d.Version, "builtin"), Weight: 1,
		Replicas: []Replica{{Name: "builtin", Upstream: Builtin(s)}},
	}}}}})
	return err
}

// SetRoute adds a service or replaces its route, at once and without dropping
// a call: calls under way stay with their target. Targets that stay (same
// revision, name and upstream) keep their breaker and statistics. drained
// waits until the targets that are gone have no call left.
func (g *Gateway) SetRoute(r Route) (drained func(context.Context) error, err error) {
	if r.Description.Name == "" {
		return nil, fail.New(fail.Usage, "a route needs the name of its service").
			Hint("set Description.Name")
	}
	for _, t := range r.Tiers {
		for _, v := range t.Revisions {
			for _, p := range v.Replicas {
				if p.Upstream == nil {
					return nil, fail.New(fail.Usage, "target %q of %s has no upstream", p.Name, r.Description.Name).
						Hint("give every replica an Upstream")
				}
			}
		}
	}
	return g.replace(r.Description.Name, &r), nil
}

// RemoveRoute takes a service away; drained is as in SetRoute.
func (g *Gateway) RemoveRoute(service string) (drained func(context.Context) error) {
	return g.replace(service, nil)
}

func (g *Gateway) replace(name string, spec *Route) func(context.Context) error {
	g.change.Lock()
	defer g.change.Unlock()
	old := g.table.Load()
	next := &table{routes: make(map[string]*route, len(old.routes)+1)}
	for k, v := range old.routes {
		next.routes[k] = v
	}
	before := old.routes[name]
	kept := map[*replica]bool{}
	if spec == nil {
		delete(next.routes, name)
	} else {
		next.routes[name] = g.build(*spec, before, kept)
	}
	g.table.Store(next)
	var gone []*replica
	for r := range before.all() {
		if !kept[r] {
			r.removed.Store(true)
			r.checkIdle()
			if !slices.ContainsFunc(slices.Collect(next.routes[name].all()), r.namesake) {
				g.m.forget(name, r)
			}
			gone = append(gone, r)
		}
	}
	return func(ctx context.Context) error {
		for _, r := range gone {
			select {
			case <-r.idle:
			case <-ctx.Done():
				return fail.Wrap(fail.Timeout, ctx.Err(), "waiting for %d calls of %s", r.outstanding.Load(), r.name)
			}
		}
		return nil
	}
}

func (g *Gateway) build(spec Route, before *route, kept map[*replica]bool) *route {
	name := spec.Description.Name
	r := &route{Route: spec, ops: map[string]*operation{}}
	if before != nil {
		r.stats, r.budget = before.stats, before.budget
	} else {
		r.stats, r.budget = newStats(g.o.Now), newRetryBudget(g.o.RetryRatio, g.o.RetryBurst)
	}
	addOp := func(o ai.Operation, p Policy) {
		p = p.withDefaults(o)
		q := &queue{gauge: g.m.queued.WithLabelValues(name, o.Name)}
		if before != nil && before.ops[o.Name] != nil {
			q = before.ops[o.Name].queue
		}
		q.resize(p.Concurrency, p.Queue)
		r.ops[o.Name] = &operation{policy: p, queue: q}
	}
	for op, p := range spec.Policies {
		addOp(ai.Operation{Name: op}, p)
	}
	for _, o := range spec.Description.Operations {
		addOp(o, spec.Policies[o.Name])
	}
	if spec.Default != nil {
		q := &queue{gauge: g.m.queued.WithLabelValues(name, "other")}
		if before != nil && before.fallback != nil {
			q = before.fallback.queue
		}
		p := spec.Default.withDefaults(ai.Operation{})
		q.resize(p.Concurrency, p.Queue)
		r.fallback = &operation{policy: p, queue: q}
	}
	for _, spec := range spec.Tiers {
		level := &tier{}
		for _, v := range spec.Revisions {
			rev := &revision{name: v.Name, weight: max(v.Weight, 0)}
			for _, t := range v.Replicas {
				known := before.find(v.Name, t, kept)
				if known == nil {
					known = g.newReplica(name, v.Name, t)
				} else {
					known = known.with(t.Ready)
				}
				kept[known] = true
				rev.replicas = append(rev.replicas, known)
			}
			level.revisions = append(level.revisions, rev)
		}
		r.tiers = append(r.tiers, level)
	}
	return r
}

// all ranges over every replica; a nil route has none.
func (r *route) all() func(func(*replica) bool) {
	return func(yield func(*replica) bool) {
		if r == nil {
			return
		}
		for _, level := range r.tiers {
			for _, rev := range level.revisions {
				for _, t := range rev.replicas {
					if !yield(t) {
						return
					}
				}
			}
		}
	}
}

func (r *route) find(revision string, t Replica, taken map[*replica]bool) *replica {
	for old := range r.all() {
		if !taken[old] && old.revision == revision && old.name == t.Name && same(old.upstream, t.Upstream) {
			return old
		}
	}
	return nil
}

func same(a, b Upstream) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// Services gives the descriptions of all services, by name.
func (g *Gateway) Services() []ai.Description {
	out := []ai.Description{}
	for _, r := range g.table.Load().routes {
		out = append(out, r.Description)
	}
	slices.SortFunc(out, func(a, b ai.Description) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Describe gives the description of one service, or fail.NotFound.
func (g *Gateway) Describe(service string) (ai.Description, error) {
	if r := g.table.Load().routes[service]; r != nil {
		return r.Description, nil
	}
	return ai.Description{}, noService(service)
}

func noService(name string) error {
	return fail.New(fail.NotFound, "no service named %q", name).Hint("aictl services list")
}

// find looks the operation up.
func (c *call) find() error {
	r := c.g.table.Load().routes[c.in.Service]
	if r == nil {
		return noService(c.in.Service)
	}
	c.route = r
	o := r.ops[c.in.Operation]
	if o == nil {
		o = r.fallback
	}
	if o == nil {
		return fail.New(fail.NotFound, "service %s has no operation %q", c.in.Service, c.in.Operation).
			Hint("aictl services describe %s", c.in.Service)
	}
	c.op, c.policy = o, &o.policy
	return nil
}
