// Package pane is the contract between the dashboard and its panes. A pane is
// a plain struct that shows one noun; the app owns the window of time, the
// contexts, the selection that moves between panes, the overlays and the loop.
//
// A pane does no I/O, reads no clock and never sleeps: it returns commands
// (package feed makes them), and everything it shows comes in messages. View is
// a pure function of its state and the size. Text from outside is made safe
// (package term) where it is shown.
package pane

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/keymap"
)

// Pane is one screen of the dashboard.
type Pane interface {
	// Info names the pane. It never changes.
	Info() Info
	// Open brings the pane to the front. The subject is what it should show; a
	// zero one leaves it as it was. It is called again on every visit.
	Open(s Subject) tea.Cmd
	// Refresh asks again: the person pressed the key, or the window, the
	// contexts or the filter changed. A pane whose streams go on by themselves
	// keeps them where the window is live.
	Refresh() tea.Cmd
	// Update takes a message that is addressed to the pane: its feeds' Answer
	// and Batch, Changed after a change, a Tick, and keys and pastes while
	// Typing.
	Update(msg tea.Msg) tea.Cmd
	// Act does an action of Actions, or one of the lists' (widget.ListActions).
	Act(id string) tea.Cmd
	// Actions are what the pane's keys do in its present state.
	Actions() []keymap.Action
	// Typing says that the pane has a text field in focus: keys go to Update,
	// but for esc (the action "pane.escape") and ctrl+c.
	Typing() bool
	// Escape leaves what is innermost in the pane (a field, a detail, a
	// filter) and reports whether there was anything to leave.
	Escape() bool
	// Filter shows only what matches the expression of `/`; empty shows all.
	Filter(expr string)
	// Subject is what the row under the cursor is about: where w, l, m and d
	// go from here.
	Subject() Subject
	// Command is the command line that shows the same as the pane now.
	Command() string
	// View draws the pane: at most height lines of at most width columns.
	View(width, height int) string
}

// Info names a pane.
type Info struct {
	// Name is the pane's word in commands and settings: "alerts".
	Name string
	// Title is shown in the bar.
	Title string
	// Key is the key that brings it to the front.
	Key string
}

// Clicker is a pane that takes the mouse. x and y count from the pane's own
// corner.
type Clicker interface {
	// Click selects what is there; a second click on the same place opens it.
	Click(x, y int) tea.Cmd
	// Scroll moves by lines, down where positive.
	Scroll(lines int)
}

// Keeper is a pane with state that people expect to be kept: its columns,
// queries, sort order. The state is kept per context, as JSON.
type Keeper interface {
	Save() any
	// Restore takes what Save gave, as json.RawMessage-like bytes; what it
	// cannot read it ignores.
	Restore(raw []byte)
}
