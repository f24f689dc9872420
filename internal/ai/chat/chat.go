// Package chat is the AI service "chat": OpenAI's chat completions over the
// configured upstreams, and the built-in assistant aictl-ops where there are
// none or where it is asked for by name.
//
// It promises that a request reaches an upstream byte for byte as it came but
// for the value of "model" (see Splice), that an unknown model is an error with
// the nearest name, and that the assistant's answers have the same wire form as
// any model's. It does not speak HTTP, retry, balance or break circuits: the
// Forwarder (the gateway) does, over the targets that Resolve gives.
package chat

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat/assistant"
	"github.com/aictl/aictl/internal/fail"
)

// ServiceName is the service's name.
const ServiceName = "chat"

// The operations of the service.
const (
	Complete   = "complete"
	Embeddings = "embeddings"
	Models     = "models"
)

// Forwarder sends a request to one of the targets of a route and gives its
// reply. Targets of the lowest Tier come first and share calls by Weight; the
// next tier is tried on failure before the first byte. body makes the request
// for a target. Cancelling ctx ends the call. Errors are *fail.Error.
type Forwarder interface {
	Forward(ctx context.Context, route Route, body func(Target) ([]byte, error)) (*ai.Reply, error)
}

// Route is one call on its way to an upstream.
type Route struct {
	// Model is the name that was asked for, or the default's.
	Model string
	// Path is below the upstream's URL: "/chat/completions" or "/embeddings".
	Path    string
	Targets []Target
	Call    ai.Call
}

// Assistant answers a conversation about the platform. *assistant.Assistant
// implements it.
type Assistant interface {
	Ask(ctx context.Context, turns []assistant.Turn) (assistant.Answer, error)
}

// Options are what a Service needs.
type Options struct {
	Config    Config
	Assistant Assistant
	// Forward sends calls to upstreams. It may be nil where Config has none.
	Forward Forwarder
	// Version of the platform, for the self-description.
	Version string
	// Now is the clock; time.Now where nil.
	Now func() time.Time
	// NewID makes the id of an answer; random where nil.
	NewID func() string
}

// Service is the chat service. It is safe for concurrent use; a changed
// configuration is a new Service.
type Service struct {
	config    Config
	assistant Assistant
	forward   Forwarder
	version   string
	now       func() time.Time
	newID     func() string
	started   time.Time
}

// New makes the service. Errors have code usage and say what is wrong in the
// configuration.
func New(o Options) (*Service, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if o.Assistant == nil {
		return nil, fail.New(fail.Internal, "chat: no assistant given")
	}
	if len(o.Config.Upstreams) > 0 && o.Forward == nil {
		return nil, fail.New(fail.Internal, "chat: upstreams are configured, and nothing forwards to them")
	}
	s := &Service{
		config: o.Config, assistant: o.Assistant, forward: o.Forward,
		version: o.Version, now: o.Now, newID: o.NewID,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = randomID
	}
	if s.version == "" {
		s.version = "dev"
	}
	s.started = s.now()
	return s, nil
}

// Invoke implements ai.Service.
func (s *Service) Invoke(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	switch call.Operation {
	case Complete:
		return s.complete(ctx, call)
	case Embeddings:
		return s.embeddings(ctx, call)
	case Models:
		return ai.JSON(s.models())
	}
	return nil, fail.New(fail.NotFound, "service chat has no operation %q; it has complete, embeddings and models", call.Operation).
		Hint("aictl services describe chat")
}

// complete routes by the model's name. The body decides about streaming where
// the call does not: a client of another maker sets "stream" there.
func (s *Service) complete(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	head, err := readHead(call.Input)
	if err != nil {
		return nil, err
	}
	targets, err := s.config.Resolve(head.Model)
	if err != nil {
		return nil, err
	}
	if targets[0].Builtin() {
		return s.answer(ctx, call)
	}
	stream := call.Stream || head.Stream
	return s.send(ctx, call, head.Model, "/chat/completions", targets, stream)
}

