package polish

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/incident/timeline"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

type timelineCommand struct{ f *factory.Factory }

func timelineRuns(f *factory.Factory) map[string]Run {
	c := &timelineCommand{f}
	f.Views[api.TimelineShow.ID] = c.show
	return map[string]Run{api.TimelineShow.ID: c.run}
}

func timelineFlags(f *factory.Factory, cmd *cobra.Command) {
	changesFlags(f, cmd)
	permit(cmd, output.Markdown, output.SVG)
}

func (c *timelineCommand) run(cmd *cobra.Command, in any) error {
	q := in.(*api.TimelineInput) //nolint:forcetypeassert // the declaration says so
	if err := spanOf(c.f, cmd, &q.From, &q.To); err != nil {
		return err
	}
	if err := (&deployCommand{f: c.f}).namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	return c.f.Run(cmd.Context(), api.TimelineShow, q)
}

func (c *timelineCommand) show(p *output.Printer, out any) error {
	t := out.(api.Timeline) //nolint:forcetypeassert // the declaration says so
	var err error
	switch p.Format().Kind { //nolint:exhaustive // the others are the printer's
	case output.Markdown:
		_, err = io.WriteString(p.Out(), timeline.Markdown(t, time.UTC))
	case output.SVG:
		_, err = io.WriteString(p.Out(), timeline.SVG(t, time.UTC))
	default:
		if !p.Human() {
			err = p.Print(t)
			break
		}
		err = c.draw(p, t)
	}
	if err != nil {
		return err
	}
	return partial(c.f, t.Failed)
}

// signs tell kinds apart without colour.
var signs = map[string]string{
	"alert": "▲", "resolved": "▽", "rollout": "●", "canary": "●", "scale": "◆", "autoscale": "◇", "config": "■", "secret": "■", "settings": "■", "node": "⬟",
	"pattern": "≡", "metric": "∿", "onset": "∿", "ack": "✓", "silence": "∅", "pause": "‖", "delete": "✗", "action": "·", "note": "✎",
}

func (c *timelineCommand) draw(p *output.Printer, t api.Timeline) error {
	st, env := p.Env().Styles, p.Env()
	var b strings.Builder
	day, minute := "", ""
	width := 0
	for _, r := range t.Rows {
		width = max(width, term.Width(r.Service))
	}
	width = min(width, 24)
	for _, r := range t.Rows {
		at := r.Time.In(env.Zone)
		if d := at.Format("2006-01-02"); d != day {
			day = d
			fmt.Fprintf(&b, "%s\n", st.Bold(at.Format("Monday, 2 January 2006 (MST)")))
		}
		clock := at.Format("15:04:05")
		if m := at.Format("15:04"); m == minute {
			clock = st.Muted("     " + at.Format(":05"))
		} else {
			minute = m
		}
		sign := signs[r.Kind]
		if sign == "" || c.f.IO.ASCIIOnly() {
			sign = "*"
		}
		words := term.SafeLine(r.Title)
		if r.Actor != "" {
			words += " by " + term.SafeLine(r.Actor)
		}
		if r.Reason != "" {
			words += " (" + term.SafeLine(r.Reason) + ")"
		}
		line := fmt.Sprintf("%s %s %-9s %s  %s", clock, sign, r.Kind, term.PadRight(term.Truncate(term.SafeLine(r.Service), width), width), words)
		if c.f.IO.StdoutTTY {
			line = term.Truncate(line, c.f.IO.Width)
		}
		fmt.Fprintln(&b, st.Apply(rowStyle(r.Kind), line))
	}
	if _, err := io.WriteString(p.Out(), b.String()); err != nil {
		return err
	}
	if t.More > 0 {
		c.f.Say("%d earlier rows are left out: --limit %d shows them.", t.More, len(t.Rows)+t.More)
	}
	if len(t.Rows) == 0 && len(t.Failed) == 0 {
		c.f.Say("Nothing is known to have happened between %s and %s.", env.Time(t.From), env.Time(t.To))
	}
	for _, w := range t.Warnings {
		c.f.Say("%s", term.SafeLine(w))
	}
	return nil
}

func rowStyle(kind string) term.Style {
	switch kind {
	case "alert":
		return term.Bad
	case "resolved":
		return term.OK
	case "rollout", "canary", "delete", "config", "secret", "settings", "node", "scale":
		return term.Bold
	case "metric", "pattern", "onset":
		return term.Warn
	}
	return term.Plain
}
