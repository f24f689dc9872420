//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/test/testbed"
)

const (
	reloads       = 40
	reloadWorkers = 64

	// loaded is when the configuration in force was loaded.
	loaded = "aictl_config_last_reload_success_timestamp_seconds"
)

// TestReloadDropsNothing changes the configuration file and sends SIGHUP, forty
// times, while plain and streamed calls run. Each change moves all calls from
// one upstream to the other, so that a reload that does nothing is seen. Files
// that are wrong name a third upstream, which no call may ever reach. Every
// call is whole.
func TestReloadDropsNothing(t *testing.T) {
	a, b, never := newUpstream(t), newUpstream(t), newUpstream(t)
	for _, up := range []*upstream{a, b} {
		up.pace.Store(int64(5 * time.Millisecond))
	}
	cfg := func(up *upstream) config {
		return config{providers: []provider{{name: "main", url: up.URL}}}
	}
	s := startServer(t, cfg(a))
	load := startReloadLoad(t, newAsker(t, s.url, s.token, "echo-model"))
	wrong := map[int]struct{ file, said string }{
		10: {strings.Replace(string(cfg(never).yaml()), `"limits":{`, `"limits":{"concurrency":"many",`, 1), "limits.concurrency"},
		20: {string(cfg(never).yaml()[:40]), "server.yaml:1: is not valid YAML"},
		30: {strings.Replace(string(cfg(never).yaml()), `"limits":{`, `"limits":{"burts":1,`, 1), "burts"},
	}
	current, other := a, b
	for round := range reloads {
		if w, is := wrong[round]; is {
			before := metric(t, s, loaded)
			line := s.reload(t, []byte(w.file), "the configuration was not reloaded: the old one stays")
			require.Contains(t, line, `"log.level":"error"`)
			require.Contains(t, line, w.said, "what is wrong with it")
			require.Equal(t, "0", metric(t, s, "aictl_config_last_reload_successful"))
			require.Equal(t, before, metric(t, s, loaded), "the time of the configuration in force")
			gets(t, current, "the upstream that stays")
			continue
		}
		current, other = other, current
		next := cfg(current)
		next.concurrent = 200 + round
		line := s.reload(t, next.yaml(), "the configuration was reloaded")
		require.Contains(t, line, `"log.level":"info"`)
		require.Equal(t, "1", metric(t, s, "aictl_config_last_reload_successful"))
		gets(t, current, "the upstream of the new file")
	}
	// What the last file names gets all of them: the calls of the one before end.
	testbed.Eventually(t, 30*time.Second, "the calls have moved", func(ctx context.Context) error {
		before := other.calls.Load()
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
		if n := other.calls.Load() - before; n > 0 {
			return fmt.Errorf("the upstream of the file before got %d more", n)
		}
		return nil
	})
	calls := load.end(t)
	require.NoError(t, s.process.Exited())
	require.Zero(t, never.calls.Load(), "a file that was refused came into force")
	require.Equal(t, calls, a.calls.Load()+b.calls.Load(), "one upstream call each")
	t.Logf("%d calls, %d of one upstream and %d of the other, over %d reloads: none dropped", calls, a.calls.Load(), b.calls.Load(), reloads)

	changes, err := api.AuditLog.Call(t.Context(), s.client, api.AuditFilter{Operation: "settings.reload", Limit: 1000})
	require.NoError(t, err)
	recorded := 0
	for _, c := range changes {
		if c.Phase == "intent" {
			require.Contains(t, c.Target, "chat.upstreams")
			require.Contains(t, c.Target, "limits.concurrency")
			recorded++
		}
	}
	require.Equal(t, reloads-len(wrong), recorded, "reloads on the record")
	limitsAreReloaded(t, s, cfg(current))
}

