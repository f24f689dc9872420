package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// actions are the app's own: they work in every pane.
func (a *App) actions() []keymap.Action {
	out := []keymap.Action{
		{ID: "app.command", Keys: []string{":"}, Short: "command", Help: "Type a command: any operation, a pane, a resource; tab completes"},
		{ID: "app.filter", Keys: []string{"/"}, Short: "filter", Help: "Show only what matches: a regular expression, !not, ~fuzzy"},
		{ID: "app.help", Keys: []string{"?"}, Short: "help", Help: "What every key does here"},
		{ID: "app.back", Keys: []string{"esc"}, Short: "back", Help: "Leave what is open, the filter, the pane", Quiet: true},
		{ID: "app.why", Keys: []string{"w"}, Short: "why", Help: "Why is the alert or the service under the cursor broken"},
		{ID: "app.logs", Keys: []string{"l"}, Short: "logs", Help: "The logs of what is under the cursor"},
		{ID: "app.metrics", Keys: []string{"m"}, Short: "metrics", Help: "The metrics of what is under the cursor"},
		{ID: "app.deployment", Keys: []string{"d"}, Short: "deployment", Help: "The deployment of what is under the cursor"},
		{ID: "app.refresh", Keys: []string{"r", "ctrl+r"}, Short: "refresh", Help: "Ask again", Quiet: true},
		{ID: "window.back", Keys: []string{"["}, Short: "earlier", Help: "Move the window back by half its length, in every pane", Quiet: true},
		{ID: "window.forward", Keys: []string{"]"}, Short: "later", Help: "Move the window forward by half its length", Quiet: true},
		{ID: "window.in", Keys: []string{"+", "="}, Short: "zoom in", Help: "Halve the window, around the time cursor where there is one", Quiet: true},
		{ID: "window.out", Keys: []string{"-"}, Short: "zoom out", Help: "Double the window", Quiet: true},
		{ID: "window.scrub-back", Keys: []string{","}, Short: "scrub back", Help: "Move the time cursor back", Quiet: true},
		{ID: "window.scrub-forward", Keys: []string{"."}, Short: "scrub on", Help: "Move the time cursor forward", Quiet: true},
		{ID: "window.mark", Keys: []string{"M"}, Short: "mark time", Help: "Mark the moment under the time cursor, or take the mark away", Quiet: true},
		{ID: "window.compare", Keys: []string{"Y"}, Short: "yesterday", Help: "Compare with the same time yesterday", Quiet: true},
		{ID: "window.live", Keys: []string{"T"}, Short: "live", Help: "Back to now: live, no time cursor", Quiet: true},
		{ID: "app.copy-command", Keys: []string{"ctrl+k"}, Short: "as command", Help: "Show and copy the command that does the same"},
		{ID: "app.command-log", Keys: []string{"!", "ctrl+l"}, Short: "command log", Help: "What the keys of this session ran, as commands", Quiet: true},
		{ID: "app.contexts", Keys: []string{"@"}, Short: "contexts", Help: "Choose one or several contexts", Quiet: true},
		{ID: "app.next-pane", Keys: []string{"tab"}, Short: "next pane", Help: "The pane to the right", Quiet: true},
		{ID: "app.previous-pane", Keys: []string{"shift+tab"}, Short: "previous pane", Help: "The pane to the left", Quiet: true},
		{ID: "app.suspend", Keys: []string{"ctrl+z"}, Short: "suspend", Help: "Back to the shell; fg returns", Quiet: true},
		{ID: "app.quit", Keys: []string{"q", "ctrl+c"}, Short: "quit", Help: "Leave the dashboard"},
	}
	for _, p := range a.panes {
		i := p.Info()
		out = append(out, keymap.Action{ID: "pane." + i.Name, Keys: []string{i.Key}, Short: i.Title, Help: "Go to the pane " + i.Title, Quiet: true})
	}
	return out
}

// everyAction is all that can be remapped.
func (a *App) everyAction() []keymap.Action {
	out := append(a.actions(), widget.ListActions()...)
	for _, p := range a.panes {
		out = append(out, p.Actions()...)
	}
	return out
}

