package host

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// echo answers what it is asked, in parts where that is wanted.
type echo struct{ hold chan struct{} }

func (echo) Describe() ai.Description { return ai.Description{Name: "echo"} }

func (e echo) Invoke(_ context.Context, c ai.Call) (*ai.Reply, error) {
	switch c.Operation {
	case "hold":
		<-e.hold
	case "refuse":
		return nil, fail.New(fail.Usage, "not like this")
	case "parts", "cut":
		return &ai.Reply{Status: http.StatusOK, ContentType: "text/event-stream", Stream: true, Chunks: func(yield func([]byte, error) bool) {
			if yield([]byte("data: 1\n\n"), nil) && c.Operation == "cut" {
				yield(nil, fail.New(fail.Unavailable, "gone"))
			}
		}}, nil
	}
	return ai.JSON(json.RawMessage(c.Input))
}

func TestAServiceIsServedAsAPlugin(t *testing.T) {
	defer goleak.VerifyNone(t)
	socket := filepath.Join(t.TempDir(), "s")
	e := echo{hold: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, e, func(k string) string { return map[string]string{"AICTL_SOCKET": socket}[k] }, 10*time.Second)
	}()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	defer tr.CloseIdleConnections()
	do := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(context.Background(), method, "http://x"+path, bytes.NewReader([]byte(body)))
		require.NoError(t, err)
		req.Header.Set("Accept", "text/event-stream")
		res, err := tr.RoundTrip(req)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = res.Body.Close() }()
		out, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(out)
	}
	require.Eventually(t, func() bool { code, _ := do(http.MethodGet, "/readyz", ""); return code == http.StatusOK }, 5*time.Second, 5*time.Millisecond)
	for _, tc := range []struct {
		operation, want string
		status          int
	}{
		{"same", `{"a":1}`, 200},
		{"parts", "data: 1\n\nevent: done\ndata: [DONE]\n\n", 200},
		{"cut", "data: 1\n\nevent: error\ndata: {\"code\":\"unavailable\",\"detail\":\"gone\",\"status\":503,\"title\":\"unavailable\",\"type\":\"about:blank\"}\n\n", 200},
		{"refuse", `{"code":"usage","detail":"not like this","status":400,"title":"usage","type":"about:blank"}`, 400},
	} {
		status, body := do(http.MethodPost, "/invoke/"+tc.operation, `{"a":1}`)
		require.Equal(t, tc.status, status, tc.operation)
		require.Equal(t, tc.want, body, tc.operation)
	}
	// A call in flight is finished; then the service ends.
	held := make(chan int, 1)
	go func() { status, _ := do(http.MethodPost, "/invoke/hold", `{}`); held <- status }()
	require.Never(t, func() bool { return len(held) > 0 }, 50*time.Millisecond, 10*time.Millisecond)
	stop()
	close(e.hold)
	require.Equal(t, http.StatusOK, <-held)
	require.NoError(t, <-ended)
}

func TestNowhereToListen(t *testing.T) {
	err := Serve(t.Context(), echo{}, func(string) string { return "" }, time.Second)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}
