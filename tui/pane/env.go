package pane

import (
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/theme"
)

// Env is what the app shares with its panes. The app alone writes it, between
// messages; the panes read it.
type Env struct {
	Feeds *feed.Feeds
	Theme *theme.Theme
	Keys  *keymap.Map
	// Contexts are those that reads ask; the first one is where changes go
	// that name no other.
	Contexts []feed.Context
	Window   Window
	// Now is the time of the last tick; Zone the person's.
	Now  time.Time
	Zone *time.Location
	// Namespace is that of the listings; "*" is all.
	Namespace string
	ReadOnly  bool
	// ASCII keeps to characters that every terminal has.
	ASCII bool
	// Settings are from the person's file.
	Settings Settings
}

// Settings are what a person chose in the dashboard's file.
type Settings struct {
	// Boards is a file of plots for the metrics pane.
	Boards string
	// LogLines is how many lines the logs pane holds.
	LogLines int
}

// Primary is the context that changes go to.
func (e *Env) Primary() feed.Context { return e.Contexts[0] }

// Context finds a context by its name; the primary one where there is none.
func (e *Env) Context(name string) feed.Context {
	for _, c := range e.Contexts {
		if c.Name == name {
			return c
		}
	}
	return e.Primary()
}

// Known finds a context that is shown by its name; the empty name is the
// primary one.
func (e *Env) Known(name string) (feed.Context, bool) {
	if name == "" {
		return e.Primary(), true
	}
	for _, c := range e.Contexts {
		if c.Name == name {
			return c, true
		}
	}
	return feed.Context{}, false
}

// First is the primary context alone, for what cannot be asked of several.
func (e *Env) First() []feed.Context { return e.Contexts[:1] }

// Bounds are those of the window now.
func (e *Env) Bounds() (from, to time.Time) { return e.Window.Bounds(e.Now) }

// Stretch is a window that is not live in words: its first and last minute,
// with the day where it is not today.
func (e *Env) Stretch() string {
	from, to := e.Bounds()
	first, last, dash := "15:04", "15:04", "–"
	if e.ASCII {
		dash = "-"
	}
	if !e.SameDay(from, e.Now) {
		first = "2 Jan 15:04"
	}
	if !e.SameDay(from, to) {
		last = "2 Jan 15:04"
	}
	return from.In(e.Zone).Format(first) + dash + to.In(e.Zone).Format(last)
}

// SameDay reports whether two moments are on one day of the person's.
func (e *Env) SameDay(a, b time.Time) bool {
	ay, am, ad := a.In(e.Zone).Date()
	by, bm, bd := b.In(e.Zone).Date()
	return ay == by && am == bm && ad == bd
}

// The messages that a pane sends to the app, by a command (Send).
type (
	// Goto brings a pane to the front; esc comes back.
	Goto struct {
		Pane    string
		Subject Subject
	}
	// Toast shows a line for a few seconds. Level is "", "ok", "warn" or "bad".
	Toast struct{ Text, Level string }
	// Copy puts text on the clipboard.
	Copy struct{ Text string }
	// SetWindow moves every pane.
	SetWindow struct{ Window Window }
	// Ran notes a command in the command log: what the key just did.
	Ran struct{ Command string }
	// Propose takes a change through plan, confirmation and apply. The pane
	// gets Changed afterwards.
	Propose struct {
		Pane    string
		Context string
		Change  op.UntypedChange
		In      any // a pointer to the change's input
		// Command is the command line that does the same.
		Command string
	}
	// Ask asks the person for lines of text before something is done.
	Ask struct {
		Title  string
		Fields []Field
		// Then is called with a value a field, in Update.
		Then func(values []string) tea.Cmd
	}
	// Show lays a page of lines over the pane: a help, a document, a diff.
	Show struct {
		Title string
		Lines []string // styled, safe
	}
	// Changed comes to the pane whose Propose was applied, failed, or was
	// refused by the person (fail.Canceled).
	Changed struct {
		Operation string
		Out       any
		Err       error
	}
	// Scrubbed comes to the front pane when the time cursor was moved in the
	// window; the others see it when they are opened.
	Scrubbed struct{}
	// Tick comes to the front pane every second.
	Tick struct{ Now time.Time }
)

// Field is one question of an Ask.
type Field struct {
	Label, Initial, Help string
	Required             bool
	// Secret shows no character of it.
	Secret bool
	// Enum offers these values.
	Enum []string
}

// Send makes a command of a message.
func Send(msg tea.Msg) tea.Cmd { return func() tea.Msg { return msg } }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
