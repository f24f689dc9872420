//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/test/testbed"
)

// TestTheDemoIsSolvedInThreeMinutes: from `aictl up --demo` to the recovery,
// with nothing but what aictl prints: the real alert fires, why names the
// staged rollout first, the command that it gives rolls back, and --verify
// says that it helped. The demo leaves it at that.
func TestTheDemoIsSolvedInThreeMinutes(t *testing.T) {
	p := testbed.Up(t, "--demo")
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.Contains(t, p.Run(t, "status"), "demo-checkout", "the status says that the demo runs")

	const alert, service = "ServiceErrorsHigh", "demo-checkout"
	for !fires(t, p, alert, service) {
		select {
		case <-ctx.Done():
			t.Fatalf("no alert after %s: %s", time.Since(begun), p.Run(t, "alerts", "list", "--state", "all"))
		case <-time.After(time.Second):
		}
	}
	t.Logf("the alert after %s", time.Since(begun).Round(time.Second))

	var why struct {
		Verdict    string
		Candidates []struct {
			Kind, Object, Command string
			Change                struct{ Kind, Revision, Actor, Reason string }
			Evidence              []struct{ Kind, Show string }
		}
	}
	out := p.Run(t, "why", alert, "--service", service, "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(out), &why), out)
	require.Equal(t, "cause", why.Verdict, out)
	require.NotEmpty(t, why.Candidates, out)
	first := why.Candidates[0]
	require.Equal(t, "change", first.Kind, out)
	require.Equal(t, "service/"+service, first.Object, out)
	require.Equal(t, "rollout", first.Change.Kind, out)
	require.Equal(t, "demo", first.Change.Actor, out)
	require.Contains(t, first.Command, "aictl deploy undo "+service, out)
	require.Contains(t, first.Command, "--verify", out)
	kinds := map[string]bool{}
	for _, e := range first.Evidence {
		kinds[e.Kind] = true
	}
	require.True(t, kinds["change"] && kinds["metric"] && kinds["pattern"], "the change, what it did, and what the logs say: %s", out)

	shownAgain(t, p, alert, service)

	// The command as it is printed, by a shell, as whoever copies it runs it.
	cmd := exec.CommandContext(ctx, "sh", "-c", first.Command+" --yes")
	cmd.Dir, cmd.Env = p.Workspace, p.Env
	said, err := cmd.CombinedOutput()
	t.Logf("%s\n%s", first.Command, said)
	require.NoError(t, err, "exit 0 is: recovered")
	require.Contains(t, string(said), "recovered: ")
	t.Logf("recovered after %s", time.Since(begun).Round(time.Second))

	history := p.Run(t, "deploy", "history", service, "-o", "json", "--jq", "length")
	require.Equal(t, "3\n", history, "the good one, the bad one, and the way back")
}

// shownAgain runs every command that the incident path prints beside what it
// says, as whoever doubts it runs it: each shows something. A gate may say that
// it failed, as the budget does.
func shownAgain(t *testing.T, p *testbed.Platform, alert, service string) {
	t.Helper()
	commands := map[string]bool{}
	for _, ask := range [][]string{
		{"why", alert, "--service", service, "-o", "json", "--jq", "[.candidates[].evidence[].show, .symptom.evidence[].show, .candidates[].next // empty] | .[]"},
		{"timeline", "--since", "30m", "-o", "json", "--jq", ".rows[].show"},
		{"changes", "--since", "30m", "-o", "json", "--jq", ".changes[].show"},
	} {
		lines := 0
		for line := range strings.Lines(p.Run(t, ask...)) {
			commands[strings.TrimSpace(line)] = true
			lines++
		}
		require.Positive(t, lines, "%s says nothing that can be shown again", ask[0])
	}
	delete(commands, "")
	require.Greater(t, len(commands), 8)
	for _, command := range slices.Sorted(maps.Keys(commands)) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.Dir, cmd.Env = p.Workspace, p.Env
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		cancel()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == fail.False.Exit() && strings.HasPrefix(command, "aictl gate") {
			err = nil
		}
		require.NoError(t, err, "%s\n%s", command, said.String())
		require.NotEmpty(t, out, command)
	}
	t.Logf("%d commands show it again", len(commands))
}

// fires reports whether an alert of the service is firing.
func fires(t *testing.T, p *testbed.Platform, alert, service string) bool {
	t.Helper()
	var list []struct {
		Name, State string
		Labels      map[string]string
	}
	out := p.Run(t, "alerts", "list", "-o", "json")
	var whole struct{ Alerts json.RawMessage }
	body := []byte(out)
	if json.Unmarshal(body, &whole) == nil && len(whole.Alerts) > 0 {
		body = whole.Alerts
	}
	require.NoError(t, json.Unmarshal(body, &list), out)
	for _, a := range list {
		if a.Name == alert && a.State == "firing" && a.Labels["service"] == service {
			return true
		}
	}
	return false
}
