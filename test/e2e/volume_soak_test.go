//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// soakFor is how long the soak lasts: a minute finds what leaks with every
// call, AICTL_SOAK=30m what the memory does in the long run.
func soakFor(t testing.TB) time.Duration {
	v := os.Getenv("AICTL_SOAK")
	if v == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(v)
	require.NoError(t, err, "AICTL_SOAK")
	return d
}

// TestSoak: under a mixed load, with callers that leave and an upstream that
// fails now and then, what the server holds does not grow.
func TestSoak(t *testing.T) {
	long := soakFor(t)
	up := newUpstream(t)
	up.pace.Store(int64(2 * time.Millisecond))
	up.setFault(func(w http.ResponseWriter, _ *http.Request, ask question) bool {
		switch rand.IntN(50) {
		case 0:
			http.Error(w, `{"error":{"message":"overloaded"}}`, http.StatusServiceUnavailable)
			return true
		case 1:
			return cutAfter(w, ask, rand.Float64(), rand.IntN(2) == 0)
		}
		return false
	})
	server := startServer(t, config{providers: []provider{{name: "main", url: up.URL}}, noBreaker: true})
	a := newAsker(t, server.url, server.token, "echo-model")
	ctx, stop := context.WithTimeout(t.Context(), long)
	defer stop()

	var calls, left, failed atomic.Int64
	var bad faults
	one := func(n int) {
		id := fmt.Sprintf("s%d", n)
		switch n % 10 {
		case 0, 1: // a caller that leaves
			leaving, cancel := context.WithTimeout(ctx, time.Duration(1+rand.IntN(40))*time.Millisecond)
			defer cancel()
			_, _ = a.ask(leaving, id+" 20", true)
			left.Add(1)
		case 2, 3, 4: // a question of the API
			path := []string{
				"/api/v1/logs?limit=20", "/prometheus/api/v1/query?query=up", "/alertmanager/api/v2/alerts", "/v1/models", "/metrics",
			}[n/10%5]
			if err := get(ctx, server, path); err != nil && ctx.Err() == nil {
				bad.add("%s: %v", path, err)
			}
		default:
			stream := n%10 > 6
			r, err := a.ask(ctx, id+" 20", stream)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				bad.add("%s: %v", id, err)
			case r.failed != "":
				failed.Add(1) // the upstream's faults, said
			default:
				if err := r.check(words(id, 20)); stream && err != nil {
					bad.add("%s: %v", id, err)
				}
			}
		}
		calls.Add(1)
	}
	var load sync.WaitGroup
	load.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				load.Go(func() { one(n) })
			}
		}
	})
	held := holdings(ctx, t, server, long)
	load.Wait()
	bad.require(t)
	require.Positive(t, left.Load())
	require.Positive(t, failed.Load())

	rows := fmt.Sprintf("%s: %d calls, %d left by their callers, %d failed by the upstream\n%-12s %10s %10s\n", long, calls.Load(), left.Load(), failed.Load(), "held", "early", "late")
	for _, what := range []string{"goroutines", "sockets", "files", "MiB"} {
		early, late := held[what].early(), held[what].late()
		rows += fmt.Sprintf("%-12s %10.0f %10.0f\n", what, early, late)
		bound := early*1.05 + 20 // calls under way differ by some
		switch {
		case what == "files": // of the stores: parts that are merged in time
			bound = 1000
		case what == "MiB" && long >= 10*time.Minute:
			bound = early * 1.05
		case what == "MiB":
			bound = early * 1.5 // caches fill
		}
		if late > bound {
			bad.add("%s grew from %.0f to %.0f", what, early, late)
		}
	}
	t.Log(rows)
	bad.require(t)
}

func get(ctx context.Context, s *server, path string) error {
	body, err := fetch(ctx, s, path)
	if err == nil && len(body) == 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

func fetch(ctx context.Context, s *server, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	return body, err
}

// samples are what was held at one moment after another.
type samples []float64

func (s samples) early() float64 { return median(s[len(s)/4 : len(s)/2]) } // after the warm-up
func (s samples) late() float64  { return median(s[len(s)*3/4:]) }

func median(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

// holdings samples what the server holds until ctx ends, a hundred times.
func holdings(ctx context.Context, t *testing.T, s *server, long time.Duration) map[string]samples {
	t.Helper()
	out := map[string]samples{}
	tick := time.NewTicker(long / 100)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return out
		case <-tick.C:
		}
		text, err := fetch(ctx, s, "/metrics")
		if ctx.Err() != nil {
			return out
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "go_goroutines "); ok {
				n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				require.NoError(t, err)
				out["goroutines"] = append(out["goroutines"], n)
			}
		}
		dir := fmt.Sprintf("/proc/%d/fd", s.process.PID())
		open, err := os.ReadDir(dir)
		require.NoError(t, err)
		sockets := 0
		for _, fd := range open {
			if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && strings.HasPrefix(to, "socket:") {
				sockets++
			}
		}
		out["sockets"], out["files"] = append(out["sockets"], float64(sockets)), append(out["files"], float64(len(open)-sockets))
		out["MiB"] = append(out["MiB"], testbed.OwnMiB(t, s.process.PID()))
	}
}
