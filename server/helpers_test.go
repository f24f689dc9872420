package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/op"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keys knows one token, "good".
type keys struct{}

func (keys) Authenticate(_ context.Context, bearer string) (op.Identity, error) {
	switch bearer {
	case "good":
		return op.Identity{Subject: "ada"}, nil
	case "busy":
		return op.Identity{}, fail.New(fail.Limited, "too many attempts")
	}
	return op.Identity{}, fail.New(fail.Auth, "no such token").Hint("aictl login")
}

func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// gatewayFunc is a gateway for tests.
type gatewayFunc func(ctx context.Context, call ai.Call) (*ai.Reply, error)

func (f gatewayFunc) Do(ctx context.Context, call ai.Call) (*ai.Reply, error) { return f(ctx, call) }

// syncBuffer is a log to read.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lines decodes the log.
func (b *syncBuffer) lines(t *testing.T) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &m), line)
		out = append(out, m)
	}
	return out
}

type fixture struct {
	*Server
	log    *syncBuffer
	client *http.Client
}

// start runs a server for the test and stops it at its end.
func start(t *testing.T, change func(*Options)) *fixture {
	t.Helper()
	f := &fixture{log: new(syncBuffer)}
	logger, err := logging.New(f.log, logging.Options{Service: "aictl-server", Level: slog.LevelDebug})
	require.NoError(t, err)
	api := http.NewServeMux()
	api.HandleFunc("GET /api/v1/who", func(w http.ResponseWriter, r *http.Request) {
		id, _ := op.IdentityFrom(r.Context())
		writeJSON(w, 200, map[string]string{"subject": id.Subject, "remote": id.Remote, "request": op.RequestID(r.Context())})
	})
	api.HandleFunc("POST /api/v1/echo", func(w http.ResponseWriter, r *http.Request) {
		b, err := readBody(r)
		if err != nil {
			problem(w, r, err)
			return
		}
		_, _ = w.Write(b)
	})
	o := Options{
		Listen: "127.0.0.1:0", API: api, Auth: keys{}, Logger: logger, Version: "1.2.3", Drain: 5 * time.Second,
		OpenAPI: func() ([]byte, error) { return []byte(`{"openapi":"3.1.0"}`), nil },
	}
	if change != nil {
		change(&o)
	}
	f.Server, err = New(o)
	require.NoError(t, err)
	require.NoError(t, f.Start(context.Background()))
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	f.client = &http.Client{Transport: tr, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = f.Stop(ctx)
	})
	return f
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &m), a.body)
	return m
}

// send makes one request. Headers are "Name: value".
func (f *fixture) send(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, f.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		if k == "Host" {
			req.Host = v
		}
		req.Header.Add(k, v)
	}
	res, err := f.client.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, res.Header, string(b)}
}

// events makes a streamed reply of n events; wait is called before each.
func events(n int, wait func(i int) error) *ai.Reply {
	return &ai.Reply{Status: 200, ContentType: "text/event-stream", Stream: true, Chunks: func(yield func([]byte, error) bool) {
		for i := range n {
			if err := wait(i); err != nil {
				yield(nil, err)
				return
			}
			if !yield(fmt.Appendf(nil, "data: {\"n\":%d}\n\n", i), nil) {
				return
			}
		}
		yield([]byte("data: [DONE]\n\n"), nil)
	}}
}
