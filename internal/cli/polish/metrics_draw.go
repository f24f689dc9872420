package polish

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/internal/term"
)

// asciiOnly says that braille and block characters cannot be expected to show.
func asciiOnly(t *term.IO) bool {
	return t.Accessible || t.Getenv("TERM") == "dumb" || !utf8Locale(t.Getenv)
}

// plotSize is the size of --size, or the terminal's, a line kept for the
// prompt.
func plotSize(f *factory.Factory, cmd *cobra.Command) (plot.Options, error) {
	o := plot.Options{Width: f.IO.Width, Height: f.IO.Height, ASCII: asciiOnly(f.IO)}
	if o.Height <= 0 {
		o.Height = term.DefaultHeight
	}
	o.Height--
	size := text(cmd, "size")
	if size == "" {
		return o, nil
	}
	if n, err := fmt.Sscanf(size, "%dx%d", &o.Width, &o.Height); err != nil || n != 2 || size != fmt.Sprintf("%dx%d", o.Width, o.Height) ||
		o.Width < 20 || o.Height < 6 || o.Width > 1000 || o.Height > 500 {
		return o, fail.New(fail.Usage, "%.40q is not a size of a plot: columns and lines, from 20x6 to 1000x500", size).Hint("--size 80x24")
	}
	return o, nil
}

// unitFlag reads --unit; nil leaves it to the metric's name.
func unitFlag(cmd *cobra.Command) (*metrics.Unit, error) {
	switch name := text(cmd, "unit"); name {
	case "":
		return nil, nil
	case "none":
		return &metrics.Unit{}, nil
	case "bytes", "seconds", "ratio":
		return &metrics.Unit{Name: name}, nil
	default:
		return nil, fail.New(fail.Usage, "%.40q is not a unit: bytes, seconds, ratio or none", name).Hint("--unit bytes")
	}
}

// draw draws a plot. Everything foreign is made safe first.
func (c *metricsCommand) draw(w io.Writer, r api.MetricPlot, size plot.Options, unit *metrics.Unit) error {
	chart := plot.Chart{Title: term.SafeLine(r.Query), From: r.From, To: r.To, Zone: time.Local}
	series := r.Series
	if len(series) > plot.MaxSeries { // the greatest are drawn; the legend counts the others
		series = append([]api.MetricSeries(nil), series...)
		sort.SliceStable(series, func(i, j int) bool { return lastValue(series[i]) > lastValue(series[j]) })
	}
	if unit == nil {
		u := commonUnit(series)
		unit = &u
	}
	chart.Format = unit.Format
	chart.Unit = func(s float64) (float64, string) {
		scale := unit.Scale(s)
		return scale.Factor, scale.Suffix
	}
	window := metrics.Window{From: r.From, To: r.To, Step: time.Duration(r.Step)}
	names := shortNames(series)
	for i, s := range series {
		curve := plot.Series{Name: term.SafeLine(names[i])}
		for k, v := range window.Grid(s) {
			curve.Points = append(curve.Points, plot.Point{Time: window.Time(k), Value: v})
		}
		chart.Series = append(chart.Series, curve)
	}
	for _, t := range r.Thresholds {
		chart.Thresholds = append(chart.Thresholds, float64(t))
	}
	for _, a := range r.Annotations {
		chart.Marks = append(chart.Marks, mark(a, r.To))
	}
	if len(series) == 0 {
		_, err := fmt.Fprintln(w, "(the expression gives no series in this window)")
		return err
	}
	return writePlot(w, c.f.IO.Styles(), plot.DrawChart(chart, size))
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

func lastValue(s api.MetricSeries) float64 {
	for i := len(s.Samples) - 1; i >= 0; i-- {
		if v := s.Samples[i].Value; v.Finite() {
			return float64(v)
		}
	}
	return -1e308
}

// commonUnit is the unit that all series share; none where they differ.
func commonUnit(series []api.MetricSeries) metrics.Unit {
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

// shortNames leaves out the labels that all of several series share.
func shortNames(series []api.MetricSeries) []string {
	names := make([]string, len(series))
	for i, s := range series {
		set := map[string]string{}
		for k, v := range s.Labels {
			shared := len(series) > 1
			for _, other := range series {
				if w, has := other.Labels[k]; !has || w != v {
					shared = false
				}
			}
			if !shared {
				set[k] = v
			}
		}
		if names[i] = metrics.Labels(set); names[i] == "{}" {
			names[i] = metrics.Labels(s.Labels)
		}
	}
	return names
}

// hues of the curves, in order; they mean nothing and come again.
var hues = [...]term.Style{term.Hue1, term.Hue2, term.Hue3, term.Hue4}

// writePlot writes lines with their styles.
func writePlot(w io.Writer, styles term.Styles, lines []plot.Line) error {
	var b strings.Builder
	for _, line := range lines {
		for _, span := range line {
			style := plotStyle(span.Class)
			switch span.Class { //nolint:exhaustive // the others are plotStyle's
			case plot.History:
				style = hues[span.Series%len(hues)]
			case plot.Limit, plot.Event:
				style = term.Warn
			}
			b.WriteString(styles.Apply(style, span.Text))
		}
		text := b.String()
		b.Reset()
		if !styles.Enabled() {
			text = strings.TrimRight(text, " ")
		}
		if _, err := io.WriteString(w, text+"\n"); err != nil {
			return err
		}
	}
	return nil
}
