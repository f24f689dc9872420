package polish

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/metrics/chart"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

type metricsCommand struct{ f *factory.Factory }

// metricsRuns are the commands of metrics, with their views.
func metricsRuns(f *factory.Factory) map[string]Run {
	c := &metricsCommand{f}
	f.Views[api.MetricsQuery.ID] = c.showInstant
	f.Views[api.MetricsRange.ID] = c.showRange
	f.Views[api.MetricsTop.ID] = c.showTop
	f.Views[api.MetricsList.ID] = showMetrics
	f.Views[api.MetricsLabels.ID] = showLabels
	return map[string]Run{
		api.MetricsQuery.ID:  c.query,
		api.MetricsRange.ID:  c.span,
		api.MetricsPlot.ID:   c.plot,
		api.MetricsLabels.ID: c.labels,
		api.MetricsTop.ID:    c.top,
	}
}

// metricsQueryFlags, metricsSpanFlags and metricsDrawFlags are the flags of the
// terminal's side.
func metricsQueryFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("time", "", "evaluate at this moment (now-1h, RFC 3339); now where absent")
}

func metricsSpanFlags(_ *factory.Factory, cmd *cobra.Command) { metricsWindowFlags(cmd) }

func metricsDrawFlags(_ *factory.Factory, cmd *cobra.Command) {
	metricsWindowFlags(cmd)
	drawFlags(cmd)
	cmd.Flags().String("unit", "", "unit of the axis: bytes, seconds, ratio or none (from the metric's name where absent)")
}

func metricsWindowFlags(cmd *cobra.Command) {
	cmd.Flags().String("since", "", "begin this long ago (15m, 2h, 3d); an hour where absent")
	cmd.Flags().String("from", "", "begin at this time (now-2h, RFC 3339)")
	cmd.Flags().String("to", "", "end at this time; now where absent")
}

// annotationFormats names the special formats that a command can make.
const annotationFormats = "aictl.formats"

func drawFlags(cmd *cobra.Command) {
	permit(cmd, output.Graph)
	cmd.Flags().String("size", "", "size of the plot in columns and lines, as 80x24; the terminal's where absent")
}

// Formats are the special formats that a command can make.
func Formats(cmd *cobra.Command) []output.Kind {
	var out []output.Kind
	for _, k := range strings.Fields(cmd.Annotations[annotationFormats]) {
		out = append(out, output.Kind(k))
	}
	return out
}

// permit lets a command make special formats.
func permit(cmd *cobra.Command, kinds ...output.Kind) {
	words := strings.Fields(cmd.Annotations[annotationFormats])
	for _, k := range kinds {
		words = append(words, string(k))
	}
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[annotationFormats] = strings.Join(words, " ")
}

// window reads --since, --from and --to.
func (c *metricsCommand) window(cmd *cobra.Command) (when.Window, error) {
	return when.ParseWindow(text(cmd, "since"), text(cmd, "from"), text(cmd, "to"), c.f.Now(), time.Local, time.Hour)
}

func (c *metricsCommand) query(cmd *cobra.Command, in any) error {
	q := in.(*api.MetricQueryInput) //nolint:forcetypeassert // the declaration says so
	if at := text(cmd, "time"); at != "" {
		t, err := when.Parse(at, c.f.Now(), time.Local)
		if err != nil {
			return fail.Wrap(fail.Usage, err, "reading --time").Hint("--time now-1h")
		}
		q.Time = t.UTC()
	}
	return c.located(q.Query, c.f.Run(cmd.Context(), api.MetricsQuery, q))
}

func (c *metricsCommand) span(cmd *cobra.Command, in any) error {
	q := in.(*api.MetricRangeInput) //nolint:forcetypeassert // the declaration says so
	w, err := c.window(cmd)
	if err != nil {
		return err
	}
	q.From, q.To = w.From.UTC(), w.To.UTC()
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	if p.Format().Kind != output.Graph {
		return c.located(q.Query, c.f.Run(cmd.Context(), api.MetricsRange, q))
	}
	return c.drawn(cmd, api.MetricPlotInput{MetricRangeInput: *q, Marks: []string{"none"}})
}

func (c *metricsCommand) plot(cmd *cobra.Command, in any) error {
	q := in.(*api.MetricPlotInput) //nolint:forcetypeassert // the declaration says so
	w, err := c.window(cmd)
	if err != nil {
		return err
	}
	q.From, q.To = w.From.UTC(), w.To.UTC()
	return c.drawn(cmd, *q)
}

// drawn asks for a plot and draws it, or prints it in a machine's format.
func (c *metricsCommand) drawn(cmd *cobra.Command, q api.MetricPlotInput) error {
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	size, err := plotSize(c.f, cmd)
	if err != nil {
		return err
	}
	unit, err := unitFlag(cmd)
	if err != nil {
		return err
	}
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := c.f.Deadline(cmd.Context(), 30*time.Second)
	defer cancel()
	out, err := api.MetricsPlot.Call(ctx, cl, q)
	if err != nil {
		return c.located(q.Query, err)
	}
	if !p.Human() {
		return c.printRange(p, out, out.MetricRange)
	}
	if err := c.draw(p.Out(), out, size, unit); err != nil {
		return err
	}
	c.notes(out.Warnings, out.Infos)
	return nil
}

func (c *metricsCommand) labels(cmd *cobra.Command, in any) error {
	q := in.(*api.MetricLabelsInput) //nolint:forcetypeassert // the declaration says so
	w, err := c.window(cmd)
	if err != nil {
		return err
	}
	q.From, q.To = w.From.UTC(), w.To.UTC()
	return c.located(q.Selector, c.f.Run(cmd.Context(), api.MetricsLabels, q))
}

func (c *metricsCommand) top(cmd *cobra.Command, in any) error {
	q := in.(*api.MetricTopInput) //nolint:forcetypeassert // the declaration says so
	return c.located(q.Query, c.f.Run(cmd.Context(), api.MetricsTop, q))
}

// located shows a person where in the expression the mistake is, before the
// error itself is reported.
func (c *metricsCommand) located(query string, err error) error {
	if err == nil {
		return nil
	}
	p, perr := c.f.Printer()
	if perr != nil || !p.Human() {
		return err
	}
	if at, ok := metrics.Locate(query, err.Error()); ok {
		for _, line := range chart.Caret(query, at, c.f.IO.Width) {
			_, _ = fmt.Fprintln(c.f.IO.Err, line)
		}
	}
	return err
}

// notes tells what the backend said besides.
func (c *metricsCommand) notes(warnings, infos []string) {
	for _, w := range warnings {
		c.f.Say("warning: %s", term.SafeLine(w))
	}
	for _, i := range infos {
		c.f.Say("note: %s", term.SafeLine(i))
	}
}
