package widget

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// jsonMember is a member of a JSON object.
type jsonMember struct {
	name  string
	value json.RawMessage
}

// jsonMembers reads an object in its own order.
func jsonMembers(b []byte) ([]jsonMember, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil {
		return nil, err
	} else if t != json.Delim('{') {
		return nil, fail.New(fail.Usage, "not a JSON object")
	}
	var out []jsonMember
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, fail.New(fail.Usage, "not a JSON object")
		}
		m := jsonMember{name: name}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	_, err := d.Token()
	return out, err
}

// jsonProblem says where text stops being JSON.
func jsonProblem(b []byte) error {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	err := d.Decode(&v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return fail.New(fail.Usage, "not JSON: there is something after its end")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := string(b[:min(int(syntax.Offset), len(b))])
		line := strings.Count(before, "\n")
		return fail.New(fail.Usage, "not JSON: %s (line %d, character %d)", syntax.Error(), line+1, len(before)-strings.LastIndexByte(before, '\n')-1)
	}
	return fail.New(fail.Usage, "not JSON: it ends too early")
}

func jsonType(v json.RawMessage) string {
	switch v[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
