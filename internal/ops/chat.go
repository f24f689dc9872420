package ops

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func bindChat(r *op.Registry, d Deps) {
	box, err := newToolbox(chatTools, op.Within{Registry: r}, d.Redact)
	if err != nil {
		panic(err) // a programmer's mistake at start-up: something that writes stands among the tools
	}
	op.BindStream(r, api.ChatAsk, func(ctx context.Context, in api.ChatInput) iter.Seq2[api.ChatEvent, error] {
		return func(yield func(api.ChatEvent, error) bool) { (&turn{d: d, box: box, in: in, yield: yield}).run(ctx) }
	})
}

// turn is one question and its answer, of one round with the model or, with
// tools of ours, of several.
type turn struct {
	d     Deps
	box   *toolbox
	in    api.ChatInput
	yield func(api.ChatEvent, error) bool

	text   strings.Builder // all that was said
	answer string          // what was said last: the answer
	calls  int             // of our tools
	usage  ai.Usage        // of all rounds
	counts bool            // an upstream counted
}

func (t *turn) run(ctx context.Context) {
	if err := t.talk(ctx); err != nil && !errors.Is(err, errGone) {
		t.yield(api.ChatEvent{}, err)
	}
}

// emit hands an event over; the error says that nobody takes it any more.
func (t *turn) emit(e api.ChatEvent) error {
	if !t.yield(e, nil) {
		return errGone
	}
	return nil
}

func (t *turn) talk(ctx context.Context) error {
	history, isNew, err := t.history(ctx)
	if err != nil {
		return err
	}
	var done api.ChatEvent
	if t.mayLook() {
		done, err = t.look(ctx, history)
	} else {
		done, err = t.plain(ctx, history)
	}
	if err != nil {
		return err
	}
	if t.counts {
		if err := t.emit(api.ChatEvent{Type: chat.EventUsage, Usage: &api.ChatUsage{
			InputTokens: t.usage.InputTokens, OutputTokens: t.usage.OutputTokens, Cost: t.usage.Cost,
		}}); err != nil {
			return err
		}
	}
	// Kept before "done" is said: who reads it may rely on it.
	if err := t.close(ctx, isNew); err != nil {
		return err
	}
	done.Session = t.in.Session
	return t.emit(done)
}

// plain is a turn of one round, as it was asked for.
func (t *turn) plain(ctx context.Context, history []api.ChatMessage) (api.ChatEvent, error) {
	reply, _, err := t.open(ctx, t.messages(history, t.in.System), t.in.Tools)
	if err != nil {
		return api.ChatEvent{}, err
	}
	r, err := t.read(reply, false)
	return toEvent(r.done), err
}

// history is what was said before: the session's, or what the request brings.
func (t *turn) history(ctx context.Context) (messages []api.ChatMessage, isNew bool, err error) {
	if t.in.Session == "" {
		return t.in.Messages, false, nil
	}
	if len(t.in.Messages) > 0 {
		return nil, false, fail.New(fail.Usage, "a session brings its own messages; give one or the other")
	}
	if err := chat.CheckSession(t.in.Session); err != nil {
		return nil, false, err
	}
	_, kept, err := t.d.Sessions.Get(ctx, caller(ctx).Subject, t.in.Session)
	if fail.CodeOf(err) == fail.NotFound {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	for _, m := range chat.Trim(kept, t.d.Chat.Window()) {
		messages = append(messages, api.ChatMessage{Role: m.Role, Content: m.Text})
	}
	return messages, false, nil
}

// messages are the conversation with its new question.
func (t *turn) messages(history []api.ChatMessage, system string) []any {
	out := []any{}
	if system != "" {
		out = append(out, api.ChatMessage{Role: "system", Content: system})
	}
	for _, m := range history {
		out = append(out, m)
	}
	if t.in.Prompt != "" {
		out = append(out, api.ChatMessage{Role: "user", Content: t.in.Prompt})
	}
	return out
}

// request is the completion in OpenAI's form. The caller's tools go in
// untouched.
func (t *turn) request(messages []any, tools []json.RawMessage) ([]byte, error) {
	req := map[string]any{
		"messages": messages, "stream": true,
		"stream_options": map[string]any{"include_usage": true},
	}
	if t.in.Model != "" {
		req["model"] = t.in.Model
	}
	if t.in.Budget > 0 {
		req["max_tokens"] = t.in.Budget - t.usage.OutputTokens
	}
	if t.in.Temperature != nil {
		req["temperature"] = *t.in.Temperature
	}
	if len(tools) > 0 {
		req["tools"] = tools
	}
	if len(t.in.Schema) > 0 {
		req["response_format"] = map[string]any{
			"type": "json_schema", "json_schema": map[string]any{"name": "answer", "schema": t.in.Schema},
		}
	}
	return json.Marshal(req)
}

// close checks the whole answer and keeps the turn.
func (t *turn) close(ctx context.Context, isNew bool) error {
	if len(t.in.Schema) > 0 {
		if err := chat.ValidateAnswer(t.in.Schema, t.answer); err != nil {
			return err
		}
	}
	if t.in.Session == "" {
		return nil
	}
	// The answer is paid for: it is kept even when its reader has gone.
	ctx = context.WithoutCancel(ctx)
	owner, now := caller(ctx).Subject, t.d.Now().UTC()
	if isNew {
		if _, err := t.d.Sessions.Create(ctx, owner, t.in.Session, title(t.in.Prompt)); err != nil &&
			fail.CodeOf(err) != fail.Conflict { // another turn has just made it
			return err
		}
	}
	return t.d.Sessions.Append(ctx, owner, t.in.Session,
		chat.Message{Role: "user", Text: t.in.Prompt, Time: now},
		chat.Message{Role: "assistant", Text: t.answer, Time: now})
}

// title is the beginning of the first question.
func title(prompt string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(prompt), "\n")
	if r := []rune(line); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return line
}

