package serverconfig

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// EnvPrefix begins every environment variable that is read.
const EnvPrefix = "AICTL_SERVER_"

// Field is one key that the environment and flags can set.
type Field struct {
	Key    string // limits.rps
	Help   string
	Secret bool
	Reload bool
	index  []int
	typ    reflect.Type
}

// Env is the environment variable of the key.
func (f Field) Env() string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(f.Key, ".", "_"))
}

// Flag is the flag of the key, without dashes; empty for a secret, as command
// lines are seen by everybody on a machine.
func (f Field) Flag() string {
	if f.Secret {
		return ""
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(f.Key)
}

// Fields lists the keys, in the order of the documentation.
func Fields() []Field { return fieldsOf(reflect.TypeFor[Config](), "", nil) }

func fieldsOf(t reflect.Type, prefix string, index []int) []Field {
	var out []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(append([]int(nil), index...), i)
		key := prefix + sf.Tag.Get("yaml")
		switch {
		case sf.Type.Kind() == reflect.Struct:
			out = append(out, fieldsOf(sf.Type, key+".", at)...)
		case isText(sf.Type):
			out = append(out, Field{
				Key: key, Help: sf.Tag.Get("help"), Secret: sf.Tag.Get("secret") != "",
				Reload: sf.Tag.Get("reload") != "", index: at, typ: sf.Type,
			})
		}
	}
	return out
}

// isText reports whether values of the type can be written as one word.
func isText(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return true
	case reflect.Slice:
		return t.Elem().Kind() == reflect.String
	}
	return false
}

// BindFlags declares a flag for every key that may have one. The returned
// function gives those that were set, after fs.Parse.
func BindFlags(fs *flag.FlagSet) func() map[string]string {
	for _, f := range Fields() {
		name := f.Flag()
		if name == "" {
			continue
		}
		fs.Var(&flagValue{boolean: f.typ.Kind() == reflect.Bool}, name, f.Help)
	}
	return func() map[string]string {
		set := map[string]string{}
		fs.Visit(func(fl *flag.Flag) {
			if v, ok := fl.Value.(*flagValue); ok {
				set[fl.Name] = v.text
			}
		})
		return set
	}
}

// flagValue keeps the text; it is read with the other sources.
type flagValue struct {
	text    string
	boolean bool
}

func (v *flagValue) String() string     { return v.text }
func (v *flagValue) Set(s string) error { v.text = s; return nil }
func (v *flagValue) IsBoolFlag() bool   { return v.boolean }

// setText reads text into v. Errors say what would have been right.
func setText(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 500ms, 20s or 1h30m", text)
		}
		*p = d
		return nil
	case *Bytes:
		n, err := humanize.ParseBytes(text)
		if err != nil || n > math.MaxInt64 {
			return fmt.Errorf("%q is not a size such as 65536, 64KiB or 8MB", text)
		}
		*p = Bytes(n)
		return nil
	case *[]string:
		*p = nil
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*p = append(*p, part)
			}
		}
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not true or false", text)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(f)
	default:
		return errors.New("cannot be set here")
	}
	return nil
}

// textOf writes v so that setText reads it.
func textOf(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case []string:
		return strings.Join(x, ",")
	}
	return fmt.Sprint(v.Interface())
}
