package metrics

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/promcursor"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// slotWords is where words to complete with are asked for.
const slotWords = "words"

// wordLists is how many lists of words are held.
const wordLists = 64

// entry is the line that expressions are typed into.
type entry struct {
	in   *widget.Input
	on   bool
	goal target
	// lists are the words that are known, by promcursor's key; asked is the key
	// that is waited for.
	lists map[string][]string
	asked string
}

// target is what an expression is typed for.
type target struct {
	plot int  // id; 0 adds one
	top  bool // the ranking's
}

func newEntry(th func() *theme.Theme) entry {
	in := widget.NewInput("PromQL> ")
	in.Theme = th
	in.Placeholder = "an expression; tab completes, enter plots it, esc leaves"
	return entry{in: in, lists: map[string][]string{}}
}

func (e *entry) close() {
	e.on = false
	e.in.Blur()
}

// forget makes the lists be asked for again: metrics come and go.
func (e *entry) forget() { e.lists, e.asked = map[string][]string{}, "" }

// edit opens the line.
func (p *Pane) edit(t target, text string, at int) tea.Cmd {
	p.entry.on, p.entry.goal = true, t
	p.entry.in.SetValue(text)
	if at >= 0 {
		p.entry.in.SetCursor(at)
	}
	p.entry.in.Focus()
	return p.wantWords()
}

// typed takes a key of the line.
func (p *Pane) typed(msg tea.Msg) tea.Cmd {
	if !p.entry.on {
		return nil
	}
	if k, ok := msg.(tea.KeyPressMsg); ok && k.String() == "enter" {
		if p.entry.in.Accept() {
			return p.wantWords()
		}
		return p.enter(strings.TrimSpace(p.entry.in.Value()))
	}
	return tea.Batch(p.entry.in.Update(msg), p.wantWords())
}

// enter plots, or ranks, what was typed.
func (p *Pane) enter(query string) tea.Cmd {
	t := p.entry.goal
	p.entry.close()
	p.entry.in.AddHistory(query)
	if t.top {
		p.top.query, p.top.stale = query, true
		return tea.Batch(p.top.due(), pane.Send(pane.Ran{Command: p.Command()}))
	}
	if query == "" {
		return nil
	}
	if t.plot == 0 {
		if len(p.plots) >= maxPlots {
			return pane.Send(pane.Toast{Level: "warn", Text: "the board is full: take a plot away first (x)"})
		}
		p.add(Spec{Query: query})
		return tea.Batch(p.due(), pane.Send(pane.Ran{Command: p.Command()}))
	}
	for i, one := range p.plots {
		if one.id != t.plot || one.spec.Query == query {
			continue
		}
		p.at = i
		p.env.Feeds.Stop(one.key())
		p.plots[i] = p.newPlot(Spec{Query: query, Unit: one.spec.Unit, Threshold: one.spec.Threshold}) // the title was the other's
		p.plots[i].bare = one.bare
		p.changed()
		return tea.Batch(p.due(), pane.Send(pane.Ran{Command: p.Command()}))
	}
	return nil
}

// mistake is where in a plot's expression a backend found a mistake, for the
// cursor; -1 where it found none.
func (one *panel) mistake() int {
	for _, r := range one.failed {
		if at, ok := metrics.Locate(one.spec.Query, r.Err.Error()); ok {
			return at.Offset
		}
	}
	return -1
}

// words are those that are known for the end of head.
func (p *Pane) words(head string) (from int, words []string) {
	at := promcursor.Find(head)
	return len(at.Head), p.entry.lists[at.Key()]
}

// wantWords asks for the words under the cursor where they are not known.
func (p *Pane) wantWords() tea.Cmd {
	at := promcursor.Find(p.entry.in.Head())
	key := at.Key()
	if _, known := p.entry.lists[key]; key == "" || known || p.entry.asked == key {
		return nil
	}
	p.entry.asked = key
	return feed.Do(p.env.Feeds, feed.Key{Pane: name, Slot: slotWords}, p.env.Contexts, func(ctx context.Context, c feed.Context) (any, error) {
		words, err := promcursor.Words(ctx, c.Caller, at)
		return wordList{key, words}, err
	})
}

type wordList struct {
	key   string
	words []string
}

// onWords takes words. Nobody is told that there are none: the line works
// without.
func (p *Pane) onWords(a feed.Answer) {
	seen := map[string]bool{}
	var all wordList
	for _, r := range a.Results {
		list, ok := r.Out.(wordList)
		if !ok || r.Err != nil {
			continue
		}
		all.key = list.key
		for _, w := range list.words {
			if !seen[w] {
				seen[w] = true
				all.words = append(all.words, w)
			}
		}
	}
	p.entry.asked = ""
	if all.key == "" {
		return
	}
	if len(p.entry.lists) >= wordLists {
		p.entry.lists = map[string][]string{}
	}
	p.entry.lists[all.key] = all.words
	if p.entry.on && promcursor.Find(p.entry.in.Head()).Key() == all.key {
		p.entry.in.SetWords(p.words(p.entry.in.Head()))
	}
}
