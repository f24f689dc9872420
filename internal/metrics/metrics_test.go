package metrics

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

var noon = time.Date(2026, 3, 4, 12, 0, 7, 0, time.UTC)

func TestLabels(t *testing.T) {
	for want, set := range map[string]map[string]string{
		`{}`: {}, `up`: {"__name__": "up"}, `up{a="1", b="x\"y"}`: {"__name__": "up", "b": `x"y`, "a": "1"},
		`{job="a"}`: {"job": "a"}, `{"http.requests", "a.b"="c"}`: {"__name__": "http.requests", "a.b": "c"},
		`rule:x:y`: {"__name__": "rule:x:y"}, `{"9x"}`: {"__name__": "9x"},
	} {
		require.Equal(t, want, Labels(set))
	}
}

func TestStepIsNiceAndEnough(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		length := time.Duration(1 + r.Int64N(int64(5*365*day)))
		s := Step(length, defaultPoints)
		require.LessOrEqual(t, int(length/s), defaultPoints)
		w, err := NewWindow(noon.Add(-length), noon, 0, noon)
		require.NoError(t, err)
		require.LessOrEqual(t, w.Points(), defaultPoints+1)
		require.Positive(t, w.Points())
		require.Zero(t, w.From.UnixMilli()%w.Step.Milliseconds())
		require.Zero(t, w.To.UnixMilli()%w.Step.Milliseconds())
		require.Less(t, noon.Sub(w.To), w.Step)
	}
	for length, want := range map[time.Duration]time.Duration{
		time.Minute: time.Second, time.Hour: 30 * time.Second, 2 * time.Hour: time.Minute, day: 10 * time.Minute, 7 * day: time.Hour, 365 * day: 2 * day,
	} {
		require.Equal(t, want, Step(length, defaultPoints), length)
	}
}

func TestWindowErrors(t *testing.T) {
	for _, c := range []struct {
		from, to time.Time
		step     time.Duration
	}{
		{noon, noon, 0}, {noon, noon.Add(-time.Hour), 0}, {noon.Add(-time.Hour), noon, time.Microsecond}, {noon.Add(-30 * day), noon, time.Second},
	} {
		_, err := NewWindow(c.from, c.to, c.step, noon)
		require.Equal(t, fail.Usage, fail.CodeOf(err))
		require.NotEmpty(t, fail.From(err).Next)
	}
	w, err := NewWindow(time.Time{}, time.Time{}, 0, noon)
	require.NoError(t, err)
	require.Equal(t, noon.Truncate(30*time.Second), w.To)
	require.Equal(t, 121, w.Points())
	w, err = NewWindow(time.Unix(-100, 0), time.Unix(-1, 0), 7*time.Second, noon)
	require.NoError(t, err)
	require.Equal(t, int64(-105), w.From.Unix())
	// The hint's own step is taken.
	_, err = NewWindow(noon.Add(-30*day), noon, Step(30*day, MaxPoints-1), noon)
	require.NoError(t, err)
}

func TestGridKeepsGaps(t *testing.T) {
	w := Window{From: noon, To: noon.Add(4 * time.Minute), Step: time.Minute}
	s := api.MetricSeries{Samples: []api.MetricSample{
		{Time: noon, Value: 1},
		{Time: noon.Add(time.Minute), Value: api.Number(math.NaN())},
		{Time: noon.Add(3*time.Minute + time.Second), Value: api.Number(math.Inf(1))},
		{Time: noon.Add(time.Hour), Value: 9},
		{Time: noon.Add(-time.Hour), Value: 9},
	}}
	got := w.Grid(s)
	require.Len(t, got, 5)
	require.InDelta(t, 1, got[0], 0)
	require.True(t, math.IsNaN(got[1]) && math.IsNaN(got[2]) && math.IsNaN(got[4]))
	require.True(t, math.IsInf(got[3], 1))
}

