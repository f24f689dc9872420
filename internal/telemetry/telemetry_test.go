package telemetry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/fail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNothingConfiguredExportsNothing(t *testing.T) {
	tel, err := New(context.Background(), Options{})
	require.NoError(t, err)
	_, span := tel.Provider().Tracer("t").Start(context.Background(), "x")
	require.False(t, span.SpanContext().IsValid())
	span.End()
	require.NoError(t, tel.Shutdown(context.Background()))
}

func TestWrongEndpoint(t *testing.T) {
	for _, e := range []string{"collector:4318", "ftp://x", "http://", "http://[::1"} {
		_, err := New(context.Background(), Options{Endpoint: e})
		require.ErrorIs(t, err, fail.Usage.Err(), e)
	}
}

func TestSpansReachTheCollectorAtShutdown(t *testing.T) {
	var mu sync.Mutex
	var path string
	var body []byte
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		path, body = r.URL.Path, b
	}))
	defer collector.Close()
	tel, err := New(context.Background(), Options{Endpoint: collector.URL, Sample: 1, Service: "aictl-server", Version: "1"})
	require.NoError(t, err)
	ctx, span := tel.Provider().Tracer("t").Start(context.Background(), "a-span-name")
	h := http.Header{}
	Propagator().Inject(ctx, propagation.HeaderCarrier(h))
	require.Contains(t, h.Get("Traceparent"), span.SpanContext().TraceID().String())
	back := Propagator().Extract(context.Background(), propagation.HeaderCarrier(h))
	require.Equal(t, span.SpanContext().TraceID(), trace.SpanContextFromContext(back).TraceID())
	span.End()
	require.NoError(t, tel.Shutdown(context.Background()))
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, "/v1/traces", path)
	require.True(t, bytes.Contains(body, []byte("a-span-name")))
	require.True(t, bytes.Contains(body, []byte("aictl-server")))
}

func TestAbsentCollectorDelaysNobody(t *testing.T) {
	var failures atomic.Int64
	tel, err := New(context.Background(), Options{Endpoint: "http://127.0.0.1:1", Sample: 1, OnError: func(error) { failures.Add(1) }})
	require.NoError(t, err)
	for range 5000 { // more than the queue holds
		_, span := tel.Provider().Tracer("t").Start(context.Background(), "x")
		span.End()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(t, tel.Shutdown(ctx))
	require.Positive(t, failures.Load())
}
