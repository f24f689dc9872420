package chat

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/op"
)

// toolCommand is the command line of a tool call whose tool is an operation of
// the platform; empty where it is none. Tools are named as the Model Context
// Protocol's server names them: logs_search.
func toolCommand(t api.ChatTool) string {
	for _, d := range api.All() {
		s := d.Describe()
		if s.ID != t.Name && strings.NewReplacer(".", "_", "-", "_").Replace(s.ID) != t.Name {
			continue
		}
		path := s.CommandPath()
		if path == nil {
			return ""
		}
		made, ok := d.(interface{ NewInput() any })
		if !ok {
			return ""
		}
		var values map[string]json.RawMessage
		if t.Arguments != "" && json.Unmarshal([]byte(t.Arguments), &values) != nil {
			return "" // it is still coming, or it is no JSON
		}
		return argv.Line(append(append([]string{"aictl"}, path...), inputWords(reflect.TypeOf(made.NewInput()).Elem(), values)...)...)
	}
	return ""
}

// inputWords are the arguments and flags of an input.
func inputWords(input reflect.Type, values map[string]json.RawMessage) []string {
	var args, flags []string
	for _, f := range op.Fields(input) {
		raw, ok := values[f.JSON]
		if !ok || f.Secret {
			continue
		}
		text := plainValue(raw)
		switch {
		case f.Arg != "":
			args = append(args, text)
		case f.Flag != "-":
			flags = append(flags, "--"+f.Flag+"="+text)
		case f.JSON == "from" || f.JSON == "to" || f.JSON == "namespace":
			flags = append(flags, "--"+f.JSON+"="+text)
		}
	}
	return append(args, flags...)
}

// plainValue writes a JSON value as a flag takes it.
func plainValue(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		parts := make([]string, len(list))
		for i, one := range list {
			parts[i] = plainValue(one)
		}
		return strings.Join(parts, ",")
	}
	return string(raw)
}
