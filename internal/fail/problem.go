package fail

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// ProblemType is the media type of an error over HTTP (RFC 9457).
const ProblemType = "application/problem+json"

// Document is the JSON form of an error: on stderr with `-o json`
// (type "aictl.error"), as the last line of a stream (type "error") and, with
// the members of RFC 9457 beside it, as a problem document.
type Document struct {
	Type    string   `json:"type"`
	Title   string   `json:"title,omitempty"`
	Status  int      `json:"status,omitempty"`
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Cause   []string `json:"cause"`
	Next    string   `json:"next"`
	Exit    int      `json:"exit"`
	Request string   `json:"request,omitempty"`
}

// ToDocument renders err with the given type member.
func ToDocument(err error, typ string) Document {
	e := From(err)
	return Document{
		Type: typ, Code: e.Code, Message: e.Message, Cause: Causes(e),
		Next: e.Next, Exit: e.Code.Exit(), Request: e.Request,
	}
}

// FromDocument turns a received document back into an error.
func FromDocument(d Document) *Error {
	e := &Error{Code: d.Code, Message: d.Message, Next: d.Next, Request: d.Request}
	if e.Code == "" {
		e.Code = FromStatus(d.Status)
	}
	for i := len(d.Cause) - 1; i >= 0; i-- {
		if e.cause == nil {
			e.cause = errors.New(d.Cause[i])
		} else {
			e.cause = &Error{Code: d.Code, Message: d.Cause[i], cause: e.cause}
		}
	}
	return e
}

// WriteProblem answers with err as problem details. The details of an
// Internal error stay in the log: the client sees its request id only.
func WriteProblem(w http.ResponseWriter, err error) {
	e := From(err)
	if e.Code == Internal {
		e = New(Internal, "unexpected failure").WithRequest(e.Request).
			Hint("look for the request id in the server's log")
	}
	d := ToDocument(e, "about:blank")
	d.Status, d.Title = e.Code.Status(), http.StatusText(e.Code.Status())
	if d.Title == "" {
		d.Title = string(e.Code)
	}
	body, mErr := json.Marshal(d)
	if mErr != nil {
		body = []byte(`{"type":"about:blank","code":"internal"}`)
	}
	w.Header().Set("Content-Type", ProblemType)
	w.Header().Set("Cache-Control", "no-store")
	SetRetryAfter(w.Header(), err)
	w.WriteHeader(e.Code.Status())
	_, _ = w.Write(append(body, '\n'))
}

// RetryAfter gives the time after which err says to try again, 0 when it does
// not say: an error in its chain has a method RetryAfter() time.Duration.
func RetryAfter(err error) time.Duration {
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		return later.RetryAfter()
	}
	return 0
}

// SetRetryAfter sets the header of that name (whole seconds, rounded up) where
// err says when to try again.
func SetRetryAfter(h http.Header, err error) {
	if d := RetryAfter(err); d > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
	}
}