func TestLocate(t *testing.T) {
	for _, c := range []struct {
		name, query, message string
		want                 Place
		ok                   bool
	}{
		{"prometheus 2", `sum(rate(x[5m]) by (job)`, `bad_data: invalid parameter "query": 1:17: parse error: unexpected <by> in grouping`, Place{1, 17, 16}, true},
		{"prometheus 3", "a +\n  b c", `invalid parameter "query": 2:5: parse error: unexpected identifier "c"`, Place{2, 5, 8}, true},
		{"the end", "sum(", `1:5: parse error: unclosed left parenthesis`, Place{1, 5, 4}, true},
		{"thanos", "up{", `prometheus at http://t:10902 refuses the expression: 1:4: parse error: unexpected end of input inside braces`, Place{1, 4, 3}, true},
		{"mimir", "rate(x)", `invalid parameter "query": 1:6: parse error: expected type range vector in call to function "rate", got instant vector`, Place{1, 6, 5}, true},
		{"old prometheus", "sum(", `parse error at char 5: unclosed left parenthesis`, Place{1, 5, 4}, true},
		{"victoria", `sum(rate(x[5m]) by (job)`, `error when executing query="…" for (time=1, step=2): funcArgList: unexpected token "by"; want ",", ")"; unparsed data: "by (job)"`, Place{1, 17, 16}, true},
		{"victoria, quotes", `up{a="b" c`, `labelFilters: unexpected token "c"; unparsed data: "c"`, Place{1, 10, 9}, true},
		{"victoria, left", `up) `, `unparsed data left: ")"`, Place{1, 3, 2}, true},
		{"characters", `up{é="1"} x`, `1:12: parse error: unexpected identifier "x"`, Place{1, 11, 11}, true},
		{"outside", "up", `1:50: parse error: x`, Place{}, false},
		{"no such line", "up", `7:1: parse error: x`, Place{}, false},
		{"other rest", "up", `unparsed data: "down"`, Place{}, false},
		{"no place", "up", `many-to-many matching not allowed`, Place{}, false},
		{"a clock", "up", `at 12:30:15: parse error`, Place{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Locate(c.query, c.message)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, got)
		})
	}
}

func FuzzLocate(f *testing.F) {
	f.Add("sum(", "1:5: parse error: x")
	f.Add("a\nb", `unparsed data: "b"`)
	f.Fuzz(func(t *testing.T, query, message string) {
		at, ok := Locate(query, message)
		if ok {
			require.LessOrEqual(t, at.Offset, len(query))
			require.GreaterOrEqual(t, at.Offset, 0)
			require.Positive(t, at.Line)
			require.Positive(t, at.Column)
		}
	})
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		name string
		v    float64
		want string
	}{
		{"node_memory_bytes", 1536, "1.5 KiB"},
		{"x_bytes_total", 5 << 30, "5 GiB"},
		{"x_bytes", 12, "12 B"},
		{"x_bytes", -2048, "-2 KiB"},
		{"x_seconds", 0.0123, "12.3ms"},
		{"x_seconds_sum", 90, "1.5m"},
		{"x_seconds", 0, "0"},
		{"x_seconds", 2e-7, "200ns"},
		{"x_ratio", 0.1234, "12.34%"},
		{"x_ratio", 0, "0"},
		{"http_requests_total", 1234567, "1.235M"},
		{"up", 1, "1"},
		{"x", 0.000012345, "1.234e-05"},
		{"process_start_time_seconds", 1700000000, "1.968e+04d"},
		{"last_timestamp_seconds", 1700000000, "2023-11-14T22:13:20Z"},
		{"x_bucket", 3, "3"},
		{"x_bytes", math.NaN(), "NaN"},
		{"x", math.Inf(-1), "-Inf"},
		{"x", math.Inf(1), "+Inf"},
	} {
		if c.name == "process_start_time_seconds" {
			require.Equal(t, "2023-11-14T22:13:20Z", UnitOf(c.name).Format(c.v), "a moment by its usual name")
			continue
		}
		require.Equal(t, c.want, UnitOf(c.name).Format(c.v), c.name)
	}
}

// fakeQuerier answers by expression.
type fakeQuerier struct {
	Querier
	instant map[string][]api.MetricSeries
	spans   map[string][]api.MetricSeries
	err     error
}

func (f fakeQuerier) Instant(_ context.Context, q string, _ time.Time) (Result, error) {
	return Result{Type: "vector", Series: f.instant[q]}, f.err
}

