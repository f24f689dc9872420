package gate_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/alerts/alertstest"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident/gate"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/logstest"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/test/promengine"
)

// at is when the gates of the table look: half an hour after the first sample.
var at = time.Unix(0, 0).UTC().Add(30 * time.Minute)

const (
	pass         = api.GatePass
	failed       = api.GateFail
	inconclusive = api.GateInconclusive
)

func input(more api.GateInput) api.GateInput {
	more.Interval, more.Window = op.Duration(15*time.Second), op.Duration(10*time.Minute)
	return more
}

// verdict runs a gate to its end.
func verdict(ctx context.Context, d gate.Deps, in api.GateInput) (last api.GateEvent, err error) {
	for e, err := range gate.Run(ctx, d, in) {
		if err != nil {
			return last, err
		}
		last = e
	}
	return last, nil
}

func metricsOf(q metrics.Querier) func(context.Context) (metrics.Querier, error) {
	return func(context.Context) (metrics.Querier, error) { return q, nil }
}

func clockAt(now time.Time) func() time.Time { return func() time.Time { return now } }

// TestQueryTruthTable evaluates on Prometheus's own engine: what holds, what
// does not, and what cannot be told, which never passes unless told so.
func TestQueryTruthTable(t *testing.T) {
	unavailable := fail.New(fail.Unavailable, "prometheus answered 503 Service Unavailable")
	always := func(string, time.Time) error { return unavailable }
	ofThePast := func(_ string, when time.Time) error { // the store behind it, say
		if when.Before(at) {
			return unavailable
		}
		return nil
	}
	for _, c := range []struct {
		name    string
		series  string // separated by ;
		query   string
		missing string
		fault   func(string, time.Time) error
		want    string
		says    string
	}{
		{name: "below its limit", series: "errs 0.001x40", query: "errs < 0.01", want: pass, says: "0.001"},
		{name: "above its limit", series: "errs 0.02x40", query: "errs < 0.01", want: failed, says: "errs is 0.02"},
		{name: "at a limit that excludes it", series: "errs 1x40", query: "errs < 1", want: failed},
		{name: "at a limit that includes it", series: "errs 1x40", query: "errs <= 1", want: pass},
		{name: "equal", series: "errs 0x40", query: "errs == 0", want: pass},
		{name: "not equal", series: "errs 0x40", query: "errs != 0", want: failed},
		{name: "bad until a minute ago", series: "errs 1x28 0x10", query: "errs < 1", want: pass},
		{name: "bad since a minute ago", series: "errs 0x28 1x10", query: "errs < 1", want: failed},
		{name: "NaN", series: "errs 0x28 NaN NaN NaN", query: "errs < 1", want: inconclusive, says: "1 of 1 series have no value"},
		{name: "NaN, whatever is asked of it", series: "errs NaN NaN", query: "vector(NaN) > 1", want: inconclusive},
		{name: "no such series", series: "other 0x40", query: "errs < 1", want: inconclusive, says: "no data"},
		{name: "no such series, told to pass", series: "other 0x40", query: "errs < 1", missing: "pass", want: pass},
		{name: "no such series, told to fail", series: "other 0x40", query: "errs < 1", missing: "fail", want: failed},
		{name: "bad is bad where missing passes", series: "errs 2x40", query: "errs < 1", missing: "pass", want: failed},
		{name: "marked stale", series: "errs 0x28 stale", query: "errs < 1", want: inconclusive, says: "no data"},
		{name: "ended beyond the lookback", series: "errs 0x20", query: "errs < 1", want: inconclusive},
		{name: "late, within the lookback", series: "errs 0x27", query: "errs < 1", want: pass},
		{name: "one of two has gone", series: `errs{i="a"} 0x40;errs{i="b"} 0x26 stale`, query: "errs < 1", want: inconclusive, says: `1 of 2 series of 5m0s ago have gone: errs{i="b"}`},
		{name: "one of two has gone, the other is bad", series: `errs{i="a"} 2x40;errs{i="b"} 0x26 stale`, query: "errs < 1", want: failed},
		{name: "one of two is bad", series: `errs{i="a"} 0x40;errs{i="b"} 2x40`, query: "errs < 1", want: failed, says: `errs{i="b"} is 2`},
		{name: "both are bad", series: `errs{i="a"} 3x40;errs{i="b"} 2x40`, query: "errs < 1", want: failed, says: "and 1 more do not hold"},
		{name: "one of two is NaN", series: `errs{i="a"} 0x40;errs{i="b"} 0x28 NaN NaN NaN`, query: "errs < 1", want: inconclusive, says: "1 of 2"},
		{name: "one is NaN, the other is bad", series: `errs{i="a"} 2x40;errs{i="b"} 0x28 NaN NaN NaN`, query: "errs < 1", want: failed},
		{name: "a new series joined", series: `errs{i="a"} 0x40;errs{i="b"} _x27 0x10`, query: "errs < 1", want: pass, says: "2 series hold"},
		{name: "infinite above a limit", series: "errs 0x28 +Inf +Inf +Inf", query: "errs < 1", want: failed},
		{name: "infinite as asked", series: "errs 0x28 +Inf +Inf +Inf", query: "errs > 1", want: pass},
		{name: "nothing by nothing", series: "errs 0x40;total 0x40", query: "errs / total < 0.01", want: inconclusive},
		{name: "something by nothing", series: "errs 1x40;total 0x40", query: "errs / total < 0.01", want: failed},
		{name: "no calls of a known kind", series: "total 0+60x40", query: `sum(rate(errs[5m])) / sum(rate(total[5m])) < 0.01`, want: inconclusive},
		{name: "a counter that was reset, and goes on", series: "reqs 0+60x20 0+60x20", query: "rate(reqs[15m]) > 0.9", want: pass},
		{name: "a counter that was reset, and stands", series: "errs 0+60x20 0x20", query: "rate(errs[5m]) == 0", want: pass},
		{name: "a reset is no negative rate", series: "errs 1000x28 0x10", query: "rate(errs[5m]) >= 0", want: pass},
		{name: "a reset hides no failures", series: "errs 0+60x27 0+60x10", query: "rate(errs[5m]) < 0.01", want: failed},
		{name: "a rate of too few samples", series: "errs _x30 5x10", query: "rate(errs[5m]) < 1", want: inconclusive},
		{name: "a target went down", series: `errs 0x40;up{job="j",instance="a"} 1x26 0x10;up{job="j",instance="b"} 1x40`, query: "errs < 1", want: inconclusive, says: "1 targets that were scraped 5m0s ago are down"},
		{name: "a target is down for long", series: `errs 0x40;up{job="j",instance="a"} 0x40`, query: "errs < 1", want: pass},
		{name: "a target went down, and the rest is bad", series: `errs 2x40;up{job="j",instance="a"} 1x26 0x10`, query: "errs < 1", want: failed},
		{name: "no more than the baseline", series: "lat 1x40", query: "lat <= baseline", want: pass},
		{name: "within twice the baseline", series: "lat 1x25 1.5x10", query: "lat < 2 * baseline", want: pass},
		{name: "beyond twice the baseline", series: "lat 1x25 3x10", query: "lat < baseline * 2", want: failed},
		{name: "no baseline", series: "lat _x30 1x10", query: "lat < 2 * baseline", want: inconclusive, says: "the baseline"},
		{name: "a backend that answers 503", series: "errs 0x40", query: "errs < 1", fault: always, want: inconclusive, says: "503"},
		{name: "503, told to fail", series: "errs 0x40", query: "errs < 1", missing: "fail", fault: always, want: failed},
		{name: "503 on what was before", series: "errs 0x40", query: "errs < 1", fault: ofThePast, want: inconclusive, says: "503"},
		{name: "503 on what was before, bad now", series: "errs 2x40", query: "errs < 1", fault: ofThePast, want: failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := promengine.Load(t, strings.Split(c.series, ";")...)
			p.Fault = c.fault
			v, err := verdict(t.Context(), gate.Deps{Metrics: metricsOf(p), Now: clockAt(at)}, input(api.GateInput{Query: []string{c.query}, Missing: c.missing}))
			require.NoError(t, err)
			require.Equal(t, c.want, v.Verdict, v.Checks[0].Message)
			require.Contains(t, v.Checks[0].Message, c.says)
			require.Equal(t, 1, v.Looks)
		})
	}
}

