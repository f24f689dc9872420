package testbed

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// FaultProxy stands between a client and an HTTP server and breaks what passes:
// answers of 429 in place of the server's, and connections that are reset in
// the middle of an answer (Toxiproxy). It begins without faults.
type FaultProxy struct {
	// URL is where clients connect.
	URL string

	proxy    *toxiproxy.Proxy
	pushBack atomic.Int64 // of 1,000 requests
	pushed   atomic.Int64
}

// NewFaultProxy makes a proxy to the server, closed when the test ends.
func NewFaultProxy(t testing.TB, target string) *FaultProxy {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	f := &FaultProxy{}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	layer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rand.Int64N(1000) < f.pushBack.Load() {
			f.pushed.Add(1)
			_, _ = io.Copy(io.Discard, r.Body) // the client is still sending
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"type":"es_rejected_execution_exception","reason":"rejected execution: the queue is full"},"status":429}`)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(layer.Close)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	f.proxy = toxiproxy.NewProxy(server, "faults", "127.0.0.1:0", strings.TrimPrefix(layer.URL, "http://"))
	require.NoError(t, server.Collection.Add(f.proxy, true))
	t.Cleanup(f.proxy.Stop)
	f.URL = "http://" + f.proxy.Listen
	return f
}

// PushBack has so many of 1,000 requests answered with 429.
func (f *FaultProxy) PushBack(perMille int) { f.pushBack.Store(int64(perMille)) }

// Pushed is how many requests were answered with 429.
func (f *FaultProxy) Pushed() int64 { return f.pushed.Load() }

// Reset has a share of the connections that are opened from now on reset once
// something has passed for a while; 0 ends it.
func (f *FaultProxy) Reset(t testing.TB, share string) {
	t.Helper()
	if f.proxy.Toxics.GetToxic("reset") != nil {
		require.NoError(t, f.proxy.Toxics.RemoveToxic(context.Background(), "reset"))
	}
	if share == "0" {
		return
	}
	_, err := f.proxy.Toxics.AddToxicJson(strings.NewReader(
		`{"name":"reset","type":"limit_data","stream":"downstream","toxicity":` + share + `,"attributes":{"bytes":300000}}`))
	require.NoError(t, err)
}
