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
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// handoffParts is how many parts a handoff has: when all of them are unknown,
// nothing is known.
const handoffParts = 6

func handoffRuns(f *factory.Factory) map[string]Run {
	f.Views[api.HandoffShow.ID] = func(p *output.Printer, out any) error {
		return showHandoff(f, p, out.(api.Handoff)) //nolint:forcetypeassert // the declaration says so
	}
	return map[string]Run{api.HandoffShow.ID: func(cmd *cobra.Command, in any) error {
		q := in.(*api.HandoffInput) //nolint:forcetypeassert // the declaration says so
		if err := (&deployCommand{f: f}).namespace(cmd, &q.Namespace); err != nil {
			return err
		}
		return f.Run(cmd.Context(), api.HandoffShow, q)
	}}
}

func handoffFlags(f *factory.Factory, cmd *cobra.Command) {
	allNamespacesFlag(f, cmd)
	permit(cmd, output.Markdown)
}

func showHandoff(f *factory.Factory, p *output.Printer, h api.Handoff) error {
	var err error
	switch {
	case p.Format().Kind == output.Markdown:
		_, err = io.WriteString(p.Out(), handoffMarkdown(h))
	case !p.Human():
		err = p.Print(h)
	default:
		err = drawHandoff(p, h)
	}
	if err != nil {
		return err
	}
	var names []string
	for _, u := range h.Unknown {
		names = append(names, u.Backend)
		if p.Human() {
			f.Say("not looked at: %s: %s", u.Backend, term.SafeLine(u.Message))
		}
	}
	switch {
	case h.Actions > 0:
		return fail.New(fail.False, "%d things need action", h.Actions)
	case len(h.Unknown) >= handoffParts:
		return fail.New(fail.Inconclusive, "nothing could be looked at").Hint("aictl doctor")
	case len(names) > 0:
		return fail.New(fail.Partial, "not everything could be looked at: %s", strings.Join(names, ", ")).Hint("aictl doctor")
	}
	return nil
}

func drawHandoff(p *output.Printer, h api.Handoff) error {
	st, env := p.Env().Styles, p.Env()
	var b strings.Builder
	last := 0
	for _, i := range h.Items {
		group := 2
		if i.Action {
			group = 1
		}
		if group != last {
			last = group
			fmt.Fprintf(&b, "%s\n", st.Bold(map[int]string{1: "Needs action:", 2: "To know:"}[group]))
		}
		style := term.Plain
		if i.Action {
			style = term.Warn
		}
		fmt.Fprintf(&b, "  %s %s\n", st.Apply(style, term.PadRight(i.Kind, 9)), term.SafeLine(i.Text))
		if i.Command != "" && i.Action {
			fmt.Fprintf(&b, "            %s\n", st.Muted(term.SafeLine(i.Command)))
		}
	}
	switch {
	case len(h.Items) == 0 && len(h.Unknown) == 0:
		fmt.Fprintf(&b, "All quiet since %s.\n", env.Time(h.From))
	case len(h.Items) == 0:
		fmt.Fprintf(&b, "Nothing is known to need action since %s.\n", env.Time(h.From))
	}
	_, err := io.WriteString(p.Out(), b.String())
	return err
}

func handoffMarkdown(h api.Handoff) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Handoff at %s\n", h.Time.UTC().Format("2006-01-02 15:04 MST"))
	for _, part := range []struct {
		title  string
		action bool
	}{{"Needs action", true}, {"To know", false}} {
		begun := false
		for _, i := range h.Items {
			if i.Action != part.action {
				continue
			}
			if !begun {
				begun = true
				fmt.Fprintf(&b, "\n### %s\n\n", part.title)
			}
			fmt.Fprintf(&b, "- **%s** %s\n", i.Kind, timeline.Cell(i.Text))
		}
	}
	if len(h.Items) == 0 {
		fmt.Fprintf(&b, "\nNothing is known to need action since %s.\n", h.From.UTC().Format(time.RFC3339))
	}
	for _, u := range h.Unknown {
		fmt.Fprintf(&b, "\nNot looked at: %s: %s\n", timeline.Cell(u.Backend), timeline.Cell(u.Message))
	}
	return b.String()
}
