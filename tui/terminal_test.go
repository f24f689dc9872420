package tui

import (
	"bytes"
	"sync"
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
// left, the cursor shown; and it is an error, not an exit of the process.
func TestAPanicRestoresTheTerminal(t *testing.T) {
	terminal, tty, err := pty.Open()
	require.NoError(t, err)
	defer func() { _ = terminal.Close() }()
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 80}))
	before, err := xterm.GetState(int(tty.Fd()))
	require.NoError(t, err)

	var mu sync.Mutex
	var out bytes.Buffer
	go func() {
		chunk := make([]byte, 4096)
		for {
			n, err := terminal.Read(chunk)
			mu.Lock()
			out.Write(chunk[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	err = run(t.Context(), Options{
		Contexts: []feed.Context{{Name: "x"}}, In: tty, Out: tty, Environ: []string{"TERM=xterm-256color"}, Zone: time.UTC,
	}, func(*pane.Env) []pane.Pane { return []pane.Pane{bomb{}} })
	require.Equal(t, fail.Internal, fail.CodeOf(err))

	after, err := xterm.GetState(int(tty.Fd()))
	require.NoError(t, err)
	require.Equal(t, before, after, "the terminal's modes")
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		text := out.Bytes()
		return bytes.Contains(text, []byte("\x1b[?1049h")) && bytes.Contains(text, []byte("\x1b[?1049l")) &&
			bytes.LastIndex(text, []byte("\x1b[?25h")) > bytes.LastIndex(text, []byte("\x1b[?25l"))
	}, 5*time.Second, 10*time.Millisecond)
	_ = tty.Close()
}