// limitsAreReloaded sets a rate limit by a reload and takes it away again.
func limitsAreReloaded(t *testing.T, s *server, cfg config) {
	t.Helper()
	ask := newAsker(t, s.url, s.token, "echo-model")
	count := func() (refused int) {
		for i := range 10 {
			r, err := ask.ask(t.Context(), fmt.Sprintf("l%d 1", i), false)
			require.NoError(t, err)
			if r.status == http.StatusTooManyRequests {
				refused++
			}
		}
		return refused
	}
	require.Zero(t, count())
	var doc map[string]any
	require.NoError(t, json.Unmarshal(cfg.yaml(), &doc))
	doc["limits"] = map[string]any{"rps": 0.01, "burst": 2}
	s.reload(t, encode(doc), "the configuration was reloaded")
	require.GreaterOrEqual(t, count(), 8, "ten calls at a limit of two")
	s.reload(t, cfg.yaml(), "the configuration was reloaded")
	require.Zero(t, count(), "the limit is gone")
}

// reload puts a file in the place of the configuration, sends SIGHUP, and gives
// the line of the log that says how it went, which is to hold said.
func (s *server) reload(t *testing.T, file []byte, said string) string {
	t.Helper()
	const about = "the configuration was "
	before := strings.Count(s.process.Output(), about)
	require.NoError(t, os.WriteFile(s.file+".new", file, 0o600))
	require.NoError(t, os.Rename(s.file+".new", s.file)) // nobody reads half of it
	require.NoError(t, syscall.Kill(s.process.PID(), syscall.SIGHUP))
	var line string
	testbed.Eventually(t, 30*time.Second, "the log says how the reload went", func(context.Context) error {
		out := s.process.Output()
		if strings.Count(out, about) <= before || !strings.HasSuffix(out, "\n") {
			return errors.Join(errors.New("it says nothing"), s.process.Exited())
		}
		for l := range strings.Lines(out) {
			if strings.Contains(l, about) {
				line = l
			}
		}
		return nil
	})
	require.Contains(t, line, said)
	return line
}

// gets waits until an upstream gets calls that began now.
func gets(t *testing.T, up *upstream, what string) {
	t.Helper()
	before := up.calls.Load()
	testbed.Eventually(t, 30*time.Second, what+" gets calls", func(context.Context) error {
		if up.calls.Load() <= before {
			return errors.New("it gets none")
		}
		return nil
	})
}

// metric is the value of a metric without labels.
func metric(t testing.TB, s *server, name string) string {
	t.Helper()
	for line := range strings.Lines(s.get(t, "/metrics")) {
		if value, is := strings.CutPrefix(line, name+" "); is {
			return strings.TrimSpace(value)
		}
	}
	require.FailNow(t, "there is no such metric", name)
	return ""
}

// reloadLoad is callers that ask until they are told to end, every other one
// for a stream.
type reloadLoad struct {
	bad     faults
	sent    atomic.Int64
	over    atomic.Bool
	callers sync.WaitGroup
}

func startReloadLoad(t *testing.T, a *asker) *reloadLoad {
	t.Helper()
	l := &reloadLoad{}
	for w := range reloadWorkers {
		l.callers.Go(func() {
			for !l.over.Load() {
				i := l.sent.Add(1)
				r, err := a.ask(t.Context(), fmt.Sprintf("s%d %d", i, streamWords), w%2 == 0)
				if err == nil {
					err = r.check(words(fmt.Sprintf("s%d", i), streamWords))
				}
				if err != nil || !r.done {
					l.bad.add("call %d (streamed %v): %v (status %d, %s)", i, w%2 == 0, err, r.status, r.failed)
				}
			}
		})
	}
	t.Cleanup(func() { // where the test ends before its load
		l.over.Store(true)
		l.callers.Wait()
	})
	return l
}

// end ends the callers, requires that none was dropped, and gives how many
// calls there were.
func (l *reloadLoad) end(t *testing.T) int64 {
	t.Helper()
	l.over.Store(true)
	l.callers.Wait()
	l.bad.require(t)
	return l.sent.Load()
}
