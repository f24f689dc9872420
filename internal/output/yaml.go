package output

import (
	"bytes"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// toYAML renders a JSON document as YAML with the same names, keys sorted.
// doc must come from marshal, where everything unsafe is escaped. The YAML
// emitter decodes those escapes and leaves some characters as they are that
// a terminal acts on (bidirectional controls are "printable" in YAML); then
// the indented JSON is given, which is YAML too and keeps every escape.
func toYAML(doc []byte) ([]byte, error) {
	doc = printable(doc)
	b, err := yaml.JSONToYAML(doc)
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "encoding the result as YAML")
	}
	if !bytes.Equal(term.SafeBytes(b), b) {
		return indent(doc), nil
	}
	return b, nil
}

// printable escapes what JSON may hold as it is and YAML may not (YAML 1.2,
// section 5.1): it stands in strings only, where an escape means the same.
func printable(doc []byte) []byte {
	for _, c := range []string{"\uFFFE", "\uFFFF"} {
		doc = bytes.ReplaceAll(doc, []byte(c), fmt.Appendf(nil, `\u%04x`, []rune(c)[0]))
	}
	return doc
}
