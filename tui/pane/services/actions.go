package services

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
)

// Actions implements pane.Pane.
func (p *Pane) Actions() []keymap.Action {
	switch {
	case p.call != nil && p.call.run != nil:
		again := keymap.Action{ID: "services.invoke", Keys: []string{"i"}, Short: "again", Help: "Back to the form, to call the operation once more"}
		stop := keymap.Action{ID: "services.stop", Keys: []string{"x"}, Short: "stop", Help: "Stop the call that is running"}
		if !p.call.run.busy {
			stop.Disabled = "it has ended"
		}
		events := keymap.Action{ID: "services.events", Keys: []string{"t"}, Short: "events", Help: "Show a stream as its events, or as the text that they say"}
		if p.call.run.text.Len() == 0 {
			events.Disabled = "the answer says no text by parts"
		}
		return []keymap.Action{again, p.copyAction(), events, stop}
	case p.detail != nil:
		fill := keymap.Action{ID: "services.invoke", Keys: []string{"enter", "i"}, Short: "invoke", Help: "Fill in the operation's input and call it"}
		if _, ok := p.detail.operations.Current(); !ok {
			fill.Disabled = "no operation is chosen"
		}
		return []keymap.Action{
			fill,
			{ID: "services.page-down", Keys: []string{"J"}, Short: "scroll", Help: "Scroll the page about the operation down"},
			{ID: "services.page-up", Keys: []string{"K"}, Short: "scroll up", Help: "Scroll the page about the operation up", Quiet: true},
			{ID: "services.schema", Keys: []string{"p"}, Short: "schema", Help: "Show the schemas as JSON, or in words"},
			p.copyAction(),
		}
	}
	open := keymap.Action{ID: "services.open", Keys: []string{"enter"}, Short: "describe", Help: "What the service can do, with schemas and examples"}
	fill := keymap.Action{ID: "services.invoke", Keys: []string{"i"}, Short: "invoke", Help: "Open the service to call one of its operations"}
	if _, why := p.chosen(); why != "" {
		open.Disabled, fill.Disabled = why, why
	}
	return []keymap.Action{open, fill, p.copyAction()}
}

func (p *Pane) copyAction() keymap.Action {
	a := keymap.Action{ID: "services.copy", Keys: []string{"y"}, Short: "copy", Help: "Copy the answer, the operation's schema, or the service's name"}
	if p.copied() == "" {
		a.Disabled = "there is nothing to copy"
	}
	return a
}

// copied is what y copies now.
func (p *Pane) copied() string {
	switch {
	case p.call != nil && p.call.run != nil:
		return p.call.run.whole()
	case p.detail != nil:
		if o, ok := p.detail.operations.Current(); ok {
			return string(o.Input)
		}
		return ""
	}
	return p.Subject().Service
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	switch id {
	case "services.open":
		if r, why := p.chosen(); why == "" && p.detail == nil {
			return p.opened(r)
		}
	case "services.invoke":
		return p.startCall()
	case "services.copy":
		if text := p.copied(); text != "" {
			return pane.Send(pane.Copy{Text: text})
		}
	case "services.stop":
		if p.call != nil && p.call.run != nil && p.call.run.busy {
			p.env.Feeds.Stop(key(slotInvoke))
			p.call.run.stop()
		}
	case "services.events":
		if p.call != nil && p.call.run != nil {
			p.call.run.asEvents = !p.call.run.asEvents
		}
	case "services.schema":
		if p.detail != nil {
			p.detail.raw = !p.detail.raw
		}
	case "services.page-down", "services.page-up":
		if p.detail != nil {
			by := map[string]string{"services.page-down": "list.pagedown", "services.page-up": "list.pageup"}
			p.detail.page.Act(by[id])
		}
	default:
		p.move(id)
	}
	return nil
}

// move does an action of the lists on what is in front.
func (p *Pane) move(id string) {
	switch {
	case p.call != nil && p.call.run != nil:
		p.call.run.page.Act(id)
	case p.call != nil:
	case p.detail != nil:
		if id == "list.left" || id == "list.right" {
			p.detail.page.Act(id)
			return
		}
		before := p.operation()
		p.detail.operations.Act(id)
		if p.operation() != before {
			p.detail.page.Act("list.top")
		}
	default:
		p.front().Act(id)
	}
}

func (p *Pane) operation() string {
	if o, ok := p.detail.operations.Current(); ok {
		return o.Name
	}
	return ""
}

// opened opens a service and notes the command.
func (p *Pane) opened(r row) tea.Cmd {
	p.missing = ""
	cmd := p.open(r)
	return tea.Batch(cmd, pane.Send(pane.Ran{Command: p.Command()}))
}

// startCall goes to the form: of the operation under the cursor, or of the one
// that was called.
func (p *Pane) startCall() tea.Cmd {
	switch {
	case p.call != nil:
		p.env.Feeds.Stop(key(slotInvoke))
		p.call.run = nil
	case p.detail != nil:
		if o, ok := p.detail.operations.Current(); ok {
			return p.fillIn(*o)
		}
	default:
		if r, why := p.chosen(); why == "" {
			return p.opened(r)
		}
	}
	return nil
}

// Click implements pane.Clicker.
func (p *Pane) Click(_, y int) tea.Cmd {
	switch {
	case p.call != nil:
	case p.detail != nil:
		before := p.operation()
		if p.detail.operations.Click(y-p.detail.top) && before == p.operation() {
			return p.startCall()
		}
	default:
		was := p.Subject()
		if p.front().Click(y-p.top) && was.Service != "" && p.Subject().Service == was.Service && p.Subject().Context == was.Context {
			if r, why := p.chosen(); why == "" {
				return p.opened(r)
			}
		}
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	switch {
	case p.call != nil && p.call.run != nil:
		p.call.run.page.Scroll(lines)
	case p.call != nil:
	case p.detail != nil:
		p.detail.page.Scroll(lines)
	default:
		p.front().Scroll(lines)
	}
}
