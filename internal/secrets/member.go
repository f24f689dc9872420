package secrets

import (
	"encoding/json"

	"github.com/aictl/aictl/internal/fail"
)

// object reads a value as a JSON object. The error never holds the value: the
// decoder's own would.
func object(v Value) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(v.Bytes(), &m); err != nil || m == nil {
		return nil, fail.New(fail.Usage, "the value is no JSON object, so it has no members").Hint("leave #MEMBER away")
	}
	return m, nil
}

func wipe(m map[string]json.RawMessage) {
	for _, raw := range m {
		clear(raw)
	}
}

// memberOf gives a member: a string's text, or anything else's JSON.
func memberOf(v Value, name string) (Value, error) {
	m, err := object(v)
	if err != nil {
		return Value{}, err
	}
	defer wipe(m)
	raw, ok := m[name]
	if !ok {
		return Value{}, fail.New(fail.NotFound, "the object has no member %q", name).Hint("aictl secrets get without #MEMBER")
	}
	if raw[0] == '"' {
		var text string // the one copy that can't be overwritten: encoding/json gives strings
		if err := json.Unmarshal(raw, &text); err != nil {
			return Value{}, fail.New(fail.Failed, "the member %q is damaged", name)
		}
		return NewValue([]byte(text)), nil
	}
	return CopyOf(raw), nil
}

// withMember gives the object with the member set to a string.
func withMember(v Value, name string, to Value) (Value, error) {
	m, err := object(v)
	if err != nil {
		return Value{}, err
	}
	defer wipe(m)
	raw, err := json.Marshal(string(to.Bytes()))
	if err != nil {
		return Value{}, fail.New(fail.Usage, "the value can't be a member of a JSON object")
	}
	m[name] = raw
	return encodeObject(m)
}

func withoutMember(v Value, name string) (Value, error) {
	m, err := object(v)
	if err != nil {
		return Value{}, err
	}
	defer wipe(m)
	if _, ok := m[name]; !ok {
		return Value{}, fail.New(fail.NotFound, "the object has no member %q", name)
	}
	delete(m, name)
	return encodeObject(m)
}

func encodeObject(m map[string]json.RawMessage) (Value, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return Value{}, fail.New(fail.Internal, "encoding the object")
	}
	return NewValue(body), nil
}
