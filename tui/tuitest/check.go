package tuitest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// taken are the keys of the app, which no pane may claim.
const taken = ": / ? esc tab shift+tab 1 2 3 4 5 6 7 8 9 0 q ctrl+c ctrl+k ctrl+z ctrl+l r w l m d [ ] + - , . M Y T @ !"

// CheckKeys checks that a pane's keys are free and explained, and does each of
// its actions: on an empty pane nothing happens, and nothing breaks.
func CheckKeys(t testing.TB, p pane.Pane) {
	t.Helper()
	require.Empty(t, (*keymap.Map)(nil).Conflicts(append(p.Actions(), widget.ListActions()...)))
	for _, a := range p.Actions() {
		require.True(t, strings.HasPrefix(a.ID, p.Info().Name+"."), a.ID)
		require.NotEmpty(t, a.Help, a.ID)
		require.NotEmpty(t, a.Short, a.ID)
		for _, k := range a.Keys {
			require.False(t, slices.Contains(strings.Fields(taken), k), "%s: %s", a.ID, k)
		}
		p.Act(a.ID)
	}
}

// Bounded checks that a frame fits its terminal, and does nothing to it but
// style.
func Bounded(t testing.TB, frame string, width, height int) {
	t.Helper()
	lines := strings.Split(frame, "\n")
	require.LessOrEqual(t, len(lines), height, "%dx%d", width, height)
	for _, l := range lines {
		require.LessOrEqual(t, ansi.StringWidth(l), width, "%dx%d: %q", width, height, l)
		for _, bad := range []string{"\x1b]", "\x1b[2J", "\u202e"} {
			require.NotContains(t, l, bad, "%q", l)
		}
	}
}

// Bounds checks a pane's frames of every kind of size.
func Bounds(t testing.TB, p pane.Pane) {
	t.Helper()
	for w := 1; w <= 130; w += 7 {
		for h := 1; h <= 45; h += 4 {
			Bounded(t, p.View(w, h), w, h)
		}
	}
	Bounded(t, p.View(20, 2), 20, 2)
}

// Read reads a recorded answer from testdata.
func Read[T any](t testing.TB, file string) T {
	t.Helper()
	var out T
	body, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &out))
	return out
}