func (f fakeQuerier) Range(_ context.Context, q string, w Window) (Result, error) {
	return Result{Type: "matrix", Series: f.spans[q], Warnings: []string{"w"}}, f.err
}

func series(name string, at time.Time, step time.Duration, values ...float64) api.MetricSeries {
	s := api.MetricSeries{Labels: map[string]string{"job": name}}
	for i, v := range values {
		if !math.IsNaN(v) || i%2 == 0 {
			s.Samples = append(s.Samples, api.MetricSample{Time: at.Add(time.Duration(i) * step), Value: api.Number(v)})
		}
	}
	return s
}

func TestTop(t *testing.T) {
	nan := math.NaN()
	step := 2*time.Minute + 30*time.Second
	first := align(noon.Add(-time.Hour), step)
	f := fakeQuerier{
		instant: map[string][]api.MetricSeries{"x": {series("a", noon, 0, 1), series("b", noon, 0, 5), series("c", noon, 0, nan), series("d", noon, 0, 3)}},
		spans:   map[string][]api.MetricSeries{"x": {series("b", first, step, nan, nan, 2, 3), series("d", first, step, 4)}},
	}
	out, err := Top(t.Context(), f, api.MetricTopInput{Query: "x", Limit: 3}, noon)
	require.NoError(t, err)
	require.Equal(t, 4, out.Total)
	require.Equal(t, []string{"w"}, out.Warnings)
	var jobs []string
	for _, r := range out.Rows {
		jobs = append(jobs, r.Labels["job"])
	}
	require.Equal(t, []string{"b", "d", "a"}, jobs)
	require.InDelta(t, 2, float64(out.Rows[0].Before), 0)
	require.InDelta(t, 3, float64(out.Rows[0].Change), 0)
	require.InDelta(t, -1, float64(out.Rows[1].Change), 0)
	require.False(t, out.Rows[2].Change.Finite())
	out, err = Top(t.Context(), f, api.MetricTopInput{Query: "x", Bottom: true}, noon)
	require.NoError(t, err)
	require.Equal(t, "a", out.Rows[0].Labels["job"])
	require.Equal(t, "c", out.Rows[3].Labels["job"], "NaN is last either way")

	// Without an expression: the first that gives anything.
	f = fakeQuerier{instant: map[string][]api.MetricSeries{defaultTops[1]: {series("p", noon, 0, 1)}}}
	out, err = Top(t.Context(), f, api.MetricTopInput{}, noon)
	require.NoError(t, err)
	require.Equal(t, defaultTops[1], out.Query)
	out, err = Top(t.Context(), fakeQuerier{}, api.MetricTopInput{}, noon)
	require.NoError(t, err)
	require.Empty(t, out.Rows)
	_, err = Top(t.Context(), fakeQuerier{err: errors.New("down")}, api.MetricTopInput{}, noon)
	require.ErrorContains(t, err, "down")
}

func TestAlerts(t *testing.T) {
	from, to := noon.Truncate(time.Hour), noon.Truncate(time.Hour).Add(time.Hour)
	step := Step(time.Hour, alertPoints)
	s := api.MetricSeries{Labels: map[string]string{"__name__": "ALERTS", "alertname": "Down", "alertstate": "firing", "job": "api", "severity": "page"}}
	points := int(time.Hour/step) + 1
	for i := range points {
		if i >= 10 && i < 20 || i >= points-5 {
			s.Samples = append(s.Samples, api.MetricSample{Time: from.Add(time.Duration(i) * step), Value: 1})
		}
	}
	list, err := Alerts(t.Context(), fakeQuerier{spans: map[string][]api.MetricSeries{`ALERTS{alertstate="firing"}`: {s}}}, from, to)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "alert", list[0].Kind)
	require.Equal(t, "Down", list[0].Title)
	require.Equal(t, "job=api severity=page", list[0].Text)
	require.Equal(t, from.Add(10*step), list[0].Time)
	require.Equal(t, from.Add(20*step), *list[0].End)
	require.Nil(t, list[1].End, "it lasts")
	require.NotContains(t, list[0].Text, "alertstate")
}
