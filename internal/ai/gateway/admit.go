package gateway

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// RateLimiter decides whether a subject may call now. A refusal is a
// fail.Limited; when it has a method RetryAfter() time.Duration the caller is
// told when to come back.
type RateLimiter interface {
	Allow(ctx context.Context, subject, service, operation string) error
}

// RateFunc is a function as a RateLimiter.
type RateFunc func(ctx context.Context, subject, service, operation string) error

// Allow implements RateLimiter.
func (f RateFunc) Allow(ctx context.Context, subject, service, operation string) error {
	return f(ctx, subject, service, operation)
}

// Budget holds back what a call may cost before it is made. Reserve is atomic:
// concurrent callers cannot overshoot. settle is called exactly once, with
// what was really used; nil means that nobody knows, and what was reserved
// stays taken.
type Budget interface {
	Reserve(ctx context.Context, subject string, call *ai.Call) (settle func(used *ai.Usage), err error)
}

// BudgetFunc is a function as a Budget.
type BudgetFunc func(ctx context.Context, subject string, call *ai.Call) (func(used *ai.Usage), error)

// Reserve implements Budget.
func (f BudgetFunc) Reserve(ctx context.Context, subject string, call *ai.Call) (func(*ai.Usage), error) {
	return f(ctx, subject, call)
}

// admit decides permission, rate, concurrency and budget, in that order: the
// budget last, so that nothing is reserved while waiting.
func (c *call) admit() error {
	g, ctx := c.g, c.ctx
	if g.o.Authorize != nil {
		if err := g.o.Authorize(ctx, c.in.Service, c.in.Operation); err != nil {
			return err
		}
	}
	id, _ := op.IdentityFrom(ctx)
	c.subject = id.Subject
	if limit := c.policy.MaxBody; limit > 0 && int64(len(c.in.Input)) > limit {
		return fail.New(fail.TooLarge, "the input of %s %s has %d bytes, the limit is %d",
			c.in.Service, c.in.Operation, len(c.in.Input), limit).Hint("aictl services describe %s", c.in.Service)
	}
	if g.o.Rates != nil {
		if err := g.o.Rates.Allow(ctx, c.subject, c.in.Service, c.in.Operation); err != nil {
			return err
		}
	}
	if err := c.op.queue.acquire(ctx, c.policy.QueueWait); err != nil {
		return err
	}
	c.slot = c.op.queue
	if g.o.Budget != nil {
		settle, err := g.o.Budget.Reserve(ctx, c.subject, &c.in)
		if err != nil {
			return err
		}
		c.settle = settle
	}
	return nil
}

// delayed is an error that says when to try again.
type delayed struct {
	err   *fail.Error
	after time.Duration
}

func (e *delayed) Error() string             { return e.err.Error() }
func (e *delayed) Unwrap() error             { return e.err }
func (e *delayed) RetryAfter() time.Duration { return e.after }

func withRetryAfter(err *fail.Error, after time.Duration) error {
	if after <= 0 {
		return err
	}
	return &delayed{err, after}
}
