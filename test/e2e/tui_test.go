//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestTheDashboardSolvesTheDemo: in a real terminal, from the first screen to
// the recovery in three keys; and the session's command log, run by a shell on
// another platform with the same incident, does the same there.
func TestTheDashboardSolvesTheDemo(t *testing.T) {
	p := testbed.Up(t, "--demo")
	session := filepath.Join(t.TempDir(), "session.sh")
	x := testbed.NewTmux(t, p.Env, p.Workspace, 120, 40)
	x.Sees(t, "READY>", 10*time.Second)
	x.Type(t, "aictl dashboard --command-log "+session+"\n")
	x.Sees(t, "[1 Overview]", 10*time.Second)
	x.Sees(t, "1 alert firing: ServiceErrorsHigh demo-checkout", 3*time.Minute)

	x.Press(t, "w")
	x.Sees(t, "cause found", 20*time.Second)
	x.Press(t, "x")
	x.Sees(t, "Apply to local?", 20*time.Second)
	x.Press(t, "y")
	x.Sees(t, "is rolled out", time.Minute)
	x.Sees(t, "things have recovered", 3*time.Minute)

	// Small, suspended and back, large again: it stands, and leaves the
	// terminal as it was.
	x.Resize(t, 80, 24)
	x.Sees(t, "Inc", 5*time.Second)
	x.Resize(t, 20, 5)
	time.Sleep(200 * time.Millisecond)
	x.Resize(t, 120, 40)
	x.Press(t, "C-z")
	x.Sees(t, "Stopped", 10*time.Second)
	x.Type(t, "fg\n")
	x.Sees(t, "[8 Incident]", 10*time.Second)
	x.Press(t, "q")
	x.Sees(t, "READY>", 10*time.Second)
	require.NotContains(t, x.Text(t), "[8 Incident]", "the screen before it is back")

	require.Equal(t, "3\n", p.Run(t, "deploy", "history", "demo-checkout", "-o", "json", "--jq", "length"))
	script, err := os.ReadFile(session)
	require.NoError(t, err)
	t.Logf("the session:\n%s", script)
	require.Contains(t, string(script), "aictl deploy undo demo-checkout --to-revision 1")

	// The same on another platform, by a shell.
	other := testbed.Up(t, "--demo")
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	for !fires(t, other, "ServiceErrorsHigh", "demo-checkout") {
		select {
		case <-ctx.Done():
			t.Fatal("no alert on the second platform")
		case <-time.After(time.Second):
		}
	}
	cmd := exec.CommandContext(ctx, "sh", "-e", session)
	cmd.Dir, cmd.Env = other.Workspace, other.Env
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Contains(t, string(said), "recovered: ")
	require.Equal(t, "3\n", other.Run(t, "deploy", "history", "demo-checkout", "-o", "json", "--jq", "length"))
}

// TestTheTerminalIsRestored: on signals and when the terminal goes, the
// process is gone within a second and has left the screen as it was.
func TestTheTerminalIsRestored(t *testing.T) {
	p := testbed.Up(t)
	for name, end := range map[string]func(*testing.T, *testbed.Screen){
		"SIGTERM": func(t *testing.T, s *testbed.Screen) { require.NoError(t, s.Cmd.Process.Signal(syscall.SIGTERM)) },
		"SIGHUP":  func(t *testing.T, s *testbed.Screen) { require.NoError(t, s.Cmd.Process.Signal(syscall.SIGHUP)) },
		"ctrl-c":  func(t *testing.T, s *testbed.Screen) { s.Press(t, "\x03") },
		"q":       func(t *testing.T, s *testbed.Screen) { s.Press(t, "q") },
	} {
		t.Run(name, func(t *testing.T) {
			s := testbed.Terminal(t, p.Env, 100, 30, filepath.Join(p.Workspace, "bin", "aictl"), "dashboard")
			s.Sees(t, 0, "Overview", 5*time.Second)
			begun := time.Now()
			end(t, s)
			s.Ends(t, 5*time.Second)
			require.Less(t, time.Since(begun), 2*time.Second)
			s.Sees(t, 0, "\x1b[?1049l", time.Second)
			text := s.Text()
			require.Greater(t, strings.LastIndex(text, "\x1b[?25h"), strings.LastIndex(text, "\x1b[?25l"), "the cursor is shown again")
		})
	}
}

// TestTheDashboardIsAccessible: lines are appended, and not one byte steers
// the terminal.
func TestTheDashboardIsAccessible(t *testing.T) {
	p := testbed.Up(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.Workspace, "bin", "aictl"), "dashboard")
	cmd.Dir, cmd.Env = p.Workspace, slices.Concat(p.Env, []string{"ACCESSIBLE=1"})
	cmd.Stdin = strings.NewReader("services\nalerts\n:whoami\nquit\n")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "\x1b")
	for _, want := range []string{"Overview. last 1h live", "Services. ", "predict", "Alerts. ", "admin"} {
		require.Contains(t, string(out), want)
	}
}

// TestTheDashboardOnABundle: what was recorded is shown again when the
// platform is gone, and no pane lacks an answer.
func TestTheDashboardOnABundle(t *testing.T) {
	p := testbed.Up(t)
	p.Run(t, "chat", "what is running?")
	bundle := filepath.Join(t.TempDir(), "night.aictl")
	p.Run(t, "record", "--out", bundle)
	x := testbed.NewTmux(t, p.Env, p.Workspace, 160, 40)
	x.Sees(t, "READY>", 10*time.Second)
	p.Run(t, "down")
	x.Type(t, "aictl dashboard --from "+bundle+"\n")
	for key, want := range map[string]string{
		"1": "nothing fires", "2": "Forecast a series", "3": "not followed", "4": "Calls a second", "5": "nothing fires",
		"6": "service/predict", "7": "There are no secrets", "8": "Incidents", "9": "Ask about this platform", "0": "accounts.create",
	} {
		x.Press(t, key)
		require.NotContains(t, x.Sees(t, want, 10*time.Second), "holds no answer", "pane %s", key)
	}
	require.Contains(t, x.Text(t), "[read-only]")
}
