package tui

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/tuitest"
)

// monkeyKeys are what a monkey presses: every key that does something, text,
// and keys that do nothing.
var monkeyKeys = []string{
	"1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "enter", "enter", "esc", "esc",
	"tab", "shift+tab", "space", "backspace", "delete", ":", "/", "?", "!", "@", "w", "l", "m", "d", "r", "[", "]", "+", "-", ",", ".", "M", "Y", "T",
	"a", "b", "c", "e", "f", "g", "h", "i", "j", "k", "n", "o", "p", "s", "S", "t", "u", "v", "x", "y", "z", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J",
	"K", "L", "N", "O", "P", "R", "U", "V", "W", "X", "Z", "ctrl+k", "ctrl+l", "ctrl+r", "ctrl+a", "ctrl+e", "ctrl+u", "ctrl+w", "ctrl+x", "alt+enter", "ctrl+j",
	"漢", "é", "'", "\"", "{", "}", "(", "*", "~", "\\",
}

// TestMonkey presses 10,000 keys and resizes on a read-only context: no panic,
// no frame larger than the terminal, nothing that steers it, and no change
// sent. A failure prints its seed, and AICTL_MONKEY=N tries N more.
func TestMonkey(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4}
	more, _ := strconv.Atoi(os.Getenv("AICTL_MONKEY"))
	for i := range more {
		seeds = append(seeds, uint64(100+i))
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Chdir(t.TempDir()) // it saves logs, too
			p := world(seed%2 == 0)
			drive(t, p, 80, 24, func(o *Options) {
				o.ReadOnly = true
				o.Contexts = []feed.Context{p.Context(t, "prod-eu", true)}
			}, func(d *tuitest.Driver) { monkey(t, d, seed, 2_500) })
			require.Empty(t, p.Changes(), "seed %d", seed)
		})
	}
}

// TestMonkeyWithHands does the same where changes are allowed: each that was
// made had a plan that was confirmed, and is in the command log.
func TestMonkeyWithHands(t *testing.T) {
	t.Chdir(t.TempDir())
	p := world(false)
	drive(t, p, 100, 30, nil, func(d *tuitest.Driver) {
		monkey(t, d, 7, 2_000)
		done := 0
		for _, e := range d.Model.(*App).log.entries {
			if e.outcome == "done" {
				done++
			}
		}
		require.LessOrEqual(t, done, len(p.Changes()))
	})
}

func monkey(t *testing.T, d *tuitest.Driver, seed uint64, keys int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	a := d.Model.(*App)
	width, height := 80, 24
	var last []string
	d.Resize(width, height)
	defer func() {
		if t.Failed() || recover() != nil {
			t.Fatalf("seed %d, %dx%d, after %q", seed, width, height, last)
		}
	}()
	for range keys {
		switch r.IntN(40) {
		case 0:
			width, height = 1+r.IntN(220), 1+r.IntN(70)
			d.Resize(width, height)
		case 1:
			d.Wait(time.Duration(r.IntN(3)) * time.Second)
		case 2:
			d.Send(tea.PasteMsg{Content: hostile + "\n" + "pasted"})
			d.Settle()
		case 3:
			d.Send(tea.MouseClickMsg{X: r.IntN(width), Y: r.IntN(height), Button: tea.MouseLeft})
			d.Settle()
		case 4:
			d.Send(tea.MouseWheelMsg{X: r.IntN(width), Y: r.IntN(height), Button: tea.MouseWheelDown})
			d.Settle()
		default:
			k := monkeyKeys[r.IntN(len(monkeyKeys))]
			last = append(last, k)
			last = last[max(0, len(last)-30):]
			d.Press(k)
		}
		frame := a.Frame()
		fits(t, frame, width, height)
		clean(t, frame)
		require.NotEmpty(t, a.env.Contexts)
	}
}
