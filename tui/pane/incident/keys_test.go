package incident

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/widget"
)

// taken are the keys of the app, which no pane may claim.
const taken = ": / ? esc tab shift+tab 1 2 3 4 5 6 7 8 9 0 q ctrl+c ctrl+k ctrl+z ctrl+l r w l m d [ ] + - , . M Y T @ !"

func TestKeysAreFreeAndExplained(t *testing.T) {
	env := newEnv(t, feed.Context{Name: "prod"})
	env.Feeds = feed.New(t.Context())
	p := New(env)
	require.Empty(t, (*keymap.Map)(nil).Conflicts(append(p.Actions(), widget.ListActions()...)))
	for _, a := range p.Actions() {
		require.True(t, strings.HasPrefix(a.ID, name+"."), a.ID)
		require.NotEmpty(t, a.Help, a.ID)
		require.NotEmpty(t, a.Short, a.ID)
		for _, k := range a.Keys {
			require.False(t, slices.Contains(strings.Fields(taken), k), "%s: %s", a.ID, k)
		}
		p.Act(a.ID) // on an empty pane: nothing happens, and nothing breaks
	}
}
