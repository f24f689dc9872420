package incident

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
)

// The slots of the pages that ask.
const (
	slotIncident = "incident"
	slotReport   = "report"
	slotRunbook  = "runbook"
)

// openIncident shows what is recorded of an incident.
func (p *Pane) openIncident(context, id string) tea.Cmd {
	context = p.env.Context(context).Name
	f := &page{title: "incident " + id, slot: slotIncident, context: context, id: id, command: p.command(context, "incident", "show", id), subject: pane.Subject{Context: context, Incident: id}}
	f.ask = func() tea.Cmd { return askPage(p, f, api.IncidentsShow, api.IncidentName{ID: id}) }
	p.push(f)
	return tea.Batch(f.ask(), ran(f.command))
}

// openReport shows the draft of the post-mortem.
func (p *Pane) openReport(context, id string) tea.Cmd {
	f := &page{title: "the report of " + id, slot: slotReport, context: context, id: id, command: p.command(context, "incident", "report", id), subject: pane.Subject{Context: context, Incident: id}}
	f.ask = func() tea.Cmd { return askPage(p, f, api.IncidentsReport, api.IncidentReportInput{ID: id}) }
	p.push(f)
	return tea.Batch(f.ask(), ran(f.command))
}

// openRunbook shows the runbook of an alert.
func (p *Pane) openRunbook(context, alert string) tea.Cmd {
	f := &page{title: "the runbook of " + alert, slot: slotRunbook, context: context, id: alert, command: p.command(context, "runbook", "show", alert), subject: p.Subject()}
	f.ask = func() tea.Cmd { return askPage(p, f, api.RunbooksShow, api.RunbookInput{Name: alert}) }
	p.push(f)
	return tea.Batch(f.ask(), ran(f.command))
}

func askPage[In, Out any](p *Pane, f *page, q *op.Query[In, Out], in In) tea.Cmd {
	f.asked, f.at = true, p.env.Now
	f.changes++
	return feed.Ask(p.env.Feeds, p.slot(f.slot), []feed.Context{p.env.Context(f.context)}, q, in)
}

// fill gives a page its text.
func (p *Pane) fill(f *page, a feed.Answer) tea.Cmd {
	f.changes++
	f.trouble = say.Contexts(a.Results)
	r := a.Results[0]
	if r.Err != nil { // what is there stays
		return nil
	}
	f.known, f.fresh = true, p.env.Now
	switch out := r.Out.(type) {
	case api.Incident:
		p.fillIncident(f, out)
	case api.IncidentReport:
		f.draw = func(page *say.Page) { p.reportLines(page, &out) }
	case api.Runbook:
		f.draw = func(page *say.Page) { p.runbookLines(page, &out) }
	}
	return nil
}

func (p *Pane) fillIncident(f *page, in api.Incident) {
	f.id = in.ID
	f.subject.Incident = in.ID
	if len(in.Subjects) > 0 && in.Subjects[0].Why != nil {
		x := in.Subjects[0].Why.Subject
		f.subject.Service, f.subject.Labels, f.subject.Namespace = x.Service, x.Labels, x.Namespace
		if x.Kind == "alert" {
			f.subject.Alert = x.Name
		}
		if c := in.Subjects[0].Why.Candidates; len(c) > 0 && in.State == api.IncidentOpen {
			f.act, f.next = c[0].Command, c[0].Next
		}
	}
	if t := in.Detection.Onset.Time; t != nil {
		f.subject.At = *t
	}
	f.draw = func(page *say.Page) { p.incidentLines(page, &in) }
}

// recorded shows an incident after it was changed.
func (p *Pane) recorded(c pane.Changed) tea.Cmd {
	in, ok := c.Out.(api.Incident)
	if c.Err != nil || !ok {
		return nil
	}
	context := p.recordIn
	if f := p.front(); f != nil && f.slot == slotIncident {
		f.known, f.fresh, f.trouble = true, p.env.Now, nil
		f.changes++
		p.fillIncident(f, in)
		return p.ask(viewIncidents)
	}
	cmd := p.openIncident(context, in.ID)
	p.fillIncident(p.front(), in)
	return tea.Batch(cmd, p.ask(viewIncidents))
}

// incidentAt is the incident that a hand is for: that of the page, or the one
// under the cursor.
func (p *Pane) incidentAt() (context, id string, ok bool) {
	if f := p.front(); f != nil {
		return f.context, f.id, f.slot == slotIncident || f.slot == slotReport
	}
	if p.view != viewIncidents {
		return "", "", false
	}
	i, ok := p.incidents.Current()
	if !ok {
		return "", "", false
	}
	return i.Context, i.ID, true
}

// askOpen asks what an incident is to be about.
func (p *Pane) askOpen() tea.Cmd {
	s := p.Subject()
	context := p.env.Context(s.Context).Name
	about := asked(s)
	return pane.Send(pane.Ask{
		Title: "Open an incident",
		Fields: []pane.Field{
			{Label: "about", Initial: about, Help: "alerts and services, with blanks between them", Required: true},
			{Label: "title", Help: "what people call it; made of the subjects where absent"},
		},
		Then: func(v []string) tea.Cmd {
			subjects := strings.Fields(v[0])
			from, _ := p.env.Bounds()
			in := &api.IncidentOpenInput{Subjects: slices.Clone(subjects), Title: v[1], From: from.UTC()}
			if p.env.Namespace != "*" {
				in.Namespace = p.env.Namespace
			}
			words := append([]string{"incident", "open"}, subjects...)
			if v[1] != "" {
				words = append(words, "--title", v[1])
			}
			words = p.inNamespace(append(words, "--since", p.since()), in.Namespace)
			p.recordIn = context
			return pane.Send(pane.Propose{Pane: name, Context: context, Change: api.IncidentsOpen, In: in, Command: p.command(context, words...)})
		},
	})
}

// since is where the window begins, as --since has it.
func (p *Pane) since() string {
	if p.env.Window.Live {
		return pane.Short(p.env.Window.Span)
	}
	from, _ := p.env.Bounds()
	return from.UTC().Format("2006-01-02T15:04:05Z")
}

// askNote asks for the operator's own words.
func (p *Pane) askNote(context, id string) tea.Cmd {
	return pane.Send(pane.Ask{
		Title:  "Note in incident " + id,
		Fields: []pane.Field{{Label: "note", Help: "what you saw or did", Required: true}},
		Then: func(v []string) tea.Cmd {
			return p.propose(context, op.UntypedChange(api.IncidentsNote), &api.IncidentNoteInput{ID: id, Text: v[0]}, "note", id, v[0])
		},
	})
}

// propose sends a change of an incident.
func (p *Pane) propose(context string, change op.UntypedChange, in any, words ...string) tea.Cmd {
	p.recordIn = context
	return pane.Send(pane.Propose{Pane: name, Context: context, Change: change, In: in, Command: p.command(context, append([]string{"incident"}, words...)...)})
}
