package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/widget"
)

// filterLine is `/` while it is typed: what is shown follows every key.
type filterLine struct {
	input  *widget.Input
	before string
}

func (a *App) openFilter() {
	before := a.filters[a.current().Info().Name]
	in := widget.NewInput("/")
	in.SetValue(before)
	in.Focus()
	a.filter = &filterLine{in, before}
}

func (a *App) filterKey(msg tea.Msg) tea.Cmd {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "esc":
			a.setFilter(a.filter.before)
			a.filter = nil
			return nil
		case "enter":
			a.filter = nil
			return nil
		}
	}
	cmd := a.filter.input.Update(msg)
	a.setFilter(a.filter.input.Value())
	return cmd
}

func (a *App) setFilter(expr string) {
	p := a.current()
	if expr == "" {
		delete(a.filters, p.Info().Name)
	} else {
		a.filters[p.Info().Name] = expr
	}
	p.Filter(expr)
	a.keep.touch()
}
