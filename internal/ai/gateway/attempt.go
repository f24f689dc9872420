package gateway

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// triesPerTier bounds how often one call is sent to the targets of one tier.
const triesPerTier = 2

// live is a try that answered: what is held until the reply has ended.
type live struct {
	*target
	reply  *ai.Reply
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // cancels the try with errSlow
	unhook func() bool
}

// close releases the try. It is called exactly once.
func (l *live) close() {
	l.timer.Stop()
	l.unhook()
	l.cancel(nil)
	l.leave()
}

// errSlow is the cause with which a try's own timer cancels it.
var errSlow = errors.New("no answer in time")

// attempt finds a target that answers. Going on to the next tier is bounded by
// the number of tiers and the breakers; sending again within a tier needs the
// retry budget as well, so that a tier that is down sees few calls more than
// were made (the SRE book, chapter 21).
func (c *call) attempt() (*ai.Reply, error) {
	for {
		l, err := c.tiers()
		if errors.Is(err, errMoved) {
			if err := c.find(); err != nil {
				return nil, err
			}
			continue // the route was replaced as we chose: choose from the new one
		}
		if err != nil {
			return nil, err
		}
		c.live = l
		return l.reply, nil
	}
}

var errMoved = errors.New("the route was replaced")

func (c *call) tiers() (*live, error) {
	deadline := c.start.Add(c.policy.Timeout)
	c.route.budget.deposit()
	c.tried = c.space[:0]
	var last error
	for i, t := range c.route.tiers {
		for try := 0; try < triesPerTier; try++ {
			picked := t.pick(c.g.o.Now(), c.tried)
			if picked == nil && try > 0 && i == len(c.route.tiers)-1 {
				picked = t.pick(c.g.o.Now(), c.tried[:len(c.tried)-1]) // nothing else: the same again
			}
			if picked == nil {
				break
			}
			if try > 0 {
				if !c.route.budget.withdraw() || !c.backoff(try) {
					picked.done(errExcluded)
					picked.leave()
					break
				}
				c.g.m.retries.WithLabelValues(c.in.Service, "retry").Inc()
			} else if len(c.tried) > 0 {
				c.g.m.retries.WithLabelValues(c.in.Service, "fallback").Inc()
			}
			c.tried = append(c.tried, picked.replica)
			l, err := c.try(picked, deadline)
			if err == nil {
				return l, nil
			}
			last = err
			if !c.again(err) {
				return nil, err
			}
		}
	}
	if last != nil {
		if len(c.tried) > 1 {
			e := fail.From(last)
			return nil, withRetryAfter(fail.Wrap(e.Code, last, "none of %d tries of %s was answered", len(c.tried), c.in.Service).
				Hint("aictl services health %s", c.in.Service), fail.RetryAfter(last))
		}
		return nil, last
	}
	if c.g.table.Load().routes[c.in.Service] != c.route {
		return nil, errMoved
	}
	return nil, c.nobody()
}

// nobody is the error when no target may be called, with the time when the
// first may be again.
func (c *call) nobody() error {
	now := c.g.o.Now()
	after := time.Duration(0)
	for r := range c.route.all() {
		d := max(time.Duration(r.until.Load()-now.UnixNano()), 0)
		if r.breaker.State() == gobreaker.StateOpen {
			d = max(d, c.g.o.Breaker.Open)
		}
		if d > 0 && r.isReady() && (after == 0 || d < after) {
			after = d
		}
	}
	if after == 0 {
		after = time.Second // none is ready: look again soon
	}
	return withRetryAfter(fail.New(fail.Unavailable, "no target of %s is ready", c.in.Service).
		Hint("aictl services health %s", c.in.Service), after)
}

