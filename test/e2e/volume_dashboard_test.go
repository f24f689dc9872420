//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// k9s, measured at 10,000 pods on a machine of this kind by those who wrote
// the goals (PLATFORM.md): it cannot be driven by this suite.
const k9s = "k9s at 10,000 pods: rows after 3.1 s, 569 MiB, idle 22 % of a core, key p50 4.1 ms"

const dashboardPods = 13_000

// budget is one number of the dashboard with its goal and with what the suite
// holds it to: machines of two shared cores stand still now and then, so the
// suite's bound is wider than the goal, and the table shows both.
type budget struct {
	what        string
	got         float64
	goal, bound float64
	unit        string
}

// table prints the numbers beside their goals and fails on what is out of
// bounds.
func table(t *testing.T, title string, rows []budget) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%-46s %12s %12s\n", title, "", "here", "goal")
	for _, r := range rows {
		fmt.Fprintf(&b, "%-46s %9.1f %-3s %8.0f %s\n", r.what, r.got, r.unit, r.goal, r.unit)
	}
	t.Log(b.String())
	for _, r := range rows {
		require.LessOrEqual(t, r.got, r.bound, r.what)
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// TestTheDashboardOnManyPods: 13,000 pods of a real API server.
func TestTheDashboardOnManyPods(t *testing.T) {
	c := testbed.Kubernetes(t)
	spaces := c.Fill(t, dashboardPods)
	aictl, env := onlyKubeconfig(t, c)
	const width, height = 200, 60
	rows, all := rowsAfter(t, env, aictl, width, height)
	s := testbed.Terminal(t, env, width, height, aictl, "dashboard", "--pane", "deployments")
	first := s.Sees(t, 0, "Deployments", 10*time.Second)
	at := len(s.Text())
	s.Press(t, "y") // the replicas of the namespace
	s.Sees(t, at, " REPLICA", 10*time.Second)
	at = len(s.Text())
	s.Press(t, "A") // of all namespaces
	s.Sees(t, at, "svc-0", 20*time.Second)
	time.Sleep(max(3*all, 5*time.Second)) // all are there, and nothing is under way

	keys := s.Keys(t, 200, 30*time.Millisecond, "j", "j", "j", "k")
	idle := s.CPU(t, 10*time.Second)
	stop := updates(t, c, spaces, 100)
	busy := s.CPU(t, 10*time.Second)
	sent := stop()
	mib := s.MiB(t)
	table(t, fmt.Sprintf("The dashboard on %d pods, %dx%d, %d updates in 10 s; %s", dashboardPods, width, height, sent, k9s), []budget{
		{"first frame", millis(first), 150, 600, "ms"},
		{"rows", millis(rows), 1000, 4000, "ms"},
		{"all rows", millis(all), 3100, 15000, "ms"},
		{"key to frame, p50", millis(keys.At(0.5)), 10, 30, "ms"},
		{"key to frame, p95", millis(keys.At(0.95)), 18, 90, "ms"},
		{"bytes a key", keys.Bytes, 400, 1000, "B"},
		{"idle, of a core", 100 * idle, 1, 4, "%"},
		{"at 100 updates a second, of a core", 100 * busy, 4, 16, "%"},
		{"resident", mib, 150, 170, "MiB"},
	})
	s.Press(t, "q")
	s.Ends(t, 10*time.Second)
}

// rowsAfter is how long after the key for all namespaces a person sees the
// first of 13,000 replicas, and all, in a real terminal.
func rowsAfter(t *testing.T, env []string, aictl string, width, height int) (first, all time.Duration) {
	t.Helper()
	env = append(slices.Clone(env), "XDG_STATE_HOME="+t.TempDir()) // what it keeps is not for the next one
	x := testbed.NewTmux(t, env, t.TempDir(), width, height)
	x.Sees(t, "READY>", 10*time.Second)
	x.Type(t, aictl+" dashboard --pane deployments\n")
	x.Sees(t, "[6 Deployments]", 10*time.Second)
	x.Press(t, "y")
	x.Sees(t, "REPLICA", 10*time.Second)
	asked := time.Now()
	x.Press(t, "A")
	x.Sees(t, "svc-0", 30*time.Second)
	first = time.Since(asked)
	x.Sees(t, "13,0", 60*time.Second)
	return first, time.Since(asked)
}

// updates changes the labels of pods so many times a second until stop is
// called, which says how many there were.
func updates(t *testing.T, c *testbed.Cluster, spaces []string, rate int) (stop func() int) {
	t.Helper()
	var names []string
	for line := range strings.Lines(c.Kubectl(t, "get", "pods", "-n", spaces[0], "-o", "name")) {
		names = append(names, strings.TrimPrefix(strings.TrimSpace(line), "pod/"))
	}
	require.NotEmpty(t, names)
	ctx, cancel := context.WithCancel(t.Context())
	sent := 0
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for ctx.Err() == nil {
			body := fmt.Sprintf(`{"metadata":{"annotations":{"aictl.test/beat":"%d"}}}`, sent)
			if _, err := c.Do(ctx, http.MethodPatch, "/api/v1/namespaces/"+spaces[0]+"/pods/"+names[sent%len(names)], "application/merge-patch+json", []byte(body)); err == nil {
				sent++
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() int { cancel(); wg.Wait(); return sent }
}

// TestTheDashboardWithAMillionLines: the logs pane holds a million lines of a
// real tail while 10,000 arrive in a second.
func TestTheDashboardWithAMillionLines(t *testing.T) {
	p := testbed.Up(t)
	s := testbed.Terminal(t, p.Env, 200, 60, p.Workspace+"/bin/aictl", "dashboard", "--pane", "logs")
	first := s.Sees(t, 0, "Logs", 10*time.Second)
	s.Sees(t, 0, "TIME", 10*time.Second)
	const lines = 1_000_000
	begun := time.Now()
	ship(t, p, lines, 0)
	testbed.Eventually(t, 5*time.Minute, "all are held", func(context.Context) error {
		if !s.Shows(t, 200, 60, "1,000,0") { // it holds no more
			return errors.New("not yet")
		}
		return nil
	})
	t.Logf("%d lines were shipped and held after %s", lines, time.Since(begun).Round(time.Second))
	time.Sleep(3 * time.Second)
	still := s.MiB(t)

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			at := time.Now()
			ship(t, p, 1000, n)
			time.Sleep(100*time.Millisecond - time.Since(at)) // 10,000 lines a second
		}
	})
	time.Sleep(2 * time.Second)
	keys := s.Keys(t, 100, 40*time.Millisecond, "k", "k", "k", "j")
	busy := s.CPU(t, 5*time.Second)
	cancel()
	wg.Wait()
	table(t, "The dashboard with a million lines, 10,000 arriving in a second", []budget{
		{"first frame", millis(first), 150, 600, "ms"},
		{"key to frame, p50", millis(keys.At(0.5)), 10, 60, "ms"},
		{"key to frame, p95", millis(keys.At(0.95)), 18, 250, "ms"},
		{"of a core", 100 * busy, 100, 150, "%"},
		{"resident with a million lines", still, 150, 175, "MiB"},
		{"resident while they arrive", s.MiB(t), 150, 185, "MiB"},
	})
}

