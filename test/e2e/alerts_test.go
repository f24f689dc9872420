//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/test/testbed"
)

// person runs the built aictl with a home of their own, in a context without
// a control plane.
type person struct {
	bin string
	env []string
}

func newPerson(t *testing.T, urls ...string) *person {
	t.Helper()
	bin := testbed.Binaries(t)
	_, env := testbed.Home(t, bin)
	p := &person{bin: filepath.Join(bin, "aictl"), env: env}
	p.must(t, "context", "set", "oncall", "backends.alertmanager.url="+strings.Join(urls, ","))
	p.must(t, "context", "use", "oncall")
	return p
}

// run gives what aictl wrote and its exit code; 60 seconds are for ever.
func (p *person) run(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.bin, args...)
	var out, errOut bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &out, &errOut
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "aictl %s hangs", strings.Join(args, " "))
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func (p *person) must(t *testing.T, args ...string) string {
	t.Helper()
	out, errOut, exit := p.run(t, args...)
	require.Zero(t, exit, "aictl %s\n%s%s", strings.Join(args, " "), out, errOut)
	return out
}

func decoded[T any](t *testing.T, text string) (out T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &out), text)
	return out
}

func amtool(t *testing.T, url string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	args = append(args, "--alertmanager.url="+url)
	out, err := exec.CommandContext(ctx, testbed.Find(t, "amtool"), args...).CombinedOutput()
	require.NoError(t, err, "amtool %s\n%s", strings.Join(args, " "), out)
	return string(out)
}

// amtoolAlerts are the names of the alerts, as amtool lists them with flags.
func amtoolAlerts(t *testing.T, url string, args ...string) []string {
	t.Helper()
	var list []struct{ Labels map[string]string }
	require.NoError(t, json.Unmarshal([]byte(amtool(t, url, append([]string{"alert", "query", "--output=json"}, args...)...)), &list))
	out := []string{}
	for _, a := range list {
		out = append(out, a.Labels["alertname"])
	}
	sort.Strings(out)
	return out
}

