package limit

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func TestMemoryIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := NewMemory(func() time.Time { return now })
	for i := range maxKeys + 100 {
		require.NoError(t, m.Allow(t.Context(), fmt.Sprint(i), 1, 1))
		require.LessOrEqual(t, len(m.buckets), maxKeys)
	}
	require.Greater(t, len(m.buckets), maxKeys/3, "not all are forgotten at once")

	reserve := func(key string, window time.Duration) error {
		_, err := m.Reserve(t.Context(), key, 1, 1, window)
		return err
	}
	require.NoError(t, reserve("a day", 24*time.Hour))
	for i := range maxKeys - 1 {
		require.NoError(t, reserve(fmt.Sprint(i), time.Minute))
	}
	require.Equal(t, fail.Unavailable, fail.CodeOf(reserve("one more", time.Minute)), "none that counts is dropped")
	require.Equal(t, fail.Limited, fail.CodeOf(reserve("7", time.Minute)))
	now = now.Add(time.Minute)
	require.NoError(t, reserve("one more", time.Minute))
	require.Equal(t, fail.Limited, fail.CodeOf(reserve("a day", 24*time.Hour)), "a long window outlives the short ones")
	require.Len(t, m.budgets, 2)
}

func TestMemoryFollowsTheConfiguration(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := NewMemory(func() time.Time { return now })
	require.NoError(t, m.Allow(t.Context(), "k", 1, 1))
	require.Error(t, m.Allow(t.Context(), "k", 1, 1))
	require.Error(t, m.Allow(t.Context(), "k", 1000, 10))
	now = now.Add(time.Second)
	for range 10 {
		require.NoError(t, m.Allow(t.Context(), "k", 1000, 10))
	}
	require.Error(t, m.Allow(t.Context(), "k", 1000, 10))
	now = now.Add(-time.Hour) // a clock that is put back
	require.NotPanics(t, func() { _ = m.Allow(t.Context(), "k", 1000, 10) })
}
