package limit_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/limit"
	"github.com/aictl/aictl/internal/limit/limittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// replicas are two limiters on one Redis.
func replicas(t *testing.T, url string) []limit.Limiter {
	t.Helper()
	all := make([]limit.Limiter, 2)
	for i := range all {
		r, err := limit.NewRedis(url, time.Now)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		all[i] = r
	}
	return all
}

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		limittest.Conformance(t, func(*testing.T) []limit.Limiter { return []limit.Limiter{limit.NewMemory(time.Now)} })
	})
	t.Run("miniature", func(t *testing.T) {
		limittest.Conformance(t, func(t *testing.T) []limit.Limiter {
			return replicas(t, "redis://"+miniredis.RunT(t).Addr())
		})
	})
	if url := os.Getenv("AICTL_TEST_REDIS"); url != "" { // the end-to-end tests set it
		t.Run("redis", func(t *testing.T) {
			limittest.Conformance(t, func(t *testing.T) []limit.Limiter {
				o, err := redis.ParseURL(url)
				require.NoError(t, err)
				c := redis.NewClient(o)
				t.Cleanup(func() { require.NoError(t, c.Close()) })
				forget(t, c)
				t.Cleanup(func() { forget(t, c) })
				return replicas(t, url)
			})
		})
	}
}

// forget drops our keys, and no others.
func forget(t *testing.T, c *redis.Client) {
	ctx := context.WithoutCancel(t.Context())
	keys := c.Scan(ctx, 0, "aictl:*", 1000).Iterator()
	for keys.Next(ctx) {
		require.NoError(t, c.Del(ctx, keys.Val()).Err())
	}
	require.NoError(t, keys.Err())
}

func TestWithoutRedis(t *testing.T) {
	server := miniredis.RunT(t)
	l := replicas(t, "redis://"+server.Addr())[0]
	settle, err := l.Reserve(t.Context(), "k", 10, 10, time.Hour)
	require.NoError(t, err)
	server.Close()
	settle(0) // is lost, and harms nothing
	require.Equal(t, fail.Unavailable, fail.CodeOf(l.Ready(t.Context())))

	require.NoError(t, l.Allow(t.Context(), "k", 0.001, 2), "rates go on by this server alone")
	require.NoError(t, l.Allow(t.Context(), "k", 0.001, 2))
	require.Equal(t, fail.Limited, fail.CodeOf(l.Allow(t.Context(), "k", 0.001, 2)), "and are still rates")
	begin := time.Now()
	for i := range 1000 {
		require.NoError(t, l.Allow(t.Context(), fmt.Sprint(i), 1, 1))
	}
	require.Less(t, time.Since(begin), 10*time.Second, "an outage does not cost every call its wait")

	_, err = l.Reserve(t.Context(), "k", 1, 1000, time.Hour)
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "budgets refuse")

	require.NoError(t, server.Restart())
	require.Eventually(t, func() bool { return l.Ready(t.Context()) == nil }, 5*time.Second, 10*time.Millisecond)
	_, err = l.Reserve(t.Context(), "k", 1, 10, time.Hour)
	require.Equal(t, fail.Limited, fail.CodeOf(err), "what could not be given back stays reserved")
}

func TestLateSettlingLeavesNothingBehind(t *testing.T) {
	server := miniredis.RunT(t)
	l := replicas(t, "redis://"+server.Addr())[0]
	settle, err := l.Reserve(t.Context(), "k", 10, 10, time.Minute)
	require.NoError(t, err)
	for _, k := range server.Keys() {
		require.Positive(t, server.TTL(k))
	}
	server.FastForward(2 * time.Hour)
	require.Empty(t, server.Keys())
	settle(3)
	require.Empty(t, server.Keys())
	require.NoError(t, l.Allow(t.Context(), "k", 10, 10))
	for _, k := range server.Keys() {
		require.Positive(t, server.TTL(k))
	}
}

func TestRedisURLs(t *testing.T) {
	for _, url := range []string{"", "http://x", "redis://al:hunter2@[::1", "redis://al:hunter2@host/notanumber"} {
		_, err := limit.NewRedis(url, time.Now)
		require.Equal(t, fail.Usage, fail.CodeOf(err), url)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestACallerThatLeaves(t *testing.T) {
	l := replicas(t, "redis://"+miniredis.RunT(t).Addr())[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, l.Allow(ctx, "k", 1, 1), context.Canceled)
	_, err := l.Reserve(ctx, "k", 1, 1, time.Hour)
	require.ErrorIs(t, err, context.Canceled)
}

func BenchmarkMemoryAllow(b *testing.B) {
	l := limit.NewMemory(time.Now)
	for b.Loop() {
		_ = l.Allow(b.Context(), "k", 1e9, 1e9)
	}
}
