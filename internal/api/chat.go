package api

import (
	"encoding/json"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// ChatInput is one turn of a conversation.
type ChatInput struct {
	Prompt      string            `json:"prompt,omitempty" arg:"?PROMPT..." jsonschema:"the question; standard input where it is absent"`
	Messages    []ChatMessage     `json:"messages,omitempty" flag:"-" jsonschema:"the conversation so far, without a session"`
	Session     string            `json:"session,omitempty" complete:"sessions" jsonschema:"continue (or start) the session of this name"`
	Model       string            `json:"model,omitempty" flag:"model,m" complete:"models" jsonschema:"model or alias; the default alias where it is absent"`
	System      string            `json:"system,omitempty" jsonschema:"system prompt"`
	Schema      json.RawMessage   `json:"schema,omitempty" flag:"-" jsonschema:"JSON Schema that the answer must satisfy"`
	Tools       []json.RawMessage `json:"tools,omitempty" flag:"-" jsonschema:"tool definitions in OpenAI's form, passed on untouched"`
	Ops         string            `json:"ops,omitempty" enum:"on,off" jsonschema:"on (where absent) lets the model read the platform's state as you: alerts, logs, metrics, deployments; off gives it nothing"`
	Budget      int64             `json:"budget,omitempty" jsonschema:"most tokens that the answer may use, over all rounds"`
	Temperature *float64          `json:"temperature,omitempty" jsonschema:"sampling temperature, passed on"`
}

// Validate implements op.Validator.
func (in *ChatInput) Validate() error {
	if in.Prompt == "" && len(in.Messages) == 0 {
		return fail.New(fail.Usage, "nothing is asked").Hint("aictl chat \"what is running?\"")
	}
	if in.Budget < 0 {
		return fail.New(fail.Usage, "budget must not be negative")
	}
	return nil
}

// ChatMessage is one message of a conversation.
type ChatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ChatEvent is one part of an answer. The members beside Type depend on it.
type ChatEvent struct {
	Type     string     `json:"type" jsonschema:"delta, tool, evidence, notice, usage or done"`
	Text     string     `json:"text,omitempty" jsonschema:"part of the answer, or the notice"`
	Tool     *ChatTool  `json:"tool,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
	Usage    *ChatUsage `json:"usage,omitempty"`
	Session  string     `json:"session,omitempty"`
	Model    string     `json:"model,omitempty"`
	Finish   string     `json:"finish,omitempty" jsonschema:"why the answer ended: stop, length, tool_calls, content_filter"`
}

// ChatTool is a call of a tool that the model asks for.
type ChatTool struct {
	Index     int    `json:"index"`
	ID        string `json:"id,omitempty"`
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments,omitempty" jsonschema:"JSON, in parts while it streams"`
}

// Evidence is where a claim comes from, and how to see it again.
type Evidence struct {
	Source  string `json:"source"`
	ID      string `json:"id"`
	Command string `json:"command,omitempty"`
}

// ChatUsage is what an answer consumed.
type ChatUsage struct {
	InputTokens  int64   `json:"input_tokens"`
	OutputTokens int64   `json:"output_tokens"`
	Cost         float64 `json:"cost,omitempty"`
}

// Session is a kept conversation.
type Session struct {
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Messages int       `json:"messages"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// SessionDetail is a kept conversation with its messages.
type SessionDetail struct {
	Session
	History []ChatMessage `json:"history"`
}

// SessionName names one session of the caller.
type SessionName struct {
	Name string `json:"name" arg:"SESSION" complete:"sessions" jsonschema:"the session's name"`
}

// Deleted names what is gone.
type Deleted struct {
	Name    string `json:"name"`
	Deleted bool   `json:"deleted"`
}

// The operations of chat.
var (
	ChatAsk = &op.Stream[ChatInput, ChatEvent]{Spec: op.Spec{
		ID: "chat.ask", Route: "POST /api/v1/chat", Command: "chat", Effect: op.Invoke, Server: true,
		Summary: "Ask the platform's assistant or a model",
		Doc: "One answer from the arguments or standard input; on a terminal without either, a conversation.\n" +
			"Off a terminal standard output is the answer's bytes only. Without a configured model server the\n" +
			"built-in assistant aictl-ops answers from the platform's live state and its manual; it is not a\n" +
			"language model, and says so where it cannot answer. A model of a server gets read operations as tools,\n" +
			"which run as you (--ops off gives it none); what it looked at is said on standard error.",
		Errors: []fail.Code{fail.NotFound, fail.Limited, fail.TooLarge, fail.False},
		Examples: []op.Example{
			{Command: `aictl chat "what is running?"`, Note: "one answer"},
			{Command: `aictl chat --session night "is predict healthy?"`, Note: "keep the conversation"},
			{Command: `echo "how do I forecast a series?" | aictl chat -o jsonl`, Note: "the typed events, for scripts"},
		},
	}}
	SessionsList = &op.Query[None, []Session]{Spec: op.Spec{
		ID: "sessions.list", Route: "GET /api/v1/sessions", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "List your chat sessions, the latest first",
		Examples: []op.Example{
			{Command: "aictl sessions list", Note: "name, title, size and age"},
			{Command: "aictl sessions list -o name", Note: "names for a script"},
		},
	}}
	SessionsShow = &op.Query[SessionName, SessionDetail]{Spec: op.Spec{
		ID: "sessions.show", Route: "GET /api/v1/sessions/{name}", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "Show the messages of a chat session",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl sessions show night", Note: "read it"},
			{Command: "aictl sessions show night -o json --jq '.history[-1].content'", Note: "the last answer"},
		},
	}}
	SessionsDelete = &op.Change[SessionName, Deleted]{Spec: op.Spec{
		ID: "sessions.delete", Route: "DELETE /api/v1/sessions/{name}", Effect: op.Destroy, Server: true, Idempotent: true,
		Summary: "Delete a chat session",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl sessions delete night --dry-run=server", Note: "what it would delete"},
			{Command: "aictl sessions delete night --yes", Note: "without a question"},
		},
	}}
)
