// Package chart makes pictures of metrics: the curves, the marks and the units
// of a plot's answer, as package plot draws them; and the caret under a mistake
// in an expression. The command line and the dashboard share it, so that both
// show the same. All text it gives is safe for a terminal.
package chart

import (
	"sort"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/internal/term"
)

// Options say how an answer is shown; the zero value will do.
type Options struct {
	// Unit is that of the values; nil takes it from the metrics' names.
	Unit *metrics.Unit
	Zone *time.Location
	// Before is the same expression over an earlier stretch, drawn this much
	// later, and Ago what its curves are called by ("1d ago"). Nil is none.
	Before *api.MetricPlot
	Later  time.Duration
	Ago    string
}

// Of makes the chart of an answer. Where there are more curves than can be
// told apart, the greatest come first; a legend counts the others.
func Of(r api.MetricPlot, o Options) plot.Chart {
	c := plot.Chart{Title: term.SafeLine(r.Query), From: r.From, To: r.To, Zone: o.Zone}
	unit := CommonUnit(r.Series)
	if o.Unit != nil {
		unit = *o.Unit
	}
	c.Format = unit.Format
	c.Unit = func(size float64) (float64, string) {
		scale := unit.Scale(size)
		return scale.Factor, scale.Suffix
	}
	now := curves(r, 0, "")
	if o.Before == nil {
		c.Series = now
	} else {
		before := curves(*o.Before, o.Later, o.Ago)
		// Both stretches have the same share of the curves that are drawn.
		n := plot.MaxSeries - min(len(before), plot.MaxSeries/2)
		n = min(len(now), n)
		m := min(len(before), plot.MaxSeries-n)
		c.Series = append(c.Series, now[:n]...)
		c.Series = append(c.Series, before[:m]...)
		c.Series = append(append(c.Series, now[n:]...), before[m:]...)
	}
	for _, t := range r.Thresholds {
		c.Thresholds = append(c.Thresholds, float64(t))
	}
	for _, a := range r.Annotations {
		c.Marks = append(c.Marks, mark(a, r.To))
	}
	return c
}

// curves are the series on their steps: what is missing is a gap.
func curves(r api.MetricPlot, later time.Duration, ago string) []plot.Series {
	series := Ordered(r.Series)
	window := metrics.Window{From: r.From, To: r.To, Step: time.Duration(r.Step)}
	names := Names(series)
	out := make([]plot.Series, len(series))
	for i, s := range series {
		out[i].Name = names[i]
		if ago != "" {
			out[i].Name = strings.TrimSpace(strings.TrimSuffix(names[i], "{}") + " " + ago)
		}
		grid := window.Grid(s)
		out[i].Points = make([]plot.Point, len(grid))
		for k, v := range grid {
			out[i].Points[k] = plot.Point{Time: window.Time(k).Add(later), Value: v}
		}
	}
	return out
}

// Ordered gives the series in the order that they are drawn in: as they came,
// or the greatest last values first where there are too many.
func Ordered(series []api.MetricSeries) []api.MetricSeries {
	if len(series) <= plot.MaxSeries {
		return series
	}
	series = append([]api.MetricSeries(nil), series...)
	sort.SliceStable(series, func(i, j int) bool { return last(series[i]) > last(series[j]) })
	return series
}

func last(s api.MetricSeries) float64 {
	for i := len(s.Samples) - 1; i >= 0; i-- {
		if v := s.Samples[i].Value; v.Finite() {
			return float64(v)
		}
	}
	return -1e308
}

func mark(a api.Annotation, to time.Time) plot.Mark {
	m := plot.Mark{Time: a.Time, Text: term.SafeLine(strings.TrimSpace(a.Kind + " " + a.Title + " " + a.Text))}
	switch {
	case a.End != nil:
		m.End = *a.End
	case a.Kind != "deployment": // it lasts
		m.End = to
	}
	return m
}

// CommonUnit is the unit that all series share; none where they differ.
func CommonUnit(series []api.MetricSeries) metrics.Unit {
	var u metrics.Unit
	for i, s := range series {
		one := metrics.UnitOf(s.Labels[metrics.NameLabel])
		if i > 0 && one != u {
			return metrics.Unit{}
		}
		u = one
	}
	return u
}

// Names leaves out the labels that all of several series share.
func Names(series []api.MetricSeries) []string {
	names := make([]string, len(series))
	for i, s := range series {
		set := map[string]string{}
		for k, v := range s.Labels {
			if len(series) == 1 || !shared(series, k, v) {
				set[k] = v
			}
		}
		if names[i] = metrics.Labels(set); names[i] == "{}" {
			names[i] = metrics.Labels(s.Labels)
		}
		names[i] = term.SafeLine(names[i])
	}
	return names
}

func shared(series []api.MetricSeries, label, value string) bool {
	for _, s := range series {
		if v, has := s.Labels[label]; !has || v != value {
			return false
		}
	}
	return true
}
