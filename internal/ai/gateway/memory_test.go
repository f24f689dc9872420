package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
)

// TestMemoryOfAWaitingStream holds many streams open and takes off what the
// upstream's own server, which is in this process, needs for the same.
func TestMemoryOfAWaitingStream(t *testing.T) {
	builtin := Builtin(service(func(ctx context.Context, _ ai.Call) (*ai.Reply, error) {
		return &ai.Reply{Status: 200, ContentType: "text/event-stream", Stream: true, Chunks: func(yield func([]byte, error) bool) {
			if yield([]byte("data: 1\n\n"), nil) {
				<-ctx.Done()
			}
		}}, nil
	}))
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	proxied := upstreamAt(t, up.URL, up.Close)
	bare := hold(t, up.Listener.Addr().String())
	for _, c := range []struct {
		name        string
		up          Upstream
		less, bound int
	}{{"builtin", builtin, 0, 32 << 10}, {"proxied", proxied, bare, 64 << 10}} {
		t.Run(c.name, func(t *testing.T) {
			g := chat(t, Options{}, Policy{}, c.up)
			s := httptest.NewServer(serve(g, true))
			defer s.Close()
			each := hold(t, s.Listener.Addr().String()) - c.less
			require.NoError(t, g.Drain(t.Context()))
			t.Logf("%d KiB a stream", each>>10)
			if !underRace {
				require.LessOrEqual(t, each, c.bound)
			}
		})
	}
}

// hold opens streams, waits for the first byte of each, and gives the memory
// that one takes, in bytes.
func hold(t *testing.T, addr string) int {
	t.Helper()
	const streams = 400
	before := memory()
	buf := make([]byte, 4096)
	for range streams {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		require.NoError(t, err)
		_, err = conn.Read(buf)
		require.NoError(t, err)
	}
	return (memory() - before) / streams
}

func memory() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
