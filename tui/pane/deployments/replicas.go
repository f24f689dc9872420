package deployments

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

const replicaSlot = "replicas:"

// replicas is the screen of all replicas: of a namespace, of all, or of one
// workload. It holds tens of thousands, and takes what changes in batches.
type replicas struct {
	p    *Pane
	only *target // of one workload alone; nil is all

	table   *widget.Table[replicaRow]
	all     map[string]replicaRow // also those that z hides
	streams map[string]*replicaStream
	ready   int // of all
	trouble bool
	expr    string
	shown   int // lines above the table
	columns listColumns
}

// replicaRow is a replica with where it was heard of.
type replicaRow struct {
	api.Replica
	asked string // aictl's context
	key   string
	// epoch is the opening of the stream that told it last: what an engine does
	// not tell again after the stream was cut is gone.
	epoch int
}

func newReplicas(p *Pane, only *target) *replicas {
	r := &replicas{p: p, only: only, all: map[string]replicaRow{}, streams: map[string]*replicaStream{}}
	r.columns = r.wanted()
	r.table = r.makeTable()
	return r
}

func (*replicas) id() string { return "replicas" }

func (r *replicas) open() tea.Cmd { return r.refresh() }

// contexts are those that are asked: of one workload its own alone.
func (r *replicas) contexts() []feed.Context {
	if r.only != nil {
		return []feed.Context{r.p.env.Context(r.only.context)}
	}
	return r.p.env.Contexts
}

func (r *replicas) filterOf(c feed.Context) api.ReplicaFilter {
	if r.only != nil {
		return api.ReplicaFilter{Name: r.only.name, Namespace: r.only.namespace, Engine: r.only.engine, Watch: true}
	}
	return api.ReplicaFilter{Namespace: r.p.namespace(c), Watch: true}
}

// refresh opens the streams that do not go on by themselves.
func (r *replicas) refresh() tea.Cmd {
	var cmds []tea.Cmd
	wanted := r.contexts()
	for name := range r.streams {
		if !slices.ContainsFunc(wanted, func(c feed.Context) bool { return c.Name == name }) {
			r.stop(name)
		}
	}
	for _, c := range wanted {
		in, s := r.filterOf(c), r.streams[c.Name]
		if s != nil && !s.done && s.in == in {
			continue
		}
		if s != nil && s.in != in { // other namespaces: nothing of before holds
			r.stop(c.Name)
			s = nil
		}
		if s == nil {
			s = &replicaStream{in: in, failed: map[string]api.BackendFailure{}}
			r.streams[c.Name] = s
		}
		s.again()
		s.err, s.done, s.cut = nil, false, false
		cmds = append(cmds, feed.Open(r.p.env.Feeds, feed.Key{Pane: Name, Slot: replicaSlot + c.Name}, c, api.DeployReplicas, in,
			feed.StreamOptions[api.ReplicaFilter, api.ReplicaEvent]{Retry: true}))
	}
	if r.arrange() || len(cmds) > 0 {
		r.fill()
	}
	return tea.Batch(cmds...)
}

// stop ends a context's stream and forgets its replicas.
func (r *replicas) stop(name string) {
	r.p.env.Feeds.Stop(feed.Key{Pane: Name, Slot: replicaSlot + name})
	delete(r.streams, name)
	for k, row := range r.all {
		if row.asked == name {
			r.forget(k, row)
		}
	}
}

func (r *replicas) forget(key string, row replicaRow) {
	if row.Ready {
		r.ready--
	}
	delete(r.all, key)
	r.table.Remove(key)
}

func keyOf(asked string, r *api.Replica) string {
	return asked + "\x00" + r.Context + "\x00" + r.Engine + "\x00" + r.Namespace + "\x00" + r.Name
}

// troubled: it takes no calls, and is not on its way out.
func (r *replicaRow) troubled() bool { return !r.Ready && !passing(r.State) }

// fill gives the table everything anew: a filter of the pane changed.
func (r *replicas) fill() {
	rows := make([]replicaRow, 0, len(r.all))
	for _, row := range r.all {
		if !r.trouble || row.troubled() {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b replicaRow) int { return strings.Compare(a.key, b.key) })
	r.table.Set(rows)
}

func (r *replicas) act(id string) tea.Cmd {
	if id == "deployments.open" {
		if t, ok := r.target(); ok {
			return r.p.show(newRollout(r.p, t, watched{}))
		}
		return pane.Send(pane.Toast{Text: "this replica belongs to no workload", Level: "warn"})
	}
	r.table.Act(id)
	return nil
}

func (r *replicas) filter(expr string) {
	r.expr = expr
	r.table.Filter(expr)
}

// target is the workload of the replica under the cursor.
func (r *replicas) target() (target, bool) {
	row, ok := r.table.Current()
	if !ok {
		if r.only != nil {
			return *r.only, true
		}
		return target{}, false
	}
	t := target{context: row.asked, engine: row.Engine, namespace: row.Namespace, name: row.Workload}
	if found, ok := r.p.list.find(t); ok {
		return found, true
	}
	return t, row.Workload != ""
}

func (r *replicas) subject() pane.Subject {
	row, ok := r.table.Current()
	if !ok {
		return pane.Subject{}
	}
	s := pane.Subject{Context: row.asked, Namespace: row.Namespace, Labels: map[string]string{"pod": row.Name}, At: row.Created}
	if t, ok := r.target(); ok {
		s.Service, s.Workload = t.plain(), t.name
	}
	return s
}

func (r *replicas) command() string {
	words := []string{"aictl", "deploy", "replicas"}
	if r.only != nil {
		words = append(append(words, r.only.name), r.p.where(r.p.env.Context(r.only.context), r.only.namespace)...)
	} else {
		words = append(words, r.p.everywhere()...)
	}
	if r.trouble {
		words = append(words, "-o", "json", "--jq", ".[] | select(.ready | not)")
	}
	return argv.Line(words...)
}

func (r *replicas) leave() {
	for name := range r.streams {
		r.p.env.Feeds.Stop(feed.Key{Pane: Name, Slot: replicaSlot + name})
	}
}

func (r *replicas) scroll(lines int) { r.table.Scroll(lines) }
