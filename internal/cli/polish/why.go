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
	"github.com/aictl/aictl/internal/incident/timeline"
	"github.com/aictl/aictl/internal/incident/why"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/internal/term"
)

type whyCommand struct{ f *factory.Factory }

func whyRuns(f *factory.Factory) map[string]Run {
	c := &whyCommand{f}
	f.Views[api.WhyAsk.ID] = c.show
	return map[string]Run{api.WhyAsk.ID: c.run}
}

func whyFlags(f *factory.Factory, cmd *cobra.Command) {
	windowFlags(f, cmd)
	permit(cmd, output.Markdown)
}

func (c *whyCommand) run(cmd *cobra.Command, in any) error {
	q := in.(*api.WhyInput) //nolint:forcetypeassert // the declaration says so
	if err := spanOf(c.f, cmd, &q.From, &q.To); err != nil {
		return err
	}
	if err := (&deployCommand{f: c.f}).namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	return c.f.Run(cmd.Context(), api.WhyAsk, q)
}

func (c *whyCommand) show(p *output.Printer, out any) error {
	w := out.(api.Why) //nolint:forcetypeassert // the declaration says so
	if p.Format().Kind == output.Markdown {
		if _, err := io.WriteString(p.Out(), why.Markdown(w, time.UTC, timeline.Cell)); err != nil {
			return err
		}
		return whyOutcome(w)
	}
	if !p.Human() {
		if err := p.Print(w); err != nil {
			return err
		}
		return whyOutcome(w)
	}
	var b strings.Builder
	c.draw(&b, p, w)
	if _, err := fmt.Fprint(p.Out(), b.String()); err != nil {
		return err
	}
	for _, u := range w.Unknown {
		c.f.Say("no data from %s: %s", u.Backend, term.SafeLine(u.Message))
	}
	for _, text := range w.Warnings {
		c.f.Say("%s", term.SafeLine(text))
	}
	return whyOutcome(w)
}

// whyOutcome is the exit code: what could not be looked at is said by it, too.
func whyOutcome(w api.Why) error {
	names := make([]string, len(w.Unknown))
	for i, u := range w.Unknown {
		names[i] = u.Backend
	}
	switch {
	case w.Verdict == api.WhyNoData:
		return fail.New(fail.Inconclusive, "too little is known to tell").Hint("aictl doctor")
	case len(names) > 0:
		return fail.New(fail.Partial, "the answer stands on a part of the evidence: no data from %s", strings.Join(names, ", ")).Hint("aictl doctor")
	}
	return nil
}

// draw writes the answer for a person: the sentence first, then what it stands
// on.
func (c *whyCommand) draw(b *strings.Builder, p *output.Printer, w api.Why) {
	st, env := p.Env().Styles, p.Env()
	fmt.Fprintf(b, "%s\n", st.Apply(verdictStyle(w.Verdict), term.Safe(w.Summary)))
	if len(w.Candidates) > 0 && w.Candidates[0].Command != "" && (w.Verdict == api.WhyCause || w.Verdict == api.WhyNoChange) {
		fmt.Fprintf(b, "\n  %s\n", st.Bold(term.SafeLine(w.Candidates[0].Command)))
	}
	fmt.Fprintf(b, "\n%s", term.SafeLine(subjectWords(w, env)))
	if on := w.Symptom.Onset; on != nil {
		fmt.Fprintf(b, "; it began at %s (%s, within %s)", env.Time(*on), env.Ago(*on), output.Duration(time.Duration(w.Symptom.OnsetWithin)))
	}
	b.WriteString("\n")
	c.plot(b, p, w)
	for _, x := range w.Candidates {
		c.candidate(b, p, x)
	}
	if len(w.Cleared) > 0 {
		fmt.Fprintf(b, "\nLooked at and cleared:\n")
		for i, x := range w.Cleared {
			if i == 5 {
				fmt.Fprintf(b, "  and %d more: -o json has them\n", len(w.Cleared)-i)
				break
			}
			fmt.Fprintf(b, "  %s  %s\n            %s\n", env.Time(x.Change.Time), term.SafeLine(x.Change.Summary), st.Muted(term.SafeLine(x.Why)))
		}
	}
}

func subjectWords(w api.Why, env output.Env) string {
	s := w.Subject.Name
	if w.Subject.Kind == "alert" {
		if w.Subject.Service != "" {
			s += " of " + w.Subject.Service
		}
		switch {
		case !w.Subject.Started.IsZero():
			s += fmt.Sprintf(" (%s since %s)", w.Subject.State, env.Time(w.Subject.Started))
		case w.Subject.State != "":
			s += " (" + w.Subject.State + ")"
		}
	}
	return s
}

func verdictStyle(v string) term.Style {
	switch v {
	case api.WhyHealthy:
		return term.OK
	case api.WhyCause, api.WhyNoChange:
		return term.Bold
	}
	return term.Warn
}

// plot draws the symptom with its threshold, its onset and the changes.
func (c *whyCommand) plot(b *strings.Builder, p *output.Printer, w api.Why) {
	if len(w.Symptom.Values) == 0 {
		return
	}
	chart := plot.Chart{From: w.From, To: w.Time, Zone: time.Local}
	for i, s := range w.Symptom.Values {
		if i == 3 {
			break
		}
		one := plot.Series{Name: term.SafeLine(labelWords(s.Labels))}
		for _, v := range s.Samples {
			one.Points = append(one.Points, plot.Point{Time: v.Time, Value: float64(v.Value)})
		}
		chart.Series = append(chart.Series, one)
	}
	if w.Symptom.Threshold != nil {
		chart.Thresholds = []float64{float64(*w.Symptom.Threshold)}
	}
	if w.Symptom.Onset != nil {
		chart.Marks = append(chart.Marks, plot.Mark{Time: *w.Symptom.Onset, Text: "onset"})
	}
	for _, x := range w.Candidates {
		if x.Change != nil {
			chart.Marks = append(chart.Marks, plot.Mark{Time: x.Change.Time, Text: term.SafeLine(x.Object)})
		}
	}
	b.WriteString("\n")
	size := plot.Options{Width: min(c.f.IO.Width, 100), Height: 10, ASCII: c.f.IO.ASCIIOnly()}
	_ = writePlot(b, p.Env().Styles, plot.DrawChart(chart, size)) // a Builder takes everything
}

func (c *whyCommand) candidate(b *strings.Builder, p *output.Printer, x api.WhyCandidate) {
	st := p.Env().Styles
	fmt.Fprintf(b, "\n%d. %s  %s  %s\n", x.Rank, st.Bold(fmt.Sprintf("%3.0f %%", 100*float64(x.Confidence))), st.Muted(x.Kind), term.SafeLine(x.Title))
	if len(x.Path) > 1 {
		fmt.Fprintf(b, "   %s\n", st.Muted("through "+term.SafeLine(strings.Join(x.Path, " → "))))
	}
	for _, e := range x.Evidence {
		fmt.Fprintf(b, "   + %s\n", term.SafeLine(e.Text))
	}
	for _, a := range x.Against {
		fmt.Fprintf(b, "   - %s\n", st.Muted(term.SafeLine(a)))
	}
	if x.Command != "" {
		fmt.Fprintf(b, "   → %s\n", term.SafeLine(x.Command))
	}
	if x.Next != "" {
		fmt.Fprintf(b, "   ? %s\n", term.SafeLine(x.Next))
	}
}
