package chattest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The models of the scripted upstream. Any other name echoes too, but for the
// faults.
const (
	Echo          = "echo"           // answers "echo: " and the last user message, or calls a tool that asks for a city
	FaultStatus   = "fault-"         // and a status, such as fault-500 or fault-429
	FaultHang     = "fault-hang"     // never answers
	FaultSlow     = "fault-slow"     // the first byte after Upstream.Slow
	FaultCut      = "fault-cut"      // the connection ends in the middle of the answer
	FaultNoDone   = "fault-no-done"  // the stream ends without [DONE]
	FaultGarbage  = "fault-garbage"  // bytes that are not JSON
	FaultHTML     = "fault-html"     // a page, with status 200
	FaultRedirect = "fault-redirect" // redirects to itself
	FaultHuge     = "fault-huge"     // a body that does not end
	FaultError    = "fault-error"    // an error event in the middle of a stream
	FaultBuffered = "fault-buffered" // a stream that comes in one piece
	FaultNoTools  = "fault-no-tools" // refuses tools and response_format
)

// Upstream is a scripted server with OpenAI's API: GET /models, POST
// /chat/completions and /embeddings, with or without /v1 before them. Set the
// fields before use. It is safe for concurrent use.
type Upstream struct {
	// Key, where set, is asked for as bearer token.
	Key string
	// Models are listed; Echo where empty.
	Models []string
	// Delay is between two pieces of a stream. Slow is how long FaultSlow
	// waits.
	Delay, Slow time.Duration
	// Context is how many bytes of messages are taken; 0 is no limit.
	Context int
	// Script, where set, decides what is answered in place of the echo.
	Script func(Asked) Said

	calls atomic.Int64
	mu    sync.Mutex
	last  []byte // guarded by mu
}

// Calls is how many requests came.
func (u *Upstream) Calls() int64 { return u.calls.Load() }

// LastBody is the body of the last chat completion, byte for byte.
func (u *Upstream) LastBody() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]byte(nil), u.last...)
}

// Asked is what a Script sees of a request.
type Asked struct {
	Tools    []string // their names
	Messages []AskedMessage
}

// AskedMessage is one message; Call is what it answers where its role is tool.
type AskedMessage struct{ Role, Text, Call string }

// Last is the newest message.
func (a Asked) Last() AskedMessage { return a.Messages[len(a.Messages)-1] }

// Said is the answer of a Script: text, then calls of tools.
type Said struct {
	Text  string
	Calls []SaidCall
}

// SaidCall asks for a tool.
type SaidCall struct{ ID, Name, Arguments string }

type ask struct {
	Model    string `json:"model"`
	Stream   bool   `json:"stream"`
	Messages []struct {
		Role    string `json:"role"`
		Content any    `json:"content"`
		Call    string `json:"tool_call_id"`
	} `json:"messages"`
	Tools []struct {
		Function struct {
			Name       string `json:"name"`
			Parameters struct {
				Properties map[string]any `json:"properties"`
			} `json:"parameters"`
		} `json:"function"`
	} `json:"tools"`
	Format *struct {
		Type   string `json:"type"`
		Schema struct {
			Schema map[string]any `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	Options *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Input any `json:"input"`
}

// ServeHTTP implements http.Handler.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.calls.Add(1)
	if u.Key != "" && r.Header.Get("Authorization") != "Bearer "+u.Key {
		refuse(w, http.StatusUnauthorized, "Incorrect API key provided", "invalid_api_key")
		return
	}
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v1") {
	case "GET /models":
		u.models(w)
	case "POST /chat/completions", "POST /embeddings":
		u.post(w, r)
	default:
		refuse(w, http.StatusNotFound, "unknown path", "not_found")
	}
}

func (u *Upstream) models(w http.ResponseWriter) {
	names := u.Models
	if len(names) == 0 {
		names = []string{Echo}
	}
	list := []map[string]any{}
	for _, n := range names {
		list = append(list, map[string]any{"id": n, "object": "model", "created": 1, "owned_by": "chattest"})
	}
	reply(w, map[string]any{"object": "list", "data": list})
}

func (u *Upstream) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "too large", "too_large")
		return
	}
	var a ask
	if err := json.Unmarshal(body, &a); err != nil {
		refuse(w, http.StatusBadRequest, "not JSON", "invalid_request_error")
		return
	}
	u.mu.Lock()
	u.last = body
	u.mu.Unlock()
	if u.fault(w, r, a) {
		return
	}
	if strings.HasSuffix(r.URL.Path, "/embeddings") {
		reply(w, map[string]any{
			"object": "list", "model": a.Model, "usage": map[string]any{"prompt_tokens": 1, "total_tokens": 1},
			"data": []any{map[string]any{"object": "embedding", "index": 0, "embedding": []float64{0.1, 0.2, 0.3}}},
		})
		return
	}
	if len(a.Messages) == 0 {
		refuse(w, http.StatusBadRequest, "messages is required", "invalid_request_error")
		return
	}
	if u.Context > 0 && len(body) > u.Context {
		refuse(w, http.StatusBadRequest, "This model's maximum context length is exceeded", "context_length_exceeded")
		return
	}
	u.complete(w, r, a)
}

// fault plays the fault that the model's name asks for.
func (u *Upstream) fault(w http.ResponseWriter, r *http.Request, a ask) bool {
	switch a.Model {
	case FaultHang:
		<-r.Context().Done()
	case FaultSlow:
		select {
		case <-r.Context().Done():
			return true
		case <-time.After(u.Slow):
			return false
		}
	case FaultGarbage:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("\x00\xff{{{not json"))
	case FaultHTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>It works!</body></html>"))
	case FaultRedirect:
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	case FaultHuge:
		w.Header().Set("Content-Type", "application/json")
		block := []byte(strings.Repeat(" ", 64<<10))
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return true
			}
		}
	case FaultNoTools:
		if len(a.Tools) == 0 && a.Format == nil {
			return false
		}
		refuse(w, http.StatusBadRequest, "unsupported parameter", "unsupported_parameter")
	default:
		status, err := strconv.Atoi(strings.TrimPrefix(a.Model, FaultStatus))
		if err != nil || !strings.HasPrefix(a.Model, FaultStatus) || status < 400 || status > 599 {
			return false
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "7")
		}
		refuse(w, status, fmt.Sprintf("scripted failure %d", status), "scripted")
	}
	return true
}

func (u *Upstream) complete(w http.ResponseWriter, r *http.Request, a ask) {
	text := ""
	for _, m := range a.Messages {
		if s, ok := m.Content.(string); ok && m.Role == "user" {
			text = s
		}
	}
	text = "echo: " + text
	var tools []any
	finish := "stop"
	switch {
	case u.Script != nil:
		if text, tools = u.script(a); tools != nil {
			finish = "tool_calls"
		}
	case a.Format != nil && a.Format.Type == "json_schema":
		b, _ := json.Marshal(example(a.Format.Schema.Schema))
		text = string(b)
	case a.Format != nil && a.Format.Type == "json_object":
		text = `{"ok":true}`
	case len(a.Tools) > 0 && takesCity(a.Tools[0].Function.Parameters.Properties):
		text, finish = "", "tool_calls"
		tools = []any{map[string]any{
			"index": 0, "id": "call_1", "type": "function",
			"function": map[string]any{"name": a.Tools[0].Function.Name, "arguments": `{"city":"Oslo"}`},
		}}
	}
	usage := map[string]any{"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
	if a.Stream {
		u.stream(w, r, a, text, tools, finish, usage)
		return
	}
	message := map[string]any{"role": "assistant", "content": text}
	if tools != nil {
		message["content"], message["tool_calls"] = nil, tools
	}
	if a.Model == FaultCut {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"id":"chatcmpl-1","choices":[`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	reply(w, map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": a.Model, "usage": usage,
		"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": finish}},
	})
}

