package tui

import (
	"context"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// answered is what a line of the palette came to.
type answered struct {
	command string
	out     Outcome
}

// execWithin bounds a command of the palette: a page that comes later is not
// waited for.
const execWithin = time.Minute

// operation runs a line of the command tree: what it prints is a page, and a
// change goes through its plan. What has a pane of its own is shown there.
func (a *App) operation(args []string) tea.Cmd {
	if a.opts.Exec == nil {
		a.say("bad", "there is no command "+args[0])
		return nil
	}
	if name, rest, ok := paneFor(args); ok {
		return a.visit(name, pane.Subject{Text: argv.Line(rest...)}, ":")
	}
	command := "aictl " + argv.Line(args...)
	contexts := make([]string, len(a.env.Contexts))
	for i, c := range a.env.Contexts {
		contexts[i] = c.Name
	}
	window := strings.Fields(a.env.Window.Flags())
	exec, width := a.opts.Exec, max(min(a.width, 140)-4, 40)
	a.say("", command+"…")
	return feed.Within(a.env.Feeds, feed.Key{Pane: appSlot, Slot: "palette"}, execWithin, a.env.First(),
		func(ctx context.Context, _ feed.Context) (any, error) {
			out, err := exec(ctx, args, contexts, window, width)
			return answered{command, out}, err
		})
}

// paneFor gives the pane that shows what a line would print without end.
func paneFor(args []string) (name string, rest []string, ok bool) {
	switch {
	case args[0] == "chat":
		return "chat", args[1:], true
	case args[0] == "logs" && (len(args) == 1 || !logVerbs[args[1]]):
		return "logs", args[1:], true
	case len(args) >= 2 && args[0] == "alerts" && args[1] == "watch":
		return "alerts", args[2:], true
	}
	return "", nil, false
}

var logVerbs = map[string]bool{"patterns": true, "diff": true, "histogram": true, "fields": true}

// showAnswer lays a page over the pane, or asks for the plan of a change.
func (a *App) showAnswer(out answered) tea.Cmd {
	a.toast = toast{}
	if out.out.Change != nil {
		return a.propose(pane.Propose{Pane: a.current().Info().Name, Change: out.out.Change, In: out.out.In, Command: out.command})
	}
	a.log.add(a.env.Now, ":", out.command)
	text := strings.TrimRight(term.Safe(out.out.Text), "\n")
	if text == "" {
		text = "Nothing was printed."
	}
	a.push(newPage(a.env, out.command, strings.Split(text, "\n")))
	return nil
}

func (a *App) windowCommand(arg string) tea.Cmd {
	w := a.env.Window
	if from, to, ok := strings.Cut(arg, ".."); ok {
		win, err := when.ParseWindow("", from, to, a.env.Now, a.env.Zone, w.Span)
		if err != nil {
			a.sayErr(err)
			return nil
		}
		w.Live, w.End, w.Span = false, win.To, win.Length()
		return a.setWindow(w)
	}
	d, err := when.Duration(arg)
	if err == nil && (d < pane.ShortestWindow || d > pane.LongestWindow) {
		err = fail.New(fail.Usage, "a window is from %s to %s long", pane.Short(pane.ShortestWindow), pane.Short(pane.LongestWindow))
	}
	if err != nil {
		a.sayErr(err)
		return nil
	}
	w.Span = d
	return a.setWindow(w)
}

func (a *App) atCommand(arg string) tea.Cmd {
	at, err := when.Parse(arg, a.env.Now, a.env.Zone)
	if err != nil {
		a.sayErr(err)
		return nil
	}
	return a.setWindow(a.env.Window.Around(at, a.env.Now))
}

// saveLog writes the session's commands to a new file, off the loop.
func (a *App) saveLog(path string) tea.Cmd {
	text := "#!/bin/sh\n# What a session of the dashboard did.\n" + a.log.script(a.env)
	return func() tea.Msg {
		if err := writeNew(path, text); err != nil {
			return pane.Toast{Level: "bad", Text: err.Error()}
		}
		return pane.Toast{Level: "ok", Text: "written to " + path}
	}
}

// writeNew writes a file that is not there yet; it may hold names of things
// that others should not read.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail.Wrap(fail.Failed, err, "writing the command log")
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close()
		return fail.Wrap(fail.Failed, err, "writing the command log")
	}
	return f.Close()
}
