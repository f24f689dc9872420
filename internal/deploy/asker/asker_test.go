package asker

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/alerts/alertstest"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
)

func TestABackendThatTheContextHasNotIsNotAsked(t *testing.T) {
	a := Of(nil, nil)
	require.Nil(t, a.Metric)
	require.Nil(t, a.Alert)
}

type series struct {
	metrics.Querier
	out []api.MetricSeries
}

func (s series) Instant(context.Context, string, time.Time) (metrics.Result, error) {
	return metrics.Result{Series: s.out}, nil
}

func TestTheLastSampleOfEachSeriesIsItsValue(t *testing.T) {
	a := Of(func(context.Context) (metrics.Querier, error) {
		return series{out: []api.MetricSeries{{Samples: []api.MetricSample{{Value: 1}, {Value: 2}}}, {}, {Samples: []api.MetricSample{{Value: 3}}}}}, nil
	}, nil)
	got, err := a.Metric(t.Context(), "up")
	require.NoError(t, err)
	require.Equal(t, []float64{2, 3}, got)
}

// partly is a pair of Alertmanagers of which one is down.
type partly struct {
	alerts.Manager
	covered bool // by its HA peer, which has the same alerts
}

func (p partly) Alerts(ctx context.Context) ([]api.Alert, []api.BackendFailure, error) {
	list, _, err := p.Manager.Alerts(ctx)
	return list, []api.BackendFailure{{Backend: "am-2", Message: "connection refused", Covered: p.covered}}, err
}

// TestAMissingAnswerIsNoAnswer: a wait until nothing fires must not end because
// an Alertmanager is down.
func TestAMissingAnswerIsNoAnswer(t *testing.T) {
	firing := alertstest.New(time.Now, alertstest.Alert("Slow", "severity", "critical"))
	of := func(m alerts.Manager) func(context.Context, string) (int, error) {
		return Of(nil, func(context.Context) (alerts.Manager, error) { return m, nil }).Alert
	}
	n, err := of(firing)(t.Context(), "Slow")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = of(partly{Manager: firing, covered: true})(t.Context(), "Other")
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = of(partly{Manager: firing})(t.Context(), "Other")
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.ErrorContains(t, err, "am-2")
}
