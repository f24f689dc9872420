package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
	"github.com/aictl/aictl/internal/yamlfile"
)

// maxFile bounds a configuration file in bytes.
const maxFile = 256 << 10

// File is the user's file, $XDG_CONFIG_HOME/aictl/config.yaml.
type File struct {
	CurrentContext string    `yaml:"current_context,omitempty" json:"current_context,omitempty"`
	Output         string    `yaml:"output,omitempty" json:"output,omitempty"`
	Timeout        string    `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	NoColor        *bool     `yaml:"no_color,omitempty" json:"no_color,omitempty"`
	ReadOnly       *bool     `yaml:"read_only,omitempty" json:"read_only,omitempty"`
	Contexts       []Context `yaml:"contexts,omitempty" json:"contexts"`
}

// Project is the file .aictl.yaml of a project. It holds no credential, and
// read_only can only be switched on by it.
type Project struct {
	Context   string `yaml:"context,omitempty" json:"context,omitempty"`
	Server    string `yaml:"server,omitempty" json:"server,omitempty"`
	Namespace string `yaml:"namespace,omitempty" json:"namespace,omitempty"`
	Output    string `yaml:"output,omitempty" json:"output,omitempty"`
	Timeout   string `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	ReadOnly  *bool  `yaml:"read_only,omitempty" json:"read_only,omitempty"`
}

var (
	fileKeys = []string{
		"current_context", "output", "timeout", "no_color", "read_only", "contexts", "name", "server", "token",
		"namespace", "protection", "backends", "kubernetes", "prometheus", "alertmanagers", "elasticsearch", "grafana",
		"kubeconfig", "context", "url", "cluster", "username", "password_file", "token_file", "api_key_file", "ca_file",
		"cert_file", "key_file", "headers", "index", "fields",
	}
	projectKeys = []string{"context", "server", "namespace", "output", "timeout", "read_only"}
)

// validate checks the file as a whole.
func (f *File) validate() error {
	seen := map[string]bool{}
	for _, c := range f.Contexts {
		if err := c.validate(); err != nil {
			return err
		}
		if seen[c.Name] {
			return fail.New(fail.Usage, "context %q is there twice", c.Name).Hint("aictl config path")
		}
		seen[c.Name] = true
	}
	if f.CurrentContext != "" && !seen[f.CurrentContext] {
		return fail.New(fail.Usage, "current_context names %q, and there is no such context", f.CurrentContext).Hint("aictl context list")
	}
	if _, err := parseTimeout(f.Timeout); err != nil {
		return fail.Wrap(fail.Usage, err, "timeout").Hint("timeout: 30s")
	}
	return nil
}

func (p *Project) validate() error {
	if p.Server != "" {
		if err := checkURL(p.Server); err != nil {
			return fail.Wrap(fail.Usage, err, "server").Hint("server: https://aictl.example.com")
		}
	}
	if _, err := parseTimeout(p.Timeout); err != nil {
		return fail.Wrap(fail.Usage, err, "timeout").Hint("timeout: 30s")
	}
	return nil
}

// hasToken says that the file must be nobody else's to read.
func (f *File) hasToken() bool {
	for _, c := range f.Contexts {
		if c.Token != "" {
			return true
		}
	}
	return false
}

// lines maps the path of each key ("contexts[0].server") to its line.
type lines map[string]int

// decode reads YAML strictly into v: an unknown or repeated key, a wrong type
// and a second document are errors with path and line. The text is not quoted
// in them, because it may hold a token.
func decode(path string, data []byte, keys []string, v any) (at lines, err error) {
	defer func() {
		if r := recover(); r != nil { // a fault of the YAML library on odd input is not ours to die of
			at, err = nil, fail.New(fail.Usage, "%s is not YAML that can be read: %v", path, r).Hint("aictl config validate")
		}
	}()
	if len(data) > maxFile {
		return nil, fail.New(fail.TooLarge, "%s is larger than %d KiB", path, maxFile>>10).Hint("aictl config path")
	}
	if n := depth(data); n > 64 {
		return nil, fail.New(fail.Usage, "%s is nested %d levels deep", path, n).Hint("aictl config validate")
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, located(path, keys, err)
	}
	if len(tree.Docs) > 1 {
		return nil, fail.New(fail.Usage, "%s holds more than one document", path).Hint("remove what stands after ---")
	}
	at = lines{}
	for _, d := range tree.Docs {
		if d.Body != nil {
			walk(d.Body, "", at, 0)
		}
	}
	if len(bytes.TrimSpace(data)) == 0 || len(at) == 0 && onlyComments(data) {
		return at, nil
	}
	if err := yamlfile.Decode(data, v, yaml.Strict()); err != nil {
		return nil, located(path, keys, err)
	}
	return at, nil
}

// depth is the deepest nesting of brackets; block nesting is bounded by size.
func depth(data []byte) int {
	deepest, now := 0, 0
	for _, c := range data {
		switch c {
		case '[', '{':
			now++
			deepest = max(deepest, now)
		case ']', '}':
			now--
		}
	}
	return deepest
}

func onlyComments(data []byte) bool {
	for l := range strings.Lines(string(data)) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' && l != "---" {
			return false
		}
	}
	return true
}

// located turns an error of the YAML library into ours, with path:line:column.
func located(path string, keys []string, err error) error {
	where, msg := path, "it is not valid YAML"
	var y yaml.Error
	if errors.As(err, &y) {
		msg = y.GetMessage()
		if tk := y.GetToken(); tk != nil && tk.Position != nil {
			where = fmt.Sprintf("%s:%d:%d", path, tk.Position.Line, tk.Position.Column)
		}
	}
	e := fail.New(fail.Usage, "%s: %s", where, msg)
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) && unknown.Token != nil {
		key := unknown.Token.Value
		e = fail.New(fail.Usage, "%s: unknown key %q", where, key)
		if near := closest(key, keys); near != "" {
			return e.Hint("did you mean %s?", near)
		}
	}
	return e.Hint("aictl help config")
}

// walk notes the line of every key below n.
func walk(n ast.Node, path string, at lines, level int) {
	if level > 64 {
		return
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			walk(v, path, at, level+1)
		}
	case *ast.MappingValueNode:
		tk := n.Key.GetToken()
		if tk == nil {
			return
		}
		key := tk.Value
		if path != "" {
			key = path + "." + key
		}
		if tk.Position != nil {
			at[key] = tk.Position.Line
		}
		if n.Value != nil {
			walk(n.Value, key, at, level+1)
		}
	case *ast.SequenceNode:
		for i, v := range n.Values {
			walk(v, fmt.Sprintf("%s[%d]", path, i), at, level+1)
		}
	}
}

// readFile reads a file of at most maxFile; absent is nil without error.
func readFile(path string) ([]byte, os.FileMode, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fail.Wrap(fail.Usage, err, "reading %s", path).Hint("aictl config path")
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fail.New(fail.Usage, "%s is not a file", path).Hint("aictl config path")
	}
	if info.Size() > maxFile {
		return nil, 0, fail.New(fail.TooLarge, "%s is larger than %d KiB", path, maxFile>>10).Hint("aictl config path")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, fail.Wrap(fail.Usage, err, "reading %s", path).Hint("aictl config path")
	}
	return data, info.Mode().Perm(), nil
}

// closest is the key within an edit distance of two of word, or "".
func closest(word string, keys []string) string {
	best, at := "", min(3, len(word))
	for _, k := range keys {
		if d := nearest.Distance(word, k); d < at {
			best, at = k, d
		}
	}
	return best
}