// key is the one place where a key becomes an action.
func (a *App) key(msg tea.KeyPressMsg) tea.Cmd {
	k := msg.String()
	if k == "ctrl+c" {
		return a.quit()
	}
	if k == "ctrl+z" {
		return tea.Suspend
	}
	if o := a.top(); o != nil {
		cmd, done := o.key(a, msg)
		if done {
			a.pop(o)
		}
		return cmd
	}
	if a.filter != nil {
		return a.filterKey(msg)
	}
	p := a.current()
	if p.Typing() {
		if k == "esc" {
			p.Escape()
			return nil
		}
		return p.Update(msg)
	}
	a.toast.seen()
	if act, ok := a.env.Keys.Find(k, p.Actions()); ok {
		if act.Disabled != "" {
			a.say("warn", act.Short+": "+act.Disabled)
			return nil
		}
		a.log.pressed(k)
		return p.Act(act.ID)
	}
	if act, ok := a.env.Keys.Find(k, widget.ListActions()); ok {
		return p.Act(act.ID)
	}
	if act, ok := a.env.Keys.Find(k, a.actions()); ok {
		return a.act(act.ID, k)
	}
	return nil
}

// act does one of the app's own actions.
func (a *App) act(id, key string) tea.Cmd {
	w, now := a.env.Window, a.env.Now
	switch id {
	case "app.command":
		return a.openPalette("")
	case "app.filter":
		a.openFilter()
	case "app.help":
		a.push(newPage(a.env, "Help", a.helpLines()))
	case "app.back":
		return a.escape()
	case "app.why":
		return a.follow("incident", key)
	case "app.logs":
		return a.follow("logs", key)
	case "app.metrics":
		return a.follow("metrics", key)
	case "app.deployment":
		return a.follow("deployments", key)
	case "app.refresh":
		return a.current().Refresh()
	case "window.back":
		return a.setWindow(w.Shift(-0.5, now))
	case "window.forward":
		return a.setWindow(w.Shift(0.5, now))
	case "window.in":
		return a.setWindow(w.Zoom(0.5, now))
	case "window.out":
		return a.setWindow(w.Zoom(2, now))
	case "window.scrub-back":
		return a.scrub(w.Scrub(-1, now))
	case "window.scrub-forward":
		return a.scrub(w.Scrub(1, now))
	case "window.mark":
		a.env.Window = w.Mark(now)
	case "window.compare":
		w.Compare = day - w.Compare
		return a.setWindow(w)
	case "window.live":
		return a.setWindow(pane.Window{Span: w.Span, Live: true, Marks: w.Marks, Compare: w.Compare})
	case "app.copy-command":
		return a.copyCommand()
	case "app.command-log":
		a.push(newPage(a.env, "Command log", a.log.lines(a.env)))
	case "app.contexts":
		a.push(newContexts(a))
	case "app.next-pane":
		return a.visit(a.panes[(a.front+1)%len(a.panes)].Info().Name, pane.Subject{}, key)
	case "app.previous-pane":
		return a.visit(a.panes[(a.front+len(a.panes)-1)%len(a.panes)].Info().Name, pane.Subject{}, key)
	case "app.suspend":
		return tea.Suspend
	case "app.quit":
		return a.quit()
	default:
		for _, p := range a.panes {
			if id == "pane."+p.Info().Name {
				return a.visit(p.Info().Name, pane.Subject{}, key)
			}
		}
	}
	return nil
}

// escape leaves what is innermost.
func (a *App) escape() tea.Cmd {
	p := a.current()
	if p.Escape() {
		return nil
	}
	name := p.Info().Name
	if a.filters[name] != "" {
		a.setFilter("")
		return nil
	}
	if a.back() {
		return a.again()
	}
	a.say("", "this is the first screen; q leaves")
	return nil
}

// copyCommand shows and copies the command that shows the same.
func (a *App) copyCommand() tea.Cmd {
	command := a.current().Command()
	if command == "" {
		a.say("warn", "there is no command for this")
		return nil
	}
	return a.copy(a.log.whole(a.env, command))
}

func (a *App) paste(msg tea.PasteMsg) tea.Cmd {
	if o := a.top(); o != nil {
		cmd, done := o.key(a, msg)
		if done {
			a.pop(o)
		}
		return cmd
	}
	if a.filter != nil {
		return a.filterKey(msg)
	}
	if p := a.current(); p.Typing() {
		return p.Update(msg)
	}
	return nil
}

// quit saves what is kept and leaves.
func (a *App) quit() tea.Cmd {
	save := a.save(true)
	return func() tea.Msg {
		if save != nil {
			save()
		}
		return tea.QuitMsg{}
	}
}
