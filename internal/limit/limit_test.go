package limit_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/limit"
	"github.com/aictl/aictl/internal/limit/limittest"
)

func TestMemory(t *testing.T) {
	limittest.Conformance(t, func(*testing.T) limit.Limiter { return limit.NewMemory(time.Now) })
}

// The stand-in keeps the scripts honest where no Redis runs; the end-to-end
// suite runs the same against the real one, by AICTL_TEST_REDIS.
func TestRedis(t *testing.T) {
	limittest.Conformance(t, func(t *testing.T) limit.Limiter {
		url := os.Getenv("AICTL_TEST_REDIS")
		if url == "" {
			url = "redis://" + miniredis.RunT(t).Addr()
		}
		r, err := limit.NewRedis(url, time.Now)
		require.NoError(t, err)
		t.Cleanup(func() { _ = r.Close() })
		o, err := redis.ParseURL(url)
		require.NoError(t, err)
		c := redis.NewClient(o)
		defer func() { _ = c.Close() }()
		require.NoError(t, c.FlushDB(t.Context()).Err())
		return r
	})
}

func TestRedisIsDown(t *testing.T) {
	m := miniredis.RunT(t)
	r, err := limit.NewRedis("redis://"+m.Addr(), time.Now)
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	m.Close()
	require.NoError(t, r.Allow(t.Context(), "a", 0.001, 1), "rates go on in this process")
	require.Equal(t, fail.Limited, fail.CodeOf(r.Allow(t.Context(), "a", 0.001, 1)), "and still bound")
	_, err = r.Reserve(t.Context(), "a", 1, 10, time.Hour)
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "budgets refuse")
	require.Equal(t, fail.Unavailable, fail.CodeOf(r.Ready(t.Context())))
}

func TestAWrongURLKeepsItsPassword(t *testing.T) {
	_, err := limit.NewRedis("http://:hunter2@host:1", time.Now)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

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
