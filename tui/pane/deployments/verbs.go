package deployments

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
)

// verb is an action with what it does; do is nil where the screen on top does
// it.
type verb struct {
	keymap.Action
	do func() tea.Cmd
}

// verbs are all actions of the pane in its present state.
func (p *Pane) verbs() []verb {
	t, ok := p.top().target()
	none := ""
	if !ok {
		none = "there is no workload under the cursor"
	}
	if ok && !p.known(t.context) {
		none = "its context is not shown any more"
	}
	write := none
	if c := p.env.Context(t.context); write == "" && (p.env.ReadOnly || c.ReadOnly) {
		write = "read-only"
	}
	out := []verb{
		p.opening(none),
		{act("history", "h", "history", "Revisions, their causes and what each changed", none), func() tea.Cmd { return p.show(newHistory(p, t)) }},
		{act("diff", "f", "diff", "What an undo would change, or what is between two marked revisions", none), func() tea.Cmd { return p.compare(t) }},
		p.undoing(t, write),
		{act("scale", "n", "scale", "Change the number of replicas", write), func() tea.Cmd { return p.scale(t) }},
		p.restarting(t, write),
		p.holding(t, write),
		{act("image", "i", "image", "Roll out another image", write), func() tea.Cmd { return p.image(t) }},
		p.sharing(t, write),
		{act("logs", "o", "logs", "Follow the lines of its replicas", none), func() tea.Cmd { return p.show(newLines(p, t, p.replicaHere())) }},
		{act("replicas", "y", "replicas", "All replicas of the namespaces; from a rollout those of its workload", ""), p.replicas},
	}
	return append(out, p.switches()...)
}

func act(id, key, short, help, disabled string) keymap.Action {
	return keymap.Action{ID: Name + "." + id, Keys: []string{key}, Short: short, Help: help, Disabled: disabled}
}

// opening is enter: what it opens depends on the screen.
func (p *Pane) opening(none string) verb {
	a := act("open", "enter", "rollout", "Follow the rollout of the row, with its verdict; of a revision show its changes", none)
	switch p.top().(type) {
	case *list, *replicas:
	case *history:
		a.Short = "changes"
	default:
		a.Disabled, a.Quiet = "there is nothing to open here", true
	}
	return verb{Action: a}
}

func (p *Pane) undoing(t target, write string) verb {
	back := ""
	a := act("undo", "u", "undo", "Go back to the newest earlier revision that worked, or to the one that is shown; the plan comes first", write)
	switch s := p.top().(type) {
	case *history:
		if r, ok := s.current(); ok && !r.Current {
			back = r.Name
		}
	case *revision:
		if back = s.r.Name; s.r.Current && write == "" {
			a.Disabled = "it is the revision that runs"
		}
	case *diff:
		to, ok := s.undoes()
		if back = to; !ok && write == "" {
			a.Disabled = "the diff does not begin at what runs"
		}
	}
	return verb{a, func() tea.Cmd { return p.undo(t, back) }}
}

func (p *Pane) restarting(t target, write string) verb {
	a := act("restart", "e", "restart", "Replace the replicas one after the other; of all marked rows, a plan each", write)
	all := []target{t}
	if p.top() == screen(p.list) {
		all = p.list.marked()
		if write == "" && p.readOnly(all) {
			a.Disabled = "a marked row is in a read-only context"
		}
	}
	return verb{a, func() tea.Cmd { return p.restart(all) }}
}

func (p *Pane) readOnly(all []target) bool {
	for _, t := range all {
		if p.env.Context(t.context).ReadOnly {
			return true
		}
	}
	return false
}

func (p *Pane) holding(t target, write string) verb {
	a := act("pause", "p", "pause", "Stop a rollout where it is, or go on with one that was stopped", write)
	if t.paused() {
		a.Short = "resume"
	}
	return verb{a, func() tea.Cmd { return p.hold(t) }}
}

func (p *Pane) sharing(t target, write string) verb {
	a := act("canary", "c", "canary", "Give a revision a share of the calls, promote it, or take it back", write)
	if a.Disabled == "" && t.engine == "kubernetes" {
		a.Disabled, a.Quiet = "Kubernetes does not split calls", true
	}
	var on *api.DeployCanary
	if r, ok := p.top().(*rollout); ok {
		on = r.canary
	}
	return verb{a, func() tea.Cmd { return p.canary(t, on) }}
}

// compare opens the diff that the screen is about.
func (p *Pane) compare(t target) tea.Cmd {
	from, to := "", ""
	switch s := p.top().(type) {
	case *history:
		from, to = s.pair()
	case *revision:
		if !s.r.Current {
			to = s.r.Name
		}
	}
	return p.show(newDiff(p, t, from, to))
}

// replicaHere is the replica under the cursor of the replicas' screen.
func (p *Pane) replicaHere() string {
	if r, ok := p.top().(*replicas); ok {
		if row, ok := r.table.Current(); ok {
			return row.Name
		}
	}
	return ""
}

func (p *Pane) replicas() tea.Cmd {
	switch p.top().(type) {
	case *list:
		return p.show(newReplicas(p, nil))
	case *replicas:
		return nil
	}
	if t, ok := p.top().target(); ok {
		return p.show(newReplicas(p, &t))
	}
	return nil
}

// switches change what a screen shows.
func (p *Pane) switches() []verb {
	trouble := act("trouble", "z", "troubled", "Show only what is in trouble, or all again", "")
	spaces := act("namespaces", "A", "all namespaces", "Show all namespaces, or only the own", "")
	before := act("previous", "v", "before crash", "Show what the containers wrote before they were restarted, or what they write now", "")
	switch s := p.top().(type) {
	case *list, *replicas:
		before.Disabled, before.Quiet = "open the logs first", true
		if r, ok := s.(*replicas); ok && r.only != nil {
			spaces.Disabled, spaces.Quiet = "these are of one workload", true
		}
	case *lines:
		trouble.Disabled, trouble.Quiet = "it is for lists", true
		spaces.Disabled, spaces.Quiet = "it is for lists", true
	default:
		for _, a := range []*keymap.Action{&trouble, &spaces, &before} {
			a.Disabled, a.Quiet = "it is for lists", true
		}
		before.Disabled = "open the logs first"
	}
	if p.all() {
		spaces.Short = "own namespace"
	}
	return []verb{
		{trouble, p.switchTrouble},
		{spaces, p.switchNamespaces},
		{before, func() tea.Cmd {
			if l, ok := p.top().(*lines); ok {
				return l.previous()
			}
			return nil
		}},
	}
}

func (p *Pane) switchTrouble() tea.Cmd {
	switch s := p.top().(type) {
	case *list:
		s.trouble = !s.trouble
		s.show()
	case *replicas:
		s.trouble = !s.trouble
		s.fill()
	}
	return pane.Send(pane.Ran{Command: p.Command()})
}

func (p *Pane) switchNamespaces() tea.Cmd {
	p.toggleAll()
	cmds := []tea.Cmd{p.list.refresh(), pane.Send(pane.Ran{Command: p.Command()})}
	if p.top() != screen(p.list) {
		cmds = append(cmds, p.top().refresh())
	}
	return tea.Batch(cmds...)
}
