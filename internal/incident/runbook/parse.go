package runbook

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/gomarkdown/markdown/ast"
	"github.com/gomarkdown/markdown/parser"
	shellwords "github.com/mattn/go-shellwords"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/yamlfile"
)

// front is the YAML before the text.
type front struct {
	Name   string   `yaml:"name"`
	Title  string   `yaml:"title"`
	Alerts []string `yaml:"alerts"`
}

// Parse reads a document. With front matter that names alerts it is one runbook;
// otherwise each heading of one word is a runbook for the alert of that name.
// A mistake in a step is fail.Usage, with the place.
func Parse(d Document) ([]api.Runbook, error) {
	if len(d.Body) > MaxDocument {
		return nil, fail.New(fail.TooLarge, "%s is larger than %d bytes", d.Source, MaxDocument)
	}
	body := strings.ReplaceAll(strings.ToValidUTF8(string(d.Body), "\uFFFD"), "\r\n", "\n")
	var f front
	if rest, ok := strings.CutPrefix(body, "---\n"); ok {
		head, after, found := strings.Cut(rest, "\n---\n")
		if !found {
			return nil, fail.New(fail.Usage, "%s: the front matter has no end", d.Source).Hint("a line of three hyphens ends it")
		}
		if err := yamlfile.Decode([]byte(head), &f, yaml.Strict()); err != nil {
			return nil, fail.Wrap(fail.Usage, err, "%s: reading the front matter", d.Source).Hint("alerts: [ServiceErrorsHigh]")
		}
		body = after
	}
	if len(f.Alerts) > 0 {
		name := f.Name
		if name == "" {
			name = f.Alerts[0]
		}
		one, err := book(d.Source, name, f.Title, f.Alerts, body)
		if err != nil {
			return nil, err
		}
		return []api.Runbook{one}, nil
	}
	var out []api.Runbook
	for _, s := range sections(body) {
		one, err := book(d.Source, s.name, "", []string{s.name}, s.text)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

type section struct{ name, text string }

// sections are the parts of a document under headings of one word. Fences are
// followed, so that a # in a block is no heading.
func sections(body string) []section {
	heading := regexp.MustCompile(`^(#{2,6})[ \t]+([A-Za-z][A-Za-z0-9_:-]*)[ \t]*#*$`)
	var out []section
	fence, open := "", false
	for _, line := range strings.SplitAfter(body, "\n") {
		bare := strings.TrimRight(line, "\n")
		trimmed := strings.TrimLeft(bare, " ")
		mark := fenceOf(trimmed)
		switch {
		case fence != "":
			if strings.HasPrefix(mark, fence) && strings.TrimSpace(strings.TrimLeft(trimmed, mark[:1])) == "" {
				fence = ""
			}
		case mark != "":
			fence = mark
		case strings.HasPrefix(bare, "#"):
			m := heading.FindStringSubmatch(bare)
			open = m != nil
			if open {
				out = append(out, section{name: m[2]})
			}
		}
		if open {
			out[len(out)-1].text += line
		}
	}
	// A heading of one word that has no text of its own groups others.
	return slices.DeleteFunc(out, func(s section) bool { return strings.Count(strings.TrimSpace(s.text), "\n") == 0 })
}

func fenceOf(line string) string {
	for _, c := range []string{"`", "~"} {
		if n := len(line) - len(strings.TrimLeft(line, c)); n >= 3 {
			return line[:n]
		}
	}
	return ""
}

// maxSteps bounds a runbook.
const maxSteps = 100

func book(source, name, title string, alerts []string, body string) (api.Runbook, error) {
	out := api.Runbook{Name: name, Title: title, Alerts: alerts, Source: source, Text: strings.TrimSpace(body) + "\n", Steps: []api.RunbookStep{}}
	doc := parser.NewWithExtensions(parser.CommonExtensions &^ parser.MathJax).Parse([]byte(body))
	var failed error
	ast.WalkFunc(doc, func(n ast.Node, entering bool) ast.WalkStatus {
		switch n := n.(type) {
		case *ast.Heading:
			if entering && out.Title == "" {
				out.Title = plainText(n)
			}
		case *ast.CodeBlock:
			if kind := string(bytes.TrimSpace(n.Info)); entering && (kind == api.RunbookCheck || kind == api.RunbookAct) {
				s, err := stepOf(kind, string(n.Literal))
				if s.Number = len(out.Steps) + 1; err == nil && s.Number > maxSteps {
					err = fail.New(fail.TooLarge, "there are more than %d steps", maxSteps)
				}
				if err != nil {
					failed = fail.Wrap(fail.CodeOf(err), err, "%s: runbook %s, step %d", source, name, s.Number).Hint("one command line of aictl, then name:, expect:, timeout:, if failed:")
					return ast.Terminate
				}
				out.Steps = append(out.Steps, s)
			}
		}
		return ast.GoToNext
	})
	if failed == nil {
		failed = gotos(out)
	}
	return out, failed
}

func plainText(n ast.Node) string {
	var b strings.Builder
	ast.WalkFunc(n, func(n ast.Node, entering bool) ast.WalkStatus {
		if leaf := n.AsLeaf(); entering && leaf != nil {
			b.Write(leaf.Literal)
		}
		return ast.GoToNext
	})
	return strings.TrimSpace(b.String())
}

// stepOf reads a block: one command line and its attributes.
func stepOf(kind, block string) (api.RunbookStep, error) {
	s := api.RunbookStep{Kind: kind, Expect: "ok", Failed: "stop"}
	for _, line := range strings.Split(block, "\n") {
		line = strings.TrimSpace(line)
		key, value, is := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "aictl ") || line == "aictl":
			if s.Line != "" {
				return s, fail.New(fail.Usage, "a step has one command line")
			}
			s.Line = line
		case is && key == "name":
			s.Name = value
		case is && key == "expect" && value != "":
			s.Expect = value
		case is && key == "timeout":
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 || d > time.Hour {
				return s, fail.New(fail.Usage, "timeout %q is no duration between 0 and 1h", value)
			}
			s.Timeout = op.Duration(d)
		case is && key == "if failed":
			s.Failed = value
		default:
			return s, fail.New(fail.Usage, "%q is neither a command line of aictl nor an attribute", line)
		}
	}
	if s.Line == "" {
		return s, fail.New(fail.Usage, "the step has no command line")
	}
	words, err := Split(s.Line)
	if err == nil && len(words) < 2 {
		err = fail.New(fail.Usage, "%q is no command", s.Line)
	}
	if err != nil {
		return s, err
	}
	s.Words = words[1:]
	return s, nil
}

