package gateway

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/aictl/aictl/internal/ai"
)

// everything is the gateway with all of its work switched on.
func everything(b *testing.B, ups ...Upstream) *Gateway {
	p := chatPolicy()
	p.Concurrency, p.FirstByte = 1000, 5*time.Second
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.TraceIDRatioBased(0.01)))
	b.Cleanup(func() { _ = tp.Shutdown(context.Background()) })
	return chat(b, Options{
		Authorize: func(context.Context, string, string) error { return nil },
		Rates:     RateFunc(func(context.Context, string, string, string) error { return nil }),
		Budget:    BudgetFunc(func(context.Context, string, *ai.Call) (func(*ai.Usage), error) { return func(*ai.Usage) {}, nil }),
		Logger:    slog.New(slog.DiscardHandler),
		Tracer:    tp.Tracer("gateway"),
		Metrics:   prometheus.NewRegistry(),
	}, p, ups...)
}

// load makes calls over conns keep-alive connections with a client that costs
// little, so that the figures are the servers', and gives calls a second.
func load(b *testing.B, addr string, conns int, d time.Duration) float64 {
	b.Helper()
	request := []byte("POST /complete HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	var total int64
	var mu sync.Mutex
	var group sync.WaitGroup
	begin := time.Now()
	for range conns {
		group.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			r := bufio.NewReader(c)
			n := int64(0)
			for time.Since(begin) < d {
				if _, err := c.Write(request); err != nil {
					b.Error(err)
					return
				}
				resp, err := http.ReadResponse(r, nil)
				if err != nil || resp.StatusCode != 200 {
					b.Error(err, resp)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				n++
			}
			mu.Lock()
			defer mu.Unlock()
			total += n
		})
	}
	group.Wait()
	return float64(total) / time.Since(begin).Seconds()
}

// firstToken gives the 99th percentile of the time to the first event.
func firstToken(b *testing.B, url string) time.Duration {
	b.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	var took []time.Duration
	for range 300 {
		begin := time.Now()
		req, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader("{}"))
		req.Header.Set("Accept", "text/event-stream")
		resp, err := tr.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = resp.Body.Read(make([]byte, 1))
		took = append(took, time.Since(begin))
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// BenchmarkGateway prints the figures side by side, taken in turns in one run:
// go test -run ^$ -bench Gateway -benchtime 1x ./internal/ai/gateway
func BenchmarkGateway(b *testing.B) {
	one := httptest.NewServer(http.HandlerFunc(good))
	up := upstreamAt(b, one.URL, one.Close)
	target, _ := url.Parse(one.URL)
	rp := httputil.NewSingleHostReverseProxy(target)
	rp.Transport = &http.Transport{MaxIdleConnsPerHost: 1024}
	payload := []byte(answer)
	builtin := everything(b, Builtin(service(func(context.Context, ai.Call) (*ai.Reply, error) {
		return &ai.Reply{ContentType: "application/json", Chunks: ai.Once(payload), Length: int64(len(payload))}, nil
	})))
	bare := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(payload)
	}
	g := everything(b, up)
	servers := map[string]*httptest.Server{
		"direct": one, "proxy": httptest.NewServer(rp), "gateway": httptest.NewServer(serve(g, false)),
		"bare": httptest.NewServer(http.HandlerFunc(bare)), "builtin": httptest.NewServer(serve(builtin, false)),
		"stream": httptest.NewServer(serve(g, true)),
	}
	for name, s := range servers {
		if name != "direct" {
			defer s.Close()
		}
	}
	rate := map[string]float64{}
	b.ResetTimer()
	for range b.N {
		for range 3 {
			for _, name := range []string{"direct", "proxy", "gateway", "bare", "builtin"} {
				rate[name] = max(rate[name], load(b, servers[name].Listener.Addr().String(), 64, 500*time.Millisecond))
			}
		}
	}
	added := firstToken(b, servers["stream"].URL) - firstToken(b, one.URL)
	b.ReportMetric(rate["gateway"]/rate["proxy"], "gateway/proxy")
	b.ReportMetric(rate["builtin"]/rate["bare"], "builtin/bare")
	b.ReportMetric(float64(added.Microseconds()), "µs-first-token-p99")
	b.Logf("\n| 1 kB chat call, 64 connections | calls/s | ratio | goal |\n|---|---|---|---|\n"+
		"| direct | %.0f | | |\n| bare ReverseProxy | %.0f | 1 | |\n| gateway, everything on | %.0f | %.2f | 0.75 |\n"+
		"| bare handler | %.0f | 1 | |\n| gateway, builtin operation | %.0f | %.2f | 0.50 |\n| first token added, p99 | %s | | 2 ms |",
		rate["direct"], rate["proxy"], rate["gateway"], rate["gateway"]/rate["proxy"],
		rate["bare"], rate["builtin"], rate["builtin"]/rate["bare"], added)
	rp.Transport.(*http.Transport).CloseIdleConnections()
}
