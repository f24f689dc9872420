package widget

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/op"
)

// formDepth is how many objects within objects become fields; what is deeper
// is edited as JSON.
const formDepth = 4

// formSchema is what a form reads of a JSON Schema. A keyword of a form that
// it does not know is passed over: the service checks the input by itself.
type formSchema struct {
	types                     []string
	nullable                  bool
	title, about, format, ref string
	pattern                   string
	properties                []formProperty
	required                  []string
	enum, examples            []json.RawMessage
	standard                  json.RawMessage // "default"
	items                     *formSchema
	least, most               *float64
	above, below              *float64
	shortest, longest, fewest *int
	writeOnly                 bool
	defs                      map[string]*formSchema
	any                       []*formSchema
}

// formProperty is a member of an object, in the order of the schema.
type formProperty struct {
	name   string
	schema *formSchema
}

// UnmarshalJSON reads each keyword by itself, so that one of an unusual form
// (a boolean schema, a list of items) spoils none of the others.
func (s *formSchema) UnmarshalJSON(b []byte) error {
	members, err := jsonMembers(b)
	if err != nil {
		return nil //nolint:nilerr // true and false are schemas as well: anything goes
	}
	for _, m := range members {
		s.keyword(m.name, m.value)
	}
	return nil
}

func (s *formSchema) keyword(name string, v json.RawMessage) {
	into := map[string]any{
		"title": &s.title, "description": &s.about, "format": &s.format, "pattern": &s.pattern, "$ref": &s.ref,
		"required": &s.required, "enum": &s.enum, "examples": &s.examples,
		"minimum": &s.least, "maximum": &s.most, "exclusiveMinimum": &s.above, "exclusiveMaximum": &s.below,
		"minLength": &s.shortest, "maxLength": &s.longest, "minItems": &s.fewest, "writeOnly": &s.writeOnly,
		"items": &s.items, "anyOf": &s.any, "oneOf": &s.any, "$defs": &s.defs, "definitions": &s.defs,
	}
	switch name {
	case "type":
		var one string
		if json.Unmarshal(v, &one) == nil {
			s.types = []string{one}
		} else if json.Unmarshal(v, &s.types) != nil {
			s.types = nil
		}
		s.types = slices.DeleteFunc(s.types, func(t string) bool { s.nullable = s.nullable || t == "null"; return t == "null" })
	case "default":
		s.standard = v
	case "const":
		s.enum = []json.RawMessage{v}
	case "properties":
		members, err := jsonMembers(v)
		if err != nil {
			return
		}
		for _, m := range members {
			p := &formSchema{}
			_ = p.UnmarshalJSON(m.value) // it never fails
			s.properties = append(s.properties, formProperty{m.name, p})
		}
	default:
		if dst, ok := into[name]; ok && json.Unmarshal(v, dst) != nil {
			reflect.ValueOf(dst).Elem().SetZero()
		}
	}
}

// resolve follows $ref and takes the one choice that is not null. What it
// cannot follow is any value.
func (s *formSchema) resolve(root *formSchema) *formSchema {
	for range formDepth {
		if name, ok := strings.CutPrefix(s.ref, "#/$defs/"); ok && root.defs[name] != nil {
			s = s.over(root.defs[name])
			continue
		}
		if name, ok := strings.CutPrefix(s.ref, "#/definitions/"); ok && root.defs[name] != nil {
			s = s.over(root.defs[name])
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(s.any), func(a *formSchema) bool { return a == nil || a.nullable && len(a.types) == 0 })
		if len(s.types) > 0 || len(rest) != 1 {
			return s
		}
		s = s.over(rest[0])
	}
	return s
}

// over is another schema with the words of this one.
func (s *formSchema) over(other *formSchema) *formSchema {
	out := *other
	if s.about != "" {
		out.about = s.about
	}
	if len(s.standard) > 0 {
		out.standard = s.standard
	}
	if len(s.examples) > 0 {
		out.examples = s.examples
	}
	return &out
}

// is reports whether the schema allows this type and no other.
func (s *formSchema) is(t string) bool { return len(s.types) == 1 && s.types[0] == t }

func (s *formSchema) scalar() bool {
	return len(s.enum) > 0 || s.is("string") || s.is("number") || s.is("integer") || s.is("boolean")
}

// schemaOf describes the input of an operation.
func schemaOf(fields []op.Field) *formSchema {
	root := &formSchema{types: []string{"object"}}
	for _, f := range fields {
		s := typeSchema(f.Type)
		s.about, s.writeOnly = f.Help, f.Secret
		one := s
		if f.Repeated() {
			one = s.items
		}
		for _, e := range f.Enum {
			b, _ := json.Marshal(e) // a string always encodes
			one.enum = append(one.enum, b)
		}
		if f.Default != "" {
			s.standard, _ = json.Marshal(f.Default) // as above; it is only shown
		}
		if f.Required {
			root.required = append(root.required, f.JSON)
		}
		root.properties = append(root.properties, formProperty{f.JSON, s})
	}
	return root
}

func typeSchema(t reflect.Type) *formSchema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[op.Duration]():
		return &formSchema{types: []string{"string"}, format: "duration"}
	case t == reflect.TypeFor[json.RawMessage]():
		return &formSchema{}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return &formSchema{types: []string{"string"}, format: "bytes"}
	case t.Kind() == reflect.Slice:
		return &formSchema{types: []string{"array"}, items: typeSchema(t.Elem())}
	case t.Kind() == reflect.String:
		return &formSchema{types: []string{"string"}}
	case t.Kind() == reflect.Bool:
		return &formSchema{types: []string{"boolean"}}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return &formSchema{types: []string{"integer"}}
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return &formSchema{types: []string{"number"}}
	}
	return &formSchema{}
}
