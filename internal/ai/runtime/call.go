package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/sse"
)

// Do implements gateway.Upstream: the call goes to this instance, or, where
// its slots are taken or it has gone, to the first of its revision that has
// one.
func (i *instance) Do(ctx context.Context, call *ai.Call) (*ai.Reply, error) {
	return i.pool.do(ctx, call, i)
}

// queue is the pool as the last resort of a route: with no instance ready,
// calls wait here.
type queue struct{ pool *pool }

// Do implements gateway.Upstream.
func (q *queue) Do(ctx context.Context, call *ai.Call) (*ai.Reply, error) {
	return q.pool.do(ctx, call, nil)
}

// settle is how long after a replica has come or gone the queue is open: who
// looked for a replica in that very moment must find one of them.
const settle = time.Second

// open says that the queue takes calls: nothing is ready, or was not a moment
// ago. When all are well it is closed, so that it is no second try for calls
// that were answered with an error.
func (q *queue) open() bool {
	return q.pool.now().UnixNano()-q.pool.moved.Load() < int64(settle) || !q.pool.isReady()
}

func (p *pool) do(ctx context.Context, call *ai.Call, prefer *instance) (*ai.Reply, error) {
	for {
		i, err := p.acquire(ctx, prefer)
		if errors.Is(err, errRetired) {
			if next := p.successor(); next != nil && next != p {
				return next.do(ctx, call, nil)
			}
			continue // taken back in this moment
		}
		if err != nil {
			return nil, err
		}
		start := p.now()
		reply, err := i.up.Do(ctx, call)
		if err != nil {
			p.failed(ctx, i, err)
			p.release(i)
			var op *net.OpError
			if errors.As(err, &op) && op.Op == "dial" && ctx.Err() == nil {
				prefer = nil // nothing was sent: another one, or the next start
				continue
			}
			return nil, err
		}
		p.meter.add(p.now().Sub(start), reply.Status >= 500)
		reply.Target = i.name
		chunks := reply.Chunks
		reply.Chunks = func(yield func([]byte, error) bool) {
			defer p.release(i)
			stream(reply.Stream, chunks, func(b []byte, err error) bool {
				if err != nil {
					p.failed(ctx, i, err)
				}
				return yield(b, err)
			})
		}
		return reply, nil
	}
}

// failed counts a call that the replica did not answer; one that the caller
// left says nothing.
func (p *pool) failed(ctx context.Context, i *instance, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) || fail.CodeOf(err) == fail.Canceled {
		return
	}
	p.meter.addError()
	var known *fail.Error
	if ctx.Err() == nil && !errors.As(err, &known) && i.suspect != nil {
		i.suspect(err) // a connection broke: look at the replica at once
	}
}

var errorEvent = []byte("event: error")

// stream passes chunks on, and turns the wire's error event into an error.
func stream(events bool, chunks func(func([]byte, error) bool), yield func([]byte, error) bool) {
	chunks(func(b []byte, err error) bool {
		if err == nil && events && bytes.Contains(b, errorEvent) {
			before, problem := splitError(b)
			if problem != nil {
				if len(before) > 0 && !yield(before, nil) {
					return false
				}
				yield(nil, problem)
				return false
			}
		}
		return yield(b, err)
	})
}

// splitError finds the first error event of a batch, and what stands before
// it.
func splitError(b []byte) ([]byte, error) {
	at := 0
	s := sse.NewScanner(bytes.NewReader(b), len(b)+64, nil)
	for {
		raw, err := s.Next()
		if err != nil {
			return nil, nil
		}
		if e, ok := sse.Decode(raw); ok && e.Type == "error" {
			return b[:at], problemOf(e.Data)
		}
		at = min(at+len(raw), len(b))
	}
}

// problemOf reads a problem document of a service.
func problemOf(data []byte) error {
	var doc struct {
		Code   fail.Code `json:"code"`
		Detail string    `json:"detail"`
	}
	if json.Unmarshal(data, &doc) != nil || doc.Detail == "" {
		return fail.New(fail.Failed, "the service broke off its answer with an error of its own")
	}
	for _, known := range fail.Table() {
		if known.Code == doc.Code && doc.Code != fail.OK {
			return fail.New(doc.Code, "%s", clip(doc.Detail, 500))
		}
	}
	return fail.New(fail.Failed, "%s", clip(doc.Detail, 500))
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
