//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/elastic"
	"github.com/aictl/aictl/test/testbed"
)

// The chaos: a million documents, or AICTL_CHAOS_DOCS, from 8 writers, out of order by up to
// skew, through a proxy that pushes back and resets connections, while the
// stream rolls over and the node is killed.
const (
	chaosWriters = 8
	chaosRate    = 4_000 // documents a second, all writers together
	chaosSkew    = 30 * time.Second
	chaosHold    = 40 * time.Second
	chaosBulk    = 250
	// What the order of chaosHold at chaosRate needs, and a restart's backlog.
	chaosHeld = 192 << 20
)

// chaosDocs is how many documents an engine gets: Elasticsearch a million, as
// PLATFORM.md asks, and OpenSearch, which answers by the same adapter, a share.
func chaosDocs(t testing.TB, kind string) int {
	v := os.Getenv("AICTL_CHAOS_DOCS")
	switch {
	case v == "" && kind == "elasticsearch":
		return 1_000_000
	case v == "":
		return 60_000
	}
	n, err := strconv.Atoi(v)
	require.NoError(t, err, "AICTL_CHAOS_DOCS")
	return n
}

// TestTailChaos: whatever happens on the way, a tail gives every document
// once, in order within its hold, in bounded memory.
func TestTailChaos(t *testing.T) {
	for _, kind := range []string{"elasticsearch", "opensearch"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			start := testbed.StartElasticsearch
			if kind == "opensearch" {
				start = testbed.StartOpenSearch
			}
			tailChaos(t, start(t))
		})
	}
}

func tailChaos(t *testing.T, node *testbed.SearchNode) {
	n := chaosDocs(t, node.Kind)
	node.Do(t, http.MethodPut, "/_index_template/chaos", `{"index_patterns":["logs-chaos"],"data_stream":{},"priority":500,
		"template":{"settings":{"number_of_shards":2,"index.unassigned.node_left.delayed_timeout":"0"},"mappings":`+ecsMapping+`}}`)
	faults := testbed.NewFaultProxy(t, node.URL)
	faults.PushBack(50)
	faults.Reset(t, "0.5")
	writers := &chaos{t: t, url: faults.URL, total: n, own: make([]int64, n), acked: make([]int64, n)}

	store, err := elastic.Open(elastic.Options{URLs: []string{faults.URL}, Index: []string{"logs-chaos"}})
	require.NoError(t, err)
	defer store.Close()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	tail := &chaosTail{ids: map[string]bool{}}
	begun := time.Now()
	var running sync.WaitGroup
	running.Go(func() {
		q := logs.Query{From: begun.Add(-time.Hour)}
		for e, err := range logs.Tail(ctx, store, q, logs.TailOptions{Hold: chaosHold, MaxHeldBytes: chaosHeld}) {
			tail.take(e, err)
		}
	})
	writers.run(node)
	wrote := time.Since(begun)
	faults.PushBack(20)

	// The truth, asked of the node itself.
	node.Do(t, http.MethodPost, "/logs-chaos/_refresh", "")
	truth := map[string]bool{}
	direct := openElastic(t, node.URL, "logs-chaos")
	for e, err := range direct.Scan(t.Context(), logs.Query{}) {
		require.NoError(t, err)
		truth[e.ID] = true
	}
	require.GreaterOrEqual(t, len(truth), n)
	testbed.Eventually(t, chaosHold+2*time.Minute, "the tail has everything", func(context.Context) error {
		if got, err := tail.len(); got < len(truth) || err != nil {
			return fmt.Errorf("%d of %d: %w", got, len(truth), err)
		}
		return nil
	})
	stop()
	running.Wait()

	got := slices.Sorted(maps.Keys(tail.ids))
	want := slices.Sorted(maps.Keys(truth))
	require.True(t, slices.Equal(want, got), "emitted %d, indexed %d", len(got), len(want))
	require.Zero(t, tail.doubles, "doubles")
	require.Zero(t, tail.disorder, "entries out of order that were not marked late")
	require.Empty(t, tail.gaps)
	read, catching := 0, time.Now()
	for position := logs.Position(nil); ; {
		b, err := direct.Next(t.Context(), logs.Query{Limit: 1000}, position)
		require.NoError(t, err)
		position, read = b.Next, read+len(b.Entries)
		if !b.More {
			break
		}
	}
	require.Equal(t, len(truth), read)
	t.Logf("reading up: %.0f documents/s", float64(read)/time.Since(catching).Seconds())
	limit := uint64(chaosHeld + 256<<20 + 300*n) // the test's own books grow with n
	require.Less(t, tail.heap, limit, "heap")
	t.Logf("%s: %d documents written in %s (%.0f/s) and followed in %s; %d late, %d notices, %d answers of 429, %d node restarts, heap at most %d MiB",
		node.Kind, n, wrote.Round(time.Second), float64(n)/wrote.Seconds(), tail.last.Sub(begun).Round(time.Second),
		len(tail.late), tail.notices, faults.Pushed(), writers.restarts, tail.heap>>20)
	t.Run("in time", func(t *testing.T) { // apart: .ci/gotest forgives these
		for _, i := range tail.late {
			require.Greater(t, writers.visible(i), chaosHold, "document %d came in time and was marked late", i)
		}
	})
}

