//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// TestOtherToolsOnTheEmbeddedEngines asks the platform's own Prometheus and
// Alertmanager with promtool and amtool.
func TestOtherToolsOnTheEmbeddedEngines(t *testing.T) {
	p := testbed.Up(t)
	promtool := testbed.Find(t, "promtool")
	run := func(args ...string) string {
		return testbed.Run(t, exec.CommandContext(t.Context(), promtool, args...))
	}
	url := p.URL + "/prometheus"
	testbed.Eventually(t, 20*time.Second, "the first scrapes", func(context.Context) error {
		if out := run("query", "instant", url, `up{job="aictl-server"}`); !strings.Contains(out, "=> 1") {
			return fmt.Errorf("promtool says %q", out)
		}
		return nil
	})
	require.Contains(t, run("query", "labels", url, "job"), "aictl-server")
	require.Contains(t, run("query", "series", "--match=up", url), `job="aictl-server"`)
	require.Contains(t, run("query", "range", "--step=1s", "--start="+fmt.Sprint(time.Now().Add(-10*time.Second).Unix()), url, "vector(1)"), "=>")
	rules, err := filepath.Glob(filepath.Join(testbed.Root(t), "internal", "devstack", "rules", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, rules)
	run(append([]string{"check", "rules"}, rules...)...)

	// amtool signs in by a file, its password being the token.
	auth := filepath.Join(t.TempDir(), "http.yml")
	require.NoError(t, os.WriteFile(auth, fmt.Appendf(nil, "basic_auth: {username: amtool, password: %q}\n", p.Token), 0o600))
	am := func(args ...string) string {
		return amtool(t, p.URL+"/alertmanager", append([]string{"--http.config.file=" + auth}, args...)...)
	}
	am("alert", "add", "alertname=Tooled", "severity=warning", "service=chat")
	testbed.Eventually(t, 20*time.Second, "the alert", func(context.Context) error {
		if out := am("alert", "query"); !strings.Contains(out, "Tooled") {
			return fmt.Errorf("amtool says %q", out)
		}
		return nil
	})
	require.Contains(t, p.Run(t, "alerts", "list", "-o", "name"), "Tooled")
	id := uuid.FindString(am("silence", "add", "alertname=Tooled", "--duration=1h", "--comment=by amtool"))
	require.NotEmpty(t, id)
	require.Contains(t, p.Run(t, "alerts", "silences"), id)
	require.Contains(t, am("alert", "query", "--silenced"), "Tooled")
	am("silence", "expire", id)
	require.NotContains(t, p.Run(t, "alerts", "silences"), id)
}
