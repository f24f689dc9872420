package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func body(kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, text)
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func silentStream(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, ": working\n\n")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func cutPlain(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, `{"a":`)
}

func TestEveryCallSucceedsByTheSecondTarget(t *testing.T) {
	faults := map[string]http.HandlerFunc{
		"500": status(500), "502": status(502), "503": status(503), "401": status(401),
		"429": status(429), "429 with Retry-After": status(429, "Retry-After", "1"), "redirect": status(302, "Location", "/"),
		"RST": reset, "hang": hang, "HTML": body("text/html", "<html>"), "garbage": body("application/json", "{{{{"),
		"empty stream": body("text/event-stream", ""), "endless event": body("text/event-stream", "data: x"),
		"silent stream": silentStream, "cut": cutPlain,
		"error as first event": body("text/event-stream", "data: {\"error\":{}}\n\n"),
	}
	for name, fault := range faults {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprint(name, "/", stream), func(t *testing.T) {
				t.Parallel()
				g := chat(t, Options{}, chatPolicy(), upstream(t, fault), upstream(t, good))
				for range 8 {
					got, err := collect(t.Context(), g, ask(stream))
					require.NoError(t, err)
					require.Contains(t, got, `"completion_tokens":4`)
				}
			})
		}
	}
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		p := chatPolicy()
		p.Idempotent = false // nothing was sent: it may go on all the same
		g := chat(t, Options{}, p, upstreamAt(t, "http://"+l.Addr().String(), func() {}), upstream(t, good))
		_, err = collect(t.Context(), g, ask(true))
		require.NoError(t, err)
	})
}

func TestWhatIsNotIdempotentIsSentOnce(t *testing.T) {
	var sent atomic.Int64
	p := chatPolicy()
	p.Idempotent = false
	g := chat(t, Options{}, p, upstream(t, func(w http.ResponseWriter, _ *http.Request) { sent.Add(1); w.WriteHeader(503) }), upstream(t, good))
	_, err := collect(t.Context(), g, ask(false))
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.EqualValues(t, 1, sent.Load())
}

func TestClientErrorsPassThrough(t *testing.T) {
	g := chat(t, Options{}, chatPolicy(), upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"error":{"message":"bad"}}`)
	}), upstream(t, good))
	r, err := g.Do(t.Context(), ask(true))
	require.NoError(t, err)
	require.Equal(t, 400, r.Status)
	for b, err := range r.Chunks {
		require.NoError(t, err)
		require.Contains(t, string(b), "bad")
	}
}

func TestRetriesAreBudgeted(t *testing.T) {
	var sent atomic.Int64
	g := chat(t, Options{Breaker: BreakerOptions{Failures: 1 << 30, Ratio: 2}}, chatPolicy(),
		upstream(t, func(w http.ResponseWriter, _ *http.Request) { sent.Add(1); w.WriteHeader(503) }))
	const calls = 200
	for range calls {
		_, err := collect(t.Context(), g, ask(false))
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	}
	require.LessOrEqual(t, sent.Load(), int64(calls+calls/5+10))
}

func TestRetryAfterAndBreakerKeepCallsAway(t *testing.T) {
	var sent atomic.Int64
	count := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { sent.Add(1); h(w, r) }
	}
	g := chat(t, Options{}, chatPolicy(), upstream(t, count(status(429, "Retry-After", "30"))))
	for range 5 {
		_, err := collect(t.Context(), g, ask(false))
		require.Error(t, err)
		require.Greater(t, fail.RetryAfter(err), 20*time.Second)
	}
	require.EqualValues(t, 1, sent.Load())

	sent.Store(0)
	g = chat(t, Options{}, chatPolicy(), upstream(t, count(status(500))))
	for range 30 {
		_, err := collect(t.Context(), g, ask(false))
		require.Error(t, err)
	}
	require.EqualValues(t, 5, sent.Load())
	require.Equal(t, "open", g.ListTargets("chat")[0].Breaker)
}

// answers is an upstream that counts.
type answers struct{ n atomic.Int64 }

func (a *answers) Do(context.Context, *ai.Call) (*ai.Reply, error) {
	a.n.Add(1)
	return ai.JSON("x")
}

func TestWeightsReplicasAndReplacement(t *testing.T) {
	ups := []*answers{{}, {}, {}, {}}
	g, err := New(Options{})
	require.NoError(t, err)
	route := func(a, b int) Route {
		return Route{Description: ai.Description{Name: "chat"}, Default: &Policy{}, Tiers: []Tier{{[]Revision{
			{"v1", a, []Replica{{Name: "a", Upstream: ups[0]}, {Name: "b", Upstream: ups[1]}}},
			{"v2", b, []Replica{{Name: "a", Upstream: ups[2]}, {Name: "down", Upstream: ups[3], Ready: func() bool { return false }}}},
		}}}}
	}
	_, err = g.SetRoute(route(9, 1))
	require.NoError(t, err)
	for range 1000 {
		_, err := collect(t.Context(), g, ask(false))
		require.NoError(t, err)
	}
	require.EqualValues(t, 100, ups[2].n.Load())
	require.Zero(t, ups[3].n.Load())
	require.InDelta(t, 450, ups[0].n.Load(), 120)
	for i := range 200 { // replaced under load: nothing fails
		drained, err := g.SetRoute(route(i%2, 1-i%2))
		require.NoError(t, err)
		require.NoError(t, drained(t.Context()))
		_, err = collect(t.Context(), g, ask(false))
		require.NoError(t, err)
	}
	r, err := g.Do(t.Context(), ask(false))
	require.NoError(t, err)
	drained := g.RemoveRoute("chat")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.Error(t, drained(ctx))
	for _, err := range r.Chunks {
		require.NoError(t, err)
	}
	require.NoError(t, drained(t.Context()))
	_, err = g.Do(t.Context(), ask(false))
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
}
