package incident

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// How often what is in front is asked again while the window is live. Why
// costs the backends much, and is asked again only when the person says so.
const askEvery = 30 * time.Second

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Answer:
		if msg.Canceled() {
			return nil
		}
		switch v := view(msg.Slot); v {
		case viewWhy:
			return p.whyAnswer(msg)
		case viewTimeline, viewChanges, viewIncidents:
			p.listAnswer(v, msg)
			return nil
		}
		return p.pageAnswer(msg)
	case feed.Batch:
		return p.batch(msg)
	case pane.Changed:
		return p.changed(msg)
	case pane.Tick:
		s := p.lists[p.view]
		if s != nil && s.asked && len(p.pages) == 0 && p.env.Window.Live && p.env.Now.Sub(s.at) >= askEvery {
			return p.ask(p.view)
		}
	}
	return nil
}

// pageAnswer gives an answer to the page that asked.
func (p *Pane) pageAnswer(a feed.Answer) tea.Cmd {
	for _, f := range p.pages {
		if f.slot == a.Slot && f.slot != "" {
			return p.fill(f, a)
		}
	}
	return nil
}
