// Package output writes results in the formats of the command line contract:
// table, wide, json, yaml, jsonl, name, csv, raw, jsonpath=…, go-template=… and
// the filter --jq.
//
// It promises that the same input gives the same bytes; that the format never
// changes what is fetched; that a wrong format or expression is found before
// any work (fail.Usage); and that no byte from outside reaches the output as a
// control sequence: text is made safe by package term, JSON and YAML escape
// what is not printable. It does not fetch, page or colour anything by itself
// but what a column's Style asks for.
//
// A Printer is for one command and not for concurrent use.
package output

import (
	"sort"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
)

// Kind is the name of a format.
type Kind string

// The formats. JSONPath and Template carry an expression after "=".
const (
	Table    Kind = "table"
	Wide     Kind = "wide"
	JSON     Kind = "json"
	YAML     Kind = "yaml"
	JSONL    Kind = "jsonl"
	Name     Kind = "name"
	CSV      Kind = "csv"
	Raw      Kind = "raw"
	JSONPath Kind = "jsonpath"
	Template Kind = "go-template"
	// These are for the commands that can make them (Options.Extra): a plot, a
	// report, a picture, a test report for CI, annotations of GitHub's workflows.
	Graph    Kind = "graph"
	Markdown Kind = "md"
	SVG      Kind = "svg"
	JUnit    Kind = "junit"
	GitHub   Kind = "github"
)

// Format is a parsed -o value. The zero value is the table.
type Format struct {
	Kind Kind
	// Arg is the expression of jsonpath and go-template.
	Arg string
}

// Kinds lists the values of -o, for help and completion.
func Kinds() []string {
	return []string{"table", "wide", "json", "yaml", "jsonl", "name", "csv", "raw", "jsonpath=", "go-template="}
}

// Parse reads a -o value; an empty one is the table. The expression of
// jsonpath and go-template is compiled by New.
func Parse(s string) (Format, error) {
	kind, arg, hasArg := strings.Cut(s, "=")
	f := Format{Kind: Kind(kind), Arg: arg}
	switch f.Kind {
	case "":
		if hasArg {
			break
		}
		return Format{Kind: Table}, nil
	case Table, Wide, JSON, YAML, JSONL, Name, CSV, Raw, Graph, Markdown, SVG, JUnit, GitHub:
		if hasArg {
			return Format{}, fail.New(fail.Usage, "the output format %s takes no expression", kind).Hint("-o %s", kind)
		}
		return f, nil
	case JSONPath:
		if arg == "" {
			return Format{}, fail.New(fail.Usage, "the output format jsonpath needs an expression").
				Hint("-o jsonpath='{.items[*].name}'")
		}
		return f, nil
	case Template:
		if arg == "" {
			return Format{}, fail.New(fail.Usage, "the output format go-template needs a template").
				Hint("-o go-template='{{range .}}{{.name}}{{\"\\n\"}}{{end}}'")
		}
		return f, nil
	}
	e := fail.New(fail.Usage, "unknown output format %q: one of %s", s, strings.Join(Kinds(), ", "))
	if near := closest(kind, Kinds()); near != "" {
		return Format{}, e.Hint("-o %s", near)
	}
	return Format{}, e.Hint("aictl help formatting")
}

// String is the -o value.
func (f Format) String() string {
	switch f.Kind {
	case "":
		return string(Table)
	case JSONPath, Template:
		return string(f.Kind) + "=" + f.Arg
	}
	return string(f.Kind)
}

// Machine says that the format is for programs: errors become documents, and
// streams are lines of JSON.
func (f Format) Machine() bool { return f.Kind == JSON || f.Kind == JSONL || f.Kind == YAML }

// Human says that the format is for people: table, wide or graph.
func (f Format) Human() bool {
	return f.Kind == "" || f.Kind == Table || f.Kind == Wide || f.Kind == Graph
}

// Special says that only some commands can make the format.
func (f Format) Special() bool {
	switch f.Kind { //nolint:exhaustive // the others are everybody's
	case Graph, Markdown, SVG, JUnit, GitHub:
		return true
	}
	return false
}

// closest is the candidate within an edit distance of two and half the word, or one that the
// word begins; "" without one.
func closest(word string, candidates []string) string {
	type scored struct {
		s string
		d int
	}
	var list []scored
	word = strings.ToLower(word)
	for _, c := range candidates {
		d := nearest.Distance(word, strings.TrimSuffix(c, "="))
		if len(word) >= 2 && strings.HasPrefix(c, word) {
			d = 0
		}
		if 2*d <= len(word) && d <= 2 {
			list = append(list, scored{c, d})
		}
	}
	if len(list) == 0 {
		return ""
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].d < list[j].d })
	return list[0].s
}
