package openai

import (
	"context"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
)

// Target is one model of an upstream, as a replica of a gateway's route: it
// answers the operations complete and embeddings of the chat service with its
// own model's name in the request.
type Target struct {
	Upstream *Upstream
	// Model is the upstream's own name of the model.
	Model string
}

// Do sends the call on. It implements the gateway's Upstream.
func (t Target) Do(ctx context.Context, call *ai.Call) (*ai.Reply, error) {
	path := "/chat/completions"
	if call.Operation == chat.Embeddings {
		path = "/embeddings"
	}
	body, err := chat.Request(call.Input, t.Model, call.Stream)
	if err != nil {
		return nil, err
	}
	reply, err := t.Upstream.Post(ctx, path, body, call.Stream, call.Header)
	if err != nil {
		return nil, err
	}
	reply.Target = t.Upstream.Name + "/" + t.Model
	return chat.Meter(reply, chat.EstimateTokens(string(call.Input)), nil), nil
}
