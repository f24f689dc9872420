// Package metrics is the pane of metrics: boards of plots over the dashboard's
// window of time, and the ranking of series. A plot is a PromQL expression,
// drawn with what happened meanwhile; over several contexts it draws the
// curves of all of them.
package metrics

import (
	"encoding/json"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

const name = "metrics"

// Pane shows one board at a time.
type Pane struct {
	env *pane.Env

	boards  []Board // of the file, or the built-in ones; a visited service's last
	loaded  bool    // the file was read, or there is none
	reading bool
	fileErr error
	wanted  string        // the board of the person's own that was shown last
	pending *pane.Subject // to open when the boards are there

	board  int
	plots  []*panel         // of the board as the person has it
	custom map[string]plots // boards that the person changed, by name
	at     int              // the plot under the cursor, in plots
	zoomed bool
	filter widget.Filter
	ids    int

	entry entry
	top   ranking

	of  string // the contexts that the answers are of
	lay layout // of the last View
}

// New makes the pane. It asks nothing before Open.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env, custom: map[string]plots{}}
	th := func() *theme.Theme { return env.Theme }
	p.entry = newEntry(th)
	p.entry.in.Completer = p.words
	p.top = newRanking(th, env)
	return p
}

// Info implements pane.Pane.
func (p *Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Metrics", Key: "4"} }

// Open implements pane.Pane. A subject with an expression shows it alone; one
// with a service shows the service's board.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	if p.of == "" {
		p.of = p.contexts()
	}
	cmds := []tea.Cmd{p.load()}
	switch {
	case s.Zero():
	case p.reading && !p.loaded: // the boards come first, and would hide it
		p.pending = &s
	case s.Query != "":
		p.leave()
		p.showQuery(s.Query)
	case serviceOf(s) != "":
		p.leave()
		p.visit(boardOf(s))
	}
	if !s.At.IsZero() {
		if w := p.env.Window.Around(s.At, p.env.Now); !w.Cursor.Equal(p.env.Window.Cursor) || !w.End.Equal(p.env.Window.End) {
			cmds = append(cmds, pane.Send(pane.SetWindow{Window: w}))
		}
	}
	return tea.Batch(append(cmds, p.due())...)
}

// leave goes back to the grid, for what comes.
func (p *Pane) leave() {
	p.entry.close()
	p.zoomed, p.top.shown, p.filter = false, false, widget.Filter{}
}

// Refresh implements pane.Pane.
func (p *Pane) Refresh() tea.Cmd {
	if of := p.contexts(); of != p.of { // what is known is of others
		p.of, p.top = of, p.top.empty()
		for _, one := range p.plots {
			one.data, one.failed = nil, nil
		}
	}
	for _, one := range p.plots {
		one.stale = true
	}
	p.top.stale = true
	p.entry.forget()
	return tea.Batch(p.load(), p.due())
}

// contexts names those that are asked.
func (p *Pane) contexts() string {
	names := make([]string, len(p.env.Contexts))
	for i, c := range p.env.Contexts {
		names[i] = c.Name
	}
	return strings.Join(names, "\x00")
}

// Typing implements pane.Pane.
func (p *Pane) Typing() bool { return p.entry.on }

// Escape implements pane.Pane.
func (p *Pane) Escape() bool {
	switch {
	case p.entry.on && p.entry.in.CloseWords():
	case p.entry.on:
		p.entry.close()
	case p.top.shown:
		p.top.shown = false
	case p.zoomed:
		p.zoomed = false
	default:
		return false
	}
	return true
}

// Filter implements pane.Pane: of plots by title and expression, and of the
// ranking's rows.
func (p *Pane) Filter(expr string) {
	p.top.table.Filter(expr)
	p.filter = widget.NewFilter(expr)
	if all := p.visible(); len(all) > 0 && p.place(all) < 0 {
		p.at = all[0]
	}
}

// kept is what the pane remembers, a context.
type kept struct {
	Board   string           `json:"board,omitempty"`
	Boards  map[string]plots `json:"boards,omitempty"`
	History []string         `json:"history,omitempty"`
	Top     string           `json:"top,omitempty"`
	Zoomed  bool             `json:"zoomed,omitempty"`
	At      int              `json:"at,omitempty"`
}

// Save implements pane.Keeper.
func (p *Pane) Save() any {
	k := kept{Boards: p.custom, History: p.entry.in.History(), Top: p.top.query, Board: p.wanted}
	if !p.current().visited {
		k.Zoomed, k.At = p.zoomed, p.at
	}
	return k
}

// Restore implements pane.Keeper.
func (p *Pane) Restore(raw []byte) {
	var k kept
	if json.Unmarshal(raw, &k) != nil {
		return
	}
	for board, list := range k.Boards {
		b := Board{Name: board, Plots: list}
		if b.check() == nil {
			p.custom[board] = list
		}
	}
	p.entry.in.SetHistory(k.History)
	p.top.query = k.Top
	p.wanted, p.zoomed, p.at = k.Board, k.Zoomed, max(k.At, 0)
	if p.loaded { // another context's state
		p.boards = p.own()
		p.take(p.boards, p.fileErr)
	}
}

// Click implements pane.Clicker.
func (p *Pane) Click(x, y int) tea.Cmd {
	if p.top.shown {
		if p.top.table.Click(y - p.lay.head) {
			return p.Act("metrics.zoom")
		}
		return nil
	}
	if p.zoomed || p.entry.on {
		return nil
	}
	i, ok := p.lay.hit(x, y)
	if !ok || i >= len(p.plots) {
		return nil
	}
	if i == p.at {
		return p.Act("metrics.zoom")
	}
	p.at = i
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	if p.top.shown {
		p.top.table.Scroll(lines)
		return
	}
	by := 1
	if lines < 0 {
		by = -1
	}
	if p.alone() {
		p.pickSeries(by)
		return
	}
	p.move(by * max(p.lay.columns, 1))
}

var (
	_ pane.Pane    = (*Pane)(nil)
	_ pane.Keeper  = (*Pane)(nil)
	_ pane.Clicker = (*Pane)(nil)
)
