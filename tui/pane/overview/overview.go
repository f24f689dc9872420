// Package overview is the dashboard's first pane: what a person who was woken
// reads in five seconds. A headline says what fires; below it are the alerts,
// how the services do, the rollouts under way, what changed in the window and
// whether the backends answer. One cursor goes over the rows of all of them.
//
// It says that all is well only where everybody who must know said so. Every
// box names what did not answer, and keeps the data that was there with its
// age.
//
// In a window of the past the alerts are those that fired in it, the services
// are as the metrics had them, and what has no past (rollouts, backends) says
// that it is of now.
package overview

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/past"
	"github.com/aictl/aictl/tui/widget"
)

const name = "overview"

// Pane implements pane.Pane and pane.Clicker.
type Pane struct {
	env *pane.Env

	alerts, status, list, health, rollouts, changes, backends *source
	fired, up                                                 *source // of a window of the past alone
	traffic                                                   [len(signals)]*source
	sources                                                   []*source

	boxes  [boxCount]box
	firing []*row // the alerts that fire, whatever the filter hides; in the past, those that fired
	hushed int    // those that somebody keeps quiet
	filter widget.Filter
	at     place
	moved  bool // the person chose a row: the cursor stays with it

	// What follows remembers what was drawn: View needs nothing of it.
	version int      // of the boxes
	charts  chartKey // what chart holds
	chart   []string
	hits    []hit // the rows on the screen, for the mouse
}

// place is the row under the cursor.
type place struct {
	box   boxID
	key   string
	index int // among the box's rows, for when the row is gone
}

// New makes the pane. It asks nothing before Open.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env}
	p.questions()
	p.build()
	return p
}

// Info implements pane.Pane.
func (p *Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Overview", Key: "1"} }

// Open implements pane.Pane: everything is asked at once. A subject selects its
// row.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	if !s.Zero() {
		p.seek(s)
	}
	return p.Refresh()
}

// Refresh implements pane.Pane.
func (p *Pane) Refresh() tea.Cmd {
	cmds := make([]tea.Cmd, 0, len(p.sources))
	for _, s := range p.sources {
		s.keep(p.env.Contexts)
		if s.move(p.window()); s.rests() {
			continue
		}
		cmds = append(cmds, s.start(p.env.Now))
	}
	p.build()
	return tea.Batch(cmds...)
}

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Answer:
		i := slices.IndexFunc(p.sources, func(s *source) bool { return s.slot == msg.Slot })
		if i >= 0 {
			p.sources[i].take(msg, p.env.Now)
			p.build()
		}
	case pane.Tick:
		var cmds []tea.Cmd
		for _, s := range p.sources {
			if s.due(p.env.Now) {
				cmds = append(cmds, s.start(p.env.Now))
			}
		}
		return tea.Batch(cmds...)
	case pane.Scrubbed:
		if p.inPast() {
			p.build()
		}
	case pane.Changed:
		return p.Refresh()
	}
	return nil
}

// Actions implements pane.Pane.
func (p *Pane) Actions() []keymap.Action {
	open := keymap.Action{ID: "overview.open", Keys: []string{"enter"}, Short: "open", Help: "Open the row in the pane that shows more of it."}
	next := keymap.Action{ID: "overview.next", Keys: []string{"n"}, Short: "next box", Help: "Go to the first row of the next box.", Quiet: true}
	if p.row() == nil {
		open.Disabled = "there is no row to open"
		next.Disabled = "there is no row to go to"
	}
	return []keymap.Action{open, next}
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	switch id {
	case "overview.open":
		return p.open()
	case "overview.next", "list.pagedown":
		p.jump(1)
	case "list.pageup":
		p.jump(-1)
	case "list.down":
		p.move(1)
	case "list.up":
		p.move(-1)
	case "list.top":
		p.end(false)
	case "list.bottom":
		p.end(true)
	case "list.right":
		p.jump(1)
	case "list.left":
		p.jump(-1)
	}
	return nil
}

func (p *Pane) open() tea.Cmd {
	r := p.row()
	switch {
	case r == nil:
		return nil
	case r.to == "":
		return pane.Send(pane.Show{Title: r.name, Lines: r.lines})
	}
	return pane.Send(pane.Goto{Pane: r.to, Subject: r.subject})
}

// Typing implements pane.Pane: there is no field here.
func (p *Pane) Typing() bool { return false }

// Escape implements pane.Pane: there is nothing to leave.
func (p *Pane) Escape() bool { return false }

// Filter implements pane.Pane: all boxes show what matches only.
func (p *Pane) Filter(expr string) {
	p.filter = widget.NewFilter(expr)
	p.build()
}

// Subject implements pane.Pane.
func (p *Pane) Subject() pane.Subject {
	if r := p.row(); r != nil {
		return r.subject
	}
	return pane.Subject{}
}

// Command implements pane.Pane: that of the box under the cursor.
func (p *Pane) Command() string {
	var namespace []string
	switch p.env.Namespace {
	case "":
	case "*":
		namespace = []string{"-A"}
	default:
		namespace = []string{"-n", p.env.Namespace}
	}
	switch p.at.box {
	case alertsBox:
		if p.inPast() {
			return "aictl alerts history " + p.env.Window.Flags()
		}
	case servicesBox:
		if p.inPast() {
			return argv.Line("aictl", "metrics", "query", past.Queries(p.env.Window.Span)[0], "--time", past.Moment(p.env).UTC().Format(time.RFC3339))
		}
		return "aictl services health"
	case rolloutsBox:
		return argv.Line(append([]string{"aictl", "deploy", "list"}, namespace...)...)
	case changesBox:
		return argv.Line(append([]string{"aictl", "changes"}, namespace...)...) + " " + p.env.Window.Flags()
	case backendsBox:
		return "aictl doctor"
	}
	return "aictl alerts list --state all"
}
