package keymap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

var actions = []Action{
	{ID: "alerts.ack", Keys: []string{"a"}}, {ID: "list.down", Keys: []string{"down", "j"}},
}

func TestRemapping(t *testing.T) {
	m, err := New(map[string][]string{"alerts.ack": {"A", "ctrl+a"}}, actions)
	require.NoError(t, err)
	_, ok := m.Find("a", actions)
	require.False(t, ok)
	for _, key := range []string{"A", "ctrl+a"} {
		a, ok := m.Find(key, actions)
		require.True(t, ok)
		require.Equal(t, "alerts.ack", a.ID)
	}
	a, ok := m.Find("j", actions)
	require.True(t, ok)
	require.Equal(t, "list.down", a.ID)
}

func TestAnUnknownActionIsNamed(t *testing.T) {
	_, err := New(map[string][]string{"alert.ack": {"A"}}, actions)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	var f *fail.Error
	require.ErrorAs(t, err, &f)
	require.Contains(t, f.Next, "alerts.ack")
}

func TestConflicts(t *testing.T) {
	m, err := New(map[string][]string{"alerts.ack": {"j"}}, actions)
	require.NoError(t, err)
	require.Equal(t, []string{"j: alerts.ack and list.down"}, m.Conflicts(actions))
	var none *Map
	require.Empty(t, none.Conflicts(actions))
}

func TestShown(t *testing.T) {
	require.Equal(t, "↑/k", Shown([]string{"up", "k"}))
}
