package server

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// exchange is the answer under way: it remembers what the log needs, and
// keeps streams alive for as long as their reader takes what is written.
type exchange struct {
	http.ResponseWriter
	rc     *http.ResponseController
	stall  time.Duration
	status int
	bytes  int64
	stream bool
	// timed says that a deadline ends even an idle stream (HTTP/2).
	timed    bool
	extended time.Time
	user     string
	err      error
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader notes the status and recognises a stream by its media type: the
// limit for the whole answer is then replaced by one for each write.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
		ct, _, _ := strings.Cut(x.Header().Get("Content-Type"), ";")
		switch strings.TrimSpace(ct) {
		case "text/event-stream", "application/jsonl", "application/x-ndjson":
			x.stream = true
			x.deadline(time.Time{})
		}
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	x.allow()
	n, err := x.ResponseWriter.Write(p)
	x.bytes += int64(n)
	return n, err
}

// FlushError is for http.ResponseController.
func (x *exchange) FlushError() error {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	x.allow()
	err := x.rc.Flush()
	if x.stream && x.timed {
		x.deadline(time.Time{}) // between two events nothing is due
	}
	return err
}

// Flush implements http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// ReadFrom keeps io.Copy from going round Write.
func (x *exchange) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{x}, r)
}

// allow gives the next write of a stream its time. Over HTTP/1.1 a deadline
// matters only while something is written, so that it is moved on now and
// then instead of at each write; over HTTP/2 one that passes ends the stream
// even when it is idle, so that FlushError has to lift it.
func (x *exchange) allow() {
	if !x.stream {
		return
	}
	if now := time.Now(); x.timed || now.Sub(x.extended) > x.stall/4 {
		x.extended = now
		x.deadline(now.Add(x.stall))
	}
}

// deadline is best effort: a writer without deadlines (in a test) has no
// client that could stall it.
func (x *exchange) deadline(t time.Time) { _ = x.rc.SetWriteDeadline(t) }

// code is the status for the log: 499 when the client left before an answer.
func (x *exchange) code(r *http.Request) int {
	switch {
	case x.status != 0:
		return x.status
	case r.Context().Err() != nil:
		return 499
	}
	return http.StatusOK
}

// exchangeFrom finds the exchange below other wrappers.
func exchangeFrom(w http.ResponseWriter) *exchange {
	for {
		switch t := w.(type) {
		case *exchange:
			return t
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil
		}
	}
}
