package chat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/ai/chat/assistant"
	"github.com/aictl/aictl/internal/ai/chat/chattest"
	"github.com/aictl/aictl/internal/ai/chat/openai"
	"github.com/aictl/aictl/internal/fail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type scripted struct{}

func (scripted) Ask(_ context.Context, turns []assistant.Turn) (assistant.Answer, error) {
	return assistant.Answer{
		Text:     "you asked: " + turns[len(turns)-1].Text + "\n",
		Evidence: []assistant.Evidence{{Source: "services", ID: "list", Command: "aictl services list"}},
	}, nil
}

// service starts a scripted upstream and the service before it.
func service(t *testing.T) (*chat.Service, *chattest.Upstream) {
	t.Helper()
	up := &chattest.Upstream{Key: "sk-secret", Slow: 20 * time.Millisecond}
	server := httptest.NewServer(up)
	t.Cleanup(server.Close)
	c := chat.Config{
		Upstreams: []chat.Upstream{{Name: "one", URL: server.URL + "/v1", KeyEnv: "ONE_KEY", Models: map[string]string{"small": "echo"}}},
		Aliases: map[string][]chat.Target{
			"safe": {{Upstream: "one", Model: "fault-500"}, {Upstream: "one", Model: "fault-429"}, {Upstream: "one", Model: "echo"}},
		},
		Prices: map[string]chat.Price{"one/echo": {Input: 1, Output: 2}},
	}
	transport := chattest.Transport(t)
	u, err := openai.New(c.Upstreams[0], func(string) string { return "sk-secret" }, transport)
	require.NoError(t, err)
	s, err := chat.New(chat.Options{
		Config: c, Assistant: scripted{}, Forward: openai.Ordered{"one": u},
		Now: func() time.Time { return time.Unix(1, 0) }, NewID: func() string { return "chatcmpl-x" },
	})
	require.NoError(t, err)
	return s, up
}

func events(t *testing.T, s *chat.Service, body string, stream bool) ([]chat.Event, error) {
	t.Helper()
	reply, err := s.Invoke(t.Context(), ai.Call{Service: "chat", Operation: chat.Complete, Input: []byte(body), Stream: stream})
	if err != nil {
		return nil, err
	}
	return collect(reply)
}

func collect(reply *ai.Reply) (out []chat.Event, err error) {
	for e, eventErr := range chat.Events(reply) {
		out, err = append(out, e), eventErr
	}
	return out, err
}

func text(events []chat.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(e.Text)
	}
	return b.String()
}

const hello = `"messages":[{"role":"user","content":"hello there"}]`

func TestCompleteAnswersPlainAndStreamedAlike(t *testing.T) {
	s, _ := service(t)
	for _, model := range []string{"aictl-ops", "small", "safe", "one/echo", ""} {
		for _, stream := range []bool{false, true} {
			got, err := events(t, s, `{"model":"`+model+`","stream_options":{"include_usage":true},`+hello+`}`, stream)
			require.NoError(t, err, model)
			require.Contains(t, text(got), "hello there")
			require.Equal(t, chat.EventDone, got[len(got)-1].Type)
			require.Equal(t, "stop", got[len(got)-1].Finish)
		}
	}
}