// TestObjectiveTruthTable: the rows of the Workbook, on the platform's own
// recorded series and on expressions.
func TestObjectiveTruthTable(t *testing.T) {
	const objective = `slo:objective:ratio{slo="availability"} 0.99x40`
	// Burns of the four rows, long and short, all quiet.
	quiet := map[string]string{"1h": "0x40", "5m": "0x40", "6h": "0x40", "30m": "0x40", "1d": "0x40", "2h": "0x40", "3d": "0x40"}
	with := func(changes ...string) string { // pairs of a window and its samples; "" takes it away
		series := []string{objective}
		for window, samples := range quiet {
			for i := 0; i < len(changes); i += 2 {
				if changes[i] == window {
					samples = changes[i+1]
				}
			}
			if samples != "" {
				series = append(series, `slo:bad_calls:ratio_rate`+window+`{slo="availability",service="chat"} `+samples)
			}
		}
		return strings.Join(series, ";")
	}
	const byExpressions = `errors=sum(rate(bad[$w])) total=sum(rate(all[$w])) objective=99`
	for _, c := range []struct {
		name, series, slo, want, says string
	}{
		{"quiet", with(), "availability", pass, "0.00 times"},
		{"quiet, of a service", with(), "availability/chat", pass, ""},
		{"of a service that there is not", with(), "availability/other", inconclusive, "no data over 5m"},
		{"an objective that there is not", with(), "latency", inconclusive, "no objective"},
		{"burns fast", with("1h", "0.2x40", "5m", "0.2x40"), "availability", failed, "20.0 times too fast over 1h"},
		{"burns as fast as it may", with("1h", "0.144x40", "5m", "0.144x40"), "availability", pass, ""},
		{"burns since a moment", with("5m", "0.2x40"), "availability", pass, "20.00 times"},
		{"has burned, and is well again", with("1h", "0.2x40"), "availability", pass, ""},
		{"burns slowly for hours", with("6h", "0.07x40", "30m", "0.07x40"), "availability", failed, "over 6h"},
		{"burns slowly for days", with("3d", "0.02x40", "6h", "0.02x40"), "availability", failed, "over 3d"},
		{"nothing is recorded of the last minutes", with("5m", ""), "availability", inconclusive, "no data over 5m"},
		{"the last minutes have no calls", with("5m", "NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN"), "availability", inconclusive, ""},
		{"burns fast, and the hour is not recorded", with("1h", "", "5m", "0.2x40"), "availability", inconclusive, "1h"},
		{"one row cannot be told, and a slower one fails", with("1h", "", "5m", "0.2x40", "6h", "0.2x40", "30m", "0.2x40"), "availability", failed, "over 6h"},
		{"stale", with("5m", "0x28 stale"), "availability", inconclusive, ""},
		{"one of two services burns", with() + `;slo:bad_calls:ratio_rate1h{slo="availability",service="b"} 0.5x40;slo:bad_calls:ratio_rate5m{slo="availability",service="b"} 0.5x40`, "availability", failed, ""},
		{"by expressions, quiet", "bad 0x40;all 0+600x40", byExpressions, pass, ""},
		{"by expressions, burning", "bad 0+300x40;all 0+600x40", byExpressions, failed, "50.0 times"},
		{"by expressions, no calls", "bad 0x40;all 0x40", byExpressions, inconclusive, ""},
		{"by expressions, no series", "other 0x40", byExpressions, inconclusive, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := promengine.Load(t, strings.Split(c.series, ";")...)
			v, err := verdict(t.Context(), gate.Deps{Metrics: metricsOf(p), Now: clockAt(at)}, input(api.GateInput{SLO: []string{c.slo}}))
			require.NoError(t, err)
			require.Equal(t, c.want, v.Verdict, v.Checks[0].Message)
			require.Contains(t, v.Checks[0].Message, c.says)
			for _, e := range v.Checks[0].Evidence {
				require.NotEmpty(t, e.ID)
				require.Contains(t, e.Show, "aictl metrics query")
			}
		})
	}
}

