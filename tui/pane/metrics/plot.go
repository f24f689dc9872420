package metrics

import (
	"context"
	"fmt"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

const (
	slotPlot = "plot/"
	// refreshAtLeast is the least time between two questions of a live plot.
	refreshAtLeast = 5 * time.Second
	// lost is when an answer that did not come is asked for again; feeds give
	// up earlier by themselves.
	lost = time.Minute
	// contextLabel tells the curves of several contexts apart.
	contextLabel = "context"
)

// panel is one expression with what is known of it.
type panel struct {
	id   int
	spec Spec
	bare bool // without annotations

	asked   time.Time
	waiting bool
	stale   bool // to be asked again

	data   *answer // the last one that came, of whoever answered
	got    time.Time
	failed []feed.Result // of the last question
	series int           // the curve that jumps go from

	drawn cache
}

// answer is what is drawn.
type answer struct {
	now    api.MetricPlot
	before *api.MetricPlot // an earlier stretch, for comparison
	later  time.Duration
	notes  []string // warnings, and what is missing
	serial int
}

// stretch is what one context gives.
type stretch struct {
	now       api.MetricPlot
	before    *api.MetricPlot
	beforeErr error
}

func (p *Pane) newPlot(s Spec) *panel {
	p.ids++
	return &panel{id: p.ids, spec: s, stale: true}
}

func (one *panel) key() feed.Key { return feed.Key{Pane: name, Slot: slotPlot + strconv.Itoa(one.id)} }

// interval is the plot's own cadence: there is nothing new before a step.
func (one *panel) interval(span time.Duration) time.Duration {
	step := span / 120
	if one.data != nil {
		step = time.Duration(one.data.now.Step)
	}
	return max(step, refreshAtLeast)
}

// due asks for what is seen and not up to date.
func (p *Pane) due() tea.Cmd {
	if p.top.shown {
		return p.top.due()
	}
	var cmds []tea.Cmd
	for i, one := range p.plots {
		if p.zoomed && i != p.at {
			continue
		}
		since := p.env.Now.Sub(one.asked)
		switch {
		case one.waiting && !one.stale && since < lost:
		case one.stale, p.env.Window.Live && since >= one.interval(p.env.Window.Span):
			cmds = append(cmds, p.ask(one))
		}
	}
	return tea.Batch(cmds...)
}

// ask asks every context for the plot, and for the stretch it is compared with.
func (p *Pane) ask(one *panel) tea.Cmd {
	from, to := p.env.Bounds()
	in := api.MetricPlotInput{MetricRangeInput: api.MetricRangeInput{Query: one.spec.Query, From: from.UTC(), To: to.UTC()}, Threshold: one.spec.Threshold}
	if one.bare {
		in.Marks = []string{"none"}
	}
	earlier := p.env.Window.Compare
	one.asked, one.waiting, one.stale = p.env.Now, true, false
	return feed.Do(p.env.Feeds, one.key(), p.env.Contexts, func(ctx context.Context, c feed.Context) (any, error) {
		now, err := api.MetricsPlot.Call(ctx, c.Caller, in)
		if err != nil || earlier <= 0 {
			return stretch{now: now}, err
		}
		past := in
		past.From, past.To, past.Step, past.Marks = in.From.Add(-earlier), in.To.Add(-earlier), now.Step, []string{"none"}
		before, err := api.MetricsPlot.Call(ctx, c.Caller, past)
		if err != nil {
			return stretch{now: now, beforeErr: err}, nil
		}
		return stretch{now: now, before: &before}, nil
	})
}

// onPlot takes an answer. Where every context failed, what was known stays.
func (p *Pane) onPlot(a feed.Answer) tea.Cmd {
	for _, one := range p.plots {
		if one.key() != a.Key {
			continue
		}
		one.waiting = false
		if a.Canceled() {
			return nil
		}
		one.failed = a.Failed()
		if got := merge(a.Results, p.env.Window.Compare); got != nil {
			if one.data != nil {
				got.serial = one.data.serial + 1
			}
			one.data, one.got = got, p.env.Now
		}
	}
	return nil
}

// merge puts the answers of the contexts together; nil where there is none.
// Of several, each curve and mark says whose it is.
func merge(results []feed.Result, later time.Duration) *answer {
	var out *answer
	for _, r := range results {
		s, ok := r.Out.(stretch)
		if r.Err != nil || !ok {
			continue
		}
		if len(results) > 1 {
			s.now = owned(s.now, r.Context)
			if s.before != nil {
				b := owned(*s.before, r.Context)
				s.before = &b
			}
		}
		if out == nil {
			out = &answer{now: s.now, before: s.before, later: later}
		} else {
			out.now.Series = append(out.now.Series, s.now.Series...)
			out.now.Annotations = append(out.now.Annotations, s.now.Annotations...)
			switch {
			case out.before == nil:
				out.before = s.before
			case s.before != nil:
				out.before.Series = append(out.before.Series, s.before.Series...)
			}
		}
		prefix := ""
		if len(results) > 1 {
			prefix = r.Context + ": "
		}
		for _, w := range s.now.Warnings {
			out.notes = append(out.notes, prefix+"warning: "+w)
		}
		if s.beforeErr != nil {
			out.notes = append(out.notes, fmt.Sprintf("%snothing from %s ago: %v", prefix, pane.Short(later), s.beforeErr))
		}
	}
	return out
}

// owned is an answer whose curves and marks say their context; what came is
// left as it is.
func owned(r api.MetricPlot, whose string) api.MetricPlot {
	series := make([]api.MetricSeries, len(r.Series))
	for i, s := range r.Series {
		labels := make(map[string]string, len(s.Labels)+1)
		for k, v := range s.Labels {
			labels[k] = v
		}
		labels[contextLabel] = whose
		series[i] = api.MetricSeries{Labels: labels, Samples: s.Samples}
	}
	marks := make([]api.Annotation, len(r.Annotations))
	for i, a := range r.Annotations {
		a.Text += " (" + whose + ")"
		marks[i] = a
	}
	r.Series, r.Annotations = series, marks
	return r
}

// unit is that of the plot's values.
func (one *panel) unit() *metrics.Unit {
	u, _ := unitOf(one.spec.Unit)
	return u
}
