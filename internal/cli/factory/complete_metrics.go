package factory

import (
	"context"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
)

// promqlCursor is where in a PromQL expression the cursor stands.
type promqlCursor struct {
	head  string // what stays as it is
	word  string // what is being typed
	kind  string // metric, label, value
	label string // of a value
	name  string // the selector's metric; empty for none
}

// findCursor looks at the end of an unfinished expression: behind an open
// brace there is a label or, behind its operator, a value; elsewhere a
// metric's name.
func findCursor(text string) promqlCursor {
	open, quote, since := -1, byte(0), 0 // the brace; the quote; where the current part began
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '`' || c == '\'' && i > 0: // a first ' is the shell's
			quote = c
			if open >= 0 {
				since = i + 1
			}
		case c == '{':
			open, since = i, i+1
		case c == '}':
			open = -1
		case c == ',' && open >= 0:
			since = i + 1
		}
	}
	if open < 0 {
		at := len(text)
		for at > 0 && isNameByte(text[at-1]) {
			at--
		}
		return promqlCursor{head: text[:at], word: text[at:], kind: "metric"}
	}
	start := open
	for start > 0 && isNameByte(text[start-1]) {
		start--
	}
	name := text[start:open]
	if quote == 0 {
		rest := strings.TrimLeft(text[since:], " ")
		if strings.ContainsAny(rest, "=!~") { // an operator without a value yet: its quote comes first
			return promqlCursor{}
		}
		return promqlCursor{head: text[:len(text)-len(rest)], word: rest, kind: "label", name: name}
	}
	before := strings.TrimRight(text[:since-1], " ")
	before = strings.TrimRight(before, "=~!")
	before = strings.TrimRight(before, " ")
	at := len(before)
	for at > 0 && isNameByte(before[at-1]) {
		at--
	}
	if at == len(before) {
		return promqlCursor{}
	}
	return promqlCursor{head: text[:since], word: text[since:], kind: "value", label: before[at:], name: name}
}

func isNameByte(c byte) bool {
	return c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// completeMetrics completes PromQL: the values of its one unfinished word,
// each with what stands before it, as the shell replaces the whole argument.
func (f *Factory) completeMetrics(ctx context.Context, text string) []string {
	at := findCursor(text)
	if at.kind == "" {
		return nil
	}
	key := "metrics/" + at.kind + "/" + at.name + "/" + at.label
	values, ok := f.cached(key)
	if !ok {
		ctx, cancel := context.WithTimeout(ctx, completeWithin)
		defer cancel()
		c, _, err := f.One()
		if err != nil {
			return nil
		}
		defer c.Close()
		if values, err = metricWords(ctx, c, at); err != nil {
			return nil
		}
		f.keep(key, values)
	}
	var out []string
	for _, v := range values {
		if strings.HasPrefix(v, at.word) {
			out = append(out, at.head+v)
		}
	}
	return out
}

func metricWords(ctx context.Context, c op.Caller, at promqlCursor) ([]string, error) {
	var out []string
	if at.kind == "metric" {
		list, err := api.MetricsList.Call(ctx, c, api.MetricListInput{})
		for _, m := range list {
			out = append(out, term.SafeLine(m.Name)+"\t"+term.SafeLine(m.Help))
		}
		return out, err
	}
	in := api.MetricLabelsInput{Selector: at.name, Label: at.label}
	if at.kind == "label" {
		in.Label = ""
	}
	list, err := api.MetricsLabels.Call(ctx, c, in)
	for _, l := range list {
		switch {
		case at.kind == "label" && l.Name != "__name__":
			out = append(out, term.SafeLine(l.Name))
		case at.kind == "value":
			quoted := strconv.Quote(l.Value)
			out = append(out, term.SafeLine(quoted[1:len(quoted)-1]))
		}
	}
	return out, err
}
