package asked_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/asked"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

func read(_ string, out any) []string { return out.([]string) } //nolint:forcetypeassert // the tests' own

func TestAContextThatFailsKeepsItsRows(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	both := []feed.Context{{Name: "a"}, {Name: "b"}}
	var l asked.Listing[string]
	require.False(t, l.Known())
	require.True(t, l.Due(now, time.Second))
	l.Begin(both, now)
	require.True(t, l.Busy())
	require.False(t, l.Due(now.Add(time.Hour), time.Second))
	l.Take(feed.Answer{Results: []feed.Result{{Context: "a", Out: []string{"1"}}, {Context: "b", Out: []string{"2", "3"}}}}, now, read)
	require.Equal(t, []string{"1", "2", "3"}, l.Rows())
	require.Empty(t, l.Troubles(now))

	later := now.Add(3 * time.Minute)
	l.Begin(both, later)
	down := fail.New(fail.Unavailable, "connection refused").Hint("aictl doctor")
	l.Take(feed.Answer{Results: []feed.Result{{Context: "a", Out: []string{"9"}}, {Context: "b", Err: down}}}, later, read)
	require.Equal(t, []string{"9", "2", "3"}, l.Rows())
	got := l.Troubles(later)
	require.Len(t, got, 1)
	require.Equal(t, "b", got[0].Who)
	require.Equal(t, "connection refused; what is shown is 3m old", got[0].What)
	require.Equal(t, "aictl doctor", got[0].Next)

	l.Begin(both, later)
	l.Take(feed.Answer{Results: []feed.Result{{Context: "a", Err: context.Canceled}, {Context: "b", Err: context.Canceled}}}, later, read)
	require.Equal(t, []string{"9", "2", "3"}, l.Rows())
	require.Len(t, l.Troubles(later), 1)

	l.Begin(both[:1], later)
	require.Equal(t, []string{"9"}, l.Rows())
	require.Empty(t, l.Troubles(later))
}

func TestAContextIsNamedAmongSeveral(t *testing.T) {
	both := []feed.Context{{Name: "a"}, {Name: "b"}}
	require.Equal(t, []string{"--context", "b"}, asked.Flags(both, "b"))
	require.Empty(t, asked.Flags(both, ""))
	require.Empty(t, asked.Flags(both[:1], "a"))
}

func TestATableThatIsRemadeKeepsItsOrder(t *testing.T) {
	made := func(columns ...string) *widget.Table[string] {
		var cols []widget.Column[string]
		for _, c := range columns {
			cols = append(cols, widget.Column[string]{Name: c, Text: func(s *string) string { return *s }})
		}
		return widget.NewTable(func() *theme.Theme { return nil }, func(s *string) string { return *s }, cols...)
	}
	old := made("name")
	require.Same(t, old, asked.Remade(nil, old))
	old.SortBy("name", true)
	next := asked.Remade(old, made("context", "name"))
	require.Equal(t, old.Save(), next.Save())
}
