package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// The rows of the other lists.
type (
	silence struct {
		Context string
		api.Silence
	}
	did struct {
		Context string
		n       int // its place in the answer: the same alert fires more than once
		api.AlertPast
	}
	rule struct {
		Context string
		n       int
		api.AlertRule
	}
)

// otherTables makes the tables of silences, history and rules.
func (p *Pane) otherTables(th func() *theme.Theme) {
	p.silences = widget.NewTable(th, func(s *silence) string { return s.Context + "/" + s.ID }, inContext(p.many, func(s *silence) string { return s.Context },
		widget.Column[silence]{Name: "state", Min: 7, Max: 8, Text: func(s *silence) string { return s.State }, Style: func(s *silence) theme.Style {
			if s.State != "active" {
				return p.env.Theme.Muted
			}
			return p.env.Theme.Text
		}},
		widget.Column[silence]{Name: "matchers", Min: 20, Grow: true, Text: func(s *silence) string { return s.Matchers }},
		widget.Column[silence]{Name: "hits", Min: 4, Max: 6, Right: true, Text: func(s *silence) string { return fmt.Sprint(s.Hits) }, Compare: func(a, b *silence) int { return cmp.Compare(a.Hits, b.Hits) }},
		widget.Column[silence]{Name: "ends", Min: 6, Max: 10, Right: true, Text: func(s *silence) string { return say.Ago(p.env, s.Ends) }, Compare: func(a, b *silence) int { return a.Ends.Compare(b.Ends) }},
		widget.Column[silence]{Name: "by", Min: 5, Max: 16, Text: func(s *silence) string { return s.By }, Drop: 2},
		widget.Column[silence]{Name: "comment", Min: 10, Grow: true, Text: func(s *silence) string { return s.Comment }, Drop: 3},
		widget.Column[silence]{Name: "can go", Min: 6, Max: 36, Text: func(s *silence) string { return s.Stale }, Style: func(*silence) theme.Style { return p.env.Theme.Warn }, Drop: 1},
		widget.Column[silence]{Name: "id", Min: 8, Max: 8, Text: func(s *silence) string { return s.ID }, Drop: 4},
	)...)
	p.past = widget.NewTable(th, func(a *did) string { return fmt.Sprint(a.Context, "/", a.n) }, inContext(p.many, func(a *did) string { return a.Context },
		widget.Column[did]{Name: "start", Min: 8, Max: 19, Text: func(a *did) string { return say.Clock(p.env, a.Start) }, Compare: func(a, b *did) int { return a.Start.Compare(b.Start) }},
		widget.Column[did]{Name: "what", Min: 8, Max: 10, Text: func(a *did) string { return a.Kind }, Style: func(a *did) theme.Style { return p.env.Theme.Severity(a.Kind) }},
		widget.Column[did]{Name: "name", Min: 14, Max: 40, Text: func(a *did) string { return a.Name }},
		widget.Column[did]{Name: "lasted", Min: 6, Max: 9, Right: true, Text: lasted, Compare: func(a, b *did) int { return cmp.Compare(a.Duration, b.Duration) }},
		widget.Column[did]{Name: "by", Min: 5, Max: 16, Text: func(a *did) string { return a.By }, Drop: 2},
		widget.Column[did]{Name: "detail", Min: 12, Grow: true, Text: func(a *did) string {
			return strings.TrimSpace(a.Text + " " + say.Labels(a.Labels, "alertname", "__name__", "alertstate"))
		}, Drop: 1},
		widget.Column[did]{Name: "source", Min: 6, Max: 14, Text: func(a *did) string { return a.Source }, Drop: 3},
	)...)
	p.rules = widget.NewTable(th, func(r *rule) string { return fmt.Sprint(r.Context, "/", r.n) }, inContext(p.many, func(r *rule) string { return r.Context },
		widget.Column[rule]{Name: "state", Min: 8, Max: 8, Text: func(r *rule) string { return r.State }, Style: func(r *rule) theme.Style { return p.env.Theme.Severity(r.State) }},
		widget.Column[rule]{Name: "health", Min: 6, Max: 7, Text: func(r *rule) string { return r.Health }, Style: func(r *rule) theme.Style {
			if r.Health == "err" {
				return p.env.Theme.Bad
			}
			return p.env.Theme.Text
		}},
		widget.Column[rule]{Name: "name", Min: 16, Max: 44, Text: func(r *rule) string { return r.Name }},
		widget.Column[rule]{Name: "severity", Min: 8, Max: 9, Text: func(r *rule) string { return r.Severity }, Drop: 3},
		widget.Column[rule]{Name: "after", Min: 5, Max: 7, Right: true, Text: func(r *rule) string {
			if r.For == 0 {
				return ""
			}
			return say.Long(r.For)
		}, Compare: func(a, b *rule) int { return cmp.Compare(a.For, b.For) }, Drop: 4},
		widget.Column[rule]{Name: "firing", Min: 6, Max: 6, Right: true, Text: func(r *rule) string { return fmt.Sprint(r.Firing) }, Compare: func(a, b *rule) int { return cmp.Compare(a.Firing, b.Firing) }},
		widget.Column[rule]{Name: "expression", Min: 24, Grow: true, Text: func(r *rule) string {
			if r.Error != "" {
				return r.Error
			}
			return strings.Join(strings.Fields(r.Expr), " ")
		}, Drop: 1},
		widget.Column[rule]{Name: "group", Min: 6, Max: 20, Text: func(r *rule) string { return r.Group }, Drop: 2},
	)...)
}

