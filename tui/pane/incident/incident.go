// Package incident is the pane of incidents: why something is broken, what
// happened when, what was changed, and the record of it all. It opens with the
// alert or the service that `w` was pressed on, asks why, and does what the
// answer says on one key: the plan, the confirmation, the rollout, and whether
// it helped.
package incident

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// name is the pane's word.
const name = "incident"

// view is what the pane shows under its pages.
type view string

const (
	viewWhy       view = "why"
	viewTimeline  view = "timeline"
	viewChanges   view = "changes"
	viewIncidents view = "incidents"
)

// Pane is the pane of incidents.
type Pane struct {
	env  *pane.Env
	view view
	many bool // the tables were made for several contexts

	// about is what was asked about last; all shows what bears on anything.
	about pane.Subject
	all   bool

	why       why
	proposed  *after
	after     *after
	timeline  *widget.Table[event]
	changes   *widget.Table[change]
	incidents *widget.Table[summary]
	lists     map[view]*shown

	pages    []*page // the topmost is in front
	recordIn string  // the context of the incident that was changed last
	filter   string
	top      int // the first line of the list in the last frame, for clicks
}

// New makes the pane.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env, view: viewIncidents, lists: map[view]*shown{}}
	for _, v := range []view{viewTimeline, viewChanges, viewIncidents} {
		p.lists[v] = &shown{}
	}
	p.tables()
	return p
}

var (
	_ pane.Pane    = (*Pane)(nil)
	_ pane.Clicker = (*Pane)(nil)
)

// Info implements pane.Pane.
func (*Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Incident", Key: "8"} }

// Open implements pane.Pane. An alert or a service is asked about, an incident
// is shown; nothing leaves what was there, and the first time lists what is
// recorded.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	p.contexts()
	switch {
	case s.Incident != "":
		p.pages, p.view = nil, viewIncidents
		return tea.Batch(p.ask(viewIncidents), p.openIncident(s.Context, s.Incident))
	case asked(s) != "":
		return p.askWhy(s)
	case p.view == viewIncidents && !p.lists[viewIncidents].asked:
		return p.ask(viewIncidents)
	}
	return nil
}

// contexts makes the tables anew when one context became several, or the other
// way round, and forgets what others said.
func (p *Pane) contexts() {
	if many := len(p.env.Contexts) > 1; many != p.many {
		p.tables()
		for _, s := range p.lists {
			*s = shown{}
		}
	}
}

// Refresh implements pane.Pane.
func (p *Pane) Refresh() tea.Cmd {
	p.contexts()
	var cmds []tea.Cmd
	if p.view == viewWhy {
		cmds = append(cmds, p.askAgain())
	} else {
		cmds = append(cmds, p.ask(p.view))
	}
	if n := len(p.pages); n > 0 && p.pages[n-1].ask != nil {
		cmds = append(cmds, p.pages[n-1].ask())
	}
	return tea.Batch(cmds...)
}

// Typing implements pane.Pane: questions are the app's.
func (*Pane) Typing() bool { return false }

// Escape implements pane.Pane.
func (p *Pane) Escape() bool {
	switch n := len(p.pages); {
	case n > 0:
		p.env.Feeds.Stop(p.slot(p.pages[n-1].slot))
		p.pages = p.pages[:n-1]
	case p.view != viewWhy && p.why.asked:
		p.view = viewWhy
	default:
		return false
	}
	p.applyFilter()
	return true
}

// Filter implements pane.Pane.
func (p *Pane) Filter(expr string) {
	p.filter = expr
	p.applyFilter()
}

func (p *Pane) applyFilter() {
	if n := len(p.pages); n > 0 {
		p.pages[n-1].pager.Find(p.filter)
		return
	}
	if t := p.table(); t != nil {
		t.Filter(p.filter)
	}
}

func (p *Pane) slot(s string) feed.Key { return feed.Key{Pane: name, Slot: s} }

func (p *Pane) theme() *theme.Theme { return p.env.Theme }

// front is the page in front; nil where a view is.
func (p *Pane) front() *page {
	if n := len(p.pages); n > 0 {
		return p.pages[n-1]
	}
	return nil
}

// command writes a command line; the context is named where there are several.
func (p *Pane) command(context string, words ...string) string {
	if p.many && context != "" {
		words = append(words, "--context", context)
	}
	return argv.Line(append([]string{"aictl"}, words...)...)
}

// inNamespace adds the namespace where it is not the context's own.
func (p *Pane) inNamespace(words []string, namespace string) []string {
	switch namespace {
	case "", p.env.Primary().Namespace:
		return words
	case "*":
		return append(words, "-A")
	}
	return append(words, "-n", namespace)
}

// Command implements pane.Pane.
func (p *Pane) Command() string {
	if f := p.front(); f != nil && f.command != "" {
		return f.command
	}
	window := strings.Fields(p.env.Window.Flags())
	switch p.view {
	case viewWhy:
		return p.whyCommand()
	case viewIncidents:
		return p.everywhere("incident", "list")
	}
	words := []string{string(p.view)}
	if s := p.service(); s != "" {
		words = append(words, s)
	}
	return p.everywhere(append(p.inNamespace(words, p.env.Namespace), window...)...)
}

// everywhere is a command that all chosen contexts are asked by.
func (p *Pane) everywhere(words ...string) string {
	for _, c := range p.env.Contexts {
		if p.many {
			words = append(words, "--context", c.Name)
		}
	}
	return p.command("", words...)
}

func toast(text string) tea.Cmd { return pane.Send(pane.Toast{Text: text, Level: "warn"}) }

func ran(command string) tea.Cmd { return pane.Send(pane.Ran{Command: command}) }
