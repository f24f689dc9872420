// Package yamlfile reads YAML that people wrote.
//
// It promises an error where the library that it uses panics: goccy/go-yaml
// does on some documents (a value of a tag alone, such as `threshold: !00 `,
// found by fuzzing), and a typing mistake must not end a dashboard.
package yamlfile

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// Decode reads one document into v; with yaml.Strict an unknown key is an
// error. An empty document leaves v as it is.
func Decode(data []byte, v any, options ...yaml.DecodeOption) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML is malformed, and where cannot be told (%v)", r)
		}
	}()
	return yaml.UnmarshalWithOptions(data, v, options...)
}
