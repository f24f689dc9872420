package where

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Parse reads an expression. From loosest to tightest:
//
//	a || b   a or b
//	a && b   a and b
//	!a       not a       (a)
//	field == value   !=  <  <=  >  >=     (= is ==)
//	field ~ "regexp"   field !~ "regexp"  (=~ is ~)
//	field in (a, b)    field not in (a, b)
//	field exists       field not exists
//
// A value is a bare word or a text in quotes. A bare word is a number (500,
// 2.5e3), a duration (200ms, 1h30m, 7d), a size (10MiB, 5kB), true or false,
// a time (RFC 3339), or else a text; quotes always make a text. In "…" the
// escapes are \" \\ \n \r \t; '…' and `…` have none. A field is a bare word
// or stands in quotes as well.
//
// The error is fail.Usage with a *SyntaxError as its cause, which shows the
// place.
func Parse(s string) (Expr, error) {
	l := &lexer{in: s}
	if len(s) > MaxLength {
		return nil, (&SyntaxError{Input: strings.ToValidUTF8(s[:MaxLength], ""), Problem: "the expression is longer than 8 KiB"}).usage()
	}
	if !utf8.ValidString(s) {
		return nil, (&SyntaxError{Input: strings.ToValidUTF8(s, "\uFFFD"), Problem: "the expression is not valid UTF-8"}).usage()
	}
	for i := range len(s) {
		if c := s[i]; (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f {
			return nil, l.fail(i, "found a control character")
		}
	}
	p := &parser{lexer: l}
	if err := p.advance(); err != nil {
		return nil, err
	}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != end {
		return nil, p.expected("&&, || or the end")
	}
	return e, nil
}

type parser struct {
	*lexer
	tok token
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

func (p *parser) expected(what string) error {
	return p.fail(p.tok.at, "expected %s, found %s", what, p.tok)
}

func (p *parser) or(depth int) (Expr, error) {
	return p.list(or, func() (Expr, error) {
		return p.list(and, func() (Expr, error) { return p.unary(depth) },
			func(of []Expr) Expr { return &And{of} })
	}, func(of []Expr) Expr { return &Or{of} })
}

// list reads operands with the joint k between them; one alone stays itself.
func (p *parser) list(k kind, operand func() (Expr, error), join func([]Expr) Expr) (Expr, error) {
	first, err := operand()
	if err != nil || p.tok.kind != k {
		return first, err
	}
	of := []Expr{first}
	for p.tok.kind == k {
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := operand()
		if err != nil {
			return nil, err
		}
		of = append(of, e)
	}
	return join(of), nil
}

func (p *parser) unary(depth int) (Expr, error) {
	if depth > MaxDepth {
		return nil, p.fail(p.tok.at, "the expression is nested deeper than %d", MaxDepth)
	}
	switch p.tok.kind {
	case not:
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return &Not{e}, nil
	case open:
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.tok.kind != closing {
			return nil, p.expected("&&, || or )")
		}
		return e, p.advance()
	case word, quoted:
		return p.predicate()
	}
	return nil, p.expected("a field, ! or (")
}

func (p *parser) predicate() (Expr, error) {
	field, at := p.tok.text, p.tok.at
	if field == "" {
		return nil, p.fail(at, "the name of a field is empty")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch p.tok.kind {
	case exists:
		return &Exists{field}, p.advance()
	case in:
		return p.in(field)
	case not:
		if err := p.advance(); err != nil {
			return nil, err
		}
		switch p.tok.kind {
		case in:
			e, err := p.in(field)
			if err != nil {
				return nil, err
			}
			return &Not{e}, nil
		case exists:
			return &Not{&Exists{field}}, p.advance()
		}
		return nil, p.expected("in or exists after not")
	case operator:
		op := p.tok.text
		if err := p.advance(); err != nil {
			return nil, err
		}
		if op == "~" || op == "!~" {
			return p.match(field, op == "!~")
		}
		v, err := p.value("a value after " + op)
		if err != nil {
			return nil, err
		}
		return &Compare{Field: field, Op: Op(op), Value: v}, nil
	}
	return nil, p.expected("==, !=, <, <=, >, >=, ~, !~, in or exists after the field " + field)
}

func (p *parser) value(what string) (Value, error) {
	var v Value
	switch p.tok.kind {
	case word:
		v = literal(p.tok.text)
	case quoted:
		v = Value{Kind: Text, Text: p.tok.text}
	case and, or, not, in, exists:
		return Value{}, p.fail(p.tok.at, "expected %s, found %s; put the word in quotes if it is meant as a text", what, p.tok)
	default:
		return Value{}, p.expected(what)
	}
	return v, p.advance()
}

func (p *parser) in(field string) (Expr, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind != open {
		return nil, p.expected("( after in")
	}
	e := &In{Field: field}
	for {
		if err := p.advance(); err != nil { // the ( or the comma
			return nil, err
		}
		v, err := p.value("a value")
		if err != nil {
			return nil, err
		}
		e.Values = append(e.Values, v)
		switch p.tok.kind {
		case comma:
		case closing:
			return e, p.advance()
		default:
			return nil, p.expected(", or )")
		}
	}
}

func (p *parser) match(field string, negated bool) (Expr, error) {
	if p.tok.kind != word && p.tok.kind != quoted {
		return nil, p.expected("a regular expression")
	}
	re, err := regexp.Compile(p.tok.text)
	if err != nil {
		var bad *syntax.Error
		if errors.As(err, &bad) {
			return nil, p.fail(p.tok.at, "the regular expression is wrong: %s: %.60q", bad.Code, bad.Expr)
		}
		return nil, p.fail(p.tok.at, "the regular expression is wrong")
	}
	var e Expr = &Match{Field: field, Re: re}
	if negated {
		e = &Not{e}
	}
	return e, p.advance()
}
