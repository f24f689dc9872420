// Package testbed starts the real systems that the end-to-end suites and the
// documentation's test run against: PostgreSQL, Redis, the built binaries, other
// people's clients from npm and PyPI, and Kubernetes (kube*.go).
//
// It promises that everything it starts listens on loopback or a socket in a
// temporary directory, on a port that the system chose, and is stopped and
// awaited when the test that asked for it ends. A system that is missing or
// cannot be started fails the test; nothing is skipped.
//
// Two things are otherwise. The cluster is shared by the tests of a program
// and ends with Shutdown; and what the API server shall reach as a Service, and
// a real node, listen on an address of the machine and of a bridge.
//
// It does not install operating system packages: .ci/run does.
package testbed

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Root is the directory of the repository.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(t, ok, "the caller's file is unknown")
	root, err := filepath.Abs(filepath.Join(filepath.Dir(file), "..", ".."))
	require.NoError(t, err)
	return root
}

// FreePort is a loopback TCP port that nothing listened on a moment ago. It is
// for systems that cannot choose one themselves.
func FreePort(t testing.TB) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Eventually calls check every 20 ms until it returns nil, and fails the test
// with its last error after limit.
func Eventually(t testing.TB, limit time.Duration, what string, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = check(ctx); last == nil {
			return
		}
		select {
		case <-ctx.Done():
			require.NoError(t, last, "%s within %s", what, limit)
			return
		case <-tick.C:
		}
	}
}

// Process is a child with its combined output kept in a file.
type Process struct {
	cmd  *exec.Cmd
	name string
	log  string
	done chan struct{} // closed when the child has been reaped
	once sync.Once
}

// Start starts cmd, keeps its output, and stops it when the test ends: SIGTERM,
// then SIGKILL after ten seconds. The output is shown when the test failed.
func Start(t testing.TB, name string, cmd *exec.Cmd) *Process {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), name+"-*.log")
	require.NoError(t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start(), "starting %s", name)
	p := &Process{cmd: cmd, name: name, log: log.Name(), done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, tail(p.Output(), 16<<10))
		}
	})
	return p
}

// PID of the child.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is everything the child has written so far.
func (p *Process) Output() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Exited says whether the child has ended, and how.
func (p *Process) Exited() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%s):\n%s", p.name, p.cmd.ProcessState, tail(p.Output(), 4<<10))
	default:
		return nil
	}
}

// Kill ends the child with SIGKILL and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Stop ends the child with SIGTERM, or SIGKILL after ten seconds, and waits
// for it. A second call does nothing.
func (p *Process) Stop() {
	p.once.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
			p.Kill()
		}
	})
}

// Run runs a command to its end and returns what it wrote; a failure fails
// the test with that output.
func Run(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", cmd, tail(string(out), 16<<10))
	return string(out)
}

// Tool is the path of a program that .ci/tool builds from its pinned module;
// the first time it does, and says so on stderr.
func Tool(t testing.TB, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(Root(t), ".ci", "tool"), name, "--path")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", cmd, tail(said.String(), 16<<10))
	return strings.TrimSpace(string(out))
}

// Find is the path of the first of the programs that exists, by name on PATH
// or by a glob of its absolute path.
func Find(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		if found, _ := filepath.Glob(name); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	require.FailNow(t, "a program is missing", "none of %v; .ci/run install brings it", names)
	return ""
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
