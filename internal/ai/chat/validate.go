package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/aictl/aictl/internal/fail"
)

// ValidateAnswer checks a model's answer against a JSON Schema (draft 2020-12
// unless it names another). The answer may stand in a Markdown fence. The
// error has code false and the places that don't fit; a schema that is itself
// wrong is a usage error. References to files or the network are refused.
func ValidateAnswer(schema []byte, answer string) error {
	compiled, err := compile(schema)
	if err != nil {
		return err
	}
	text := unfence(answer)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fail.New(fail.False, "the answer is not JSON: %s", jsonPlace(text)).
			Hint("ask for JSON in the prompt, or use a model that supports response_format: aictl providers test")
	}
	err = compiled.Validate(value)
	var bad *jsonschema.ValidationError
	if errors.As(err, &bad) {
		return fail.New(fail.False, "the answer does not fit the schema: %s", strings.Join(mismatches(bad.BasicOutput()), "; ")).
			Hint("ask again, or use a model that supports response_format: aictl providers test")
	}
	if err != nil {
		return fail.Wrap(fail.Usage, err, "checking the answer")
	}
	return nil
}

type refuse struct{}

// Load implements jsonschema.URLLoader.
func (refuse) Load(string) (any, error) {
	return nil, errors.New("references outside of the schema are not followed")
}

func compile(schema []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fail.New(fail.Usage, "the schema is not JSON: %s", jsonPlace(string(schema)))
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(refuse{})
	const here = "urn:aictl:schema"
	if err := c.AddResource(here, doc); err != nil {
		return nil, fail.Wrap(fail.Usage, err, "reading the schema")
	}
	compiled, err := c.Compile(here)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "the schema is not valid")
	}
	return compiled, nil
}

// mismatches lists the leaves, at most five.
func mismatches(u *jsonschema.OutputUnit) []string {
	out := []string{}
	for _, e := range u.Errors {
		if e.Error == nil || len(e.Errors) > 0 {
			continue
		}
		at := e.InstanceLocation
		if at == "" {
			at = "/"
		}
		out = append(out, "at "+clip(at, 120)+": "+clip(e.Error.String(), 200))
		if len(out) == 5 {
			break
		}
	}
	return out
}

// unfence takes the text in the first Markdown code fence, where there is one
// and the answer is not JSON as it is.
func unfence(s string) string {
	s = strings.TrimSpace(strings.TrimPrefix(s, "\ufeff"))
	if json.Valid([]byte(s)) {
		return s
	}
	_, rest, ok := strings.Cut(s, "```")
	if !ok {
		return s
	}
	if _, body, ok := strings.Cut(rest, "\n"); ok {
		if i := strings.LastIndex(body, "```"); i >= 0 {
			body = body[:i]
		}
		return strings.TrimSpace(body)
	}
	return s
}

// jsonPlace says where a text stops being JSON, without repeating the text.
func jsonPlace(s string) string {
	var v any
	err := json.Unmarshal([]byte(s), &v)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		before := s[:min(int(syntax.Offset), len(s))]
		return "line " + strconv.Itoa(1+strings.Count(before, "\n")) + ": " + syntax.Error()
	case err != nil:
		return err.Error()
	}
	return "more than one value"
}
