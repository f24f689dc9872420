package term

import (
	"encoding/binary"
	"io"
	"unicode/utf8"
	"unsafe"
)

// Foreign text is made safe by rules that keep it readable and show the
// attempt: ESC becomes ^[, other C0 controls their caret form, DEL ^?; C1
// controls, bidirectional controls and line separators become <U+202E>; marks
// without width are dropped; malformed UTF-8 becomes U+FFFD; CR LF becomes LF
// and any other CR ^M. LF and TAB stay. A joiner (U+200C, U+200D) stays after
// an emoji or a letter of a script that uses it.
// The threats: terminal escape injection (CWE-150) and Trojan Source
// (Boucher and Anderson, 2021).

// Safe makes s safe for a terminal. A clean string is returned as it is,
// without allocation.
func Safe(s string) string {
	b := unsafe.Slice(unsafe.StringData(s), len(s)) // only read
	i := firstUnsafe(b)
	if i < 0 {
		return s
	}
	return string(appendAll(make([]byte, 0, len(s)+32), b, i))
}

// SafeBytes makes b safe for a terminal. Clean input is returned as it is;
// otherwise the result is a new slice. b is never changed.
func SafeBytes(b []byte) []byte {
	i := firstUnsafe(b)
	if i < 0 {
		return b
	}
	return appendAll(make([]byte, 0, len(b)+32), b, i)
}

// SafeLine is Safe for a place that holds one line, such as a table's cell:
// line feeds and tabs are shown as \n and \t.
func SafeLine(s string) string {
	s = Safe(s)
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\t' {
			out := append(make([]byte, 0, len(s)+8), s[:i]...)
			for ; i < len(s); i++ {
				switch s[i] {
				case '\n':
					out = append(out, `\n`...)
				case '\t':
					out = append(out, `\t`...)
				default:
					out = append(out, s[i])
				}
			}
			return string(out)
		}
	}
	return s
}

// IsSafe reports whether Safe would return b unchanged, but for joiners, which
// it counts as unsafe.
func IsSafe(b []byte) bool { return firstUnsafe(b) < 0 }

func appendAll(dst, b []byte, from int) []byte {
	// Joiners depend on the rune before: start over from the last clean rune.
	_, n := utf8.DecodeLastRune(b[:from])
	dst = append(dst, b[:from-n]...)
	var st scan
	dst, rest := st.append(dst, b[from-n:])
	return st.finish(dst, rest)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// firstUnsafe is the index of the first byte that needs a closer look, or -1.
// Eight bytes of printable ASCII are passed at a time: a word is clean when no
// byte has its high bit set, none is below 0x20 and none is 0x7f.
func firstUnsafe(b []byte) int {
	i := 0
	for i < len(b) {
		for len(b)-i >= 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			del := w ^ (ones * 0x7f)
			if (w|(w-ones*0x20)|(del-ones))&highs != 0 {
				break
			}
			i += 8
		}
		// The byte that stopped the run, and up to seven before it.
		for end := min(i+8, len(b)); i < end; {
			c := b[i]
			switch {
			case c >= 0x20 && c < 0x7f, c == '\n', c == '\t':
				i++
			case c < utf8.RuneSelf:
				return i
			default:
				r, n := utf8.DecodeRune(b[i:])
				if (r == utf8.RuneError && n == 1) || treat(r) != keep {
					return i
				}
				i += n
			}
		}
	}
	return -1
}

type treatment uint8

const (
	keep treatment = iota
	show
	drop
	join
)

// treat classifies a rune from U+0080 up.
func treat(r rune) treatment {
	switch {
	case r < 0xA0: // C1
		return show
	case r < 0x061C:
		if r == 0x00AD { // soft hyphen
			return drop
		}
		return keep
	case r == 0x061C: // Arabic letter mark
		return drop
	case r < 0x180E:
		return keep
	case r == 0x180E: // Mongolian vowel separator
		return drop
	case r < 0x200B:
		return keep
	case r == 0x200C, r == 0x200D:
		return join
	case r <= 0x200F: // zero width space, LRM, RLM
		return drop
	case r >= 0x2028 && r <= 0x202E: // separators, bidi embeddings and overrides
		return show
	case r >= 0x2060 && r <= 0x2064: // word joiner, invisible operators
		return drop
	case r >= 0x2066 && r <= 0x2069: // bidi isolates
		return show
	case r >= 0x206A && r <= 0x206F: // deprecated format controls
		return drop
	case r == 0xFEFF, r >= 0xFFF9 && r <= 0xFFFB: // BOM, interlinear annotation
		return drop
	case r >= 0xE0000 && r <= 0xE007F: // tags: invisible ASCII
		return drop
	}
	return keep
}

