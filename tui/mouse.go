package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// mouse: a click on a tab goes there, one in the pane is the pane's, the wheel
// scrolls. Over an overlay the mouse does nothing.
func (a *App) mouse(msg tea.MouseMsg) tea.Cmd {
	m := msg.Mouse()
	top, bottom := a.bars()
	if a.top() != nil || a.filter != nil {
		return nil
	}
	if len(top) == 2 && m.Y == 1 {
		if _, click := msg.(tea.MouseClickMsg); click {
			return a.clickTab(m.X)
		}
		return nil
	}
	y := m.Y - len(top)
	if y < 0 || m.Y >= a.height-len(bottom) {
		return nil
	}
	p, ok := a.current().(pane.Clicker)
	if !ok {
		return nil
	}
	switch msg.(type) {
	case tea.MouseClickMsg:
		if m.Button == tea.MouseLeft {
			return p.Click(m.X, y)
		}
	case tea.MouseWheelMsg:
		switch m.Button {
		case tea.MouseWheelUp:
			p.Scroll(-3)
		case tea.MouseWheelDown:
			p.Scroll(3)
		}
	}
	return nil
}

func (a *App) clickTab(x int) tea.Cmd {
	line, ends := a.tabs(false)
	if widget.Width(line) > a.width {
		_, ends = a.tabs(true)
	}
	for i, end := range ends {
		if x < end {
			return a.visit(a.panes[i].Info().Name, pane.Subject{}, "click")
		}
	}
	return nil
}
