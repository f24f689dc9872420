package op

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// Registry holds the bound operations of one server (or of one in-process
// handler). Bind everything first, then serve: it is not safe to bind while
// serving.
type Registry struct {
	policy Policy
	mux    *http.ServeMux
	bound  map[string]Declaration
}

// NewRegistry makes an empty registry under the given policy.
func NewRegistry(p Policy) *Registry {
	return &Registry{policy: p.withDefaults(), mux: http.NewServeMux(), bound: map[string]Declaration{}}
}

// BindQuery gives a query its handler.
func BindQuery[In, Out any](r *Registry, q *Query[In, Out], h func(context.Context, In) (Out, error)) {
	r.bind(q, serve[In](r, &q.Spec, func(w http.ResponseWriter, call *call[In]) error {
		out, err := h(call.ctx, call.in)
		if err != nil {
			return err
		}
		return writeJSON(w, out)
	}))
}

// BindStream gives a stream its handler. The sequence must stop when yield
// returns false or the context ends.
func BindStream[In, Item any](r *Registry, s *Stream[In, Item], h func(context.Context, In) iter.Seq2[Item, error]) {
	r.bind(s, serve[In](r, &s.Spec, func(w http.ResponseWriter, call *call[In]) error {
		return writeStream(w, call.req, h(call.ctx, call.in))
	}))
}

// BindChange gives a change its handler, which computes the plan.
func BindChange[In, Out any](r *Registry, c *Change[In, Out], h func(context.Context, In) (Planned[Out], error)) {
	r.bind(c, serve[In](r, &c.Spec, func(w http.ResponseWriter, call *call[In]) error {
		planned, err := h(call.ctx, call.in)
		if err != nil {
			return err
		}
		if err := planned.Plan.seal(&c.Spec, withoutSecrets(&call.in)); err != nil {
			return err
		}
		if call.req.Header.Get(headerDryRun) != "" {
			return writeJSON(w, planned.Plan)
		}
		out, err := applyPlanned(r, call, planned)
		if err != nil {
			return err
		}
		return writeJSON(w, out)
	}))
}

func (r *Registry) bind(d Declaration, h http.Handler) {
	s := d.Describe()
	if _, twice := r.bound[s.ID]; twice {
		panic(fmt.Sprintf("op: %s is bound twice", s.ID)) // a programmer's mistake at start-up
	}
	r.bound[s.ID] = d
	r.mux.Handle(s.Route, h)
}

// ServeHTTP serves the bound operations; identity and request id come in the
// context.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.mux.ServeHTTP(w, req) }

// Knows reports whether a bound operation answers the request.
func (r *Registry) Knows(req *http.Request) bool {
	_, pattern := r.mux.Handler(req)
	return pattern != ""
}

// Bound lists the declarations in order of ID.
func (r *Registry) Bound() []Declaration {
	out := make([]Declaration, 0, len(r.bound))
	for _, d := range r.bound {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Declaration) int { return strings.Compare(a.Describe().ID, b.Describe().ID) })
	return out
}

// nonNil makes a nil slice an empty one, so that an empty list is [] in JSON.
func nonNil(v any) any {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice && rv.IsNil() {
		return reflect.MakeSlice(rv.Type(), 0, 0).Interface()
	}
	return v
}
