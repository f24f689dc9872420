package where

import (
	"strconv"
	"strings"
	"time"
)

// String implements Expr.
func (e *And) String() string { return joined(e.Of, " && ") }

// String implements Expr.
func (e *Or) String() string { return joined(e.Of, " || ") }

// String implements Expr.
func (e *Not) String() string {
	switch of := e.Of.(type) {
	case *Match:
		return name(of.Field) + " !~ " + quote(of.Re.String())
	case *In:
		return of.text(" not in (")
	case *Exists:
		return name(of.Field) + " not exists"
	}
	return "!(" + e.Of.String() + ")"
}

// String implements Expr.
func (e *Compare) String() string {
	return name(e.Field) + " " + string(e.Op) + " " + e.Value.String()
}

// String implements Expr.
func (e *In) String() string { return e.text(" in (") }

func (e *In) text(head string) string {
	var b strings.Builder
	b.WriteString(name(e.Field) + head)
	for i, v := range e.Values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.String())
	}
	return b.String() + ")"
}

// String implements Expr.
func (e *Match) String() string { return name(e.Field) + " ~ " + quote(e.Re.String()) }

// String implements Expr.
func (e *Exists) String() string { return name(e.Field) + " exists" }

// String gives the literal as the language writes it.
func (v Value) String() string {
	if v.Kind == Text {
		if bare(v.Text) && literal(v.Text).Kind == Text {
			return v.Text
		}
		return quote(v.Text)
	}
	if v.Text != "" {
		return v.Text
	}
	// A literal that a program made.
	switch v.Kind {
	case Bool:
		return strconv.FormatBool(v.Bool)
	case Time:
		return v.Time.Format(time.RFC3339Nano)
	case Duration:
		return time.Duration(v.Number).String()
	case Size:
		return strconv.FormatFloat(v.Number, 'f', -1, 64) + "B"
	}
	return strconv.FormatFloat(v.Number, 'g', -1, 64)
}

// joined puts parentheses around parts that hold && or || themselves.
func joined(of []Expr, joint string) string {
	parts := make([]string, len(of))
	for i, e := range of {
		parts[i] = e.String()
		switch e.(type) {
		case *And, *Or:
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, joint)
}

func name(field string) string {
	if bare(field) {
		return field
	}
	return quote(field)
}

// bare says whether s reads back as one word.
func bare(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) {
			return false
		}
	}
	return s != "" && keyword(s) == word
}

// quote writes a text so that the lexer reads it back, in single quotes where
// that saves escapes.
func quote(s string) string {
	if strings.ContainsAny(s, `\"`) && !strings.ContainsAny(s, "'\n\r\t") {
		return "'" + s + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}
