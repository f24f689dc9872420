// Package gateway is the path of every call to an AI service: admit, route,
// guard, stream, record. Plain and streamed calls take the same path.
//
// It promises: permission, rate, budget and concurrency are decided before
// anything is sent; a call is sent again only before its first byte, only
// where the operation is declared idempotent (or where nothing was sent), and
// within a retry budget; a caller who goes away cancels the upstream; a
// failure after the first byte is a typed error, never silence; every call
// leaves one metric, one log line and one span, when its Reply has been read
// to the end or broken off. Every queue is bounded. The gateway starts no
// goroutine of its own.
//
// It does not know HTTP routing, credentials or the store; limits are asked
// through the small interfaces of admit.go. It does not check schemas and does
// not change bodies.
package gateway

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// Options are what a Gateway needs. The zero value works: everything is
// allowed, nothing is logged or traced.
type Options struct {
	// Authorize says whether the context's identity may call the operation:
	// nil is yes. A nil func allows everybody.
	Authorize func(ctx context.Context, service, operation string) error
	// Rates and Budget are asked once a call; nil means no limit.
	Rates  RateLimiter
	Budget Budget
	// Logger gets one record a call, Tracer one span a call. Both may be nil.
	Logger *slog.Logger
	Tracer trace.Tracer
	// Metrics is where the collectors are registered; nil registers nowhere.
	Metrics prometheus.Registerer
	// Now is the clock for statistics and windows; nil is time.Now.
	Now func() time.Time
	// Breaker tunes the circuit breakers; zero fields mean the defaults.
	Breaker BreakerOptions
	// RetryRatio is the share of calls that may be sent again to the same
	// tier, 0 means 0.2. RetryBurst is how many may be saved up, 0 means 10.
	RetryRatio float64
	RetryBurst int
}

// Gateway is the way to all services. Safe for concurrent use.
type Gateway struct {
	o      Options
	table  atomic.Pointer[table]
	change sync.Mutex // serialises changes of table
	m      *metrics

	stop     context.Context // ended when draining ran out of time
	stopAll  context.CancelCauseFunc
	draining atomic.Bool
	inFlight atomic.Int64
	idle     chan struct{}
	idleOnce sync.Once
}

// New makes a Gateway without services. The error is fail.Conflict when
// Metrics holds such collectors already.
func New(o Options) (*Gateway, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RetryRatio <= 0 {
		o.RetryRatio = 0.2
	}
	if o.RetryBurst <= 0 {
		o.RetryBurst = 10
	}
	o.Breaker = o.Breaker.withDefaults()
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fail.Wrap(fail.Conflict, err, "registering the gateway's metrics")
	}
	g := &Gateway{o: o, m: m, idle: make(chan struct{})}
	g.stop, g.stopAll = context.WithCancelCause(context.Background())
	g.table.Store(&table{})
	return g, nil
}

// Do makes one call. It returns as soon as the first byte of the answer is
// there, or with an error (*fail.Error in the chain; see RetryAfter). The
// reply's Chunks must be ranged over once, see ai.Reply: that is when the call
// ends and is recorded.
func (g *Gateway) Do(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	c := g.begin(ctx, call)
	reply, err := c.run()
	if err != nil {
		c.end(err)
		return nil, err
	}
	return reply, nil
}

// run takes the call through admission, routing and the guard.
func (c *call) run() (*ai.Reply, error) {
	if c.g.draining.Load() {
		return nil, withRetryAfter(fail.New(fail.Unavailable, "the gateway is shutting down").
			Hint("aictl status"), time.Second)
	}
	if err := c.find(); err != nil {
		return nil, err
	}
	if !c.inner {
		if err := c.admit(); err != nil {
			return nil, err
		}
	}
	reply, err := c.attempt()
	if err != nil {
		return nil, err
	}
	return c.deliver(reply), nil
}

// Drain stops admitting calls and waits for those in flight. When ctx ends
// first, they are cancelled: each ends in a typed error. It returns ctx's
// error in that case. Further calls wait likewise.
func (g *Gateway) Drain(ctx context.Context) error {
	g.draining.Store(true)
	if g.inFlight.Load() == 0 {
		g.idleOnce.Do(func() { close(g.idle) })
	}
	select {
	case <-g.idle:
		return nil
	case <-ctx.Done():
	}
	g.stopAll(fail.New(fail.Unavailable, "the server is shutting down").Hint("send the request again"))
	return fail.Wrap(fail.Timeout, ctx.Err(), "waiting for %d calls in flight", g.inFlight.Load())
}

func (g *Gateway) enter() { g.inFlight.Add(1) }

func (g *Gateway) leave() {
	if g.inFlight.Add(-1) == 0 && g.draining.Load() {
		g.idleOnce.Do(func() { close(g.idle) })
	}
}