// ship sends ECS lines to the platform's _bulk endpoint, 5,000 a request.
func ship(t *testing.T, p *testbed.Platform, lines, salt int) {
	t.Helper()
	const each = 5000
	for sent := 0; sent < lines; sent += each {
		var b bytes.Buffer
		for i := range min(each, lines-sent) {
			b.WriteString(`{"create":{}}` + "\n")
			n := salt*1000 + sent + i
			line, err := json.Marshal(map[string]any{
				"@timestamp": time.Now().UTC().Format(time.RFC3339Nano), "log.level": []string{"info", "info", "info", "warn", "error"}[n%5],
				"service.name": fmt.Sprintf("svc-%d", n%7), "message": fmt.Sprintf("request %d took %d ms", n, n%997), "trace.id": fmt.Sprintf("%032x", n*7919),
				"http": map[string]any{"request": map[string]any{"method": "GET"}, "response": map[string]any{"status_code": 200 + n%5*100}}, "url": map[string]any{"path": fmt.Sprintf("/api/v1/items/%d", n%4000)},
				"event": map[string]any{"duration": n * 1000 % 5_000_000}, "host": map[string]any{"name": fmt.Sprintf("node-%d", n%40)},
			})
			require.NoError(t, err)
			b.Write(append(line, '\n'))
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/elasticsearch/_bulk", &b)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-ndjson")
		req.Header.Set("Authorization", "Bearer "+p.Token)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.Less(t, res.StatusCode, 300)
		require.NoError(t, res.Body.Close())
	}
}