func toEvent(e chat.Event) api.ChatEvent {
	out := api.ChatEvent{Type: e.Type, Text: e.Text, Model: e.Model, Finish: e.Finish}
	if e.Tool != nil {
		out.Tool = &api.ChatTool{Index: e.Tool.Index, ID: e.Tool.ID, Name: e.Tool.Name, Arguments: e.Tool.Arguments}
	}
	for _, v := range e.Evidence {
		out.Evidence = append(out.Evidence, api.Evidence{Source: v.Source, ID: v.ID, Command: v.Command})
	}
	if e.Usage != nil {
		out.Usage = &api.ChatUsage{InputTokens: e.Usage.InputTokens, OutputTokens: e.Usage.OutputTokens, Cost: e.Usage.Cost}
	}
	return out
}

func bindSessions(r *op.Registry, d Deps) {
	op.BindQuery(r, api.SessionsList, func(ctx context.Context, _ api.None) ([]api.Session, error) {
		list, err := d.Sessions.List(ctx, caller(ctx).Subject)
		if err != nil {
			return nil, err
		}
		out := []api.Session{}
		for _, s := range list {
			out = append(out, toSession(s))
		}
		return out, nil
	})
	op.BindQuery(r, api.SessionsShow, func(ctx context.Context, in api.SessionName) (api.SessionDetail, error) {
		s, messages, err := d.Sessions.Get(ctx, caller(ctx).Subject, in.Name)
		if err != nil {
			return api.SessionDetail{}, err
		}
		out := api.SessionDetail{Session: toSession(s), History: []api.ChatMessage{}}
		for _, m := range messages {
			out.History = append(out.History, api.ChatMessage{Role: m.Role, Content: m.Text})
		}
		return out, nil
	})
	op.BindChange(r, api.SessionsDelete, func(ctx context.Context, in api.SessionName) (op.Planned[api.Deleted], error) {
		owner := caller(ctx).Subject
		s, _, err := d.Sessions.Get(ctx, owner, in.Name)
		if err != nil {
			return op.Planned[api.Deleted]{}, err
		}
		return op.Planned[api.Deleted]{
			Plan: op.Plan{
				Target: in.Name, Summary: "Delete the session " + in.Name,
				Steps: []op.Step{{Action: "delete", Object: "session/" + in.Name, Detail: plural(s.Messages, "message")}},
			},
			Apply: func(ctx context.Context) (api.Deleted, error) {
				return api.Deleted{Name: in.Name, Deleted: true}, d.Sessions.Delete(ctx, owner, in.Name)
			},
		}, nil
	})
}

func toSession(s chat.Session) api.Session {
	return api.Session{Name: s.Name, Title: s.Title, Messages: s.Messages, Created: s.Created.UTC(), Updated: s.Updated.UTC()}
}
