package argv

import (
	"reflect"
	"strings"

	"github.com/aictl/aictl/internal/op"
)

// byHand are the members that have no flag of their own in the declaration:
// those of the window, which the commands add, and of the context.
var byHand = []string{"from", "to", "time", "namespace"}

// Operation is the command line that asks the same: in is a pointer to the
// operation's input. It is empty where the operation has no command. Members
// that are empty, a default or a secret are left out.
func Operation(s *op.Spec, in any) string {
	path := s.CommandPath()
	if path == nil {
		return ""
	}
	v := reflect.ValueOf(in).Elem()
	var flags, args []string
	apart := false
	for _, f := range op.Fields(v.Type()) {
		flag := f.Flag
		if flag == "-" {
			for _, name := range byHand {
				if name == f.JSON {
					flag = name
				}
			}
		}
		if f.Secret || flag == "-" {
			continue
		}
		for _, text := range texts(f, v) {
			if f.Arg == "" {
				flags = append(flags, "--"+flag+"="+text)
				continue
			}
			args = append(args, text)
			// What begins with a dash is no flag, and what is searched for no
			// command below this one: aictl logs -- diff.
			apart = apart || strings.HasPrefix(text, "-") || f.Optional && len(path) == 1 && path[0] == s.Noun()
		}
	}
	words := append(append([]string{"aictl"}, path...), flags...)
	if apart {
		words = append(words, "--")
	}
	return Line(append(words, args...)...)
}

// texts are the values of a field as a flag or an argument takes them.
func texts(f op.Field, v reflect.Value) []string {
	fv := f.Of(v)
	if fv.IsZero() {
		return nil
	}
	values := []reflect.Value{fv}
	if f.Repeated() {
		values = values[:0]
		for i := range fv.Len() {
			values = append(values, fv.Index(i))
		}
	}
	var out []string
	for _, one := range values {
		text, err := op.Text(one)
		if err != nil || !f.Repeated() && isDefault(f, v, text) {
			continue
		}
		out = append(out, text)
	}
	return out
}

// isDefault reports whether text is the default's, however that is written.
func isDefault(f op.Field, v reflect.Value, text string) bool {
	if f.Default == "" {
		return false
	}
	fresh := reflect.New(v.Type()).Elem()
	if f.Set(fresh, f.Default) != nil {
		return false
	}
	normal, err := op.Text(f.Of(fresh))
	return err == nil && normal == text
}
