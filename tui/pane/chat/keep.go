package chat

import "encoding/json"

// kept is what is remembered of the pane.
type kept struct {
	Session string   `json:"session,omitempty"`
	Model   string   `json:"model,omitempty"`
	Asked   []string `json:"asked,omitempty"`
}

// keptQuestions bounds the history of the prompt that is remembered.
const keptQuestions = 50

// Save implements pane.Keeper.
func (p *Pane) Save() any {
	asked := p.prompt.History()
	return kept{Session: p.session, Model: p.model, Asked: asked[max(len(asked)-keptQuestions, 0):]}
}

// Restore implements pane.Keeper. The session's messages are asked for when the
// pane is opened.
func (p *Pane) Restore(raw []byte) {
	var k kept
	if json.Unmarshal(raw, &k) != nil {
		return
	}
	p.session, p.model = k.Session, k.Model
	p.prompt.SetHistory(k.Asked)
	p.wants = p.session != ""
}
