package sse

import (
	"bytes"
	"errors"
	"io"
)

// DefaultMaxEvent bounds one event, in bytes, where the caller sets no bound.
const DefaultMaxEvent = 1 << 20

const startBuffer = 4 << 10

// ErrTooLarge says that an event is over the limit. The stream cannot be
// continued.
var ErrTooLarge = errors.New("server-sent event is over the size limit")

// Scanner cuts a stream into whole raw events, each with its closing blank
// line. It reads ahead at most what one Read returns, so an event is available
// as soon as its last byte has arrived. Not safe for concurrent use.
type Scanner struct {
	r          io.Reader
	max        int
	buf        []byte
	start, end int  // buf[start:end] is unread
	seen       int  // buf[start:start+seen] holds no event end
	swallowLF  bool // the last event ended in CR: a LF that follows belongs to it
	begun      bool
	err        error
}

// NewScanner makes a Scanner; max is the largest event in bytes, 0 means
// DefaultMaxEvent. buf is the first buffer, and may be nil.
func NewScanner(r io.Reader, limit int, buf []byte) *Scanner {
	if limit <= 0 {
		limit = DefaultMaxEvent
	}
	if cap(buf) < 64 {
		buf = make([]byte, startBuffer)
	}
	return &Scanner{r: r, max: limit, buf: buf[:cap(buf)]}
}

// Next returns the next raw event, valid until the following call. The error
// is io.EOF at a clean end, io.ErrUnexpectedEOF when the stream ends inside an
// event, ErrTooLarge, or the reader's own.
func (s *Scanner) Next() ([]byte, error) {
	for {
		s.trim()
		if n := s.eventEnd(); n > 0 {
			return s.take(n), nil
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// Batch returns all whole events that are buffered, at least one, as one
// slice. Otherwise it is Next.
func (s *Scanner) Batch() ([]byte, error) {
	first, err := s.Next()
	if err != nil {
		return nil, err
	}
	from := s.start - len(first)
	for !s.swallowLF || s.start < s.end && s.buf[s.start] != '\n' {
		n := s.eventEnd()
		if n <= 0 {
			break
		}
		s.take(n)
	}
	return s.buf[from:s.start], nil
}

func (s *Scanner) take(n int) []byte {
	event := s.buf[s.start : s.start+n]
	s.swallowLF = event[n-1] == '\r'
	s.start += n
	s.begun = true
	s.seen = 0
	return event
}

// trim drops the byte order mark and the LF of a CRLF that was split.
func (s *Scanner) trim() {
	if s.swallowLF && s.start < s.end {
		s.swallowLF = false
		if s.buf[s.start] == '\n' {
			s.start++
		}
	}
	if bom := []byte("\xef\xbb\xbf"); !s.begun && s.end-s.start >= len(bom) {
		s.begun = true
		if bytes.HasPrefix(s.buf[s.start:s.end], bom) {
			s.start += len(bom)
		}
	}
}

// eventEnd gives the length of the first event, closing blank line included,
// or 0. A CR at the very end counts as a whole line end: waiting for a
// possible LF would hold the event back.
func (s *Scanner) eventEnd() int {
	b := s.buf[s.start:s.end]
	from := s.seen
	for {
		n, length := lineEnd(b[from:])
		if n < 0 {
			s.seen = max(from, 0)
			return 0
		}
		lineStart := from == 0 || b[from-1] == '\n' || b[from-1] == '\r'
		if n == 0 && lineStart {
			return from + length
		}
		if b[from+n] == '\r' && from+n+1 == len(b) {
			// the CR may be half of a CRLF: look at it again with more bytes
			s.seen = from
			return 0
		}
		from += n + length
	}
}

func (s *Scanner) fill() error {
	if s.err != nil {
		return s.finish()
	}
	if s.end-s.start >= s.max {
		s.err = ErrTooLarge
		return ErrTooLarge
	}
	if s.end == len(s.buf) {
		switch {
		case s.start > 0:
			copy(s.buf, s.buf[s.start:s.end])
			s.start, s.end = 0, s.end-s.start
		default:
			grown := make([]byte, min(2*len(s.buf), s.max+1))
			if len(grown) <= len(s.buf) {
				s.err = ErrTooLarge
				return ErrTooLarge
			}
			copy(grown, s.buf[:s.end])
			s.buf = grown
		}
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if err != nil {
			s.err = err
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return s.finish()
		}
	}
	s.err = io.ErrNoProgress
	return s.err
}

// finish is the error at the end of the input: nothing but line ends may be
// left over.
func (s *Scanner) finish() error {
	if errors.Is(s.err, io.EOF) && len(bytes.Trim(s.buf[s.start:s.end], "\r\n")) > 0 {
		return io.ErrUnexpectedEOF
	}
	return s.err
}
