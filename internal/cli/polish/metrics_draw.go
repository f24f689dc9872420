package polish

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/metrics/chart"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/internal/term"
)

// plotSize is the size of --size, or the terminal's, a line kept for the
// prompt.
func plotSize(f *factory.Factory, cmd *cobra.Command) (plot.Options, error) {
	o := plot.Options{Width: f.IO.Width, Height: f.IO.Height, ASCII: f.IO.ASCIIOnly()}
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

// draw draws a plot.
func (c *metricsCommand) draw(w io.Writer, r api.MetricPlot, size plot.Options, unit *metrics.Unit) error {
	if len(r.Series) == 0 {
		_, err := fmt.Fprintln(w, "(the expression gives no series in this window)")
		return err
	}
	picture := chart.Of(r, chart.Options{Unit: unit, Zone: time.Local})
	return writePlot(w, c.f.IO.Styles(), plot.DrawChart(picture, size))
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
