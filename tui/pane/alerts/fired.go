package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/past"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// fired is a stretch of a past window in which an alert of a context fired.
type fired struct {
	Context string
	past.Fired
	now  string // how the alert is at this moment: a state, "over", or unknown
	then bool   // it fired at the moment that is looked at
}

func (f *fired) key() string { return f.Context + "/" + f.Key() }

// inPast reports whether the window ends in the past: the list is then what
// fired in it. The list of now is kept all the same: hands are for it.
func (p *Pane) inPast() bool { return !p.env.Window.Live }

// front is the list that is shown.
func (p *Pane) front() view {
	if p.view == viewList && p.inPast() {
		return viewFired
	}
	return p.view
}

// firedTable makes the table of what fired.
func (p *Pane) firedTable(th func() *theme.Theme) {
	cols := []widget.Column[fired]{
		{Name: "severity", Min: 4, Max: 9, Text: func(f *fired) string { return f.Severity }, Style: func(f *fired) theme.Style {
			if past.Scrubbed(p.env) && !f.then {
				return p.env.Theme.Muted
			}
			return p.env.Theme.Severity(f.Severity)
		}, Compare: func(a, b *fired) int { return past.Compare(&a.Fired, &b.Fired) }},
		{Name: "name", Min: 14, Max: 40, Text: func(f *fired) string { return f.Name }},
		{Name: "service", Min: 8, Max: 24, Text: func(f *fired) string { return f.Service }, Drop: 2},
		{Name: "began", Min: 9, Max: 16, Text: func(f *fired) string { return beyond(f.Earlier, "<") + past.Clock(p.env, f.From) }, Compare: func(a, b *fired) int { return a.From.Compare(b.From) }, Drop: 1},
		{Name: "ended", Min: 9, Max: 16, Text: func(f *fired) string { return beyond(f.To.IsZero(), ">") + past.Clock(p.env, f.End(p.env)) }, Compare: func(a, b *fired) int { return cmp.Compare(p.until(a), p.until(b)) }, Drop: 3},
		{Name: "lasted", Min: 5, Max: 9, Right: true, Text: func(f *fired) string { return say.Long(op.Duration(f.Lasted(p.env))) }, Compare: func(a, b *fired) int { return cmp.Compare(a.Lasted(p.env), b.Lasted(p.env)) }, Drop: 6},
		{Name: "cursor", Min: 6, Max: 6, Text: p.atCursor},
		{Name: "taken by", Min: 8, Max: 16, Text: func(f *fired) string { return f.TakenBy() }, Drop: 5},
		{Name: "now", Min: 6, Max: 16, Text: func(f *fired) string { return f.now }, Drop: 4},
		{Name: "labels", Min: 12, Grow: true, Text: func(f *fired) string { return say.Labels(f.Labels, "alertname", "severity", "service") }, Drop: 7},
	}
	if p.many {
		cols = slices.Insert(cols, 1, widget.Column[fired]{Name: "context", Min: 6, Max: 18, Text: func(f *fired) string { return f.Context }})
	}
	p.fired = widget.NewTable(th, (*fired).key, cols...)
	p.fired.ASCII = p.env.ASCII
}

// beyond is the sign of a bound that lies outside the window.
func beyond(yes bool, sign string) string {
	if yes {
		return sign
	}
	return ""
}

// until orders what outlasted the window last.
func (p *Pane) until(f *fired) int64 {
	if f.To.IsZero() {
		return 1<<63 - 1
	}
	return f.To.UnixNano()
}

// atCursor is the mark of a row that fired at the cursor; without a cursor
// there is nothing to mark.
func (p *Pane) atCursor(f *fired) string {
	switch {
	case !past.Scrubbed(p.env):
		return ""
	case f.then:
		return "firing"
	}
	return "-"
}

// startFired asks what fired, where the window is in the past and was not
// asked for yet.
func (p *Pane) startFired() tea.Cmd {
	if !p.inPast() {
		p.env.Feeds.Stop(p.slot(string(viewFired)))
		return nil
	}
	from, to := p.env.Bounds()
	if p.slots[viewFired].asked && p.firedIn == [2]time.Time{from, to} {
		return nil
	}
	// What fired in another window must not stand under the bounds of this one.
	p.firedIn, p.history, *p.slots[viewFired] = [2]time.Time{from, to}, map[string][]past.Fired{}, shown{}
	p.fillFired()
	return p.ask(viewFired)
}

func (p *Pane) askFired(key feed.Key) tea.Cmd {
	return feed.Ask(p.env.Feeds, key, p.env.Contexts, api.AlertsHistory, api.AlertHistoryInput{From: p.firedIn[0].UTC(), To: p.firedIn[1].UTC()})
}

// firedAnswer takes the history. Of a context that did not answer what was
// known of the window stays.
func (p *Pane) firedAnswer(a feed.Answer) {
	s := p.slots[viewFired]
	s.trouble = say.Contexts(a.Results)
	for _, r := range a.Results {
		if list, ok := r.Out.([]api.AlertPast); ok && r.Err == nil {
			s.known = true
			p.history[r.Context] = past.Firing(list, p.firedIn[0])
		}
	}
	if s.known && len(s.trouble) == 0 {
		s.fresh = p.env.Now
	}
	p.fillFired()
}

