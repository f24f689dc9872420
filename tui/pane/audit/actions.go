package audit

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
)

// Actions implements pane.Pane.
func (p *Pane) Actions() []keymap.Action {
	one := ""
	if _, ok := p.current(); !ok {
		one = "no record is chosen"
	}
	clear := ""
	if p.filter == (api.AuditFilter{}) {
		clear = "nothing is left out"
	}
	checking := ""
	if p.checking {
		checking = "it is being verified"
	}
	actions := []keymap.Action{
		{ID: "audit.open", Keys: []string{"enter"}, Short: "record", Help: "All that the records of the change say", Disabled: one},
		{ID: "audit.narrow", Keys: []string{"f"}, Short: "narrow", Help: "Ask only for records of an account, an operation or a target"},
		{ID: "audit.same", Keys: []string{"a"}, Short: "same target", Help: "Only records about the same target", Disabled: one},
		{ID: "audit.all", Keys: []string{"c"}, Short: "all", Help: "Ask for all records again", Disabled: clear, Quiet: clear != ""},
		{ID: "audit.verify", Keys: []string{"v"}, Short: "verify", Help: "Verify the chain of the records and its signed checkpoints", Disabled: checking},
		{ID: "audit.copy", Keys: []string{"y"}, Short: "copy target", Help: "Copy the record's target", Disabled: one, Quiet: true},
	}
	if p.detail != nil {
		actions = actions[1:]
	}
	return actions
}

// current is the change of the page, or of the row under the cursor.
func (p *Pane) current() (row, bool) {
	if p.detail != nil {
		return p.detail.row, true
	}
	if r, ok := p.table.Current(); ok {
		return *r, true
	}
	return row{}, false
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	r, ok := p.current()
	switch id {
	case "audit.open":
		if ok && p.detail == nil {
			p.open(r)
		}
	case "audit.narrow":
		return p.askNarrow()
	case "audit.same":
		if ok && r.first.Target != "" {
			return p.narrow(api.AuditFilter{Target: r.first.Target})
		}
	case "audit.all":
		if p.filter != (api.AuditFilter{}) {
			return p.narrow(api.AuditFilter{})
		}
	case "audit.verify":
		if !p.checking {
			return p.verify()
		}
	case "audit.copy":
		if ok && r.first.Target != "" {
			return pane.Send(pane.Copy{Text: r.first.Target})
		}
	default:
		if p.detail != nil {
			p.detail.page.Act(id)
		} else {
			p.table.Act(id)
		}
	}
	return nil
}

func (p *Pane) askNarrow() tea.Cmd {
	return pane.Send(pane.Ask{
		Title: "Only records of",
		Fields: []pane.Field{
			{Label: "Account", Initial: p.filter.Actor, Help: "as it is named in the record; empty is all"},
			{Label: "Operation", Initial: p.filter.Operation, Help: "secrets.set, deploy.undo, …; empty is all"},
			{Label: "Target", Initial: p.filter.Target, Help: "the whole name of the object; empty is all"},
		},
		Then: func(v []string) tea.Cmd {
			return p.narrow(api.AuditFilter{Actor: strings.TrimSpace(v[0]), Operation: strings.TrimSpace(v[1]), Target: strings.TrimSpace(v[2])})
		},
	})
}

// narrow asks for other records. What was shown is none of them.
func (p *Pane) narrow(f api.AuditFilter) tea.Cmd {
	p.filter, p.detail = f, nil
	p.books = map[string]*book{}
	p.fill()
	cmd := p.Refresh()
	return tea.Batch(cmd, pane.Send(pane.Ran{Command: p.Command()}))
}

// Click implements pane.Clicker.
func (p *Pane) Click(_, y int) tea.Cmd {
	if p.detail != nil {
		return nil
	}
	was := ""
	if r, ok := p.table.Current(); ok {
		was = r.key()
	}
	if p.table.Click(y - p.top) {
		if r, ok := p.table.Current(); ok && r.key() == was {
			p.open(*r)
		}
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	if p.detail != nil {
		p.detail.page.Scroll(lines)
		return
	}
	p.table.Scroll(lines)
}
