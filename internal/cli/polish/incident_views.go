package polish

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

func (c *incidentCommand) views() {
	list(c.f.Views, api.IncidentsList, output.View[api.IncidentSummary]{
		Kind: "incident", Name: func(i api.IncidentSummary) string { return i.ID },
		Columns: []output.Column[api.IncidentSummary]{
			col("id", func(i api.IncidentSummary) string { return i.ID }),
			{Header: "state", Value: plain(func(i api.IncidentSummary) string { return i.State }), Style: func(i api.IncidentSummary, _ output.Env) term.Style {
				if i.State == api.IncidentOpen {
					return term.Warn
				}
				return term.Muted
			}},
			col("title", func(i api.IncidentSummary) string { return i.Title }),
			col("owner", func(i api.IncidentSummary) string { return i.Owner }),
			{Header: "opened", Value: func(i api.IncidentSummary, e output.Env) string { return e.Ago(i.Opened) }},
			col("verdict", func(i api.IncidentSummary) string { return i.Verdict }),
			wide("subjects", func(i api.IncidentSummary) string { return strings.Join(i.Subjects, ",") }),
			{Header: "notes", Right: true, Wide: true, Value: plain(func(i api.IncidentSummary) string { return fmt.Sprint(i.Notes) })},
			{Header: "runs", Right: true, Wide: true, Value: plain(func(i api.IncidentSummary) string { return fmt.Sprint(i.Runs) })},
		},
	})
	for _, id := range []string{api.IncidentsShow.ID, api.IncidentsOpen.ID, api.IncidentsRefresh.ID, api.IncidentsClose.ID, api.IncidentsNote.ID} {
		c.f.Views[id] = c.detail
	}
	c.f.Views[api.IncidentsEvidence.ID] = func(p *output.Printer, out any) error {
		if !p.Human() {
			return p.Print(out)
		}
		f := out.(api.Fact) //nolint:forcetypeassert // the declaration says so
		_, err := fmt.Fprintf(p.Out(), "%s  %s  %s\n%s\n\n  %s\n", term.SafeLine(f.ID), term.SafeLine(f.Kind), p.Env().Time(f.Time), term.SafeLine(f.Text), term.SafeLine(f.Show))
		return err
	}
	c.f.Views[api.IncidentsReport.ID] = func(p *output.Printer, out any) error {
		if !p.Human() {
			return p.Print(out)
		}
		r := out.(api.IncidentReport) //nolint:forcetypeassert // the declaration says so
		_, err := fmt.Fprint(p.Out(), term.Safe(r.Markdown))
		return err
	}
	c.f.Views[api.IncidentsExport.ID] = func(p *output.Printer, out any) error {
		if !p.Human() {
			return p.Print(out)
		}
		for _, f := range out.(api.IncidentExported).Files { //nolint:forcetypeassert // the declaration says so
			if _, err := fmt.Fprintf(p.Out(), "%7d  %s\n", len(f.Body), term.SafeLine(f.Name)); err != nil {
				return err
			}
		}
		c.f.Say("--to DIRECTORY, FILE.zip or FILE.tar writes them.")
		return nil
	}
}

var _ factory.View = (*incidentCommand)(nil).detail

// detail is an incident as a person reads it: what is known, then what is not.
func (c *incidentCommand) detail(p *output.Printer, out any) error {
	if !p.Human() {
		return p.Print(out)
	}
	in := out.(api.Incident) //nolint:forcetypeassert // the declaration says so
	env, st := p.Env(), p.Env().Styles
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s\n", st.Bold(term.SafeLine(in.ID)), term.SafeLine(in.State), term.SafeLine(in.Title))
	fmt.Fprintf(&b, "opened %s by %s, held by %s; %s to %s\n", env.Ago(in.Opened), term.SafeLine(in.OpenedBy), term.SafeLine(in.Owner), env.Time(in.From), env.Time(in.To))
	for _, s := range in.Subjects {
		if s.Why == nil {
			fmt.Fprintf(&b, "\n%s: %s\n", term.SafeLine(s.Name), st.Apply(term.Warn, "no data"))
			continue
		}
		fmt.Fprintf(&b, "\n%s: %s\n  %s\n", st.Bold(term.SafeLine(s.Name)), term.SafeLine(s.Why.Verdict), term.SafeLine(s.Why.Summary))
		if len(s.Why.Candidates) > 0 && s.Why.Candidates[0].Command != "" {
			fmt.Fprintf(&b, "  → %s\n", term.SafeLine(s.Why.Candidates[0].Command))
		}
	}
	if len(in.Impact) > 0 {
		b.WriteString("\nImpact\n")
	}
	for _, i := range in.Impact {
		fmt.Fprintf(&b, "  %-16s %-24s %s  %s\n", term.SafeLine(i.Service), strings.ReplaceAll(term.SafeLine(i.Name), "_", " "), amountWords(i), st.Muted(term.SafeLine(i.ID)))
	}
	b.WriteString("\nDetection\n")
	for _, m := range []struct {
		name string
		m    api.IncidentMoment
		d    *op.Duration
	}{
		{"onset", in.Detection.Onset, nil},
		{"alert", in.Detection.Alert, in.Detection.TTD},
		{"acknowledged", in.Detection.Ack, in.Detection.TTA},
		{"mitigation", in.Detection.Mitigation, in.Detection.TTM},
		{"recovery", in.Detection.Recovery, in.Detection.TTR},
	} {
		at, after := "not known", ""
		if m.m.Time != nil {
			at = env.Time(*m.m.Time)
		}
		if m.d != nil {
			after = "after " + output.Duration(time.Duration(*m.d))
		}
		fmt.Fprintf(&b, "  %-13s %s %s %s\n", m.name, at, after, st.Muted(term.SafeLine(m.m.Text)))
	}
	if n := len(in.Timeline.Rows); n > 0 {
		fmt.Fprintf(&b, "\nTimeline (%d rows)\n", n)
		for _, r := range in.Timeline.Rows[max(0, n-15):] {
			fmt.Fprintf(&b, "  %s  %-9s %s  %s\n", env.Time(r.Time), term.SafeLine(r.Kind), term.SafeLine(r.Title), st.Muted(term.SafeLine(r.ID)))
		}
	}
	for _, n := range in.Notes {
		fmt.Fprintf(&b, "\nNote %s of %s, %s\n  %s\n", n.ID, term.SafeLine(n.By), env.Time(n.Time), term.SafeLine(n.Text))
	}
	for _, r := range in.Runs {
		fmt.Fprintf(&b, "\nRunbook %s (%s): %s, %d steps\n", term.SafeLine(r.Runbook), r.ID, term.SafeLine(r.Outcome), len(r.Results))
	}
	if len(in.Unknown) > 0 {
		b.WriteString("\nNot known\n")
	}
	for _, u := range in.Unknown {
		fmt.Fprintf(&b, "  no data from %s: %s\n", term.SafeLine(u.Backend), term.SafeLine(u.Message))
	}
	_, err := fmt.Fprint(p.Out(), b.String())
	return err
}
