package widget

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Member is a member of an object that a JSON Schema describes, in words.
type Member struct {
	// Name is its name, Depth how deep it is within other members.
	Name  string
	Depth int
	// Type is its type: "array of object", or the values to choose from.
	Type     string
	Required bool
	// About is what the schema says, with the default and the limits.
	About string
}

// describeMost bounds what a description lists: a schema comes from outside.
const describeMost = 500

// Describe lists what a schema's object has, in the schema's order; nothing
// where it names no members. Its texts are as they came.
func Describe(schema json.RawMessage) []Member {
	root := &formSchema{}
	_ = root.UnmarshalJSON(schema) // it never fails
	var out []Member
	describe(root.resolve(root), root, 0, &out)
	return out
}

func describe(s, root *formSchema, depth int, out *[]Member) {
	if s.items != nil && len(s.properties) == 0 {
		s = s.items.resolve(root)
	}
	if depth > formDepth {
		return
	}
	for _, p := range s.properties {
		if len(*out) == describeMost {
			return
		}
		one := p.schema.resolve(root)
		*out = append(*out, Member{p.name, depth, one.word(root), slices.Contains(s.required, p.name), one.words()})
		describe(one, root, depth+1, out)
	}
}

// word is the type in a few words.
func (s *formSchema) word(root *formSchema) string {
	switch {
	case len(s.enum) > 0:
		return optionTexts(s.enum)
	case s.is("array") && s.items != nil:
		if of := s.items.resolve(root).word(root); of != "any" {
			return "array of " + of
		}
	case len(s.types) == 0 && len(s.properties) > 0:
		return "object"
	case len(s.types) == 0:
		return "any"
	}
	return strings.Join(s.types, " or ")
}

// words are what a person should know: meaning, default, limits.
func (s *formSchema) words() string {
	var parts []string
	if s.about != "" {
		parts = append(parts, s.about)
	} else if s.title != "" {
		parts = append(parts, s.title)
	}
	if len(s.standard) > 0 && string(s.standard) != "null" {
		parts = append(parts, "default "+optionText(s.standard))
	}
	number := func(word string, x *float64) {
		if x != nil {
			parts = append(parts, fmt.Sprintf("%s %g", word, *x))
		}
	}
	number("at least", s.least)
	number("at most", s.most)
	number("more than", s.above)
	number("less than", s.below)
	count := func(word, of string, n *int) {
		if n != nil {
			parts = append(parts, fmt.Sprintf("%s %d %s", word, *n, of))
		}
	}
	count("at least", "characters", s.shortest)
	count("at most", "characters", s.longest)
	count("at least", "items", s.fewest)
	if s.pattern != "" {
		parts = append(parts, "matches "+s.pattern)
	}
	if s.format != "" {
		parts = append(parts, s.format)
	}
	if s.writeOnly {
		parts = append(parts, "secret")
	}
	return strings.Join(parts, "; ")
}
