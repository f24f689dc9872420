package alerts

import (
	"cmp"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
)

// Actions implements pane.Pane. Every action is always among them, so that
// each can be remapped; what cannot be done now says why.
func (p *Pane) Actions() []keymap.Action {
	inList := p.view == viewList && p.preview == nil
	readOnly := func(otherwise string) string {
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
	hand := readOnly(cmp.Or(unless(inList, "it is for the list of alerts"), p.handless()))
	list := unless(inList && p.detail == nil, "it is for the list of alerts")
	if list == "" && p.inPast() {
		list = "a past window has what fired, one after the other"
	}
	open := keymap.Action{ID: "alerts.open", Keys: []string{"enter"}, Short: "open", Help: "Open the alert, the group or the rule under the cursor"}
	if p.preview != nil {
		open.Short, open.Help, open.Disabled = "go on", "Go on to the plan of the silence", readOnly("")
	}
	end := keymap.Action{ID: "alerts.unsilence", Keys: []string{"u"}, Short: "silences", Help: "Show the silences; there, end the one under the cursor or the marked ones"}
	if p.view == viewSilences {
		end.Short, end.Disabled = "end", readOnly("")
	}
	inSilences := unless(p.view == viewSilences, "it is for the silences (u)")
	return []keymap.Action{
		open,
		{ID: "alerts.ack", Keys: []string{"a"}, Short: "ack", Help: "Take the alert over, or the marked ones", Disabled: hand},
		{ID: "alerts.silence", Keys: []string{"x"}, Short: "silence", Help: "Keep alerts quiet: matchers, duration, a look at what it hits, then the plan", Disabled: hand},
		end,
		{ID: "alerts.sweep", Keys: []string{"z"}, Short: "sweep", Help: "End every silence that keeps nothing quiet", Disabled: readOnly(inSilences), Quiet: p.view != viewSilences},
		{ID: "alerts.stale", Keys: []string{"f"}, Short: "stale", Help: "Show only silences that keep nothing quiet, or all again", Disabled: inSilences, Quiet: p.view != viewSilences},
		{ID: "alerts.ended", Keys: []string{"e"}, Short: "ended", Help: "Show silences that have ended, too", Disabled: inSilences, Quiet: p.view != viewSilences},
		{ID: "alerts.group", Keys: []string{"b"}, Short: "group", Help: "Group by name, by service, or not at all", Disabled: list, Quiet: !inList},
		{ID: "alerts.state", Keys: []string{"t"}, Short: "state", Help: "Show all alerts, those that fire, the silenced or the inhibited ones", Disabled: list, Quiet: !inList},
		{ID: "alerts.history", Keys: []string{"h"}, Short: "history", Help: "What fired in the window and what was done about it; from an alert's page, of this alert"},
		{ID: "alerts.rules", Keys: []string{"R"}, Short: "rules", Help: "The alerting rules, their state and health"},
		{ID: "alerts.runbook", Keys: []string{"o"}, Short: "runbook", Help: "Show the runbook, or copy the link to it", Disabled: unless(p.detail != nil && p.preview == nil, "it is for an alert's page (enter)"), Quiet: p.detail == nil},
	}
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	if p.listAct(id) {
		return nil
	}
	for _, a := range p.Actions() {
		if a.ID == id && a.Disabled != "" {
			return toast(a.Short + ": " + a.Disabled)
		}
	}
	switch id {
	case "alerts.open":
		return p.open()
	case "alerts.ack":
		return p.ack()
	case "alerts.silence":
		return p.askSilence("", "2h", "", "no")
	case "alerts.unsilence":
		if p.view == viewSilences {
			return p.unsilence()
		}
		return p.show(viewSilences)
	case "alerts.sweep":
		return p.sweep()
	case "alerts.stale":
		p.stale = !p.stale
		return p.show(viewSilences)
	case "alerts.ended":
		p.ended = !p.ended
		return p.show(viewSilences)
	case "alerts.group":
		p.by = map[string]string{"": "name", "name": "service", "service": ""}[p.by]
		p.within = ""
		p.rebuild()
		p.applyFilter()
	case "alerts.state":
		p.state = map[string]string{"all": "firing", "firing": "silenced", "silenced": "inhibited", "inhibited": "all"}[p.state]
		p.rebuild()
	case "alerts.history":
		p.of = ""
		if p.detail != nil {
			p.of = p.detail.name
		}
		return p.show(viewHistory)
	case "alerts.rules":
		return p.show(viewRules)
	case "alerts.runbook":
		return p.openRunbook()
	}
	return nil
}

// listAct gives an action of the lists to what is in front.
func (p *Pane) listAct(id string) bool {
	if !strings.HasPrefix(id, "list.") {
		return false
	}
	switch {
	case p.preview != nil:
		p.preview.pager.Act(id)
	case p.detail != nil:
		p.detail.pager.Act(id)
	default:
		p.table().Act(id)
	}
	return true
}

// show brings a list to the front and asks for it.
func (p *Pane) show(v view) tea.Cmd {
	p.preview, p.detail, p.view = nil, nil, v
	p.otherEmpty(v)
	p.applyFilter()
	return tea.Batch(p.ask(v), pane.Send(pane.Ran{Command: p.Command()}))
}

// open opens what is under the cursor.
func (p *Pane) open() tea.Cmd {
	switch {
	case p.preview != nil:
		return p.confirm()
	case p.detail != nil:
		return nil
	case p.grouping():
		g, ok := p.groups.Current()
		if !ok {
			return nil
		}
		p.within = g.name
		p.rebuild()
		p.applyFilter()
		return pane.Send(pane.Ran{Command: p.Command()})
	}
	switch p.front() {
	case viewFired:
		if f, ok := p.fired.Current(); ok {
			cmd := p.openDetail(f.Context, f.Name, f.Name, f.Labels)
			return tea.Batch(cmd, pane.Send(pane.Ran{Command: p.Command()}))
		}
	case viewList:
		if r, ok := p.list.Current(); ok {
			cmd := p.openDetail(r.Context, r.Fingerprint, r.Name, r.Labels)
			return tea.Batch(cmd, pane.Send(pane.Ran{Command: p.Command()}))
		}
	case viewHistory:
		if a, ok := p.past.Current(); ok && a.Name != "" {
			var labels map[string]string
			if a.Kind == "firing" { // what was done may have been done about several
				labels = a.Labels
			}
			cmd := p.openDetail(a.Context, a.Name, a.Name, labels)
			return tea.Batch(cmd, pane.Send(pane.Ran{Command: p.Command()}))
		}
	case viewRules:
		if r, ok := p.rules.Current(); ok {
			return pane.Send(pane.Show{Title: r.Name, Lines: p.ruleLines(r)})
		}
	case viewSilences:
		if s, ok := p.silences.Current(); ok {
			return pane.Send(pane.Show{Title: "Silence " + s.ID, Lines: p.silenceLines(s)})
		}
	}
	return nil
}

// pageWidth is how wide the pages over the pane are made: the app cuts them to
// what there is.
const pageWidth = 76

func (p *Pane) ruleLines(r *rule) []string {
	page := say.NewPage(p.env.Theme, pageWidth)
	page.Field("State", r.State)
	page.Field("Health", r.Health)
	page.Field("Error", r.Error)
	page.Field("Severity", r.Severity)
	if r.For > 0 {
		page.Field("For", say.Long(r.For))
	}
	page.Field("Group", strings.TrimSpace(r.Group+"  "+r.File))
	page.Field("Evaluated", say.Clock(p.env, r.Evaluated)+", took "+say.Long(r.Took))
	page.Field("Labels", say.Labels(r.Labels))
	page.Head("Expression")
	page.Text("  ", p.env.Theme.Text, r.Expr)
	page.Head("Annotations")
	for _, k := range []string{"summary", "description", "runbook_url"} {
		page.Field(k, r.Annotations[k])
	}
	return page.Lines()
}

func (p *Pane) silenceLines(s *silence) []string {
	page := say.NewPage(p.env.Theme, pageWidth)
	page.Field("State", s.State)
	page.Field("Matchers", s.Matchers)
	page.Field("Can go", s.Stale)
	page.Field("By", s.By)
	page.Field("Comment", s.Comment)
	page.Field("Starts", say.Clock(p.env, s.Starts))
	page.Field("Ends", say.Clock(p.env, s.Ends)+"  ("+say.Ago(p.env, s.Ends)+")")
	return page.Lines()
}

// openRunbook shows the runbook; where there is none, its link is copied.
func (p *Pane) openRunbook() tea.Cmd {
	d := p.detail
	if r := d.runbook; r != nil {
		lines := say.Markdown(p.env.Theme, r.Text, pageWidth)
		return tea.Batch(pane.Send(pane.Show{Title: "Runbook " + r.Name, Lines: lines}), pane.Send(pane.Ran{Command: p.command(d.context, "runbook", "show", d.name)}))
	}
	if d.out != nil && d.out.Runbook != "" {
		return pane.Send(pane.Copy{Text: d.out.Runbook})
	}
	return toast("no runbook is known for " + d.name)
}

// Command implements pane.Pane.
func (p *Pane) Command() string {
	window := strings.Fields(p.env.Window.Flags())
	switch {
	case p.preview != nil:
		return p.command(p.preview.context, "alerts", "preview", p.preview.matchers)
	case p.detail != nil && p.detail.past:
		return p.command(p.detail.context, append([]string{"alerts", "history", p.detail.name}, window...)...)
	case p.detail != nil:
		return p.command(p.detail.context, "alerts", "show", p.detail.id, "--since", pane.Short(p.env.Window.Span))
	}
	words := []string{"alerts", string(p.view)}
	switch p.front() {
	case viewFired:
		words = []string{"alerts", "history"}
		switch {
		case p.within == "":
		case p.by == "name":
			words = append(words, p.within)
		case p.within != none:
			words = append(words, "service="+p.within)
		}
		words = append(words, window...)
	case viewSilences:
		if p.stale {
			words = append(words, "--stale")
		}
		if p.ended {
			words = append(words, "--expired")
		}
	case viewHistory:
		if p.of != "" {
			words = append(words, p.of)
		}
		words = append(words, window...)
	case viewList:
		words = append(words, "--state", p.state)
		switch {
		case p.within == "":
		case p.by == "name":
			words = append(words, p.within)
		case p.within != none:
			words = append(words, "--service", p.within)
		}
	}
	for _, c := range p.env.Contexts {
		if p.many {
			words = append(words, "--context", c.Name)
		}
	}
	return p.command("", words...)
}

// Subject implements pane.Pane.
func (p *Pane) Subject() pane.Subject {
	switch {
	case p.detail != nil:
		return p.detail.subject()
	case p.grouping():
		if g, ok := p.groups.Current(); ok {
			if members := p.members(g.name); len(members) > 0 {
				return subjectOf(&members[0])
			}
		}
	case p.view == viewHistory:
		if a, ok := p.past.Current(); ok {
			return pane.Subject{Context: a.Context, Alert: a.Name, Service: a.Labels["service"], Namespace: a.Labels["namespace"], Labels: a.Labels, At: a.Start}
		}
	case p.view == viewRules:
		if r, ok := p.rules.Current(); ok {
			return pane.Subject{Context: r.Context, Alert: r.Name, Query: r.Expr, Service: r.Labels["service"]}
		}
	case p.view == viewSilences:
		if s, ok := p.silences.Current(); ok {
			return pane.Subject{Context: s.Context, Text: s.Matchers}
		}
	case p.front() == viewFired:
		if f, ok := p.fired.Current(); ok {
			return f.Subject(f.Context)
		}
	default:
		if r, ok := p.list.Current(); ok {
			return subjectOf(r)
		}
	}
	return pane.Subject{}
}
