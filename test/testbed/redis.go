package testbed

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis starts a Redis server of its own for the test, without persistence,
// and returns its URL.
func Redis(t testing.TB) string {
	t.Helper()
	port := FreePort(t)
	cmd := exec.Command(Find(t, "redis-server"), //nolint:noctx // it outlives the call; the test's cleanup stops it
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	process := Start(t, "redis", cmd)

	address := fmt.Sprintf("127.0.0.1:%d", port)
	client := redis.NewClient(&redis.Options{Addr: address})
	t.Cleanup(func() { _ = client.Close() })
	Eventually(t, 15*time.Second, "Redis answers", func(ctx context.Context) error {
		if err := process.Exited(); err != nil {
			return err
		}
		return client.Ping(ctx).Err()
	})
	return "redis://" + address + "/0"
}
