package tui

import (
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/widget"
)

// helpLines are what every key does here, from the same records as the keys.
func (a *App) helpLines() []string {
	p := a.current()
	var out []string
	section := func(title string, actions []keymap.Action) {
		if len(out) > 0 {
			out = append(out, "")
		}
		out = append(out, a.env.Theme.Title.Render(title))
		for _, act := range actions {
			keys := a.env.Keys.Keys(act)
			if len(keys) == 0 {
				continue
			}
			line := "  " + a.env.Theme.Accent.Render(widget.Fit(keymap.Shown(keys), 16)) + " " + act.Help
			if act.Disabled != "" {
				line += a.env.Theme.Muted.Render(" (not now: " + act.Disabled + ")")
			}
			out = append(out, line)
		}
	}
	section("In "+p.Info().Title, p.Actions())
	section("In every list", widget.ListActions())
	section("Everywhere", a.actions())
	return out
}
