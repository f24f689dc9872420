package op

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema gives the JSON Schema (draft 2020-12) of t, with what our own tags
// add: enum, default, required, and writeOnly for secrets.
func Schema(t reflect.Type) (*jsonschema.Schema, error) {
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Duration]():        {Type: "string", Description: "a duration: 90s, 15m, 2h"},
		reflect.TypeFor[json.RawMessage](): {},
		reflect.TypeFor[Number]():          {Types: []string{"number", "string"}, Description: "a number, or \"NaN\", \"+Inf\", \"-Inf\""},
		reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
		reflect.TypeFor[[]byte]():          {Type: "string", ContentEncoding: "base64"},
	}})
	if err != nil {
		return nil, err
	}
	annotate(s, t)
	return s, nil
}

func annotate(s *jsonschema.Schema, t reflect.Type) {
	if s.Properties == nil {
		return
	}
	var required []string
	for _, f := range Fields(t) {
		p := s.Properties[f.JSON]
		if p == nil {
			continue
		}
		target := p
		if f.Repeated() && p.Items != nil {
			target = p.Items
		}
		for _, e := range f.Enum {
			target.Enum = append(target.Enum, e)
		}
		if f.Default != "" {
			p.Default = defaultJSON(f)
		}
		p.WriteOnly = f.Secret
		if f.Required {
			required = append(required, f.JSON)
		}
	}
	if isInput(t) {
		s.Required = required
	}
}

// isInput: a struct with argument or flag tags states what it requires by
// itself; of anything else, every member without omitempty is required.
func isInput(t reflect.Type) bool {
	for _, f := range Fields(t) {
		if f.Arg != "" || f.Required || f.Default != "" {
			return true
		}
	}
	return false
}

func defaultJSON(f Field) json.RawMessage {
	if f.Type.Kind() == reflect.String || f.Type == reflect.TypeFor[Duration]() {
		b, _ := json.Marshal(f.Default) // a string always encodes
		return b
	}
	if f.Repeated() || !json.Valid([]byte(f.Default)) {
		return nil
	}
	return json.RawMessage(f.Default)
}
