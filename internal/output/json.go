package output

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// Marshal gives the JSON of v on one line as this package writes it: map keys
// sorted, & < > as they are, and everything escaped that a terminal could act
// on (C0, DEL, C1, bidirectional and zero-width characters).
func Marshal(v any) ([]byte, error) { return marshal(v) }

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fail.Wrap(fail.Internal, err, "encoding the result as JSON")
	}
	doc := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if bytes.Equal(doc, []byte("null")) && isNilSlice(v) {
		return []byte("[]"), nil
	}
	return escape(doc), nil
}

// escape replaces characters that are not safe to show by \u escapes. In
// valid JSON they can only stand inside strings, so that no parsing is needed.
func escape(doc []byte) []byte {
	if term.IsSafe(doc) {
		return doc
	}
	out := make([]byte, 0, len(doc)+64)
	for i := 0; i < len(doc); {
		c := doc[i]
		if c < utf8.RuneSelf {
			if c == 0x7f {
				out = append(out, `\u007f`...)
			} else {
				out = append(out, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(doc[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			out = append(out, `\ufffd`...)
		case term.IsSafe(doc[i : i+n]):
			out = append(out, doc[i:i+n]...)
		default:
			out = appendEscape(out, r)
		}
		i += n
	}
	return out
}

// appendEscape writes \uXXXX, as a surrogate pair above U+FFFF.
func appendEscape(out []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	unit := func(u rune) {
		out = append(out, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
	}
	if r > 0xFFFF {
		r -= 0x10000
		unit(0xD800 + r>>10)
		unit(0xDC00 + r&0x3FF)
		return out
	}
	unit(r)
	return out
}

// indent lays a document out by two spaces, with a line feed at its end.
func indent(doc []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(doc) + len(doc)/4)
	if err := json.Indent(&b, doc, "", "  "); err != nil {
		return append(doc, '\n') // not reached: doc comes from an encoder
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// elements splits a JSON array; ok is false for anything else.
func elements(doc []byte) (items []json.RawMessage, ok bool, err error) {
	if len(doc) == 0 || doc[0] != '[' {
		return nil, false, nil
	}
	if err := json.Unmarshal(doc, &items); err != nil {
		return nil, false, fail.Wrap(fail.Internal, err, "reading the result back")
	}
	return items, true, nil
}

// decode reads a document into maps, slices, int64, float64, string, bool and
// nil, as jsonpath and templates want it: 1234567 stays that, not 1.234567e+06.
func decode(doc []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fail.Wrap(fail.Internal, err, "reading the result back")
	}
	return numbers(v), nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // ±Inf when out of range: still a number
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}
