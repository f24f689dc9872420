package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// The rows of the lists.
type (
	event struct {
		Context string
		api.TimelineRow
	}
	change struct {
		Context string
		api.Change
	}
	summary struct {
		Context string
		api.IncidentSummary
	}
)

// signs tell kinds apart without colour.
var signs = map[string]string{
	"alert": "▲", "resolved": "▽", "rollout": "●", "canary": "●", "scale": "◆", "autoscale": "◇", "config": "■", "secret": "■", "settings": "■", "node": "⬟",
	"pattern": "≡", "metric": "∿", "onset": "∿", "ack": "✓", "silence": "∅", "pause": "‖", "delete": "✗", "action": "·", "note": "✎",
}

// kindWords is a kind with its sign.
func (p *Pane) kindWords(kind string) string {
	sign := signs[kind]
	if sign == "" || p.env.ASCII {
		sign = "*"
	}
	return sign + " " + kind
}

func (p *Pane) kindStyle(kind string) theme.Style {
	th := p.env.Theme
	switch kind {
	case "alert":
		return th.Bad
	case "resolved":
		return th.OK
	case api.ChangeRollout, api.ChangeCanary, api.ChangeDelete:
		return th.Bold
	case api.ChangeConfig, api.ChangeSecret, api.ChangeNode, api.ChangeSettings, "metric", "pattern", "onset":
		return th.Warn
	case api.ChangeScale, "note":
		return th.Text
	}
	return th.Muted
}

// tables makes the tables; a column names the context where there are several.
func (p *Pane) tables() {
	p.many = len(p.env.Contexts) > 1
	th := p.theme
	p.timeline = widget.NewTable(th, func(e *event) string { return e.Context + "/" + e.ID }, inContext(p.many, func(e *event) string { return e.Context },
		widget.Column[event]{Name: "time", Min: 8, Max: 19, Text: func(e *event) string { return say.Clock(p.env, e.Time) }, Compare: func(a, b *event) int { return a.Time.Compare(b.Time) }},
		widget.Column[event]{Name: "kind", Min: 8, Max: 11, Text: func(e *event) string { return p.kindWords(e.Kind) }, Style: func(e *event) theme.Style { return p.kindStyle(e.Kind) }},
		widget.Column[event]{Name: "service", Min: 8, Max: 22, Text: func(e *event) string { return e.Service }, Drop: 1},
		widget.Column[event]{Name: "what", Min: 48, Grow: true, Text: eventWords},
		widget.Column[event]{Name: "source", Min: 7, Max: 16, Text: func(e *event) string { return e.Source }, Drop: 2},
		widget.Column[event]{Name: "id", Min: 12, Max: 16, Text: func(e *event) string { return e.ID }, Drop: 3},
		widget.Column[event]{Name: "command", Min: 20, Max: 60, Text: func(e *event) string { return e.Show }, Style: func(*event) theme.Style { return p.env.Theme.Muted }, Drop: 4},
	)...)
	p.changes = widget.NewTable(th, func(c *change) string { return c.Context + "/" + c.ID }, inContext(p.many, func(c *change) string { return c.Context },
		widget.Column[change]{Name: "time", Min: 8, Max: 19, Text: func(c *change) string { return say.Clock(p.env, c.Time) }, Compare: func(a, b *change) int { return a.Time.Compare(b.Time) }},
		widget.Column[change]{Name: "ago", Min: 4, Max: 7, Right: true, Text: func(c *change) string { return say.Ago(p.env, c.Time) }, Compare: func(a, b *change) int { return b.Time.Compare(a.Time) }, Drop: 4},
		widget.Column[change]{Name: "kind", Min: 8, Max: 11, Text: func(c *change) string { return p.kindWords(c.Kind) }, Style: func(c *change) theme.Style { return p.kindStyle(c.Kind) }},
		widget.Column[change]{Name: "object", Min: 10, Max: 32, Text: func(c *change) string { return c.Object }, Drop: 1},
		widget.Column[change]{Name: "what", Min: 48, Grow: true, Text: func(c *change) string { return c.Summary }},
		widget.Column[change]{Name: "who", Min: 5, Max: 18, Text: func(c *change) string { return c.Actor }, Drop: 2},
		widget.Column[change]{Name: "why", Min: 8, Max: 32, Text: func(c *change) string { return c.Reason }, Drop: 3},
		widget.Column[change]{Name: "source", Min: 7, Max: 16, Text: func(c *change) string { return c.Source }, Drop: 5},
	)...)
	p.incidents = widget.NewTable(th, func(i *summary) string { return i.Context + "/" + i.ID }, inContext(p.many, func(i *summary) string { return i.Context },
		widget.Column[summary]{Name: "state", Min: 6, Max: 6, Text: func(i *summary) string { return i.State }, Style: func(i *summary) theme.Style {
			if i.State == api.IncidentOpen {
				return p.env.Theme.Warn
			}
			return p.env.Theme.Muted
		}},
		widget.Column[summary]{Name: "title", Min: 16, Grow: true, Text: func(i *summary) string { return i.Title }},
		widget.Column[summary]{Name: "owner", Min: 5, Max: 16, Text: func(i *summary) string { return i.Owner }, Drop: 2},
		widget.Column[summary]{Name: "opened", Min: 6, Max: 8, Right: true, Text: func(i *summary) string { return say.Ago(p.env, i.Opened) }, Compare: func(a, b *summary) int { return a.Opened.Compare(b.Opened) }},
		widget.Column[summary]{Name: "verdict", Min: 7, Max: 9, Text: func(i *summary) string { return i.Verdict }, Drop: 3},
		widget.Column[summary]{Name: "notes", Min: 5, Max: 5, Right: true, Text: func(i *summary) string { return fmt.Sprint(i.Notes) }, Drop: 4},
		widget.Column[summary]{Name: "runs", Min: 4, Max: 4, Right: true, Text: func(i *summary) string { return fmt.Sprint(i.Runs) }, Drop: 5},
		widget.Column[summary]{Name: "id", Min: 22, Max: 24, Text: func(i *summary) string { return i.ID }, Drop: 1},
	)...)
	for _, ascii := range []*bool{&p.timeline.ASCII, &p.changes.ASCII, &p.incidents.ASCII} {
		*ascii = p.env.ASCII
	}
}

