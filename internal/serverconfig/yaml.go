package serverconfig

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/aictl/aictl/internal/nearest"
)

// maxFile bounds a configuration file, in bytes; maxDepth its brackets.
const (
	maxFile  = 1 << 20
	maxDepth = 32
)

// reader binds a parsed file to the structure. It does this itself, over
// goccy/go-yaml's syntax tree, because the library's strict mode stops at the
// first mistake and we report all of them with their lines.
type reader struct {
	file    string
	issues  []Issue
	origins map[string]string
}

// readYAML reads text into c. What is wrong becomes issues; what is right is
// set all the same.
func readYAML(file string, text []byte, c *Config, origins map[string]string) []Issue {
	r := &reader{file: file, origins: origins}
	if len(text) > maxFile {
		return []Issue{{Where: file, Message: fmt.Sprintf("is larger than %d bytes", maxFile)}}
	}
	if deep(text) {
		return []Issue{{Where: file, Message: fmt.Sprintf("nests more than %d brackets", maxDepth)}}
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return []Issue{syntaxIssue(file, err)}
	}
	var docs []ast.Node
	for _, d := range tree.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			docs = append(docs, d.Body)
		}
	}
	switch {
	case len(docs) == 0:
		return nil
	case len(docs) > 1:
		return []Issue{{Where: r.where(docs[1]), Message: "a second document: keep everything in one"}}
	}
	r.read(docs[0], reflect.ValueOf(c).Elem(), "")
	return r.issues
}

// deep is a cheap guard before a recursive parser sees the text.
func deep(text []byte) bool {
	depth := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			if depth++; depth > maxDepth {
				return true
			}
		case ']', '}', '\n':
			depth = max(0, depth-1)
		}
	}
	return false
}

func syntaxIssue(file string, err error) Issue {
	var e yaml.Error
	if errors.As(err, &e) {
		where := file
		if tk := e.GetToken(); tk != nil && tk.Position != nil {
			where = fmt.Sprintf("%s:%d", file, tk.Position.Line)
		}
		return Issue{Where: where, Message: "is not valid YAML: " + e.GetMessage()}
	}
	return Issue{Where: file, Message: "is not valid YAML: " + err.Error()}
}

func (r *reader) where(n ast.Node) string { return r.at(n.GetToken()) }

func (r *reader) at(tk *token.Token) string {
	if tk == nil || tk.Position == nil {
		return r.file
	}
	return fmt.Sprintf("%s:%d", r.file, tk.Position.Line)
}

func (r *reader) wrong(n ast.Node, key, format string, args ...any) {
	r.issues = append(r.issues, Issue{Where: r.where(n), Key: key, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) read(n ast.Node, v reflect.Value, key string) {
	r.origins[key] = r.where(n)
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		r.wrong(n, key, "anchors, aliases, merges and tags are not supported: write the value out")
		return
	case *ast.NullNode:
		return // an empty section: the defaults stay
	}
	switch {
	case v.Kind() == reflect.Struct:
		r.readStruct(n, v, key)
	case v.Kind() == reflect.Map:
		r.readMap(n, v, key)
	case v.Kind() == reflect.Slice:
		r.readList(n, v, key)
	default:
		text, ok := scalar(n)
		if !ok {
			r.wrong(n, key, "takes one value, not a %s", kind(n))
			return
		}
		if err := setText(v, text); err != nil {
			r.wrong(n, key, "%s", err)
		}
	}
}

func (r *reader) readStruct(n ast.Node, v reflect.Value, key string) {
	pairs, ok := r.pairs(n, key)
	if !ok {
		return
	}
	names := map[string]int{}
	for i := range v.NumField() {
		names[v.Type().Field(i).Tag.Get("yaml")] = i
	}
	for _, p := range pairs {
		i, known := names[p.key]
		if !known {
			msg := "no such key"
			if near := closest(p.key, keysOf(names)); near != "" {
				msg += fmt.Sprintf(": did you mean %q?", near)
			} else {
				msg += ": there are " + strings.Join(keysOf(names), ", ")
			}
			r.issues = append(r.issues, Issue{Where: r.where(p.node), Key: join(key, p.key), Message: msg})
			continue
		}
		r.read(p.value, v.Field(i), join(key, p.key))
	}
}

func (r *reader) readMap(n ast.Node, v reflect.Value, key string) {
	pairs, ok := r.pairs(n, key)
	if !ok {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range pairs {
		e := reflect.New(v.Type().Elem())
		elementDefaults(e.Interface())
		r.read(p.value, e.Elem(), join(key, p.key))
		v.SetMapIndex(reflect.ValueOf(p.key), e.Elem())
	}
}

func (r *reader) readList(n ast.Node, v reflect.Value, key string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		if text, isText := scalar(n); isText && v.Type().Elem().Kind() == reflect.String {
			r.wrong(n, key, "takes a list: write [%s]", text)
		} else {
			r.wrong(n, key, "takes a list, not a %s", kind(n))
		}
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(seq.Values)))
	for i, item := range seq.Values {
		e := reflect.New(v.Type().Elem())
		elementDefaults(e.Interface())
		r.read(item, e.Elem(), fmt.Sprintf("%s[%d]", key, i))
		v.Set(reflect.Append(v, e.Elem()))
	}
}

type pair struct {
	key   string
	node  ast.Node
	value ast.Node
}

// pairs lists a mapping's keys; a doubled one is an issue.
func (r *reader) pairs(n ast.Node, key string) ([]pair, bool) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		name := key
		if name == "" {
			name = "the file"
		}
		r.wrong(n, key, "%s takes keys and values, not a %s", name, kind(n))
		return nil, false
	}
	seen := map[string]bool{}
	out := make([]pair, 0, len(values))
	for _, mv := range values {
		name, ok := scalar(mv.Key)
		switch {
		case !ok:
			r.wrong(mv, key, "a key must be a plain word")
		case seen[name]:
			r.wrong(mv.Key, join(key, name), "is set twice")
		default:
			out = append(out, pair{name, mv.Key, mv.Value})
		}
		seen[name] = true
	}
	return out, true
}

// scalar is the text of a plain value.
func scalar(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return s.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode, *ast.NullNode:
		return strings.TrimSpace(n.GetToken().Value), true
	}
	return "", false
}

func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "mapping"
	case *ast.SequenceNode:
		return "list"
	}
	return "single value"
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func keysOf(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// closest is the candidate within an edit distance of a third of its length
// (at least two), or "".
func closest(word string, candidates []string) string {
	best, bestDistance := "", 1<<30
	for _, c := range candidates {
		if d := nearest.Distance(word, c); d < bestDistance && d <= max(2, len(c)/3) {
			best, bestDistance = c, d
		}
	}
	return best
}
