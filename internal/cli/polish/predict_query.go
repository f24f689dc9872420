package polish

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/series"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

// queryFlags take a series from the context's metrics in place of a file.
func queryFlags(cmd *cobra.Command) {
	cmd.Flags().String("query", "", "take the series from this PromQL expression")
	cmd.Flags().String("since", "", "with --query: begin this long ago (7d); a week where absent")
	cmd.Flags().String("from", "", "with --query: begin at this time")
	cmd.Flags().String("to", "", "with --query: end at this time; now where absent")
	cmd.Flags().Bool("each", false, "with --query: predict every series of the answer by itself")
}

// queried asks the metrics of the context for the expression of --query, and
// gives a source for each series: one, or with --each any number.
func (c *predictCommand) queried(ctx context.Context, cmd *cobra.Command, caller op.Caller, step string) ([]source, error) {
	query := text(cmd, "query")
	if len(cmd.Flags().Args()) > 0 {
		return nil, fail.New(fail.Usage, "--query and a file both say where the series comes from").Hint("give one of them")
	}
	w, err := when.ParseWindow(text(cmd, "since"), text(cmd, "from"), text(cmd, "to"), c.f.Now(), time.Local, 7*24*time.Hour)
	if err != nil {
		return nil, err
	}
	in := api.MetricRangeInput{Query: query, From: w.From.UTC(), To: w.To.UTC()}
	if step != "" {
		d, err := when.Duration(step)
		if err != nil || d <= 0 {
			return nil, fail.New(fail.Usage, "%.40q is not a step of a PromQL expression", step).Hint("--step 1h")
		}
		in.Step = op.Duration(d)
	}
	m := &metricsCommand{c.f}
	out, err := api.MetricsRange.Call(ctx, caller, in)
	if err != nil {
		return nil, m.located(query, err)
	}
	m.notes(out.Warnings, out.Infos)
	each, err := cmd.Flags().GetBool("each")
	if err != nil {
		return nil, err
	}
	switch n := len(out.Series); {
	case n == 0:
		return nil, fail.New(fail.Inconclusive, "the expression gives no series from %s to %s",
			w.From.Local().Format(time.DateTime), w.To.Local().Format(time.DateTime)).Hint("aictl metrics query %s", shellQuote(query))
	case n > 1 && !each:
		return nil, fail.New(fail.Usage, "the expression gives %d series, and a prediction takes one: %s", n, someNames(out.Series)).
			Hint("aggregate it (sum(…), max(…)), pick one by its labels, or predict all of them with --each")
	}
	sources := make([]source, 0, len(out.Series))
	grid := metrics.Window{From: out.From, To: out.To, Step: time.Duration(out.Step)}
	for _, s := range out.Series {
		one := source{name: metrics.Labels(s.Labels), labels: s.Labels, step: series.Step{Duration: time.Duration(out.Step)}.String()}
		seen := false
		for i, v := range grid.Grid(s) {
			if math.IsInf(v, 0) {
				v = math.NaN()
			}
			if seen = seen || !math.IsNaN(v); !seen {
				continue // before the series began
			}
			p := api.SeriesPoint{Time: grid.Time(i)}
			if !math.IsNaN(v) {
				p.Value = &v
			}
			one.points = append(one.points, p)
			one.observed = append(one.observed, series.Point{Time: p.Time, Value: v})
		}
		sources = append(sources, one)
	}
	return sources, nil
}

// someNames lists the first series of many.
func someNames(list []api.MetricSeries) string {
	const show = 5
	names := []string{}
	for i, s := range list {
		if i == show {
			names = append(names, "…")
			break
		}
		names = append(names, metrics.Labels(s.Labels))
	}
	return strings.Join(names, ", ")
}

// shellQuote makes a word that a shell gives back unchanged.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// horizonUntil is how far a question for the first passage looks, where no
// horizon is given: as far ahead as the series goes back.
func horizonUntil(points int) int { return min(max(points, 12), 1000) }

// sayPassage tells when a value is reached.
func (c *predictCommand) sayPassage(p *output.Printer, a *api.Passage) error {
	if a == nil {
		return nil
	}
	now := p.Env().Now
	when := func(t time.Time) string {
		at := t.Local().Format("2006-01-02 15:04")
		if d := t.Sub(now); d > 0 {
			return at + ", in " + output.Duration(d)
		}
		return at
	}
	var b strings.Builder
	st := p.Env().Styles
	if a.Direction == "reached" {
		fmt.Fprintf(&b, "\n%s\n", st.Bold(fmt.Sprintf("The last observation is at %s already.", output.Number(a.Value))))
	} else {
		fmt.Fprintf(&b, "\n%s\n", st.Bold(fmt.Sprintf("First reaches %s, %s:", output.Number(a.Value), a.Direction)))
		for _, q := range a.Quantiles {
			text := "not before " + when(a.Horizon) + " (the horizon)"
			if q.Time != nil {
				text = "by " + when(*q.Time)
			}
			fmt.Fprintf(&b, "  with %2.0f %% probability %s\n", 100*q.Quantile, text)
		}
		fmt.Fprintf(&b, "  within the horizon with %.0f %%\n", 100*a.Probability)
	}
	_, err := p.Out().Write([]byte(b.String()))
	return err
}

// named is one of several predictions.
type named[Out any] struct {
	Labels map[string]string `json:"labels"`
	Result Out               `json:"result"`
}

// heading stands before one of several predictions.
func (c *predictCommand) heading(p *output.Printer, s source) error {
	_, err := fmt.Fprintf(p.Out(), "%s\n", p.Env().Styles.Bold(term.SafeLine(s.name)))
	return err
}
