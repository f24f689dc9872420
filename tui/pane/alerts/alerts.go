// Package alerts is the pane of alerts: what fires, what is kept quiet and by
// whom, what fired before, and the rules behind it.
//
// The list is live. With one context it is asked once and then watched; with
// several it is asked every few seconds. The list's own answer is the truth:
// a watch says nothing where nothing fires, so that silence alone is never
// taken for health.
//
// In a window of the past the list is what fired in it, from the record; the
// live list goes on behind it, since hands are laid on what fires now.
package alerts

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/past"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// name is the pane's word.
const name = "alerts"

// view is what the pane shows beside its pages.
type view string

const (
	viewList     view = "list"
	viewSilences view = "silences"
	viewHistory  view = "history"
	viewRules    view = "rules"
	// viewFired is the list where the window is in the past: what fired in it.
	viewFired view = "fired"
)

// shown is one list that was asked for: what came, and what did not.
type shown struct {
	asked   bool
	known   bool      // an answer came
	at      time.Time // it was asked
	fresh   time.Time // everybody answered
	trouble []say.Trouble
}

// Pane is the pane of alerts.
type Pane struct {
	env  *pane.Env
	view view
	// many says that the tables were made for several contexts.
	many bool
	// contexts are the names that the list was asked for.
	contexts string

	alerts map[string]row
	list   *widget.Table[row]
	groups *widget.Table[group]
	state  string // of the alerts that are shown: all, firing, silenced or inhibited
	by     string // grouped by: "", name or service
	within string // the group that is open
	counts map[string]int
	slots  map[view]*shown
	// gap is what the watch could not see since the last answer of the list.
	gap    []say.Trouble
	latest latest

	// history is what fired in the window of firedIn, a context; fired shows it.
	history map[string][]past.Fired
	firedIn [2]time.Time
	fired   *widget.Table[fired]

	silences *widget.Table[silence]
	stale    bool // only silences that keep nothing quiet
	ended    bool // those that have ended, too
	past     *widget.Table[did]
	of       string // the alert whose history is shown; empty is all
	rules    *widget.Table[rule]

	detail  *detail
	preview *preview
	filter  string
	queue   []pane.Propose

	top int // the first line of the table in the last frame, for clicks
}

// latest is the last change that the watch saw.
type latest struct {
	kind  string
	alert api.Alert
	at    time.Time
}

// New makes the pane.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env, view: viewList, state: "all", alerts: map[string]row{}, history: map[string][]past.Fired{}, counts: map[string]int{}, slots: map[view]*shown{}}
	for _, v := range []view{viewList, viewSilences, viewHistory, viewRules, viewFired} {
		p.slots[v] = &shown{}
	}
	p.tables()
	return p
}

var (
	_ pane.Pane    = (*Pane)(nil)
	_ pane.Clicker = (*Pane)(nil)
	_ pane.Keeper  = (*Pane)(nil)
)

// Info implements pane.Pane.
func (*Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Alerts", Key: "5"} }

// Open implements pane.Pane. A subject with an alert opens its page; one with
// a service alone narrows the list.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	cmds := []tea.Cmd{p.start()}
	p.scrubbed()
	switch {
	case s.Fingerprint != "":
		p.leave()
		cmds = append(cmds, p.openDetail(s.Context, s.Fingerprint, s.Alert, s.Labels))
	case s.Alert != "":
		p.leave()
		cmds = append(cmds, p.openDetail(s.Context, s.Alert, s.Alert, s.Labels))
	case s.Service != "":
		p.leave()
		p.by, p.within = "service", s.Service
		p.rebuild()
	}
	return tea.Batch(cmds...)
}

// leave goes back to the list.
func (p *Pane) leave() { p.view, p.detail, p.preview = viewList, nil, nil }

// Refresh implements pane.Pane.
func (p *Pane) Refresh() tea.Cmd {
	cmds := []tea.Cmd{p.start(), p.ask(viewList)}
	if p.inPast() {
		cmds = append(cmds, p.ask(viewFired))
	}
	if p.detail == nil && p.preview == nil {
		p.applyFilter() // another list may be in front
	}
	if p.view != viewList {
		cmds = append(cmds, p.ask(p.view))
	}
	if p.detail != nil {
		cmds = append(cmds, p.askDetail())
	}
	return tea.Batch(cmds...)
}

// Typing implements pane.Pane: questions are the app's.
func (*Pane) Typing() bool { return false }

// Escape implements pane.Pane.
func (p *Pane) Escape() bool {
	switch {
	case p.preview != nil:
		p.preview = nil
	case p.detail != nil:
		p.closeDetail()
	case p.view != viewList:
		p.view = viewList
	case p.within != "":
		group := p.within
		p.within = ""
		p.rebuild()
		p.groups.Select(group)
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

// applyFilter gives the expression to what is in front, and to nothing else.
func (p *Pane) applyFilter() {
	switch {
	case p.preview != nil:
		p.preview.pager.Find(p.filter)
	case p.detail != nil:
		p.detail.pager.Find(p.filter)
	default:
		p.table().Filter(p.filter)
	}
}

// kept is what people expect to find again.
type kept struct {
	State string `json:"state,omitempty"`
	By    string `json:"by,omitempty"`
	List  any    `json:"list,omitempty"`
}

// Save implements pane.Keeper.
func (p *Pane) Save() any { return kept{State: p.state, By: p.by, List: p.list.Save()} }