// chaosTail is what came out of a tail.
type chaosTail struct {
	mu                         sync.Mutex // guards all below
	ids                        map[string]bool
	doubles, disorder, notices int
	late                       []int
	gaps                       []api.LogGap
	previous                   api.LogEntry
	last                       time.Time
	heap                       uint64
	err                        error
}

func (c *chaosTail) len() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ids), c.err
}

func (c *chaosTail) take(e api.LogEvent, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		if !errors.Is(err, context.Canceled) {
			c.err = err
		}
	case e.Type == "gap":
		c.gaps = append(c.gaps, *e.Gap)
	case e.Type == "notice":
		c.notices++
	case e.Type == "entry":
		if c.ids[e.Entry.ID] {
			c.doubles++
		}
		c.ids[e.Entry.ID] = true
		if e.Late {
			var doc struct{ N int }
			_ = json.Unmarshal(e.Entry.Fields, &doc)
			c.late = append(c.late, doc.N)
		} else {
			if logs.Compare(&c.previous, e.Entry) > 0 {
				c.disorder++
			}
			c.previous = *e.Entry
		}
		c.last = time.Now()
		if len(c.ids)%2000 == 0 {
			sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
			metrics.Read(sample)
			c.heap = max(c.heap, sample[0].Value.Uint64())
		}
	}
}

// chaos writes.
type chaos struct {
	t     *testing.T
	url   string
	total int
	done  atomic.Int64
	// By document, in Unix nanoseconds: its own time, and its acknowledgement.
	own, acked []int64
	outages    [][2]time.Time // of the node: killed, and up again
	restarts   int
}

// chaosRefresh is how long after its acknowledgement a document may become
// visible: the engine's refresh each second, on a busy machine.
const chaosRefresh = 3 * time.Second

// visible is how long after its own time document i could be seen at the
// latest. What was acknowledged and not refreshed when the node was killed is
// seen when the node is back.
func (c *chaos) visible(i int) time.Duration {
	at := time.Unix(0, c.acked[i])
	for _, down := range c.outages {
		if at.Add(chaosRefresh).After(down[0]) && at.Before(down[1]) {
			at = down[1]
		}
	}
	return at.Add(chaosRefresh).Sub(time.Unix(0, c.own[i]))
}

func (c *chaos) restart(node *testbed.SearchNode) {
	killed := time.Now()
	node.Kill()
	node.Start(c.t)
	c.outages = append(c.outages, [2]time.Time{killed, time.Now()})
	c.restarts++
}

