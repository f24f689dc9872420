package polish

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

var changeView = output.View[api.Change]{
	Kind: "change", Name: func(c api.Change) string { return c.ID },
	Columns: []output.Column[api.Change]{
		{Header: "time", Value: func(c api.Change, e output.Env) string { return e.Time(c.Time) }},
		{Header: "ago", Value: func(c api.Change, e output.Env) string { return e.Ago(c.Time) }},
		{Header: "kind", Value: plain(func(c api.Change) string { return c.Kind }), Style: func(c api.Change, _ output.Env) term.Style { return changeStyle(c.Kind) }},
		col("object", func(c api.Change) string { return c.Object }),
		col("what", func(c api.Change) string { return c.Summary }),
		col("who", func(c api.Change) string { return c.Actor }),
		col("why", func(c api.Change) string { return c.Reason }),
		wide("namespace", func(c api.Change) string { return c.Namespace }),
		wide("source", func(c api.Change) string { return c.Source }),
		{Header: "skew", Wide: true, Value: plain(func(c api.Change) string {
			if c.Skew == 0 {
				return ""
			}
			return output.Duration(time.Duration(c.Skew))
		})},
		wide("services", func(c api.Change) string { return strings.Join(c.Services, ",") }),
		wide("undo", func(c api.Change) string { return c.Undo }),
		wide("id", func(c api.Change) string { return c.ID }),
	},
}

func changeStyle(kind string) term.Style {
	switch kind {
	case api.ChangeRollout, api.ChangeCanary, api.ChangeDelete:
		return term.Bold
	case api.ChangeConfig, api.ChangeSecret, api.ChangeNode, api.ChangeSettings:
		return term.Warn
	}
	return term.Muted
}

type changesCommand struct{ f *factory.Factory }

func changesRuns(f *factory.Factory) map[string]Run {
	c := &changesCommand{f}
	f.Views[api.ChangesList.ID] = c.show
	return map[string]Run{api.ChangesList.ID: c.run}
}

func changesFlags(f *factory.Factory, cmd *cobra.Command) {
	windowFlags(f, cmd)
	allNamespacesFlag(f, cmd)
}

func (c *changesCommand) run(cmd *cobra.Command, in any) error {
	q := in.(*api.ChangeFilter) //nolint:forcetypeassert // the declaration says so
	if err := spanOf(c.f, cmd, &q.From, &q.To); err != nil {
		return err
	}
	if err := (&deployCommand{f: c.f}).namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	return c.f.Run(cmd.Context(), api.ChangesList, q)
}

// spanOf reads --since, --from and --to; what is not given stays zero.
func spanOf(f *factory.Factory, cmd *cobra.Command, from, to *time.Time) error {
	since, begin, end := text(cmd, "since"), text(cmd, "from"), text(cmd, "to")
	if since == "" && begin == "" && end == "" {
		return nil
	}
	w, err := when.ParseWindow(since, begin, end, f.Now(), time.Local, time.Hour)
	if err != nil {
		return err
	}
	if since != "" || begin != "" {
		*from = w.From.UTC()
	}
	if end != "" {
		*to = w.To.UTC()
	}
	return nil
}

func (c *changesCommand) show(p *output.Printer, out any) error {
	l := out.(api.ChangeList) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		if err := p.Print(l); err != nil {
			return err
		}
		return partial(c.f, l.Failed)
	}
	if err := output.List(p, changeView, l.Changes); err != nil {
		return err
	}
	if len(l.Changes) == 0 && len(l.Failed) == 0 {
		c.f.Say("Nothing is known to have changed between %s and %s.", p.Env().Time(l.From), p.Env().Time(l.To))
	}
	for _, w := range l.Warnings {
		c.f.Say("%s", term.SafeLine(w))
	}
	return partial(c.f, l.Failed)
}
