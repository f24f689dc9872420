package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/serverconfig"
)

// R14: an endless body is refused at the limit, and costs no memory beyond it.
func TestEndlessBody(t *testing.T) {
	f := start(t, func(o *Options) { o.MaxBodyBytes = 1 << 20 })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 3 {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", f.Addr().String())
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
		_, err = io.WriteString(c, "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
		require.NoError(t, err)
		chunk := "10000\r\n" + strings.Repeat("x", 64<<10) + "\r\n"
		for range 1 << 14 { // a GiB, if anybody took it
			if _, err = io.WriteString(c, chunk); err != nil {
				break
			}
		}
		require.Error(t, err, "the server went on reading")
		require.NoError(t, c.Close())
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(32<<20))

	// A client that says beforehand how much it has is told before it sends.
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", f.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = io.WriteString(c, "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n")
	require.NoError(t, err)
	line := make([]byte, 12)
	_, err = io.ReadFull(c, line)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 413", string(line))
}

func TestMetricsAreWellFormed(t *testing.T) {
	f := start(t, nil)
	f.send(t, "GET", "/livez", "")
	problems, err := promlint.New(strings.NewReader(f.send(t, "GET", "/metrics", "").body)).Lint()
	require.NoError(t, err)
	for _, p := range problems {
		require.False(t, strings.HasPrefix(p.Metric, "aictl_"), "%s: %s", p.Metric, p.Text)
	}
}

func TestOptionsFromConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(path, []byte("listen: 127.0.0.1:0\nlimits: {body_bytes: 2KiB}\ntimeouts: {stall: 3s}\n"), 0o600))
	l, err := serverconfig.Load(serverconfig.Sources{File: path})
	require.NoError(t, err)
	f := start(t, func(o *Options) {
		from := FromConfig(&l.Config)
		from.API, from.Auth = o.API, o.Auth
		*o = from
	})
	require.Equal(t, 413, f.send(t, "POST", "/api/v1/echo", strings.Repeat("x", 2049)).status)
	require.Equal(t, 3*time.Second, f.o.Timeouts.Stall)
	require.Equal(t, 20*time.Second, f.o.Drain)
}

// BenchmarkShell is what the shell costs beside a bare handler: request id,
// span, log line, metrics, host and origin checks, identity. Without the
// network, which costs a multiple of it.
func BenchmarkShell(b *testing.B) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	logger, err := logging.New(io.Discard, logging.Options{Service: "aictl-server"})
	require.NoError(b, err)
	s, err := New(Options{Listen: "127.0.0.1:0", API: answer, Auth: keys{}, Logger: logger})
	require.NoError(b, err)
	for name, h := range map[string]http.Handler{"bare": answer, "shell": s.http.Handler} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "/api/v1/x", nil)
				r.Host = "localhost"
				r.Header.Set("Authorization", "Bearer good")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Body.String())
				}
			}
		})
	}
}
