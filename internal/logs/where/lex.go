package where

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
)

// The bounds of an expression: longer or deeper ones are refused.
const (
	MaxLength = 8 << 10 // bytes
	MaxDepth  = 64      // parentheses and negations within each other
)

// SyntaxError says where an expression is wrong. It is the cause of the
// fail.Usage error that Parse gives.
type SyntaxError struct {
	Input   string
	Offset  int    // in bytes, where the trouble begins
	Problem string // "expected a value, found the end"
}

// Column is the place of the trouble in characters, counted from 1.
func (e *SyntaxError) Column() int { return utf8.RuneCountInString(e.Input[:e.Offset]) + 1 }

// Error gives three lines: the trouble, and those of Caret, indented so that
// they stand below each other wherever the text begins.
func (e *SyntaxError) Error() string {
	const indent = "\n    "
	return fmt.Sprintf("column %d: %s", e.Column(), e.Problem) + indent + strings.ReplaceAll(e.Caret(), "\n", indent)
}

// Caret gives two lines: the expression, or the part of it around the
// trouble, and a caret below the first character that is wrong.
func (e *SyntaxError) Caret() string {
	const around = 36 // characters on each side
	show := []rune(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, e.Input))
	at := e.Column() - 1
	var before, after string
	if at > around {
		show, at, before = show[at-around:], around, "…"
	}
	if len(show) > at+around {
		show, after = show[:at+around], "…"
	}
	return before + string(show) + after + "\n" + strings.Repeat(" ", utf8.RuneCountInString(before)+at) + "^"
}

func (e *SyntaxError) usage() error {
	return fail.Wrap(fail.Usage, e, "the expression of --where does not parse").
		Hint("--where 'http.status >= 500 && duration > 200ms'")
}

type kind int

const (
	end kind = iota
	word
	quoted
	operator // == != < <= > >= ~ !~
	and
	or
	not // ! and not
	in
	exists
	open
	closing
	comma
)

type token struct {
	kind kind
	text string // of a quoted one, what it says
	at   int    // offset in bytes
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "the end"
	case quoted:
		return fmt.Sprintf("the text %.40q", t.text)
	default:
		return fmt.Sprintf("%.40q", t.text)
	}
}

type lexer struct {
	in  string
	pos int
}

func (l *lexer) fail(at int, format string, args ...any) error {
	return (&SyntaxError{Input: l.in, Offset: at, Problem: fmt.Sprintf(format, args...)}).usage()
}

// next reads one token.
func (l *lexer) next() (token, error) {
	for l.pos < len(l.in) && strings.IndexByte(" \t\r\n", l.in[l.pos]) >= 0 {
		l.pos++
	}
	at := l.pos
	if at == len(l.in) {
		return token{kind: end, at: at}, nil
	}
	take := func(k kind, n int, text string) (token, error) {
		l.pos += n
		return token{kind: k, text: text, at: at}, nil
	}
	two := l.in[at:min(at+2, len(l.in))]
	switch two {
	case "==", "!=", "<=", ">=", "!~":
		return take(operator, 2, two)
	case "=~": // as in PromQL
		return take(operator, 2, "~")
	case "&&":
		return take(and, 2, two)
	case "||":
		return take(or, 2, two)
	}
	switch c := l.in[at]; c {
	case '=':
		return take(operator, 1, string(Eq))
	case '<', '>', '~':
		return take(operator, 1, two[:1])
	case '!':
		return take(not, 1, "!")
	case '(':
		return take(open, 1, "(")
	case ')':
		return take(closing, 1, ")")
	case ',':
		return take(comma, 1, ",")
	case '&', '|':
		return token{}, l.fail(at, "found a single %q; write %q", string(c), strings.Repeat(string(c), 2))
	case '"':
		return l.doubleQuoted()
	case '\'', '`':
		n := strings.IndexByte(l.in[at+1:], c)
		if n < 0 {
			return token{}, l.fail(at, "the text that begins here has no closing %c", c)
		}
		return take(quoted, n+2, l.in[at+1:at+1+n])
	}
	for l.pos < len(l.in) && isWord(l.in[l.pos]) {
		l.pos++
	}
	text := l.in[at:l.pos]
	return token{kind: keyword(text), text: text, at: at}, nil
}

// doubleQuoted reads "…". \" \\ \n \r \t are escapes; any other backslash
// stands for itself, so that "\d+\.\d" needs no doubling.
func (l *lexer) doubleQuoted() (token, error) {
	at := l.pos
	var b strings.Builder
	for i := at + 1; i < len(l.in); i++ {
		c := l.in[i]
		if c == '"' {
			l.pos = i + 1
			return token{kind: quoted, text: b.String(), at: at}, nil
		}
		if c == '\\' && i+1 < len(l.in) {
			if n := strings.IndexByte(`"\nrt`, l.in[i+1]); n >= 0 {
				c = "\"\\\n\r\t"[n]
				i++
			}
		}
		b.WriteByte(c)
	}
	return token{}, l.fail(at, `the text that begins here has no closing "`)
}

// isWord says whether c may stand in a bare word.
func isWord(c byte) bool {
	return c > ' ' && c != 0x7f && strings.IndexByte("()!,=<>~&|\"'`", c) < 0
}

func keyword(s string) kind {
	switch strings.ToLower(s) {
	case "and":
		return and
	case "or":
		return or
	case "not":
		return not
	case "in":
		return in
	case "exists":
		return exists
	}
	return word
}
