package sse

import (
	"bytes"
	"io"
	"strconv"
)

// Reader decodes a stream event by event. Not safe for concurrent use.
type Reader struct {
	s  *Scanner
	id string
}

// NewReader makes a Reader; limit is the largest event in bytes, 0 means
// DefaultMaxEvent.
func NewReader(r io.Reader, limit int) *Reader { return &Reader{s: NewScanner(r, limit, nil)} }

// Next returns the next event that has data, its Data a copy. Comments and
// events without data are passed over, as the standard says. Errors are those
// of Scanner.Next.
func (r *Reader) Next() (Event, error) {
	for {
		raw, err := r.s.Next()
		if err != nil {
			return Event{}, err
		}
		if e, ok := r.decode(raw); ok {
			return e, nil
		}
	}
}

// Decode reads one raw event as Scanner.Next returns it; false when it has no
// data (a comment, a keep-alive).
func Decode(raw []byte) (Event, bool) { return (&Reader{}).decode(raw) }

func (r *Reader) decode(raw []byte) (Event, bool) {
	var e Event
	var data []byte
	has := false
	for len(raw) > 0 {
		n, length := lineEnd(raw)
		if n < 0 {
			n = len(raw)
		}
		line := raw[:n]
		raw = raw[n+length:]
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if has {
				data = append(data, '\n')
			}
			data, has = append(data, value...), true
		case "event":
			e.Type = string(value)
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				r.id = string(value)
			}
		case "retry":
			if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				e.Retry = int(ms)
			}
		}
	}
	e.ID, e.Data = r.id, data
	return e, has
}
