//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/test/testbed"
)

// The goals for a start until /readyz and for the memory of a server that idles.
// The bound of a start leaves room for a machine that stands still.
const (
	readyGoal, readyBound = 2 * time.Second, 4 * time.Second
	idleFor, idleMiB      = 30 * time.Second, 250
)

// TestUpAndDown is the newcomer's path: up, again, answers, down, up again
// with what was there before, soon and in little memory.
func TestUpAndDown(t *testing.T) {
	p := testbed.Up(t)
	require.Contains(t, p.Run(t, "up", "-o", "json"), p.URL, "a second start shows the one that runs")
	require.NotEmpty(t, strings.TrimSpace(p.Run(t, "chat", "what is running?")))
	p.Run(t, "chat", "--session", "kept", "what is running?")
	p.Run(t, "down")
	p.Run(t, "down") // nothing to stop is no failure
	listen := strings.TrimPrefix(p.URL, "http://")
	var starts []time.Duration
	for i := range 3 {
		if i > 0 {
			p.Run(t, "down")
		}
		start := time.Now()
		p.Run(t, "up", "--listen", listen)
		testbed.Eventually(t, time.Minute, "it is ready", func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/readyz", nil)
			if err != nil {
				return err
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusOK {
				return errors.New(res.Status)
			}
			return nil
		})
		starts = append(starts, time.Since(start).Round(time.Millisecond))
	}
	require.Contains(t, p.Run(t, "sessions", "list", "-o", "json"), `"kept"`, "a session outlives a restart")
	p.Run(t, "audit", "verify")

	time.Sleep(idleFor) // what it holds when nobody asks anything
	mib := residentMiB(t, decoded[struct{ Server struct{ PID int } }](t, p.Run(t, "status", "-o", "json")).Server.PID)
	t.Logf("ready after %v, the goal for the best is %s; %d MiB resident after %s without work, the goal is %d MiB", starts, readyGoal, mib, idleFor, idleMiB)
	require.LessOrEqual(t, slices.Min(starts), readyBound)
	require.Positive(t, mib)
	require.LessOrEqual(t, mib, int64(idleMiB))
}

// residentMiB is what a process has resident now.
func residentMiB(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if rest, is := strings.CutPrefix(line, "VmRSS:"); is {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			require.NoError(t, err)
			return kib >> 10
		}
	}
	require.FailNow(t, "the system does not say how much memory a process has")
	return 0
}

// refused is an error document of the command line.
type refused struct {
	Type, Code, Message, Next string
	Exit                      int
}

// refusal runs `aictl up` where it cannot work, and returns its error document.
func refusal(t *testing.T, wrap []string, args ...string) (doc refused) {
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
		saysFull(t, dir, refusal(t, onSmallDisk(t, dir, "size=64k", "true", ""), "--data-dir", dir, "--listen", "127.0.0.1:0"))
	})
	t.Run("disk that has become full", func(t *testing.T) {
		// What an earlier start left, on a disk without a free block.
		before, dir, after := t.TempDir(), filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "after")
		for _, d := range []string{dir, after} {
			require.NoError(t, os.Mkdir(d, 0o700))
		}
		one := startServer(t, config{dataDir: before})
		kept, err := api.TokensCreate.Apply(t.Context(), one.client, api.TokenInput{TTL: op.Duration(time.Hour), Note: "kept"}, op.ApplyOptions{})
		require.NoError(t, err)
		_, err = api.SecretsSet.Apply(t.Context(), one.client, api.SecretSetInput{Ref: "vault:kept", Value: []byte("it")}, op.ApplyOptions{})
		require.NoError(t, err)
		one.process.Stop()
		fill := fmt.Sprintf("cp -a %q/. %q && { cat /dev/zero >%q 2>/dev/null; true; }", before, dir, filepath.Join(dir, "ballast"))
		wrap := onSmallDisk(t, dir, "size=64m", fill, fmt.Sprintf("rm %q && cp -a %q/. %q", filepath.Join(dir, "ballast"), dir, after))
		saysFull(t, dir, refusal(t, wrap, "--data-dir", dir, "--listen", "127.0.0.1:0"))

		// The same files where there is space.
		again := startServer(t, config{dataDir: after, token: one.token})
		report, err := api.AuditVerify.Call(t.Context(), again.client, api.None{})
		require.NoError(t, err)
		require.True(t, report.OK, "%+v", report)
		tokens, err := api.TokensList.Call(t.Context(), again.client, api.TokenFilter{})
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(tokens, func(k api.Token) bool { return k.ID == kept.ID }), "the token is lost")
		secret, err := api.SecretsGet.Call(t.Context(), again.client, api.SecretGetInput{Ref: "vault:kept", Reveal: true})
		require.NoError(t, err)
		require.Equal(t, "it", secret.Value)
		soundState(t, again)
	})
}

// onSmallDisk runs a command where dir is a file system of a size of its own:
// first is run before it, and last after it.
func onSmallDisk(t *testing.T, dir, size, first, last string) []string {
	t.Helper()
	script := fmt.Sprintf("mount -t tmpfs -o %s,mode=700 tmpfs %q && %s && \"$@\"\nended=$?\n"+
		"[ $ended = 0 ] && \"$1\" down >&2\n%s\nexit $ended\n", size, dir, first, last)
	return []string{testbed.Find(t, "unshare"), "--mount", "--map-root-user", "sh", "-c", script, "sh"}
}

// saysFull requires that a refusal names the directory, what is the matter with
// its disk, and what to do about it.
func saysFull(t *testing.T, dir string, doc refused) {
	t.Helper()
	require.Contains(t, doc.Message, dir)
	require.Regexp(t, "is full|no space left", doc.Message)
	require.Regexp(t, "free .*space", doc.Next)
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
