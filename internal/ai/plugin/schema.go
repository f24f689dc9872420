package plugin

import (
	"encoding/json"
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"
)

// SchemaID is where editors find the schema of a manifest.
const SchemaID = "https://raw.githubusercontent.com/aictl/aictl/main/docs/plugin.schema.json"

// JSONSchema is the schema of a manifest (draft 2020-12), for editors: it has
// the keys, the words and the forms. What belongs together is for Parse.
func JSONSchema() ([]byte, error) {
	s, err := jsonschema.ForType(reflect.TypeFor[Manifest](), &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Duration]():        {Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"10s", "5m"}},
		reflect.TypeFor[Size]():            {Types: []string{"string", "integer"}, Pattern: `^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$`, Examples: []any{"256Mi"}},
		reflect.TypeFor[json.RawMessage](): {},
	}})
	if err != nil {
		return nil, err
	}
	s.Schema, s.ID, s.Title = "https://json-schema.org/draft/2020-12/schema", SchemaID, "A service of aictl ("+FileName+")"
	p := s.Properties
	p["name"].Pattern = label.String()
	p["runtime"].Enum = []any{Process, Remote, Kubernetes}
	p["listen"].Enum = []any{Socket, Port}
	p["image_port"].Minimum, p["image_port"].Maximum = number(1), number(65535)
	p["version"].Type, p["version"].Types = "", []string{"string", "number"} // 1.0 is a number to YAML
	p["limits"].Properties["cpu"].Type, p["limits"].Properties["cpu"].Types = "", []string{"string", "number"}
	for _, key := range []string{"command", "files", "operations", "env"} { // an empty section is written as nothing
		p[key].Type, p[key].Types = "array", nil
	}
	p["operations"].MinItems = count(1)
	p["operations"].Items.Properties["name"].Pattern = opName.String()
	p["operations"].Items.Properties["examples"].Type, p["operations"].Items.Properties["examples"].Types = "array", nil
	p["env"].Items.Properties["name"].Pattern = envName.String()
	p["env"].Items.Properties["secret"].Pattern = secretRef.String()
	p["scale"].Properties["min"].Type, p["scale"].Properties["min"].Types = "integer", nil
	for _, key := range []string{"min", "max"} {
		p["scale"].Properties[key].Minimum, p["scale"].Properties[key].Maximum = number(0), number(maxReplicas)
	}
	s.Required = []string{"name", "version", "runtime", "operations"}
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}

func number(f float64) *float64 { return &f }
func count(n int) *int          { return &n }
