package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/sse"
)

type object = map[string]any

func (p *prober) reachable(ctx context.Context) (Result, string) {
	p.list = p.call(ctx, http.MethodGet, "/models", nil)
	if p.list.status == 0 {
		p.down = true
		return No, p.list.trouble()
	}
	return OK, fmt.Sprintf("answered with status %d after %s", p.list.status, p.list.all.Round(time.Microsecond))
}

func (p *prober) auth(context.Context) (Result, string) {
	with := "with a key"
	if p.up.Key == "" {
		with = "without a key"
	}
	switch s := p.list.status; {
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return No, fmt.Sprintf("refused %s: %s", with, p.list.trouble())
	case s >= 300:
		return Unknown, p.list.trouble()
	}
	return OK, "let in " + with
}

func (p *prober) models(context.Context) (Result, string) {
	if why := p.list.trouble(); why != "" {
		return p.list.verdict(), why
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if json.Unmarshal(p.list.body, &list) != nil || list.Data == nil {
		return No, "the answer is not a list of models"
	}
	found := p.model == ""
	for _, m := range list.Data {
		found = found || m.ID == p.model
	}
	if p.model == "" && len(list.Data) > 0 {
		p.model = list.Data[0].ID
	}
	if !found {
		return OK, fmt.Sprintf("%d listed, %q is not among them", len(list.Data), p.model)
	}
	return OK, fmt.Sprintf("%d listed", len(list.Data))
}

func (p *prober) ask(more object) object {
	out := object{"model": p.model, "max_tokens": 64, "messages": []object{{"role": "user", "content": "Reply with the words: all is well"}}}
	for k, v := range more {
		out[k] = v
	}
	return out
}

const noModel = "no model is known to test with: name one with --model"

// complete makes one plain completion.
func (p *prober) complete(ctx context.Context, more object) (answer, completion, Result, string) {
	var c completion
	if p.model == "" {
		return answer{}, c, Unknown, noModel
	}
	a := p.call(ctx, http.MethodPost, "/chat/completions", p.ask(more))
	if why := a.trouble(); why != "" {
		return a, c, a.verdict(), why
	}
	if err := json.Unmarshal(a.body, &c); err != nil || len(c.Choices) == 0 {
		return a, c, No, "the answer is not a chat completion"
	}
	return a, c, OK, ""
}

type completion struct {
	Choices []struct {
		Message struct {
			Content   *string `json:"content"`
			ToolCalls []struct {
				Function struct {
					Name, Arguments string
				} `json:"function"`
			} `json:"tool_calls"`
		} `json:"message"`
	} `json:"choices"`
	Usage *struct{} `json:"usage"`
}

func (c completion) text() string {
	if len(c.Choices) == 0 || c.Choices[0].Message.Content == nil {
		return ""
	}
	return *c.Choices[0].Message.Content
}

func (p *prober) plain(ctx context.Context) (Result, string) {
	a, c, result, why := p.complete(ctx, nil)
	if result != OK {
		return result, why
	}
	use := "reports usage"
	if c.Usage == nil {
		use = "reports no usage"
	}
	return OK, fmt.Sprintf("whole answer after %s, %s", a.all.Round(time.Microsecond), use)
}

// streamed makes one streamed completion and gives its events.
func (p *prober) streamed(ctx context.Context) (a answer, events [][]byte, result Result, why string) {
	if p.model == "" {
		return a, nil, Unknown, noModel
	}
	a = p.call(ctx, http.MethodPost, "/chat/completions", p.ask(object{"stream": true, "stream_options": object{"include_usage": true}}))
	if why := a.trouble(); why != "" {
		return a, nil, a.verdict(), why
	}
	if !strings.HasPrefix(a.typ, "text/event-stream") {
		return a, nil, No, "answers in one piece of type " + a.typ
	}
	r := sse.NewReader(bytes.NewReader(a.body), int(p.o.MaxBody))
	for {
		e, err := r.Next()
		if err != nil {
			return a, events, No, fmt.Sprintf("the stream ends without [DONE] after %d events", len(events))
		}
		if string(e.Data) == "[DONE]" {
			break
		}
		if !json.Valid(e.Data) {
			return a, events, No, "an event is not JSON"
		}
		events = append(events, e.Data)
	}
	if len(events) == 0 {
		return a, nil, No, "the stream has no events"
	}
	return a, events, OK, ""
}

func (p *prober) streaming(ctx context.Context) (Result, string) {
	a, events, result, why := p.streamed(ctx)
	if result != OK {
		return result, why
	}
	first := a.first.Round(time.Microsecond)
	// One read may bring several events by chance; one read for all of many
	// events is a server (or a proxy before it) that buffers.
	if a.reads == 1 && len(events) >= 3 {
		return No, fmt.Sprintf("buffered: %d events came in one piece after %s", len(events), first)
	}
	return OK, fmt.Sprintf("%d events in %d pieces, the first after %s", len(events), a.reads, first)
}

func (p *prober) streamUsage(ctx context.Context) (Result, string) {
	_, events, result, why := p.streamed(ctx)
	if result != OK {
		return Unknown, "no stream to measure: " + why
	}
	for _, e := range events {
		var c completion
		if json.Unmarshal(e, &c) == nil && c.Usage != nil {
			return OK, "stream_options.include_usage is honoured"
		}
	}
	return No, "stream_options.include_usage has no effect: tokens are estimated"
}

func (p *prober) tools(ctx context.Context) (Result, string) {
	_, c, result, why := p.complete(ctx, object{
		"messages": []object{{"role": "user", "content": "What is the weather in Oslo? Use the tool."}},
		"tools": []object{{"type": "function", "function": object{
			"name": "get_weather", "description": "Current weather of a city",
			"parameters": object{"type": "object", "required": []string{"city"}, "properties": object{"city": object{"type": "string"}}},
		}}},
	})
	if result != OK {
		return result, why
	}
	calls := c.Choices[0].Message.ToolCalls
	switch {
	case len(calls) == 0:
		return No, "answered without calling the tool"
	case calls[0].Function.Name != "get_weather":
		return No, fmt.Sprintf("called a tool that was not offered: %q", calls[0].Function.Name)
	case !json.Valid([]byte(calls[0].Function.Arguments)):
		return No, "the call's arguments are not JSON"
	}
	return OK, "called the tool with JSON arguments"
}

func (p *prober) jsonSchema(ctx context.Context) (Result, string) {
	schema := object{
		"type": "object", "additionalProperties": false, "required": []string{"city", "population"},
		"properties": object{"city": object{"type": "string"}, "population": object{"type": "integer"}},
	}
	_, c, result, why := p.complete(ctx, object{
		"messages":        []object{{"role": "user", "content": "Give the capital of Norway and its population."}},
		"response_format": object{"type": "json_schema", "json_schema": object{"name": "city", "strict": true, "schema": schema}},
	})
	if result != OK {
		return result, why
	}
	raw, err := json.Marshal(schema)
	if err != nil {
		return Unknown, err.Error()
	}
	if !json.Valid([]byte(strings.TrimSpace(c.text()))) {
		return No, "response_format is accepted, but the answer is not bare JSON"
	}
	if err := chat.ValidateAnswer(raw, c.text()); err != nil {
		return No, "response_format is accepted, but not kept to: " + err.Error()
	}
	return OK, "the answer fits the schema"
}

func (p *prober) embeddings(ctx context.Context) (Result, string) {
	if p.model == "" {
		return Unknown, noModel
	}
	a := p.call(ctx, http.MethodPost, "/embeddings", object{"model": p.model, "input": "all is well"})
	if why := a.trouble(); why != "" {
		return a.verdict(), why
	}
	var e struct {
		Data []struct {
			Embedding []float64 `json:"embedding"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &e) != nil || len(e.Data) == 0 || len(e.Data[0].Embedding) == 0 {
		return No, "the answer holds no vector"
	}
	return OK, fmt.Sprintf("vectors of %d dimensions", len(e.Data[0].Embedding))
}

// contextError sends more than most models take (about 250,000 tokens) and
// looks for a clear refusal.
func (p *prober) contextError(ctx context.Context) (Result, string) {
	a, _, result, why := p.complete(ctx, object{
		"max_tokens": 1,
		"messages":   []object{{"role": "user", "content": strings.Repeat("all is well ", 80_000)}},
	})
	switch {
	case result == OK:
		return Unknown, "took a prompt of 960,000 bytes, whole or silently cut"
	case a.status == http.StatusBadRequest || a.status == http.StatusRequestEntityTooLarge || a.status == http.StatusUnprocessableEntity:
		return OK, "too long a prompt is refused: " + why
	case a.status >= 500:
		return No, "too long a prompt is a server error: " + why
	}
	return Unknown, why
}

// errorShape sends a request without messages for a model that cannot be.
func (p *prober) errorShape(ctx context.Context) (Result, string) {
	a := p.call(ctx, http.MethodPost, "/chat/completions", object{"model": "aictl-probe-no-such-model", "messages": []object{}})
	switch {
	case a.status == 0 || a.err != nil:
		return Unknown, a.trouble()
	case a.status < 400:
		return No, fmt.Sprintf("an impossible request has status %d", a.status)
	}
	var e struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(a.body, &e) != nil || e.Error.Message == "" {
		return No, fmt.Sprintf("status %d without OpenAI's error object", a.status)
	}
	return OK, fmt.Sprintf("status %d with OpenAI's error object", a.status)
}
