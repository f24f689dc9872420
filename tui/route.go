package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// find gives the number of a pane; the beginning of its name will do.
func (a *App) find(name string) (int, error) {
	names := make([]string, len(a.panes))
	for i, p := range a.panes {
		names[i] = p.Info().Name
		if names[i] == name {
			return i, nil
		}
	}
	for i, n := range names {
		if name != "" && strings.HasPrefix(n, name) {
			return i, nil
		}
	}
	e := fail.New(fail.Usage, "there is no pane %q", name)
	if near, ok := nearest.Of(name, names); ok {
		return 0, e.Hint("did you mean %s?", near)
	}
	return 0, e.Hint("one of: %s", strings.Join(names, ", "))
}

// visit brings a pane to the front; esc comes back.
func (a *App) visit(name string, s pane.Subject, key string) tea.Cmd {
	i, err := a.find(name)
	if err != nil {
		a.sayErr(err)
		return nil
	}
	if i != a.front {
		a.stack = append(a.stack, visit{a.front})
		if len(a.stack) > 64 { // nobody goes back further
			a.stack = a.stack[1:]
		}
	}
	a.front = i
	return a.show(s, key)
}

// show opens the front pane and notes its command.
func (a *App) show(s pane.Subject, key string) tea.Cmd {
	p := a.current()
	name := p.Info().Name
	cmds := []tea.Cmd{p.Open(s)}
	if a.behind[name] {
		cmds = append(cmds, p.Refresh())
	}
	delete(a.behind, name)
	a.seen[name] = true
	a.log.add(a.env.Now, key, p.Command())
	a.keep.touch()
	return tea.Batch(cmds...)
}

// back goes to the pane before, and reports whether there was one.
func (a *App) back() bool {
	if len(a.stack) == 0 {
		return false
	}
	last := a.stack[len(a.stack)-1]
	a.stack = a.stack[:len(a.stack)-1]
	a.front = last.front
	return true
}

// again brings the pane that one came back to up to what was moved meanwhile:
// the window, the contexts, the time cursor.
func (a *App) again() tea.Cmd {
	p := a.current()
	cmds := []tea.Cmd{p.Update(pane.Scrubbed{})}
	if name := p.Info().Name; a.behind[name] {
		delete(a.behind, name)
		cmds = append(cmds, p.Refresh())
	}
	return tea.Batch(cmds...)
}

// follow opens what the row under the cursor is about in another pane.
func (a *App) follow(name, key string) tea.Cmd {
	s := a.current().Subject()
	missing := ""
	switch name {
	case "incident":
		if s.Alert == "" && s.Service == "" && s.Workload == "" {
			missing = "an alert or a service"
		}
	case "deployments":
		if s.Service == "" && s.Workload == "" {
			missing = "a service or a workload"
		}
	case "metrics", "logs":
		if s.Zero() {
			missing = "anything"
		}
	}
	if missing != "" {
		a.say("warn", "the row under the cursor names no "+strings.TrimPrefix(strings.TrimPrefix(missing, "an "), "a "))
		if missing == "anything" {
			a.say("warn", "there is no row under the cursor")
		}
		return nil
	}
	return a.visit(name, s, key)
}

// setWindow moves every pane: the front one now, the others when they are
// next seen.
func (a *App) setWindow(w pane.Window) tea.Cmd {
	a.env.Window = w
	return a.everywhere()
}

// scrub moves the time cursor: no question is asked anew for it.
func (a *App) scrub(w pane.Window) tea.Cmd {
	a.env.Window = w
	return a.current().Update(pane.Scrubbed{})
}

// everywhere asks the front pane again and notes that the others must.
func (a *App) everywhere() tea.Cmd {
	for name := range a.seen {
		a.behind[name] = true
	}
	p := a.current()
	delete(a.behind, p.Info().Name)
	a.keep.touch()
	return p.Refresh()
}

// contextsMsg says that the chosen contexts are there.
type contextsMsg struct {
	contexts []feed.Context
	err      error
}

// choose opens contexts by their names, off the loop: that reads files.
func (a *App) choose(names []string) tea.Cmd {
	open, have := a.opts.OpenContext, a.env.Contexts
	return func() tea.Msg {
		var out []feed.Context
		for _, name := range names {
			if i := slices.IndexFunc(have, func(c feed.Context) bool { return c.Name == name }); i >= 0 {
				out = append(out, have[i])
				continue
			}
			if open == nil {
				return contextsMsg{err: fail.New(fail.NotFound, "there is no context %q", name).Hint("aictl context list")}
			}
			c, err := open(name)
			if err != nil {
				return contextsMsg{err: err}
			}
			out = append(out, c)
		}
		if len(out) == 0 {
			return contextsMsg{err: fail.New(fail.Usage, "no context was chosen").Hint("press @ and mark one with space")}
		}
		return contextsMsg{contexts: out}
	}
}

func (a *App) setContexts(msg contextsMsg) tea.Cmd {
	if msg.err != nil {
		a.sayErr(msg.err)
		return nil
	}
	a.env.Contexts = msg.contexts
	a.env.ReadOnly = a.opts.ReadOnly || a.env.Primary().ReadOnly
	names := make([]string, len(msg.contexts))
	for i, c := range msg.contexts {
		names[i] = c.Name
	}
	a.say("ok", "context "+strings.Join(names, ", "))
	return a.everywhere()
}
