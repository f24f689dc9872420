// Package terminal drives aictl as a person does: in a pseudo-terminal, key by
// key, against a platform that runs.
package terminal

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai/chat/chattest"
	"github.com/aictl/aictl/test/testbed"
)

// screen is everything that the program wrote.
type screen struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// read copies the terminal until the program has gone.
func (s *screen) read(tty *os.File) {
	chunk := make([]byte, 4096)
	for {
		n, err := tty.Read(chunk)
		s.mu.Lock()
		s.buf.Write(chunk[:n])
		s.mu.Unlock()
		for range bytes.Count(chunk[:n], []byte("\x1b[6n")) {
			_, _ = tty.WriteString("\x1b[1;1R") // a terminal says where its cursor is
		}
		if err != nil {
			return
		}
	}
}

type session struct {
	t    *testing.T
	tty  *os.File
	cmd  *exec.Cmd
	out  screen
	seen int
	done sync.WaitGroup
}

func start(t *testing.T, p *testbed.Platform, args ...string) *session {
	t.Helper()
	s := &session{t: t, cmd: exec.CommandContext(t.Context(), filepath.Join(p.Workspace, "bin", "aictl"), args...)}
	s.cmd.Dir, s.cmd.Env = p.Workspace, append(append([]string{}, p.Env...), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "CI=")
	var err error
	s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 40, Cols: 100})
	require.NoError(t, err)
	s.done.Go(func() { s.out.read(s.tty) })
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.tty.Close()
		s.done.Wait()
	})
	return s
}

func (s *session) press(keys string) {
	s.t.Helper()
	_, err := s.tty.WriteString(keys)
	require.NoError(s.t, err)
}

// wait wants text after what was seen before.
func (s *session) wait(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		all := s.out.text()
		i := strings.Index(all[min(s.seen, len(all)):], text)
		if i >= 0 {
			s.seen += i + len(text)
		}
		return i >= 0
	}, 20*time.Second, 10*time.Millisecond, "waiting for %q in:\n%s", text, s.out.text())
}

func (s *session) exit() int {
	s.t.Helper()
	err := s.cmd.Wait()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return e.ExitCode()
	}
	require.NoError(s.t, err)
	return 0
}

// chatPlatform has a model server that answers, and one model that never does.
func chatPlatform(t *testing.T) (p *testbed.Platform, asked <-chan struct{}) {
	t.Helper()
	hanging := make(chan struct{}, 16)
	model := &chattest.Upstream{}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && bytes.Contains(body, []byte("fault-hang")) {
			hanging <- struct{}{}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		model.ServeHTTP(w, r)
	}))
	t.Cleanup(up.Close)
	config := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(config, []byte("chat:\n  upstreams:\n  - name: standin\n    url: "+up.URL+"/v1\n    models: [echo, fault-hang]\n"), 0o600))
	return testbed.Up(t, "--server-config", config), hanging
}

func TestConversation(t *testing.T) {
	p, asked := chatPlatform(t)
	s := start(t, p, "chat", "--model", "aictl-ops")
	s.wait("Ctrl-D leaves")
	s.wait("aictl> ")
	s.press("what is running?\r")
	s.wait("predict")
	s.wait("Evidence")
	s.wait("aictl> ")

	s.press("/help\r")
	s.wait("/session")
	s.wait("aictl> ")
	s.press("/nonsense\r")
	s.wait("unknown command /nonsense")
	s.wait("aictl> ")

	// Ctrl-C at the prompt neither leaves nor loses the conversation.
	s.press("half a quest\x03")
	s.wait("Ctrl-D or /exit leaves")
	s.wait("aictl> ")

	// Ctrl-C cancels the answer and not the session.
	s.press("/model fault-hang\r")
	s.wait("aictl> ")
	s.press("are you there?\r")
	<-asked // the question has reached the model, which never answers
	s.press("\x03")
	s.wait("(cancelled)")
	s.wait("aictl> ")
	s.press("/model echo\r")
	s.wait("aictl> ")
	s.press("still here\r")
	s.wait("still here")

	s.wait("aictl> ")
	s.press("\x04")
	require.Equal(t, 0, s.exit())

	history, err := os.Stat(filepath.Join(home(p), "state", "aictl", "chat_history"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), history.Mode().Perm())
}

func TestConversationInASession(t *testing.T) {
	p, _ := chatPlatform(t)
	s := start(t, p, "chat", "--session", "night", "--model", "echo")
	s.wait("aictl> ")
	s.press("remember this\r")
	s.wait("remember this")
	s.wait("aictl> ")
	s.press("/exit\r")
	require.Equal(t, 0, s.exit())
	require.Contains(t, p.Run(t, "sessions", "show", "night"), "remember this")
}

// TestForecastIsDrawn: on a terminal there is a plot, in colour, and nothing
// wider than the terminal.
func TestForecastIsDrawn(t *testing.T) {
	p, _ := chatPlatform(t)
	s := start(t, p, "predict", "forecast", "docs/examples/series.csv")
	s.wait("┤")
	s.wait("TIME")
	s.wait("backtest over")
	require.Equal(t, 0, s.exit())
	require.Contains(t, s.out.text(), "\x1b[")
}

// TestConfirmation: a change is shown and asked about; no is no.
func TestConfirmation(t *testing.T) {
	p, _ := chatPlatform(t)
	s := start(t, p, "accounts", "create", "eve")
	s.wait("create account/eve")
	s.press("n\r")
	s.wait("nothing was changed")
	require.Equal(t, 5, s.exit())
	require.NotContains(t, p.Run(t, "accounts", "list"), "eve")

	s = start(t, p, "accounts", "create", "eve")
	s.wait("create account/eve")
	s.press("y\r")
	require.Equal(t, 0, s.exit())

	// In a protected context the name is typed, and a reason given.
	p.Run(t, "context", "set", "local", "protection=prod")
	s = start(t, p, "accounts", "delete", "eve")
	s.wait("delete account/eve")
	s.press("eva\r")
	require.NotEqual(t, 0, s.exit())
	s = start(t, p, "accounts", "delete", "eve")
	s.wait("delete account/eve")
	s.press("eve\r")
	s.wait("Reason")
	s.press("a test\r")
	require.Equal(t, 0, s.exit())
	require.Contains(t, p.Run(t, "audit", "log"), "a test")
}

// home finds the platform's home directory in its environment.
func home(p *testbed.Platform) string {
	for _, kv := range p.Env {
		if v, ok := strings.CutPrefix(kv, "HOME="); ok {
			return v
		}
	}
	return ""
}