func TestAlertsTruthTable(t *testing.T) {
	slow, other := alertstest.Alert("Slow", "severity", "critical"), alertstest.Alert("Other", "severity", "warning")
	inhibited := slow
	inhibited.State = "inhibited"
	down := api.BackendFailure{Backend: "am-2", Message: "connection refused"}
	covered := down
	covered.Covered = true
	for _, c := range []struct {
		name   string
		alerts []api.Alert
		failed []api.BackendFailure
		err    error
		want   string
		says   string
	}{
		{name: "none", want: pass, says: "none fires"},
		{name: "one fires", alerts: []api.Alert{slow}, want: failed, says: "1 fire: Slow"},
		{name: "another one fires", alerts: []api.Alert{other}, want: pass},
		{name: "it is inhibited", alerts: []api.Alert{inhibited}, want: pass},
		{name: "a member is down", failed: []api.BackendFailure{down}, want: inconclusive, says: "am-2"},
		{name: "a member is down, its peer answers for it", failed: []api.BackendFailure{covered}, want: pass},
		{name: "a member is down, and one fires", alerts: []api.Alert{slow}, failed: []api.BackendFailure{down}, want: failed},
		{name: "none answers", err: fail.New(fail.Unavailable, "no Alertmanager answers"), want: inconclusive, says: "no Alertmanager"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := alertstest.New(clockAt(at), c.alerts...)
			m.Fail(c.err, c.failed...)
			v, err := verdict(t.Context(), gate.Deps{Alerts: func(context.Context) (alerts.Manager, error) { return m, nil }, Now: clockAt(at)},
				input(api.GateInput{Alerts: []string{"severity=critical"}}))
			require.NoError(t, err)
			require.Equal(t, c.want, v.Verdict, v.Checks[0].Message)
			require.Contains(t, v.Checks[0].Message, c.says)
		})
	}
	t.Run("it is silenced", func(t *testing.T) {
		m := alertstest.New(clockAt(at), slow)
		matchers, err := alerts.Parse("alertname=Slow")
		require.NoError(t, err)
		m.Has(alerts.Silence{ID: "s", Matchers: matchers, Starts: at.Add(-time.Minute), Ends: at.Add(time.Hour)})
		v, err := verdict(t.Context(), gate.Deps{Alerts: func(context.Context) (alerts.Manager, error) { return m, nil }, Now: clockAt(at)},
			input(api.GateInput{Alerts: []string{"severity=critical"}}))
		require.NoError(t, err)
		require.Equal(t, pass, v.Verdict)
	})
}

