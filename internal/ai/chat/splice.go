package chat

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
)

// head is the part of a request that decides its way.
type head struct {
	Model  string
	Stream bool
	// MaxTokens is the bound of the output, Choices how many answers are
	// wanted; 0 where absent.
	MaxTokens, Choices int64
}

// span is one member's value in a JSON object, by byte offsets.
type span struct{ start, end int }

// Splice returns body with the value of its top-level member "model" replaced
// by name, or with the member added at the front; every other byte stays as it
// is. A repeated member is replaced each time, so that the upstream cannot
// read another name than the one that was checked. body itself is not changed.
// An error has code usage: body is not a JSON object.
func Splice(body []byte, name string) ([]byte, error) {
	value, err := json.Marshal(name)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "encoding the model's name")
	}
	return set(body, "model", value)
}

// Request is the body for one target: Splice, and "stream": true where stream
// asks for it and body does not. Errors are those of Splice.
func Request(body []byte, model string, stream bool) ([]byte, error) {
	b, err := Splice(body, model)
	if err != nil || !stream {
		return b, err
	}
	return withStream(b)
}

// withStream sets "stream": true, as the caller asked outside of the body.
func withStream(body []byte) ([]byte, error) {
	h, err := readHead(body)
	if err != nil || h.Stream {
		return body, err
	}
	return set(body, "stream", []byte("true"))
}

func set(body []byte, member string, value []byte) ([]byte, error) {
	var spans []span
	empty, first := true, 0
	err := members(body, func(name string, at span) error {
		empty = false
		if name == member {
			spans = append(spans, at)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(body)+len(value)+len(member)+4)
	if len(spans) == 0 {
		first = bytes.IndexByte(body, '{') + 1
		out = append(append(out, body[:first]...), `"`+member+`":`...)
		out = append(out, value...)
		if !empty {
			out = append(out, ',')
		}
		return append(out, body[first:]...), nil
	}
	for _, s := range spans {
		out = append(append(out, body[first:s.start]...), value...)
		first = s.end
	}
	return append(out, body[first:]...), nil
}

// readHead reads "model" and "stream". Of a repeated member the last counts,
// as in encoding/json and most decoders.
func readHead(body []byte) (head, error) {
	var h head
	err := members(body, func(name string, at span) error {
		raw := body[at.start:at.end]
		if string(raw) == "null" {
			return nil
		}
		switch name {
		case "model":
			if err := json.Unmarshal(raw, &h.Model); err != nil {
				return fail.New(fail.Usage, "member model: want a string")
			}
		case "stream":
			if err := json.Unmarshal(raw, &h.Stream); err != nil {
				return fail.New(fail.Usage, "member stream: want true or false")
			}
		case "max_tokens", "max_completion_tokens":
			h.MaxTokens = max(h.MaxTokens, count(raw))
		case "n":
			h.Choices = count(raw)
		}
		return nil
	})
	return h, err
}

// count reads a whole number that an upstream will judge; what is none is 0.
func count(raw []byte) int64 {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// members calls f with each top-level member of the object in body. This is on
// the path of every chat call: a decoder of tokens took a third of the call.
func members(body []byte, f func(name string, at span) error) error {
	if !json.Valid(body) {
		return fail.New(fail.Usage, "the request is not valid JSON").Hint("aictl services describe chat")
	}
	// From here on the form is known to be right; what remains is to find it.
	i := skipSpace(body, 0)
	if body[i] != '{' {
		return fail.New(fail.Usage, "the request is not a JSON object").Hint("aictl services describe chat")
	}
	for i = skipSpace(body, i+1); body[i] != '}'; i = skipSpace(body, i) {
		if body[i] == ',' {
			i = skipSpace(body, i+1)
		}
		end := skipString(body, i)
		name, err := memberName(body[i:end])
		if err != nil {
			return err
		}
		start := skipSpace(body, skipSpace(body, end)+1) // behind the colon
		i = skipValue(body, start)
		if err := f(name, span{start, i}); err != nil {
			return err
		}
	}
	return nil
}

// memberName decodes a name; most hold no escape.
func memberName(quoted []byte) (string, error) {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), nil
	}
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return "", fail.Wrap(fail.Usage, err, "reading the request")
	}
	return name, nil
}

func skipSpace(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r' {
		i++
	}
	return i
}

// skipString gives the index behind the string that begins at i.
func skipString(b []byte, i int) int {
	for i++; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// skipValue gives the index behind the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; ; i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of the object around: the value was a number or a word
			}
			depth--
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
}
