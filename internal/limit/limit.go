// Package limit bounds what one identity may take: requests by rate and
// tokens by budget, in this process or, for several replicas, in Redis.
//
// It promises that concurrent callers cannot overshoot a budget (it is
// reserved before the call and settled after it), that memory is bounded, and
// that a refusal says when to try again. When Redis does not answer, rates are
// kept in this process for a while (a limit that is a little loose beats an
// outage), and budgets refuse (money is not spent uncounted).
package limit

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Limiter is safe for concurrent use.
type Limiter interface {
	// Allow takes one from the bucket of key, which holds burst and gains rps
	// a second. An rps of 0 or less has no limit. A refusal is fail.Limited
	// with a RetryAfter.
	Allow(ctx context.Context, key string, rps float64, burst int) error
	// Reserve holds tokens back from the budget of key: limit in each window.
	// A limit of 0 or less has none. settle is called once, with what was
	// really used, and gives the difference back or takes it.
	Reserve(ctx context.Context, key string, tokens, limit int64, window time.Duration) (settle func(used int64), err error)
	// Kind is "memory" or "redis".
	Kind() string
	// Ready says whether the limits are shared as configured.
	Ready(ctx context.Context) error
	Close() error
}

// refusal is a fail.Limited that says when to try again.
type refusal struct {
	err   *fail.Error
	after time.Duration
}

// Error implements error.
func (r *refusal) Error() string { return r.err.Error() }

// RetryAfter is how long to wait.
func (r *refusal) RetryAfter() time.Duration { return r.after }

// Unwrap gives the error with the code.
func (r *refusal) Unwrap() error { return r.err }

func tooFast(after time.Duration) error {
	after = max(after, 10*time.Millisecond)
	return &refusal{fail.New(fail.Limited, "too many requests; try again in %s", after.Round(10*time.Millisecond)), after}
}

func overBudget(limit int64, after time.Duration) error {
	return &refusal{
		fail.New(fail.Limited, "the budget of %d tokens is used up, or what is left does not cover this call; it begins anew in %s", limit, after.Round(time.Second)).
			Hint("aictl services health shows the use"), after,
	}
}

// windowOf gives the number of the window that now is in, and when it ends.
func windowOf(now time.Time, window time.Duration) (number int64, end time.Time) {
	number = now.UnixNano() / int64(window)
	return number, time.Unix(0, (number+1)*int64(window))
}