// takesCity: a tool that does not say what it takes may take anything.
func takesCity(properties map[string]any) bool {
	return properties == nil || properties["city"] != nil
}

// script plays the script; each call goes in two parts where it is streamed.
func (u *Upstream) script(a ask) (string, []any) {
	var in Asked
	for _, t := range a.Tools {
		in.Tools = append(in.Tools, t.Function.Name)
	}
	for _, m := range a.Messages {
		text, _ := m.Content.(string)
		in.Messages = append(in.Messages, AskedMessage{Role: m.Role, Text: text, Call: m.Call})
	}
	out := u.Script(in)
	var tools []any
	for i, c := range out.Calls {
		first, rest := c.Arguments[:len(c.Arguments)/2], c.Arguments[len(c.Arguments)/2:]
		if !a.Stream {
			first, rest = c.Arguments, ""
		}
		tools = append(tools, map[string]any{
			"index": i, "id": c.ID, "type": "function", "function": map[string]any{"name": c.Name, "arguments": first},
		})
		if rest != "" {
			tools = append(tools, map[string]any{"index": i, "function": map[string]any{"arguments": rest}})
		}
	}
	return out.Text, tools
}

func (u *Upstream) stream(w http.ResponseWriter, r *http.Request, a ask, text string, tools []any, finish string, usage map[string]any) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	if a.Model == FaultBuffered {
		flush = func() error { return nil }
	}
	send := func(choices []any, more map[string]any) bool {
		c := map[string]any{"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": a.Model, "choices": choices}
		for k, v := range more {
			c[k] = v
		}
		b, _ := json.Marshal(c)
		_, err := fmt.Fprintf(w, "data: %s\n\n", b)
		if err != nil || flush() != nil {
			return false
		}
		if u.Delay > 0 && a.Model != FaultBuffered {
			select {
			case <-r.Context().Done():
				return false
			case <-time.After(u.Delay):
			}
		}
		return true
	}
	part := func(delta map[string]any, finish any) []any {
		return []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}}
	}
	if !send(part(map[string]any{"role": "assistant", "content": ""}, nil), nil) {
		return
	}
	for i, word := range strings.SplitAfter(text, " ") {
		if i == 1 && a.Model == FaultCut {
			panic(http.ErrAbortHandler)
		}
		if i == 1 && a.Model == FaultError {
			_, _ = w.Write([]byte("data: {\"error\":{\"message\":\"scripted failure\",\"type\":\"server_error\"}}\n\n"))
			return
		}
		if word != "" && !send(part(map[string]any{"content": word}, nil), nil) {
			return
		}
	}
	if tools != nil && !send(part(map[string]any{"tool_calls": tools}, nil), nil) {
		return
	}
	if !send(part(map[string]any{}, finish), nil) {
		return
	}
	if a.Options != nil && a.Options.IncludeUsage && !send([]any{}, map[string]any{"usage": usage}) {
		return
	}
	if a.Model != FaultNoDone {
		_, _ = w.Write([]byte("data: [DONE]\n\n"))
	}
}

// example makes a value that fits simple schemas: objects of strings, numbers
// and booleans.
func example(schema map[string]any) any {
	switch schema["type"] {
	case "object":
		out := map[string]any{}
		props, _ := schema["properties"].(map[string]any)
		for name, p := range props {
			sub, _ := p.(map[string]any)
			out[name] = example(sub)
		}
		return out
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "array":
		return []any{}
	}
	return "x"
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, message, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "invalid_request_error", "code": code}})
}

// Transport is an HTTP transport of its own whose idle connections are closed
// at the end of the test.
func Transport(t interface{ Cleanup(func()) }) *http.Transport {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}
