package gateway

import (
	"encoding/json"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/sse"
)

// TypedFrame is the event that ends a stream with an error: its name is
// "error", its data an error document of type "error" (see fail.Document).
func TypedFrame(err error) []byte {
	data, mErr := json.Marshal(fail.ToDocument(public(err), "error"))
	if mErr != nil {
		data = []byte(`{"type":"error","code":"internal"}`)
	}
	return sse.Append(nil, sse.Event{Type: "error", Data: data})
}

// OpenAIFrame is TypedFrame for clients of the OpenAI API: the data also has
// the member "error" that they look for.
func OpenAIFrame(err error) []byte {
	type detail struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    string  `json:"code"`
	}
	d := fail.ToDocument(public(err), "error")
	data, mErr := json.Marshal(struct {
		Error detail `json:"error"`
		fail.Document
	}{detail{Message: d.Message, Type: openAIType(d.Code), Code: string(d.Code)}, d})
	if mErr != nil {
		data = []byte(`{"error":{"message":"internal","type":"server_error","code":"internal"}}`)
	}
	return sse.Append(nil, sse.Event{Type: "error", Data: data})
}

func openAIType(c fail.Code) string {
	switch c {
	case fail.Usage, fail.TooLarge, fail.NotFound, fail.Failed, fail.Conflict:
		return "invalid_request_error"
	case fail.Auth, fail.Forbidden, fail.Refused:
		return "permission_error"
	case fail.Limited:
		return "rate_limit_error"
	}
	return "server_error"
}

// public hides the details of an internal error, as fail.WriteProblem does.
func public(err error) error {
	e := fail.From(err)
	if e.Code != fail.Internal {
		return e
	}
	return fail.New(fail.Internal, "unexpected failure").WithRequest(e.Request).
		Hint("look for the request id in the server's log")
}
