package op

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Field is one member of an operation's input, as its tags declare it:
//
//	json:"name"          the name on the wire
//	flag:"name,n"        the flag and its shorthand ("-" for none); default is
//	                     the json name with dashes
//	arg:"NAME"           a positional argument; "NAME..." takes the rest
//	enum:"a,b"           the permitted values
//	complete:"services"  what completes it
//	default:"10"         filled in when it is absent
//	jsonschema:"…"       the description
//	secret:"true"        refused on argv, read from stdin or a prompt, masked
//	required:"true"      absent is a usage error
type Field struct {
	JSON, Flag, Short, Arg  string
	Enum                    []string
	Complete, Default, Help string
	Secret, Required        bool
	Variadic, Optional      bool
	Type                    reflect.Type
	index                   []int
}

// Fields lists the members of the struct type t in order, embedded ones
// included. A type that is not a struct has none.
func Fields(t reflect.Type) []Field {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []Field
	for _, sf := range reflect.VisibleFields(t) {
		if sf.Anonymous || !sf.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		f := Field{
			JSON: name, Arg: sf.Tag.Get("arg"), Complete: sf.Tag.Get("complete"),
			Default: sf.Tag.Get("default"), Help: sf.Tag.Get("jsonschema"),
			Secret: sf.Tag.Get("secret") == "true", Required: sf.Tag.Get("required") == "true",
			Type: sf.Type, index: sf.Index,
		}
		if e := sf.Tag.Get("enum"); e != "" {
			f.Enum = strings.Split(e, ",")
		}
		if f.Arg != "" {
			f.Arg, f.Variadic = strings.CutSuffix(f.Arg, "...")
			f.Arg, f.Optional = strings.CutPrefix(f.Arg, "?")
			f.Required = f.Required || !f.Optional
		}
		f.Flag, f.Short, _ = strings.Cut(sf.Tag.Get("flag"), ",")
		if f.Flag == "" && f.Arg == "" {
			f.Flag = strings.ReplaceAll(name, "_", "-")
		}
		out = append(out, f)
	}
	return out
}

// Of gives the field's value in the struct v.
func (f Field) Of(v reflect.Value) reflect.Value { return v.FieldByIndex(f.index) }

// Repeated reports whether the field takes several values.
func (f Field) Repeated() bool {
	return f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() != reflect.Uint8
}

// Set parses text into the field of the addressable struct v; on a repeated
// field it appends.
func (f Field) Set(v reflect.Value, text string) error {
	dst := f.Of(v)
	if f.Repeated() {
		item := reflect.New(f.Type.Elem()).Elem()
		if err := setText(item, text); err != nil {
			return f.bad(text, err)
		}
		dst.Set(reflect.Append(dst, item))
		return nil
	}
	if err := setText(dst, text); err != nil {
		return f.bad(text, err)
	}
	return nil
}

func (f Field) bad(text string, err error) error {
	name := f.Flag
	if name == "" || name == "-" {
		name = f.JSON
	}
	if f.Secret {
		text = "…"
	}
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return fail.New(fail.Usage, "invalid value %q for %s: %s", text, name, plain(err))
}

// plain drops the function names that strconv puts before its reasons.
func plain(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, ": "); i >= 0 && strings.HasPrefix(s, "strconv.") {
		return s[i+2:]
	}
	return s
}

func setText(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return setText(v.Elem(), text)
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		if !json.Valid([]byte(text)) {
			return fail.New(fail.Usage, "not JSON")
		}
		v.SetBytes([]byte(text))
		return nil
	}
	switch v.Kind() { //nolint:exhaustive // the kinds that an input may have; the default refuses the rest
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return err
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(x)
		return err
	default:
		return json.Unmarshal([]byte(text), v.Addr().Interface())
	}
	return nil
}

// Text is the inverse of Set for one value: its form in a query string.
func Text(v reflect.Value) (string, error) {
	if v.Kind() == reflect.Pointer {
		return Text(v.Elem())
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		return string(b), err
	}
	switch v.Kind() { //nolint:exhaustive // as in setText
	case reflect.String:
		return v.String(), nil
	case reflect.Slice, reflect.Map, reflect.Struct, reflect.Array, reflect.Interface:
		b, err := json.Marshal(v.Interface())
		return string(b), err
	}
	b, err := json.Marshal(v.Interface())
	return string(b), err
}

// Duration is a time.Duration that is a string on the wire ("1m30s").
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it also reads days and
// weeks ("3d").
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	for unit, hours := range map[string]float64{"d": 24, "w": 168} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			x, err := strconv.ParseFloat(n, 64)
			if err != nil {
				return fail.New(fail.Usage, "not a duration; try 15m, 2h or 3d")
			}
			*d = Duration(x * hours * float64(time.Hour))
			return nil
		}
	}
	x, err := time.ParseDuration(s)
	if err != nil {
		return fail.New(fail.Usage, "not a duration; try 15m, 2h or 3d")
	}
	*d = Duration(x)
	return nil
}