// scrubbed marks what fired at the cursor.
func (p *Pane) scrubbed() {
	if p.inPast() {
		p.fillFired()
	}
}

// fillFired fills the table from what is known of the window and of now.
func (p *Pane) fillFired() {
	var rows []fired
	moment := past.Moment(p.env)
	for _, c := range p.env.Contexts {
		for _, f := range p.history[c.Name] {
			if p.within != "" && !p.ofGroup(&f) {
				continue
			}
			rows = append(rows, fired{Context: c.Name, Fired: f, now: p.stateNow(c.Name, f.Name, f.Is), then: f.At(moment)})
		}
	}
	slices.SortStableFunc(rows, func(a, b fired) int { return past.Compare(&a.Fired, &b.Fired) })
	p.fired.Set(rows)
	if p.detail != nil {
		p.detail.changes++
	}
	switch s := p.slots[viewFired]; {
	case len(s.trouble) > 0:
		p.fired.Empty = "not known: not everybody answered"
	case !s.known:
		p.fired.Empty = "asking…"
	case p.within != "":
		p.fired.Empty = "no alert of " + p.within + " is known to have fired in the window"
	default:
		p.fired.Empty = "nothing is known to have fired in the window"
	}
}

func (p *Pane) ofGroup(f *past.Fired) bool {
	r := row{Alert: f.Alert("")}
	return p.groupOf(&r) == p.within
}

// over is the state of what fired and does not fire now.
const over = "over"

// stateNow is how an alert is at this moment. That it is over is said only
// where everybody answered.
func (p *Pane) stateNow(context, name string, is func(*api.Alert) bool) string {
	word := over
	if s := p.slots[viewList]; !s.known || len(s.trouble)+len(p.gap) > 0 {
		word = past.Unknown
	}
	for _, r := range p.firingNow(context, name, is) {
		if word = stateWord(&r.Alert); r.State == "firing" {
			break
		}
	}
	return word
}

// firingNow are the alerts of now that one of the past is.
func (p *Pane) firingNow(context, name string, is func(*api.Alert) bool) []row {
	var out []row
	for _, r := range p.alerts {
		if r.Context == context && r.Name == name && is(&r.Alert) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b row) int { return worstFirst(&a, &b) })
	return out
}

// pickedNow are the alerts of now that the picked rows of the past are: what
// hands can still be laid on.
func (p *Pane) pickedNow() []row {
	picked := p.fired.Marked()
	if f, ok := p.fired.Current(); ok && len(picked) == 0 {
		picked = append(picked, f)
	}
	var out []row
	for _, f := range picked {
		for _, r := range p.firingNow(f.Context, f.Name, f.Is) {
			if !slices.ContainsFunc(out, func(o row) bool { return o.key() == r.key() }) {
				out = append(out, r)
			}
		}
	}
	return out
}

// handless is why hands cannot be laid on what is picked; empty where they
// can. In the present they always can: the hand itself says what is missing.
func (p *Pane) handless() string {
	switch {
	case p.view != viewList || !p.inPast() || len(p.picked()) > 0:
		return ""
	case p.detail == nil && p.fired.Total() == 0:
		return "no alert is chosen"
	case !p.slots[viewList].known || len(p.slots[viewList].trouble)+len(p.gap) > 0:
		return "it is not known whether it still fires"
	}
	return "it does not fire any more"
}

// firedHead says which time the list shows, and counts what fired in it.
func (p *Pane) firedHead(width int) string {
	th, s := p.env.Theme, p.slots[viewFired]
	left := []string{th.Accent.Render("past " + p.env.Stretch())}
	all, then := p.fired.Total(), 0
	p.fired.Each(func(f *fired) bool {
		if f.then {
			then++
		}
		return true
	})
	switch {
	case !s.known && len(s.trouble) == 0:
		left = append(left, th.Muted.Render("asking…"))
	case !s.known:
		left = append(left, th.Warn.Render("not known"))
	default:
		word := fmt.Sprintf("%d fired", all)
		if all > 0 {
			word = th.Bad.Render(word)
		}
		left = append(left, word)
		where := "at its end"
		if past.Scrubbed(p.env) {
			where = "at " + past.Clock(p.env, p.env.Window.Cursor)
		}
		left = append(left, fmt.Sprintf("%d %s", then, where))
	}
	if p.within != "" {
		left = append(left, th.Accent.Render(p.by+" "+say.Line(p.within)))
	}
	now := "now: unknown"
	if l := p.slots[viewList]; l.known && (len(l.trouble)+len(p.gap) == 0 || p.counts["firing"] > 0) {
		now = fmt.Sprintf("now: %d firing", p.counts["firing"])
	}
	return widget.Columns(strings.Join(left, "  "), th.Muted.Render(now+" · "+p.fired.Position()), width)
}
