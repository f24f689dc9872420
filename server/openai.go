package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/propagation"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/telemetry"
)

// chatService is the service behind OpenAI's routes; its operations speak
// OpenAI's wire format themselves, so bodies pass through untouched.
const chatService = "chat"

// ChatModel is one row of /v1/models.
type ChatModel struct {
	ID      string
	Created int64 // Unix seconds; 0 where unknown
	OwnedBy string
}

type openaiModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func (s *Server) openaiModels(w http.ResponseWriter, r *http.Request) error {
	models, err := s.listModels(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": models})
	return nil
}

func (s *Server) openaiModel(w http.ResponseWriter, r *http.Request) error {
	models, err := s.listModels(r.Context())
	if err != nil {
		return err
	}
	name := r.PathValue("model")
	for _, m := range models {
		if m.ID == name {
			writeJSON(w, http.StatusOK, m)
			return nil
		}
	}
	return fail.New(fail.NotFound, "no model %q", cut(name, 128)).Hint("GET /v1/models lists them")
}

func (s *Server) listModels(ctx context.Context) ([]openaiModel, error) {
	out := []openaiModel{}
	if s.o.ChatModels == nil {
		return out, nil
	}
	models, err := s.o.ChatModels(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		if m.OwnedBy == "" {
			m.OwnedBy = "aictl"
		}
		out = append(out, openaiModel{m.ID, "model", m.Created, m.OwnedBy})
	}
	return out, nil
}

// openaiCall passes the body to an operation of the chat service, and its
// answer back.
func (s *Server) openaiCall(operation string) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.o.Gateway == nil {
			return fail.New(fail.NotFound, "this server has no chat service")
		}
		body, err := readBody(r)
		if err != nil {
			return err
		}
		// Only what routing needs; the service validates the rest.
		var head struct {
			Stream bool `json:"stream"`
		}
		if err := json.Unmarshal(body, &head); err != nil {
			return fail.Wrap(fail.Usage, err, "the body is not a valid %s request", operation)
		}
		reply, err := s.o.Gateway.Do(r.Context(), ai.Call{
			Service: chatService, Operation: operation, Input: body, Stream: head.Stream,
			Header: callHeader(r),
		})
		if err != nil {
			return err
		}
		return writeReply(w, r, reply)
	}
}

// callHeader picks the headers that a service gets to see.
func callHeader(r *http.Request) http.Header {
	h := http.Header{}
	telemetry.Propagator().Inject(r.Context(), propagation.HeaderCarrier(h))
	if v := r.Header.Get("X-Session-Id"); v != "" && len(v) <= 256 {
		h.Set("X-Session-Id", v)
	}
	return h
}

// writeReply is the one path for plain and streamed answers. Until the first
// chunk it may fail with a status; after it a stream ends in an error event,
// and a plain answer is cut so that it cannot pass for whole.
func writeReply(w http.ResponseWriter, r *http.Request, reply *ai.Reply) error {
	rc := http.NewResponseController(w)
	begun := false
	begin := func() {
		if begun {
			return
		}
		begun = true
		copyHeader(w.Header(), reply.Header)
		if reply.ContentType != "" {
			w.Header().Set("Content-Type", reply.ContentType)
		}
		switch {
		case reply.Stream:
			w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
		case reply.Length > 0:
			w.Header().Set("Content-Length", strconv.FormatInt(reply.Length, 10))
		}
		w.WriteHeader(reply.Status)
	}
	for chunk, err := range reply.Chunks {
		if err != nil {
			switch {
			case !begun:
				return err
			case reply.Stream && reply.Frame != nil:
				if _, err := w.Write(reply.Frame(describe(w, r, err))); err == nil {
					_ = rc.Flush() // a client that is gone is no failure of ours
				}
				return nil
			case reply.Stream:
				writeErrorEvent(w, r, err)
				return nil
			}
			panic(http.ErrAbortHandler)
		}
		begin()
		if _, err := w.Write(chunk); err != nil {
			return nil // the client is gone: leaving the loop releases the call
		}
		if reply.Stream {
			if err := rc.Flush(); err != nil {
				return nil
			}
		}
	}
	begin() // an empty answer
	return nil
}

func copyHeader(dst, src http.Header) {
	for k, vs := range src {
		switch http.CanonicalHeaderKey(k) {
		case "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Trailer", "Te", "Content-Length", "Set-Cookie", RequestIDHeader:
			continue
		}
		dst[http.CanonicalHeaderKey(k)] = append([]string(nil), vs...)
	}
}

type openaiErrorBody struct {
	Error openaiErrorDetail `json:"error"`
}

type openaiErrorDetail struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
	Next    string  `json:"next,omitempty"`
	Request string  `json:"request,omitempty"`
}

func openaiErrorOf(e *fail.Error) openaiErrorBody {
	typ := "server_error"
	switch e.Code {
	case fail.Auth:
		typ = "authentication_error"
	case fail.Forbidden, fail.Refused:
		typ = "permission_error"
	case fail.Limited:
		typ = "rate_limit_error"
	default:
		if e.Code.Status() < 500 {
			typ = "invalid_request_error"
		}
	}
	return openaiErrorBody{openaiErrorDetail{Message: e.Error(), Type: typ, Code: string(e.Code), Next: e.Next, Request: e.Request}}
}

// openaiError answers with err in OpenAI's error shape.
func openaiError(w http.ResponseWriter, r *http.Request, err error) {
	e := describe(w, r, err)
	writeJSON(w, e.Code.Status(), openaiErrorOf(e))
}

// writeErrorEvent ends a stream with err: OpenAI's clients raise it.
func writeErrorEvent(w http.ResponseWriter, r *http.Request, err error) {
	e := describe(w, r, err)
	body, mErr := json.Marshal(openaiErrorOf(e))
	if mErr != nil {
		body = []byte(`{"error":{"message":"unexpected failure","type":"server_error","param":null,"code":"internal"}}`)
	}
	event := append(append([]byte("event: error\ndata: "), body...), "\n\n"...)
	if _, err := w.Write(event); err == nil {
		_ = http.NewResponseController(w).Flush() // a client that is gone is no failure of ours
	}
}
