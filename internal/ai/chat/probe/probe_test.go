package probe

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/ai/chat/chattest"
	"github.com/aictl/aictl/internal/ai/chat/openai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T, h http.Handler, key, model string) map[string]Check {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	u := &openai.Upstream{Name: "x", URL: server.URL + "/v1", Key: key, HTTP: chattest.Transport(t)}
	r := Run(t.Context(), u, Options{Model: model, Timeout: 400 * time.Millisecond, MaxBody: 256 << 10})
	require.Len(t, r.Checks, 11)
	out := map[string]Check{}
	for _, c := range r.Checks {
		require.NotContains(t, c.Detail, "sk-secret")
		require.NotEmpty(t, c.Detail, c.Check)
		require.Less(t, c.Duration, 3*time.Second, c.Check)
		out[c.Check] = c
	}
	require.Equal(t, out[Reachable].Result == OK && out[Auth].Result != No && out[Plain].Result == OK, r.OK)
	return out
}

func TestWhatAnUpstreamSupports(t *testing.T) {
	up := func() *chattest.Upstream {
		return &chattest.Upstream{Key: "sk-secret", Context: 100_000, Delay: 2 * time.Millisecond, Slow: 30 * time.Millisecond}
	}
	for _, c := range []struct {
		name, key, model string
		want             map[string]Result
	}{
		{"everything", "sk-secret", "", map[string]Result{
			Reachable: OK, Auth: OK, ListModels: OK, Plain: OK, Streaming: OK, StreamUse: OK, Tools: OK,
			JSONSchema: OK, Embeddings: OK, Context: OK, ErrorShape: OK,
		}},
		{"wrong key", "sk-wrong", "echo", map[string]Result{Reachable: OK, Auth: No, Plain: No}},
		{"buffered", "sk-secret", chattest.FaultBuffered, map[string]Result{Plain: OK, Streaming: No, StreamUse: OK}},
		{"slow first token", "sk-secret", chattest.FaultSlow, map[string]Result{Plain: OK, Streaming: OK}},
		{"cut", "sk-secret", chattest.FaultCut, map[string]Result{Plain: No, Streaming: No, StreamUse: Unknown}},
		{"no done", "sk-secret", chattest.FaultNoDone, map[string]Result{Plain: OK, Streaming: No}},
		{"no tools", "sk-secret", chattest.FaultNoTools, map[string]Result{Plain: OK, Tools: No, JSONSchema: No}},
		{"limited", "sk-secret", "fault-429", map[string]Result{Auth: OK, Plain: Unknown, Streaming: Unknown, Tools: Unknown}},
		{"broken", "sk-secret", "fault-500", map[string]Result{Plain: Unknown, Context: No}},
		{"garbage", "sk-secret", chattest.FaultGarbage, map[string]Result{Plain: No, Streaming: No, Embeddings: No}},
		{"page", "sk-secret", chattest.FaultHTML, map[string]Result{Plain: No, Streaming: No}},
		{"redirects", "sk-secret", chattest.FaultRedirect, map[string]Result{Plain: No}},
		{"endless", "sk-secret", chattest.FaultHuge, map[string]Result{Plain: No, Streaming: No}},
		{"hangs", "sk-secret", chattest.FaultHang, map[string]Result{Reachable: OK, Plain: Unknown, Streaming: Unknown}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, up(), c.key, c.model)
			for check, want := range c.want {
				require.Equal(t, want, got[check].Result, "%s: %s", check, got[check].Detail)
			}
		})
	}
}

func TestHostileServers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"page everywhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>\x1b[31m"))
		},
		"redirect loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"echoes the key": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, `{"error":{"message":"bad key `+r.Header.Get("Authorization")+`"}}`, http.StatusForbidden)
		},
		"hangs":    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range run(t, h, "sk-secret", "m") {
				if c.Check == Plain || c.Check == Streaming {
					require.NotEqual(t, OK, c.Result)
				}
			}
		})
	}
}

func TestUnreachableAndStopped(t *testing.T) {
	u := &openai.Upstream{Name: "x", URL: "http://127.0.0.1:1/v1", HTTP: chattest.Transport(t)}
	r := Run(t.Context(), u, Options{})
	require.False(t, r.OK)
	require.Equal(t, No, r.Checks[0].Result)
	require.Equal(t, Unknown, r.Checks[3].Result)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, Unknown, Run(ctx, u, Options{}).Checks[0].Result)
}
