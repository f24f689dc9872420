// Package sse reads and writes server-sent events (the event stream format of
// the WHATWG HTML standard, section 9.2).
//
// Scanner cuts a byte stream into raw events without copying them, for the
// gateway; Reader decodes them, for clients; Write makes them. The package
// promises that an event is bounded in memory, that a stream which ends inside
// an event is io.ErrUnexpectedEOF and never silence, and that CR, LF and CRLF
// line ends, a byte order mark and comments are understood. It does not
// connect, reconnect or judge what an event says.
//
// It is our own rather than a library because the gateway has to hand on raw
// bytes from a buffer of its own, and because the standard's rule (drop an
// unfinished last event) is what our callers must not do: they report it.
package sse

import (
	"bytes"
	"io"
	"strconv"
)

// Event is one decoded event.
type Event struct {
	// ID is the last event id: it persists from event to event.
	ID string
	// Type is the event's name; empty means "message".
	Type string
	// Data is the payload; lines are joined by a line feed.
	Data []byte
	// Retry is the reconnection time in milliseconds, 0 when not sent.
	Retry int
}

// Write writes e as one event in a single call to w. Line breaks in ID and
// Type, which would forge fields, become spaces.
func Write(w io.Writer, e Event) error {
	_, err := w.Write(Append(nil, e))
	return err
}

// Append appends the wire form of e to b and returns the longer slice.
func Append(b []byte, e Event) []byte {
	if e.ID != "" {
		b = append(append(append(b, "id: "...), oneLine(e.ID)...), '\n')
	}
	if e.Type != "" {
		b = append(append(append(b, "event: "...), oneLine(e.Type)...), '\n')
	}
	if e.Retry > 0 {
		b = append(strconv.AppendInt(append(b, "retry: "...), int64(e.Retry), 10), '\n')
	}
	rest := e.Data
	for {
		n, skip := lineEnd(rest)
		if n < 0 {
			b = append(append(append(b, "data: "...), rest...), '\n')
			break
		}
		b = append(append(append(b, "data: "...), rest[:n]...), '\n')
		rest = rest[n+skip:]
	}
	return append(b, '\n')
}

func oneLine(s string) []byte {
	return bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == 0 {
			return ' '
		}
		return r
	}, []byte(s))
}

// lineEnd gives the index and length of the first line end in b, or -1.
func lineEnd(b []byte) (at, length int) {
	at = bytes.IndexAny(b, "\r\n")
	if at < 0 {
		return -1, 0
	}
	if b[at] == '\r' && at+1 < len(b) && b[at+1] == '\n' {
		return at, 2
	}
	return at, 1
}
