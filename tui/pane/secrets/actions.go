package secrets

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
)

// Actions implements pane.Pane.
func (p *Pane) Actions() []keymap.Action {
	r, chosen := p.current()
	one := ""
	if !chosen {
		one = "no secret is chosen"
	}
	write := one
	if write == "" {
		write = p.readOnly(r.context)
	}
	half := "no rotation of it is open"
	if _, open := p.openRotation(r); open && chosen {
		half = write
	}
	actions := []keymap.Action{
		{ID: "secrets.open", Keys: []string{"enter"}, Short: "describe", Help: "The secret's page: versions, writes, consumers, rotations", Disabled: one},
		{ID: "secrets.diff", Keys: []string{"f"}, Short: "diff", Help: "Compare with another secret, or another folder, by fingerprints", Disabled: one},
		{ID: "secrets.rotate", Keys: []string{"x"}, Short: "rotate", Help: "Write a new value in stages and revoke the old one when nobody uses it", Disabled: write},
		{ID: "secrets.set", Keys: []string{"n"}, Short: "set", Help: "Write a secret; the value is not shown", Disabled: p.readOnly(r.context)},
		{ID: "secrets.delete", Keys: []string{"D"}, Short: "delete", Help: "Delete the secret with all its versions", Disabled: write},
		{ID: "secrets.reveal", Keys: []string{"v"}, Short: "reveal", Help: "Show the value for 30 seconds, after a question; it is recorded", Disabled: one},
		{ID: "secrets.resume", Keys: []string{"R"}, Short: "resume", Help: "Bring a rotation that was cut off to its end", Disabled: half, Quiet: half != ""},
		{ID: "secrets.abort", Keys: []string{"A"}, Short: "abort", Help: "Restore the old value of a rotation that was cut off", Disabled: half, Quiet: half != ""},
		{ID: "secrets.overdue", Keys: []string{"u"}, Short: "overdue", Help: "Show only what should have been rotated, or all"},
		{ID: "secrets.copy", Keys: []string{"y"}, Short: "copy name", Help: "Copy the secret's name, never its value", Disabled: one, Quiet: true},
	}
	if p.detail != nil || p.diff != nil {
		actions = append(actions[1:8:8], actions[9])
	}
	return actions
}

// readOnly says why nothing is written to a context.
func (p *Pane) readOnly(context string) string {
	if p.env.ReadOnly || p.env.Context(context).ReadOnly {
		return "read-only"
	}
	return ""
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	for _, a := range p.Actions() {
		if a.ID == id && a.Disabled != "" {
			return nil
		}
	}
	switch id {
	case "secrets.open":
		if r, ok := p.table.Current(); ok && p.detail == nil {
			return p.opened(*r)
		}
	case "secrets.diff":
		return p.askWhat()
	case "secrets.rotate":
		return p.askRotate()
	case "secrets.set":
		return p.askSet()
	case "secrets.delete":
		return p.remove()
	case "secrets.reveal":
		return p.askReveal()
	case "secrets.resume", "secrets.abort":
		return p.finish(id == "secrets.abort")
	case "secrets.overdue":
		p.overdue = !p.overdue
		p.fill()
	case "secrets.copy":
		if r, ok := p.current(); ok {
			return pane.Send(pane.Copy{Text: r.s.Ref})
		}
	default:
		p.move(id)
	}
	return nil
}

func (p *Pane) move(id string) {
	switch {
	case p.diff != nil:
		p.diff.table.Act(id)
	case p.detail != nil:
		p.detail.page.Act(id)
	default:
		p.table.Act(id)
	}
}

// opened opens the page of a secret and notes the command.
func (p *Pane) opened(r row) tea.Cmd {
	cmd := p.open(r)
	return tea.Batch(cmd, pane.Send(pane.Ran{Command: p.Command()}))
}

// Click implements pane.Clicker.
func (p *Pane) Click(_, y int) tea.Cmd {
	if p.detail != nil || p.diff != nil {
		return nil
	}
	was := ""
	if r, ok := p.table.Current(); ok {
		was = r.key()
	}
	if p.table.Click(y - p.top) {
		if r, ok := p.table.Current(); ok && r.key() == was {
			return p.opened(*r)
		}
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	switch {
	case p.diff != nil:
		p.diff.table.Scroll(lines)
	case p.detail != nil:
		p.detail.page.Scroll(lines)
	default:
		p.table.Scroll(lines)
	}
}