// inContext puts a column for the context in front where there are several.
func inContext[T any](many bool, of func(*T) string, cols ...widget.Column[T]) []widget.Column[T] {
	if !many {
		return cols
	}
	return append([]widget.Column[T]{{Name: "context", Min: 6, Max: 18, Text: of}}, cols...)
}

func lasted(a *did) string {
	switch {
	case a.Kind != "firing":
		return ""
	case a.End == nil:
		return "still"
	}
	return say.Long(a.Duration)
}

// otherAnswer fills one of the other tables. When nobody answered, what was
// there stays.
func (p *Pane) otherAnswer(v view, a feed.Answer) {
	s := p.slots[v]
	s.trouble = say.Contexts(a.Results)
	var silences []silence
	var history []did
	var rules []rule
	answered := false
	for _, r := range a.Results {
		if r.Err != nil {
			continue
		}
		answered = true
		switch out := r.Out.(type) {
		case api.SilenceList:
			s.trouble = append(s.trouble, say.Backends(p.named(r.Context), out.Failed)...)
			for _, one := range out.Silences {
				silences = append(silences, silence{r.Context, one})
			}
		case []api.AlertPast:
			for i, one := range out {
				history = append(history, did{r.Context, i, one})
			}
		case []api.AlertRule:
			for i, one := range out {
				rules = append(rules, rule{r.Context, i, one})
			}
		}
	}
	if answered {
		s.known = true
		if len(s.trouble) == 0 {
			s.fresh = p.env.Now
		}
		switch v {
		case viewSilences:
			p.silences.Set(silences)
		case viewHistory:
			slices.SortStableFunc(history, func(a, b did) int { return b.Start.Compare(a.Start) })
			p.past.Set(history)
		case viewRules:
			slices.SortStableFunc(rules, func(a, b rule) int {
				return cmp.Or(cmp.Compare(loud(a.State), loud(b.State)), cmp.Compare(a.Name, b.Name))
			})
			p.rules.Set(rules)
		}
	}
	p.otherEmpty(v)
}

// loud ranks the states of rules.
func loud(state string) int {
	switch state {
	case "firing":
		return 0
	case "pending":
		return 1
	}
	return 2
}

// otherEmpty says why a list is empty.
func (p *Pane) otherEmpty(v view) {
	s := p.slots[v]
	words := map[view]string{viewSilences: "no silence holds", viewHistory: "nothing is known to have fired in the window", viewRules: "there are no alerting rules"}[v]
	switch {
	case !s.known && len(s.trouble) > 0, len(s.trouble) > 0:
		words = "not known: not everybody answered"
	case !s.known:
		words = "asking…"
	case v == viewSilences && p.stale:
		words = "no silence is stale"
	}
	switch v {
	case viewSilences:
		p.silences.Empty = words
	case viewHistory:
		p.past.Empty = words
	case viewRules:
		p.rules.Empty = words
	}
}
