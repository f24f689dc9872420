package metrics_test

import (
	"context"
	"fmt"
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

// engine is Prometheus's own, over series in memory.
type engine struct {
	metrics.Querier
	storage storage.Queryable
	engine  *promql.Engine
}

func (e engine) result(ctx context.Context, q promql.Query, err error) (metrics.Result, error) {
	if err != nil {
		return metrics.Result{}, err
	}
	defer q.Close()
	r := q.Exec(ctx)
	out := metrics.Result{}
	add := func(l labels.Labels, points ...promql.FPoint) {
		s := api.MetricSeries{Labels: l.Map()}
		for _, p := range points {
			s.Samples = append(s.Samples, api.MetricSample{Time: time.UnixMilli(p.T), Value: api.Number(p.F)})
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
	}
	return out, r.Err
}

func (e engine) Instant(ctx context.Context, query string, at time.Time) (metrics.Result, error) {
	q, err := e.engine.NewInstantQuery(ctx, e.storage, nil, query, at)
	return e.result(ctx, q, err)
}

func (e engine) Range(ctx context.Context, query string, w metrics.Window) (metrics.Result, error) {
	q, err := e.engine.NewRangeQuery(ctx, e.storage, nil, query, w.From, w.To, w.Step)
	return e.result(ctx, q, err)
}

// TestShortAlertsOfALongWindow: over a week the series is looked at every ten
// minutes, and alerts of two minutes are there all the same, each once.
func TestShortAlertsOfALongWindow(t *testing.T) {
	const minutes = 7 * 24 * 60
	begin := time.Unix(0, 0).UTC()
	to := begin.Add(minutes*time.Minute + 7*time.Minute + 13*time.Second) // between two points
	// A sample a minute where it fires, and the marker that ends it.
	series := func(name string, stretches ...[2]int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "ALERTS{alertname=%q,alertstate=\"firing\"} ", name)
		at := 0
		for _, s := range stretches {
			if s[0] > at {
				fmt.Fprintf(&b, "_x%d ", s[0]-at)
			}
			fmt.Fprintf(&b, "1x%d ", s[1]-s[0]-1)
			if at = s[1]; s[1] < minutes+7 {
				b.WriteString("stale ")
				at++
			}
		}
		return b.String()
	}
	// The first sample decides how old others may be, and series are loaded in
	// no order: one at the beginning goes first.
	store := promqltest.LoadedStorage(t, "load 1m\n  anchor 0\n\nload 1m\n  "+strings.Join([]string{
		series("Flaps", [2]int{1001, 1003}, [2]int{3333, 3335}, [2]int{7777, 7779}),
		series("Long", [2]int{2000, 2180}),
		series("Lasts", [2]int{minutes - 300, minutes + 8}),
		series("JustBegan", [2]int{minutes + 4, minutes + 8}),
		series("JustEnded", [2]int{minutes + 1, minutes + 3}),
	}, "\n  ")+"\n")
	defer func() { require.NoError(t, store.Close()) }()
	q := engine{storage: store, engine: promqltest.NewTestEngine(t, false, 0, 50_000_000)}

	list, err := metrics.Alerts(t.Context(), q, begin, to)
	require.NoError(t, err)
	type stretch struct{ from, length int } // minutes
	got := map[string][]stretch{}
	for _, a := range list {
		s := stretch{from: int(a.Time.Sub(begin).Minutes()), length: -1}
		if a.End != nil {
			s.length = int(a.End.Sub(a.Time).Minutes())
		}
		got[a.Title] = append(got[a.Title], s)
	}
	const step = 12 // minutes, and a little
	near := func(name string, want ...stretch) {
		t.Helper()
		require.Len(t, got[name], len(want), "%s: %v", name, got[name])
		for i, w := range want {
			g := got[name][i]
			require.InDelta(t, w.from, g.from, step, "%s begins", name)
			require.InDelta(t, w.length, g.length, step, "%s lasts", name)
			require.Equal(t, w.length < 0, g.length < 0, "%s: whether it lasts", name)
		}
	}
	near("Flaps", stretch{1001, 2}, stretch{3333, 2}, stretch{7777, 2})
	near("Long", stretch{2000, 180})
	near("Lasts", stretch{minutes - 300, -1})
	near("JustBegan", stretch{minutes + 4, -1})
	near("JustEnded", stretch{minutes + 1, 2})
}
