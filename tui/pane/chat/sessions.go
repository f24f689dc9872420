package chat

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// join goes on with a session that the control plane keeps; it is a new one
// where there is none of the name.
func (p *Pane) join(session string) tea.Cmd {
	p.stop()
	p.forget()
	p.session, p.loading, p.picker = session, true, nil
	return feed.Ask(p.env.Feeds, sessionKey, p.env.First(), api.SessionsShow, api.SessionName{Name: session})
}

// begin asks for the name of a new conversation.
func (p *Pane) begin() tea.Cmd {
	return pane.Send(pane.Ask{
		Title: "New conversation",
		Fields: []pane.Field{{
			Label: "session", Help: "the control plane keeps it under this name: letters, digits, dots and dashes; empty keeps it here, until the dashboard is left",
		}},
		Then: func(values []string) tea.Cmd {
			if len(values) > 0 && values[0] != "" {
				return p.join(values[0])
			}
			p.stop()
			p.forget()
			p.prompt.Focus()
			return nil
		},
	})
}

// list asks for what a list of the kind shows, and opens it.
func (p *Pane) list(kind listKind) tea.Cmd {
	if p.picker == nil || p.picker.kind != kind {
		p.picker = p.newPicker(kind)
	}
	switch kind {
	case sessionsList:
		p.picker.waiting = true
		return feed.Ask(p.env.Feeds, sessionsKey, p.env.First(), api.SessionsList, api.None{})
	case modelsList:
		p.picker.waiting = true
		return feed.Ask(p.env.Feeds, modelsKey, p.env.First(), api.ProvidersList, api.None{})
	default:
		p.picker.set(evidenceItems(p.evidence()))
	}
	return nil
}

// answered takes the answers to what is asked beside the chat itself.
func (p *Pane) answered(a feed.Answer) {
	if a.Canceled() {
		return
	}
	switch a.Key {
	case sessionKey:
		p.loaded(a)
	case sessionsKey:
		if p.picker == nil || p.picker.kind != sessionsList {
			return
		}
		list, err := feed.One[[]api.Session](a)
		if p.picker.failed(err); err == nil {
			p.picker.set(p.sessionItems(list))
		}
	case modelsKey:
		if p.picker == nil || p.picker.kind != modelsList {
			return
		}
		list, err := feed.One[[]api.Provider](a)
		if p.picker.failed(err); err == nil {
			p.picker.set(p.modelItems(list))
		}
	}
}

// mostTurns bounds how much of a long session is shown.
const mostTurns = 100

func (p *Pane) loaded(a feed.Answer) {
	p.loading = false
	d, err := feed.One[api.SessionDetail](a)
	switch {
	case fail.CodeOf(err) == fail.NotFound: // it begins with the first question
	case err != nil:
		p.trouble = fail.From(err)
	default:
		turns := turnsOf(d.History)
		p.turns = turns[max(len(turns)-mostTurns, 0):]
		p.follow = true
	}
}

func (p *Pane) sessionItems(list []api.Session) []item {
	out := make([]item, 0, len(list))
	for _, s := range list {
		note := fmt.Sprintf("%d messages, %s ago", s.Messages, widget.Age(p.env.Now.Sub(s.Updated)))
		out = append(out, item{key: s.Name, name: s.Name, note: note, text: s.Title, current: s.Name == p.session})
	}
	return out
}

func (p *Pane) modelItems(list []api.Provider) []item {
	out := []item{{key: "", name: "(default)", note: "what the control plane chooses", current: p.model == ""}}
	for _, provider := range list {
		for _, m := range provider.Models {
			one := item{key: m, name: m, note: provider.Name + " (" + provider.Kind + ")", text: provider.State, current: m == p.model}
			if provider.Breaker != "" && provider.Breaker != "closed" {
				one.text += ", its breaker is " + provider.Breaker
			}
			if !slices.ContainsFunc(out, func(i item) bool { return i.key == m }) {
				out = append(out, one)
			}
		}
	}
	return out
}

// remove proposes to delete the session under the cursor.
func (p *Pane) remove() tea.Cmd {
	one, ok := p.picker.table.Current()
	if !ok || p.picker.kind != sessionsList {
		return nil
	}
	return pane.Send(pane.Propose{
		Pane: name, Context: p.env.Primary().Name, Change: api.SessionsDelete, In: &api.SessionName{Name: one.key},
		Command: argv.Line("aictl", "sessions", "delete", one.key),
	})
}
