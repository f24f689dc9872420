package chat

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// busy is the turn whose answer is coming; nil where none is.
func (p *Pane) busy() *turn {
	if n := len(p.turns); n > 0 && p.turns[n-1].busy {
		return p.turns[n-1]
	}
	return nil
}

// send asks what is written in the prompt, and leaves it: the keys are those of
// the conversation then, evidence and all.
func (p *Pane) send() tea.Cmd {
	question := strings.TrimSpace(p.prompt.Value())
	switch {
	case question == "":
		return nil
	case p.busy() != nil:
		return pane.Send(pane.Toast{Level: "warn", Text: "an answer is coming; " + p.keyOf("chat.cancel", "ctrl+x") + " stops it"})
	case p.loading:
		return pane.Send(pane.Toast{Level: "warn", Text: "the session is being read"})
	}
	p.prompt.AddHistory(question)
	p.prompt.SetValue("")
	p.prefill = ""
	p.prompt.Blur()
	return p.ask(question)
}

func (p *Pane) ask(question string) tea.Cmd {
	in := api.ChatInput{Prompt: question, Session: p.session, Model: p.model}
	if p.session == "" {
		in.Messages = p.messages()
	}
	t := newTurn(question)
	t.busy, t.asked = true, p.env.Now
	p.turns = append(p.turns, t)
	p.follow, p.trouble = true, nil
	p.context = p.env.Primary().Name
	return tea.Batch(
		feed.Open(p.env.Feeds, answerKey, p.env.Primary(), api.ChatAsk, in, feed.StreamOptions[api.ChatInput, api.ChatEvent]{}),
		pane.Send(pane.Ran{Command: p.commandOf(question)}),
	)
}

// messages are the conversation so far, where no session keeps it.
func (p *Pane) messages() []api.ChatMessage {
	var out []api.ChatMessage
	for _, t := range p.turns {
		if t.whole() {
			out = append(out, api.ChatMessage{Role: "user", Content: t.question}, api.ChatMessage{Role: "assistant", Content: t.raw.String()})
		}
	}
	return out
}

// again asks the last question again.
func (p *Pane) again() tea.Cmd {
	n := len(p.turns)
	if n == 0 || p.busy() != nil || p.turns[n-1].question == "" {
		return nil
	}
	return p.ask(p.turns[n-1].question)
}

// receive takes what came of the answer.
func (p *Pane) receive(b feed.Batch) {
	t := p.busy()
	if t == nil {
		return
	}
	for _, e := range feed.Items[api.ChatEvent](b) {
		t.take(e)
	}
	if b.Err != nil {
		t.err = fail.From(b.Err)
	}
	if b.Done {
		t.end(p.env.Now)
	}
}

// stop cancels the answer that is coming. The conversation goes on.
func (p *Pane) stop() {
	t := p.busy()
	if t == nil {
		return
	}
	p.env.Feeds.Stop(answerKey)
	t.canceled = true
	t.end(p.env.Now)
}

// forget begins a conversation that nobody keeps.
func (p *Pane) forget() {
	p.env.Feeds.Stop(sessionKey)
	p.turns, p.session, p.loading, p.trouble, p.wants, p.follow = nil, "", false, nil, false, true
	p.drawn.sum = -1
}

// lastAnswer is the newest one that has any text; nil where none has.
func (p *Pane) lastAnswer() *turn {
	for i := len(p.turns) - 1; i >= 0; i-- {
		if p.turns[i].text.Len() > 0 {
			return p.turns[i]
		}
	}
	return nil
}

// copyAnswer copies what is seen: the safe text, as the clipboard may be pasted
// into a shell.
func (p *Pane) copyAnswer() tea.Cmd {
	t := p.lastAnswer()
	if t == nil {
		return nil
	}
	return pane.Send(pane.Copy{Text: strings.TrimRight(t.text.String(), "\n")})
}
