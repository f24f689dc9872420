package openai

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/ai/chat/chattest"
	"github.com/aictl/aictl/internal/fail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, up *chattest.Upstream) *Upstream {
	t.Helper()
	server := httptest.NewServer(up)
	t.Cleanup(server.Close)
	u, err := New(chat.Upstream{Name: "one", URL: server.URL + "/v1/", KeyEnv: "K"}, func(string) string { return "sk-secret\n" }, chattest.Transport(t))
	require.NoError(t, err)
	return u
}

func TestTargetNamesItsOwnModel(t *testing.T) {
	up := &chattest.Upstream{Key: "sk-secret"}
	target := Target{Upstream: open(t, up), Model: "echo"}
	reply, err := target.Do(t.Context(), &ai.Call{Operation: chat.Complete, Stream: true, Input: []byte(`{"model":"alias","messages":[{"role":"user","content":"hi"}]}`)})
	require.NoError(t, err)
	require.True(t, reply.Stream)
	text := ""
	for e, err := range chat.Events(reply) {
		require.NoError(t, err)
		text += e.Text
	}
	require.Equal(t, "echo: hi", text)
	require.Equal(t, "one/echo", reply.Target)
	require.Equal(t, int64(2), reply.Usage().OutputTokens, "estimated: the stream has no usage")
	require.Contains(t, string(up.LastBody()), `"stream":true`)
}

func TestAStreamIsDeliveredAsItComes(t *testing.T) {
	u := open(t, &chattest.Upstream{Key: "sk-secret", Delay: 100 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reply, err := u.Post(ctx, "/chat/completions", []byte(`{"model":"echo","stream":true,"messages":[{"role":"user","content":"`+strings.Repeat("word ", 600)+`"}]}`), true, nil)
	require.NoError(t, err)
	began, got := time.Now(), 0
	for _, err := range reply.Chunks {
		if got++; err != nil {
			require.Equal(t, fail.Canceled, fail.CodeOf(err))
			break
		}
		if got == 2 {
			cancel() // the client goes away: the upstream's minute is not waited for
		}
	}
	require.Less(t, time.Since(began), 5*time.Second)
	require.GreaterOrEqual(t, got, 2)
}

func TestTimeoutBoundsTheFirstByte(t *testing.T) {
	u := open(t, &chattest.Upstream{Key: "sk-secret"})
	u.Timeout = 30 * time.Millisecond
	_, err := u.Post(t.Context(), "/chat/completions", []byte(`{"model":"fault-hang"}`), false, nil)
	require.ErrorIs(t, err, fail.Timeout.Err())
}

func TestKeyProblemsAreNamedWithoutTheKey(t *testing.T) {
	for _, u := range []chat.Upstream{{Name: "a", KeyEnv: "NOPE"}, {Name: "a", KeyFile: t.TempDir() + "/none"}} {
		_, err := New(u, func(string) string { return "" }, nil)
		require.ErrorIs(t, err, fail.Usage.Err())
	}
	require.Equal(t, "oops ***", (&Upstream{Key: "sk-1"}).Mask("oops sk-1"))
	require.Equal(t, "bad", Message([]byte(`{"error":"bad"}`)))
	require.Equal(t, "gone", Message([]byte(`{"detail":"gone"}`)))
	require.Empty(t, Message([]byte(`<html>`)))
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "999999": time.Hour, "Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(header, now), header)
	}
	u := open(t, &chattest.Upstream{Key: "sk-secret"})
	_, err := u.Post(t.Context(), "/chat/completions", []byte(`{"model":"fault-429"}`), false, nil)
	require.ErrorIs(t, err, fail.Limited.Err())
	var later interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &later)
	require.Equal(t, 7*time.Second, later.RetryAfter())
}
