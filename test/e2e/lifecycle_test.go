//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestUpAndDown is the newcomer's path: up, again, answers, down, up again
// with what was there before.
func TestUpAndDown(t *testing.T) {
	p := testbed.Up(t)
	require.Contains(t, p.Run(t, "up", "-o", "json"), p.URL, "a second start shows the one that runs")
	require.NotEmpty(t, strings.TrimSpace(p.Run(t, "chat", "what is running?")))
	p.Run(t, "chat", "--session", "kept", "what is running?")
	p.Run(t, "down")
	p.Run(t, "down") // nothing to stop is no failure
	p.Run(t, "up", "--listen", "127.0.0.1:0")
	require.Contains(t, p.Run(t, "sessions", "list", "-o", "json"), `"kept"`, "a session outlives a restart")
	p.Run(t, "audit", "verify")
}

// refusal runs `aictl up` where it cannot work, and returns its error document.
func refusal(t *testing.T, wrap []string, args ...string) (doc struct {
	Type, Code, Message, Next string
	Exit                      int
},
) {
	t.Helper()
	bin := testbed.Binaries(t)
	_, env := testbed.Home(t, bin)
	line := append(append([]string{}, wrap...), append([]string{filepath.Join(bin, "aictl"), "up", "-o", "json"}, args...)...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var ended *exec.ExitError
	require.ErrorAs(t, err, &ended, "it started: %s", out)
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &doc), "not an error document: %s", stderr.String())
	require.Equal(t, "aictl.error", doc.Type)
	require.Equal(t, ended.ExitCode(), doc.Exit)
	require.NotEmpty(t, doc.Message)
	require.NotEmpty(t, doc.Next, "no next step: %s", stderr.String())
	require.NotEqual(t, "internal", doc.Code, stderr.String())
	t.Logf("%s: %s; next: %s", doc.Code, doc.Message, doc.Next)
	return doc
}

func TestUpWhereItCannot(t *testing.T) {
	t.Run("port in use", func(t *testing.T) {
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		doc := refusal(t, nil, "--data-dir", filepath.Join(t.TempDir(), "data"), "--listen", l.Addr().String())
		require.Contains(t, doc.Message, l.Addr().String())
	})
	t.Run("data directory open to others", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // the fault itself
		require.Contains(t, refusal(t, nil, "--data-dir", dir, "--listen", "127.0.0.1:0").Message, dir)
	})
	t.Run("locked data directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		require.NoError(t, os.Mkdir(dir, 0o700))
		one := startServer(t, config{dataDir: dir})
		bin := testbed.Binaries(t)
		_, env := testbed.Home(t, bin)
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "aictl-server"), "--data-dir", dir, "--listen", "127.0.0.1:0")
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), fmt.Sprint(one.process.PID()), "who holds it")
	})
	t.Run("corrupt store", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		require.NoError(t, os.Mkdir(dir, 0o700))
		startServer(t, config{dataDir: dir}).process.Stop()
		garbage := []byte(strings.Repeat("this is not a database\n", 1000))
		stores, err := filepath.Glob(filepath.Join(dir, "*.db"))
		require.NoError(t, err)
		require.NotEmpty(t, stores)
		for _, path := range stores {
			require.NoError(t, os.WriteFile(path, garbage, 0o600))
		}
		doc := refusal(t, nil, "--data-dir", dir, "--listen", "127.0.0.1:0")
		require.Contains(t, doc.Message, filepath.Base(stores[0]), "which file")
		after, err := os.ReadFile(stores[0])
		require.NoError(t, err)
		require.Equal(t, garbage, after, "a corrupt file is evidence: it is left as it was")
	})
	t.Run("full disk", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		require.NoError(t, os.Mkdir(dir, 0o700))
		mount := []string{
			testbed.Find(t, "unshare"), "--mount", "--map-root-user", "sh", "-c",
			fmt.Sprintf("mount -t tmpfs -o size=64k,mode=700 tmpfs %q && exec \"$@\"", dir), "sh",
		}
		refusal(t, mount, "--data-dir", dir, "--listen", "127.0.0.1:0")
	})
}

// TestReloadDropsNothing: SIGHUP while streams run; every one of them is whole.
func TestReloadDropsNothing(t *testing.T) {
	up := newUpstream(t)
	up.pace.Store(int64(5 * time.Millisecond))
	s := startServer(t, config{providers: []provider{{name: "main", url: up.URL}}})
	a := newAsker(t, s.url, s.token, "echo-model")
	var bad faults
	var reloads sync.WaitGroup
	done := make(chan struct{})
	reloads.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if err := syscall.Kill(s.process.PID(), syscall.SIGHUP); err != nil {
					bad.add("SIGHUP: %v", err)
				}
			}
		}
	})
	a.many(t.Context(), 2000, func(i int) bool { return i%2 == 0 }, func(i int, r result, err error) {
		if err == nil {
			err = r.check(words(fmt.Sprintf("s%d", i), streamWords))
		}
		if err != nil || !r.done {
			bad.add("call %d: %v (status %d, %s)", i, err, r.status, r.failed)
		}
	})
	close(done)
	reloads.Wait()
	bad.require(t)
	require.NoError(t, s.process.Exited())
}

// TestStopEndsStreamsHonestly: SIGTERM while slow streams run; each is whole or
// ends by a typed error, and the process ends by itself.
func TestStopEndsStreamsHonestly(t *testing.T) {
	up := newUpstream(t)
	up.pace.Store(int64(100 * time.Millisecond))
	s := startServer(t, config{providers: []provider{{name: "main", url: up.URL}}, drain: time.Second})
	a := newAsker(t, s.url, s.token, "echo-model")
	var bad faults
	var streams sync.WaitGroup
	for i := range 100 {
		streams.Go(func() {
			length := 5 + i%2*500 // half of them end within the drain
			id := fmt.Sprintf("d%d", i)
			r, err := a.ask(t.Context(), fmt.Sprintf("%s %d", id, length), true)
			if err == nil {
				err = r.check(words(id, length))
			}
			if err != nil {
				bad.add("stream %d: %v (status %d)", i, err, r.status)
			}
			if length == 5 && !r.done {
				bad.add("stream %d would have ended within the drain: %s", i, r.failed)
			}
		})
	}
	testbed.Eventually(t, 10*time.Second, "all streams have begun", func(context.Context) error {
		if n := up.calls.Load(); n < 100 {
			return fmt.Errorf("%d of 100", n)
		}
		return nil
	})
	start := time.Now()
	require.NoError(t, syscall.Kill(s.process.PID(), syscall.SIGTERM))
	streams.Wait()
	bad.require(t)
	testbed.Eventually(t, 10*time.Second, "the server ends", func(context.Context) error {
		if s.process.Exited() == nil {
			return errors.New("it still runs")
		}
		return nil
	})
	require.Less(t, time.Since(start), 8*time.Second)
}
