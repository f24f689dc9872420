package chat

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/keymap"
)

// typingActions are what keys do while the person types.
func (p *Pane) typingActions() []keymap.Action {
	return []keymap.Action{
		{ID: "chat.send", Keys: []string{"enter"}, Short: "send", Help: "Ask what is written; alt+enter and ctrl+j begin a line."},
		p.cancelAction(),
	}
}

func (p *Pane) cancelAction() keymap.Action {
	a := keymap.Action{ID: "chat.cancel", Keys: []string{"ctrl+x"}, Short: "stop", Help: "Stop the answer that is coming; the conversation goes on."}
	if p.busy() == nil {
		a.Disabled = "no answer is coming"
	}
	return a
}

// Actions implements pane.Pane.
func (p *Pane) Actions() []keymap.Action {
	if p.picker != nil {
		return p.listActions()
	}
	if p.Typing() {
		return p.typingActions()
	}
	copyAnswer := keymap.Action{ID: "chat.copy", Keys: []string{"y"}, Short: "copy", Help: "Copy the last answer."}
	if p.lastAnswer() == nil {
		copyAnswer.Disabled = "there is no answer yet"
	}
	evidence := keymap.Action{ID: "chat.evidence", Keys: []string{"e"}, Short: "evidence", Help: "List where the answers come from, with the commands that show it again."}
	if len(p.evidence()) == 0 {
		evidence.Disabled = "the answers name no evidence"
	}
	again := keymap.Action{ID: "chat.again", Keys: []string{"R"}, Short: "again", Help: "Ask the last question again.", Quiet: true}
	switch {
	case len(p.turns) == 0 || p.turns[len(p.turns)-1].question == "":
		again.Disabled = "nothing was asked yet"
	case p.busy() != nil:
		again.Disabled = "an answer is coming"
	}
	return []keymap.Action{
		{ID: "chat.type", Keys: []string{"enter", "a", "i"}, Short: "ask", Help: "Write a question; esc leaves the field, and what is written stays."},
		evidence, p.cancelAction(), copyAnswer,
		{ID: "chat.sessions", Keys: []string{"o"}, Short: "sessions", Help: "List the conversations that the control plane keeps, to go on with one."},
		{ID: "chat.new", Keys: []string{"n"}, Short: "new", Help: "Begin another conversation."},
		{ID: "chat.model", Keys: []string{"p"}, Short: "model", Help: "Choose the model that answers."},
		again,
	}
}

func (p *Pane) listActions() []keymap.Action {
	open := keymap.Action{ID: "chat.pick", Keys: []string{"enter"}, Short: "choose", Help: "Take the row: go on with the session, use the model, or open the pane that shows the evidence."}
	take := keymap.Action{ID: "chat.copy", Keys: []string{"y"}, Short: "copy", Help: "Copy the row's command, or its name."}
	if _, ok := p.picker.table.Current(); !ok {
		open.Disabled, take.Disabled = "there is no row", "there is no row"
	}
	out := []keymap.Action{open, take}
	if p.picker.kind == sessionsList {
		drop := keymap.Action{ID: "chat.delete", Keys: []string{"x"}, Short: "delete", Help: "Delete the session, after a plan is shown.", Disabled: open.Disabled}
		if p.env.ReadOnly || p.env.Primary().ReadOnly {
			drop.Disabled = "read-only"
		}
		out = append(out, drop, keymap.Action{ID: "chat.new", Keys: []string{"n"}, Short: "new", Help: "Begin another conversation."})
	}
	return out
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	if p.picker != nil {
		switch id {
		case "chat.pick":
			return p.pick()
		case "chat.copy":
			return p.copyItem()
		case "chat.delete":
			if p.env.ReadOnly || p.env.Primary().ReadOnly {
				return nil
			}
			return p.remove()
		case "chat.new":
			p.picker = nil
			return p.begin()
		}
		p.picker.table.Act(id)
		return nil
	}
	switch id {
	case "chat.send":
		return p.send()
	case "chat.type":
		p.prompt.Focus()
	case "chat.cancel":
		p.stop()
	case "chat.evidence":
		return p.list(evidenceList)
	case "chat.sessions":
		return p.list(sessionsList)
	case "chat.model":
		return p.list(modelsList)
	case "chat.new":
		return p.begin()
	case "chat.copy":
		return p.copyAnswer()
	case "chat.again":
		return p.again()
	default:
		p.scroll(id)
	}
	return nil
}

// scroll moves the conversation; at its end it follows the answer again.
func (p *Pane) scroll(id string) {
	if p.page.Act(id) {
		p.follow = p.page.AtBottom()
	}
}

// keyOf is the key that a person has for an action.
func (p *Pane) keyOf(id string, keys ...string) string {
	return keymap.Shown(p.env.Keys.Keys(keymap.Action{ID: id, Keys: keys}))
}