func eventWords(e *event) string {
	words := e.Title
	if e.Actor != "" {
		words += " by " + e.Actor
	}
	if e.Reason != "" {
		words += " (" + e.Reason + ")"
	}
	return words
}

// inContext puts a column for the context in front where there are several.
func inContext[T any](many bool, of func(*T) string, cols ...widget.Column[T]) []widget.Column[T] {
	if !many {
		return cols
	}
	return append([]widget.Column[T]{{Name: "context", Min: 6, Max: 18, Text: of}}, cols...)
}

// service is what the lists are narrowed to; empty is everything.
func (p *Pane) service() string {
	if p.all {
		return ""
	}
	if p.why.out != nil && p.why.out.Subject.Service != "" {
		return p.why.out.Subject.Service
	}
	_, plain, _ := strings.Cut(p.about.Workload, "/")
	return cmp.Or(p.about.Service, plain)
}

// ask asks for one list.
func (p *Pane) ask(v view) tea.Cmd {
	s, known := p.lists[v]
	if !known {
		return nil
	}
	s.asked, s.at = true, p.env.Now
	p.emptyWords(v)
	from, to := p.env.Bounds()
	f, key := p.env.Feeds, p.slot(string(v))
	switch v {
	case viewTimeline:
		return feed.Ask(f, key, p.env.Contexts, api.TimelineShow, api.TimelineInput{Service: p.service(), Namespace: p.env.Namespace, From: from.UTC(), To: to.UTC()})
	case viewChanges:
		return feed.Ask(f, key, p.env.Contexts, api.ChangesList, api.ChangeFilter{Service: p.service(), Namespace: p.env.Namespace, From: from.UTC(), To: to.UTC()})
	}
	return feed.Ask(f, key, p.env.Contexts, api.IncidentsList, api.IncidentFilter{})
}

// listAnswer fills one of the lists. When nobody answered, what was there
// stays.
func (p *Pane) listAnswer(v view, a feed.Answer) {
	s := p.lists[v]
	s.trouble = say.Contexts(a.Results)
	var events []event
	var changes []change
	var incidents []summary
	answered := false
	for _, r := range a.Results {
		if r.Err != nil {
			continue
		}
		answered = true
		named := ""
		if p.many {
			named = r.Context
		}
		switch out := r.Out.(type) {
		case api.Timeline:
			s.trouble = append(s.trouble, say.Backends(named, out.Failed)...)
			for _, one := range out.Rows {
				events = append(events, event{r.Context, one})
			}
			if out.More > 0 {
				s.trouble = append(s.trouble, say.Trouble{Who: fmt.Sprintf("the %d rows before these", out.More), What: "they are left out: narrow the window"})
			}
		case api.ChangeList:
			s.trouble = append(s.trouble, say.Backends(named, out.Failed)...)
			for _, one := range out.Changes {
				changes = append(changes, change{r.Context, one})
			}
		case []api.IncidentSummary:
			for _, one := range out {
				incidents = append(incidents, summary{r.Context, one})
			}
		}
	}
	if answered {
		s.known = true
		if len(s.trouble) == 0 {
			s.fresh = p.env.Now
		}
		switch v { //nolint:exhaustive // why is no list
		case viewTimeline:
			slices.SortStableFunc(events, func(a, b event) int { return b.Time.Compare(a.Time) })
			p.timeline.Set(events)
		case viewChanges:
			slices.SortStableFunc(changes, func(a, b change) int { return b.Time.Compare(a.Time) })
			p.changes.Set(changes)
		case viewIncidents:
			slices.SortStableFunc(incidents, func(a, b summary) int { return b.Opened.Compare(a.Opened) })
			p.incidents.Set(incidents)
		}
	}
	p.emptyWords(v)
}

// emptyWords say why a list is empty: that nothing happened is said only when
// everybody answered.
func (p *Pane) emptyWords(v view) {
	s := p.lists[v]
	words := map[view]string{
		viewTimeline: "nothing is known to have happened in the window", viewChanges: "nothing is known to have changed in the window",
		viewIncidents: "no incident is recorded: w on an alert or a service asks why, o opens an incident about it",
	}[v]
	switch {
	case len(s.trouble) > 0:
		words = "not known: not everybody answered"
	case !s.known:
		words = "asking…"
	}
	switch v { //nolint:exhaustive // why is no list
	case viewTimeline:
		p.timeline.Empty = words
	case viewChanges:
		p.changes.Empty = words
	case viewIncidents:
		p.incidents.Empty = words
	}
}
