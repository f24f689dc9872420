package redact

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// JSON masks members with a secret's name whole, whatever they hold, and the
// secrets within all other strings and names. Numbers keep their digits;
// members come in the order of their names where something was masked. What is
// not one JSON value is masked as text.
func (r *Redactor) JSON(body []byte) []byte {
	text := string(body)
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return []byte(r.String(text))
	}
	if _, err := d.Token(); err != io.EOF {
		return []byte(r.String(text))
	}
	changed := false
	v = r.walk(v, &changed)
	if !changed {
		return body
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(`"` + Mask + `"`)
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

func (r *Redactor) walk(v any, changed *bool) any {
	switch v := v.(type) {
	case string:
		masked := r.String(v)
		*changed = *changed || masked != v
		return masked
	case json.Number:
		if masked := r.String(v.String()); masked != v.String() { // a known value
			*changed = true
			return masked
		}
	case []any:
		for i := range v {
			v[i] = r.walk(v[i], changed)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			masked := r.String(name)
			*changed = *changed || masked != name
			if IsSecretName(name) && member != nil {
				*changed = true
				out[masked] = Mask
				continue
			}
			out[masked] = r.walk(member, changed)
		}
		return out
	}
	return v
}

// Header gives a copy in which the values of secret headers are masked whole,
// and the secrets in the others.
func (r *Redactor) Header(h http.Header) http.Header {
	out := h.Clone()
	for name, values := range out {
		for i := range values {
			if IsSecretName(name) {
				values[i] = Mask
			} else {
				values[i] = r.String(values[i])
			}
		}
	}
	return out
}
