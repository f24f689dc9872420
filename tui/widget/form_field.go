package widget

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
)

// formNode is a member of the form's object: a field, or an object of fields.
type formNode struct {
	name     string
	depth    int
	schema   *formSchema
	required bool
	secret   bool
	// An object has children and no field; extra are members that the schema
	// does not know, kept as they came.
	object   bool
	children []*formNode
	extra    []jsonMember
	// A choice has options (as JSON) and the number of the chosen one, -1 for
	// none; any other field has an input.
	options []json.RawMessage
	chosen  int
	in      *Input
	wrong   string
}

// text reports whether the field is typed, and not chosen.
func (n *formNode) typed() bool { return n.in != nil }

func (n *formNode) set() bool {
	if n.typed() {
		return strings.TrimSpace(n.in.Value()) != ""
	}
	return n.chosen >= 0
}

// load puts a JSON value into the field, or into the fields of the object.
func (n *formNode) load(v json.RawMessage) {
	n.wrong = ""
	switch {
	case n.object:
		n.extra = nil
		for _, c := range n.children {
			c.load(nil)
		}
		members, err := jsonMembers(v)
		if err != nil {
			return
		}
		for _, m := range members {
			i := slices.IndexFunc(n.children, func(c *formNode) bool { return c.name == m.name })
			if i < 0 {
				n.extra = append(n.extra, m)
				continue
			}
			n.children[i].load(m.value)
		}
	case n.typed():
		n.in.SetValue(n.textOf(v))
		n.in.SetCursor(0)
	default:
		n.chosen = slices.IndexFunc(n.options, func(o json.RawMessage) bool { return bytes.Equal(o, bytes.TrimSpace(v)) })
	}
}

// textOf is how a value is written in the field.
func (n *formNode) textOf(v json.RawMessage) string {
	if len(v) == 0 || string(v) == "null" {
		return ""
	}
	var s string
	if (n.schema.is("string") || len(n.schema.types) == 0 && n.schema.scalar()) && json.Unmarshal(v, &s) == nil {
		return s
	}
	if n.list() {
		if line, ok := listText(v); ok {
			return line
		}
	}
	var b bytes.Buffer
	if n.in.Multiline && json.Indent(&b, v, "", "  ") == nil && b.Len() < inputLimit {
		return b.String()
	}
	b.Reset()
	if json.Compact(&b, v) == nil {
		return b.String()
	}
	return string(v)
}

// listText writes scalars as a person lists them: 80, 95.
func listText(v json.RawMessage) (string, bool) {
	var items []json.RawMessage
	if json.Unmarshal(v, &items) != nil {
		return "", false
	}
	words := make([]string, len(items))
	for i, it := range items {
		var s string
		if json.Unmarshal(it, &s) != nil {
			s = string(it)
		}
		if s == "" || strings.ContainsAny(s, ",[\n") || strings.TrimSpace(s) != s {
			return "", false
		}
		words[i] = s
	}
	return strings.Join(words, ", "), true
}

func (n *formNode) list() bool {
	return n.schema.is("array") && n.schema.items != nil && n.schema.items.scalar()
}

// value gives the JSON of what was typed; nil where nothing was. The error is
// for the person who typed it.
func (n *formNode) value() (json.RawMessage, error) {
	if !n.set() {
		return nil, nil
	}
	if !n.typed() {
		return n.options[n.chosen], nil
	}
	text := n.in.Value()
	if n.list() {
		return n.listValue(text)
	}
	if n.schema.scalar() {
		return scalarValue(n.schema, text, n.secret)
	}
	v := json.RawMessage(strings.TrimSpace(text))
	if err := jsonProblem(v); err != nil {
		if slices.Contains(n.schema.types, "string") { // of several types: what is no JSON is text
			return json.Marshal(text)
		}
		return nil, err
	}
	if got := jsonType(v); len(n.schema.types) > 0 && got != "null" && !slices.Contains(n.schema.types, got) {
		return nil, fail.New(fail.Usage, "this is %s; %s is needed", article(got), articles(n.schema.types))
	}
	var items []json.RawMessage
	if n.schema.fewest != nil && json.Unmarshal(v, &items) == nil && len(items) < *n.schema.fewest {
		return nil, fail.New(fail.Usage, "at least %d items are needed", *n.schema.fewest)
	}
	return v, nil
}

