package limit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/limit"
)

func TestTimePasses(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := limit.NewMemory(func() time.Time { return now })
	require.NoError(t, m.Allow(t.Context(), "a", 2, 1))
	require.Error(t, m.Allow(t.Context(), "a", 2, 1))
	now = now.Add(500 * time.Millisecond)
	require.NoError(t, m.Allow(t.Context(), "a", 2, 1))

	_, err := m.Reserve(t.Context(), "a", 100, 100, time.Hour)
	require.NoError(t, err)
	now = now.Add(time.Hour)
	_, err = m.Reserve(t.Context(), "a", 100, 100, time.Hour)
	require.NoError(t, err, "a new window")
	now = now.Add(-2 * time.Hour) // a clock that jumps back gives no budget twice over
	require.NoError(t, m.Allow(t.Context(), "b", 2, 1))
}

func TestKeysAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := limit.NewMemory(func() time.Time { return now })
	for i := range 120_000 {
		now = now.Add(time.Microsecond)
		require.NoError(t, m.Allow(t.Context(), fmt.Sprint(i), 1, 1))
	}
	require.LessOrEqual(t, m.Keys(), 50_000)
}
