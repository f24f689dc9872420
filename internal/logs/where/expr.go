// Package where is the language of --where: typed expressions over the fields
// of a log entry, such as
//
//	http.status >= 500 && duration > 200ms
//	service in (chat, predict) && !(message ~ "timeout|refused")
//	user.id exists && labels.tier != "gold"
//
// Parse makes the tree of this file, Eval decides it over one entry, and the
// adapters of the log stores translate it into their own languages; what they
// cannot say they leave to Eval.
package where

import (
	"regexp"
	"time"
)

// Expr is a node of the tree: *And, *Or, *Not, *Compare, *In, *Match or *Exists.
type Expr interface {
	// String gives the expression in the language; Parse reads it back to an
	// equal tree.
	String() string
	expr()
}

// And holds when all parts hold; there are at least two.
type And struct{ Of []Expr }

// Or holds when one part holds; there are at least two.
type Or struct{ Of []Expr }

// Not holds when its part does not.
type Not struct{ Of Expr }

// Op is a comparison.
type Op string

// The comparisons.
const (
	Eq Op = "=="
	Ne Op = "!="
	Lt Op = "<"
	Le Op = "<="
	Gt Op = ">"
	Ge Op = ">="
)

// Compare holds when the entry has the field and its value stands so to
// Value. Ne holds also when the field is missing.
type Compare struct {
	Field string // dotted path; "service", "level", "message", "trace", "time" are the entry's own
	Op    Op
	Value Value
}

// In holds when the field equals one of the values.
type In struct {
	Field  string
	Values []Value
}

// Match holds when the field's text matches the RE2 expression.
type Match struct {
	Field string
	Re    *regexp.Regexp
}

// Exists holds when the entry has the field, with a value that is not null.
type Exists struct{ Field string }

// Kind is the type of a literal.
type Kind int

// The kinds of literals.
const (
	Text Kind = iota
	Number
	Bool
	Duration
	Size
	Time
)

// Value is a literal. Number holds the number, the nanoseconds of a Duration
// and the bytes of a Size as well, so that each can be compared with a plain
// number in the entry; how a plain number is meant there (nanoseconds for
// event.duration, milliseconds for …_ms, seconds for …_seconds) is decided by
// Scale.
type Value struct {
	Kind   Kind
	Text   string // as it was written, without quotes
	Number float64
	Bool   bool
	Time   time.Time
}

func (*And) expr()     {}
func (*Or) expr()      {}
func (*Not) expr()     {}
func (*Compare) expr() {}
func (*In) expr()      {}
func (*Match) expr()   {}
func (*Exists) expr()  {}