// scan is the state between two chunks of one text.
type scan struct{ prev rune }

// append adds the safe form of b to dst and returns what must wait for more
// input: a CR at the end, or the start of a rune (at most three bytes).
func (s *scan) append(dst, b []byte) (out, rest []byte) {
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c >= 0x20 && c < 0x7f, c == '\n', c == '\t':
			dst = append(dst, c)
			s.prev = rune(c)
			i++
		case c == '\r':
			if i+1 == len(b) {
				return dst, b[i:]
			}
			if b[i+1] != '\n' {
				dst = append(dst, "^M"...)
			}
			s.prev = 0
			i++
		case c < utf8.RuneSelf: // C0 and DEL: 0x7f^0x40 is '?'
			dst = append(dst, '^', c^0x40)
			s.prev = 0
			i++
		default:
			if !utf8.FullRune(b[i:]) {
				return dst, b[i:]
			}
			r, n := utf8.DecodeRune(b[i:])
			dst = s.appendRune(dst, r)
			i += n
		}
	}
	return dst, nil
}

func (s *scan) appendRune(dst []byte, r rune) []byte {
	switch treat(r) {
	case drop:
		return dst
	case show:
		s.prev = 0
		return appendShown(dst, r)
	case join:
		// Emoji and the scripts that shape by joiners lie above; not after
		// another joiner, and not at the start.
		if s.prev < 0x0600 || s.prev == 0x200C || s.prev == 0x200D {
			return dst
		}
	}
	s.prev = r
	return utf8.AppendRune(dst, r)
}

func appendShown(dst []byte, r rune) []byte {
	const hex = "0123456789ABCDEF"
	return append(dst, '<', 'U', '+', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15], '>')
}

// finish treats what was left waiting as the end of the text.
func (s *scan) finish(dst, rest []byte) []byte {
	for range rest {
		if rest[0] == '\r' {
			return append(dst, "^M"...)
		}
		dst = s.appendRune(dst, utf8.RuneError)
	}
	return dst
}

// SafeWriter makes a stream safe whose sequences may be split anywhere, such
// as a model's tokens. At most three bytes wait for the next Write; Flush or
// Close writes them. It is not for concurrent use.
type SafeWriter struct {
	w    io.Writer
	st   scan
	wait []byte
	buf  []byte
}

// NewSafeWriter writes the safe form of everything to w.
func NewSafeWriter(w io.Writer) *SafeWriter { return &SafeWriter{w: w} }

// Write implements io.Writer. It reports len(p) unless w fails.
func (s *SafeWriter) Write(p []byte) (int, error) {
	if len(s.wait) == 0 && firstUnsafe(p) < 0 {
		if len(p) > 0 {
			s.st.prev, _ = utf8.DecodeLastRune(p)
		}
		_, err := s.w.Write(p)
		if err != nil {
			return 0, err
		}
		return len(p), nil
	}
	in := p
	if len(s.wait) > 0 {
		in = append(s.wait, p...) //nolint:gocritic // wait is replaced below: its room may be used
	}
	out, rest := s.st.append(s.buf[:0], in)
	s.buf = out[:0]
	s.wait = append([]byte(nil), rest...)
	if len(out) > 0 {
		if _, err := s.w.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Flush writes what was waiting, as if the text ended here.
func (s *SafeWriter) Flush() error {
	if len(s.wait) == 0 {
		return nil
	}
	out := s.st.finish(s.buf[:0], s.wait)
	s.wait = nil
	_, err := s.w.Write(out)
	return err
}

// Close is Flush; it does not close the writer below.
func (s *SafeWriter) Close() error { return s.Flush() }
