package op

import (
	"reflect"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// Validator is implemented by inputs whose members constrain one another.
// Validate reports a *fail.Error with code Usage.
type Validator interface{ Validate() error }

// Validate fills in the declared defaults of *in and checks what the tags
// promise, then asks the input itself. in is a pointer to the input struct.
// The same check runs in the client, before any work is done, and in the
// server, which trusts nobody.
func Validate(in any) error {
	v := reflect.ValueOf(in).Elem()
	for _, f := range Fields(v.Type()) {
		fv := f.Of(v)
		if fv.IsZero() && f.Default != "" {
			if err := f.Set(v, f.Default); err != nil {
				return err
			}
		}
		if f.Required && empty(fv) {
			name := f.Arg
			if name == "" {
				name = "--" + f.Flag
			}
			return fail.New(fail.Usage, "%s is required: %s", name, f.Help)
		}
		if len(f.Enum) > 0 && !empty(fv) {
			if err := checkEnum(f, fv); err != nil {
				return err
			}
		}
	}
	if c, ok := in.(Validator); ok {
		return c.Validate()
	}
	return nil
}

func checkEnum(f Field, v reflect.Value) error {
	values := []reflect.Value{v}
	if f.Repeated() {
		values = values[:0]
		for i := range v.Len() {
			values = append(values, v.Index(i))
		}
	}
	for _, one := range values {
		text, err := Text(one)
		if err != nil {
			return err
		}
		if !slices.Contains(f.Enum, text) {
			return fail.New(fail.Usage, "invalid value %q for %s: want one of %s",
				text, f.JSON, strings.Join(f.Enum, ", "))
		}
	}
	return nil
}

func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}
