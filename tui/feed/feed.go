// Package feed brings the answers of operations to the dashboard: a question's
// answer as one message, a stream as messages that hold what came within a
// frame. Nothing in it draws, and nothing that draws waits.
//
// Every request belongs to a slot of a pane ("alerts/list"). A new request in
// a slot cancels the one before it, and what that one still says is stale: the
// app drops it by its generation. Close ends everything and waits for it.
//
// A stream's queue is bounded. When the dashboard is slow to take what came,
// the stream waits, and the operation behind it says what it could not keep (a
// tail's gap); nothing is dropped here.
package feed

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Context is one control plane (or one set of backends) that is asked.
type Context struct {
	Name, Namespace string
	// Protected contexts demand the typed name and a reason for every change.
	Protected bool
	ReadOnly  bool
	Caller    op.Caller
}

// Key names a slot.
type Key struct{ Pane, Slot string }

// Result is what one context said.
type Result struct {
	Context string
	Out     any
	Err     error
}

// Answer is a message: what the contexts that were asked said, in their order.
type Answer struct {
	Key
	Gen     uint64
	Results []Result
	Took    time.Duration
}

// One is the answer of the only context that was asked.
func One[Out any](a Answer) (Out, error) {
	var zero Out
	r := a.Results[0]
	if out, ok := r.Out.(Out); ok && r.Err == nil {
		return out, nil
	}
	return zero, r.Err
}

// Batch is a message: what a stream brought since the last one.
type Batch struct {
	Key
	Gen     uint64
	Context string
	// Items is a slice of the stream's items; Items[T] gives it.
	Items any
	// Err says that the stream broke; Retry is when it is opened again, and 0
	// that it is not.
	Err   error
	Retry time.Duration
	// Done says that nothing more will come.
	Done bool

	next tea.Cmd
}

// Items gives the items of a batch.
func Items[T any](b Batch) []T {
	items, _ := b.Items.([]T)
	return items
}

// Feeds are the running requests. Its methods are called from Update; they do
// no I/O themselves.
type Feeds struct {
	ctx    context.Context //nolint:containedctx // it is the life of the dashboard's requests, which Close ends
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex // guards gen and slots
	gen   uint64
	slots map[Key]slot
}

type slot struct {
	gen    uint64
	cancel context.CancelFunc
}

// New makes feeds that live as long as ctx, or until Close.
func New(ctx context.Context) *Feeds {
	f := &Feeds{slots: map[Key]slot{}}
	f.ctx, f.cancel = context.WithCancel(ctx)
	return f
}

// Close cancels everything and waits for the streams.
func (f *Feeds) Close() {
	f.cancel()
	f.wg.Wait()
}

// Current reports whether the generation is the slot's newest.
func (f *Feeds) Current(k Key, gen uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.slots[k].gen == gen
}

// Stop cancels what runs in the slot.
func (f *Feeds) Stop(k Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.slots[k]; ok {
		s.cancel()
		delete(f.slots, k)
	}
}

func (f *Feeds) begin(k Key) (context.Context, uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.slots[k]; ok {
		s.cancel()
	}
	f.gen++
	ctx, cancel := context.WithCancel(f.ctx)
	f.slots[k] = slot{f.gen, cancel}
	return ctx, f.gen
}

// askWithin bounds a question: a pane that waits longer helps nobody.
const askWithin = 30 * time.Second

// Ask asks every one of the contexts at once. The message is one Answer.
func Ask[In, Out any](f *Feeds, k Key, contexts []Context, q *op.Query[In, Out], in In) tea.Cmd {
	return Do(f, k, contexts, func(ctx context.Context, c Context) (any, error) { return q.Call(ctx, c.Caller, in) })
}

// Do runs work that is more than one question in every context, within the
// same bounds and with the same message as Ask.
func Do(f *Feeds, k Key, contexts []Context, work func(ctx context.Context, c Context) (any, error)) tea.Cmd {
	return Within(f, k, askWithin, contexts, work)
}

// Within is Do with a bound of its own.
func Within(f *Feeds, k Key, bound time.Duration, contexts []Context, work func(ctx context.Context, c Context) (any, error)) tea.Cmd {
	ctx, gen := f.begin(k)
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, bound)
		defer cancel()
		start := time.Now()
		a := Answer{Key: k, Gen: gen, Results: make([]Result, len(contexts))}
		var wg sync.WaitGroup
		for i, c := range contexts {
			wg.Go(func() {
				out, err := work(ctx, c)
				a.Results[i] = Result{Context: c.Name, Out: out, Err: err}
			})
		}
		wg.Wait()
		a.Took = time.Since(start)
		return a
	}
}

// Failed names the contexts that did not answer; nil where all did.
func (a Answer) Failed() []Result {
	var out []Result
	for _, r := range a.Results {
		if r.Err != nil {
			out = append(out, r)
		}
	}
	return out
}

// Canceled reports whether every context was cancelled: nobody waits for it.
func (a Answer) Canceled() bool {
	for _, r := range a.Results {
		if fail.CodeOf(r.Err) != fail.Canceled {
			return false
		}
	}
	return len(a.Results) > 0
}
