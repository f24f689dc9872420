package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/sse"
)

func TestEachCallLeavesOneRecord(t *testing.T) {
	var logged bytes.Buffer
	spans := tracetest.NewInMemoryExporter()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	var parent atomic.Value
	reg := prometheus.NewRegistry()
	o := Options{Logger: slog.New(slog.NewJSONHandler(&logged, nil)), Tracer: tp.Tracer("t"), Metrics: reg}
	g := chat(t, o, chatPolicy(), upstream(t, status(500)), upstream(t, func(w http.ResponseWriter, r *http.Request) {
		parent.Store(r.Header.Get("traceparent"))
		good(w, r)
	}))
	const trace = "0af7651916cd43dd8448eb211c80319c"
	call := ask(true)
	call.Header = http.Header{"Traceparent": {"00-" + trace + "-b7ad6b7169203331-01"}}
	_, err := collect(t.Context(), g, call)
	require.NoError(t, err)

	require.Contains(t, parent.Load(), "00-"+trace+"-")
	require.NotContains(t, parent.Load(), "b7ad6b7169203331")
	require.Len(t, spans.GetSpans(), 1)
	require.Equal(t, 1, strings.Count(logged.String(), "\n"))
	var line map[string]any
	require.NoError(t, json.Unmarshal(logged.Bytes(), &line))
	for k, want := range map[string]any{
		"service.name": "chat", "trace.id": trace, "http.response.status_code": 200.0, "aictl.target": "t1",
		"aictl.tries": 2.0, "event.outcome": "success", "url.path": "/chat/complete",
	} {
		require.Equal(t, want, line[k], k)
	}
	got := gather(t, reg)
	for series, want := range map[string]float64{
		"aictl_gateway_requests_total{code=ok,operation=complete,revision=v1,service=chat}": 1,
		"aictl_gateway_retries_total{kind=fallback,service=chat}":                           1,
		"aictl_gateway_tokens_total{direction=input,service=chat}":                          3,
		"aictl_gateway_tokens_total{direction=output,service=chat}":                         4,
		"aictl_gateway_requests_in_flight{}":                                                0,
		"aictl_gateway_queue_depth{operation=complete,service=chat}":                        0,
		"aictl_gateway_first_byte_seconds{operation=complete,revision=v1,service=chat}":     1,
	} {
		value, ok := got[series]
		require.True(t, ok, series)
		require.InDelta(t, want, value, 0, series)
	}
}

// gather gives the value of each series, of a histogram its count.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			out[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

func TestForeignNamesAreNoLabels(t *testing.T) {
	reg := prometheus.NewRegistry()
	g := chat(t, Options{Metrics: reg}, chatPolicy(), &answers{})
	for _, name := range []string{"x", "y", "z"} {
		_, err := g.Do(t.Context(), ai.Call{Service: name, Operation: name})
		require.Equal(t, fail.NotFound, fail.CodeOf(err))
		_, err = g.Do(t.Context(), ai.Call{Service: "chat", Operation: name})
		require.Equal(t, fail.NotFound, fail.CodeOf(err))
	}
	n := 0
	for series := range gather(t, reg) {
		if strings.HasPrefix(series, "aictl_gateway_requests_total") {
			n++
		}
	}
	require.Equal(t, 2, n)
}

func TestStatsForgetAndKeepFewErrors(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := newStats(func() time.Time { return now })
	for i := range 100 {
		s.add(now, time.Duration(i+1)*time.Millisecond, fail.OK, ai.Usage{}, "o", "t", nil)
	}
	for range 50 {
		s.add(now, time.Millisecond, fail.Timeout, ai.Usage{}, "o", "t", fail.Timeout.Err())
	}
	got := s.snapshot()
	require.EqualValues(t, 150, got.Requests)
	require.EqualValues(t, 50, got.Errors)
	require.Len(t, got.RecentErrors, statErrors)
	require.InDelta(t, 98, got.P99.Milliseconds(), 98/4)
	now = now.Add(time.Hour)
	require.Zero(t, s.snapshot().Requests)
	require.EqualValues(t, 150, s.snapshot().TotalRequests)
}

func TestFrames(t *testing.T) {
	err := fail.New(fail.Limited, "slow\ndown")
	for name, frame := range map[string]func(error) []byte{"typed": TypedFrame, "openai": OpenAIFrame} {
		e, ok := sse.Decode(frame(err))
		require.True(t, ok, name)
		require.Equal(t, "error", e.Type)
		var d struct {
			Type, Code string
			Error      *struct{ Message, Type, Code string }
		}
		require.NoError(t, json.Unmarshal(e.Data, &d))
		require.Equal(t, "error", d.Type)
		require.Equal(t, "limited", d.Code)
		require.Equal(t, name == "openai", d.Error != nil)
	}
	require.NotContains(t, string(OpenAIFrame(io.ErrNoProgress)), "multiple Read")
}

func TestAFailingSiblingIsEjected(t *testing.T) {
	bad, fine := upstream(t, status(500)), upstream(t, good)
	g, err := New(Options{Breaker: BreakerOptions{Failures: 1 << 30, Ratio: 2}, RetryBurst: 1000})
	require.NoError(t, err)
	_, err = g.SetRoute(Route{
		Description: ai.Description{Name: "chat"}, Policies: map[string]Policy{"complete": chatPolicy()},
		Tiers: []Tier{{[]Revision{{"v1", 1, []Replica{{Name: "bad", Upstream: bad}, {Name: "fine", Upstream: fine}}}}}},
	})
	require.NoError(t, err)
	for range 60 {
		_, err := collect(t.Context(), g, ask(false))
		require.NoError(t, err)
	}
	targets := g.ListTargets("chat")
	require.False(t, targets[0].HeldUntil.IsZero())
	require.True(t, targets[1].HeldUntil.IsZero())
}

func FuzzOpenAIUsage(f *testing.F) {
	f.Add([]byte(answer))
	f.Add([]byte(`data: {"usage":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		u, ok := OpenAIUsage(in)
		require.False(t, u.InputTokens < 0 || u.OutputTokens < 0)
		require.True(t, ok || u == ai.Usage{})
		hasData(in, "[DONE]")
	})
}
