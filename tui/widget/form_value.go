package widget

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// Value gives the object, its members in the order of the schema. What is not
// filled in is left out. A Usage error says what is wrong, and so does the
// field.
func (f *Form) Value() (json.RawMessage, error) {
	if f.raw == nil {
		v, errs := f.root.build(true, true)
		if len(errs) > 0 {
			return nil, errs[0]
		}
		return v, nil
	}
	text := strings.TrimSpace(f.raw.Value())
	if text == "" && !f.always {
		text = "{}"
	}
	if text == "" {
		return nil, nil
	}
	if err := jsonProblem([]byte(text)); err != nil {
		return nil, err
	}
	if f.always {
		return json.RawMessage(text), nil
	}
	return f.root.withSecrets(json.RawMessage(text))
}

// Public is Value without what is secret, for a command line or a log. It
// reports whether anything was left out.
func (f *Form) Public() (v json.RawMessage, whole bool) {
	if f.raw != nil {
		text := json.RawMessage(strings.TrimSpace(f.raw.Value()))
		if jsonProblem(text) != nil {
			return json.RawMessage("{}"), !f.Secrets()
		}
		return f.root.withoutSecrets(text), !f.Secrets() && f.root.same(text)
	}
	v, _ = f.root.build(false, false)
	return v, !f.Secrets()
}

// Secrets reports whether a secret field is filled in.
func (f *Form) Secrets() bool {
	return slices.ContainsFunc(f.shown, func(n *formNode) bool { return n.secret && !n.object && n.set() })
}

// Toggle changes between the fields and raw JSON. Text that is no object stays
// raw, with what is wrong.
func (f *Form) Toggle() {
	if f.raw == nil {
		v, _ := f.root.build(false, false)
		f.openRaw(string(v))
		return
	}
	if f.always {
		f.wrong = "this input has no fields: it is JSON"
		return
	}
	text := strings.TrimSpace(f.raw.Value())
	if text != "" {
		if _, err := jsonMembers([]byte(text)); err != nil {
			f.wrong = "not a JSON object"
			if err := jsonProblem([]byte(text)); err != nil {
				f.wrong = err.Error()
			}
			return
		}
	}
	kept := map[*formNode]string{}
	for _, n := range f.shown {
		if n.secret && n.typed() {
			kept[n] = n.in.Value()
		}
	}
	f.root.load(json.RawMessage(text))
	for n, secret := range kept {
		if !n.set() {
			n.in.SetValue(secret)
		}
	}
	f.raw, f.wrong = nil, ""
}

// Raw reports whether the value is edited as JSON.
func (f *Form) Raw() bool { return f.raw != nil }

func (f *Form) openRaw(text string) {
	var b bytes.Buffer
	if text == "" {
		text = "{}"
	}
	if json.Indent(&b, []byte(text), "", "  ") == nil && b.Len() < inputLimit {
		text = b.String()
	}
	f.raw, f.wrong = NewInput(""), ""
	f.raw.Theme, f.raw.Multiline = f.th, true
	f.raw.SetValue(text)
	f.raw.SetCursor(0)
	f.raw.Focus()
}

// build writes the object; nil where nothing is filled in and it is not
// required: such an object wants none of its members. Checked marks what is wrong;
// without, what cannot be read is written as text.
func (n *formNode) build(checked, secrets bool) (json.RawMessage, []error) {
	var errs, missing []error
	var b bytes.Buffer
	put := func(name string, v json.RawMessage) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(name) // a string always encodes
		b.Write(key)
		b.WriteByte(':')
		b.Write(v)
	}
	for _, c := range n.children {
		if c.secret && !secrets {
			continue
		}
		v, bad := c.one(checked, secrets)
		errs = append(errs, bad...)
		switch {
		case v != nil:
			put(c.name, v)
		case len(bad) == 0 && c.required:
			missing = append(missing, fail.New(fail.Usage, "%s is needed", c.name))
		}
	}
	for _, m := range n.extra {
		put(m.name, m.value)
	}
	if b.Len() == 0 && !n.required {
		return nil, errs
	}
	if checked {
		for _, c := range n.children {
			if c.required && !c.object && !c.set() {
				c.wrong = "this is needed"
			}
		}
		errs = append(errs, missing...)
	}
	return json.RawMessage("{" + b.String() + "}"), errs
}

// one writes a member.
func (n *formNode) one(checked, secrets bool) (json.RawMessage, []error) {
	if n.object {
		return n.build(checked, secrets)
	}
	v, err := n.value()
	switch {
	case err == nil && checked:
		n.wrong = ""
	case err != nil && checked:
		n.wrong = err.Error()
		return nil, []error{fail.New(fail.Usage, "%s: %s", n.name, n.wrong)}
	case err != nil:
		v, _ = json.Marshal(n.in.Value()) // a string always encodes
	}
	return v, nil
}

// withSecrets adds the secret members to raw text that has them not.
func (n *formNode) withSecrets(text json.RawMessage) (json.RawMessage, error) {
	return n.edit(text, func(c *formNode, v json.RawMessage) (json.RawMessage, error) {
		if v != nil || !c.set() {
			return v, nil
		}
		return c.value()
	})
}

// withoutSecrets takes the secret members out of raw text.
func (n *formNode) withoutSecrets(text json.RawMessage) json.RawMessage {
	v, err := n.edit(text, func(*formNode, json.RawMessage) (json.RawMessage, error) { return nil, nil })
	if err != nil {
		return json.RawMessage("{}")
	}
	return v
}

// same reports whether taking the secrets out changes nothing.
func (n *formNode) same(text json.RawMessage) bool {
	found := false
	_, err := n.edit(text, func(_ *formNode, v json.RawMessage) (json.RawMessage, error) {
		found = found || v != nil
		return v, nil
	})
	return err == nil && !found
}

// edit gives raw text with each secret member as change says; nil leaves it
// out. Text without secrets to change is given back as it is.
func (n *formNode) edit(text json.RawMessage, change func(c *formNode, v json.RawMessage) (json.RawMessage, error)) (json.RawMessage, error) {
	if !n.holdsSecret() {
		return text, nil
	}
	members, err := jsonMembers(text)
	if err != nil {
		return text, nil //nolint:nilerr // no object has no members: it is what was typed
	}
	for _, c := range n.children {
		if !c.holdsSecret() {
			continue
		}
		i := slices.IndexFunc(members, func(m jsonMember) bool { return m.name == c.name })
		var v json.RawMessage
		if i >= 0 {
			v = members[i].value
		}
		switch {
		case !c.object:
			v, err = change(c, v)
		case v != nil:
			v, err = c.edit(v, change)
		default:
			if v, err = c.edit(json.RawMessage("{}"), change); string(v) == "{}" {
				v = nil
			}
		}
		if err != nil {
			return nil, err
		}
		switch {
		case v != nil && i >= 0:
			members[i].value = v
		case v != nil:
			members = append(members, jsonMember{c.name, v})
		case i >= 0:
			members = slices.Delete(members, i, i+1)
		}
	}
	out := &formNode{object: true, required: true, extra: members}
	v, _ := out.build(false, false)
	return v, nil
}

func (n *formNode) holdsSecret() bool {
	return n.secret || slices.ContainsFunc(n.children, (*formNode).holdsSecret)
}
