package overview

import (
	"fmt"
	"slices"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// boxID names a box; their order is that of the cursor.
type boxID int

const (
	alertsBox boxID = iota
	servicesBox
	rolloutsBox
	changesBox
	backendsBox
	boxCount
)

var boxTitles = [boxCount]string{"Alerts", "Services", "Rollouts", "Changes", "Backends"}

// box is one part of the screen, made anew when data came.
type box struct {
	rows     []*row // those that the filter lets through
	summary  string // what the title says of all rows
	sign     sign
	problems []problem
	sources  []*source
}

// build makes the boxes from what is known.
func (p *Pane) build() {
	all := [boxCount][]*row{p.alertRows(), p.serviceRows(), p.rolloutRows(), p.changeRows(), p.backendRows()}
	if p.inPast() {
		all[alertsBox], all[servicesBox] = p.firedRows(), p.serviceRowsThen()
	}
	problems := [boxCount][]problem{p.alertProblems(), p.serviceProblems(), p.rolloutProblems(), p.changeProblems(), p.problems(p.backends)}
	sources := [boxCount][]*source{
		{p.alerts}, {p.list, p.health, p.traffic[0], p.traffic[1], p.traffic[2]}, {p.rollouts}, {p.changes}, {p.backends, p.status},
	}
	if p.inPast() {
		sources[alertsBox], sources[servicesBox] = []*source{p.fired}, []*source{p.up, p.traffic[0], p.traffic[1], p.traffic[2]}
	}
	p.firing = slices.DeleteFunc(slices.Clone(all[alertsBox]), func(r *row) bool { return !r.firing && !p.inPast() })
	p.hushed = len(all[alertsBox]) - len(p.firing)
	for id := range p.boxes {
		b := &p.boxes[id]
		b.problems, b.sources = problems[id], sources[id]
		b.summary, b.sign = p.summary(boxID(id), all[id])
		b.rows = all[id]
		if !p.filter.Empty() {
			b.rows = slices.DeleteFunc(all[id], func(r *row) bool { return !r.matches(p.filter) })
		}
	}
	p.version++
	p.settle()
}

// summary is what the title of a box says of its rows: all that is seen of it
// on a small screen.
func (p *Pane) summary(id boxID, rows []*row) (string, sign) {
	b := &p.boxes[id]
	first := b.sources[0]
	if id == servicesBox && p.everyDirect() && !p.inPast() {
		first = p.traffic[0]
	}
	// Of another time than now, rows alone say nothing yet: the present knows
	// services, too.
	if (len(rows) == 0 || id == servicesBox && p.inPast()) && !first.said(p.env.Contexts) {
		return "asking…", unsure
	}
	unknown := len(b.problems) > 0
	count := func(of func(*row) bool) (n int) {
		for _, r := range rows {
			if of(r) {
				n++
			}
		}
		return n
	}
	upset := count(func(r *row) bool { return r.upset })
	switch id {
	case alertsBox:
		if p.inPast() {
			return p.firedSummary(rows, upset, unknown)
		}
		return alertsSummary(rows, upset, unknown)
	case servicesBox:
		if p.inPast() {
			return p.thenSummary(rows, upset, unknown)
		}
		return healthSummary("ready", rows, upset, unknown)
	case backendsBox:
		return healthSummary("answer", rows, upset, unknown)
	case rolloutsBox:
		return rolloutsSummary(rows, unknown)
	case changesBox:
		text := fmt.Sprintf("%d in %s", len(rows), p.windowText())
		if unknown {
			return "at least " + text, unsure
		}
		return text, plain
	}
	return "", plain
}

func alertsSummary(rows []*row, firing int, unknown bool) (string, sign) {
	text, s := fmt.Sprintf("%d firing", firing), ok
	switch {
	case firing > 0:
		s = bad
	case unknown:
		text, s = "not known", unsure
	default:
		text = "none fires"
	}
	if n := len(rows) - firing; n > 0 {
		text += fmt.Sprintf(", %d kept quiet", n)
	}
	return text, s
}

func healthSummary(word string, rows []*row, upset int, unknown bool) (string, sign) {
	well := 0
	for _, r := range rows {
		if r.sign == ok {
			well++
		}
	}
	of := len(rows)
	if word == "answer" {
		of = well + upset // a context without a control plane lacks nothing
	}
	switch {
	case len(rows) == 0 && unknown:
		return "not known", unsure
	case len(rows) == 0:
		return "none", plain
	case upset > 0:
		return fmt.Sprintf("%d of %d %s", well, of, word), bad
	case unknown || well < of:
		return fmt.Sprintf("%d of %d %s", well, of, word), unsure
	}
	return fmt.Sprintf("%d of %d %s", well, of, word), ok
}

func rolloutsSummary(rows []*row, unknown bool) (string, sign) {
	if len(rows) == 0 {
		if unknown {
			return "not known", unsure
		}
		return "none under way", ok
	}
	text, s := "", plain
	for _, state := range []string{"failed", "degraded", "progressing", "paused"} {
		n := 0
		for _, r := range rows {
			if r.word == state {
				n++
				if s == plain {
					s = r.sign
				}
			}
		}
		if n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%d %s", n, state)
		}
	}
	return text, s
}

// windowText names the window: "1h", and its end where that is not now.
func (p *Pane) windowText() string {
	text := pane.Short(p.env.Window.Span)
	if !p.env.Window.Live {
		text += " to " + p.clock(p.env.Window.End)
	}
	return text
}

func (p *Pane) everyDirect() bool {
	return !slices.ContainsFunc(p.env.Contexts, func(c feed.Context) bool { return !p.direct(c.Name) })
}