func (c *chaos) run(node *testbed.SearchNode) {
	begun := time.Now()
	var writing sync.WaitGroup
	failures := make(chan error, chaosWriters)
	for w := range chaosWriters {
		writing.Go(func() {
			if err := c.writer(w, begun); err != nil {
				failures <- err
			}
		})
	}
	finished := make(chan struct{})
	go func() { writing.Wait(); close(finished) }()
	// By progress, so that any size has them all.
	for _, step := range []struct {
		at   float64
		what func()
	}{
		{0.15, func() { node.Do(c.t, http.MethodPost, "/logs-chaos/_rollover", "") }},
		{0.35, func() { c.restart(node) }},
		{0.6, func() { node.Do(c.t, http.MethodPost, "/logs-chaos/_rollover", "") }},
		{0.8, func() { c.restart(node) }},
	} {
		testbed.Eventually(c.t, 20*time.Minute, "the writers get on", func(context.Context) error {
			select {
			case err := <-failures:
				c.t.Fatalf("a writer failed: %v", err)
			default:
			}
			if got := float64(c.done.Load()) / float64(c.total); got < step.at {
				return fmt.Errorf("%.0f%% written", got*100)
			}
			return nil
		})
		step.what()
	}
	<-finished
	select {
	case err := <-failures:
		c.t.Fatalf("a writer failed: %v", err)
	default:
	}
}

// writer is one of the writers; it keeps the rate.
func (c *chaos) writer(w int, begun time.Time) error {
	r := rand.New(rand.NewPCG(uint64(w), 3))
	for from := w * chaosBulk; from < c.total; from += chaosWriters * chaosBulk {
		time.Sleep(time.Until(begun.Add(time.Duration(from) * time.Second / chaosRate)))
		if err := c.write(r, from, min(from+chaosBulk, c.total)); err != nil {
			return err
		}
	}
	return nil
}

// write indexes documents until each is acknowledged. What is there already
// (409) was acknowledged in an answer that got lost.
func (c *chaos) write(r *rand.Rand, from, to int) error {
	left := make([]int, 0, to-from)
	times := map[int]time.Time{}
	for i := from; i < to; i++ {
		at := time.Now().Add(-time.Duration(r.Int64N(int64(chaosSkew))))
		if i%3 == 0 {
			at = at.Truncate(time.Second) // many at one instant
		}
		times[i], left = at, append(left, i)
	}
	deadline := time.Now().Add(3 * time.Minute)
	for len(left) > 0 {
		var bulk bytes.Buffer
		for _, i := range left {
			fmt.Fprintf(&bulk, `{"create":{"_id":"%d"}}`+"\n", i)
			fmt.Fprintf(&bulk, `{"@timestamp":%q,"message":"document %d of the chaos","log.level":"info","service.name":"chaos","n":%d}`+"\n",
				times[i].UTC().Format(time.RFC3339Nano), i, i)
		}
		statuses, err := c.bulk(&bulk)
		if err == nil && len(statuses) != len(left) {
			return fmt.Errorf("%d answers to %d documents", len(statuses), len(left))
		}
		var again []int
		for j, i := range left {
			switch {
			case err != nil, statuses[j] == 429, statuses[j] >= 500:
				again = append(again, i)
			case statuses[j] < 300, statuses[j] == 409:
				c.own[i], c.acked[i] = times[i].UnixNano(), time.Now().UnixNano()
				c.done.Add(1)
			default:
				return fmt.Errorf("document %d: status %d", i, statuses[j])
			}
		}
		if left = again; len(left) > 0 {
			if time.Now().After(deadline) {
				return fmt.Errorf("%d documents are not taken: %w", len(left), err)
			}
			time.Sleep(time.Duration(50+r.IntN(150)) * time.Millisecond)
		}
	}
	return nil
}

