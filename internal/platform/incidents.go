package platform

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/devstack/rules"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident"
	"github.com/aictl/aictl/internal/incident/runbook"
	"github.com/aictl/aictl/internal/store"
)

// incidents keeps incidents in the control plane's store.
func (p *Platform) incidents(context.Context) (incident.Store, error) {
	return store.Incidents{Store: p.store}, nil
}

// builtinRunbooks are those of the embedded stack's alerts.
func builtinRunbooks(context.Context) ([]runbook.Document, error) {
	return []runbook.Document{{Source: "built in", Body: rules.Runbooks()}}, nil
}

// narrateTokens bounds a narrative.
const narrateTokens = 800

// narrate asks the configured model through the gateway, with its limits and
// budgets. The built-in assistant writes no prose: without an upstream there is
// no narrative.
func (p *Platform) narrate(ctx context.Context, prompt string) (string, error) {
	if len(p.config.Load().Chat.Upstreams) == 0 {
		return "", fail.New(fail.Unavailable, "no model upstream is configured that could write a narrative").
			Hint("without --narrative the report needs none; aictl providers list")
	}
	body, err := json.Marshal(map[string]any{
		"messages": []api.ChatMessage{{Role: "user", Content: prompt}}, "stream": true, "temperature": 0, "max_tokens": narrateTokens,
	})
	if err != nil {
		return "", err
	}
	reply, err := p.gateway.Do(ctx, ai.Call{Service: chat.ServiceName, Operation: chat.Complete, Input: body, Stream: true})
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for e, err := range chat.Events(reply) {
		if err != nil {
			return "", err
		}
		out.WriteString(e.Text)
	}
	return out.String(), nil
}
