//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// BenchmarkTable measures the real binaries beside their peers in one run, and
// prints the README's table. `make bench` runs it.
func BenchmarkTable(b *testing.B) {
	rows := []string{"| what | aictl | peer | ratio |", "|---|---|---|---|"}
	row := func(what, ours, peer, ratio string) {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", what, ours, peer, ratio))
	}

	aictl := filepath.Join(testbed.Binaries(b), "aictl")
	_, env := testbed.Home(b, testbed.Binaries(b))
	kubectl := strings.TrimSpace(testbed.Run(b, exec.CommandContext(b.Context(), filepath.Join(testbed.Root(b), ".ci", "tool"), "kubectl", "--path")))
	for _, pair := range []struct {
		what        string
		ours, peers []string
	}{
		{"`version`, whole process, against `kubectl version --client`", []string{"version"}, []string{"version", "--client"}},
		{"`--help`, whole process, against kubectl's", []string{"--help"}, []string{"--help"}},
		{"`__complete`, whole process, against kubectl's", []string{"__complete", "ver"}, []string{"__complete", "ver"}},
	} {
		ours, peer := startUp(b, env, aictl, pair.ours), startUp(b, env, kubectl, pair.peers)
		row(pair.what, ms(ours), ms(peer), fmt.Sprintf("%.2f", float64(ours)/float64(peer)))
	}

	up := newUpstream(b)
	target, err := url.Parse(up.URL)
	require.NoError(b, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	})
	defer proxy.Close()
	server := startServer(b, config{providers: []provider{{name: "main", url: up.URL}}})
	askers := map[string]*asker{
		"direct":  newAsker(b, up.URL, "none", "echo-model"),
		"proxy":   newAsker(b, proxy.URL, "none", "echo-model"),
		"gateway": newAsker(b, server.url, server.token, "echo-model"),
	}
	// Interleaved, the best of three: another process' noise hits all alike.
	best := map[string]float64{}
	for range 3 {
		for name, a := range askers {
			best[name] = max(best[name], throughput(b, a))
		}
	}
	row("chat call to an upstream, 64 connections, against a bare `ReverseProxy`",
		fmt.Sprintf("%.0f/s", best["gateway"]), fmt.Sprintf("%.0f/s", best["proxy"]), fmt.Sprintf("%.2f", best["gateway"]/best["proxy"]))

	first := map[string]time.Duration{}
	for _, name := range []string{"direct", "gateway"} {
		first[name] = firstToken(b, askers[name])
	}
	row("first token of a stream at 200/s, p99, against direct",
		ms(first["gateway"]), ms(first["direct"]), fmt.Sprintf("+%s", ms(first["gateway"]-first["direct"])))
	b.Logf("\n%s", strings.Join(rows, "\n"))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// startUp is the median wall time of 31 runs of a whole process.
func startUp(b *testing.B, env []string, path string, args []string) time.Duration {
	b.Helper()
	var took []time.Duration
	for range 31 {
		cmd := exec.CommandContext(b.Context(), path, args...)
		cmd.Env = env
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		start := time.Now()
		err := cmd.Run()
		took = append(took, time.Since(start))
		require.NoError(b, err, out.String())
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// throughput is the plain calls a second of 64 callers over two seconds.
func throughput(b *testing.B, a *asker) float64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Second)
	defer cancel()
	var calls atomic.Int64
	var bad faults
	var callers sync.WaitGroup
	start := time.Now()
	for range 64 {
		callers.Go(func() {
			for ctx.Err() == nil {
				r, err := a.ask(ctx, "b 150", false)
				switch {
				case ctx.Err() != nil:
				case err != nil || !r.done:
					bad.add("%v %s", err, r.failed)
				default:
					calls.Add(1)
				}
			}
		})
	}
	callers.Wait()
	require.Zero(b, bad.count, "%v", bad.first)
	return float64(calls.Load()) / time.Since(start).Seconds()
}

// firstToken is the 99th percentile of the time to the first byte of a
// stream's body, at 200 streams a second, open loop, for five seconds.
func firstToken(b *testing.B, a *asker) time.Duration {
	b.Helper()
	const n = 1000
	took := make([]time.Duration, n)
	var bad faults
	var streams sync.WaitGroup
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	body := encode(map[string]any{"model": a.model, "stream": true, "messages": []any{map[string]any{"role": "user", "content": "b 20"}}})
	for i := range n {
		<-tick.C
		start := time.Now()
		streams.Go(func() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, a.url+"/v1/chat/completions", bytes.NewReader(body))
			if err != nil {
				bad.add("%v", err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+a.token)
			req.Header.Set("Content-Type", "application/json")
			res, err := a.http.Do(req)
			if err != nil {
				bad.add("%v", err)
				return
			}
			defer res.Body.Close()
			if _, err := res.Body.Read(make([]byte, 1)); err != nil || res.StatusCode != http.StatusOK {
				bad.add("status %d: %v", res.StatusCode, err)
			}
			took[i] = time.Since(start)
			r := result{}
			if err := r.readEvents(res.Body); err != nil {
				bad.add("%v", err)
			}
		})
	}
	streams.Wait()
	require.Zero(b, bad.count, "%v", bad.first)
	slices.Sort(took)
	return took[n*99/100]
}
