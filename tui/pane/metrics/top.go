package metrics

import (
	"cmp"
	"fmt"
	"math"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

const (
	slotTop  = "top"
	topEvery = 15 * time.Second
	// topRows is how many series are ranked.
	topRows = 200
)

// topRow is one series of the ranking.
type topRow struct {
	api.MetricTopRow

	context string
	name    string
}

// expression is one that gives the row's series alone, or the whole ranking's
// where the row has no metric of its own.
func (r *topRow) expression(query string) string {
	if r.Labels[metrics.NameLabel] == "" {
		return query
	}
	return metrics.Labels(r.Labels)
}

// ranking is metrics.top.
type ranking struct {
	env   *pane.Env
	table *widget.Table[topRow]

	shown, stale, waiting, least bool
	query                        string // typed; empty is the platform's choice
	shownQuery                   string // what was ranked
	asked, got                   time.Time
	total                        int
	failed                       []feed.Result
	notes                        []string
}

func newRanking(th func() *theme.Theme, env *pane.Env) ranking {
	r := ranking{env: env}
	value := func(row *topRow, v api.Number) string {
		if math.IsNaN(float64(v)) {
			return "-"
		}
		return metrics.UnitOf(row.Labels[metrics.NameLabel]).Format(float64(v))
	}
	order := func(of func(*topRow) float64) func(a, b *topRow) int {
		return func(a, b *topRow) int { return cmp.Compare(of(a), of(b)) }
	}
	share := func(row *topRow) float64 {
		if !row.Change.Finite() || row.Before == 0 {
			return math.NaN()
		}
		return 100 * float64(row.Change) / math.Abs(float64(row.Before))
	}
	r.table = widget.NewTable(
		th, func(row *topRow) string { return row.context + "\x00" + row.name },
		widget.Column[topRow]{Name: "metric", Min: 12, Grow: true, Text: func(row *topRow) string {
			if len(env.Contexts) > 1 {
				return row.context + ": " + row.name
			}
			return row.name
		}},
		widget.Column[topRow]{
			Name: "value", Right: true, Compare: order(func(row *topRow) float64 { return float64(row.Value) }),
			Text: func(row *topRow) string { return value(row, row.Value) },
		},
		widget.Column[topRow]{
			Name: "change", Right: true, Drop: 2, Compare: order(func(row *topRow) float64 { return float64(row.Change) }),
			Text: func(row *topRow) string {
				text := value(row, row.Change)
				if row.Change > 0 {
					text = "+" + text
				}
				return text
			},
		},
		widget.Column[topRow]{
			Name: "change %", Right: true, Drop: 3, Compare: order(share),
			Text: func(row *topRow) string {
				if math.IsNaN(share(row)) {
					return "-"
				}
				return fmt.Sprintf("%+.1f%%", share(row))
			},
		},
		widget.Column[topRow]{Name: "recent", Drop: 1, Max: 24, Text: func(row *topRow) string {
			values := make([]float64, len(row.Recent))
			for i, v := range row.Recent {
				values[i] = float64(v)
			}
			return plot.Spark(values, 24, env.ASCII)
		}},
	)
	return r
}

// empty is the ranking without what is known.
func (r *ranking) empty() ranking {
	r.table.Set(nil)
	out := *r
	out.total, out.got, out.failed, out.notes, out.shownQuery = 0, time.Time{}, nil, nil, ""
	return out
}

func (r *ranking) input() api.MetricTopInput {
	return api.MetricTopInput{Query: r.query, Limit: topRows, Window: op.Duration(r.env.Window.Span), Bottom: r.least}
}

// due asks for the ranking where it is not up to date. It is always of now:
// the operation knows no other moment.
func (r *ranking) due() tea.Cmd {
	since := r.env.Now.Sub(r.asked)
	if r.waiting && !r.stale && since < lost || !r.stale && !r.asked.IsZero() && since < topEvery {
		return nil
	}
	r.asked, r.waiting, r.stale = r.env.Now, true, false
	return feed.Ask(r.env.Feeds, feed.Key{Pane: name, Slot: slotTop}, r.env.Contexts, api.MetricsTop, r.input())
}

func (r *ranking) onAnswer(a feed.Answer) {
	r.waiting = false
	if a.Canceled() {
		return
	}
	r.failed, r.notes = a.Failed(), nil
	if len(r.failed) == len(a.Results) {
		return
	}
	var rows []topRow
	r.total, r.got = 0, r.env.Now
	for _, one := range a.Results {
		top, ok := one.Out.(api.MetricTop)
		if !ok || one.Err != nil {
			continue
		}
		r.shownQuery = top.Query
		r.total += top.Total
		for _, w := range top.Warnings {
			r.notes = append(r.notes, "warning: "+w)
		}
		for _, row := range top.Rows {
			rows = append(rows, topRow{MetricTopRow: row, context: one.Context, name: metrics.Labels(row.Labels)})
		}
	}
	r.table.Empty = "The expression gives no series now."
	r.table.Set(rows)
}

func (r *ranking) command() string {
	words := []string{"aictl", "metrics", "top"}
	if r.query != "" {
		words = append(words, r.query)
	}
	words = append(words, "--window", pane.Short(r.env.Window.Span))
	if r.least {
		words = append(words, "--bottom")
	}
	return argv.Line(words...)
}

func (p *Pane) toggleTop() tea.Cmd {
	p.top.shown = !p.top.shown
	if !p.top.shown {
		return p.due()
	}
	return tea.Batch(p.due(), pane.Send(pane.Ran{Command: p.Command()}))
}

// actTop does what a key does in the ranking.
func (p *Pane) actTop(id string) tea.Cmd {
	switch id {
	case "metrics.edit":
		return p.edit(target{top: true}, p.top.query, -1)
	case "metrics.least":
		p.top.least, p.top.stale = !p.top.least, true
		return p.due()
	case "metrics.zoom":
		row, ok := p.top.table.Current()
		if !ok {
			return nil
		}
		query := row.expression(p.top.shownQuery)
		p.leave()
		p.showQuery(query)
		return tea.Batch(p.due(), pane.Send(pane.Ran{Command: p.Command()}))
	}
	return nil
}