func TestLogsTruthTable(t *testing.T) {
	// lines says a message every so often between two ages.
	lines := func(level, message string, every, from, to time.Duration) (out []api.LogEntry) {
		for age := from; age > to; age -= every {
			out = append(out, api.LogEntry{ID: message + age.String(), Time: at.Add(-age), Level: level, Service: "chat", Message: message})
		}
		return out
	}
	steady := lines("warn", "retrying the upstream", 30*time.Second, 20*time.Minute, 0)
	join := func(parts ...[]api.LogEntry) (out []api.LogEntry) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	for _, c := range []struct {
		name    string
		entries []api.LogEntry
		fault   error
		check   string
		want    string
		says    string
	}{
		{name: "nothing at all", want: inconclusive, says: "no lines at all"},
		{name: "as before", entries: steady, want: pass, says: "nothing new"},
		{name: "only news that are no warnings", entries: join(steady, lines("info", "a new feature is on", time.Minute, 5*time.Minute, 0)), want: pass},
		{name: "a new error", entries: join(steady, lines("error", "the pool is exhausted", time.Minute, 5*time.Minute, 0)), want: failed, says: "new: the pool is exhausted (5 times)"},
		{name: "an error that has gone", entries: join(steady, lines("error", "the pool is exhausted", time.Minute, 20*time.Minute, 12*time.Minute)), want: pass},
		{name: "a surge", entries: join(steady, lines("warn", "retrying the upstream", time.Second, 10*time.Minute, 0)), want: failed, says: "times as often: retrying the upstream"},
		{name: "a new error of another service", entries: join(steady, lines("error", "the pool is exhausted", time.Minute, 5*time.Minute, 0)), check: "new-errors predict", want: inconclusive},
		{name: "a store that does not answer", entries: steady, fault: fail.New(fail.Unavailable, "elasticsearch answered 503"), want: inconclusive, says: "503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := logstest.New(c.entries...)
			if c.fault != nil {
				s.Fault = func(context.Context, string) error { return c.fault }
			}
			if c.check == "" {
				c.check = "new-errors"
			}
			v, err := verdict(t.Context(), gate.Deps{Logs: func(context.Context) (logs.Store, error) { return s, nil }, Now: clockAt(at)},
				input(api.GateInput{Logs: []string{c.check}}))
			require.NoError(t, err)
			require.Equal(t, c.want, v.Verdict, v.Checks[0].Message)
			require.Contains(t, v.Checks[0].Message, c.says)
		})
	}
}

