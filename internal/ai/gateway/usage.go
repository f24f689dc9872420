package gateway

import (
	"bytes"
	"encoding/json"

	"github.com/aictl/aictl/internal/ai"
)

// OpenAIUsage reads the "usage" member of an OpenAI answer or event, as a
// Policy's Usage.
func OpenAIUsage(chunk []byte) (ai.Usage, bool) {
	key := []byte(`"usage"`)
	i := bytes.LastIndex(chunk, key)
	if i < 0 {
		return ai.Usage{}, false
	}
	rest := bytes.TrimLeft(chunk[i+len(key):], " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return ai.Usage{}, false
	}
	var u *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
	}
	if err := json.NewDecoder(bytes.NewReader(rest[1:])).Decode(&u); err != nil || u == nil || u.Prompt < 0 || u.Completion < 0 {
		return ai.Usage{}, false
	}
	return ai.Usage{InputTokens: u.Prompt, OutputTokens: u.Completion}, true
}
