package alerts

import (
	"encoding/json"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
)

// How often the list is asked: with a watch it heals what no event tells (who
// took over what was silenced already), without one it is the news.
const (
	askWatched   = 30 * time.Second
	askUnwatched = 5 * time.Second
	askOthers    = 30 * time.Second
)

func (p *Pane) slot(s string) feed.Key { return feed.Key{Pane: name, Slot: s} }

// start asks for the list and opens the watch, where that did not happen yet
// for these contexts, and asks what fired in a window of the past.
func (p *Pane) start() tea.Cmd { return tea.Batch(p.startList(), p.startFired()) }

func (p *Pane) startList() tea.Cmd {
	names := make([]string, len(p.env.Contexts))
	for i, c := range p.env.Contexts {
		names[i] = c.Name
	}
	now := strings.Join(names, "\x00")
	if p.slots[viewList].asked && now == p.contexts {
		return nil
	}
	p.contexts = now
	p.alerts, p.gap, p.latest = map[string]row{}, nil, latest{}
	for _, s := range p.slots {
		*s = shown{}
	}
	if p.many != (len(names) > 1) {
		p.tables()
		p.applyFilter()
	}
	p.rebuild()
	if p.many {
		p.env.Feeds.Stop(p.slot("watch"))
		return p.ask(viewList)
	}
	return tea.Batch(p.ask(viewList), p.watch())
}

func (p *Pane) watch() tea.Cmd {
	in := api.AlertWatchInput{AlertFilter: api.AlertFilter{State: "all"}}
	return feed.Open(p.env.Feeds, p.slot("watch"), p.env.Primary(), api.AlertsWatch, in,
		feed.StreamOptions[api.AlertWatchInput, api.AlertEvent]{Retry: true})
}

// ask asks for one list.
func (p *Pane) ask(v view) tea.Cmd {
	s := p.slots[v]
	s.asked, s.at = true, p.env.Now
	from, to := p.env.Bounds()
	f, key := p.env.Feeds, p.slot(string(v))
	switch v {
	case viewSilences:
		return feed.Ask(f, key, p.env.Contexts, api.AlertsSilences, api.SilenceFilter{Stale: p.stale, Expired: p.ended})
	case viewHistory:
		return feed.Ask(f, key, p.env.Contexts, api.AlertsHistory, api.AlertHistoryInput{Matchers: p.of, From: from.UTC(), To: to.UTC()})
	case viewRules:
		return feed.Ask(f, key, p.env.Contexts, api.AlertsRules, api.AlertRuleFilter{})
	case viewFired:
		return p.askFired(key)
	}
	return feed.Ask(f, key, p.env.Contexts, api.AlertsList, api.AlertFilter{State: "all"})
}

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Answer:
		return p.answer(msg)
	case feed.Batch:
		return p.batch(msg)
	case pane.Scrubbed:
		p.scrubbed()
	case pane.Tick:
		return p.tick()
	case pane.Changed:
		return p.changed(msg)
	}
	return nil
}

// tick asks again what has grown old.
func (p *Pane) tick() tea.Cmd {
	var cmds []tea.Cmd
	every := askWatched
	if p.many {
		every = askUnwatched
	}
	if s := p.slots[viewList]; s.asked && p.env.Now.Sub(s.at) >= every {
		cmds = append(cmds, p.ask(viewList))
	}
	if s := p.slots[viewFired]; p.inPast() && s.asked && len(s.trouble) > 0 && p.env.Now.Sub(s.at) >= askOthers {
		cmds = append(cmds, p.ask(viewFired)) // the past does not change, but who keeps it may answer now
	}
	if p.view != viewList && p.detail == nil && p.preview == nil && p.env.Window.Live {
		if s := p.slots[p.view]; s.asked && p.env.Now.Sub(s.at) >= askOthers {
			cmds = append(cmds, p.ask(p.view))
		}
	}
	return tea.Batch(cmds...)
}

