package feed

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

const (
	// frame is the least time between two batches of a stream: what comes
	// faster comes together.
	frame = 33 * time.Millisecond
	// queue is how many items wait for the dashboard before the stream waits.
	queue = 8192
	// A broken stream is opened again after firstRetry, then twice as long up
	// to lastRetry.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// StreamOptions say how a stream goes on after it broke.
type StreamOptions[In, Item any] struct {
	// Retry opens it again; otherwise the first error ends it.
	Retry bool
	// Resume gives the input to open it again with, after the last item that
	// came (nil where none did). Nil opens it as before.
	Resume func(in In, last *Item) In
}

// Open opens a stream. Its messages are Batches; the app asks for the next one
// (Next) after it gave one to the pane.
func Open[In, Item any](f *Feeds, k Key, c Context, s *op.Stream[In, Item], in In, o StreamOptions[In, Item]) tea.Cmd {
	ctx, gen := f.begin(k)
	st := &stream[Item]{key: k, gen: gen, context: c.Name, come: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	return func() tea.Msg {
		f.wg.Go(func() { produce(ctx, st, c, s, in, o) })
		return st.wait(ctx)
	}
}

// Next waits for what comes after b; nil where nothing will.
func Next(b Batch) tea.Cmd {
	if b.Done {
		return nil
	}
	return b.next
}

type stream[Item any] struct {
	key        Key
	gen        uint64
	context    string
	come, room chan struct{} // something came; there is room again

	mu    sync.Mutex // guards the fields below
	items []Item
	err   error
	retry time.Duration
	done  bool
	last  time.Time
}

// wait gives the next batch: what is there, a frame after the one before it.
func (st *stream[Item]) wait(ctx context.Context) tea.Msg {
	for {
		st.mu.Lock()
		due := frame - time.Since(st.last)
		something := len(st.items) > 0 || st.err != nil || st.done
		st.mu.Unlock()
		switch {
		case !something:
			select {
			case <-st.come:
			case <-ctx.Done():
				return nil
			}
		case due > 0:
			select {
			case <-time.After(due):
			case <-ctx.Done():
				return nil
			}
		default:
			return st.take(ctx)
		}
	}
}

func (st *stream[Item]) take(ctx context.Context) Batch {
	st.mu.Lock()
	defer st.mu.Unlock()
	b := Batch{Key: st.key, Gen: st.gen, Context: st.context, Items: st.items, Err: st.err, Retry: st.retry, Done: st.done}
	st.items, st.err, st.retry, st.last = nil, nil, 0, time.Now()
	b.next = func() tea.Msg { return st.wait(ctx) }
	select {
	case st.room <- struct{}{}:
	default:
	}
	return b
}

// put adds an item, and waits for room; false when ctx ended.
func (st *stream[Item]) put(ctx context.Context, item Item) bool {
	for {
		st.mu.Lock()
		if len(st.items) < queue {
			st.items = append(st.items, item)
			st.mu.Unlock()
			st.signal()
			return true
		}
		st.mu.Unlock()
		select {
		case <-st.room:
		case <-ctx.Done():
			return false
		}
	}
}

func (st *stream[Item]) say(err error, retry time.Duration, done bool) {
	st.mu.Lock()
	st.err, st.retry, st.done = err, retry, done
	st.mu.Unlock()
	st.signal()
}

func (st *stream[Item]) signal() {
	select {
	case st.come <- struct{}{}:
	default:
	}
}

func produce[In, Item any](ctx context.Context, st *stream[Item], c Context, s *op.Stream[In, Item], in In, o StreamOptions[In, Item]) {
	var last *Item
	pause := firstRetry
	for ctx.Err() == nil {
		var broken error
		from := in
		if o.Resume != nil {
			from = o.Resume(in, last)
		}
		for item, err := range s.Each(ctx, c.Caller, from) {
			if err != nil {
				broken = err
				break
			}
			last, pause = &item, firstRetry
			if !st.put(ctx, item) {
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		if broken == nil || !o.Retry || !worthRetrying(broken) {
			st.say(broken, 0, true)
			return
		}
		st.say(broken, pause, false)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, lastRetry)
	}
}

// worthRetrying: what the person asked wrongly, or may not do, stays so.
func worthRetrying(err error) bool {
	switch fail.CodeOf(err) {
	case fail.Usage, fail.Auth, fail.Forbidden, fail.NotFound, fail.Version, fail.Refused:
		return false
	}
	return true
}
