package metrics

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/goccy/go-yaml"

	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
)

// Actions implements pane.Pane.
func (p *Pane) Actions() []keymap.Action {
	_, some := p.selected()
	none, full, hidden := "", "", ""
	if !some {
		none = "there is no plot under the cursor"
	}
	if len(p.plots) >= maxPlots {
		full = "the board is full: take a plot away first"
	}
	if p.top.shown {
		hidden = "the ranking is shown: t leaves it"
	}
	first := func(reasons ...string) string {
		for _, r := range reasons {
			if r != "" {
				return r
			}
		}
		return ""
	}
	zoom := keymap.Action{ID: "metrics.zoom", Keys: []string{"enter"}, Short: "zoom", Help: "Give the plot under the cursor the whole pane; again goes back", Disabled: none}
	edit := keymap.Action{ID: "metrics.edit", Keys: []string{"e"}, Short: "edit", Help: "Change the expression; after a mistake the cursor stands at its place", Disabled: none}
	switch {
	case p.top.shown:
		zoom.Short, zoom.Help, zoom.Disabled = "plot it", "Plot the series under the cursor", ""
		if _, ok := p.top.table.Current(); !ok {
			zoom.Disabled = "there is no series under the cursor"
		}
		edit.Help, edit.Disabled = "Change the expression that is ranked; empty ranks what is busiest", ""
	case p.zoomed:
		zoom.Short = "all plots"
	}
	boards := ""
	if len(p.boards) < 2 {
		boards = "there is no other board"
	}
	reset := ""
	if _, own := p.custom[p.current().Name]; !own {
		reset = "the board is as it was"
	}
	top := keymap.Action{ID: "metrics.top", Keys: []string{"t"}, Short: "top", Help: "Rank the series of an expression, with their change over the window"}
	if p.top.shown {
		top.Short, top.Help = "plots", "Back to the plots"
	}
	return []keymap.Action{
		zoom,
		{ID: "metrics.add", Keys: []string{"a"}, Short: "add", Help: "Type an expression and plot it on this board", Disabled: full},
		edit,
		{ID: "metrics.remove", Keys: []string{"x"}, Short: "remove", Help: "Take the plot off the board", Disabled: first(hidden, none)},
		top,
		{ID: "metrics.least", Keys: []string{"f"}, Short: "least first", Help: "Turn the ranking round", Quiet: !p.top.shown, Disabled: map[bool]string{false: "only the ranking (t) can be turned round"}[p.top.shown]},
		{ID: "metrics.board", Keys: []string{"b"}, Short: "board", Help: "The next board", Disabled: boards},
		{ID: "metrics.board-back", Keys: []string{"B"}, Short: "board back", Help: "The board before", Disabled: boards, Quiet: true},
		{ID: "metrics.options", Keys: []string{"o"}, Short: "options", Help: "Title, unit and thresholds of the plot", Disabled: first(hidden, none)},
		{ID: "metrics.back", Keys: []string{"K"}, Short: "move back", Help: "Move the plot back on its board", Disabled: first(hidden, none), Quiet: true},
		{ID: "metrics.on", Keys: []string{"J"}, Short: "move on", Help: "Move the plot on on its board", Disabled: first(hidden, none), Quiet: true},
		{ID: "metrics.marks", Keys: []string{"v"}, Short: "marks", Help: "Show or hide deployments, alerts and silences on the time axis", Disabled: first(hidden, none), Quiet: true},
		{ID: "metrics.reset", Keys: []string{"R"}, Short: "reset", Help: "The board as its file has it", Disabled: first(hidden, reset), Quiet: true},
		{ID: "metrics.copy", Keys: []string{"y"}, Short: "copy", Help: "Copy the board as it is now, for a boards file", Disabled: hidden, Quiet: true},
	}
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	if p.top.shown && p.top.table.Act(id) {
		return nil
	}
	one, ok := p.selected()
	switch id {
	case "metrics.top":
		return p.toggleTop()
	case "metrics.add":
		return p.edit(target{}, "", -1)
	case "metrics.board":
		return p.turn(1)
	case "metrics.board-back":
		return p.turn(-1)
	case "metrics.reset":
		delete(p.custom, p.current().Name)
		p.fill()
		return p.due()
	case "metrics.copy":
		return p.copy()
	}
	if p.top.shown {
		return p.actTop(id)
	}
	if !ok {
		return nil
	}
	switch id {
	case "metrics.zoom":
		p.zoomed = !p.zoomed
		if p.zoomed {
			return tea.Batch(p.due(), pane.Send(pane.Ran{Command: p.Command()}))
		}
		return p.due()
	case "metrics.edit":
		return p.edit(target{plot: one.id}, one.spec.Query, one.mistake())
	case "metrics.remove":
		p.remove(one)
		return p.due()
	case "metrics.back":
		p.swap(-1)
	case "metrics.on":
		p.swap(1)
	case "metrics.marks":
		one.bare, one.stale = !one.bare, true
		return p.due()
	case "metrics.options":
		return p.options(one)
	default:
		p.list(id)
		return p.due()
	}
	return nil
}

