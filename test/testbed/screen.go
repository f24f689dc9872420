package testbed

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// Screen is a program in a pseudo-terminal: what it writes is timed, and
// nothing interprets it. For what a person sees, use Tmux.
type Screen struct {
	Cmd *exec.Cmd
	tty *os.File

	began time.Time
	done  sync.WaitGroup
	ended chan struct{} // closed when the program has been reaped
	mu    sync.Mutex    // guards the fields below
	buf   bytes.Buffer
	reads []written
}

type written struct {
	at    time.Time
	bytes int
}

// Terminal starts a program in a pseudo-terminal of the size.
func Terminal(t testing.TB, env []string, width, height int, bin string, args ...string) *Screen {
	t.Helper()
	s := &Screen{Cmd: exec.CommandContext(t.Context(), bin, args...), ended: make(chan struct{})}
	s.Cmd.Env = append(slices.Clone(env), "TERM=xterm-256color", "COLORTERM=truecolor", "LC_ALL=C.UTF-8", "CI=")
	s.began = time.Now()
	var err error
	s.tty, err = pty.StartWithSize(s.Cmd, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}) //nolint:gosec // small numbers
	require.NoError(t, err)
	s.done.Go(s.read)
	s.done.Go(func() {
		_ = s.Cmd.Wait() // how it ended is in its ProcessState
		close(s.ended)
	})
	t.Cleanup(func() {
		_ = s.Cmd.Process.Kill()
		<-s.ended // it writes to the test's folders no more
		_ = s.tty.Close()
		s.done.Wait()
	})
	return s
}

// Ends waits until the program has ended.
func (s *Screen) Ends(t testing.TB, within time.Duration) {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(within):
		t.Fatalf("it did not end within %s:\n%q", within, tailOf(s.Text(), 4000))
	}
}

func (s *Screen) read() {
	chunk := make([]byte, 64<<10)
	for {
		n, err := s.tty.Read(chunk)
		s.mu.Lock()
		s.buf.Write(chunk[:n])
		s.reads = append(s.reads, written{time.Now(), n})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Text is everything that was written.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// Press writes keys.
func (s *Screen) Press(t testing.TB, keys string) {
	t.Helper()
	_, err := s.tty.WriteString(keys)
	require.NoError(t, err)
}

// Sees waits until text was written after the first from bytes, and gives when
// that was, counted from the start of the program.
func (s *Screen) Sees(t testing.TB, from int, text string, within time.Duration) time.Duration {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		s.mu.Lock()
		found := s.buf.Len() >= from && bytes.Contains(s.buf.Bytes()[from:], []byte(text))
		s.mu.Unlock()
		if found {
			return time.Since(s.began)
		}
	}
	t.Fatalf("%q was not shown within %s:\n%q", text, within, tailOf(s.Text(), 4000))
	return 0
}

// Shows reports whether the screen shows the text now: it is resized, so that
// the program writes it whole rather than what has changed.
func (s *Screen) Shows(t testing.TB, width, height int, text string) bool {
	t.Helper()
	from := len(s.Text())
	for _, w := range []int{width - 1, width} {
		require.NoError(t, pty.Setsize(s.tty, &pty.Winsize{Rows: uint16(height), Cols: uint16(w)})) //nolint:gosec // small numbers
		time.Sleep(300 * time.Millisecond)
	}
	return strings.Contains(s.Text()[from:], text)
}

func tailOf(s string, n int) string { return s[max(0, len(s)-n):] }

// KeyTimes are the times from keys to the first bytes that followed each, in
// order of length, and the bytes per key.
type KeyTimes struct {
	times []time.Duration
	Bytes float64
}

// At gives a quantile, 0 to 1.
func (k KeyTimes) At(q float64) time.Duration { return k.times[int(q*float64(len(k.times)-1))] }

// Keys presses n keys, one every gap, and times what follows.
func (s *Screen) Keys(t testing.TB, n int, gap time.Duration, keys ...string) KeyTimes {
	t.Helper()
	pressed := make([]time.Time, n)
	s.mu.Lock()
	first := len(s.reads)
	s.mu.Unlock()
	for i := range n {
		pressed[i] = time.Now()
		s.Press(t, keys[i%len(keys)])
		time.Sleep(gap)
	}
	s.mu.Lock()
	reads := slices.Clone(s.reads[first:])
	s.mu.Unlock()
	var out KeyTimes
	total := 0
	for _, r := range reads {
		total += r.bytes
	}
	at := 0
	for i, p := range pressed {
		for at < len(reads) && reads[at].at.Before(p) {
			at++
		}
		require.Less(t, at, len(reads), "key %d of %d was not answered", i, n)
		out.times = append(out.times, reads[at].at.Sub(p))
	}
	slices.Sort(out.times)
	out.Bytes = float64(total) / float64(n)
	return out
}

// CPU measures the share of a core that the process takes while it lasts.
func (s *Screen) CPU(t testing.TB, while time.Duration) float64 {
	t.Helper()
	before := cpuOf(t, s.Cmd.Process.Pid)
	start := time.Now()
	time.Sleep(while)
	return (cpuOf(t, s.Cmd.Process.Pid) - before).Seconds() / time.Since(start).Seconds()
}

func cpuOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	f := strings.Fields(string(body[bytes.LastIndexByte(body, ')')+2:]))
	user, err := strconv.Atoi(f[11])
	require.NoError(t, err)
	system, err := strconv.Atoi(f[12])
	require.NoError(t, err)
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 on Linux
}

