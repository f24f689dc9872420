// Package asker answers the expressions of waits, verifications and gates that
// are about metrics and alerts (see deploy.Expr), for every operation alike.
package asker

import (
	"context"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
)

// within bounds one question: the expression is asked again soon.
const within = 10 * time.Second

// Of gives an Asker over the backends of a context; nil is one that the
// context has not. A missing answer is an error, never a value: an Alertmanager
// that is down has no alerts to tell of, and nothing is well because of that.
func Of(m func(context.Context) (metrics.Querier, error), a func(context.Context) (alerts.Manager, error)) deploy.Asker {
	var out deploy.Asker
	if m != nil {
		out.Metric = func(ctx context.Context, query string) ([]float64, error) { return values(ctx, m, query) }
	}
	if a != nil {
		out.Alert = func(ctx context.Context, matchers string) (int, error) { return firing(ctx, a, matchers) }
	}
	return out
}

func values(ctx context.Context, open func(context.Context) (metrics.Querier, error), query string) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	q, err := open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := q.Instant(ctx, query, time.Time{})
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, s := range r.Series {
		if n := len(s.Samples); n > 0 {
			out = append(out, float64(s.Samples[n-1].Value))
		}
	}
	return out, nil
}

func firing(ctx context.Context, open func(context.Context) (alerts.Manager, error), matchers string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m, err := alerts.Parse(matchers)
	if err != nil {
		return 0, err
	}
	manager, err := open(ctx)
	if err != nil {
		return 0, err
	}
	list, failed, err := manager.Alerts(ctx)
	if err != nil {
		return 0, err
	}
	if i := slices.IndexFunc(failed, func(f api.BackendFailure) bool { return !f.Covered }); i >= 0 {
		return 0, fail.New(fail.Unavailable, "%s did not answer: %s", failed[i].Backend, failed[i].Message)
	}
	return len(alerts.Select(list, api.AlertFilter{State: "firing"}, m)), nil
}
