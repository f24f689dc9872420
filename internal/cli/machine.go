package cli

import (
	"reflect"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
)

// CommandInfo is one leaf command, for programs that drive aictl.
type CommandInfo struct {
	Command   string     `json:"command"`
	Summary   string     `json:"summary"`
	Operation string     `json:"operation,omitempty"`
	Shape     op.Shape   `json:"shape,omitempty"`
	Effect    op.Effect  `json:"effect"`
	Server    bool       `json:"server"`
	Route     string     `json:"route,omitempty"`
	Usage     string     `json:"usage"`
	Flags     []flagInfo `json:"flags"`
	Examples  []string   `json:"examples"`
	Exit      []exitInfo `json:"exit_codes"`
	Output    string     `json:"output" jsonschema:"what stdout holds: document, list, stream, text"`
}

type flagInfo struct {
	Name    string `json:"name"`
	Short   string `json:"short,omitempty"`
	Type    string `json:"type"`
	Default string `json:"default,omitempty"`
	Usage   string `json:"usage"`
}

type exitInfo struct {
	Exit int       `json:"exit"`
	Code fail.Code `json:"code"`
}

// Leaves lists the runnable commands of a tree in order, also those that have
// commands below them (aictl logs); hidden ones and mere groups are left out.
func Leaves(root *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, c := range root.Commands() {
		if c.Hidden || c.IsAdditionalHelpTopicCommand() || c.Name() == "help" {
			continue
		}
		if !c.HasSubCommands() || c.Annotations[annotationOperation] != "" {
			out = append(out, c)
		}
		out = append(out, Leaves(c)...)
	}
	return out
}

// Describe gives what there is to know of a leaf command.
func Describe(cmd *cobra.Command) CommandInfo {
	info := CommandInfo{
		Command: cmd.CommandPath(), Summary: cmd.Short, Usage: cmd.UseLine(), Effect: op.Read,
		Flags: []flagInfo{}, Examples: exampleLines(cmd), Output: "document",
	}
	codes := []fail.Code{fail.OK, fail.Failed, fail.Usage, fail.Canceled}
	if e := effects[cmd.CommandPath()]; e != "" {
		info.Effect = e
	}
	if d := declarationOf(cmd); d != nil {
		s := d.Describe()
		info.Operation, info.Shape, info.Effect, info.Server, info.Route = s.ID, d.Shape(), s.Effect, s.Server, s.Route
		codes = s.ExitCodes()
		if info.Output = outputClass(d); handMadeOutputs[cmd.CommandPath()] != nil && handMadeOutputs[cmd.CommandPath()].Kind() == reflect.Slice {
			info.Output = "list"
		}
	} else if c, ok := handMadeCodes[cmd.CommandPath()]; ok {
		codes = append(codes, c...)
	}
	for _, e := range fail.Table() {
		for _, c := range codes {
			if c == e.Code {
				info.Exit = append(info.Exit, exitInfo{e.Exit, e.Code})
			}
		}
	}
	cmd.LocalFlags().VisitAll(func(fl *pflag.Flag) {
		if fl.Hidden || fl.Name == "help" || cmd.InheritedFlags().Lookup(fl.Name) != nil {
			return
		}
		info.Flags = append(info.Flags, flagInfo{fl.Name, fl.Shorthand, fl.Value.Type(), fl.DefValue, fl.Usage})
	})
	return info
}

func outputClass(d op.Declaration) string {
	switch {
	case d.Shape() == op.ShapeStream:
		return "stream"
	case d.OutputType().Kind() == reflect.Slice && d.OutputType().Elem().Kind() != reflect.Uint8:
		return "list"
	}
	return "document"
}

// effects of the hand-made commands that change something.
var effects = map[string]op.Effect{
	"aictl up": op.Write, "aictl down": op.Write, "aictl login": op.Write, "aictl logout": op.Write,
	"aictl context use": op.Write, "aictl context set": op.Write, "aictl context delete": op.Destroy, "aictl context rename": op.Write,
}

// handMadeCodes are what hand-made commands end with besides the usual.
var handMadeCodes = map[string][]fail.Code{
	"aictl up":             {fail.Conflict, fail.Refused, fail.NotFound, fail.Timeout},
	"aictl down":           {fail.Refused, fail.Timeout},
	"aictl status":         {fail.Unavailable},
	"aictl doctor":         {fail.Partial, fail.Unavailable, fail.Auth},
	"aictl login":          {fail.Auth, fail.Refused, fail.Unavailable},
	"aictl logout":         {fail.Auth, fail.Refused, fail.Unavailable},
	"aictl context use":    {fail.NotFound},
	"aictl context show":   {fail.NotFound},
	"aictl context delete": {fail.NotFound, fail.Refused},
	"aictl context rename": {fail.NotFound, fail.Conflict},
	"aictl schema":         {fail.NotFound},
}

