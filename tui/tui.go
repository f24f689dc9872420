// Package tui is the dashboard: one screen for services, logs, metrics,
// alerts, deployments, secrets, incidents and chat, on one window of time.
//
// It is a face over the operations, as the command line is: it reaches the
// platform through op.Caller alone, and every key has a command that does the
// same. The app (app.go) is the only tea.Model; the panes under pane/ are plain
// structs, the widgets know no noun, and the feeds bring what the operations
// say as messages.
//
// It promises to leave the terminal as it found it, on a fault and on signals
// too; that no frame is wider or higher than the terminal; and that text from
// outside never steers it.
package tui

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// fps is how often the screen may be drawn in a second: a key is seen after
// 9 ms at the median, against 18 at Bubble Tea's own 60.
const fps = 120

// The dashboard's memory: what a million log lines, 13,000 replicas and the
// screen need is below memoryLimit, and the collector keeps what it leaves lying
// small. GOMEMLIMIT and GOGC win.
const (
	memoryLimit = 112 << 20 // bytes
	gcPercent   = 50
)

// Run shows the dashboard until the person leaves it, ctx ends, or the
// terminal goes. It joins everything that it started.
func Run(ctx context.Context, o Options) error { return run(ctx, o, Panes) }

func run(ctx context.Context, o Options, panes func(*pane.Env) []pane.Pane) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGTERM)
	defer stop()
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	o.Feeds = feed.New(ctx)
	defer o.Feeds.Close()
	a, err := New(o, panes)
	if err != nil {
		return err
	}
	if o.Accessible {
		return a.runAccessible(ctx)
	}
	opts := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithFPS(fps), tea.WithEnvironment(o.Environ),
		tea.WithInput(o.In), tea.WithOutput(o.Out),
	}
	if o.NoColor {
		opts = append(opts, tea.WithColorProfile(colorprofile.NoTTY))
	}
	p := tea.NewProgram(a, opts...)
	_, err = p.Run()
	o.Feeds.Close()
	if lerr := a.writeCommandLog(); lerr != nil && err == nil {
		err = lerr
	}
	return ended(ctx, err)
}

// ended: a person who leaves, and a terminal that goes, are no failures.
func ended(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tea.ErrInterrupted), errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil && !errors.Is(err, tea.ErrProgramPanic):
		return fail.New(fail.Canceled, "the dashboard was ended by a signal")
	case errors.Is(err, tea.ErrProgramPanic):
		return fail.Wrap(fail.Internal, err, "the dashboard ended by a fault of its own").Hint("the trace is above; aictl dashboard starts it again")
	}
	return fail.Wrap(fail.Failed, err, "the terminal")
}

// writeCommandLog writes the session's commands where --command-log says.
func (a *App) writeCommandLog() error {
	if a.opts.CommandLog == "" || len(a.log.entries) == 0 {
		return nil
	}
	f, err := os.OpenFile(a.opts.CommandLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fail.Wrap(fail.Failed, err, "writing the command log")
	}
	text := "# a session of the dashboard, ended " + a.opts.Now().UTC().Format(time.RFC3339) + "\n" + a.log.script(a.env)
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close()
		return fail.Wrap(fail.Failed, err, "writing the command log")
	}
	return f.Close()
}
