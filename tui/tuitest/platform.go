package tuitest

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"sync"
	"testing"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
)

// Platform answers operations as a control plane does, through the same
// dispatch and the same client: what is not bound is an operation that the
// server does not know. It records the mutating requests that reached it.
type Platform struct {
	reg *op.Registry

	mu      sync.Mutex // guards the field below
	changes []string
}

// NewPlatform makes a platform that knows nothing yet.
func NewPlatform() *Platform {
	return &Platform{reg: op.NewRegistry(op.Policy{Authorize: op.AllowAll})}
}

// Query binds an answer.
func Query[In, Out any](p *Platform, q *op.Query[In, Out], h func(In) (Out, error)) {
	op.BindQuery(p.reg, q, func(_ context.Context, in In) (Out, error) { return h(in) })
}

// Answer binds the same answer to whatever is asked.
func Answer[In, Out any](p *Platform, q *op.Query[In, Out], out Out) {
	Query(p, q, func(In) (Out, error) { return out, nil })
}

// Stream binds items; afterwards the stream stays open until it is left.
func Stream[In, Item any](p *Platform, s *op.Stream[In, Item], items func(In) []Item) {
	op.BindStream(p.reg, s, func(ctx context.Context, in In) iter.Seq2[Item, error] {
		return func(yield func(Item, error) bool) {
			for _, i := range items(in) {
				if !yield(i, nil) {
					return
				}
			}
			<-ctx.Done()
		}
	})
}

// Ending binds items after which the stream ends.
func Ending[In, Item any](p *Platform, s *op.Stream[In, Item], items func(In) []Item) {
	op.BindStream(p.reg, s, func(_ context.Context, in In) iter.Seq2[Item, error] {
		return func(yield func(Item, error) bool) {
			for _, i := range items(in) {
				if !yield(i, nil) {
					return
				}
			}
		}
	})
}

// Change binds a change whose plan has one step.
func Change[In, Out any](p *Platform, c *op.Change[In, Out], target func(In) string, apply func(In) (Out, error)) {
	op.BindChange(p.reg, c, func(_ context.Context, in In) (op.Planned[Out], error) {
		return op.Planned[Out]{
			Plan: op.Plan{
				Target: target(in), Summary: c.Summary + ": " + target(in),
				Steps: []op.Step{{Action: "change", Object: target(in)}},
			},
			Apply: func(ctx context.Context) (Out, error) {
				p.mu.Lock()
				p.changes = append(p.changes, fmt.Sprintf("%s %s (%s)", c.ID, target(in), op.Reason(ctx)))
				p.mu.Unlock()
				return apply(in)
			},
		}, nil
	})
}

// Changes are the changes that were applied, with their reasons.
func (p *Platform) Changes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.changes...)
}

// Context makes a context that reaches the platform, through the transport
// that guards read-only.
func (p *Platform) Context(t testing.TB, name string, readOnly bool) feed.Context {
	t.Helper()
	c, err := client.New(client.Options{
		Server: "http://platform.test", Transport: op.InProcess{Handler: p}, ReadOnly: readOnly, Operations: api.All(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return feed.Context{Name: name, Namespace: "default", ReadOnly: readOnly, Caller: c}
}

// ServeHTTP gives the request an identity that may do everything.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := op.Identity{Subject: "alice", Grants: []op.Grant{{Role: "admin", Namespace: "*"}}}
	p.reg.ServeHTTP(w, r.WithContext(op.WithIdentity(r.Context(), id)))
}
