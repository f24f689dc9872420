package incident

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
)

// Actions implements pane.Pane. Every action is always among them, so that
// each can be remapped; what cannot be done now says why.
func (p *Pane) Actions() []keymap.Action {
	act, next := p.commands()
	changes := func(otherwise string) string {
		if p.env.ReadOnly {
			return "read-only"
		}
		return otherwise
	}
	unless := func(ok bool, why string) string {
		if ok {
			return ""
		}
		return why
	}
	toAct := unless(act != "", "nothing says what to do about this row")
	if _, is := p.changeOf("", act); is {
		toAct = changes(toAct)
	}
	_, _, record := p.incidentAt()
	noRecord := unless(record, "it is for an incident (i)")
	scoped := p.view == viewTimeline || p.view == viewChanges
	return []keymap.Action{
		{ID: "incident.act", Keys: []string{"x"}, Short: "act", Help: "Do what the candidate's command says: its plan first, and afterwards whether it helped", Disabled: toAct},
		{ID: "incident.open", Keys: []string{"enter"}, Short: "evidence", Help: "Everything that is known of the row under the cursor"},
		{ID: "incident.closer", Keys: []string{"n"}, Short: "closer", Help: "Look closer: go to the pane that shows what the row stands on", Disabled: unless(next != "", "nothing says where to look")},
		{ID: "incident.why", Keys: []string{"y"}, Short: "why", Help: "Back to the answer of why", Disabled: unless(p.why.asked, "nothing was asked yet: w on an alert or a service"), Quiet: p.view == viewWhy},
		{ID: "incident.timeline", Keys: []string{"t"}, Short: "timeline", Help: "What happened in the window: alerts, changes, log patterns, shifts in metrics"},
		{ID: "incident.changes", Keys: []string{"c"}, Short: "changes", Help: "What was changed in the window; x takes a change back"},
		{ID: "incident.scope", Keys: []string{"f"}, Short: "scope", Help: "Timeline and changes of the one service, or of everything", Disabled: unless(scoped, "it is for the timeline and the changes"), Quiet: !scoped},
		{ID: "incident.runbook", Keys: []string{"b"}, Short: "runbook", Help: "The runbook of the alert, with its steps", Disabled: unless(p.alert() != "", "no alert was asked about")},
		{ID: "incident.incidents", Keys: []string{"i"}, Short: "incidents", Help: "The incidents that are recorded"},
		{ID: "incident.new", Keys: []string{"o"}, Short: "open one", Help: "Open an incident: gather all that is known, and keep it", Disabled: changes("")},
		{ID: "incident.note", Keys: []string{"a"}, Short: "note", Help: "Add your own words to the incident", Disabled: changes(noRecord), Quiet: !record},
		{ID: "incident.gather", Keys: []string{"u"}, Short: "gather", Help: "Gather again what is known about the incident", Disabled: changes(noRecord), Quiet: !record},
		{ID: "incident.close", Keys: []string{"e"}, Short: "close", Help: "Close the incident: gather for the last time, then change nothing more", Disabled: changes(noRecord), Quiet: !record},
		{ID: "incident.report", Keys: []string{"p"}, Short: "report", Help: "The draft of the post-mortem", Disabled: noRecord, Quiet: !record},
		{ID: "incident.export", Keys: []string{"z"}, Short: "export", Help: "Copy the command that writes the incident with its report and its evidence as files", Disabled: noRecord, Quiet: !record},
	}
}

// commands are what acts on the row in front, and what looks closer.
func (p *Pane) commands() (act, next string) {
	if f := p.front(); f != nil {
		return f.act, f.next
	}
	switch p.view {
	case viewWhy:
		return p.why.item().acts(), p.why.item().closer()
	case viewTimeline:
		if e, ok := p.timeline.Current(); ok {
			return "", e.Show
		}
	case viewChanges:
		if c, ok := p.changes.Current(); ok {
			return c.Undo, c.Show
		}
	}
	return "", ""
}

// alert is the name of the alert in question.
func (p *Pane) alert() string {
	if f := p.front(); f != nil {
		return f.subject.Alert
	}
	if w := p.why.out; w != nil && w.Subject.Kind == "alert" {
		return w.Subject.Name
	}
	return p.about.Alert
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	if strings.HasPrefix(id, "list.") {
		switch {
		case p.front() != nil:
			p.front().pager.Act(id)
		case p.view == viewWhy:
			p.why.move(id)
		default:
			p.table().Act(id)
		}
		return nil
	}
	for _, a := range p.Actions() {
		if a.ID == id && a.Disabled != "" {
			return toast(a.Short + ": " + a.Disabled)
		}
	}
	act, next := p.commands()
	context, record, _ := p.incidentAt()
	s := p.Subject()
	switch id {
	case "incident.act":
		return p.do(p.env.Context(s.Context).Name, act, s)
	case "incident.closer":
		return p.do(p.env.Context(s.Context).Name, next, s)
	case "incident.open":
		return p.open()
	case "incident.why":
		p.pages, p.view = nil, viewWhy
	case "incident.timeline":
		return p.show(viewTimeline)
	case "incident.changes":
		return p.show(viewChanges)
	case "incident.incidents":
		return p.show(viewIncidents)
	case "incident.scope":
		p.all = !p.all
		return p.show(p.view)
	case "incident.runbook":
		return p.openRunbook(p.env.Context(s.Context).Name, p.alert())
	case "incident.new":
		return p.askOpen()
	case "incident.note":
		return p.askNote(context, record)
	case "incident.gather":
		return p.propose(context, api.IncidentsRefresh, &api.IncidentName{ID: record}, "refresh", record)
	case "incident.close":
		return p.propose(context, api.IncidentsClose, &api.IncidentName{ID: record}, "close", record)
	case "incident.report":
		return p.openReport(context, record)
	case "incident.export":
		return pane.Send(pane.Copy{Text: p.command(context, "incident", "export", record, "--to", record+".zip")})
	}
	return nil
}

// show brings a list to the front and asks for it.
func (p *Pane) show(v view) tea.Cmd {
	p.pages, p.view = nil, v
	p.applyFilter()
	return tea.Batch(p.ask(v), ran(p.Command()))
}

// open shows everything about the row under the cursor.
func (p *Pane) open() tea.Cmd {
	if p.front() != nil {
		return nil
	}
	switch p.view {
	case viewWhy:
		x := p.why.item()
		if x.candidate == nil && x.cleared == nil {
			return nil
		}
		p.push(&page{
			title: "evidence", context: p.why.context, subject: p.whySubject(), act: x.acts(), next: x.closer(),
			draw: func(page *say.Page) { p.evidence(page, x, true) },
		})
	case viewTimeline:
		if e, ok := p.timeline.Current(); ok {
			p.push(p.eventPage(e))
		}
	case viewChanges:
		if c, ok := p.changes.Current(); ok {
			p.push(p.changePage(c))
		}
	case viewIncidents:
		if i, ok := p.incidents.Current(); ok {
			return p.openIncident(i.Context, i.ID)
		}
	}
	return nil
}
