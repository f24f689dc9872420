package polish

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/series"
	"github.com/aictl/aictl/internal/term"
)

type predictCommand struct{ f *factory.Factory }

// predictFlags are what the terminal's side of a prediction needs: where the
// series comes from.
func predictFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Use += " [FILE]"
	cmd.Flags().String("time-col", "", "the time column, by name; found where absent")
	cmd.Flags().String("value-col", "", "the value column, by name; found where absent")
	queryFlags(cmd)
	drawFlags(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fail.New(fail.Usage, "one file at a time, and %d were given", len(args)).Hint("%s --help", cmd.CommandPath())
		}
		return nil
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"csv", "jsonl", "json", "tsv", "txt"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

// source is a series as it was read.
type source struct {
	points   []api.SeriesPoint
	observed []series.Point
	notes    []series.Note
	index    bool
	// Of a PromQL expression: the series, and the step that was asked for.
	name   string
	labels map[string]string
	step   string
}

// read takes the series from the file, or from standard input. A terminal is
// not waited on: nobody types a series.
func (c *predictCommand) read(cmd *cobra.Command) (source, error) {
	r := c.f.IO.In
	if args := cmd.Flags().Args(); len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return source{}, fail.Wrap(fail.Usage, err, "reading the series")
		}
		defer func() { _ = file.Close() }()
		r = file
	} else if c.f.IO.StdinTTY {
		return source{}, fail.New(fail.Usage, "no series was given: name a file, or pipe one in").
			Hint("%s --horizon 12 series.csv", cmd.CommandPath())
	}
	d, err := series.Read(r, series.Options{TimeCol: text(cmd, "time-col"), ValueCol: text(cmd, "value-col")})
	if err != nil {
		return source{}, err
	}
	out := source{points: make([]api.SeriesPoint, len(d.Points)), observed: d.Points, notes: d.Notes, index: d.Index}
	for i, p := range d.Points {
		out.points[i].Time = p.Time
		if !math.IsNaN(p.Value) {
			v := p.Value
			out.points[i].Value = &v
		}
	}
	return out, nil
}

func (s source) noted(notes []api.SeriesNote) []api.SeriesNote {
	out := []api.SeriesNote{}
	for _, n := range s.notes {
		out = append(out, api.SeriesNote{Code: n.Code, Message: n.Message})
	}
	return append(out, notes...)
}

func (c *predictCommand) forecast(cmd *cobra.Command, in any) error {
	q := in.(*api.ForecastInput) //nolint:forcetypeassert // the declaration says so
	asked := q.Step
	return ask(c, cmd, q, q.Step, api.PredictForecast, func(s source) {
		q.Points, q.Step = s.points, s.stepOr(asked)
		if q.Until != nil && !cmd.Flags().Changed("horizon") {
			q.Horizon = horizonUntil(len(s.points))
		}
	}, func(p *output.Printer, s source, out api.Forecast) error {
		out.Notes = s.noted(out.Notes)
		if !p.Human() {
			return output.ListDoc(p, forecastColumns(out, s.index), out, out.Points)
		}
		return c.showForecast(cmd, p, s, out)
	})
}

func (c *predictCommand) anomaly(cmd *cobra.Command, in any) error {
	q := in.(*api.AnomalyInput) //nolint:forcetypeassert // the declaration says so
	asked := q.Step
	return ask(c, cmd, q, q.Step, api.PredictAnomaly, func(s source) {
		q.Points, q.Step = s.points, s.stepOr(asked)
	}, func(p *output.Printer, s source, out api.Anomalies) error {
		out.Notes = s.noted(out.Notes)
		odd := []api.AnomalyPoint{}
		for _, a := range out.Points {
			if a.Anomaly {
				odd = append(odd, a)
			}
		}
		if !p.Human() {
			return output.ListDoc(p, anomalyColumns(s.index), out, odd)
		}
		return c.showAnomalies(cmd, p, s, out, odd)
	})
}

// ask is what both predictions share: read, check, send, show. Everything
// that can be wrong here is known before anything is sent.
// With --query there may be several series: people get one after the other,
// machines a list.
func ask[In, Out any](c *predictCommand, cmd *cobra.Command, in *In, step string, q *op.Query[In, Out], fill func(source), show func(*output.Printer, source, Out) error) error {
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	if err := op.Validate(in); err != nil {
		return err
	}
	var sources []source
	byQuery := cmd.Flags().Changed("query")
	if !byQuery {
		s, err := c.read(cmd)
		if err != nil {
			return err
		}
		sources = []source{s}
	}
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := c.f.Deadline(cmd.Context(), 5*time.Minute)
	defer cancel()
	if byQuery {
		if sources, err = c.queried(ctx, cmd, cl, step); err != nil {
			return err
		}
	}
	all := []named[Out]{}
	for i, s := range sources {
		fill(s)
		out, err := q.Call(ctx, cl, *in)
		switch {
		case err != nil && len(sources) > 1:
			return fail.New(fail.CodeOf(err), "%s: %w", s.name, err).Hint("%s", fail.From(err).Next)
		case err != nil:
			return err
		case len(sources) == 1:
			return show(p, s, out)
		case !p.Human():
			all = append(all, named[Out]{s.labels, out})
			continue
		case i > 0:
			if _, err := fmt.Fprintln(p.Out()); err != nil {
				return err
			}
		}
		if err := c.heading(p, s); err != nil {
			return err
		}
		if err := show(p, s, out); err != nil {
			return err
		}
	}
	if p.Human() {
		return nil
	}
	return p.Print(all)
}