// backoff waits a random time, longer with each try ("full jitter"); false
// when the caller left.
func (c *call) backoff(try int) bool {
	t := time.NewTimer(rand.N(20 * time.Millisecond << try)) //nolint:gosec // jitter is no secret
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// again says whether the call may be sent once more after err.
func (c *call) again(err error) bool {
	if c.ctx.Err() != nil || c.g.stop.Err() != nil || c.g.o.Now().Sub(c.start) >= c.policy.Timeout {
		return false
	}
	var blame *targetError
	return errors.As(err, &blame) && (c.policy.Idempotent || !blame.sent)
}

// targetError is a failure that is the target's: another may do better.
type targetError struct {
	err  error // a *fail.Error, perhaps with a delay
	sent bool  // the target may have begun to work
}

func (e *targetError) Error() string { return e.err.Error() }
func (e *targetError) Unwrap() error { return e.err }

// try sends the call to one target and waits for its first byte.
func (c *call) try(t *target, deadline time.Time) (*live, error) {
	now := c.g.o.Now()
	limit := deadline.Sub(now)
	switch {
	case c.policy.FirstByte > 0:
		limit = min(limit, c.policy.FirstByte)
	case c.policy.Idempotent && (len(c.route.tiers) > 1 || len(t.rev.replicas) > 1):
		limit = min(limit, c.policy.Timeout/3)
	}
	l := &live{target: t}
	l.ctx, l.cancel = context.WithCancelCause(c.ctx)
	l.timer = time.AfterFunc(limit, func() { l.cancel(errSlow) })
	l.unhook = context.AfterFunc(c.g.stop, func() { l.cancel(context.Cause(c.g.stop)) })
	reply, err := t.upstream.Do(l.ctx, &c.in)
	if err == nil {
		err = c.judge(t, reply)
	}
	if err == nil {
		t.done(nil)
		l.reply = reply
		c.firstByte = c.g.o.Now()
		l.timer.Reset(c.quiet(reply))
		return l, nil
	}
	err = c.explain(l, err, limit)
	blame, verdict := c.blame(err)
	t.done(verdict)
	if verdict != nil && !errors.Is(verdict, errExcluded) {
		c.g.eject(t.rev, t.replica, now)
	}
	if d := fail.RetryAfter(err); d > 0 && blame {
		t.hold(now.Add(min(d, maxHold)))
	}
	l.close()
	if blame {
		return nil, &targetError{err: err, sent: !notSent(err)}
	}
	return nil, err
}

// quiet is how long the reply may be silent from now.
func (c *call) quiet(reply *ai.Reply) time.Duration {
	now := c.g.o.Now()
	if !reply.Stream {
		return max(c.start.Add(c.policy.Timeout).Sub(now), time.Millisecond)
	}
	return max(min(c.policy.Idle, c.start.Add(c.policy.Stream).Sub(now)), time.Millisecond)
}

// judge turns an answer that says that the target is ill into an error, and
// lets go of its body.
func (c *call) judge(t *target, reply *ai.Reply) error {
	var code fail.Code
	switch s := reply.Status; {
	case s == http.StatusTooManyRequests:
		code = fail.Limited
	case s == http.StatusRequestTimeout || s == http.StatusGatewayTimeout:
		code = fail.Timeout
	case s >= 500 || s == http.StatusUnauthorized || s == http.StatusForbidden || s >= 300 && s < 400:
		code = fail.Unavailable // 401 and 403 are about our credentials, not the caller's
	default:
		return nil
	}
	reply.Discard()
	err := fail.New(code, "%s of %s answered with status %d", t.name, c.in.Service, reply.Status).
		Hint("aictl services health %s", c.in.Service)
	return withRetryAfter(err, parseRetryAfter(reply.Header.Get("Retry-After"), c.g.o.Now()))
}

// parseRetryAfter reads both forms of RFC 9110, section 10.2.3.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if s == "" {
		return 0
	}
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

// explain gives err the code and words that fit what really happened: whose
// cancellation it was, or that the upstream failed.
func (c *call) explain(l *live, err error, limit time.Duration) error {
	switch cause := context.Cause(l.ctx); {
	case c.ctx.Err() != nil:
		return fail.From(context.Cause(c.ctx))
	case c.g.stop.Err() != nil && cause != nil && !errors.Is(cause, errSlow):
		return cause
	case errors.Is(cause, errSlow):
		return fail.New(fail.Timeout, "%s of %s gave no answer for %s", l.name, c.in.Service, limit.Round(time.Millisecond)).
			Hint("aictl services health %s", c.in.Service)
	}
	var known *fail.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fail.Wrap(fail.Unavailable, err, "%s of %s broke off its answer", l.name, c.in.Service).
			Hint("aictl services health %s", c.in.Service)
	}
	return fail.Wrap(fail.Unavailable, err, "asking %s of %s", l.name, c.in.Service).
		Hint("aictl services health %s", c.in.Service)
}

// blame says whether err is the target's fault, and what its breaker is told.
func (c *call) blame(err error) (bool, error) {
	if c.ctx.Err() != nil || c.g.stop.Err() != nil {
		return false, errExcluded
	}
	switch fail.CodeOf(err) {
	case fail.Limited:
		return true, errExcluded // it works; it has had enough for now
	case fail.Unavailable, fail.Timeout, fail.Internal:
		return true, err
	}
	return false, nil // the request's fault: the target did its work
}

// notSent says that not a byte reached the target.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
