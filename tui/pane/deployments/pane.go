// Package deployments is the pane of workloads: what runs, the rollout that
// goes on with its verdict, its history, what going back would change, its
// replicas and their lines; and the changes of all of it, each as a plan.
//
// The pane is a stack of screens, the list of workloads at its bottom. Each
// screen owns its feeds and stops them when it is left.
package deployments

import (
	"encoding/json"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
)

// Name is the pane's word.
const Name = "deployments"

// screen is one view of the pane.
type screen interface {
	// id tells screens apart: of each there is one at most.
	id() string
	// open asks for what the screen shows; it is called once.
	open() tea.Cmd
	// refresh asks again.
	refresh() tea.Cmd
	// update takes the answers of the screen's feeds, and the ticks while it
	// is on top.
	update(msg tea.Msg) tea.Cmd
	// act does one of the lists' actions, or one of the screen's own.
	act(id string) tea.Cmd
	filter(expr string)
	// target is the workload that the changes apply to.
	target() (target, bool)
	subject() pane.Subject
	command() string
	view(width, height int) string
	// leave stops the feeds.
	leave()
}

// Pane implements pane.Pane.
type Pane struct {
	env    *pane.Env
	list   *list
	stack  []screen // the list is its first
	scope  scope
	change changes
}

// New makes the pane; it asks for nothing before Open.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env}
	p.list = newList(p)
	p.stack = []screen{p.list}
	return p
}

// Info implements pane.Pane.
func (*Pane) Info() pane.Info { return pane.Info{Name: Name, Title: "Deployments", Key: "6"} }

func (p *Pane) top() screen { return p.stack[len(p.stack)-1] }

// push lays a screen over the others. One of the same kind that is open is
// left, with all above it: nobody wants to come back through it.
func (p *Pane) push(s screen) tea.Cmd {
	for i, open := range p.stack {
		if i > 0 && open.id() == s.id() {
			p.cut(i)
			break
		}
	}
	p.stack = append(p.stack, s)
	return s.open()
}

// show is push for a key: the command log gets the command that does the same.
func (p *Pane) show(s screen) tea.Cmd {
	cmd := p.push(s)
	return tea.Batch(cmd, pane.Send(pane.Ran{Command: s.command()}))
}

// cut leaves the screens from the i-th on.
func (p *Pane) cut(i int) {
	for _, s := range p.stack[i:] {
		s.leave()
	}
	clear(p.stack[i:])
	p.stack = p.stack[:i]
}

// Open implements pane.Pane: a subject that names a workload opens its
// rollout, and with the text "undo" proposes to go back.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	cmds := []tea.Cmd{p.list.open()}
	t, ok := p.targetOf(s)
	if !ok {
		return tea.Batch(cmds...)
	}
	if !p.known(t.context) {
		return tea.Batch(append(cmds, pane.Send(pane.Toast{Text: "context " + t.context + " is not among those that are shown", Level: "warn"}))...)
	}
	p.cut(1)
	cmds = append(cmds, p.push(newRollout(p, t, watched{})))
	if s.Text == "undo" {
		cmds = append(cmds, p.undo(t, s.Labels["revision"]))
	}
	return tea.Batch(cmds...)
}

// Refresh implements pane.Pane.
//
// What is about a context that is not shown any more is left: its name would
// lead to another one.
func (p *Pane) Refresh() tea.Cmd {
	for i, s := range p.stack {
		if r, ok := s.(*replicas); ok && r.only == nil {
			continue // it leaves out what is not shown
		}
		if t, ok := s.target(); i > 0 && ok && !p.known(t.context) {
			p.cut(i)
			break
		}
	}
	if p.top() == screen(p.list) {
		return p.list.refresh()
	}
	return tea.Batch(p.list.refresh(), p.top().refresh())
}

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pane.Tick:
		return p.top().update(msg)
	case pane.Changed:
		return p.changed(msg)
	case feed.Answer, feed.Batch:
		cmds := make([]tea.Cmd, 0, len(p.stack))
		for _, s := range p.stack {
			cmds = append(cmds, s.update(msg))
		}
		return tea.Batch(cmds...)
	}
	return nil
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	for _, a := range p.verbs() {
		if a.ID != id {
			continue
		}
		if a.Disabled != "" {
			return pane.Send(pane.Toast{Text: a.Short + ": " + a.Disabled, Level: "warn"})
		}
		if a.do != nil {
			return a.do()
		}
	}
	return p.top().act(id)
}

// Actions implements pane.Pane. It names every action in every state, so that
// all can be remapped; those that make no sense now are quiet and say why.
func (p *Pane) Actions() []keymap.Action {
	verbs := p.verbs()
	out := make([]keymap.Action, len(verbs))
	for i, v := range verbs {
		out[i] = v.Action
	}
	return out
}

// Typing implements pane.Pane: the app asks for text, not the pane.
func (*Pane) Typing() bool { return false }

// Escape implements pane.Pane: it drops the changes that wait, then the
// screen on top, then the marks.
func (p *Pane) Escape() bool {
	switch {
	case p.change.drop():
	case len(p.stack) > 1:
		p.cut(len(p.stack) - 1)
	case len(p.list.table.Marked()) > 0:
		p.list.table.ClearMarks()
	default:
		return false
	}
	return true
}

// Filter implements pane.Pane.
func (p *Pane) Filter(expr string) { p.top().filter(expr) }

// Subject implements pane.Pane.
func (p *Pane) Subject() pane.Subject { return p.top().subject() }

// Command implements pane.Pane.
func (p *Pane) Command() string { return p.top().command() }

// View implements pane.Pane.
func (p *Pane) View(width, height int) string {
	if width < 1 || height < 1 {
		return ""
	}
	return p.top().view(width, height)
}

// Click implements pane.Clicker.
func (p *Pane) Click(x, y int) tea.Cmd {
	if c, ok := p.top().(interface{ click(x, y int) tea.Cmd }); ok {
		return c.click(x, y)
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	if c, ok := p.top().(interface{ scroll(lines int) }); ok {
		c.scroll(lines)
	}
}

// kept is what stays between two runs.
type kept struct {
	Scope   scope `json:"scope,omitempty"`
	Trouble bool  `json:"trouble,omitempty"`
	Table   any   `json:"table,omitempty"`
}

// Save implements pane.Keeper.
func (p *Pane) Save() any { return kept{p.scope, p.list.trouble, p.list.table.Save()} }

// Restore implements pane.Keeper.
func (p *Pane) Restore(raw []byte) {
	var k struct {
		kept
		Table json.RawMessage `json:"table"`
	}
	if json.Unmarshal(raw, &k) != nil {
		return
	}
	p.scope, p.list.trouble = k.Scope.known(), k.Trouble
	p.list.restore(k.Table)
}
