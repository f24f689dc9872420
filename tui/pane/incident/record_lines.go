package incident

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/say"
)

// incidentLines are an incident as a person reads it: what is known, then what
// is not.
func (p *Pane) incidentLines(page *say.Page, in *api.Incident) {
	th := p.env.Theme
	page.Text("", th.Bold, in.Title)
	page.Text("", th.Muted, fmt.Sprintf("%s, %s, opened %s ago by %s, held by %s", in.ID, in.State, say.Ago(p.env, in.Opened), in.OpenedBy, in.Owner))
	page.Text("", th.Muted, say.Clock(p.env, in.From)+" to "+say.Clock(p.env, in.To))
	for _, u := range say.Backends("", in.Unknown) {
		page.Add(u.Line(th))
	}
	for _, s := range in.Subjects {
		if s.Why == nil {
			page.Head(s.Name + ": no data")
			continue
		}
		page.Head(s.Name + ": " + verdictWords(s.Why.Verdict))
		page.Text("  ", th.Text, s.Why.Summary)
		if c := s.Why.Candidates; len(c) > 0 && c[0].Command != "" {
			page.Text("  → ", th.Accent, c[0].Command)
		}
	}
	if len(in.Impact) > 0 {
		page.Head("Impact")
	}
	for _, i := range in.Impact {
		page.Text("  ", th.Text, fmt.Sprintf("%-18s %-26s %s  %s", i.Service, strings.ReplaceAll(i.Name, "_", " "), amount(i), i.ID))
	}
	p.detectionLines(page, &in.Detection)
	for _, n := range in.Notes {
		page.Head("Note of " + n.By + ", " + say.Clock(p.env, n.Time))
		page.Text("  ", th.Text, n.Text)
	}
	for _, r := range in.Runs {
		page.Head(fmt.Sprintf("Runbook %s: %s, run by %s", r.Runbook, r.Outcome, r.By))
		for _, s := range r.Results {
			style, word := th.OK, "ok"
			if !s.OK {
				style, word = th.Bad, fmt.Sprintf("exit %d", s.Exit)
			}
			page.Text(fmt.Sprintf("  %d. ", s.Step), style, word+"  "+s.Kind+"  "+s.Command)
			page.Text("     ", th.Muted, s.Note)
		}
	}
	if len(in.Timeline.Rows) > 0 {
		page.Head(fmt.Sprintf("Timeline (%d rows)", len(in.Timeline.Rows)))
	}
	for _, r := range in.Timeline.Rows {
		e := event{TimelineRow: r}
		page.Text("  "+th.Muted.Render(say.Clock(p.env, r.Time))+" ", p.kindStyle(r.Kind), p.kindWords(r.Kind)+"  "+strings.TrimSpace(r.Service+"  "+eventWords(&e)))
	}
	for _, w := range in.Warnings {
		page.Text("! ", th.Warn, w)
	}
}

func (p *Pane) detectionLines(page *say.Page, d *api.IncidentDetection) {
	page.Head("Detection")
	for _, m := range []struct {
		name   string
		moment api.IncidentMoment
		after  *op.Duration
	}{
		{"onset", d.Onset, nil}, {"alert", d.Alert, d.TTD}, {"ack", d.Ack, d.TTA}, {"mitigation", d.Mitigation, d.TTM}, {"recovery", d.Recovery, d.TTR},
	} {
		at := "not known"
		if m.moment.Time != nil {
			at = say.Clock(p.env, *m.moment.Time)
		}
		if m.after != nil {
			at += " after " + say.Long(*m.after)
		}
		page.Field("  "+m.name, strings.TrimSpace(at+"  "+m.moment.Text))
	}
}

// amount is one number of the impact.
func amount(i api.IncidentImpact) string {
	switch {
	case i.Value == nil:
		return "no data"
	case i.Unit == "ratio":
		return fmt.Sprintf("%.2f %%", 100*float64(*i.Value))
	case i.Unit == "minutes":
		return fmt.Sprintf("%.1f min", float64(*i.Value))
	}
	return strings.TrimSpace(fmt.Sprintf("%.0f %s", float64(*i.Value), i.Unit))
}

