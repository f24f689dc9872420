package output

import (
	"bytes"

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
	b, err := yaml.JSONToYAML(doc)
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "encoding the result as YAML")
	}
	if !bytes.Equal(term.SafeBytes(b), b) {
		return indent(doc), nil
	}
	return b, nil
}
