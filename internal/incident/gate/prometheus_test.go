package gate_test

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

// prometheus is a metrics.Querier over Prometheus's own engine and storage, so
// that staleness, lookback, resets and NaN are what they are there. Only what a
// gate asks is answered.
type prometheus struct {
	metrics.Querier
	storage storage.Queryable
	engine  *promql.Engine
	// fault, when set, is asked before every question.
	fault func(query string, at time.Time) error
}

// loaded has the series in the notation of Prometheus's own tests, a sample a
// minute from the epoch on.
func loaded(t *testing.T, series ...string) *prometheus {
	t.Helper()
	store := promqltest.LoadedStorage(t, "load 1m\n  "+strings.Join(series, "\n  ")+"\n")
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return &prometheus{storage: store, engine: promqltest.NewTestEngine(t, false, 0, 1_000_000)}
}

func (p *prometheus) ask(ctx context.Context, query string, at time.Time, make func() (promql.Query, error)) (metrics.Result, error) {
	if p.fault != nil {
		if err := p.fault(query, at); err != nil {
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

func (p *prometheus) Instant(ctx context.Context, query string, at time.Time) (metrics.Result, error) {
	return p.ask(ctx, query, at, func() (promql.Query, error) { return p.engine.NewInstantQuery(ctx, p.storage, nil, query, at) })
}

func (p *prometheus) Range(ctx context.Context, query string, w metrics.Window) (metrics.Result, error) {
	return p.ask(ctx, query, w.To, func() (promql.Query, error) {
		return p.engine.NewRangeQuery(ctx, p.storage, nil, query, w.From, w.To, w.Step)
	})
}
