package services

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/tui/asked"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/past"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// signals are what the metrics of a context say of a window.
type signals struct {
	context string
	past.Signals
	failed error // of a signal that is missing
}

// service is a service of a context at a moment of the past.
type service struct {
	context   string
	s         past.Service
	word, why string
}

func (r *service) key() string { return r.context + "\x00" + r.s.Name }

// inPast reports whether the window ends in the past.
func (p *Pane) inPast() bool { return !p.env.Window.Live }

// list is what the tables of now and of then have in common.
type list interface {
	Act(id string) bool
	Filter(expr string)
	Click(y int) bool
	Scroll(lines int)
}

// front is the table that is shown.
func (p *Pane) front() list {
	if p.inPast() {
		return p.before
	}
	return p.table
}

// pick puts the cursor on a service in either table.
func (p *Pane) pick(r row) {
	p.table.Select(r.key())
	p.before.Select(r.key())
}

// chosen is the service under the cursor as it is now, or why there is none.
func (p *Pane) chosen() (row, string) {
	if !p.inPast() {
		if r, ok := p.table.Current(); ok {
			return *r, ""
		}
		return row{}, "no service is chosen"
	}
	s := p.subjectThen()
	if s.Service == "" {
		return row{}, "no service is chosen"
	}
	if r, ok := p.find(s); ok {
		return r, ""
	}
	return row{}, "it is not known to run now"
}

// askThen asks the metrics for a window of the past, once: it does not change.
func (p *Pane) askThen() tea.Cmd {
	if !p.inPast() {
		p.env.Feeds.Stop(key(slotThen))
		p.thenIn = ""
		return nil
	}
	if window := p.env.Window.Flags(); window != p.thenIn {
		// What was known of another window must not stand under this one.
		p.then, p.thenIn = asked.Listing[signals]{}, window
	}
	p.then.Begin(p.env.Contexts, p.env.Now)
	p.fillThen()
	from, to := p.env.Bounds()
	return feed.Do(p.env.Feeds, key(slotThen), p.env.Contexts, func(ctx context.Context, c feed.Context) (any, error) {
		s, err := past.Ask(ctx, c.Caller, from, to)
		if err != nil && s.Nothing() {
			return nil, err
		}
		return signals{context: c.Name, Signals: s, failed: err}, nil
	})
}

func (p *Pane) thenAnswer(a feed.Answer) {
	p.then.Take(a, p.env.Now, func(_ string, out any) []signals { return []signals{out.(signals)} }) //nolint:forcetypeassert // askThen says so
	p.fillThen()
}

