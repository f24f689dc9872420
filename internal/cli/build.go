package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// addOperation hangs the command of a declaration into the tree, making the
// groups on its way. A hand-made command may replace its run (polish), but the
// flags, arguments, help and completion come from the declaration.
func addOperation(root *cobra.Command, f *factory.Factory, d op.Declaration, run func(*cobra.Command, any) error) *cobra.Command {
	s := d.Describe()
	path := s.CommandPath()
	parent := root
	for _, word := range path[:len(path)-1] {
		parent = group(parent, word)
	}
	in := d.(interface{ NewInput() any }).NewInput() //nolint:forcetypeassert // every declaration has it
	cmd := &cobra.Command{
		Use: path[len(path)-1], Short: s.Summary, Long: long(s), Example: examples(s),
		Annotations: map[string]string{annotationOperation: s.ID},
	}
	fields := op.Fields(reflect.TypeOf(in).Elem())
	cmd.Use += usage(fields)
	addFlags(cmd, f, fields, in)
	cmd.Args = func(_ *cobra.Command, args []string) error { return setArgs(fields, in, args) }
	cmd.ValidArgsFunction = completeArgs(f, fields)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := readReferences(f, fields, in); err != nil {
			return err
		}
		if run != nil {
			return run(cmd, in)
		}
		return f.Run(cmd.Context(), d, in)
	}
	parent.AddCommand(cmd)
	return cmd
}

// annotationOperation links a command to its declaration, for the faces that
// walk the tree (commands, schema, the documentation).
const annotationOperation = "aictl.operation"

func group(parent *cobra.Command, word string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == word {
			return c
		}
	}
	g := &cobra.Command{Use: word, Short: groupShort(word)}
	requireSubcommand(g)
	parent.AddCommand(g)
	return g
}

// requireSubcommand makes a group print its help alone, and fail with the
// nearest name on an unknown word (cobra would print help and succeed).
func requireSubcommand(g *cobra.Command) {
	g.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		e := fail.New(fail.Usage, "unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return e.Hint("%s %s", cmd.CommandPath(), near[0])
		}
		return e.Hint("%s --help", cmd.CommandPath())
	}
	g.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	g.SuggestionsMinimumDistance = 2
}

func usage(fields []op.Field) string {
	var b strings.Builder
	for _, f := range fields {
		if f.Arg == "" {
			continue
		}
		name := f.Arg
		if f.Variadic {
			name += "..."
		}
		if f.Optional {
			name = "[" + name + "]"
		}
		b.WriteString(" " + name)
	}
	return b.String()
}

func long(s *op.Spec) string {
	if s.Doc == "" {
		return s.Summary + "."
	}
	return s.Summary + ".\n\n" + s.Doc
}

func examples(s *op.Spec) string {
	var b strings.Builder
	for i, e := range s.Examples {
		if i > 0 {
			b.WriteString("\n\n")
		}
		fmt.Fprintf(&b, "  # %s\n  %s", e.Note, e.Command)
	}
	return b.String()
}

// fieldFlag is one input member as a pflag.Value.
type fieldFlag struct {
	field op.Field
	in    reflect.Value
	fresh bool
}

func (v *fieldFlag) String() string {
	if !v.in.IsValid() {
		return ""
	}
	fv := v.field.Of(v.in)
	if fv.IsZero() {
		return v.field.Default
	}
	text, err := op.Text(fv)
	if err != nil {
		return ""
	}
	return text
}

func (v *fieldFlag) Set(text string) error {
	if v.field.Secret {
		return fail.New(fail.Usage, "a secret is not taken from the command line").
			Hint("give it on standard input, or answer the prompt")
	}
	parts := []string{text}
	if v.field.Repeated() {
		if parts = strings.Split(text, ","); v.fresh {
			v.field.Of(v.in).SetZero()
			v.fresh = false
		}
	}
	if reference(v.field, text) {
		v.field.Of(v.in).SetBytes(mustQuote(text))
		return nil
	}
	for _, p := range parts {
		if err := v.field.Set(v.in, p); err != nil {
			return err
		}
	}
	return nil
}

func (v *fieldFlag) Type() string {
	t := v.field.Type
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		t = t.Elem()
	}
	switch {
	case len(v.field.Enum) > 0:
		return strings.Join(v.field.Enum, "|")
	case t == reflect.TypeFor[op.Duration]():
		return "duration"
	case t == reflect.TypeFor[json.RawMessage]():
		return "json"
	case t.Kind() == reflect.Float64:
		return "number"
	}
	return strings.TrimSuffix(t.Kind().String(), "64")
}

