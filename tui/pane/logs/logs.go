// Package logs is the pane of the logs: it follows them, searches the window
// of time, and shows what is in them by field, by pattern and over time.
//
// The query is the stores' business: changing it asks them anew. What `/`
// filters are the lines that the pane holds. A live window is searched first
// and then followed from where the search ended, so that no entry falls
// between; entries that both give are shown once. Older lines come in pages as
// the person scrolls up.
package logs

import (
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

const name = "logs"

// mode is what the body shows.
type mode uint8

const (
	showLines mode = iota
	showPatterns
	showDiff
)

// source is where the lines come from.
type source uint8

const (
	// fromTail follows a live window.
	fromTail source = iota
	// fromWindow is a window that has ended.
	fromWindow
	// fromPast is a stretch of a live window around its cursor.
	fromPast
)

// Pane is the logs.
type Pane struct {
	env  *pane.Env
	view *widget.LogView

	query query
	// before are the queries that the present one was narrowed from; esc goes
	// back to them.
	before []query
	input  *widget.Input // while the query is typed
	wrong  error         // what is wrong with what was typed

	source  source
	loaded  loaded
	opened  bool
	loading bool
	stale   bool // the query is another one, and nobody has asked yet
	tails   map[string]*tail
	failed  []failure // contexts that did not answer
	remarks []string  // what the stores said about their answers
	want    time.Time // where to go once the lines are there
	// beyondBy is how far behind the cursor the lines around it go.
	beyondBy time.Duration

	older  olderPages
	scans  bool // a piece of the filter's work is on its way
	expr   string
	around int // lines of context: an index of contexts
	ticks  int

	mode     mode
	hist     histogram
	noHist   bool
	facets   facets
	patterns patterns
	diff     changes
	detail   detail
	saving   bool

	body, width, height int // where the body begins, and the size of the last View
}

// loaded is what the lines were asked with: another one asks anew.
type loaded struct {
	window   pane.Window
	contexts string
	query    string
}

// failure is a context that did not answer.
type failure struct {
	context string
	err     error
}

// tail is one context that is followed.
type tail struct {
	// place is the last cursor. The stream reads it when it opens again, while
	// Update may write it.
	place *atomic.Pointer[string]
	seen  *logs.Seen
	mark  time.Time // everything before it has come
	// broken is why the stream broke, until something comes again; retry is
	// when it tries next.
	broken error
	retry  time.Time
	ended  bool
}

// New makes the pane.
func New(env *pane.Env) *Pane {
	th := func() *theme.Theme { return env.Theme }
	p := &Pane{env: env, tails: map[string]*tail{}, view: widget.NewLogView(th, env.Settings.LogLines)}
	p.view.ASCII = env.ASCII
	p.view.Field = p.column()
	p.facets.make(p)
	p.patterns.make(p)
	p.diff.make(p)
	return p
}

// Info implements pane.Pane.
func (p *Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Logs", Key: "3"} }

// Open implements pane.Pane.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	q, ok := about(s)
	switch {
	case ok && q.text != p.query.text:
		p.remember()
		p.query = q
		p.mode, p.detail.open, p.facets.open = showLines, false, false
	case p.opened:
		if !s.At.IsZero() {
			return p.moment(s.At)
		}
		return nil
	}
	p.opened = true
	cmd := p.load()
	if !s.At.IsZero() {
		return tea.Batch(cmd, p.moment(s.At))
	}
	return cmd
}

// moment moves the dashboard to a moment; the pane follows as all others do.
func (p *Pane) moment(at time.Time) tea.Cmd {
	return pane.Send(pane.SetWindow{Window: p.env.Window.Around(at, p.env.Now)})
}

// about is the query for a subject; false where it names nothing that logs can
// be looked for by.
func about(s pane.Subject) (query, bool) {
	var f api.LogFilter
	service := s.Service
	for _, label := range []string{"service", "service_name", "app", "job"} {
		if service == "" {
			service = s.Labels[label]
		}
	}
	switch {
	case s.Trace != "": // a trace goes through services and levels
		f.Trace = s.Trace
	case service != "":
		f.Service, f.Level = []string{service}, s.Level
	case s.Workload != "":
		f.Service, f.Level = []string{plain(s.Workload)}, s.Level
	case s.Level != "" || s.Text != "":
		f.Level, f.Text = s.Level, s.Text
	default:
		return query{}, false
	}
	return query{format(f), f}, true
}

// plain is the name of a KIND/NAME.
func plain(workload string) string {
	for i := len(workload) - 1; i >= 0; i-- {
		if workload[i] == '/' {
			return workload[i+1:]
		}
	}
	return workload
}

// Refresh implements pane.Pane. What is followed goes on by itself; of the
// cursor of the window the pane shows the lines.
func (p *Pane) Refresh() tea.Cmd {
	now := p.asked()
	old := p.loaded
	same := old.contexts == now.contexts && old.query == now.query &&
		old.window.Live == now.window.Live && old.window.End.Equal(now.window.End) &&
		(old.window.Live || old.window.Span == now.window.Span)
	moved := !old.window.Cursor.Equal(now.window.Cursor)
	p.loaded = now
	switch {
	case !p.opened:
		return nil
	case same && moved && now.window.Cursor.IsZero():
		if p.source == fromPast {
			return p.load()
		}
		p.view.ToBottom()
		return p.sides()
	case same && moved:
		return tea.Batch(p.toCursor(), p.sides())
	case same && p.source != fromWindow && len(p.failed) == 0 && !p.anyEnded():
		return p.sides()
	}
	return p.load()
}

func (p *Pane) asked() loaded {
	l := loaded{window: p.env.Window, query: p.query.text}
	for _, c := range p.env.Contexts {
		l.contexts += c.Name + "\n"
	}
	return l
}

func (p *Pane) anyEnded() bool {
	for _, t := range p.tails {
		if t.ended {
			return true
		}
	}
	return false
}

// Filter implements pane.Pane: over the lines that are held.
func (p *Pane) Filter(expr string) {
	p.expr = expr
	p.patterns.table.Filter(expr)
	p.diff.table.Filter(expr)
	p.facets.tree.Filter(expr)
	p.detail.find(expr)
	p.view.Filter(expr)
}

func (p *Pane) key(slot string) feed.Key { return feed.Key{Pane: name, Slot: slot} }

func (p *Pane) several() bool { return len(p.env.Contexts) > 1 }

var (
	_ pane.Pane    = (*Pane)(nil)
	_ pane.Clicker = (*Pane)(nil)
	_ pane.Keeper  = (*Pane)(nil)
)
