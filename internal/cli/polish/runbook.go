package polish

import (
	"fmt"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	render "github.com/aictl/aictl/internal/markdown"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// runbookRuns set the views of runbooks; running one is a command of its own.
func runbookRuns(f *factory.Factory) map[string]Run {
	list(f.Views, api.RunbooksList, RunbookView)
	f.Views[api.RunbooksShow.ID] = func(p *output.Printer, out any) error {
		return ShowRunbook(f, p, out.(api.Runbook)) //nolint:forcetypeassert // the declaration says so
	}
	return nil
}

// RunbookView is the table of runbooks.
var RunbookView = output.View[api.Runbook]{
	Kind: "runbook", Name: func(r api.Runbook) string { return r.Name },
	Columns: []output.Column[api.Runbook]{
		col("name", func(r api.Runbook) string { return r.Name }),
		col("alerts", func(r api.Runbook) string { return strings.Join(r.Alerts, ",") }),
		num("steps", func(r api.Runbook) string { return fmt.Sprint(len(r.Steps)) }),
		col("title", func(r api.Runbook) string { return r.Title }),
		col("source", func(r api.Runbook) string { return r.Source }),
	},
}

// ShowRunbook prints a runbook as a person reads it.
func ShowRunbook(f *factory.Factory, p *output.Printer, r api.Runbook) error {
	if !p.Human() {
		return p.Print(r)
	}
	_, err := fmt.Fprintln(p.Out(), render.Render(term.Safe(r.Text), min(f.IO.Width, 100), p.Env().Styles))
	return err
}
