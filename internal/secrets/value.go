package secrets

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/aictl/aictl/internal/fail"
)

// Mask is what a value prints as.
const Mask = "*****"

// Value is a secret's value. It prints itself as Mask in every verb of fmt, in
// JSON, in text and in slog. Copies share the bytes, and Close overwrites them
// for all copies. The zero Value is the empty value. A Value is not safe for
// use while it is closed.
type Value struct{ box *box }

type box struct{ b []byte }

// NewValue makes a value of b and takes b over: the caller must not use it
// any more.
func NewValue(b []byte) Value { return Value{&box{b: b}} }

// CopyOf makes a value of a copy of b.
func CopyOf(b []byte) Value { return NewValue(slices.Clone(b)) }

// ReadValue reads a value of at most MaxValue bytes. What it read before a
// failure is overwritten.
func ReadValue(r io.Reader) (Value, error) {
	buf := make([]byte, MaxValue+1) // never grown: growing leaves copies behind
	n := 0
	for n < len(buf) {
		k, err := r.Read(buf[n:])
		n += k
		if errors.Is(err, io.EOF) {
			return NewValue(buf[:n:n]), nil
		}
		if err != nil {
			clear(buf)
			return Value{}, fail.Wrap(fail.Failed, err, "reading the value")
		}
	}
	clear(buf)
	return Value{}, fail.New(fail.TooLarge, "the value is over %d KiB", MaxValue>>10).
		Hint("keep a reference or a key in the store, and the large thing elsewhere")
}

// Bytes gives the bytes themselves, until Close. The caller must not keep,
// change or convert them to a string without need: a string can't be
// overwritten.
func (v Value) Bytes() []byte {
	if v.box == nil {
		return nil
	}
	return v.box.b
}

// Len is the number of bytes.
func (v Value) Len() int { return len(v.Bytes()) }

// Clone makes a value that is closed on its own.
func (v Value) Clone() Value { return CopyOf(v.Bytes()) }

// Equal compares in a time that depends on the lengths only.
func (v Value) Equal(w Value) bool { return subtle.ConstantTimeCompare(v.Bytes(), w.Bytes()) == 1 }

// Close overwrites the bytes. It may be called more than once.
func (v Value) Close() {
	if v.box == nil {
		return
	}
	clear(v.box.b[:cap(v.box.b)])
	v.box.b = nil
}

// Format implements fmt.Formatter for every verb and flag.
func (Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, Mask) }

// String implements fmt.Stringer.
func (Value) String() string { return Mask }

// MarshalText implements encoding.TextMarshaler; JSON and YAML use it.
func (Value) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(Mask) }
