package op

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// decode reads the input of a request: the JSON body or the query string,
// then the path's wildcards. Unknown members are errors, so that a typing
// mistake is never silently ignored.
func decode(s *Spec, req *http.Request, body []byte, in any) error {
	v := reflect.ValueOf(in).Elem()
	fields := Fields(v.Type())
	if bodyless(s.Method()) {
		if err := decodeQuery(req, fields, v); err != nil {
			return err
		}
	} else if err := decodeBody(body, in); err != nil {
		return err
	}
	for _, f := range fields {
		if !strings.Contains(s.Path(), "{"+f.JSON+"}") {
			continue
		}
		fv := f.Of(v)
		fv.SetZero()
		if err := f.Set(v, req.PathValue(f.JSON)); err != nil {
			return err
		}
	}
	return nil
}

func decodeQuery(req *http.Request, fields []Field, v reflect.Value) error {
	byName := map[string]Field{}
	for _, f := range fields {
		byName[f.JSON] = f
	}
	for name, values := range req.URL.Query() {
		f, ok := byName[name]
		if !ok {
			return fail.New(fail.Usage, "unknown parameter %q", name)
		}
		if len(values) > 1 && !f.Repeated() {
			return fail.New(fail.Usage, "parameter %q is given %d times", name, len(values))
		}
		for _, text := range values {
			if err := f.Set(v, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func decodeBody(body []byte, in any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(in)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return fail.New(fail.Usage, "the body holds more than one JSON document")
		}
		return nil
	}
	var e *fail.Error
	if errors.As(err, &e) {
		return err
	}
	return fail.New(fail.Usage, "reading the JSON body: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// namespaceOf gives the input's namespace: where the permission is asked.
func namespaceOf(in any) string {
	if ns := memberOf(in, "namespace"); ns != "" {
		return ns
	}
	return "default"
}

// targetOf names what an input is about: its name, or its first argument.
func targetOf(in any) string {
	if name := memberOf(in, "name"); name != "" {
		return name
	}
	v := reflect.ValueOf(in).Elem()
	for _, f := range Fields(v.Type()) {
		if f.Arg != "" && !f.Secret {
			if text, err := Text(f.Of(v)); err == nil {
				return text
			}
		}
	}
	return ""
}

func memberOf(in any, name string) string {
	v := reflect.ValueOf(in).Elem()
	for _, f := range Fields(v.Type()) {
		if f.JSON == name && f.Type.Kind() == reflect.String {
			return f.Of(v).String()
		}
	}
	return ""
}

// withoutSecrets is the input for the record: JSON in which members that are
// declared secret are absent.
func withoutSecrets(in any) json.RawMessage {
	src := reflect.ValueOf(in).Elem()
	safe := reflect.New(src.Type()).Elem()
	safe.Set(src)
	for _, f := range Fields(src.Type()) {
		if f.Secret {
			f.Of(safe).SetZero()
		}
	}
	out, err := json.Marshal(safe.Interface())
	if err != nil {
		return json.RawMessage(`null`)
	}
	return out
}

func writeJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(nonNil(v))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	_, _ = w.Write(append(body, '\n')) // a peer that went away is no failure of ours
	return nil
}

// writeStream writes JSON lines, or server-sent events where the client
// prefers them. The last line is a "result" or an "error": after the first
// byte a failure is typed, never silent. An error before the first item is
// returned, and becomes an ordinary problem document.
func writeStream[Item any](w http.ResponseWriter, req *http.Request, items iter.Seq2[Item, error]) error {
	sse := strings.Contains(req.Header.Get("Accept"), "text/event-stream")
	out := http.NewResponseController(w)
	started, n := false, 0
	emit := func(v any) error {
		body, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if !started {
			started = true
			w.Header().Set("Content-Type", "application/jsonl")
			if sse {
				w.Header().Set("Content-Type", "text/event-stream")
			}
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Accel-Buffering", "no")
		}
		if sse {
			body = append(append([]byte("data: "), body...), '\n')
		}
		if _, err := w.Write(append(body, '\n')); err != nil {
			return err
		}
		return out.Flush()
	}
	for item, err := range items {
		if err != nil {
			if !started {
				return err
			}
			return discard(emit(streamError(req, err)))
		}
		if err := emit(item); err != nil {
			return nil //nolint:nilerr // the reader has gone: there is nobody to tell
		}
		n++
	}
	if req.Context().Err() != nil {
		return discard(emit(streamError(req, fail.From(context.Cause(req.Context())))))
	}
	return discard(emit(struct {
		Type  string `json:"type"`
		Count int    `json:"count"`
	}{"result", n}))
}

func streamError(req *http.Request, err error) fail.Document {
	return fail.ToDocument(fail.From(err).WithRequest(RequestID(req.Context())), "error")
}

// discard drops a write error at the end of a stream, when nobody listens.
func discard(error) error { return nil }