func (s *Service) embeddings(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	head, err := readHead(call.Input)
	if err != nil {
		return nil, err
	}
	targets, err := s.config.Resolve(head.Model)
	if err != nil {
		return nil, err
	}
	if targets[0].Builtin() {
		return nil, fail.New(fail.Usage, "the built-in assistant %s makes no embeddings; name a model of an upstream", BuiltinModel).
			Hint("aictl providers list")
	}
	return s.send(ctx, call, head.Model, "/embeddings", targets, false)
}

func (s *Service) send(ctx context.Context, call ai.Call, model, path string, targets []Target, stream bool) (*ai.Reply, error) {
	if model == "" {
		model = s.config.Default()
	}
	call.Stream = stream
	input := call.Input
	body := func(t Target) ([]byte, error) { return Request(input, t.Model, stream) }
	reply, err := s.forward.Forward(ctx, Route{Model: model, Path: path, Targets: targets, Call: call}, body)
	if err != nil {
		return nil, err
	}
	return Meter(reply, EstimateTokens(string(input)), s.config.price(targets)), nil
}

// Model is one entry of the models list, in OpenAI's form.
type Model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// ModelList is the answer of the operation models.
type ModelList struct {
	Object string  `json:"object"`
	Data   []Model `json:"data"`
}

func (s *Service) models() ModelList {
	list := ModelList{Object: "list", Data: []Model{}}
	for _, n := range s.config.names() {
		list.Data = append(list.Data, Model{ID: n.name, Object: "model", Created: s.started.Unix(), OwnedBy: n.owner})
	}
	return list
}

// Describe implements ai.Service.
func (s *Service) Describe() ai.Description {
	raw := func(v string) json.RawMessage { return json.RawMessage(v) }
	limits := ai.Limits{MaxBody: 16 << 20}
	d := ai.Description{
		Name: ServiceName, Version: s.version,
		Summary: "Answers from a language model, or from the built-in assistant about this platform",
		Operations: []ai.Operation{
			{
				Name: Complete, Summary: "Answer a conversation (OpenAI chat completions)",
				Input: raw(completeInput), Output: raw(completeOutput), Streams: true, Idempotent: true, Limits: limits,
				Examples: []json.RawMessage{
					raw(`{"messages":[{"role":"user","content":"what is running?"}]}`),
					raw(`{"model":"aictl-ops","stream":true,"messages":[{"role":"user","content":"is predict healthy?"}]}`),
				},
			},
			{
				Name: Models, Summary: "List the models that can be named", Idempotent: true,
				Input: raw(`{"type":"object"}`), Output: raw(modelsOutput), Examples: []json.RawMessage{raw(`{}`)},
			},
		},
	}
	if len(s.config.Upstreams) > 0 {
		d.Operations = append(d.Operations, ai.Operation{
			Name: Embeddings, Summary: "Turn text into vectors (OpenAI embeddings), where the upstream can",
			Input: raw(embeddingsInput), Output: raw(`{"type":"object"}`), Idempotent: true, Limits: limits,
			Examples: []json.RawMessage{raw(`{"model":"embedder","input":"some text"}`)},
		})
	}
	return d
}

const (
	completeInput = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["messages"],"properties":{
"model":{"type":"string","description":"a name from the operation models; the default where absent"},
"messages":{"type":"array","minItems":1,"items":{"type":"object","required":["role"],"properties":{"role":{"type":"string"},"content":{"type":["string","array","null"]}}}},
"stream":{"type":["boolean","null"]},"tools":{"type":["array","null"]},"response_format":{"type":["object","null"]}}}`
	completeOutput = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["choices"],"properties":{
"id":{"type":"string"},"object":{"type":"string"},"model":{"type":"string"},"choices":{"type":"array"},"usage":{"type":["object","null"]},
"aictl":{"type":"object","description":"evidence of the built-in assistant"}}}`
	embeddingsInput = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["input"],"properties":{
"model":{"type":"string"},"input":{"type":["string","array"]}}}`
	modelsOutput = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["data"],"properties":{
"object":{"const":"list"},"data":{"type":"array","items":{"type":"object","required":["id"]}}}}`
)

func plain(v any) (*ai.Reply, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "encoding the answer")
	}
	return &ai.Reply{Status: http.StatusOK, ContentType: "application/json", Chunks: ai.Once(body)}, nil
}
