package sessioncache_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/ai/chat/chattest"
	"github.com/aictl/aictl/internal/sessioncache"
)

func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConformance(t *testing.T) {
	open := func(connect func(*testing.T) *redis.Client) func(t *testing.T) chat.Sessions {
		return func(t *testing.T) chat.Sessions {
			t.Helper()
			return sessioncache.New(&chattest.Memory{}, connect(t), time.Now)
		}
	}
	t.Run("with redis", func(t *testing.T) {
		chattest.SessionsConformance(t, open(func(t *testing.T) *redis.Client { t.Helper(); return client(t, miniredis.RunT(t).Addr()) }))
	})
	t.Run("without redis", func(t *testing.T) {
		chattest.SessionsConformance(t, open(func(t *testing.T) *redis.Client { t.Helper(); return client(t, "127.0.0.1:1") }))
	})
	if url := os.Getenv("AICTL_TEST_REDIS"); url != "" { // the end-to-end suite starts a real one
		t.Run("real redis", func(t *testing.T) {
			chattest.SessionsConformance(t, open(func(t *testing.T) *redis.Client {
				t.Helper()
				o, err := redis.ParseURL(url)
				require.NoError(t, err)
				c := redis.NewClient(o)
				t.Cleanup(func() { _ = c.Close() })
				require.NoError(t, c.FlushDB(t.Context()).Err())
				return c
			}))
		})
	}
}

// counting counts what reaches the store.
type counting struct {
	chat.Sessions
	mu   sync.Mutex
	gets int
}

func (c *counting) Get(ctx context.Context, owner, name string) (chat.Session, []chat.Message, error) {
	c.mu.Lock()
	c.gets++
	c.mu.Unlock()
	return c.Sessions.Get(ctx, owner, name)
}

func TestReplicasReadWhatAnotherWrote(t *testing.T) {
	r := miniredis.RunT(t)
	store := &counting{Sessions: &chattest.Memory{}}
	one := sessioncache.New(store, client(t, r.Addr()), time.Now)
	two := sessioncache.New(store, client(t, r.Addr()), time.Now)
	_, err := one.Create(t.Context(), "ann", "night", "t")
	require.NoError(t, err)
	for i := range 20 {
		writer, reader := one, two
		if i%2 == 1 {
			writer, reader = two, one
		}
		require.NoError(t, writer.Append(t.Context(), "ann", "night", chat.Message{Role: "user", Text: "q", Time: time.Now()}))
		for range 3 {
			_, messages, err := reader.Get(t.Context(), "ann", "night")
			require.NoError(t, err)
			require.Len(t, messages, i+1)
		}
	}
	require.Equal(t, 20, store.gets, "one read of the store a turn, the others from Redis")
	require.NoError(t, one.Delete(t.Context(), "ann", "night"))
	_, _, err = two.Get(t.Context(), "ann", "night")
	require.Error(t, err)
}

func TestRedisMayGoAndComeBack(t *testing.T) {
	r := miniredis.RunT(t)
	now := time.Now()
	c := sessioncache.New(&chattest.Memory{}, client(t, r.Addr()), func() time.Time { return now })
	_, err := c.Create(t.Context(), "ann", "night", "t")
	require.NoError(t, err)
	_, _, err = c.Get(t.Context(), "ann", "night")
	require.NoError(t, err)
	r.Close()
	require.NoError(t, c.Append(t.Context(), "ann", "night", chat.Message{Role: "user", Text: "q", Time: now}))
	_, messages, err := c.Get(t.Context(), "ann", "night")
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.NoError(t, r.Restart())
	now = now.Add(time.Minute)
	require.NoError(t, c.Append(t.Context(), "ann", "night", chat.Message{Role: "user", Text: "q", Time: now}))
	_, messages, err = c.Get(t.Context(), "ann", "night")
	require.NoError(t, err)
	require.Len(t, messages, 2)
}

func TestWhatIsNotOursInRedisIsNotBelieved(t *testing.T) {
	r := miniredis.RunT(t)
	c := sessioncache.New(&chattest.Memory{}, client(t, r.Addr()), time.Now)
	_, err := c.Create(t.Context(), "ann", "night", "t")
	require.NoError(t, err)
	_, _, err = c.Get(t.Context(), "ann", "night")
	require.NoError(t, err)
	for _, key := range r.Keys() {
		if _, err := r.Get(key); err == nil && r.TTL(key) <= time.Hour {
			require.NoError(t, r.Set(key, "{broken"))
		}
	}
	s, _, err := c.Get(t.Context(), "ann", "night")
	require.NoError(t, err)
	require.Equal(t, "night", s.Name)
}