// MiB is what the process has resident now.
func (s *Screen) MiB(t testing.TB) float64 { t.Helper(); return MiB(t, s.Cmd.Process.Pid) }

// MiB is what a process has resident now.
func MiB(t testing.TB, pid int) float64 { t.Helper(); return statusMiB(t, pid, "VmRSS:") }

// OwnMiB is MiB without the files that it has mapped, which are the kernel's to
// take back.
func OwnMiB(t testing.TB, pid int) float64 { t.Helper(); return statusMiB(t, pid, "RssAnon:") }

func statusMiB(t testing.TB, pid int, name string) float64 {
	t.Helper()
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			require.NoError(t, err)
			return kib / 1024
		}
	}
	t.Fatalf("the process has no %s", name)
	return 0
}

// Tmux is a shell in a real terminal.
type Tmux struct {
	socket string
	env    []string
}

// NewTmux starts a terminal of the size with a shell in it.
func NewTmux(t testing.TB, env []string, dir string, width, height int) *Tmux {
	t.Helper()
	x := &Tmux{socket: filepath.Join(t.TempDir(), "tmux"), env: append(slices.Clone(env), "LC_ALL=C.UTF-8", "CI=", "TERM=xterm-256color")}
	x.run(t, "-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), "-c", dir, "env PS1='READY> ' bash --norc --noprofile")
	x.run(t, "set-option", "-g", "status", "off")
	t.Cleanup(func() {
		shell, _ := x.command(t, "list-panes", "-a", "-F", "#{pane_pid}").Output()
		programs := slices.Concat(strings.Fields(string(shell)), childrenOf(strings.Fields(string(shell))))
		_ = x.command(t, "kill-server").Run()
		// What it ran ends by the signal, and writes to the test's folders until then.
		for end := time.Now().Add(10 * time.Second); slices.ContainsFunc(programs, alive) && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	})
	return x
}

// childrenOf gives the processes below the given ones.
func childrenOf(pids []string) (below []string) {
	for _, pid := range pids {
		list, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
		next := strings.Fields(string(list))
		below = slices.Concat(below, next, childrenOf(next))
	}
	return below
}

func alive(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}

func (x *Tmux) command(_ testing.TB, args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-S", x.socket}, args...)...) //nolint:noctx // it answers at once, in a cleanup too
	cmd.Env = x.env
	return cmd
}

func (x *Tmux) run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := x.command(t, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// Type types text as it is.
func (x *Tmux) Type(t testing.TB, text string) { t.Helper(); x.run(t, "send-keys", "-l", text) }

// Press presses keys by tmux's names.
func (x *Tmux) Press(t testing.TB, keys ...string) {
	t.Helper()
	x.run(t, append([]string{"send-keys"}, keys...)...)
}

// Resize changes the terminal's size.
func (x *Tmux) Resize(t testing.TB, width, height int) {
	t.Helper()
	x.run(t, "resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
}

// Text is what the screen shows.
func (x *Tmux) Text(t testing.TB) string { t.Helper(); return x.run(t, "capture-pane", "-p") }

// Sees waits until the screen shows the text.
func (x *Tmux) Sees(t testing.TB, text string, within time.Duration) string {
	t.Helper()
	last := ""
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if last = x.Text(t); strings.Contains(last, text) {
			return last
		}
	}
	t.Fatalf("%q was not on the screen within %s:\n%s", text, within, last)
	return ""
}