// fillThen fills the table with the services at the moment that is looked at,
// those in trouble first. One that is only known of now is there, too: how it
// did is unknown.
func (p *Pane) fillThen() {
	if !p.inPast() {
		return
	}
	var rows []service
	for _, s := range p.then.Rows() {
		for _, one := range past.Services(s.Signals, past.Moment(p.env)) {
			word, why := one.State()
			rows = append(rows, service{s.context, one, word, why})
		}
	}
	if p.then.Known() {
		nan := math.NaN()
		for _, r := range p.list.Rows() {
			if !slices.ContainsFunc(rows, func(o service) bool { return o.key() == r.key() }) {
				rows = append(rows, service{r.context, past.Service{Name: r.s.Name, Up: nan, Calls: nan, Errors: nan, P95: nan}, past.Unknown, past.NoMetric})
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b service) int {
		return cmp.Or(cmp.Compare(worst(a.word), worst(b.word)), strings.Compare(a.s.Name, b.s.Name), strings.Compare(a.context, b.context))
	})
	p.before.Set(rows)
}

// worst ranks the states of the past.
func worst(state string) int {
	return slices.Index([]string{"down", "degraded", past.Unknown, "up"}, state)
}

// buildThen makes the table of then, as the old one was ordered.
func (p *Pane) buildThen() {
	number := func(name string, drop int, value func(s *past.Service) float64, text func(v float64) string) widget.Column[service] {
		return widget.Column[service]{Name: name, Drop: drop, Right: true, Text: func(r *service) string {
			if v := value(&r.s); !math.IsNaN(v) {
				return text(v)
			}
			return "-"
		}, Compare: func(a, b *service) int { return cmp.Compare(value(&a.s), value(&b.s)) }}
	}
	failing := number("errors", 2, func(s *past.Service) float64 { return s.Errors }, output.Percent)
	failing.Style = func(r *service) theme.Style {
		if r.s.Errors > 0 {
			return p.env.Theme.Bad
		}
		return p.env.Theme.Text
	}
	cols := []widget.Column[service]{
		{Name: "name", Min: 6, Text: func(r *service) string { return r.s.Name }},
		{Name: "was", Text: func(r *service) string { return r.word }, Style: func(r *service) theme.Style { return p.env.Theme.Severity(r.word) }},
		number("replicas up", 4, func(s *past.Service) float64 { return s.Up }, func(v float64) string { return strconv.FormatFloat(100*v, 'f', 0, 64) + "%" }),
		number("calls/s", 1, func(s *past.Service) float64 { return s.Calls }, perSecond),
		failing,
		number("p95", 3, func(s *past.Service) float64 { return s.P95 }, func(v float64) string { return millis(1000 * v) }),
		{Name: "why", Drop: 5, Grow: true, Min: 12, Text: func(r *service) string { return r.why }},
	}
	if p.many {
		cols = slices.Insert(cols, 0, widget.Column[service]{Name: "context", Min: 6, Max: 20, Text: func(r *service) string { return r.context }})
	}
	p.before = asked.Remade(p.before, widget.NewTable(p.theme, (*service).key, cols...))
	p.before.ASCII = p.env.ASCII
	p.before.Filter(p.filter)
}

func (p *Pane) subjectThen() pane.Subject {
	if r, ok := p.before.Current(); ok {
		return pane.Subject{Context: r.context, Service: r.s.Name, At: past.Moment(p.env)}
	}
	return pane.Subject{}
}

// commandThen asks for the first of the signals at the moment that is shown.
func (p *Pane) commandThen() string {
	return argv.Line("aictl", "metrics", "query", past.Queries(p.env.Window.Span)[0], "--time", past.Moment(p.env).UTC().Format(time.RFC3339))
}

func (p *Pane) viewThen(width, height int) []string {
	th := p.env.Theme
	var lines []string
	if height >= 3 { // which time it is stays where there is room for anything
		head := th.Accent.Render("past " + p.env.Stretch())
		if p.then.Known() {
			head += "  " + p.summaryThen()
		}
		lines = append(lines, widget.Columns(head, th.Muted.Render("from the metrics"), width))
	}
	troubles := p.then.Troubles(p.env.Now)
	for _, s := range p.then.Rows() {
		if s.failed != nil {
			t := say.Err("a part of the metrics of "+s.context, s.failed)
			troubles = append(troubles, t)
		}
	}
	lines = append(lines, say.Troubles(th, troubles, min(max(height/4, 1), 4))...)
	if height < 3 {
		lines = lines[:min(len(lines), height-1)]
	}
	switch {
	case p.then.Known():
		p.before.Empty = "No metric tells of a service in the window."
	case len(troubles) > 0:
		p.before.Empty = "Nobody answered; nothing is known of the window."
	default:
		p.before.Empty = "asking…"
	}
	p.top = len(lines)
	return append(lines, p.before.View(width, height-len(lines)))
}

// summaryThen counts the states at the moment: "at 23:30:00: 1 down, 2 up".
func (p *Pane) summaryThen() string {
	counts := map[string]int{}
	p.before.Each(func(r *service) bool { counts[r.word]++; return true })
	var parts []string
	for _, word := range []string{"down", "degraded", past.Unknown, "up"} {
		if counts[word] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[word], word))
		}
	}
	return "at " + past.Clock(p.env, past.Moment(p.env)) + ": " + cmp.Or(strings.Join(parts, ", "), "no service is known")
}
