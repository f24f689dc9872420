package gateway

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// call is one call on its way. One goroutine uses it.
type call struct {
	g      *Gateway
	ctx    context.Context
	in     ai.Call
	start  time.Time
	route  *route
	op     *operation
	policy *Policy

	inner   bool   // of an inner route
	target  string // that answered; it may be that of an inner route
	subject string
	slot    *queue // where a slot is held
	settle  func(*ai.Usage)
	live    *live
	tried   []*replica
	space   [4]*replica
	span    trace.Span

	firstByte time.Time
	status    int
	bytes     int64
	usage     ai.Usage
	ended     bool
}

func (g *Gateway) begin(ctx context.Context, in ai.Call) *call {
	c := &call{g: g, ctx: ctx, in: in, start: g.o.Now()}
	g.enter()
	g.m.inFlight.Inc()
	if r := g.table.Load().routes[in.Service]; r != nil {
		c.inner = r.Inner
	}
	if g.o.Tracer != nil && !c.inner {
		c.startSpan()
	}
	return c
}

// startSpan continues the caller's trace and hands it on to the upstream.
func (c *call) startSpan() {
	format := propagation.TraceContext{}
	ctx := format.Extract(c.ctx, propagation.HeaderCarrier(c.in.Header))
	c.ctx, c.span = c.g.o.Tracer.Start(ctx, c.in.Service+" "+c.in.Operation, trace.WithSpanKind(trace.SpanKindClient))
	header := c.in.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	format.Inject(c.ctx, propagation.HeaderCarrier(header))
	c.in.Header = header
}

// deliver is the reply as the caller gets it: its Chunks end the call.
func (c *call) deliver(up *ai.Reply) *ai.Reply {
	out := *up
	if out.Status == 0 {
		out.Status = http.StatusOK
	}
	if out.Target == "" {
		out.Target = c.live.name
	}
	c.target = out.Target
	c.status = out.Status
	out.Frame = c.policy.Frame
	out.Usage = func() ai.Usage { return c.usage }
	out.Chunks = func(yield func([]byte, error) bool) { c.stream(up, yield) }
	return &out
}

func (c *call) stream(up *ai.Reply, yield func([]byte, error) bool) {
	// Runs when the consumer panics, too: nothing may stay held.
	defer func() { c.end(fail.New(fail.Canceled, "the reader of the answer stopped")) }()
	terminator := ""
	if up.Stream && c.status < 300 {
		terminator = c.policy.Terminator
	}
	var failure error
	finished := false
	for chunk, err := range up.Chunks {
		if err != nil {
			failure = err
			break
		}
		if len(chunk) == 0 {
			continue
		}
		if finished {
			continue // what follows the end is not part of the answer
		}
		if c.policy.Usage != nil {
			if u, ok := c.policy.Usage(chunk); ok {
				c.usage = u
			}
		}
		c.bytes += int64(len(chunk))
		if terminator != "" && hasData(chunk, terminator) {
			finished = true
		}
		if !yield(chunk, nil) {
			c.takeUsage(up)
			if finished {
				c.end(nil) // the last word was taken: whoever stops there has the whole answer
			}
			return
		}
		switch {
		case finished:
			c.live.timer.Reset(linger)
		case up.Stream:
			c.live.timer.Reset(c.quiet(up))
		}
	}
	switch {
	case finished:
		failure = nil
	case failure == nil && c.live.ctx.Err() != nil && up.Stream:
		failure = context.Cause(c.live.ctx) // a service that stopped quietly when told to
	case failure == nil && terminator != "":
		failure = io.ErrUnexpectedEOF
	}
	c.takeUsage(up)
	if failure == nil {
		c.end(nil)
		return
	}
	failure = c.explain(c.live, failure, c.policy.Idle)
	if blame, verdict := c.blame(failure); blame && verdict != nil {
		if done, err := c.live.breaker.Allow(); err == nil {
			done(verdict)
		}
	}
	c.end(failure)
	yield(nil, failure)
}

// linger is how long a stream that has said its last word may take to close:
// read to its end, its connection can be used again.
const linger = 50 * time.Millisecond

func (c *call) takeUsage(up *ai.Reply) {
	if up.Usage != nil {
		if u := up.Usage(); u != (ai.Usage{}) {
			c.usage = u
		}
	}
}

// hasData says whether one line of the events is the data given.
func hasData(chunk []byte, data string) bool {
	for rest := chunk; ; {
		i := bytes.Index(rest, []byte(data))
		if i < 0 {
			return false
		}
		line := rest[bytes.LastIndexAny(rest[:i], "\r\n")+1 : i]
		after := rest[i+len(data):]
		if (string(line) == "data:" || string(line) == "data: ") && (len(after) == 0 || after[0] == '\n' || after[0] == '\r') {
			return true
		}
		rest = after
	}
}

// end releases what the call holds and records it, once.
func (c *call) end(err error) {
	if c.ended {
		return
	}
	c.ended = true
	if c.live != nil {
		c.live.close()
	}
	if c.slot != nil {
		c.slot.release()
	}
	if c.settle != nil {
		switch {
		case c.usage.InputTokens+c.usage.OutputTokens > 0:
			c.settle(&c.usage)
		case c.live == nil:
			c.settle(&ai.Usage{}) // nothing was answered
		default:
			c.settle(nil)
		}
	}
	c.record(err)
	c.g.m.inFlight.Dec()
	c.g.leave()
}
