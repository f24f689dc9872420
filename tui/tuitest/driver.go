// Package tuitest drives the dashboard without a terminal: it presses keys,
// runs the commands that come of them, and gives the frames. It runs inside a
// testing/synctest bubble, so that time is the test's and a test ends when
// nothing more will happen by itself.
package tuitest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/tui/feed"
)

// Model is what the driver drives: the app.
type Model interface {
	tea.Model
	Frame() string
}

// Driver presses keys. Its methods are for the test's goroutine.
type Driver struct {
	T     testing.TB
	Model Model
	Feeds *feed.Feeds

	mu   sync.Mutex // guards msgs
	msgs []tea.Msg
	quit bool
	// Copied is what went to the clipboard last.
	Copied string
}

// Run makes the model within a bubble and drives it with f. make is given the
// feeds, which end with the test.
func Run(t *testing.T, width, height int, make func(*feed.Feeds) Model, f func(d *Driver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		feeds := feed.New(ctx)
		d := &Driver{T: t, Model: make(feeds), Feeds: feeds}
		defer func() {
			cancel()
			feeds.Close()
			time.Sleep(time.Minute) // the bubble's: what ticks comes to its end
			synctest.Wait()
		}()
		d.run(d.Model.Init())
		d.Resize(width, height)
		f(d)
	})
}

// run starts a command; its message waits to be taken.
func (d *Driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.msgs = append(d.msgs, msg)
	}()
}

// Settle gives the model every message that comes without time passing.
func (d *Driver) Settle() {
	for range 10_000 {
		synctest.Wait()
		d.mu.Lock()
		msgs := d.msgs
		d.msgs = nil
		d.mu.Unlock()
		if len(msgs) == 0 {
			return
		}
		for _, m := range msgs {
			d.take(m)
		}
	}
	d.T.Fatal("the dashboard never comes to rest")
}

func (d *Driver) take(msg tea.Msg) {
	switch m := msg.(type) {
	case nil:
		return
	case tea.BatchMsg:
		for _, c := range m {
			d.run(c)
		}
		return
	case tea.QuitMsg:
		d.quit = true
		return
	case tea.SuspendMsg:
		return
	}
	if copied, ok := clipboard(msg); ok {
		d.Copied = copied
		return
	}
	d.Send(msg)
}

// clipboard gives the text of Bubble Tea's own message, which has no name.
func clipboard(msg tea.Msg) (string, bool) {
	if s, ok := msg.(interface{ String() string }); ok {
		return s.String(), strings.HasSuffix(typeName(msg), "setClipboardMsg")
	}
	return stringOf(msg), strings.HasSuffix(typeName(msg), "setClipboardMsg")
}

// Send gives the model one message and starts what comes of it.
func (d *Driver) Send(msg tea.Msg) {
	_, cmd := d.Model.Update(msg)
	d.run(cmd)
}

// Do runs a command as if the model had returned it, to its end.
func (d *Driver) Do(cmd tea.Cmd) {
	d.run(cmd)
	d.Settle()
}

// Resize changes the terminal's size.
func (d *Driver) Resize(width, height int) {
	d.Send(tea.WindowSizeMsg{Width: width, Height: height})
	d.Settle()
}

// Wait lets time pass, a second at a time, so that ticks come in order.
func (d *Driver) Wait(long time.Duration) {
	for long > 0 {
		step := min(long, 500*time.Millisecond)
		time.Sleep(step)
		long -= step
		d.Settle()
	}
}

// Press presses keys by their names ("a", "ctrl+k", "enter"), each to its end.
func (d *Driver) Press(keys ...string) {
	for _, k := range keys {
		d.Send(Key(k))
		d.Settle()
	}
}

// Type types text, a key a character.
func (d *Driver) Type(text string) {
	for _, r := range text {
		d.Send(Key(string(r)))
	}
	d.Settle()
}

// Quit reports whether the model asked to end.
func (d *Driver) Quit() bool { return d.quit }

// Frame is what the screen shows, without styles and blanks at the ends.
func (d *Driver) Frame() string {
	lines := strings.Split(ansi.Strip(d.Model.Frame()), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// Key makes the key press of a name as Bubble Tea spells it.
func Key(name string) tea.KeyPressMsg {
	named := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
		"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
	}
	var k tea.KeyPressMsg
	rest := name
	for {
		switch {
		case strings.HasPrefix(rest, "ctrl+") && len(rest) > 5:
			k.Mod |= tea.ModCtrl
			rest = rest[5:]
			continue
		case strings.HasPrefix(rest, "shift+") && len(rest) > 6:
			k.Mod |= tea.ModShift
			rest = rest[6:]
			continue
		case strings.HasPrefix(rest, "alt+") && len(rest) > 4:
			k.Mod |= tea.ModAlt
			rest = rest[4:]
			continue
		}
		break
	}
	switch code, ok := named[rest]; {
	case ok:
		k.Code = code
	case rest == "space" || rest == " ":
		k.Code = tea.KeySpace
		if k.Mod == 0 {
			k.Text = " "
		}
	default:
		k.Code = []rune(rest)[0]
		if k.Mod&^tea.ModShift == 0 {
			k.Text = rest
		}
	}
	return k
}
