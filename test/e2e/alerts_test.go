//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// person is somebody with the binaries and a home of their own.
type person struct {
	bin string
	env []string
}

func newPerson(t *testing.T) person {
	t.Helper()
	bin := testbed.Binaries(t)
	_, env := testbed.Home(t, bin)
	return person{filepath.Join(bin, "aictl"), env}
}

// aictl runs a command and holds its exit code.
func (p person) aictl(t *testing.T, exit int, args ...string) (stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.bin, args...)
	cmd.Env = p.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	require.Equal(t, exit, cmd.ProcessState.ExitCode(), "aictl %s\n%s%s", strings.Join(args, " "), &out, &errs)
	return out.String(), errs.String()
}

func (p person) names(t *testing.T, args ...string) []string {
	t.Helper()
	out, _ := p.aictl(t, 0, append(args, "-o", "json")...)
	var list []struct{ Name string }
	require.NoError(t, json.Unmarshal([]byte(out), &list), out)
	names := []string{}
	for _, one := range list {
		names = append(names, one.Name)
	}
	return names
}

func amtool(t *testing.T, url string, args ...string) string {
	t.Helper()
	return testbed.Run(t, exec.CommandContext(t.Context(), testbed.Find(t, "amtool"), append([]string{"--alertmanager.url=" + url}, args...)...))
}

func fire(t *testing.T, url string, labels ...map[string]string) {
	t.Helper()
	var body []map[string]any
	for _, l := range labels {
		body = append(body, map[string]any{"labels": l, "endsAt": time.Now().Add(time.Hour)})
	}
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v2/alerts", bytes.NewReader(raw))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// TestAlertsOnAPairOfAlertmanagers works on two real ones that gossip, with
// amtool as the oracle; then one of them dies, then the other.
func TestAlertsOnAPairOfAlertmanagers(t *testing.T) {
	pair := testbed.AlertmanagerPair(t)
	p := newPerson(t)
	p.aictl(t, 0, "context", "set", "prod", "backends.alertmanager.url="+pair[0].URL+","+pair[1].URL)
	p.aictl(t, 0, "context", "use", "prod")
	var all []map[string]string
	for i := range 12 {
		all = append(all, map[string]string{"alertname": fmt.Sprintf("A%02d", i), "severity": []string{"warning", "critical"}[i/10], "service": []string{"chat", "predict"}[i%2]})
	}
	for _, one := range pair { // Prometheus tells every member
		fire(t, one.URL, all...)
	}
	testbed.Eventually(t, 20*time.Second, "the alerts on both", func(context.Context) error {
		for _, one := range pair {
			if n := strings.Count(amtool(t, one.URL, "alert", "query", "-o", "simple"), "A"); n < 12 {
				return fmt.Errorf("%s has %d", one.URL, n)
			}
		}
		return nil
	})
	names := p.names(t, "alerts", "list")
	require.Len(t, names, 12, "each once")
	require.Equal(t, []string{"A10", "A11"}, names[:2], "the worst first")

	// What the preview says is what the Alertmanagers then keep quiet.
	for _, matchers := range []string{"service=chat", "alertname=~A0[1-4]", "severity!=critical", `{alertname="A05"}`} {
		out, _ := p.aictl(t, 0, "alerts", "preview", matchers, "-o", "json", "--jq", ".now | length")
		id, _ := p.aictl(t, 0, "alerts", "silence", matchers, "--duration", "10m", "--comment", "test", "--yes", "-o", "json", "--jq", ".id")
		testbed.Eventually(t, 20*time.Second, "the gossip", func(context.Context) error {
			for _, one := range pair {
				quiet := strings.Count(amtool(t, one.URL, "alert", "query", "--silenced", "-o", "extended"), "\n") - 1
				if fmt.Sprint(quiet) != strings.TrimSpace(out) {
					return fmt.Errorf("%s: the preview says %s, %d are silenced on %s", matchers, strings.TrimSpace(out), quiet, one.URL)
				}
			}
			return nil
		})
		require.Contains(t, amtool(t, pair[1].URL, "silence", "query"), strings.TrimSpace(id)[:8])
		p.aictl(t, 0, "alerts", "unsilence", strings.TrimSpace(id), "--yes")
	}
	testbed.Eventually(t, 20*time.Second, "the end of the silences", func(context.Context) error {
		if n := len(p.names(t, "alerts", "list")); n != 12 {
			return fmt.Errorf("%d fire", n)
		}
		return nil
	})

	// An acknowledgement is one for every tool.
	_, said := p.aictl(t, 0, "alerts", "ack", "A03", "--comment", "on it", "--yes")
	require.Contains(t, said, "Nobody renews it")
	require.Contains(t, amtool(t, pair[0].URL, "silence", "query", "-o", "extended"), "ACK! on it")
	table, _ := p.aictl(t, 0, "alerts", "list", "A03", "--state", "all")
	require.Contains(t, table, "ack by ")

	testbed.Eventually(t, 20*time.Second, "the gossip of the acknowledgement", func(context.Context) error {
		if !strings.Contains(amtool(t, pair[1].URL, "silence", "query", "-o", "extended"), "ACK! on it") {
			return errors.New("the other member does not know it")
		}
		return nil
	})

	// One member dies: what the other has, and exit 4.
	pair[0].Kill()
	out, said := p.aictl(t, 4, "alerts", "list", "-o", "json", "--jq", "length")
	require.Equal(t, "11", strings.TrimSpace(out))
	require.Contains(t, said, strings.TrimPrefix(pair[0].URL, "http://"))
	p.aictl(t, 0, "alerts", "silence", "A04", "--duration", "10m", "--comment", "x", "--yes")
	p.aictl(t, 4, "doctor")
	pair[1].Kill()
	start := time.Now()
	_, said = p.aictl(t, 12, "alerts", "list", "--timeout", "5s")
	require.Contains(t, said, "next: aictl doctor")
	require.Less(t, time.Since(start), 6*time.Second)
}

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