func TestFaultsAreTypedErrors(t *testing.T) {
	s, _ := service(t)
	for _, c := range []struct {
		model string
		want  fail.Code
	}{
		{"fault-500", fail.Unavailable},
		{"fault-429", fail.Limited},
		{"fault-401", fail.Unavailable},
		{"fault-400", fail.Usage},
		{"fault-cut", fail.Unavailable},
		{"fault-no-done", fail.Unavailable},
		{"fault-error", fail.Unavailable},
		{"fault-garbage", fail.Failed},
		{"fault-html", fail.Unavailable},
		{"fault-redirect", fail.Unavailable},
		{"fault-huge", fail.Failed},
	} {
		t.Run(c.model, func(t *testing.T) {
			_, err := events(t, s, `{"model":"one/`+c.model+`",`+hello+`}`, true)
			require.Equal(t, c.want, fail.CodeOf(err), "%v", err)
			require.NotContains(t, err.Error(), "sk-secret")
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Invoke(ctx, ai.Call{Operation: chat.Complete, Input: []byte(`{"model":"one/fault-hang",` + hello + `}`)})
	require.Equal(t, fail.Timeout, fail.CodeOf(err))
}

func TestToolsAndFormatsPassByteForByte(t *testing.T) {
	s, up := service(t)
	body := `{ "zeta":1.50, "model" : "small" ,"tools":[{"type":"function","function":{"name":"weather"}}],` + hello + `, "x":"é\u00e9" }`
	got, err := events(t, s, body, false)
	require.NoError(t, err)
	require.Equal(t, "weather", got[0].Tool.Name)
	require.Equal(t, strings.Replace(body, `"small"`, `"echo"`, 1), string(up.LastBody()))
	_, err = events(t, s, body, true)
	require.NoError(t, err)
}

func TestUnknownModelNamesTheNearest(t *testing.T) {
	s, _ := service(t)
	_, err := events(t, s, `{"model":"smal",`+hello+`}`, false)
	require.ErrorIs(t, err, fail.NotFound.Err())
	require.Contains(t, err.Error(), `did you mean "small"`)
	require.Equal(t, "aictl providers list", fail.From(err).Next)
}

func TestUsageIsTheUpstreamsOwn(t *testing.T) {
	s, _ := service(t)
	for _, stream := range []bool{false, true} {
		reply, err := s.Invoke(t.Context(), ai.Call{
			Operation: chat.Complete, Stream: stream,
			Input: []byte(`{"model":"small","stream_options":{"include_usage":true},` + hello + `}`),
		})
		require.NoError(t, err)
		_, err = collect(reply)
		require.NoError(t, err)
		require.Equal(t, ai.Usage{InputTokens: 7, OutputTokens: 3, Cost: 13e-6}, reply.Usage())
	}
}

func TestAssistantStreamHasOpenAIsOrder(t *testing.T) {
	s, _ := service(t)
	reply, err := s.Invoke(t.Context(), ai.Call{
		Operation: chat.Complete,
		Input:     []byte(`{"model":"aictl-ops","stream":true,"stream_options":{"include_usage":true},` + hello + `}`),
	})
	require.NoError(t, err)
	var lines []string
	for chunk, err := range reply.Chunks {
		require.NoError(t, err)
		require.True(t, bytes.HasSuffix(chunk, []byte("\n\n")))
		lines = append(lines, strings.TrimSuffix(strings.TrimPrefix(string(chunk), "data: "), "\n\n"))
	}
	n := len(lines)
	require.Greater(t, n, 6, "in parts")
	require.Contains(t, lines[0], `"role":"assistant"`)
	require.Contains(t, lines[n-4], `"evidence":[{"source":"services"`)
	require.Contains(t, lines[n-3], `"finish_reason":"stop"`)
	require.Contains(t, lines[n-2], `"choices":[]`)
	require.Contains(t, lines[n-2], `"total_tokens"`)
	require.Equal(t, "[DONE]", lines[n-1])
	for _, l := range lines[:n-1] {
		require.True(t, json.Valid([]byte(l)))
	}
}

func TestModelsAndDescription(t *testing.T) {
	s, _ := service(t)
	reply, err := s.Invoke(t.Context(), ai.Call{Operation: chat.Models})
	require.NoError(t, err)
	body := ""
	for chunk, err := range reply.Chunks {
		require.NoError(t, err)
		body += string(chunk)
	}
	for _, want := range []string{`"aictl-ops"`, `"safe"`, `"small"`, `"object":"list"`} {
		require.Contains(t, body, want)
	}
	for _, o := range s.Describe().Operations {
		require.True(t, json.Valid(o.Input) && json.Valid(o.Output), o.Name)
		require.NotEmpty(t, o.Examples)
	}
	_, err = s.Invoke(t.Context(), ai.Call{Operation: "dance"})
	require.ErrorIs(t, err, fail.NotFound.Err())
	for _, bad := range []string{``, `[]`, `{"messages":[]}`, `{"model":1}`, `{"messages":[{"role":"system","content":"x"}]}`} {
		_, err = s.Invoke(t.Context(), ai.Call{Operation: chat.Complete, Input: []byte(strings.Replace(bad, "{", `{"model":"aictl-ops",`, 1))})
		require.ErrorIs(t, err, fail.Usage.Err(), bad)
	}
}

func TestSessionsInMemory(t *testing.T) {
	chattest.SessionsConformance(t, func(*testing.T) chat.Sessions { return &chattest.Memory{} })
}
