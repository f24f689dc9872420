package metrics

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Answer:
		switch {
		case strings.HasPrefix(msg.Slot, slotPlot):
			return p.onPlot(msg)
		case msg.Slot == slotWords:
			p.onWords(msg)
		case msg.Slot == slotBoards:
			return p.onBoards(msg)
		case msg.Slot == slotTop:
			p.top.onAnswer(msg)
		}
	case pane.Tick:
		return p.due()
	case tea.KeyPressMsg, tea.PasteMsg:
		return p.typed(msg)
	}
	return nil
}

// visible are the plots that the filter lets through.
func (p *Pane) visible() []int {
	out := make([]int, 0, len(p.plots))
	for i, one := range p.plots {
		if p.filter.Empty() || p.filter.Match(one.spec.Title+"\n"+one.spec.Query) {
			out = append(out, i)
		}
	}
	return out
}

// place is where the cursor is among the visible plots; -1 where it is on none.
func (p *Pane) place(all []int) int {
	for k, i := range all {
		if i == p.at {
			return k
		}
	}
	return -1
}

// move moves the cursor by plots.
func (p *Pane) move(by int) {
	all := p.visible()
	if len(all) == 0 {
		return
	}
	p.at = all[min(max(max(p.place(all), 0)+by, 0), len(all)-1)]
}

// selected is the plot under the cursor.
func (p *Pane) selected() (*panel, bool) {
	all := p.visible()
	if k := p.place(all); k >= 0 {
		return p.plots[p.at], true
	}
	return nil, false
}

// alone reports whether one plot has the whole pane.
func (p *Pane) alone() bool { return p.zoomed || len(p.visible()) == 1 }

// pickSeries chooses the curve that jumps go from.
func (p *Pane) pickSeries(by int) {
	one, ok := p.selected()
	if !ok || one.data == nil || len(one.data.now.Series) == 0 {
		return
	}
	one.series = min(max(one.series+by, 0), len(one.data.now.Series)-1)
}

// add puts a plot behind the one under the cursor.
func (p *Pane) add(s Spec) *panel {
	one := p.newPlot(s)
	at := min(p.at+1, len(p.plots))
	if len(p.plots) == 0 {
		at = 0
	}
	p.plots = append(p.plots[:at:at], append([]*panel{one}, p.plots[at:]...)...)
	p.at, p.top.shown = at, false
	p.changed()
	return one
}

// changed notes that the board is the person's own now.
func (p *Pane) changed() {
	b := p.current()
	if b.visited || b.Name == "" {
		return
	}
	list := plots{}
	for _, one := range p.plots {
		list = append(list, one.spec)
	}
	p.custom[b.Name] = list
}