func TestSeveralChecks(t *testing.T) {
	p := promengine.Load(t, "good 0x40", "bad 2x40")
	for _, c := range []struct {
		queries []string
		want    string
		says    string
	}{
		{[]string{"good < 1", "good == 0"}, pass, "2 checks passed"},
		{[]string{"good < 1", "absent_one < 1"}, inconclusive, "cannot be told: absent_one < 1"},
		{[]string{"good < 1", "bad < 1"}, failed, "failed: bad < 1"},
		{[]string{"absent_one < 1", "bad < 1"}, failed, "failed: bad < 1"},
	} {
		v, err := verdict(t.Context(), gate.Deps{Metrics: metricsOf(p), Now: clockAt(at)}, input(api.GateInput{Query: c.queries}))
		require.NoError(t, err)
		require.Equal(t, c.want, v.Verdict)
		require.Equal(t, c.says, v.Message)
		require.Len(t, v.Checks, len(c.queries))
	}
}

// play is a metric that says one value after another; NaN is missing.
type play struct {
	metrics.Querier
	begun  time.Time
	values map[time.Duration]float64 // from when
}

func (p play) Instant(_ context.Context, query string, when time.Time) (metrics.Result, error) {
	if query != "errs" {
		return metrics.Result{}, nil
	}
	last, value := time.Duration(-1), 0.0
	for from, v := range p.values {
		if from <= when.Sub(p.begun) && from > last {
			last, value = from, v
		}
	}
	if value < 0 {
		return metrics.Result{}, nil
	}
	return metrics.Result{Series: []api.MetricSeries{{Samples: []api.MetricSample{{Value: api.Number(value)}}}}}, nil
}

// TestOverTime: --for watches, --grace forgives what passes; below 0 is no data.
func TestOverTime(t *testing.T) {
	for _, c := range []struct {
		name       string
		values     map[time.Duration]float64
		watch      time.Duration
		grace      time.Duration
		want       string
		after      time.Duration
		leastLooks int
	}{
		{"well all the time", map[time.Duration]float64{0: 0}, 5 * time.Minute, 0, pass, 5 * time.Minute, 20},
		{"bad at once", map[time.Duration]float64{0: 2}, 5 * time.Minute, 0, failed, 0, 1},
		{"bad after a minute ends it then", map[time.Duration]float64{0: 0, time.Minute: 2}, 5 * time.Minute, 0, failed, time.Minute, 5},
		{"bad for less than the grace", map[time.Duration]float64{0: 0, time.Minute: 2, 90 * time.Second: 0}, 5 * time.Minute, time.Minute, pass, 5 * time.Minute, 20},
		{"bad for longer than the grace", map[time.Duration]float64{0: 0, time.Minute: 2}, 5 * time.Minute, time.Minute, failed, 2 * time.Minute, 9},
		{"no data for a moment", map[time.Duration]float64{0: 0, time.Minute: -1, 90 * time.Second: 0}, 5 * time.Minute, 0, pass, 5 * time.Minute, 20},
		{"no data at the end", map[time.Duration]float64{0: 0, 4 * time.Minute: -1}, 5 * time.Minute, 0, inconclusive, 5 * time.Minute, 20},
		{"bad at the very end, within the grace, and then well", map[time.Duration]float64{0: 0, 290 * time.Second: 2, 310 * time.Second: 0}, 5 * time.Minute, time.Minute, pass, 315 * time.Second, 21},
		{"one look that is bad, with a grace", map[time.Duration]float64{0: 2, 20 * time.Second: 0}, 0, time.Minute, pass, 30 * time.Second, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				p := play{begun: begun, values: c.values}
				v, err := verdict(t.Context(), gate.Deps{Metrics: metricsOf(p), Now: time.Now},
					input(api.GateInput{Query: []string{"errs < 1"}, For: op.Duration(c.watch), Grace: op.Duration(c.grace)}))
				require.NoError(t, err)
				require.Equal(t, c.want, v.Verdict, v.Message)
				require.Equal(t, c.after, time.Since(begun))
				require.GreaterOrEqual(t, v.Looks, c.leastLooks)
			})
		})
	}
}

func TestAGateThatIsLeftEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := verdict(ctx, gate.Deps{Metrics: metricsOf(play{begun: time.Now(), values: map[time.Duration]float64{0: 0}}), Now: time.Now},
			input(api.GateInput{Query: []string{"errs < 1"}, For: op.Duration(time.Hour)}))
		require.Equal(t, fail.Timeout, fail.CodeOf(err))
	})
}

func TestBaselineOfARollout(t *testing.T) {
	// Rolled out 10 minutes ago; three times as slow since.
	p := promengine.Load(t, "lat 1x20 3x20")
	d := gate.Deps{Metrics: metricsOf(p), Now: clockAt(at), Rolled: func(_ context.Context, name, ns string) (time.Time, error) {
		if name != "web" || ns != "shop" {
			return time.Time{}, fail.New(fail.NotFound, "no deployment %q", name)
		}
		return at.Add(-10 * time.Minute), nil
	}}
	in := input(api.GateInput{Query: []string{"lat < 1.5 * baseline"}, Baseline: "previous", Deploy: "web", Namespace: "shop"})
	v, err := verdict(t.Context(), d, in)
	require.NoError(t, err)
	require.Equal(t, failed, v.Verdict)
	in.Deploy = "other"
	_, err = verdict(t.Context(), d, in)
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	d.Rolled = nil
	_, err = verdict(t.Context(), d, in)
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
}

// TestWhatCannotBeAskedIsRefused before anything is looked at.
func TestWhatCannotBeAskedIsRefused(t *testing.T) {
	looked := false
	d := gate.Deps{
		Metrics: func(context.Context) (metrics.Querier, error) {
			looked = true
			return nil, fail.New(fail.Internal, "asked")
		},
		Logs: func(context.Context) (logs.Store, error) { looked = true; return nil, fail.New(fail.Internal, "asked") },
		Now:  clockAt(at),
	}
	for name, c := range map[string]struct {
		in   api.GateInput
		code fail.Code
	}{
		"a query without a comparison":  {api.GateInput{Query: []string{"errs"}}, fail.Usage},
		"a word of logs":                {api.GateInput{Logs: []string{"old-errors"}}, fail.Usage},
		"an objective with a quote":     {api.GateInput{SLO: []string{`a"b`}}, fail.Usage},
		"an objective of 100 %":         {api.GateInput{SLO: []string{"errors=a[$w] total=b[$w] objective=100"}}, fail.Usage},
		"an objective without a window": {api.GateInput{SLO: []string{"errors=a total=b objective=99"}}, fail.Usage},
		"an objective in another order": {api.GateInput{SLO: []string{"total=b[$w] errors=a[$w] objective=99"}}, fail.Usage},
		"no Alertmanager":               {api.GateInput{Alerts: []string{"severity=critical"}}, fail.Unavailable},
	} {
		_, err := verdict(t.Context(), d, input(c.in))
		require.Equal(t, c.code, fail.CodeOf(err), name)
	}
	d.Alerts = func(context.Context) (alerts.Manager, error) {
		looked = true
		return nil, fail.New(fail.Internal, "asked")
	}
	_, err := verdict(t.Context(), d, input(api.GateInput{Alerts: []string{"severity~~critical"}}))
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	in := input(api.GateInput{Query: []string{"errs < 1"}})
	in.Interval = op.Duration(time.Millisecond)
	_, err = verdict(t.Context(), d, in)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	require.False(t, looked)
}
