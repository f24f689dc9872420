// Package promengine has a metrics.Querier over Prometheus's own engine and
// storage, for tests of what is built on metrics: staleness, lookback, resets
// and NaN are what they are there.
package promengine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/metrics"
)

// Prometheus is a metrics.Querier. Only Instant and Range are answered.
type Prometheus struct {
	metrics.Querier
	storage storage.Queryable
	engine  *promql.Engine
	// Fault, when set, is asked before every question; an error is its answer.
	Fault func(query string, at time.Time) error
}

// Load has the series in the notation of Prometheus's own tests, a sample a
// minute from the epoch on. It is closed when the test ends.
func Load(t testing.TB, series ...string) *Prometheus {
	t.Helper()
	// The first sample decides how old others may be, and series are loaded in
	// no order: one at the beginning goes first.
	store := promqltest.LoadedStorage(t, "load 1m\n  anchor 0\n\nload 1m\n  "+strings.Join(series, "\n  ")+"\n")
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return &Prometheus{storage: store, engine: promqltest.NewTestEngine(t, false, 0, 50_000_000)}
}

func (p *Prometheus) ask(ctx context.Context, query string, at time.Time, make func() (promql.Query, error)) (metrics.Result, error) {
	if p.Fault != nil {
		if err := p.Fault(query, at); err != nil {
			return metrics.Result{}, err
		}
	}
	q, err := make()
	if err != nil {
		return metrics.Result{}, err
	}
	defer q.Close()
	r := q.Exec(ctx)
	if r.Err != nil {
		return metrics.Result{}, r.Err
	}
	out := metrics.Result{Type: string(r.Value.Type())}
	add := func(l labels.Labels, points ...promql.FPoint) {
		s := api.MetricSeries{Labels: l.Map()}
		for _, f := range points {
			s.Samples = append(s.Samples, api.MetricSample{Time: time.UnixMilli(f.T), Value: api.Number(f.F)})
		}
		out.Series = append(out.Series, s)
	}
	switch v := r.Value.(type) {
	case promql.Vector:
		for _, s := range v {
			add(s.Metric, promql.FPoint{T: s.T, F: s.F})
		}
	case promql.Matrix:
		for _, s := range v {
			add(s.Metric, s.Floats...)
		}
	case promql.Scalar:
		add(labels.EmptyLabels(), promql.FPoint{T: v.T, F: v.V})
	}
	return out, nil
}

// Instant implements metrics.Querier.
func (p *Prometheus) Instant(ctx context.Context, query string, at time.Time) (metrics.Result, error) {
	return p.ask(ctx, query, at, func() (promql.Query, error) { return p.engine.NewInstantQuery(ctx, p.storage, nil, query, at) })
}

// Range implements metrics.Querier.
func (p *Prometheus) Range(ctx context.Context, query string, w metrics.Window) (metrics.Result, error) {
	return p.ask(ctx, query, w.To, func() (promql.Query, error) {
		return p.engine.NewRangeQuery(ctx, p.storage, nil, query, w.From, w.To, w.Step)
	})
}
