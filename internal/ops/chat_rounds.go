package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Bounds of a turn with tools of ours.
const (
	maxToolRounds = 8
	maxToolCalls  = 24
	toolsAtOnce   = 4
)

// mayLook reports whether the model gets our tools. A caller's own tools are
// the caller's to run, and an answer by a schema is asked for in one piece.
func (t *turn) mayLook() bool {
	return t.in.Ops != "off" && len(t.in.Tools) == 0 && len(t.in.Schema) == 0 && !t.d.Chat.Builtin(t.in.Model)
}

// look is a turn in which the model may read the platform before it answers:
// its calls of tools are run as the caller, and the results handed back, until
// it answers or a bound is met; then it is asked to answer without. What an
// upstream refuses because of the tools is asked once more without them.
func (t *turn) look(ctx context.Context, history []api.ChatMessage) (api.ChatEvent, error) {
	own := t.in.System
	if len(history) > 0 && history[0].Role == "system" { // some models take one only
		own, history = strings.TrimSpace(own+"\n\n"+history[0].Content), history[1:]
	}
	messages := t.messages(history, chatInstructions(t.d.Now(), own))
	for n := 0; ; n++ {
		tools := t.box.definitions
		if n >= maxToolRounds || t.calls >= maxToolCalls {
			tools = nil
			if err := t.notice("the model has looked %d times, which is the most for one answer: it answers now", t.calls); err != nil {
				return api.ChatEvent{}, err
			}
		}
		reply, refused, err := t.open(ctx, messages, tools)
		if err != nil {
			if refused && ctx.Err() == nil {
				return t.without(ctx, history, own)
			}
			return api.ChatEvent{}, err
		}
		r, err := t.read(reply, true)
		if err != nil {
			return api.ChatEvent{}, err
		}
		done := toEvent(r.done)
		switch {
		case len(r.calls) == 0:
			return done, nil
		case tools == nil: // nobody runs them
			done.Finish = "length"
			return done, nil
		case t.in.Budget > 0 && t.usage.OutputTokens >= t.in.Budget:
			done.Finish = "length"
			return done, t.notice("the budget of %d tokens was used up before the model answered", t.in.Budget)
		}
		if messages, err = t.runTools(ctx, messages, r); err != nil {
			return api.ChatEvent{}, err
		}
	}
}

// without asks the question as if there were no tools.
func (t *turn) without(ctx context.Context, history []api.ChatMessage, own string) (api.ChatEvent, error) {
	reply, _, err := t.open(ctx, t.messages(history, own), nil)
	if err != nil {
		return api.ChatEvent{}, err
	}
	if err := t.notice("the model's server refused the request with the platform's tools: this is its answer without them (--ops off asks so at once)"); err != nil {
		reply.Discard()
		return api.ChatEvent{}, err
	}
	r, err := t.read(reply, true)
	return toEvent(r.done), err
}

func (t *turn) notice(format string, args ...any) error {
	return t.emit(api.ChatEvent{Type: chat.EventNotice, Text: fmt.Sprintf(format, args...)})
}

// round is one request to the model, and what came of it.
type round struct {
	text  strings.Builder
	calls []chat.ToolCall // where they are ours
	usage *ai.Usage
	done  chat.Event
}

// open sends one request. An upstream that does not take it, and says nothing
// else, has refused it.
func (t *turn) open(ctx context.Context, messages []any, tools []json.RawMessage) (reply *ai.Reply, refused bool, err error) {
	body, err := t.request(messages, tools)
	if err != nil {
		return nil, false, err
	}
	reply, err = t.d.Gateway.Do(ctx, ai.Call{
		Service: "chat", Operation: chat.Complete, Input: body, Stream: true,
	})
	if err != nil {
		code := fail.CodeOf(err)
		return nil, code == fail.Usage || code == fail.TooLarge, err
	}
	if reply.Status < 400 || reply.Status >= 500 {
		return reply, false, nil
	}
	for _, err := range chat.Events(reply) {
		if err != nil {
			return nil, true, err
		}
	}
	return nil, true, fail.New(fail.Unavailable, "the upstream refused the call with status %d", reply.Status).Hint("aictl providers test")
}

// read hands the text of an answer over as it comes. Calls of tools are held
// back where they are ours. The round is never nil.
func (t *turn) read(reply *ai.Reply, ours bool) (*round, error) {
	r := &round{}
	for e, err := range chat.Events(reply) {
		if err != nil {
			return r, err
		}
		if err := t.take(r, e, ours); err != nil {
			return r, err
		}
	}
	t.count(r, reply)
	t.answer = r.text.String()
	if strings.TrimSpace(t.answer) == "" {
		t.answer = t.text.String()
	}
	return r, nil
}