func (p *Pane) answer(a feed.Answer) tea.Cmd {
	if a.Canceled() {
		return nil
	}
	switch a.Slot {
	case "detail":
		p.detailAnswer(a)
	case "runbook":
		p.runbookAnswer(a)
	case "preview":
		return p.previewAnswer(a)
	case string(viewList):
		p.listAnswer(a)
	case string(viewFired):
		p.firedAnswer(a)
	case string(viewSilences), string(viewHistory), string(viewRules):
		p.otherAnswer(view(a.Slot), a)
	}
	return nil
}

// listAnswer replaces what is known of the contexts that answered; of the
// others it stays, with its age.
func (p *Pane) listAnswer(a feed.Answer) {
	s := p.slots[viewList]
	s.trouble = say.Contexts(a.Results)
	p.gap = nil
	for _, r := range a.Results {
		l, ok := r.Out.(api.AlertList)
		if !ok || r.Err != nil {
			continue
		}
		s.known = true
		s.trouble = append(s.trouble, say.Backends(p.named(r.Context), l.Failed)...)
		blind := len(l.Failed) > 0 // who did not answer has resolved nothing
		for key, old := range p.alerts {
			if old.Context == r.Context && !blind {
				delete(p.alerts, key)
			}
		}
		for _, one := range l.Alerts {
			x := row{r.Context, one}
			p.alerts[x.key()] = x
		}
	}
	if s.known && len(s.trouble) == 0 {
		s.fresh = p.env.Now
	}
	p.rebuild()
}

// named is the context's name where it has to be said.
func (p *Pane) named(context string) string {
	if p.many {
		return context
	}
	return ""
}

// batch takes what the watch saw.
func (p *Pane) batch(b feed.Batch) tea.Cmd {
	if b.Slot != "watch" || p.many {
		return nil
	}
	for _, e := range feed.Items[api.AlertEvent](b) {
		p.event(b.Context, e)
	}
	p.rebuild()
	if b.Err == nil || fail.CodeOf(b.Err) == fail.Canceled {
		return nil
	}
	// What happened while the watch was away is not in it: ask.
	t := say.Err(b.Context, b.Err)
	if b.Retry > 0 {
		t.Next = "the watch is opened again in " + say.Long(op.Duration(b.Retry))
	}
	p.gap = []say.Trouble{t}
	return p.ask(viewList)
}

func (p *Pane) event(context string, e api.AlertEvent) {
	if e.Gap != nil {
		p.gap = append(p.gap, say.Backends("", []api.BackendFailure{*e.Gap})...)
		return
	}
	if e.Alert == nil {
		return
	}
	r := row{context, *e.Alert}
	if e.Type == "resolved" {
		delete(p.alerts, r.key())
	} else {
		p.alerts[r.key()] = r
	}
	if e.Type != "snapshot" {
		p.latest = latest{e.Type, *e.Alert, e.Time}
	}
}

// changed asks again after a change, and goes on with the next one where
// several were asked for.
func (p *Pane) changed(c pane.Changed) tea.Cmd {
	cmds := []tea.Cmd{p.ask(viewList)}
	if p.view == viewSilences {
		cmds = append(cmds, p.ask(viewSilences))
	}
	if p.detail != nil {
		cmds = append(cmds, p.askDetail())
	}
	switch {
	case c.Err == nil && c.Operation == api.AlertsSilence.ID:
		p.preview = nil
	case c.Err == nil && c.Operation == api.AlertsUnsilence.ID:
		p.silences.ClearMarks()
	}
	if c.Err != nil {
		p.queue = nil
	}
	if len(p.queue) > 0 {
		cmds = append(cmds, p.proposeNext())
	} else if c.Err == nil && c.Operation == api.AlertsAck.ID {
		p.list.ClearMarks()
		p.groups.ClearMarks()
	}
	return tea.Batch(cmds...)
}

// Restore implements pane.Keeper.
func (p *Pane) Restore(raw []byte) {
	var k struct {
		State, By string
		List      json.RawMessage
	}
	if json.Unmarshal(raw, &k) != nil {
		return
	}
	switch k.State {
	case "all", "firing", "silenced", "inhibited":
		p.state = k.State
	}
	switch k.By {
	case "", "name", "service":
		p.by = k.By
	}
	if len(k.List) > 0 {
		p.list.Restore(k.List)
	}
	p.rebuild()
}
