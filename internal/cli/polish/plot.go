package polish

import (
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/internal/series"
	"github.com/aictl/aictl/internal/term"
)

// The plot's size on a terminal, in cells.
const (
	plotWidth  = 100
	plotHeight = 16
	// plotSeasons is how much of a long history stands before a forecast, in
	// horizons: the end is what the forecast continues.
	plotSeasons = 8
)

// drawForecast plots the end of the history and the forecast with its widest
// interval. It draws nothing off a terminal.
func (c *predictCommand) drawForecast(cmd *cobra.Command, p *output.Printer, s source, f api.Forecast) error {
	if !c.wantsPlot(p) {
		return nil
	}
	d := plot.Data{Index: s.index, History: s.regular(f.Step)}
	if keep := max(plotSeasons*len(f.Points), 60); len(d.History) > keep {
		d.History = d.History[len(d.History)-keep:]
	}
	for _, p := range f.Points {
		a := plot.Ahead{Time: p.Time, Value: p.Value, Lower: math.NaN(), Upper: math.NaN()}
		if n := len(p.Intervals); n > 0 {
			a.Lower, a.Upper = p.Intervals[n-1].Lower, p.Intervals[n-1].Upper
		}
		d.Forecast = append(d.Forecast, a)
	}
	return c.draw(cmd, d)
}

// wantsPlot: on a terminal always, elsewhere when a graph is asked for.
func (c *predictCommand) wantsPlot(p *output.Printer) bool {
	return c.f.IO.StdoutTTY || p.Format().Kind == output.Graph
}

// drawAnomalies plots the series with the odd observations marked.
func (c *predictCommand) drawAnomalies(cmd *cobra.Command, p *output.Printer, s source, a api.Anomalies) error {
	if !c.wantsPlot(p) {
		return nil
	}
	d := plot.Data{Index: s.index}
	for _, p := range a.Points {
		point := plot.Point{Time: p.Time, Value: math.NaN(), Anomalous: p.Anomaly}
		if p.Value != nil {
			point.Value = *p.Value
		}
		d.History = append(d.History, point)
	}
	return c.draw(cmd, d)
}

// regular lays the observations on the grid that the forecast used: the plot's
// horizontal axis has equal steps.
func (s source) regular(step string) []plot.Point {
	parsed, err := series.ParseStep(step)
	if err != nil {
		parsed = series.Step{Index: s.index}
	}
	r, err := series.Regularise(s.observed, parsed)
	if err != nil {
		return nil
	}
	out := make([]plot.Point, len(r.Values))
	for i, v := range r.Values {
		out[i] = plot.Point{Time: r.Time(i), Value: v}
	}
	return out
}

func (c *predictCommand) draw(cmd *cobra.Command, d plot.Data) error {
	t := c.f.IO
	size, err := plotSize(c.f, cmd)
	if err != nil {
		return err
	}
	if text(cmd, "size") == "" {
		size.Width, size.Height = min(size.Width, plotWidth), plotHeight
	}
	styles := t.Styles()
	var b strings.Builder
	for _, line := range plot.Draw(d, size) {
		for _, span := range line {
			b.WriteString(styles.Apply(plotStyle(span.Class), span.Text))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	_, err = io.WriteString(t.Out, b.String())
	return err
}

func plotStyle(c plot.Class) term.Style {
	switch c {
	case plot.Axis:
		return term.Muted
	case plot.Band:
		return term.Muted
	case plot.Forecast:
		return term.Accent
	case plot.Anomaly:
		return term.Bad
	}
	return term.Plain
}
