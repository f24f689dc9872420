package deploy

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
)

// ExprKind is what an expression is about.
type ExprKind string

// The kinds of expressions.
const (
	ExprCondition ExprKind = "condition"
	ExprPath      ExprKind = "jsonpath"
	ExprRollout   ExprKind = "rollout"
	ExprMetric    ExprKind = "metric"
	ExprAlert     ExprKind = "alert"
)

// Expr is an expression of a wait, parsed.
type Expr struct {
	Kind ExprKind
	// Text is the expression as it was written, without space around it.
	Text string
	// Left is the condition's type, the path, the PromQL before the
	// comparison, or the alert's name or matchers.
	Left string
	// Op is the comparison: =, !=, <, <=, >, >=; empty asks whether there is
	// anything at all.
	Op string
	// Right is the status, the value, the outcome, or firing and absent.
	Right string

	number float64 // Right, of a metric
	path   func(doc []byte) ([]any, error)
}

// maxExpr bounds an expression, in bytes.
const maxExpr = 16 << 10

// ParseExpr reads an expression:
//
//	condition=TYPE[=STATUS]
//	jsonpath={PATH} [OP VALUE]
//	rollout=complete|failed
//	metric: PROMQL OP NUMBER
//	alert: NAME firing|absent
//
// A mistake is a Usage error with a caret below its place.
func ParseExpr(text string, paths Paths) (Expr, error) {
	if len(text) > maxExpr {
		return Expr{}, fail.New(fail.Usage, "the expression is over %d bytes", maxExpr)
	}
	p := exprParser{text: strings.TrimSpace(text), paths: paths}
	if !utf8.ValidString(p.text) {
		return Expr{}, fail.New(fail.Usage, "the expression is not UTF-8")
	}
	e := Expr{Text: p.text}
	head := strings.IndexFunc(p.text, func(r rune) bool { return r == '=' || r == ':' || unicode.IsSpace(r) })
	if head < 0 {
		head = len(p.text)
	}
	word := p.text[:head]
	rest := p.text[head:]
	skip := len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace))
	at := head + skip
	want := map[string]byte{"condition": '=', "jsonpath": '=', "rollout": '=', "metric": ':', "alert": ':'}[word]
	switch {
	case want == 0:
		return e, p.wrong(0, "an expression begins with condition=, jsonpath=, rollout=, metric: or alert:")
	case at >= len(p.text) || p.text[at] != want:
		return e, p.wrong(min(at, len(p.text)), "%q is followed by %q", word, string(want))
	}
	e.Kind = ExprKind(word)
	return e, p.body(&e, at+1)
}

type exprParser struct {
	text  string
	paths Paths
}

// wrong is the error of a mistake at a byte.
func (p *exprParser) wrong(at int, format string, args ...any) error {
	const around = 60
	line := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, p.text)
	before := []rune(line[:min(at, len(line))])
	after := []rune(line[min(at, len(line)):])
	lead := ""
	if len(before) > around {
		before, lead = before[len(before)-around:], "…"
	}
	tail := ""
	if len(after) > around {
		after, tail = after[:around], "…"
	}
	return fail.New(fail.Usage, "%s\n  %s\n  %s^", fmt.Sprintf(format, args...), lead+string(before)+string(after)+tail, strings.Repeat(" ", len(before)+utf8.RuneCountInString(lead))).
		Hint("aictl deploy wait --help")
}

func (p *exprParser) body(e *Expr, at int) error {
	rest := p.text[at:]
	at += len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace))
	rest = p.text[at:]
	switch e.Kind {
	case ExprCondition:
		name, status, has := strings.Cut(rest, "=")
		e.Left, e.Op, e.Right = strings.TrimSpace(name), "=", "True"
		if e.Left == "" || strings.ContainsFunc(e.Left, unicode.IsSpace) {
			return p.wrong(at, "the type of a condition is one word: condition=Available")
		}
		if has {
			e.Right = strings.TrimSpace(strings.TrimPrefix(status, "="))
			status := at + len(name) + 1
			if e.Right == "" || strings.ContainsFunc(e.Right, unicode.IsSpace) {
				return p.wrong(min(status, len(p.text)), "the status of a condition is one word: True, False or Unknown")
			}
		}
	case ExprRollout:
		if e.Op, e.Right = "=", rest; rest != "complete" && rest != "failed" {
			return p.wrong(at, "a rollout is complete or failed")
		}
	case ExprPath:
		return p.jsonpath(e, at)
	case ExprMetric:
		return p.metric(e, at)
	case ExprAlert:
		end := strings.LastIndexFunc(rest, unicode.IsSpace)
		if e.Op, e.Right = "=", rest[end+1:]; e.Right != "firing" && e.Right != "absent" {
			return p.wrong(at+end+1, "an alert is firing or absent: alert: NAME firing")
		}
		if e.Left = strings.TrimSpace(rest[:max(end, 0)]); e.Left == "" {
			return p.wrong(at, "the alert's name is missing: alert: NAME firing")
		}
	}
	return nil
}