// fire posts alerts to a member, as Prometheus posts to every one.
func fire(t *testing.T, url string, until time.Time, labels ...map[string]string) {
	t.Helper()
	var list []map[string]any
	for _, l := range labels {
		list = append(list, map[string]any{
			"labels": l, "annotations": map[string]string{"summary": "about " + l["alertname"] + "\x1b[2J"},
			"startsAt": time.Now().Add(-time.Minute), "endsAt": until,
		})
	}
	body, err := json.Marshal(list)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v2/alerts", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// hole accepts connections and never answers.
func hole(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

func sorted(list []api.Alert) []string {
	out := []string{}
	for _, a := range list {
		out = append(out, a.Name)
	}
	sort.Strings(out)
	return out
}

// TestAlertsOfAPair runs the built aictl against two real Alertmanagers that
// gossip; amtool is the oracle.
func TestAlertsOfAPair(t *testing.T) {
	pair := testbed.AlertmanagerPair(t)
	one, two := pair[0].URL, pair[1].URL
	later := time.Now().Add(time.Hour)
	all := []map[string]string{
		{"alertname": "Slow", "severity": "critical", "service": "chat", "pod": "a b"},
		{"alertname": "Slow", "severity": "critical", "service": "predict", "pod": "c"},
		{"alertname": "Errors", "severity": "warning", "service": "chat"},
		{"alertname": "Disk", "severity": "info", "path": `C:\x "y"`},
		{"alertname": "Idle", "severity": "info"},
	}
	fire(t, one, later, all...)
	fire(t, two, later, all...)
	p := newPerson(t, one, two)
	list := func(t *testing.T, args ...string) []api.Alert {
		t.Helper()
		return decoded[[]api.Alert](t, p.must(t, append([]string{"alerts", "list", "-o", "json"}, args...)...))
	}
	silenced := func(t *testing.T) []string { return sorted(list(t, "--state", "silenced")) }

	t.Run("an alert of both is shown once", func(t *testing.T) {
		got := list(t, "--state", "all")
		require.Len(t, got, len(all))
		require.Equal(t, amtoolAlerts(t, one), sorted(got))
		require.Equal(t, []string{"Slow", "Slow", "Errors"}, []string{got[0].Name, got[1].Name, got[2].Name}, "the worst first")
		text := p.must(t, "alerts", "list")
		require.NotContains(t, text, "\x1b")
		require.Contains(t, text, "about Disk^[[2J")
	})

	t.Run("matchers mean what they mean to amtool", func(t *testing.T) {
		for _, m := range []string{
			"Slow", "severity=critical", `severity!="critical"`, "service=~chat|predict", "service=~cha", "service!~.+", `pod="a b"`, `service=""`, "nothing!=there",
			`path="C:\\x \"y\""`,
		} {
			require.Equal(t, amtoolAlerts(t, one, m), sorted(list(t, "--state", "all", m)), m)
		}
	})

	t.Run("what a preview counts is what is then suppressed", func(t *testing.T) {
		for _, m := range []string{"service=~chat|predict", "severity!=critical alertname=~.+", `pod="a b"`, "alertname=~D.*|Idle", "service=none"} {
			matchers := strings.Fields(m)
			if strings.Contains(m, `"`) {
				matchers = []string{m}
			}
			preview := decoded[api.Preview](t, p.must(t, append([]string{"alerts", "preview", "-o", "json"}, matchers...)...))
			require.NotEmpty(t, preview.Warnings, "there is no Prometheus")

			silence := append([]string{"alerts", "silence", "--duration", "10m", "--comment", "rollout"}, matchers...)
			dry := p.must(t, append(silence, "--dry-run=server", "-o", "json")...)
			require.Contains(t, dry, "digest")
			require.Empty(t, silenced(t), "a dry run does nothing")
			s := decoded[api.Silence](t, p.must(t, append(silence, "--yes", "-o", "json")...))
			require.Equal(t, len(preview.Now), s.Hits)
			for _, url := range []string{one, two} { // the other one is told
				testbed.Eventually(t, 20*time.Second, "the silence on "+url, func(context.Context) error {
					if got := amtoolAlerts(t, url, "--silenced"); !equal(got, sorted(preview.Now)) {
						return fmt.Errorf("%s suppresses %v, not %v", url, got, sorted(preview.Now))
					}
					return nil
				})
			}
			require.Equal(t, sorted(preview.Now), silenced(t))
			require.Contains(t, amtool(t, two, "silence", "query"), "rollout")
			held := decoded[[]api.Silence](t, p.must(t, "alerts", "silences", "-o", "json"))
			require.Len(t, held, 1)
			require.Equal(t, s.Hits, held[0].Hits)

			p.must(t, "alerts", "unsilence", s.ID[:8], "--yes")
			for _, url := range []string{one, two} {
				testbed.Eventually(t, 20*time.Second, "no silence on "+url, func(context.Context) error {
					if got := amtoolAlerts(t, url, "--silenced"); len(got) > 0 {
						return fmt.Errorf("%s suppresses %v", url, got)
					}
					return nil
				})
			}
		}
	})

	t.Run("an alert is taken over", func(t *testing.T) {
		_, said, exit := p.run(t, "alerts", "ack", "Errors", "--comment", "looking", "--for", "30m", "--yes")
		require.Zero(t, exit, said)
		require.Contains(t, said, "Nobody renews it")
		require.Contains(t, p.must(t, "alerts", "list", "Errors", "--state", "all"), "ack by ")
		for _, url := range []string{one, two} {
			testbed.Eventually(t, 20*time.Second, "the acknowledgement on "+url, func(context.Context) error {
				if got := amtoolAlerts(t, url, "--silenced"); !equal(got, []string{"Errors"}) {
					return fmt.Errorf("%s suppresses %v", url, got)
				}
				return nil
			})
		}
		got := list(t, "--state", "silenced")
		require.Equal(t, "looking", got[0].Ack.Comment)
		require.WithinDuration(t, time.Now().Add(alerts.AckFor), got[0].Ack.Until, 30*time.Second)
		require.Contains(t, amtool(t, one, "silence", "query"), "ACK! looking")
		p.must(t, "alerts", "ack", "Errors", "--comment", "looking", "--for", "30m", "--yes")
		held := decoded[[]api.Silence](t, p.must(t, "alerts", "silences", "-o", "json"))
		require.Len(t, held, 1, "the second is the first, renewed")
		p.must(t, "alerts", "unsilence", held[0].ID, "--yes")
	})

	t.Run("a silence of amtool is ours, too", func(t *testing.T) {
		id := strings.TrimSpace(amtool(t, two, "silence", "add", "alertname=Idle", "--comment=by amtool", "--duration=10m"))
		testbed.Eventually(t, 20*time.Second, "both have it", func(context.Context) error {
			if !strings.Contains(amtool(t, one, "silence", "query"), id[:8]) {
				return errors.New("one has not")
			}
			return nil
		})
		require.Contains(t, p.must(t, "alerts", "silences"), "by amtool")
		p.must(t, "alerts", "unsilence", id, "--yes")
	})

	t.Run("what is refused", func(t *testing.T) {
		for exit, args := range map[int][]string{
			fail.Refused.Exit():  {"alerts", "silence", "a=~.*", "--comment", "x", "--yes"},
			fail.Usage.Exit():    {"alerts", "list", "a=~("},
			fail.NotFound.Exit(): {"alerts", "ack", "nonesuch", "--yes"},
		} {
			_, errOut, got := p.run(t, args...)
			require.Equal(t, exit, got, "%v: %s", args, errOut)
		}
		_, errOut, exit := p.run(t, "alerts", "silence", "severity=critical", "--yes")
		require.Equal(t, fail.Refused.Exit(), exit)
		require.Contains(t, errOut, "needs a reason")
	})

	t.Run("who hangs costs no answer", func(t *testing.T) {
		slow := newPerson(t, hole(t), one)
		for _, args := range [][]string{
			{"alerts", "list", "-o", "json", "--timeout", "4s"}, {"alerts", "silences", "-o", "json", "--timeout", "4s"},
		} {
			start := time.Now()
			out, errOut, exit := slow.run(t, args...)
			require.Equal(t, fail.Partial.Exit(), exit, "%v: %s%s", args, out, errOut)
			require.Less(t, time.Since(start), 5*time.Second)
			require.Equal(t, byte('['), out[0])
		}
		require.Contains(t, slow.must(t, "alerts", "silence", "Idle", "--duration", "1m", "--timeout", "20s", "--yes"), "Idle")
		both := newPerson(t, hole(t))
		start := time.Now()
		_, errOut, exit := both.run(t, "alerts", "list", "--timeout", "2s")
		require.Equal(t, fail.Timeout.Exit(), exit, errOut)
		require.Less(t, time.Since(start), 4*time.Second)
	})

	t.Run("one is dead", func(t *testing.T) {
		pair[0].Kill()
		out, errOut, exit := p.run(t, "alerts", "list", "--state", "all", "-o", "json")
		require.Equal(t, fail.Partial.Exit(), exit, errOut)
		require.Len(t, decoded[[]api.Alert](t, out), len(all))
		require.Contains(t, errOut, strings.TrimPrefix(strings.TrimSuffix(one, "/am"), "http://"))
		_, errOut, exit = p.run(t, "doctor")
		require.Equal(t, fail.Partial.Exit(), exit, errOut)
		s := decoded[api.Silence](t, p.must(t, "alerts", "silence", "Disk", "--duration", "5m", "--yes", "-o", "json"))
		require.Contains(t, amtoolAlerts(t, two, "--silenced"), "Disk", "the living one has taken it")
		_, errOut, exit = p.run(t, "alerts", "unsilence", s.ID, "--yes")
		require.Zero(t, exit, errOut)
	})

	t.Run("both are dead", func(t *testing.T) {
		pair[1].Kill()
		for _, args := range [][]string{
			{"alerts", "list"},
			{"alerts", "silences"},
			{"alerts", "ack", "Slow", "--yes"},
			{"alerts", "silence", "Idle", "--duration", "1h", "--yes"},
			{"alerts", "preview", "Idle"},
			{"alerts", "show", "Idle"},
			{"alerts", "unsilence", "x", "--yes"},
		} {
			start := time.Now()
			_, errOut, exit := p.run(t, append(args, "--timeout", "5s")...)
			require.Equal(t, fail.Unavailable.Exit(), exit, "%v: %s", args, errOut)
			require.Contains(t, errOut, "nobody listens")
			require.Contains(t, errOut, "next: ")
			require.Less(t, time.Since(start), 7*time.Second)
		}
	})
}

func equal(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }
