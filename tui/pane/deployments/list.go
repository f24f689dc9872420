package deployments

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

const (
	// listEvery is how often the workloads are asked for.
	listEvery = 5 * time.Second
	// lostAfter is when a question counts as lost: longer than a feed waits.
	lostAfter = 45 * time.Second

	listSlot = "list:"
)

// list is the screen of workloads. Each context is asked by itself, so that
// one that hangs holds nobody up.
type list struct {
	p       *Pane
	table   *widget.Table[row]
	columns listColumns
	asked   map[string]*listing // by context
	trouble bool                // only what is in trouble
	expr    string
	// totals of what is known, before the filters.
	states map[string]int
	total  int
	narrow bool
	shown  int // lines above the table in the last view, for the mouse
}

// row is a workload with the context that has it.
type row struct {
	api.Workload
	asked string
	// stale is when it was seen last; zero where that is now.
	stale time.Time
}

func (r *row) key() string {
	return strings.Join([]string{r.asked, r.Context, r.Engine, r.Namespace, r.Kind, r.Name}, "\x00")
}

// listing is what one context said.
type listing struct {
	rows   []row
	at     time.Time // of the last answer; zero before the first
	since  time.Time // of the question that is open; zero where none is
	err    error
	failed []api.BackendFailure
	// asked is the namespace of the question, told that of the rows.
	asked, told string
}

func newList(p *Pane) *list {
	l := &list{p: p, asked: map[string]*listing{}}
	l.table = l.makeTable()
	return l
}

func (*list) id() string { return "list" }

func (l *list) open() tea.Cmd {
	cmds := []tea.Cmd{}
	for _, c := range l.p.env.Contexts {
		if a := l.asked[c.Name]; a == nil || l.due(a) {
			cmds = append(cmds, l.ask(c))
		}
	}
	return tea.Batch(cmds...)
}

// refresh asks every context, and forgets those that are asked no more.
func (l *list) refresh() tea.Cmd {
	cmds := []tea.Cmd{}
	for name := range l.asked {
		if !slices.ContainsFunc(l.p.env.Contexts, func(c feed.Context) bool { return c.Name == name }) {
			l.p.env.Feeds.Stop(feed.Key{Pane: Name, Slot: listSlot + name})
			delete(l.asked, name)
		}
	}
	for _, c := range l.p.env.Contexts {
		cmds = append(cmds, l.ask(c))
	}
	l.show()
	return tea.Batch(cmds...)
}

func (l *list) ask(c feed.Context) tea.Cmd {
	a := l.asked[c.Name]
	if a == nil {
		a = &listing{}
		l.asked[c.Name] = a
	}
	a.since, a.asked = l.p.env.Now, l.p.namespace(c)
	in := api.WorkloadFilter{Namespace: a.asked}
	return feed.Ask(l.p.env.Feeds, feed.Key{Pane: Name, Slot: listSlot + c.Name}, []feed.Context{c}, api.DeployList, in)
}

func (l *list) due(a *listing) bool {
	now := l.p.env.Now
	if !a.since.IsZero() {
		return now.Sub(a.since) >= lostAfter
	}
	return now.Sub(a.at) >= listEvery
}

func (l *list) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pane.Tick:
		return l.open()
	case feed.Answer:
		name, ok := strings.CutPrefix(msg.Slot, listSlot)
		if a := l.asked[name]; ok && a != nil && !msg.Canceled() {
			out, err := feed.One[api.WorkloadList](msg)
			l.take(name, a, out, err)
			l.show()
		}
	}
	return nil
}

// find completes a target by what is listed.
func (l *list) find(t target) (target, bool) {
	for _, c := range l.p.env.Contexts {
		a := l.asked[c.Name]
		if a == nil || c.Name != t.context {
			continue
		}
		for i := range a.rows {
			w := &a.rows[i].Workload
			if (title(w) == t.name || w.Name == t.name) && (t.namespace == "" || w.Namespace == t.namespace) {
				return targetOf(c.Name, w), true
			}
		}
	}
	return t, false
}

func (l *list) act(id string) tea.Cmd {
	if id == "deployments.open" {
		if t, ok := l.target(); ok {
			return l.p.show(newRollout(l.p, t, watched{}))
		}
		return nil
	}
	l.table.Act(id)
	return nil
}

func (l *list) filter(expr string) {
	l.expr = expr
	l.table.Filter(expr)
}

func (l *list) target() (target, bool) {
	r, ok := l.table.Current()
	if !ok {
		return target{}, false
	}
	return targetOf(r.asked, &r.Workload), true
}

// marked are the targets of a bulk action: the marked rows, or the one under
// the cursor.
func (l *list) marked() []target {
	var out []target
	for _, r := range l.table.Marked() {
		out = append(out, targetOf(r.asked, &r.Workload))
	}
	if t, ok := l.target(); ok && len(out) == 0 {
		out = append(out, t)
	}
	return out
}

func (l *list) subject() pane.Subject {
	if t, ok := l.target(); ok {
		return t.subject()
	}
	return pane.Subject{}
}

func (l *list) command() string {
	words := append([]string{"aictl", "deploy", "list"}, l.p.everywhere()...)
	if l.trouble {
		words = append(words, "-o", "json", "--jq", `.workloads[] | select((.state != "ready" and .state != "stopped") or .ready < .desired)`)
	}
	return argv.Line(words...)
}

func (*list) leave() {}

func (l *list) restore(raw json.RawMessage) {
	if len(raw) > 0 {
		l.table.Restore(raw)
	}
}

func (l *list) scroll(lines int) { l.table.Scroll(lines) }