// stepOr is the step of the series: as asked, else as the source knows it.
func (s source) stepOr(asked string) string {
	switch {
	case s.step != "":
		return s.step
	case asked == "" && s.index:
		return "index"
	}
	return asked
}

// forecastColumns are a line a step, with the bounds of every level.
func forecastColumns(f api.Forecast, index bool) output.View[api.ForecastPoint] {
	v := output.View[api.ForecastPoint]{
		Kind: "point", Name: func(p api.ForecastPoint) string { return timeWord(p.Time, index) },
		Columns: []output.Column[api.ForecastPoint]{
			col("time", func(p api.ForecastPoint) string { return timeWord(p.Time, index) }),
			num("value", func(p api.ForecastPoint) string { return output.Number(p.Value) }),
		},
	}
	if len(f.Points) == 0 {
		return v
	}
	for i, level := range f.Points[0].Intervals {
		v.Columns = append(v.Columns,
			num(fmt.Sprintf("lower %g%%", level.Level), func(p api.ForecastPoint) string { return output.Number(p.Intervals[i].Lower) }),
			num(fmt.Sprintf("upper %g%%", level.Level), func(p api.ForecastPoint) string { return output.Number(p.Intervals[i].Upper) }))
	}
	return v
}

func anomalyColumns(index bool) output.View[api.AnomalyPoint] {
	value := func(v *float64) string {
		if v == nil {
			return ""
		}
		return output.Number(*v)
	}
	return output.View[api.AnomalyPoint]{
		Kind: "point", Name: func(p api.AnomalyPoint) string { return timeWord(p.Time, index) },
		Columns: []output.Column[api.AnomalyPoint]{
			col("time", func(p api.AnomalyPoint) string { return timeWord(p.Time, index) }),
			num("value", func(p api.AnomalyPoint) string { return value(p.Value) }),
			num("expected", func(p api.AnomalyPoint) string { return output.Number(p.Expected) }),
			num("lower", func(p api.AnomalyPoint) string { return output.Number(p.Lower) }),
			num("upper", func(p api.AnomalyPoint) string { return output.Number(p.Upper) }),
			num("score", func(p api.AnomalyPoint) string { return output.Number(p.Score) }),
		},
	}
}

// timeWord shows a point's place: its number in a series without times.
func timeWord(t time.Time, index bool) string {
	t = t.UTC()
	switch {
	case index:
		return fmt.Sprint(t.Unix())
	case t.Equal(t.Truncate(24 * time.Hour)):
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

func writeNotes(w io.Writer, styles term.Styles, notes []api.SeriesNote) error {
	for _, n := range notes {
		if _, err := fmt.Fprintf(w, "%s %s\n", styles.Muted("note:"), term.SafeLine(n.Message)); err != nil {
			return err
		}
	}
	return nil
}

func (c *predictCommand) showForecast(cmd *cobra.Command, p *output.Printer, s source, f api.Forecast) error {
	if err := c.drawForecast(cmd, p, s, f); err != nil {
		return err
	}
	// A first passage is looked for far ahead: its answer is the point, and the
	// steps are in the other formats.
	if p.Format().Kind != output.Graph && f.Passage == nil {
		if err := output.List(p, forecastColumns(f, s.index), f.Points); err != nil {
			return err
		}
	}
	if err := c.sayPassage(p, f.Passage); err != nil {
		return err
	}
	w, st := c.f.IO.Err, c.f.IO.ErrStyles()
	season := "no season"
	if f.Season > 1 {
		season = fmt.Sprintf("a season of %d steps", f.Season)
	}
	c.f.Say("\nmodel %s, %s, step %s", f.Model, season, f.Step)
	if b := f.Backtest; b.MASE != nil {
		c.f.Say("backtest over %d folds: MASE %s%s", b.Folds, output.Number(*b.MASE), coverage(b))
	}
	return writeNotes(w, st, f.Notes)
}

func coverage(b api.Backtest) string {
	out := ""
	for _, c := range b.Coverage {
		out += fmt.Sprintf(", %s%% inside the %g%% interval", output.Number(c.Actual), c.Level)
	}
	return out
}

func (c *predictCommand) showAnomalies(cmd *cobra.Command, p *output.Printer, s source, a api.Anomalies, odd []api.AnomalyPoint) error {
	if err := c.drawAnomalies(cmd, p, s, a); err != nil {
		return err
	}
	if p.Format().Kind != output.Graph {
		if err := output.List(p, anomalyColumns(s.index), odd); err != nil {
			return err
		}
	}
	c.f.Say("\n%d of %d observations do not fit", a.Anomalies, len(a.Points))
	return writeNotes(c.f.IO.Err, c.f.IO.ErrStyles(), a.Notes)
}
