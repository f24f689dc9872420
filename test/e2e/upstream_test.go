//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// upstream is an OpenAI-compatible model server whose answers a test can
// predict to the letter: a prompt "ID N" is answered by N words "ID:0 … ID:N-1",
// one a chunk, so that a lost, repeated, reordered or foreign piece is seen.
// With tools it asks for get_weather once, and repeats the tool's answer.
type upstream struct {
	*httptest.Server
	calls atomic.Int64
	// fault, when set, answers in place of the model; it says whether it did.
	fault atomic.Pointer[func(w http.ResponseWriter, r *http.Request, ask question) bool]
	// gone counts callers that left before their answer ended.
	gone atomic.Int64
	// pace is the time between two chunks.
	pace atomic.Int64
}

type question struct {
	Model    string            `json:"model"`
	Stream   bool              `json:"stream"`
	Tools    []json.RawMessage `json:"tools"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

func (q question) last() (role, text string) {
	if len(q.Messages) == 0 {
		return "", ""
	}
	m := q.Messages[len(q.Messages)-1]
	if json.Unmarshal(m.Content, &text) != nil {
		var parts []struct{ Text string }
		_ = json.Unmarshal(m.Content, &parts)
		for _, p := range parts {
			text += p.Text
		}
	}
	return m.Role, text
}

func newUpstream(t testing.TB) *upstream {
	t.Helper()
	u := &upstream{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"object":"list","data":[{"id":"echo-model","object":"model","created":1,"owned_by":"test"}]}`)
	})
	mux.HandleFunc("POST /v1/chat/completions", u.chat)
	u.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		u.CloseClientConnections()
		u.Close()
	})
	return u
}

func (u *upstream) setFault(f func(w http.ResponseWriter, r *http.Request, ask question) bool) {
	if f == nil {
		u.fault.Store(nil)
		return
	}
	u.fault.Store(&f)
}

func (u *upstream) chat(w http.ResponseWriter, r *http.Request) {
	u.calls.Add(1)
	body, err := io.ReadAll(r.Body)
	var ask question
	if err != nil || json.Unmarshal(body, &ask) != nil {
		http.Error(w, `{"error":{"message":"not a chat request","type":"invalid_request_error"}}`, http.StatusBadRequest)
		return
	}
	if f := u.fault.Load(); f != nil && (*f)(w, r, ask) {
		return
	}
	if !ask.Stream {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(ask.plain())
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for _, event := range ask.events() {
		if _, err := w.Write(event); err != nil || out.Flush() != nil || r.Context().Err() != nil {
			u.gone.Add(1)
			return
		}
		if pace := time.Duration(u.pace.Load()); pace > 0 {
			select {
			case <-r.Context().Done():
				u.gone.Add(1)
				return
			case <-time.After(pace):
			}
		}
	}
}

// words is the answer that a prompt "ID N" must get.
func words(id string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s:%d ", id, i)
	}
	return out
}

// answer gives the pieces of the text, or the tool call, of a question.
func (q question) answer() (pieces []string, tool bool) {
	role, text := q.last()
	if role == "tool" {
		return []string{"The tool says ", text}, false
	}
	if len(q.Tools) > 0 {
		return nil, true
	}
	var id string
	n := 3
	if _, err := fmt.Sscanf(text, "%s %d", &id, &n); err != nil || n < 0 || n > 10_000 {
		return []string{"You said ", text}, false
	}
	return words(id, n), false
}

const (
	toolName      = "get_weather"
	toolArguments = `{"city":"Bern"}`
)

func (q question) plain() []byte {
	pieces, tool := q.answer()
	message := map[string]any{"role": "assistant", "content": strings.Join(pieces, "")}
	finish := "stop"
	if tool {
		finish = "tool_calls"
		message = map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
			"id": "call_1", "type": "function", "function": map[string]any{"name": toolName, "arguments": toolArguments},
		}}}
	}
	return encode(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": q.Model,
		"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": finish}},
		"usage":   map[string]any{"prompt_tokens": 3, "completion_tokens": len(pieces), "total_tokens": 3 + len(pieces)},
	})
}

// events are the server-sent events of a streamed answer, [DONE] included.
func (q question) events() [][]byte {
	pieces, tool := q.answer()
	var out [][]byte
	chunk := func(delta map[string]any, finish any) {
		out = append(out, event(map[string]any{
			"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": q.Model,
			"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}},
		}))
	}
	chunk(map[string]any{"role": "assistant", "content": ""}, nil)
	finish := "stop"
	if tool {
		finish = "tool_calls"
		call := func(function map[string]any, id string) map[string]any {
			c := map[string]any{"index": 0, "function": function}
			if id != "" {
				c["id"], c["type"] = id, "function"
			}
			return map[string]any{"tool_calls": []any{c}}
		}
		chunk(call(map[string]any{"name": toolName, "arguments": ""}, "call_1"), nil)
		for _, part := range []string{toolArguments[:5], toolArguments[5:]} {
			chunk(call(map[string]any{"arguments": part}, ""), nil)
		}
	}
	for _, piece := range pieces {
		chunk(map[string]any{"content": piece}, nil)
	}
	chunk(map[string]any{}, finish)
	if q.StreamOptions.IncludeUsage {
		out = append(out, event(map[string]any{
			"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": q.Model, "choices": []any{},
			"usage": map[string]any{"prompt_tokens": 3, "completion_tokens": len(pieces), "total_tokens": 3 + len(pieces)},
		}))
	}
	return append(out, []byte("data: [DONE]\n\n"))
}

func event(v any) []byte {
	return append(append([]byte("data: "), encode(v)...), '\n', '\n')
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return b
}

// cutAfter takes the connection over, writes the first n bytes of the whole
// HTTP answer, head included, and drops the connection: with a reset when
// reset is set, else in good order, which is the harder one to notice.
func cutAfter(w http.ResponseWriter, ask question, at float64, reset bool) bool {
	var raw bytes.Buffer
	if ask.Stream {
		raw.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for _, e := range ask.events() {
			fmt.Fprintf(&raw, "%x\r\n%s\r\n", len(e), e)
		}
		raw.WriteString("0\r\n\r\n")
	} else {
		body := ask.plain()
		fmt.Fprintf(&raw, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	defer conn.Close()
	_, _ = conn.Write(raw.Bytes()[:int(at*float64(raw.Len()))])
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	return true
}

func TestUpstreamIsPredictable(t *testing.T) {
	u := newUpstream(t)
	res, err := u.Client().Post(u.URL+"/v1/chat/completions", "application/json",
		strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"a 2"}]}`))
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `"content":"a:0 a:1 "`)
}
