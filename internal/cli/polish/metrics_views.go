package polish

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/plot"
)

// metricRow is one sample with its series.
type metricRow struct {
	labels map[string]string
	api.MetricSample
}

func (r metricRow) metric() string { return metrics.Labels(r.labels) }

// human writes a value in the unit that the metric's name tells.
func human(labels map[string]string, v api.Number) string {
	return metrics.UnitOf(labels[metrics.NameLabel]).Format(float64(v))
}

// raw writes a value as a machine reads it.
func raw(v api.Number) string {
	switch f := float64(v); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "+Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	case f == 0, math.Abs(f) >= 1e-6 && math.Abs(f) < 1e21: // as JSON has it
		return strconv.FormatFloat(f, 'f', -1, 64)
	default:
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
}

func rowsOf(series []api.MetricSeries) []metricRow {
	var rows []metricRow
	for _, s := range series {
		for _, p := range s.Samples {
			rows = append(rows, metricRow{s.Labels, p})
		}
	}
	return rows
}

// sampleColumns are a line a sample. In CSV every label has a column, and the
// value is bare.
func sampleColumns(p *output.Printer, rows []metricRow) output.View[metricRow] {
	v := output.View[metricRow]{Kind: "series", Name: metricRow.metric}
	if p.Format().Kind != output.CSV {
		v.Columns = []output.Column[metricRow]{
			col("metric", metricRow.metric),
			num("value", func(r metricRow) string {
				if r.Histogram != nil {
					return fmt.Sprintf("histogram of %s, sum %s", raw(r.Histogram.Count), human(r.labels, r.Histogram.Sum))
				}
				return human(r.labels, r.Value)
			}),
			{Header: "time", Wide: true, Value: func(r metricRow, e output.Env) string { return e.Time(r.Time) }},
		}
		return v
	}
	v.Columns = []output.Column[metricRow]{
		col("time", func(r metricRow) string { return r.Time.UTC().Format(time.RFC3339Nano) }),
		col("metric", metricRow.metric),
		num("value", func(r metricRow) string { return raw(r.Value) }),
	}
	names := map[string]bool{}
	for _, r := range rows {
		for k := range r.labels {
			names[k] = true
		}
	}
	for _, k := range sortedKeys(names) {
		if k != metrics.NameLabel {
			v.Columns = append(v.Columns, col(k, func(r metricRow) string { return r.labels[k] }))
		}
	}
	return v
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (c *metricsCommand) showInstant(p *output.Printer, out any) error {
	r := out.(api.MetricInstant) //nolint:forcetypeassert // the declaration says so
	defer func() { c.notes(r.Warnings, r.Infos) }()
	if p.Format().Kind == output.JSONL {
		return p.Print(r.Series)
	}
	rows := rowsOf(r.Series)
	if p.Human() && len(rows) == 0 {
		c.f.Say("The expression gives no series at %s.", p.Env().Time(r.Time))
		return nil
	}
	return output.ListDoc(p, sampleColumns(p, rows), r, rows)
}

func (c *metricsCommand) showRange(p *output.Printer, out any) error {
	r := out.(api.MetricRange) //nolint:forcetypeassert // the declaration says so
	defer func() { c.notes(r.Warnings, r.Infos) }()
	return c.printRange(p, r, r)
}

// printRange prints a range in any format but graph; doc is what machine
// formats hold.
func (c *metricsCommand) printRange(p *output.Printer, doc any, r api.MetricRange) error {
	switch p.Format().Kind { //nolint:exhaustive // the others hold the document
	case output.JSONL:
		return p.Print(r.Series)
	case output.CSV:
		rows := rowsOf(r.Series)
		return output.ListDoc(p, sampleColumns(p, rows), doc, rows)
	}
	if p.Human() && len(r.Series) == 0 {
		c.f.Say("The expression gives no series from %s to %s.", p.Env().Time(r.From), p.Env().Time(r.To))
		return nil
	}
	w := metrics.Window{From: r.From, To: r.To, Step: time.Duration(r.Step)}
	rows := make([]summed, len(r.Series))
	for i, s := range r.Series {
		rows[i] = sum(s, w)
	}
	return output.ListDoc(p, c.summaryColumns(), doc, rows)
}

// summed is a series in a few numbers.
type summed struct {
	labels               map[string]string
	points, gaps         int
	low, mean, high, end float64
	grid                 []float64
}

func sum(s api.MetricSeries, w metrics.Window) summed {
	out := summed{labels: s.Labels, low: math.NaN(), mean: math.NaN(), high: math.NaN(), end: math.NaN(), grid: w.Grid(s)}
	for _, v := range out.grid {
		switch {
		case math.IsNaN(v):
			out.gaps++
			continue
		case out.points == 0:
			out.low, out.high, out.mean = v, v, 0
		}
		out.points++
		out.low, out.high, out.end = min(out.low, v), max(out.high, v), v
		out.mean += (v - out.mean) / float64(out.points)
	}
	return out
}

func (c *metricsCommand) summaryColumns() output.View[summed] {
	value := func(f func(summed) float64) func(summed) string {
		return func(s summed) string { return human(s.labels, api.Number(f(s))) }
	}
	return output.View[summed]{
		Kind: "series", Name: func(s summed) string { return metrics.Labels(s.labels) },
		Columns: []output.Column[summed]{
			col("metric", func(s summed) string { return metrics.Labels(s.labels) }),
			num("min", value(func(s summed) float64 { return s.low })),
			num("mean", value(func(s summed) float64 { return s.mean })),
			num("max", value(func(s summed) float64 { return s.high })),
			num("last", value(func(s summed) float64 { return s.end })),
			num("points", func(s summed) string { return strconv.Itoa(s.points) }),
			num("gaps", func(s summed) string { return strconv.Itoa(s.gaps) }),
			col("trend", func(s summed) string { return plot.Spark(s.grid, 24, c.f.IO.ASCIIOnly()) }),
		},
	}
}

func (c *metricsCommand) showTop(p *output.Printer, out any) error {
	t := out.(api.MetricTop) //nolint:forcetypeassert // the declaration says so
	defer func() { c.notes(t.Warnings, nil) }()
	bare := p.Format().Kind == output.CSV
	value := func(r api.MetricTopRow, v api.Number) string {
		if bare {
			return raw(v)
		}
		if math.IsNaN(float64(v)) {
			return output.None
		}
		return human(r.Labels, v)
	}
	err := output.ListDoc(p, output.View[api.MetricTopRow]{
		Kind: "series", Name: func(r api.MetricTopRow) string { return metrics.Labels(r.Labels) },
		Columns: []output.Column[api.MetricTopRow]{
			col("metric", func(r api.MetricTopRow) string { return metrics.Labels(r.Labels) }),
			num("value", func(r api.MetricTopRow) string { return value(r, r.Value) }),
			num("change", func(r api.MetricTopRow) string {
				text := value(r, r.Change)
				if r.Change > 0 && !bare {
					text = "+" + text
				}
				return text
			}),
			num("change %", func(r api.MetricTopRow) string {
				if !r.Change.Finite() || r.Before == 0 {
					return output.None
				}
				return fmt.Sprintf("%+.1f%%", 100*float64(r.Change)/math.Abs(float64(r.Before)))
			}),
			col("recent", func(r api.MetricTopRow) string {
				values := make([]float64, len(r.Recent))
				for i, v := range r.Recent {
					values[i] = float64(v)
				}
				return plot.Spark(values, 24, c.f.IO.ASCIIOnly())
			}),
		},
	}, t, t.Rows)
	if err == nil && p.Human() {
		if len(t.Rows) < t.Total {
			c.f.Say("%d of %d series of %s, over %s", len(t.Rows), t.Total, t.Query, output.Duration(time.Duration(t.Window)))
		} else {
			c.f.Say("%s, over %s", t.Query, output.Duration(time.Duration(t.Window)))
		}
	}
	return err
}

func showMetrics(p *output.Printer, out any) error {
	return output.List(p, output.View[api.Metric]{
		Kind: "metric", Name: func(m api.Metric) string { return m.Name },
		Columns: []output.Column[api.Metric]{
			col("name", func(m api.Metric) string { return m.Name }),
			col("type", func(m api.Metric) string { return m.Type }),
			col("unit", func(m api.Metric) string { return m.Unit }),
			col("help", func(m api.Metric) string { return m.Help }),
		},
	}, out.([]api.Metric)) //nolint:forcetypeassert // the declaration says so
}

func showLabels(p *output.Printer, out any) error {
	labels := out.([]api.MetricLabel) //nolint:forcetypeassert // the declaration says so
	v := output.View[api.MetricLabel]{
		Kind: "label", Name: func(l api.MetricLabel) string {
			if l.Value != "" {
				return l.Value
			}
			return l.Name
		},
		Columns: []output.Column[api.MetricLabel]{col("label", func(l api.MetricLabel) string { return l.Name })},
	}
	for _, l := range labels {
		if l.Value != "" {
			v.Columns = append(v.Columns, col("value", func(l api.MetricLabel) string { return l.Value }))
			break
		}
	}
	return output.List(p, v, labels)
}
