package platform

import (
	"context"
	"math"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/serverconfig"
)

// undeclared is how many tokens of output are held back for a request that
// sets no bound itself. A longer answer is charged in full when it has ended,
// so that only the one call can go beyond the budget.
const undeclared = 1024

// micro is the unit in which cost is counted: a millionth of the currency.
const micro = 1e6

// budget holds back, from the account's tokens and from its cost, the most
// that a chat call should use. What was reserved is given back when the second
// reservation is refused.
func (p *Platform) budget(ctx context.Context, subject string, call *ai.Call) (func(*ai.Usage), error) {
	tokens, cost, window := budgetsOf(p.config.Load().Limits.Budgets, subject)
	if call.Service != chat.ServiceName || tokens <= 0 && cost <= 0 {
		return func(*ai.Usage) {}, nil
	}
	output := int64(undeclared)
	if tokens > 0 {
		output = min(output, tokens/4) // a small budget is for small answers
	}
	e := p.chat.Load().Estimate(call.Operation, call.Input, output)
	reserved := e.Input + e.Output
	settleTokens, err := p.limits.Reserve(ctx, subject, reserved, tokens, window)
	if err != nil {
		return nil, err
	}
	held := toMicro(e.Cost)
	settleCost, err := p.limits.Reserve(ctx, subject+"|cost", held, toMicro(cost), window)
	if err != nil {
		settleTokens(0)
		return nil, overCost(err, cost)
	}
	return func(used *ai.Usage) {
		if used != nil {
			reserved, held = used.InputTokens+used.OutputTokens, toMicro(used.Cost)
		}
		settleTokens(reserved)
		settleCost(held)
	}, nil
}

// budgetsOf gives what binds the account; 0 is no limit.
func budgetsOf(b serverconfig.Budgets, subject string) (tokens int64, cost float64, window time.Duration) {
	tokens, cost = b.Tokens, b.Cost
	if own, ok := b.Accounts[subject]; ok {
		tokens = own
	}
	if own, ok := b.CostAccounts[subject]; ok {
		cost = own
	}
	return tokens, cost, b.Window
}

// toMicro rounds up: a budget is never overshot by rounding.
func toMicro(cost float64) int64 { return int64(math.Ceil(cost * micro)) }

// overCost says a refusal of the limiter, which counts without a unit, in
// money.
func overCost(err error, limit float64) error {
	if fail.CodeOf(err) != fail.Limited {
		return err
	}
	after := fail.RetryAfter(err)
	return &refusedCost{
		fail.New(fail.Limited, "the cost budget of %g is used up, or what is left does not cover this call; it begins anew in %s", limit, after.Round(time.Second)).
			Hint("lower max_tokens, or name a cheaper model: aictl providers list"), after,
	}
}

type refusedCost struct {
	err   *fail.Error
	after time.Duration
}

// Error implements error.
func (r *refusedCost) Error() string { return r.err.Error() }

// Unwrap gives the error with the code.
func (r *refusedCost) Unwrap() error { return r.err }

// RetryAfter is how long to wait.
func (r *refusedCost) RetryAfter() time.Duration { return r.after }