func (c *chaos) bulk(body io.Reader) ([]int, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/logs-chaos/_bulk", body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, errors.New(res.Status)
	}
	var answer struct {
		Items []map[string]struct {
			Status int `json:"status"`
		} `json:"items"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	var out []int
	for _, item := range answer.Items {
		for _, result := range item {
			out = append(out, result.Status)
		}
	}
	return out, nil
}

// TestCursorSurvivesKill: `aictl logs -f --cursor` is killed three times while
// documents arrive, and with a fourth start has given every id, each once
// after removing the doubles of the kills. Its resident memory stays bounded.
func TestCursorSurvivesKill(t *testing.T) {
	node := testbed.StartElasticsearch(t)
	node.Do(t, http.MethodPut, "/_index_template/chaos", `{"index_patterns":["logs-chaos"],"data_stream":{},"priority":500,
		"template":{"settings":{"number_of_shards":2},"mappings":`+ecsMapping+`}}`)
	home, env := testbed.Home(t, testbed.Binaries(t))
	require.NoError(t, os.MkdirAll(filepath.Join(home, "config", "aictl"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, "config", "aictl", "config.yaml"), []byte(
		"current_context: direct\ncontexts:\n  - name: direct\n    backends:\n      elasticsearch:\n        url: "+node.URL+"\n        index: logs-chaos\n"), 0o600))

	const n = 30_000
	writers := &chaos{t: t, url: node.URL, total: n, own: make([]int64, n), acked: make([]int64, n)}
	var writing sync.WaitGroup
	failures := make(chan error, chaosWriters)
	for w := range chaosWriters {
		writing.Go(func() { failures <- writers.writer(w, time.Now()) })
	}
	testbed.Eventually(t, 30*time.Second, "something is written", func(context.Context) error {
		if writers.done.Load() == 0 {
			return errors.New("nothing yet")
		}
		return nil
	})
	ids, lines := map[string]bool{}, 0
	var peak int
	for kill := range 4 {
		enough := (kill + 1) * n / 5
		if kill == 3 {
			enough = n
		}
		got, rss := followUntil(t, env, filepath.Join(home, "place"), ids, enough)
		lines, peak = lines+got, max(peak, rss)
	}
	writing.Wait()
	for range chaosWriters {
		require.NoError(t, <-failures)
	}
	truth := map[string]bool{}
	for e, err := range openElastic(t, node.URL, "logs-chaos").Scan(t.Context(), logs.Query{}) {
		require.NoError(t, err)
		truth[e.ID] = true
	}
	require.True(t, maps.Equal(truth, ids), "given %d, indexed %d", len(ids), len(truth))
	require.Less(t, peak, 256<<10, "resident memory in KiB")
	t.Logf("%d ids in %d lines over three kills, at most %d MiB resident", len(ids), lines, peak>>10)
	t.Run("in time", func(t *testing.T) { // apart: .ci/gotest forgives these
		// A kill repeats what was held back (2 s) and what came since the place was
		// written last, at the rate of the writers.
		require.Less(t, lines, n+3*5*chaosRate, "lines")
	})
}

// followUntil follows until there are enough ids, and kills the process. It
// adds the ids of the whole lines, and gives how many those were and the
// process's greatest resident memory in KiB.
func followUntil(t *testing.T, env []string, cursor string, ids map[string]bool, enough int) (lines, rss int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	bin := filepath.Join(testbed.Binaries(t), "aictl")
	cmd := exec.CommandContext(ctx, bin, "logs", "-f", "--since", "1h", "--hold", "2s", "--cursor", cursor, "-o", "jsonl")
	cmd.Env = env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	scanner := bufio.NewScanner(stdout)
	scanner.Buffer(nil, 1<<20)
	done := false
	for scanner.Scan() {
		var e struct {
			Entry struct{ ID string }
		}
		if json.Unmarshal(scanner.Bytes(), &e) != nil || e.Entry.ID == "" {
			continue
		}
		ids[e.Entry.ID] = true
		lines++
		if !done && len(ids) >= enough {
			done = true
			rss = residentPeak(t, cmd.Process.Pid)
			require.NoError(t, cmd.Process.Kill()) // what is in the pipe still comes
		}
	}
	_ = cmd.Wait() // killed
	require.True(t, done, "it ended by itself after %d entries: %s", lines, stderr.String())
	return lines, rss
}

// residentPeak is a process's greatest resident memory in KiB.
func residentPeak(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			return kib
		}
	}
	t.Fatal("the system does not say how much memory a process has used")
	return 0
}