// reportLines are the draft of the post-mortem.
func (p *Pane) reportLines(page *say.Page, r *api.IncidentReport) {
	page.Add(say.Markdown(p.env.Theme, r.Markdown, page.Width())...)
	if n := r.Narrative; n != nil {
		page.Head(fmt.Sprintf("Narrative (%d sentences kept, %d dropped)", n.Kept, n.Dropped))
		page.Text("  ", p.env.Theme.Text, n.Text)
	}
}

// runbookLines are a runbook with its steps.
func (p *Pane) runbookLines(page *say.Page, r *api.Runbook) {
	th := p.env.Theme
	page.Text("", th.Bold, r.Title)
	page.Field("For", strings.Join(r.Alerts, " "))
	page.Field("From", r.Source)
	if len(r.Steps) > 0 {
		page.Head("Steps")
	}
	for _, s := range r.Steps {
		page.Text(fmt.Sprintf("  %d. ", s.Number), th.Accent, s.Line)
		var notes []string
		for _, n := range []struct{ what, value string }{{"", s.Kind}, {"expects ", s.Expect}, {"on failure ", s.Failed}} {
			if n.value != "" {
				notes = append(notes, n.what+n.value)
			}
		}
		page.Text("     ", th.Muted, strings.Join(notes, ", "))
	}
	page.Text("", th.Muted, "aictl runbook run "+r.Name+" runs them, one after the other")
	page.Blank()
	page.Add(say.Markdown(th, r.Text, page.Width())...)
}

// eventPage is one row of the timeline in full.
func (p *Pane) eventPage(e *event) *page {
	row := *e
	f := &page{title: row.Kind, subject: p.Subject(), next: row.Show, context: row.Context}
	f.draw = func(page *say.Page) {
		th := p.env.Theme
		page.Text("", p.kindStyle(row.Kind), p.kindWords(row.Kind)+"  "+row.Title)
		page.Field("Time", span(p, row.Time, row.End))
		if row.Within > 0 {
			page.Field("Within", say.Long(row.Within))
		}
		page.Field("Service", row.Service)
		page.Field("Source", row.Source)
		page.Field("Who", row.Actor)
		page.Field("Why", row.Reason)
		page.Field("Id", row.ID)
		page.Text("? ", th.Accent, row.Show)
		if row.Text != "" {
			page.Blank()
			page.Text("", th.Text, row.Text)
		}
	}
	return f
}

func span(p *Pane, from time.Time, to *time.Time) string {
	if to == nil {
		return say.Clock(p.env, from)
	}
	return say.Clock(p.env, from) + " to " + say.Clock(p.env, *to)
}

// changePage is one change in full.
func (p *Pane) changePage(c *change) *page {
	row := *c
	f := &page{title: row.Kind, subject: p.Subject(), next: row.Show, act: row.Undo, context: row.Context}
	f.draw = func(page *say.Page) {
		page.Text("", p.kindStyle(row.Kind), p.kindWords(row.Kind)+"  "+row.Summary)
		p.changeLines(page, &row.Change)
	}
	return f
}

func (p *Pane) changeLines(page *say.Page, c *api.Change) {
	th := p.env.Theme
	page.Field("Time", say.Clock(p.env, c.Time)+" ("+say.Ago(p.env, c.Time)+" ago)")
	if c.Within > 0 {
		page.Field("Within", say.Long(c.Within))
	}
	page.Field("Object", c.Object)
	page.Field("Services", strings.Join(c.Services, " "))
	page.Field("Who", c.Actor)
	page.Field("Why", c.Reason)
	page.Field("Source", c.Source)
	page.Field("Id", c.ID)
	for _, d := range c.Changes {
		style, sign := th.Changed, "~"
		switch d.Action {
		case "added":
			style, sign = th.Added, "+"
		case "removed":
			style, sign = th.Removed, "-"
		}
		words := strings.TrimSpace(d.Where + " " + d.Kind + " " + d.Name)
		switch {
		case d.Old != "" && d.New != "":
			words += ": " + d.Old + " → " + d.New
		case d.Old+d.New != "":
			words += ": " + d.Old + d.New
		}
		page.Text("  "+sign+" ", style, words)
	}
	if c.Undo != "" {
		page.Text("→ ", th.Accent, c.Undo)
	}
	if c.Show != "" {
		page.Text("? ", th.Accent, c.Show)
	}
}
