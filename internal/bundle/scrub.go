package bundle

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/redact"
)

// scrubber masks what must not be kept. It is internal/redact, and what a
// file that is handed around needs beyond a log line: values behind an
// encoding (base64, percent, JSON in JSON), members that a declaration marks
// secret, and pairs of a name and a value.
//
// An answer in which nothing is masked comes back byte for byte.
type scrubber struct{ r *redact.Redactor }

// newScrubber also knows these values, in any encoding that can be told.
func newScrubber(known []string) *scrubber {
	var all []string
	for _, k := range known {
		if len(k) < 4 {
			continue
		}
		all = append(all, k, hex.EncodeToString([]byte(k)))
		all = append(all, inBase64(k)...)
	}
	return &scrubber{r: redact.New(all...)}
}

// inBase64 gives what of a value is the same wherever it stands in an encoded
// text: one spelling for each of the three places that it can begin at.
func inBase64(k string) (out []string) {
	for shift := range 3 {
		whole := append(make([]byte, shift), k...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(whole)
			from, to := (shift*8+5)/6, len(whole)*8/6
			if from < to {
				out = append(out, text[from:to])
			}
		}
	}
	return out
}

// text masks the secrets of one string.
func (s *scrubber) text(t string) string {
	out := s.r.String(t)
	if strings.ContainsRune(out, '\\') {
		out = s.escaped(out)
	}
	if strings.ContainsRune(out, '%') {
		out = s.words(out, func(w string) (string, bool) {
			d, err := url.QueryUnescape(w)
			return d, err == nil && strings.ContainsRune(w, '%')
		})
	}
	return s.encoded(out)
}

// escaped masks what shows only when the escapes of JSON are taken away.
func (s *scrubber) escaped(t string) string {
	plain := unescape(t)
	if plain == t || s.r.String(plain) == plain {
		return t
	}
	return s.r.String(plain)
}

func unescape(t string) string {
	var b strings.Builder
	for rest := t; rest != ""; {
		i := strings.IndexByte(rest, '\\')
		if i < 0 || i+1 == len(rest) {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		n := 2
		if rest[i+1] == 'u' && len(rest) >= i+6 {
			n = 6
		}
		if one, err := strconv.Unquote(`"` + rest[i:i+n] + `"`); err == nil {
			b.WriteString(one)
		} else {
			b.WriteString(strings.TrimPrefix(rest[i:i+n], `\`))
		}
		rest = rest[i+n:]
	}
	return b.String()
}

// words masks the words that hold a secret once they are decoded.
func (s *scrubber) words(t string, decode func(string) (string, bool)) string {
	var b strings.Builder
	isBreak := func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '\'' || r == '<' || r == '>' }
	for rest := t; rest != ""; {
		n := strings.IndexFunc(rest, isBreak)
		if n == 0 {
			_, size := utf8.DecodeRuneInString(rest)
			b.WriteString(rest[:size])
			rest = rest[size:]
			continue
		}
		if n < 0 {
			n = len(rest)
		}
		word := rest[:n]
		if d, ok := decode(word); ok && s.r.String(d) != d {
			word = redact.Mask
		}
		b.WriteString(word)
		rest = rest[n:]
	}
	return b.String()
}

// minEncoded is the shortest run that is looked at as base64.
const minEncoded = 16

// encoded masks runs of base64 that hold a secret.
func (s *scrubber) encoded(t string) string {
	var b strings.Builder
	done, from := 0, -1
	flush := func(to int) {
		if from >= 0 && to-from >= minEncoded && s.hides(t[from:to]) {
			b.WriteString(t[done:from])
			b.WriteString(redact.Mask)
			done = to
		}
		from = -1
	}
	for i := range len(t) {
		if base64Letter(t[i]) {
			if from < 0 {
				from = i
			}
			continue
		}
		flush(i)
	}
	flush(len(t))
	if done == 0 {
		return t
	}
	b.WriteString(t[done:])
	return b.String()
}

func base64Letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_' || c == '='
}

// hides reports whether a run is base64 of a text with a secret. The run may
// begin with a name and an equals sign that belong to no encoding.
func (s *scrubber) hides(run string) bool {
	for _, part := range append([]string{run}, strings.Split(run, "=")...) {
		part = strings.TrimRight(part, "=")
		if len(part) < minEncoded {
			continue
		}
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			d, err := enc.DecodeString(part)
			if err == nil && utf8.Valid(d) && s.r.String(string(d)) != string(d) {
				return true
			}
		}
	}
	return false
}

// json masks the secrets of a JSON value; secret names members that are
// masked besides those with a telling name. What is not one JSON value is
// text, and ok is false.
func (s *scrubber) json(body []byte, secret map[string]bool) (out []byte, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return []byte(s.text(string(body))), false
	}
	if _, err := d.Token(); err != io.EOF {
		return []byte(s.text(string(body))), false
	}
	changed := false
	v = s.walk(v, secret, &changed)
	if !changed {
		return bytes.TrimSpace(body), true
	}
	masked, err := json.Marshal(v)
	if err != nil {
		return []byte("null"), true
	}
	return masked, true
}

func (s *scrubber) walk(v any, secret map[string]bool, changed *bool) any {
	switch v := v.(type) {
	case string:
		masked := s.text(v)
		*changed = *changed || masked != v
		return masked
	case json.Number:
		if s.r.String(v.String()) != v.String() { // a known value
			*changed = true
			return 0
		}
	case []any:
		for i := range v {
			v[i] = s.walk(v[i], secret, changed)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		pair := isPair(v)
		for name, member := range v {
			masked := s.text(name)
			*changed = *changed || masked != name
			if redact.IsSecretName(name) || secret[name] || pair && (name == "value" || name == "Value") {
				out[masked] = blank(member, changed)
			} else {
				out[masked] = s.walk(member, secret, changed)
			}
		}
		return out
	}
	return v
}

// isPair reports whether an object is an environment variable, a header or the
// like, under a secret's name.
func isPair(v map[string]any) bool {
	for _, member := range []string{"name", "Name", "key", "Key"} {
		if name, ok := v[member].(string); ok && redact.IsSecretName(name) {
			return true
		}
	}
	return false
}

// blank masks a value and keeps its form, so that it can still be read into
// its type: every string is masked, every number is 0, a switch stays.
func blank(v any, changed *bool) any {
	switch v := v.(type) {
	case string:
		if v == "" || strings.Trim(v, "*") == "" { // masked already
			return v
		}
		*changed = true
		return redact.Mask
	case json.Number:
		*changed = true
		return 0
	case []any:
		for i := range v {
			v[i] = blank(v[i], changed)
		}
	case map[string]any:
		for name := range v {
			v[name] = blank(v[name], changed)
		}
	}
	return v
}

// secretMembers are the names of the members that a type declares secret.
func secretMembers(t reflect.Type) map[string]bool {
	out := map[string]bool{}
	collect(t, out, map[reflect.Type]bool{})
	return out
}

func collect(t reflect.Type, out map[string]bool, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for _, f := range op.Fields(t) {
		if f.Secret {
			out[f.JSON] = true
		}
		collect(f.Type, out, seen)
	}
}