// IsBoolFlag lets a switch stand without a value.
func (v *fieldFlag) IsBoolFlag() bool { return v.field.Type.Kind() == reflect.Bool }

func addFlags(cmd *cobra.Command, f *factory.Factory, fields []op.Field, in any) {
	v := reflect.ValueOf(in).Elem()
	for _, field := range fields {
		if field.Arg != "" && field.Flag == "" || field.Flag == "-" {
			continue
		}
		value := &fieldFlag{field: field, in: v, fresh: true}
		flag := cmd.Flags().VarPF(value, field.Flag, field.Short, field.Help)
		if value.IsBoolFlag() {
			flag.NoOptDefVal = "true"
		}
		if field.Enum != nil || field.Complete != "" {
			_ = cmd.RegisterFlagCompletionFunc(field.Flag, completeField(f, field)) // fails on a duplicate only
		}
	}
}

// setArgs puts positional arguments into the input, all before any work.
func setArgs(fields []op.Field, in any, args []string) error {
	v := reflect.ValueOf(in).Elem()
	rest := args
	for _, field := range fields {
		if field.Arg == "" {
			continue
		}
		if len(rest) == 0 {
			if field.Optional {
				continue
			}
			return fail.New(fail.Usage, "%s is missing: %s", field.Arg, field.Help)
		}
		if field.Variadic && field.Type == reflect.TypeFor[[]string]() {
			field.Of(v).Set(reflect.ValueOf(slices.Clone(rest)))
			rest = nil
			continue
		}
		text := rest[0]
		if field.Variadic {
			text, rest = strings.Join(rest, " "), nil
		} else {
			rest = rest[1:]
		}
		if field.Secret {
			return fail.New(fail.Usage, "a secret is not taken from the command line").
				Hint("give it on standard input, or answer the prompt")
		}
		if err := field.Set(v, text); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		return fail.New(fail.Usage, "%d arguments too many, from %q on", len(rest), rest[0])
	}
	return nil
}

// reference reports whether a JSON member's text names a place to read from:
// - for standard input, or @FILE, as curl and gh have it.
func reference(field op.Field, text string) bool {
	return field.Type == reflect.TypeFor[json.RawMessage]() && (text == "-" || strings.HasPrefix(text, "@"))
}

func mustQuote(s string) []byte {
	b, _ := json.Marshal("\x00ref:" + s) // a string always encodes
	return b
}

// maxData bounds what is read for a JSON member, in bytes.
const maxData = 8 << 20

// readReferences replaces the references that setting flags left behind by
// what they refer to: reading is work, so it comes after all flags are parsed.
func readReferences(f *factory.Factory, fields []op.Field, in any) error {
	v := reflect.ValueOf(in).Elem()
	for _, field := range fields {
		if field.Type != reflect.TypeFor[json.RawMessage]() {
			continue
		}
		var ref string
		if json.Unmarshal(field.Of(v).Bytes(), &ref) != nil || !strings.HasPrefix(ref, "\x00ref:") {
			continue
		}
		body, err := readReference(f, strings.TrimPrefix(ref, "\x00ref:"))
		if err != nil {
			return err
		}
		if !json.Valid(body) {
			return fail.New(fail.Usage, "what --%s refers to is not JSON", field.Flag)
		}
		field.Of(v).SetBytes(body)
	}
	return nil
}

func readReference(f *factory.Factory, ref string) ([]byte, error) {
	r := f.IO.In
	if path, ok := strings.CutPrefix(ref, "@"); ok {
		file, err := os.Open(path)
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "reading the input")
		}
		defer func() { _ = file.Close() }()
		r = file
	}
	body, err := io.ReadAll(io.LimitReader(r, maxData+1))
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the input")
	}
	if len(body) > maxData {
		return nil, fail.New(fail.TooLarge, "the input is over %d MiB", maxData>>20)
	}
	return body, nil
}

type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

func completeField(f *factory.Factory, field op.Field) completion {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if field.Enum != nil {
			return field.Enum, cobra.ShellCompDirectiveNoFileComp
		}
		given(f, cmd)
		return f.Complete(completionContext(cmd), field.Complete, args, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

func completeArgs(f *factory.Factory, fields []op.Field) completion {
	var positional []op.Field
	for _, field := range fields {
		if field.Arg != "" {
			positional = append(positional, field)
		}
	}
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(positional) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeField(f, positional[len(args)])(cmd, args, prefix)
	}
}

func completionContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}