func (p *exprParser) jsonpath(e *Expr, at int) error {
	if at >= len(p.text) || p.text[at] != '{' {
		return p.wrong(at, "a path stands in braces: jsonpath={.status.readyReplicas}=3")
	}
	end := closing(p.text[at:], '{', '}')
	if end < 0 {
		return p.wrong(at, "this brace is not closed")
	}
	e.Left = p.text[at : at+end+1]
	if p.paths == nil {
		return fail.New(fail.Unavailable, "this context evaluates no JSONPath")
	}
	path, err := p.paths(e.Left)
	if err != nil {
		return p.wrong(at, "%s", oneLine(err.Error()))
	}
	e.path = path
	at += end + 1
	rest := strings.TrimLeftFunc(p.text[at:], unicode.IsSpace)
	if rest == "" {
		return nil
	}
	at = len(p.text) - len(rest)
	op, n := operator(rest)
	if n == 0 {
		return p.wrong(at, "a comparison is one of = != < <= > >=")
	}
	e.Op = op
	value := strings.TrimSpace(rest[n:])
	if value == "" {
		return p.wrong(len(p.text), "there is nothing to compare with")
	}
	if value[0] == '"' || value[0] == '\'' {
		if len(value) < 2 || value[len(value)-1] != value[0] {
			return p.wrong(len(p.text)-len(strings.TrimLeftFunc(rest[n:], unicode.IsSpace)), "this quote is not closed")
		}
		value = value[1 : len(value)-1]
	}
	e.Right = value
	if _, err := strconv.ParseFloat(value, 64); err != nil && op != "=" && op != "!=" {
		return p.wrong(len(p.text)-len(strings.TrimLeftFunc(rest[n:], unicode.IsSpace)), "%s compares numbers", op)
	}
	return nil
}

// metric splits PromQL at its last comparison outside of parentheses and
// quotes: what is measured, and the limit.
func (p *exprParser) metric(e *Expr, at int) error {
	rest := p.text[at:]
	if rest == "" {
		return p.wrong(at, "the PromQL is missing: metric: rate(errors_total[5m]) > 0.1")
	}
	found, width, depth := -1, 0, 0
	var quote byte
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			if depth--; depth < 0 {
				return p.wrong(at+i, "this closes nothing")
			}
		case depth == 0:
			if op, n := operator(rest[i:]); n > 0 && !(op == "=" && n == 1) {
				found, width, e.Op = i, n, op
				i += n - 1
			}
		}
	}
	switch {
	case quote != 0:
		return p.wrong(len(p.text), "a quote is not closed")
	case depth > 0:
		return p.wrong(len(p.text), "a parenthesis is not closed")
	case found < 0:
		return p.wrong(len(p.text), "a comparison with a number is missing: metric: PROMQL > 0.1")
	}
	if e.Left = strings.TrimSpace(rest[:found]); e.Left == "" {
		return p.wrong(at, "the PromQL is missing before the comparison")
	}
	right := strings.TrimLeftFunc(rest[found+width:], unicode.IsSpace)
	number, err := strconv.ParseFloat(strings.TrimSpace(right), 64)
	if err != nil || math.IsNaN(number) {
		return p.wrong(len(p.text)-len(right), "a metric is compared with a number")
	}
	e.Right, e.number = strings.TrimSpace(right), number
	return nil
}

// closing gives the place of the bracket that closes the one at the start,
// quotes left alone; -1 where there is none.
func closing(s string, open, shut byte) int {
	depth := 0
	var quote byte
	for i := range len(s) {
		switch c := s[i]; {
		case quote != 0:
			if c == quote && s[i-1] != '\\' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == open:
			depth++
		case c == shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// operator reads a comparison at the start of s, in its shortest form.
func operator(s string) (op string, n int) {
	for _, long := range []string{"==", "!=", "<=", ">="} {
		if strings.HasPrefix(s, long) {
			return strings.Replace(long, "==", "=", 1), 2
		}
	}
	for _, short := range []string{"=", "<", ">"} {
		if strings.HasPrefix(s, short) {
			return short, 1
		}
	}
	return "", 0
}

// compareNumbers applies a comparison; NaN compares with nothing.
func compareNumbers(a float64, op string, b float64) bool {
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b && !math.IsNaN(a)
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return op == ">=" && a >= b
}

// holds compares a value of JSON with what was written.
func (e Expr) holds(v any) bool {
	text := jsonText(v)
	a, errA := strconv.ParseFloat(text, 64)
	b, errB := strconv.ParseFloat(e.Right, 64)
	if errA == nil && errB == nil {
		return compareNumbers(a, e.Op, b)
	}
	switch e.Op {
	case "=":
		return text == e.Right
	case "!=":
		return text != e.Right
	}
	return false
}

// jsonText is a value of JSON as people write it.
func jsonText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case json.Number:
		return v.String()
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(body)
}

// Holds compares a value of a metric with what was written; NaN holds for
// nothing.
func (e Expr) Holds(v float64) bool { return compareNumbers(v, e.Op, e.number) }

// With is the same comparison with another number.
func (e Expr) With(limit float64) Expr {
	e.number, e.Right = limit, strconv.FormatFloat(limit, 'g', 6, 64)
	return e
}