func (n *formNode) listValue(text string) (json.RawMessage, error) {
	text = strings.TrimSpace(text)
	var items []json.RawMessage
	if strings.HasPrefix(text, "[") {
		if err := json.Unmarshal([]byte(text), &items); err != nil {
			return nil, jsonProblem([]byte(text))
		}
	} else {
		for i, word := range strings.Split(text, ",") {
			if strings.TrimSpace(word) == "" {
				continue
			}
			v, err := scalarValue(n.schema.items, strings.TrimSpace(word), false)
			if err != nil {
				return nil, fail.New(fail.Usage, "item %d: %s", i+1, err.Error())
			}
			items = append(items, v)
		}
	}
	if n.schema.fewest != nil && len(items) < *n.schema.fewest {
		return nil, fail.New(fail.Usage, "at least %d items are needed", *n.schema.fewest)
	}
	return json.Marshal(items)
}

// scalarValue reads text as one value of the schema.
func scalarValue(s *formSchema, text string, secret bool) (json.RawMessage, error) {
	if len(s.enum) > 0 {
		for _, e := range s.enum {
			if text == string(e) || text == optionText(e) {
				return e, nil
			}
		}
		return nil, fail.New(fail.Usage, "one of these is needed: %s", optionTexts(s.enum))
	}
	switch {
	case s.is("integer"), s.is("number"):
		return numberValue(s, strings.TrimSpace(text))
	case s.is("boolean"):
		b, err := strconv.ParseBool(strings.TrimSpace(text))
		if err != nil {
			return nil, fail.New(fail.Usage, "true or false is needed")
		}
		return json.Marshal(b)
	}
	length := utf8.RuneCountInString(text)
	switch {
	case s.shortest != nil && length < *s.shortest:
		return nil, fail.New(fail.Usage, "at least %d characters are needed", *s.shortest)
	case s.longest != nil && length > *s.longest:
		return nil, fail.New(fail.Usage, "at most %d characters, and these are %d", *s.longest, length)
	case s.format == "date-time":
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return nil, fail.New(fail.Usage, "a time is needed, as 2026-01-02T15:04:05Z")
		}
	case s.format == "bytes" && secret:
		return json.Marshal(base64.StdEncoding.EncodeToString([]byte(text)))
	}
	if s.pattern != "" {
		// ECMA's expressions are not Go's: one that does not compile is for the
		// service to judge.
		if re, err := regexp.Compile(s.pattern); err == nil && !re.MatchString(text) {
			return nil, fail.New(fail.Usage, "it must match %s", s.pattern)
		}
	}
	return json.Marshal(text)
}

func numberValue(s *formSchema, text string) (json.RawMessage, error) {
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case s.is("integer") && (err != nil || x != math.Trunc(x) || math.IsInf(x, 0)):
		return nil, fail.New(fail.Usage, "a whole number is needed")
	case err != nil || math.IsNaN(x) || math.IsInf(x, 0):
		return nil, fail.New(fail.Usage, "a number is needed")
	case s.least != nil && x < *s.least:
		return nil, fail.New(fail.Usage, "at least %g", *s.least)
	case s.most != nil && x > *s.most:
		return nil, fail.New(fail.Usage, "at most %g", *s.most)
	case s.above != nil && x <= *s.above:
		return nil, fail.New(fail.Usage, "more than %g", *s.above)
	case s.below != nil && x >= *s.below:
		return nil, fail.New(fail.Usage, "less than %g", *s.below)
	}
	if json.Valid([]byte(text)) { // as it was typed: big numbers keep their digits
		return json.RawMessage(text), nil
	}
	return json.Marshal(x)
}

func article(t string) string {
	switch t {
	case "array", "object", "integer":
		return "an " + t
	}
	return "a " + t
}

func articles(types []string) string {
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = article(t)
	}
	return strings.Join(out, " or ")
}

// optionText is how a value to choose is shown.
func optionText(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

func optionTexts(all []json.RawMessage) string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = optionText(v)
	}
	return strings.Join(out, ", ")
}

// hint is what an empty field says.
func (n *formNode) hint() string {
	s := n.schema
	word := strings.Join(s.types, " or ")
	switch {
	case len(s.standard) > 0 && string(s.standard) != "null":
		return "default " + optionText(s.standard)
	case n.list():
		word = "values, with commas between"
	case s.format != "" && s.format != "bytes":
		word = s.format
	case len(s.examples) > 0:
		return "as " + optionText(s.examples[0])
	case !s.scalar():
		word = fmt.Sprintf("JSON %s", word)
	}
	return strings.TrimSpace(word)
}
