package plugin

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/aictl/aictl/internal/nearest"
)

// Parse reads a manifest strictly; file is its name in errors. The first
// mistake is a fail.Usage with file, line and key. Defaults are filled in.
func Parse(file string, text []byte) (*Manifest, error) {
	file = filepath.Base(file)
	root, bad := tree(text)
	if bad != nil {
		return nil, bad.err(file)
	}
	m := &Manifest{}
	r := &reader{lines: map[string]int{}}
	r.read(root, reflect.ValueOf(m).Elem(), "")
	if r.problem == nil {
		m.normalise()
		r.problem = check(m)
		if r.problem != nil {
			r.problem.line = r.lineOf(r.problem.key)
		}
	}
	if r.problem != nil {
		return nil, r.problem.err(file)
	}
	return m, nil
}

// reader binds a tree to the structure.
type reader struct {
	lines   map[string]int // by key
	problem *problem
}

// lineOf is the line of the key, or of what stands around it.
func (r *reader) lineOf(key string) int {
	for {
		if l, ok := r.lines[key]; ok {
			return l
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return max(r.lines[""], 1)
		}
		key = key[:i]
	}
}

func (r *reader) wrong(line int, key, format string, args ...any) {
	if r.problem == nil {
		r.problem = &problem{line: line, key: key, text: fmt.Sprintf(format, args...)}
	}
}

var rawType = reflect.TypeFor[json.RawMessage]()

func (r *reader) read(n *node, v reflect.Value, key string) {
	if r.problem != nil {
		return
	}
	r.lines[key] = n.line
	if v.Type() == rawType {
		raw, err := json.Marshal(n.plain())
		if err != nil {
			r.wrong(n.line, key, "cannot be written as JSON: %s", err)
			return
		}
		v.SetBytes(raw)
		return
	}
	if n.kind == scalar && n.value == nil {
		return // an empty section: the defaults stay
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if n.kind != scalar {
			r.wrong(n.line, key, "takes a single value, not %s", n.kind)
		} else if err := u.UnmarshalText([]byte(n.text)); err != nil {
			r.wrong(n.line, key, "%s", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.object(n, v, key)
	case reflect.Slice:
		if n.kind != list {
			r.wrong(n.line, key, "takes a list, not %s", n.kind)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
		for i, item := range n.items {
			r.read(item, v.Index(i), fmt.Sprintf("%s[%d]", key, i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.read(n, v.Elem(), key)
	default:
		r.single(n, v, key)
	}
}

func (r *reader) object(n *node, v reflect.Value, key string) {
	if n.kind != mapping {
		r.wrong(n.line, key, "takes keys and values, not %s", n.kind)
		return
	}
	fields := map[string]int{}
	var names []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = i
		names = append(names, name)
	}
	for _, e := range n.entries {
		i, known := fields[e.key]
		if !known {
			r.unknown(e, key, names)
			return
		}
		r.read(e.value, v.Field(i), join(key, e.key))
		r.lines[join(key, e.key)] = e.line
	}
}

func (r *reader) unknown(e entry, key string, names []string) {
	p := &problem{line: e.line, key: join(key, clip(e.key)), text: "there is no such key", hint: "there are " + strings.Join(names, ", ")}
	word := snake(e.key)
	if near, ok := nearest.Of(word, names); ok {
		p.text, p.hint = fmt.Sprintf("there is no such key: did you mean %q?", near), "write "+near
	}
	if r.problem == nil {
		r.problem = p
	}
}

// snake makes imagePort image_port, which is what was meant.
func snake(s string) string {
	var b strings.Builder
	for i, c := range s {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return strings.ReplaceAll(b.String(), "-", "_")
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func (r *reader) single(n *node, v reflect.Value, key string) {
	if n.kind != scalar {
		r.wrong(n.line, key, "takes a single value, not %s", n.kind)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.text) // 1.0 as a version is text here
	case reflect.Bool:
		b, ok := n.value.(bool)
		if !ok {
			r.wrong(n.line, key, "%q is neither true nor false", clip(n.text))
			return
		}
		v.SetBool(b)
	case reflect.Int:
		var i int64
		switch x := n.value.(type) {
		case int64:
			i = x
		case uint64:
			if x > math.MaxInt32 {
				r.wrong(n.line, key, "%d is too large", x)
				return
			}
			i = int64(x)
		default:
			r.wrong(n.line, key, "%q is no whole number", clip(n.text))
			return
		}
		v.SetInt(i)
	}
}
