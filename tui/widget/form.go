package widget

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/theme"
)

// Form edits a JSON object by fields that were made from its schema, or as raw
// JSON. It is for the keyboard alone, it draws its own cursor, and nothing in
// it waits or blinks.
//
// Keys: tab and shift+tab (down and up) go between the fields; left, right and
// space choose; enter submits, and begins a line in a field of several lines;
// ctrl+s submits anywhere; ctrl+r changes between the fields and raw JSON.
// What esc does is the owner's.
//
// Members that the schema does not know are kept as they came. Secret members
// are neither drawn nor part of the raw text or of Public.
type Form struct {
	// Verb is what enter does, for the hint: "invoke".
	Verb string

	th     func() *theme.Theme
	root   *formNode
	shown  []*formNode // the members in the order of drawing, objects included
	at     int         // the field in focus, in shown
	raw    *Input      // the text, where it is edited as JSON
	always bool        // there are no fields to go back to
	wrong  string      // about the whole
}

// NewForm makes a form of a JSON Schema. A schema of anything but an object
// gives a form of raw JSON. The error is a Usage where the schema is no JSON.
func NewForm(th func() *theme.Theme, schema json.RawMessage) (*Form, error) {
	root := &formSchema{}
	if len(bytes.TrimSpace(schema)) > 0 {
		if !json.Valid(schema) {
			return nil, fail.New(fail.Usage, "the schema is not JSON")
		}
		_ = root.UnmarshalJSON(schema) // it never fails
	}
	return newForm(th, root), nil
}

// NewFormOf makes a form of an operation's fields.
func NewFormOf(th func() *theme.Theme, fields []op.Field) *Form { return newForm(th, schemaOf(fields)) }

func newForm(th func() *theme.Theme, schema *formSchema) *Form {
	schema = schema.resolve(schema)
	f := &Form{Verb: "submit", th: th, root: &formNode{object: true, required: true, schema: schema, chosen: -1}}
	if !schema.is("object") && len(schema.properties) == 0 {
		f.always = true
		f.openRaw("")
		return f
	}
	f.grow(f.root, schema, 0)
	f.focus(f.next(-1, 1))
	return f
}

// grow makes the fields of an object.
func (f *Form) grow(parent *formNode, root *formSchema, depth int) {
	for _, p := range parent.schema.properties {
		s := p.schema.resolve(root)
		n := &formNode{name: p.name, depth: depth, schema: s, chosen: -1, secret: s.writeOnly, required: slices.Contains(parent.schema.required, p.name)}
		parent.children = append(parent.children, n)
		f.shown = append(f.shown, n)
		switch {
		case s.is("object") && len(s.properties) > 0 && depth+1 < formDepth:
			n.object = true
			f.grow(n, root, depth+1)
		case len(s.enum) > 0:
			n.options = s.enum
		case s.is("boolean"):
			n.options = []json.RawMessage{json.RawMessage("true"), json.RawMessage("false")}
		default:
			n.in = NewInput("")
			n.in.Theme, n.in.Placeholder = f.th, n.hint()
			n.in.Multiline = !s.scalar() && !n.list()
			n.in.Secret = n.secret
		}
	}
}

// Set fills the form with a value, an example perhaps. What is no object is
// left alone where there are fields. A value of more than a field holds is a
// TooLarge.
func (f *Form) Set(value json.RawMessage) error {
	if len(value) >= inputLimit {
		return fail.New(fail.TooLarge, "the value is over %d KiB: too long to be edited here", inputLimit>>10)
	}
	if f.raw != nil {
		f.openRaw(string(value))
		return nil
	}
	f.root.load(value)
	return nil
}

// Empty reports whether there is nothing to fill in.
func (f *Form) Empty() bool { return len(f.shown) == 0 && f.raw == nil }

// Update takes a key or a paste. It reports that the person submitted, and the
// value is good.
func (f *Form) Update(msg tea.Msg) bool {
	k, ok := msg.(tea.KeyPressMsg)
	key := ""
	if ok {
		key = k.String()
	}
	switch {
	case key == "ctrl+s":
		return f.submit()
	case key == "ctrl+r":
		f.Toggle()
	case f.raw != nil:
		if f.wrong = ""; key == "enter" {
			f.raw.Insert("\n")
			return false
		}
		f.raw.Update(msg)
	case len(f.shown) == 0:
		return key == "enter"
	default:
		return f.field(f.shown[f.at], key, msg)
	}
	return false
}

// field gives the key to the field in focus, or does what it means to all.
func (f *Form) field(n *formNode, key string, msg tea.Msg) bool {
	switch key {
	case "tab":
		f.leave(1)
		return false
	case "shift+tab":
		f.leave(-1)
		return false
	case "up", "down":
		by := 1
		if key == "up" {
			by = -1
		}
		if !n.typed() || !n.in.line(by) {
			f.leave(by)
		}
		return false
	case "enter":
		if n.typed() && n.in.Multiline {
			n.in.Insert("\n")
			return false
		}
		return f.submit()
	}
	f.wrong, n.wrong = "", ""
	if n.typed() {
		n.in.Update(msg)
		return false
	}
	n.choose(key)
	return false
}

// choose goes through the options, or to one by its first letter; backspace
// takes the choice back.
func (n *formNode) choose(key string) {
	all := len(n.options) + 1 // one more: none
	switch key {
	case "right", "space":
		n.chosen = (n.chosen+2)%all - 1
	case "left":
		n.chosen = (n.chosen+all)%all - 1
	case "backspace", "delete":
		n.chosen = -1
	default:
		for i := range n.options {
			o := (n.chosen + 1 + i) % len(n.options)
			if key != "" && strings.HasPrefix(optionText(n.options[o]), key) {
				n.chosen = o
				return
			}
		}
	}
}

// leave goes to another field, and says what is wrong with the one it leaves.
func (f *Form) leave(by int) {
	n := f.shown[f.at]
	n.wrong = ""
	if _, err := n.value(); err != nil {
		n.wrong = err.Error()
	}
	f.focus(f.next(f.at, by))
}

// next is the field after another one, round the ends.
func (f *Form) next(at, by int) int {
	for range f.shown {
		at = (at + by + len(f.shown)) % len(f.shown)
		if !f.shown[at].object {
			return at
		}
	}
	return 0
}

func (f *Form) focus(at int) {
	for i, n := range f.shown {
		if n.typed() && i != at {
			n.in.Blur()
		}
	}
	f.at = at
	if at < len(f.shown) && f.shown[at].typed() {
		f.shown[at].in.Focus()
	}
}

// submit checks everything; the first field that is wrong gets the focus.
func (f *Form) submit() bool {
	f.wrong = ""
	_, err := f.Value()
	if err == nil {
		return true
	}
	for i, n := range f.shown {
		if n.wrong != "" && !n.object {
			f.focus(i)
			return false
		}
	}
	f.wrong = err.Error()
	return false
}
