// Package promcursor finds what is being typed at the end of an unfinished
// PromQL expression, so that it can be completed: a metric's name, a label's,
// or a label's value. It guesses well and promises little: where it cannot
// tell, it says nothing. The words come from the operations of
// metrics (Words).
package promcursor

import "strings"

// Kind is what stands under the cursor.
type Kind string

// The kinds; the zero one is not known.
const (
	Metric Kind = "metric"
	Label  Kind = "label"
	Value  Kind = "value"
)

// Cursor is where in an expression the end of the text stands.
type Cursor struct {
	Head  string // what stays as it is
	Word  string // what is being typed
	Kind  Kind
	Label string // of a value
	Name  string // the selector's metric; empty for none
}

// Find looks at the end of an unfinished expression: behind an open brace
// there is a label or, behind its operator, a value; elsewhere a metric's
// name. A ' at the very beginning is a shell's.
func Find(text string) Cursor {
	open, quote, since := -1, byte(0), 0 // the brace; the quote; where the current part began
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '`' || c == '\'' && i > 0:
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
		return Cursor{Head: text[:at], Word: text[at:], Kind: Metric}
	}
	start := open
	for start > 0 && isNameByte(text[start-1]) {
		start--
	}
	name := text[start:open]
	if quote == 0 {
		rest := strings.TrimLeft(text[since:], " ")
		if strings.ContainsAny(rest, "=!~") { // an operator without a value yet: its quote comes first
			return Cursor{}
		}
		return Cursor{Head: text[:len(text)-len(rest)], Word: rest, Kind: Label, Name: name}
	}
	before := strings.TrimRight(text[:since-1], " ")
	before = strings.TrimRight(before, "=~!")
	before = strings.TrimRight(before, " ")
	at := len(before)
	for at > 0 && isNameByte(before[at-1]) {
		at--
	}
	if at == len(before) {
		return Cursor{}
	}
	return Cursor{Head: text[:since], Word: text[since:], Kind: Value, Label: before[at:], Name: name}
}

func isNameByte(c byte) bool {
	return c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// Key names the list of words that the cursor asks for; cursors of one key
// share it. Empty asks for none.
func (c Cursor) Key() string {
	if c.Kind == "" {
		return ""
	}
	return string(c.Kind) + "/" + c.Name + "/" + c.Label
}
