package cli

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// timeout(1) signals its child and then the child's group: two signals within
// microseconds are one wish to end, and must not kill before the last event of
// a stream is written. Without the settling this test's own process dies.
func TestASignalAndItsEchoAreOne(t *testing.T) {
	ctx, stop := interruptible(t.Context())
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the first signal cancels")
	}
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	time.Sleep(settle / 10) // the signal is handled on another thread
	stop()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM), "nor one that comes while the process ends")
	time.Sleep(settle / 10)
}
