package observe

import (
	"context"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
)

func bindMetrics(r *op.Registry, d Deps) {
	op.BindQuery(r, api.MetricsQuery, func(ctx context.Context, in api.MetricQueryInput) (api.MetricInstant, error) {
		return metricsQuery(ctx, d, in)
	})
	op.BindQuery(r, api.MetricsRange, func(ctx context.Context, in api.MetricRangeInput) (api.MetricRange, error) {
		return metricsRange(ctx, d, in)
	})
	op.BindQuery(r, api.MetricsPlot, func(ctx context.Context, in api.MetricPlotInput) (api.MetricPlot, error) {
		return metricsPlot(ctx, d, in)
	})
	op.BindQuery(r, api.MetricsList, func(ctx context.Context, in api.MetricListInput) ([]api.Metric, error) {
		return metricsList(ctx, d, in)
	})
	op.BindQuery(r, api.MetricsLabels, func(ctx context.Context, in api.MetricLabelsInput) ([]api.MetricLabel, error) {
		return metricsLabels(ctx, d, in)
	})
	op.BindQuery(r, api.MetricsTop, func(ctx context.Context, in api.MetricTopInput) (api.MetricTop, error) {
		q, err := d.querier(ctx)
		if err != nil {
			return api.MetricTop{}, err
		}
		return metrics.Top(ctx, q, in, d.now())
	})
}

// querier is the context's metrics backend.
func (d Deps) querier(ctx context.Context) (metrics.Querier, error) {
	if d.Metrics == nil {
		return nil, fail.New(fail.Unavailable, "this context has no metrics backend").
			Hint("aictl up, or name a Prometheus in the context: aictl config view")
	}
	return d.Metrics(ctx)
}

func (d Deps) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

func metricsQuery(ctx context.Context, d Deps, in api.MetricQueryInput) (api.MetricInstant, error) {
	q, err := d.querier(ctx)
	if err != nil {
		return api.MetricInstant{}, err
	}
	at := in.Time
	if at.IsZero() {
		at = d.now()
	}
	r, err := q.Instant(ctx, in.Query, at)
	if err != nil {
		return api.MetricInstant{}, err
	}
	return api.MetricInstant{
		Query: in.Query, Type: r.Type, Time: at.UTC(), Series: r.Series,
		Warnings: list(r.Warnings), Infos: list(r.Infos),
	}, nil
}

func metricsRange(ctx context.Context, d Deps, in api.MetricRangeInput) (api.MetricRange, error) {
	q, err := d.querier(ctx)
	if err != nil {
		return api.MetricRange{}, err
	}
	w, err := metrics.NewWindow(in.From, in.To, time.Duration(in.Step), d.now())
	if err != nil {
		return api.MetricRange{}, err
	}
	r, err := q.Range(ctx, in.Query, w)
	if err != nil {
		return api.MetricRange{}, err
	}
	return api.MetricRange{
		Query: in.Query, From: w.From, To: w.To, Step: op.Duration(w.Step), Series: r.Series,
		Warnings: list(r.Warnings), Infos: list(r.Infos),
	}, nil
}

// metricsPlot is a range with its annotations. A source of annotations that
// fails is a warning: the curve is worth showing without it.
func metricsPlot(ctx context.Context, d Deps, in api.MetricPlotInput) (api.MetricPlot, error) {
	out := api.MetricPlot{Annotations: []api.Annotation{}, Thresholds: []api.Number{}}
	var err error
	if out.MetricRange, err = metricsRange(ctx, d, in.MetricRangeInput); err != nil {
		return out, err
	}
	for _, t := range in.Threshold {
		out.Thresholds = append(out.Thresholds, api.Number(t))
	}
	wanted := map[string]bool{}
	for _, m := range in.Marks {
		wanted[m] = true
	}
	wants := func(kind string) bool { return !wanted["none"] && (len(wanted) == 0 || wanted[kind+"s"]) }
	if wants("alert") {
		q, err := d.querier(ctx)
		if err != nil {
			return out, err
		}
		alerts, err := metrics.Alerts(ctx, q, out.From, out.To)
		if err != nil {
			out.Warnings = append(out.Warnings, "alerts are not marked: "+err.Error())
		}
		out.Annotations = append(out.Annotations, alerts...)
	}
	if d.Annotations != nil && (wants("deployment") || wants("silence")) {
		more, err := d.Annotations(ctx, out.From, out.To)
		if err != nil {
			out.Warnings = append(out.Warnings, "deployments and silences are not marked: "+err.Error())
		}
		for _, a := range more {
			if wants(a.Kind) {
				out.Annotations = append(out.Annotations, a)
			}
		}
	}
	metrics.SortAnnotations(out.Annotations)
	return out, nil
}

// metricsList joins the names that exist with what is said of them: a name
// may have no metadata (a recorded one), and metadata no series any more.
func metricsList(ctx context.Context, d Deps, in api.MetricListInput) ([]api.Metric, error) {
	match, err := regexp.Compile(in.Match)
	if err != nil {
		return nil, fail.New(fail.Usage, "--match is not a regular expression: %s", err).Hint("--match '_total$'")
	}
	q, err := d.querier(ctx)
	if err != nil {
		return nil, err
	}
	now := d.now()
	names, _, err := q.LabelValues(ctx, metrics.NameLabel, metrics.Selection{From: now.Add(-time.Hour), To: now})
	if err != nil {
		return nil, err
	}
	known, err := q.Metadata(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	limit := in.Limit
	if limit <= 0 {
		limit = 10_000
	}
	out := []api.Metric{}
	for _, name := range names {
		if !strings.HasPrefix(name, in.Prefix) || !match.MatchString(name) || len(out) == limit {
			continue
		}
		out = append(out, describeMetric(name, known))
	}
	return out, nil
}

// describeMetric finds the metadata of a name; the parts of a histogram or a
// summary have that of the whole.
func describeMetric(name string, known map[string]api.Metric) api.Metric {
	m, ok := known[name]
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, cut := strings.CutSuffix(name, suffix); cut && !ok {
			m, ok = known[base]
		}
	}
	if base, cut := strings.CutSuffix(name, "_total"); cut && !ok { // OpenMetrics names the family
		m, ok = known[base]
	}
	if !ok {
		m.Type = "unknown"
	}
	m.Name = name
	switch u := metrics.UnitOf(name).Name; {
	case m.Unit != "":
	case u == "bytes" || u == "seconds" || u == "ratio":
		m.Unit = u
	case u == "timestamp":
		m.Unit = "seconds"
	}
	return m
}

func metricsLabels(ctx context.Context, d Deps, in api.MetricLabelsInput) ([]api.MetricLabel, error) {
	q, err := d.querier(ctx)
	if err != nil {
		return nil, err
	}
	s := metrics.Selection{From: in.From, To: in.To, Limit: in.Limit}
	if s.To.IsZero() {
		s.To = d.now()
	}
	if s.From.IsZero() {
		s.From = s.To.Add(-time.Hour)
	}
	if in.Selector != "" {
		s.Matchers = []string{in.Selector}
	}
	out := []api.MetricLabel{}
	if in.Label != "" {
		values, _, err := q.LabelValues(ctx, in.Label, s)
		for _, v := range values {
			out = append(out, api.MetricLabel{Name: in.Label, Value: v})
		}
		return out, err
	}
	names, _, err := q.LabelNames(ctx, s)
	sort.Strings(names)
	for _, n := range names {
		out = append(out, api.MetricLabel{Name: n})
	}
	return out, err
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
