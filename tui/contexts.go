package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/widget"
)

// contexts is `@`: which contexts are asked. Enter takes the one under the
// cursor, or those that were marked.
type contexts struct {
	a      *App
	names  []string
	marked map[string]bool
	at     int
}

func newContexts(a *App) *contexts {
	o := &contexts{a: a, names: slices.Clone(a.opts.All), marked: map[string]bool{}}
	for _, c := range a.env.Contexts {
		if !slices.Contains(o.names, c.Name) {
			o.names = append(o.names, c.Name)
		}
		if len(a.env.Contexts) > 1 {
			o.marked[c.Name] = true
		}
	}
	o.at = max(slices.Index(o.names, a.env.Primary().Name), 0)
	return o
}

func (o *contexts) key(a *App, msg tea.Msg) (tea.Cmd, bool) {
	k, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, false
	}
	switch k.String() {
	case "esc", "q", "@":
		return nil, true
	case "down", "j":
		o.at = min(o.at+1, len(o.names)-1)
	case "up", "k":
		o.at = max(o.at-1, 0)
	case "space":
		o.marked[o.names[o.at]] = !o.marked[o.names[o.at]]
	case "enter":
		var chosen []string
		for _, n := range o.names {
			if o.marked[n] {
				chosen = append(chosen, n)
			}
		}
		if len(chosen) == 0 {
			chosen = o.names[o.at : o.at+1]
		}
		return a.choose(chosen), true
	}
	return nil, false
}

func (o *contexts) view(width, height int) []string {
	return frameBox(o.a.env, "Contexts", "space marks · enter asks those", min(width, 60), min(height, len(o.names)+3), func(w, h int) string {
		first := max(0, min(o.at-h/2, len(o.names)-h))
		var out []string
		for i, n := range o.names[first:min(first+h, len(o.names))] {
			line := "  "
			if o.marked[n] {
				line = "* "
			}
			line += term.SafeLine(n)
			if first+i == o.at {
				line = o.a.env.Theme.Selected.Render(widget.Fit("> "+line, w))
			} else {
				line = "  " + line
			}
			out = append(out, line)
		}
		return widget.Join(out)
	})
}