func (t *turn) take(r *round, e chat.Event, ours bool) error {
	r.text.WriteString(e.Text)
	t.text.WriteString(e.Text)
	switch {
	case e.Type == chat.EventUsage:
		r.usage = e.Usage // some report in each chunk: the last counts
		return nil
	case e.Type == chat.EventDone:
		r.done = e
		return nil
	case e.Type == chat.EventTool && ours:
		r.addCall(*e.Tool)
		return nil
	}
	return t.emit(toEvent(e))
}

// addCall joins the parts of a call, which come by index. Some upstreams give
// every call the same index: a new id begins a new call.
func (r *round) addCall(part chat.ToolCall) {
	for i := len(r.calls) - 1; i >= 0; i-- {
		c := &r.calls[i]
		if c.Index != part.Index {
			continue
		}
		if part.ID != "" && c.ID != "" && part.ID != c.ID {
			break
		}
		if c.ID == "" {
			c.ID = part.ID
		}
		if len(c.Name) <= maxToolName {
			c.Name += part.Name
		}
		if len(c.Arguments) <= maxToolArguments {
			c.Arguments += part.Arguments
		}
		return
	}
	if len(r.calls) < maxToolCalls {
		r.calls = append(r.calls, part)
	}
}

// count adds what a round used: what the upstream says, else what the gateway
// estimates.
func (t *turn) count(r *round, reply *ai.Reply) {
	var used ai.Usage
	if reply.Usage != nil {
		used = reply.Usage()
	}
	if r.usage != nil {
		t.counts = true
		used.InputTokens, used.OutputTokens = r.usage.InputTokens, r.usage.OutputTokens
	}
	if used.OutputTokens <= 0 {
		used.OutputTokens = chat.EstimateTokens(r.text.String())
		for _, c := range r.calls {
			used.OutputTokens += chat.EstimateTokens(c.Name + c.Arguments)
		}
	}
	t.usage.InputTokens += used.InputTokens
	t.usage.OutputTokens += used.OutputTokens
	t.usage.Cost += used.Cost
}

// assistantCalls and toolResult are the messages that bring results back.
type assistantCalls struct {
	Role    string        `json:"role"`
	Content *string       `json:"content"`
	Calls   []calledTools `json:"tool_calls"`
}

type calledTools struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type toolResult struct {
	Role    string `json:"role"`
	ID      string `json:"tool_call_id"`
	Content string `json:"content"`
}

// runTools shows the calls, runs them, shows where their results can be seen
// again, and gives the conversation with them.
func (t *turn) runTools(ctx context.Context, messages []any, r *round) ([]any, error) {
	calls := r.calls[:min(len(r.calls), maxToolCalls-t.calls)]
	said := assistantCalls{Role: "assistant"}
	if text := r.text.String(); text != "" {
		said.Content = &text
		if err := t.paragraph(text); err != nil {
			return nil, err
		}
	}
	for i := range calls {
		c := &calls[i]
		if c.ID == "" {
			c.ID = fmt.Sprintf("call_%d", t.calls)
		}
		c.Index, c.Name = t.calls, clipped(c.Name, maxToolName)
		t.calls++
		if err := t.emit(toEvent(chat.Event{Type: chat.EventTool, Tool: c})); err != nil {
			return nil, err
		}
		one := calledTools{ID: c.ID, Type: "function"}
		one.Function.Name, one.Function.Arguments = c.Name, "{}"
		if len(c.Arguments) <= maxToolArguments && json.Valid([]byte(c.Arguments)) { // templates of models read it
			one.Function.Arguments = c.Arguments
		}
		said.Calls = append(said.Calls, one)
	}
	results := make([]looked, len(calls))
	var work errgroup.Group
	work.SetLimit(toolsAtOnce)
	for i, c := range calls {
		work.Go(func() error {
			if ctx.Err() == nil {
				results[i] = t.box.call(ctx, c)
			}
			return nil
		})
	}
	_ = work.Wait() // each failure is a result
	if ctx.Err() != nil {
		return nil, fail.From(context.Cause(ctx))
	}
	messages = append(messages, said)
	for i, c := range calls {
		messages = append(messages, toolResult{Role: "tool", ID: c.ID, Content: results[i].content})
		if results[i].command == "" {
			continue
		}
		noun, verb, _ := strings.Cut(results[i].spec.ID, ".")
		if err := t.emit(api.ChatEvent{Type: chat.EventEvidence, Evidence: []api.Evidence{
			{Source: noun, ID: verb, Command: results[i].command},
		}}); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// paragraph ends what was said before a look, so that what is said after it
// does not run on.
func (t *turn) paragraph(text string) error {
	end := "\n\n"
	switch {
	case strings.HasSuffix(text, "\n\n"):
		return nil
	case strings.HasSuffix(text, "\n"):
		end = "\n"
	}
	t.text.WriteString(end)
	return t.emit(api.ChatEvent{Type: chat.EventDelta, Text: end})
}