// gotos checks that every goto has a place to go to, further down: a runbook
// ends.
func gotos(r api.Runbook) error {
	for i, s := range r.Steps {
		to, is := strings.CutPrefix(s.Failed, "goto ")
		switch {
		case s.Failed == "stop" || s.Failed == "next":
		case is && slices.ContainsFunc(r.Steps[i+1:], func(t api.RunbookStep) bool { return t.Name == strings.TrimSpace(to) }):
		default:
			return fail.New(fail.Usage, "%s: runbook %s, step %d: %q is none of stop, next and goto NAME of a later step", r.Source, r.Name, s.Number, s.Failed)
		}
	}
	return nil
}

// The characters that stand for variables while a line is split: of Unicode's
// private use, refused in the line itself.
const (
	varOpen  = "\uE0F0"
	varClose = "\uE0F1"
)

var variable = regexp.MustCompile(`\{\{\s*\.(labels\.[A-Za-z_][A-Za-z0-9_]*|alert|fingerprint)\s*\}\}`)

// Split makes arguments of a command line, with its variables still in them. It
// is a shell's splitting of words and nothing else of a shell: operators,
// redirections and substitutions are refused.
func Split(line string) ([]string, error) {
	if strings.ContainsAny(line, varOpen+varClose+"\x00\n`") || strings.Contains(line, "$(") || strings.Contains(line, "${") {
		return nil, fail.New(fail.Usage, "a step is a command line without substitutions")
	}
	var names []string
	held := variable.ReplaceAllStringFunc(line, func(m string) string {
		names = append(names, m)
		return varOpen + strconv.Itoa(len(names)-1) + varClose
	})
	if strings.Contains(held, "{{") {
		return nil, fail.New(fail.Usage, "a variable is {{ .labels.NAME }}, {{ .alert }} or {{ .fingerprint }}")
	}
	p := shellwords.NewParser()
	p.ParseEnv, p.ParseBacktick = false, false
	words, err := p.Parse(held)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "splitting the command line")
	}
	if p.Position >= 0 {
		return nil, fail.New(fail.Usage, "a step has no operators or redirections").Hint("quote the character if it is a value")
	}
	for i := range words {
		for j, name := range names {
			words[i] = strings.ReplaceAll(words[i], varOpen+strconv.Itoa(j)+varClose, name)
		}
	}
	return words, nil
}
