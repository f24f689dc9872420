package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// errorWriter answers with err in the shape of one protocol.
type errorWriter func(w http.ResponseWriter, r *http.Request, err error)

// handlerFunc is a handler that may fail before it has written anything.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// failing turns a handlerFunc into a handler.
func failing(write errorWriter, h handlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			write(w, r, err)
		}
	})
}

// problem answers with RFC 9457 problem details.
func problem(w http.ResponseWriter, r *http.Request, err error) {
	e := describe(w, r, err)
	fail.WriteProblem(w, e)
}

// describe gives err its request id and the headers that go with its code,
// and hides the details of an unexpected failure, which go to the log.
func describe(w http.ResponseWriter, r *http.Request, err error) *fail.Error {
	e := fail.From(because(r.Context(), err)).WithRequest(op.RequestID(r.Context()))
	h := w.Header()
	switch e.Code {
	case fail.Auth:
		h.Set("WWW-Authenticate", `Bearer realm="aictl"`)
	case fail.Limited, fail.Unavailable:
		if fail.SetRetryAfter(h, err); h.Get("Retry-After") == "" {
			h.Set("Retry-After", "1")
		}
	case fail.Internal:
		if ex := exchangeFrom(w); ex != nil {
			ex.err = e
		}
		e = fail.New(fail.Internal, "unexpected failure").WithRequest(e.Request).
			Hint("look for the request id in the server's log")
	}
	return e
}

// because replaces the bare "context canceled" by the reason for which the
// request's context was cancelled, such as the server's shutdown.
func because(ctx context.Context, err error) error {
	var cause *fail.Error
	if ctx.Err() != nil && errors.As(context.Cause(ctx), &cause) {
		return cause
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return fail.New(fail.TooLarge, "the request is larger than %d bytes", tooBig.Limit).
			Hint("send less, or raise limits.body_bytes")
	}
	return err
}