// list moves among the plots, or among the curves of the one that is zoomed.
func (p *Pane) list(id string) {
	columns, page := max(p.lay.columns, 1), max(p.lay.columns*p.lay.rows, 1)
	if p.alone() {
		switch id {
		case "list.up":
			p.pickSeries(-1)
		case "list.down":
			p.pickSeries(1)
		case "list.left":
			p.move(-1)
		case "list.right":
			p.move(1)
		}
		return
	}
	switch id {
	case "list.up":
		p.moveLine(-columns)
	case "list.down":
		p.moveLine(columns)
	case "list.left":
		p.move(-1)
	case "list.right":
		p.move(1)
	case "list.pageup":
		p.move(-page)
	case "list.pagedown":
		p.move(page)
	case "list.top":
		p.move(-maxPlots)
	case "list.bottom":
		p.move(maxPlots)
	}
}

// moveLine moves a line of the grid; where there is none it stays.
func (p *Pane) moveLine(by int) {
	all := p.visible()
	to := p.place(all) + by
	if to < 0 || by > 0 && to >= len(all) && p.place(all)/by == (len(all)-1)/by {
		return
	}
	p.move(by)
}

func (p *Pane) turn(by int) tea.Cmd {
	if len(p.boards) == 0 {
		return nil
	}
	p.leave()
	p.board = (p.board + by + len(p.boards)) % len(p.boards)
	p.fill()
	return p.due()
}

func (p *Pane) remove(one *panel) {
	p.env.Feeds.Stop(one.key())
	all := p.visible()
	k := p.place(all)
	p.plots = append(p.plots[:p.at:p.at], p.plots[p.at+1:]...)
	p.zoomed = false
	p.changed()
	if all = p.visible(); len(all) > 0 {
		p.at = all[min(k, len(all)-1)]
	}
}

// swap changes places with a neighbour that is seen.
func (p *Pane) swap(by int) {
	all := p.visible()
	k := p.place(all) + by
	if k < 0 || k >= len(all) {
		return
	}
	p.plots[p.at], p.plots[all[k]] = p.plots[all[k]], p.plots[p.at]
	p.at = all[k]
	p.changed()
}

// options asks for the plot's title, unit and thresholds.
func (p *Pane) options(one *panel) tea.Cmd {
	lines := make([]string, len(one.spec.Threshold))
	for i, t := range one.spec.Threshold {
		lines[i] = strconv.FormatFloat(t, 'g', -1, 64)
	}
	unit := one.spec.Unit
	if unit == "" {
		unit = "auto"
	}
	id := one.id
	return pane.Send(pane.Ask{
		Title: "Options of the plot",
		Fields: []pane.Field{
			{Label: "Title", Initial: one.spec.Title, Help: "empty shows the expression"},
			{Label: "Unit", Initial: unit, Help: "auto takes it from the metrics' names", Enum: []string{"auto", "bytes", "seconds", "ratio", "none"}},
			{Label: "Thresholds", Initial: strings.Join(lines, " "), Help: "numbers, a line at each"},
		},
		Then: func(values []string) tea.Cmd { return p.setOptions(id, values) },
	})
}

func (p *Pane) setOptions(id int, values []string) tea.Cmd {
	if len(values) < 3 {
		return nil
	}
	for _, one := range p.plots {
		if one.id != id {
			continue
		}
		s := Spec{Title: strings.TrimSpace(values[0]), Query: one.spec.Query, Unit: strings.TrimSpace(values[1])}
		if s.Unit == "auto" {
			s.Unit = ""
		}
		for _, w := range strings.FieldsFunc(values[2], func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
			v, err := strconv.ParseFloat(w, 64)
			if err != nil {
				return pane.Send(pane.Toast{Level: "bad", Text: strconv.Quote(w) + " is not a number"})
			}
			s.Threshold = append(s.Threshold, v)
		}
		if err := s.check(); err != nil {
			return pane.Send(pane.Toast{Level: "bad", Text: err.Error()})
		}
		one.spec, one.stale = s, true
		one.drawn = cache{}
		p.changed()
	}
	return p.due()
}

// copy puts the board on the clipboard, as a boards file.
func (p *Pane) copy() tea.Cmd {
	b := p.current()
	b.Plots = nil
	for _, one := range p.plots {
		b.Plots = append(b.Plots, one.spec)
	}
	text, err := yaml.Marshal(map[string][]Board{"boards": {b}})
	if err != nil {
		return pane.Send(pane.Toast{Level: "bad", Text: err.Error()})
	}
	return pane.Send(pane.Copy{Text: string(text)})
}
