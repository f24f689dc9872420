// Package fail is the one error vocabulary of aictl: what failed, why, and
// what to do next.
//
// Every error that reaches a person or a script carries a Code. The table in
// codes.go maps each code to one HTTP status and one exit code, so that the
// server, the client and the command line can never disagree. The adapter
// that meets a foreign error gives it a code; nobody further up parses
// messages.
//
// The package promises that an Error survives a trip over HTTP (see
// problem.go) with its code, message, causes and hint. It does not log, and
// it never holds secrets: callers must not put tokens, secret values or query
// bodies into messages.
package fail

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Error is a failure with a code, a message for people and the command that
// helps next. It is immutable after construction but for the builder methods,
// which return a changed copy.
type Error struct {
	// Code decides the HTTP status and the exit code.
	Code Code
	// Message says what failed, in one line, lower case, no full stop.
	Message string
	// Next is a command to run next, or a sentence where no command helps.
	Next string
	// Request is the server's request id, when the failure came from there.
	Request string
	cause   error
}

// New makes an error with the given code. The message is formatted as by
// fmt.Errorf; a %w verb keeps the cause.
func New(code Code, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: wrapped.Error(), cause: errors.Unwrap(wrapped)}
}

// Wrap gives err a code and says what was being done. The message does not
// repeat the cause; Error() does. A nil err gives nil.
func Wrap(code Code, err error, format string, args ...any) *Error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), cause: err}
}

// Hint returns a copy that names the command to run next.
func (e *Error) Hint(format string, args ...any) *Error {
	c := *e
	c.Next = format
	if len(args) > 0 {
		c.Next = fmt.Sprintf(format, args...)
	}
	return &c
}

// WithRequest returns a copy that names the server's request id.
func (e *Error) WithRequest(id string) *Error {
	c := *e
	c.Request = id
	return &c
}

// Error implements error: the message, then the cause when the message does
// not already contain it.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Message
	}
	cause := e.cause.Error()
	if strings.Contains(e.Message, cause) {
		return e.Message
	}
	return e.Message + ": " + cause
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error of the same code and an empty
// message, so that errors.Is(err, fail.NotFound.Err()) asks for the code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Code == e.Code
}

// CodeOf gives the code of err: that of the outermost *Error in its chain,
// Canceled or Timeout for the context's errors, Internal for anything else,
// and OK for nil.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	}
	return Internal
}

// From returns err as an *Error, giving foreign errors the code of CodeOf.
// A nil err gives nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		if e == err { //nolint:errorlint // identity: is the outermost error already ours?
			return e
		}
		return &Error{Code: e.Code, Message: err.Error(), Next: e.Next, Request: e.Request, cause: e.cause}
	}
	return &Error{Code: CodeOf(err), Message: err.Error(), cause: errors.Unwrap(err)}
}

// Causes lists the messages below err, outermost first, without repeats.
func Causes(err error) []string {
	out := []string{}
	seen := map[string]bool{}
	if e := From(err); e != nil {
		seen[e.Message] = true
	}
	for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
		m := err.Error()
		var e *Error
		if errors.As(err, &e) && e == err { //nolint:errorlint // identity, as in From
			m = e.Message
		}
		if !seen[m] {
			seen[m] = true
			out = append(out, m)
		}
	}
	return out
}
