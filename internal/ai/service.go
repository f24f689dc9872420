// Package ai holds the contract between the platform and an AI service: a
// service describes itself and answers calls. Services are reached only
// through internal/ai/gateway, which admits, routes, guards and records.
//
// The package promises one shape for plain and streamed answers (Reply), so
// that there is one code path for both. It does not know HTTP routing,
// identity or the store.
package ai

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
)

// Service is one AI service: built in, a supervised process, or remote.
// Implementations are safe for concurrent use.
type Service interface {
	// Describe gives the self-description. It does no I/O and returns equal
	// values until the service is replaced.
	Describe() Description
	// Invoke answers one call. An error before the first chunk is returned
	// here; a failure after it is yielded by Reply.Chunks. Cancelling ctx ends
	// both. Errors are *fail.Error.
	Invoke(ctx context.Context, call Call) (*Reply, error)
}

// Description is what a service says of itself.
type Description struct {
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	Summary    string      `json:"summary"`
	Operations []Operation `json:"operations"`
}

// Operation is one thing that a service can do.
type Operation struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	// Input and Output are JSON Schemas (draft 2020-12).
	Input    json.RawMessage   `json:"input"`
	Output   json.RawMessage   `json:"output"`
	Examples []json.RawMessage `json:"examples"`
	// Streams says that the answer can come in parts (SSE).
	Streams bool `json:"streams"`
	// Idempotent says that a call may be sent twice: the gateway may retry it.
	Idempotent bool   `json:"idempotent"`
	Limits     Limits `json:"limits"`
}

// Limits bound one operation. Zero means the gateway's default.
type Limits struct {
	TimeoutMS   int64 `json:"timeout_ms,omitempty"`
	MaxBody     int64 `json:"max_body_bytes,omitempty"`
	Concurrency int   `json:"concurrency,omitempty"`
}

// Call is one invocation. Identity, request id and deadline are in the
// context.
type Call struct {
	Service   string
	Operation string
	// Input is the JSON body, read to the end and within limits. Services must
	// not change it.
	Input []byte
	// Stream asks for the answer in parts.
	Stream bool
	// Caller is the service that makes the call; empty for people and clients.
	Caller string
	// Header has the few headers that matter to a service (traceparent,
	// session affinity). It may be nil.
	Header http.Header
}

// Reply is an answer. A plain one yields its body in one chunk or several; a
// streamed one yields whole server-sent events, each flushed to the client.
// Chunks must be ranged over exactly once, by one goroutine, to the end or to
// the first break: it releases what the call holds. A chunk is valid only
// until the next one is asked for.
type Reply struct {
	Status      int
	ContentType string
	Header      http.Header
	Stream      bool
	Chunks      iter.Seq2[[]byte, error]
	// Usage gives what the call used, once Chunks has ended. It may be nil.
	Usage func() Usage
	// Target names the replica or upstream that answered, for the record.
	Target string
	// Length is the size of a plain answer in bytes where it is known, 0 where
	// it is not.
	Length int64
	// Frame makes the event that tells the client of a failure inside a
	// stream; nil leaves it to the writer.
	Frame func(error) []byte
}

// Usage is what a call consumed.
type Usage struct {
	InputTokens  int64   `json:"input_tokens"`
	OutputTokens int64   `json:"output_tokens"`
	Cost         float64 `json:"cost,omitempty"` // in the currency of the configured prices
}

// Once is the Chunks of a plain answer that is already in memory.
func Once(body []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield(body, nil) }
}

// Discard ends a reply that nobody will read.
func (r *Reply) Discard() { r.Chunks(func([]byte, error) bool { return false }) }

// JSON makes the plain reply that holds v.
func JSON(v any) (*Reply, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return &Reply{Status: http.StatusOK, ContentType: "application/json", Chunks: Once(body), Length: int64(len(body))}, nil
}
