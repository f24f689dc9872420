package plugin

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/aictl/aictl/internal/fail"
)

// The bounds of a manifest. Aliases count as often as they are used, so that
// a few lines cannot become millions.
const (
	maxBytes = 256 << 10
	maxDepth = 64
	maxNodes = 20_000
)

// node is YAML without its ways of writing.
type node struct {
	line    int
	entries []entry // of a mapping
	items   []*node // of a list
	value   any     // string, bool, int64, uint64, float64 or nil
	text    string  // of a scalar, as it was written
	kind    kind
}

type entry struct {
	key   string
	line  int
	value *node
}

type kind int

const (
	scalar kind = iota
	mapping
	list
)

func (k kind) String() string { return [...]string{"a single value", "keys and values", "a list"}[k] }

// problem is a mistake in a line.
type problem struct {
	line int
	key  string
	text string
	hint string
}

type builder struct {
	nodes   int
	anchors map[string]*node
	problem *problem
}

// tree parses YAML. The library may panic on odd input: that is an error.
func tree(text []byte) (root *node, bad *problem) {
	defer func() {
		if r := recover(); r != nil {
			root, bad = nil, &problem{line: 1, text: fmt.Sprintf("is not YAML that can be read: %v", r)}
		}
	}()
	if len(text) > maxBytes {
		return nil, &problem{line: 1, text: fmt.Sprintf("the manifest is larger than %d KiB", maxBytes>>10)}
	}
	if line := deep(text); line > 0 {
		return nil, &problem{line: line, text: fmt.Sprintf("is nested more than %d levels deep", maxDepth)}
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntax(err)
	}
	var docs []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			docs = append(docs, d.Body)
		}
	}
	switch {
	case len(docs) == 0:
		return nil, &problem{line: 1, text: "the manifest is empty", hint: "name, version, runtime and operations are needed"}
	case len(docs) > 1:
		return nil, &problem{line: lineOf(docs[1]), text: "a second document: one manifest is one service"}
	}
	b := &builder{anchors: map[string]*node{}}
	root = b.build(docs[0], 0)
	return root, b.problem
}

// deep gives the line where brackets or dashes nest too deeply for a recursive
// parser; 0 is nowhere. Nesting by indentation is bounded by the size.
func deep(text []byte) int {
	depth, dashes, line, start := 0, 0, 1, true
	for i, c := range text {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?', ':':
			if start && i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\t') {
				dashes++
			}
		case '\n':
			line++
			dashes, start = 0, true
			continue
		case ' ', '\t':
			continue
		}
		if c != '-' && c != '?' {
			start = false
		}
		if depth > maxDepth || dashes > maxDepth {
			return line
		}
	}
	return 0
}

func syntax(err error) *problem {
	p := &problem{line: 1, text: "is not valid YAML"}
	var e yaml.Error
	if errors.As(err, &e) {
		p.text = "is not valid YAML: " + clip(e.GetMessage())
		if tk := e.GetToken(); tk != nil && tk.Position != nil {
			p.line = tk.Position.Line
		}
	}
	return p
}

func lineOf(n ast.Node) int {
	if n != nil {
		if tk := n.GetToken(); tk != nil && tk.Position != nil {
			return tk.Position.Line
		}
	}
	return 1
}

func (b *builder) wrong(line int, format string, args ...any) *node {
	if b.problem == nil {
		b.problem = &problem{line: line, text: fmt.Sprintf(format, args...)}
	}
	return &node{line: line}
}

func (b *builder) build(n ast.Node, depth int) *node {
	line := lineOf(n)
	if b.problem != nil {
		return &node{line: line}
	}
	if b.nodes++; b.nodes > maxNodes {
		return b.wrong(line, "the manifest has more than %d values, aliases written out", maxNodes)
	}
	if depth > maxDepth {
		return b.wrong(line, "is nested more than %d levels deep", maxDepth)
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		name := n.Name.GetToken().Value
		out := b.build(n.Value, depth)
		b.anchors[name] = out
		return out
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		known := b.anchors[name]
		if known == nil {
			return b.wrong(line, "there is no anchor &%s before this line", clip(name))
		}
		if b.nodes += known.size(); b.nodes > maxNodes {
			return b.wrong(line, "the manifest has more than %d values, aliases written out", maxNodes)
		}
		if depth+known.depth() > maxDepth {
			return b.wrong(line, "is nested more than %d levels deep, aliases written out", maxDepth)
		}
		return known
	case *ast.MappingNode:
		return b.mapping(n.Values, line, depth)
	case *ast.MappingValueNode:
		return b.mapping([]*ast.MappingValueNode{n}, line, depth)
	case *ast.SequenceNode:
		out := &node{line: line, kind: list}
		for _, v := range n.Values {
			out.items = append(out.items, b.build(v, depth+1))
		}
		return out
	case *ast.StringNode:
		return &node{line: line, value: n.Value, text: n.Value}
	case *ast.LiteralNode:
		return &node{line: line, value: n.Value.Value, text: n.Value.Value}
	case *ast.IntegerNode:
		return &node{line: line, value: n.Value, text: written(n)}
	case *ast.FloatNode:
		if math.IsInf(n.Value, 0) || math.IsNaN(n.Value) {
			return b.wrong(line, "JSON has no such number")
		}
		return &node{line: line, value: n.Value, text: written(n)}
	case *ast.BoolNode:
		return &node{line: line, value: n.Value, text: written(n)}
	case *ast.NullNode, nil:
		return &node{line: line}
	}
	return b.wrong(line, "tags, merges and special values are not supported: write the value out")
}

func written(n ast.Node) string { return strings.TrimSpace(n.GetToken().Value) }

func (b *builder) mapping(values []*ast.MappingValueNode, line, depth int) *node {
	out := &node{line: line, kind: mapping}
	seen := map[string]bool{}
	for _, v := range values {
		at := lineOf(v.Key)
		key := b.build(v.Key, depth+1)
		var name string
		switch k := key.value.(type) {
		case string:
			name = k
		default:
			if key.kind != scalar || key.value == nil {
				return b.wrong(at, "a key must be a plain word")
			}
			name = key.text // 200: {…}
		}
		if seen[name] {
			return b.wrong(at, "the key %q is set twice", clip(name))
		}
		seen[name] = true
		out.entries = append(out.entries, entry{name, at, b.build(v.Value, depth+1)})
	}
	return out
}

func (n *node) size() int {
	total := 1
	for _, e := range n.entries {
		total += 1 + e.value.size()
	}
	for _, i := range n.items {
		total += i.size()
	}
	return total
}

func (n *node) depth() int {
	deepest := 0
	for _, e := range n.entries {
		deepest = max(deepest, 1+e.value.depth())
	}
	for _, i := range n.items {
		deepest = max(deepest, 1+i.depth())
	}
	return deepest
}

// plain is the value as encoding/json knows it.
func (n *node) plain() any {
	switch n.kind {
	case mapping:
		out := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			out[e.key] = e.value.plain()
		}
		return out
	case list:
		out := make([]any, 0, len(n.items))
		for _, i := range n.items {
			out = append(out, i.plain())
		}
		return out
	}
	return n.value
}

// err is the problem with its place.
func (p *problem) err(file string) error {
	where := fmt.Sprintf("%s:%d", file, p.line)
	if p.key != "" {
		where += ": " + p.key
	}
	e := fail.New(fail.Usage, "%s: %s", where, p.text)
	if p.hint != "" {
		return e.Hint("%s", p.hint)
	}
	return e.Hint("docs/service-manifest.md explains every key")
}
