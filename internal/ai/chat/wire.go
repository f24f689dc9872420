package chat

import (
	"crypto/rand"
	"encoding/json"
	"strings"

	"github.com/aictl/aictl/internal/ai/chat/assistant"
	"github.com/aictl/aictl/internal/fail"
)

// request is what the assistant reads of a chat completion. Requests for
// upstreams are never decoded to it: they pass as bytes.
type request struct {
	Messages      []message `json:"messages"`
	Stream        bool      `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

// content is a message's text: a string, or the text parts of a list.
type content string

// UnmarshalJSON implements json.Unmarshaler.
func (c *content) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var s string
	if json.Unmarshal(b, &s) == nil {
		*c = content(s)
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return fail.New(fail.Usage, "a message's content must be text or a list of parts")
	}
	texts := []string{}
	for _, p := range parts {
		if p.Text != "" {
			texts = append(texts, p.Text)
		}
	}
	*c = content(strings.Join(texts, "\n"))
	return nil
}

func readRequest(body []byte) (request, []assistant.Turn, error) {
	var r request
	if err := json.Unmarshal(body, &r); err != nil {
		return r, nil, fail.Wrap(fail.Usage, err, "reading the request").Hint("aictl services describe chat")
	}
	turns := []assistant.Turn{}
	asked := false
	for _, m := range r.Messages {
		asked = asked || m.Role == "user" && strings.TrimSpace(string(m.Content)) != ""
		turns = append(turns, assistant.Turn{Role: m.Role, Text: string(m.Content)})
	}
	if !asked {
		return r, nil, fail.New(fail.Usage, "messages: nothing is asked; want at least one message of role user with text").
			Hint(`aictl chat "what is running?"`)
	}
	return r, turns, nil
}

// completion and chunk are OpenAI's answers, with the field aictl beside.
type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
	Aictl   *extra   `json:"aictl,omitempty"`
}

type choice struct {
	Index   int     `json:"index"`
	Message *delta  `json:"message,omitempty"`
	Delta   *delta  `json:"delta,omitempty"`
	Logs    any     `json:"logprobs"`
	Finish  *string `json:"finish_reason"`
}

type delta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	Refusal   *string    `json:"refusal,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

type toolCall struct {
	Index    int    `json:"index"`
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
}

type extra struct {
	Evidence []assistant.Evidence `json:"evidence"`
}

// randomID is OpenAI's form of an id, with 130 random bits.
func randomID() string { return "chatcmpl-" + rand.Text() }
