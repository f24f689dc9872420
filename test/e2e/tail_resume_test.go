//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/test/testbed"
)

// follower is `aictl logs -f` with a cursor file, as a script starts it.
type follower struct {
	cmd    *exec.Cmd
	events chan api.LogEvent
	said   bytes.Buffer
}

func follow(t *testing.T, bin string, env []string, dir, cursor string, args ...string) *follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	f := &follower{cmd: exec.CommandContext(ctx, bin, append([]string{"logs", "-f", "--cursor", cursor, "-o", "jsonl"}, args...)...), events: make(chan api.LogEvent)}
	f.cmd.Env, f.cmd.Dir, f.cmd.Stderr = env, dir, &f.said
	out, err := f.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, f.cmd.Start())
	go func() {
		defer close(f.events)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e api.LogEvent
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				continue
			}
			select {
			case f.events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); f.kill() })
	return f
}

// kill is kill -9; what it wrote before is dropped.
func (f *follower) kill() {
	_ = f.cmd.Process.Kill()
	for range f.events { // to its end
	}
	_ = f.cmd.Wait()
}

// until reads until every wanted message was seen, and gives the gaps on the way.
func (f *follower) until(t *testing.T, seen map[string]bool, want ...string) (gaps []api.LogGap) {
	t.Helper()
	late := time.After(time.Minute)
	missing := func() string {
		for _, w := range want {
			if !seen[w] {
				return w
			}
		}
		return ""
	}
	for missing() != "" {
		select {
		case e, ok := <-f.events:
			require.True(t, ok, "it ended before %q: %s", missing(), f.said.String())
			switch e.Type {
			case "entry":
				seen[e.Entry.Message] = true
			case "gap":
				gaps = append(gaps, *e.Gap)
			}
		case <-late:
			t.Fatalf("%q was not shown: %s", missing(), f.said.String())
		}
	}
	return gaps
}

// gap waits for one: an index that is away for a moment is none.
func (f *follower) gap(t *testing.T) []api.LogGap {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e, ok := <-f.events:
			require.True(t, ok, "it ended: %s", f.said.String())
			if e.Type == "gap" {
				return []api.LogGap{*e.Gap}
			}
		case <-late:
			return nil
		}
	}
}

func numbered(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("line %d", i))
	}
	return out
}

func bulkOf(service string, messages []string) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, `{"create":{}}`+"\n"+`{"@timestamp":%q,"message":%q,"log.level":"info","service.name":%q}`+"\n", time.Now().UTC().Format(time.RFC3339Nano), m, service)
	}
	return b.String()
}

// TestAGapIsSaidAloud: what was deleted before it was read cannot be shown, and
// the tail that is resumed says so, to programs as an event and to people as a
// sentence, and goes on with what is there.
func TestAGapIsSaidAloud(t *testing.T) {
	node := testbed.StartElasticsearch(t)
	node.Do(t, http.MethodPut, "/_index_template/gap", `{"index_patterns":["logs-gap"],"data_stream":{},"priority":500,"template":{"mappings":`+ecsMapping+`}}`)
	bin := filepath.Join(testbed.Binaries(t), "aictl")
	home, env := testbed.Home(t, testbed.Binaries(t))
	require.NoError(t, os.MkdirAll(filepath.Join(home, "config", "aictl"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, "config", "aictl", "config.yaml"), []byte(
		"current_context: direct\ncontexts:\n  - name: direct\n    backends:\n      elasticsearch:\n        url: "+node.URL+"\n        index: logs-gap\n"), 0o600))
	write := func(from, to int) {
		node.Do(t, http.MethodPost, "/logs-gap/_bulk?refresh=true", bulkOf("shop", numbered(from, to)))
	}
	place, seen := filepath.Join(home, "place"), map[string]bool{}

	write(0, 50)
	f := follow(t, bin, env, home, place, "--since", "1h", "--hold", "1s")
	require.Empty(t, f.until(t, seen, numbered(0, 50)...))
	time.Sleep(3 * time.Second) // the place is on the disk
	f.kill()
	people, err := os.ReadFile(place)
	require.NoError(t, err)

	write(50, 100) // nobody reads these
	backing := strings.Fields(node.Do(t, http.MethodGet, "/_cat/indices/.ds-logs-gap-*?h=index&expand_wildcards=all", ""))
	require.Len(t, backing, 1)
	node.Do(t, http.MethodPost, "/logs-gap/_rollover", "")
	node.Do(t, http.MethodDelete, "/"+backing[0], "")
	write(100, 150)

	f = follow(t, bin, env, home, place, "--hold", "1s")
	gaps := append(f.until(t, seen, numbered(100, 150)...), f.gap(t)...)
	require.NotEmpty(t, gaps, "nothing says that lines are missing: %s", f.said.String())
	require.NotEmpty(t, gaps[0].Reason)
	require.False(t, gaps[0].To.Before(gaps[0].From))
	for _, lost := range numbered(50, 100) {
		require.False(t, seen[lost])
	}
	f.kill()

	// A person is told in words, on stderr.
	require.NoError(t, os.WriteFile(place, people, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "logs", "-f", "--hold", "1s", "--cursor", place)
	cmd.Env = env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // it is killed in the end
	require.Contains(t, errs.String(), "gap: the index "+backing[0]+" was deleted or closed")
	require.Contains(t, out.String(), "line 149")
}

// TestACursorOutlivesThePlatform: on the embedded engine a script's tail is
// killed, the platform is restarted, and the tail that is resumed has every
// line that came meanwhile.
func TestACursorOutlivesThePlatform(t *testing.T) {
	p := testbed.Up(t)
	bin, place, seen := filepath.Join(p.Workspace, "bin", "aictl"), filepath.Join(t.TempDir(), "place"), map[string]bool{}
	write := func(from, to int) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/elasticsearch/_bulk", strings.NewReader(bulkOf("shop", numbered(from, to))))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-ndjson")
		req.Header.Set("Authorization", "Bearer "+p.Token)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	write(0, 100)
	f := follow(t, bin, p.Env, p.Workspace, place, "--service", "shop", "--since", "1h", "--hold", "1s")
	require.Empty(t, f.until(t, seen, numbered(0, 100)...))
	time.Sleep(3 * time.Second) // the place is on the disk
	f.kill()
	write(100, 200)
	p.Run(t, "down")
	p.Run(t, "up", "--listen", strings.TrimPrefix(p.URL, "http://"))
	write(200, 300)
	again := map[string]bool{}
	f = follow(t, bin, p.Env, p.Workspace, place, "--service", "shop", "--hold", "1s")
	require.Empty(t, f.until(t, again, numbered(100, 300)...), "nothing is missing")
	require.Less(t, len(again), 300, "it began where it had stopped, and not at the beginning")
	// The platform goes and comes while the tail runs.
	p.Run(t, "down")
	p.Run(t, "up", "--listen", strings.TrimPrefix(p.URL, "http://"))
	write(300, 400)
	require.Empty(t, f.until(t, again, numbered(300, 400)...))
}
