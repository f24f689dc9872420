//go:build unix

package tui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	xterm "golang.org/x/term"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
)

// bomb is a pane with a fault.
type bomb struct{}

func (bomb) Info() pane.Info           { return pane.Info{Name: "bomb", Title: "Bomb", Key: "1"} }
func (bomb) Open(pane.Subject) tea.Cmd { return nil }
func (bomb) Refresh() tea.Cmd          { return nil }
func (bomb) Act(string) tea.Cmd        { return nil }
func (bomb) Actions() []keymap.Action  { return nil }
func (bomb) Typing() bool              { return false }
func (bomb) Escape() bool              { return false }
func (bomb) Filter(string)             {}
func (bomb) Subject() pane.Subject     { return pane.Subject{} }
func (bomb) Command() string           { return "" }
func (bomb) View(int, int) string      { return "tick" }

func (bomb) Update(msg tea.Msg) tea.Cmd {
	if _, tick := msg.(pane.Tick); tick { // by then the screen stands
		panic("a fault in a pane")
	}
	return nil
}

// A fault of ours leaves the terminal as it was: no raw mode, the other screen
// left, the cursor shown; and it is an error, not an exit of the process. The
// fault is in a process of its own: on this way out Bubble Tea closes what its
// reader still reads, which the race detector rightly says.
func TestAPanicRestoresTheTerminal(t *testing.T) {
	if os.Getenv("AICTL_TUI_BOMB") != "" {
		err := run(context.Background(), Options{
			Contexts: []feed.Context{{Name: "x"}}, In: os.Stdin, Out: os.Stdout, Environ: os.Environ(), Zone: time.UTC,
		}, func(*pane.Env) []pane.Pane { return []pane.Pane{bomb{}} })
		fmt.Println("ENDED", fail.CodeOf(err))
		os.Exit(0)
	}
	terminal, tty, err := pty.Open()
	require.NoError(t, err)
	defer func() { _ = terminal.Close() }()
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 80}))
	before, err := xterm.GetState(int(tty.Fd()))
	require.NoError(t, err)

	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, io.Discard
	cmd.Env = append(os.Environ(), "AICTL_TUI_BOMB=1", "TERM=xterm-256color", "GORACE=exitcode=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	var text bytes.Buffer
	read := make(chan error, 1)
	go func() {
		chunk := make([]byte, 4096)
		for {
			n, err := terminal.Read(chunk)
			text.Write(chunk[:n])
			if err != nil || bytes.Contains(text.Bytes(), []byte("ENDED ")) {
				read <- err
				return
			}
		}
	}()
	require.NoError(t, cmd.Run())
	require.NoError(t, <-read)
	after, err := xterm.GetState(int(tty.Fd()))
	require.NoError(t, err)
	_ = tty.Close()
	require.Equal(t, before, after, "the terminal's modes")
	out := text.String()
	require.Contains(t, out, "\x1b[?1049h")
	require.Contains(t, out, "\x1b[?1049l")
	require.Greater(t, strings.LastIndex(out, "\x1b[?25h"), strings.LastIndex(out, "\x1b[?25l"), "the cursor is shown")
	require.Contains(t, out, "ENDED internal")
}