func exampleLines(cmd *cobra.Command) []string {
	out := []string{}
	for _, line := range strings.Split(cmd.Example, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

func newCommands(f *factory.Factory, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "commands", Short: "List every command with flags, examples and exit codes",
		Long:    "List every command with flags, examples and exit codes, derived from the declarations.",
		Example: "  # an overview\n  aictl commands\n\n  # what may change something\n  aictl commands -o json --jq '.[] | select(.effect == \"write\") | .command'",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := f.Printer()
			if err != nil {
				return err
			}
			list := []CommandInfo{}
			for _, c := range Leaves(root) {
				list = append(list, Describe(c))
			}
			return output.List(p, output.View[CommandInfo]{
				Kind: "command", Name: func(c CommandInfo) string { return c.Command },
				Columns: []output.Column[CommandInfo]{
					{Header: "command", Value: func(c CommandInfo, _ output.Env) string { return c.Command }},
					{Header: "effect", Value: func(c CommandInfo, _ output.Env) string { return string(c.Effect) }},
					{Header: "operation", Wide: true, Value: func(c CommandInfo, _ output.Env) string { return c.Operation }},
					{Header: "summary", Value: func(c CommandInfo, _ output.Env) string { return c.Summary }},
				},
			}, list)
		},
	}
}

// commandSchema is what `aictl schema` answers.
type commandSchema struct {
	Command string             `json:"command"`
	Input   *jsonschema.Schema `json:"input"`
	Output  *jsonschema.Schema `json:"output"`
	// Stream says that the output's schema is that of one line.
	Stream bool `json:"stream"`
}

func newSchema(f *factory.Factory, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "schema COMMAND...", Short: "Show the JSON Schema of a command's input and output",
		Long:    "Show the JSON Schema (draft 2020-12) of a command's input and of its -o json output.\nOf a stream it is the schema of one line.",
		Example: "  # of one command\n  aictl schema services list\n\n  # its output's fields\n  aictl schema predict forecast --jq '.output.properties | keys'",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			at, _, err := root.Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, c := range at.Commands() {
				if !c.Hidden {
					out = append(out, c.Name()+"\t"+c.Short)
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fail.New(fail.Usage, "aictl schema wants a command").Hint("aictl schema services list")
			}
			if args[0] == "aictl" {
				args = args[1:]
			}
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 || cmd == root {
				return fail.New(fail.NotFound, "no command %q", strings.Join(args, " ")).Hint("aictl commands")
			}
			s, err := schemaOf(cmd)
			if err != nil {
				return err
			}
			p, err := f.Printer()
			if err != nil {
				return err
			}
			if p.Human() {
				if p, err = f.PrinterFor("json"); err != nil {
					return err
				}
			}
			return p.Print(s)
		},
	}
}

func schemaOf(cmd *cobra.Command) (commandSchema, error) {
	out := commandSchema{Command: cmd.CommandPath()}
	in, result := reflect.TypeFor[struct{}](), handMadeOutputs[cmd.CommandPath()]
	if d := declarationOf(cmd); d != nil {
		in, out.Stream = d.InputType(), d.Shape() == op.ShapeStream
		if result == nil { // a command may print a part of the answer only
			result = d.OutputType()
		}
	}
	if result == nil {
		if cmd.HasSubCommands() {
			return out, fail.New(fail.Usage, "%s is a group; name one of its commands", cmd.CommandPath()).
				Hint("aictl commands")
		}
		result = reflect.TypeFor[string]() // text
	}
	var err error
	if out.Input, err = op.Schema(in); err != nil {
		return out, err
	}
	out.Output, err = op.Schema(result)
	return out, err
}

// handMadeOutputs are the output types of the commands that are no
// operations, and of those that print something else than the operation's
// answer. Those that print text have none.
var handMadeOutputs = map[string]reflect.Type{
	"aictl logs":            reflect.TypeFor[[]api.LogEntry](),
	"aictl up":              reflect.TypeFor[localStatus](),
	"aictl status":          reflect.TypeFor[localStatus](),
	"aictl doctor":          reflect.TypeFor[[]check](),
	"aictl version":         reflect.TypeFor[versionInfo](),
	"aictl commands":        reflect.TypeFor[[]CommandInfo](),
	"aictl plugin list":     reflect.TypeFor[[]foundPlugin](),
	"aictl context list":    reflect.TypeFor[[]contextInfo](),
	"aictl context show":    reflect.TypeFor[config.Context](),
	"aictl config view":     reflect.TypeFor[[]config.Row](),
	"aictl config path":     reflect.TypeFor[configPaths](),
	"aictl config validate": reflect.TypeFor[configValidity](),
}
