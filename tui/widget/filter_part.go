package widget

import (
	"regexp/syntax"
	"strings"
)

// part is a text to look for; with fold it is lower-case ASCII and found in
// either case.
type part struct {
	text string
	fold bool
}

// required are texts that every match of an expression holds, one behind the
// other.
func required(re *syntax.Regexp) []part {
	switch re.Op {
	case syntax.OpLiteral:
		p := part{text: string(re.Rune), fold: re.Flags&syntax.FoldCase != 0}
		if p.fold {
			if !ascii(p.text) {
				return nil // folding beyond ASCII is the machine's
			}
			p.text = strings.ToLower(p.text)
		}
		return []part{p}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpConcat:
		var out []part
		for _, sub := range re.Sub {
			out = append(out, required(sub)...)
		}
		return out
	}
	return nil
}

// loose reports an expression of n texts with .* between them and nothing else:
// what holds the texts in their order is a match.
func loose(re *syntax.Regexp, n int) bool {
	if re.Op != syntax.OpConcat {
		return false
	}
	texts, apart := 0, true
	for _, sub := range re.Sub {
		switch {
		case sub.Op == syntax.OpStar && sub.Sub[0].Op == syntax.OpAnyChar:
			apart = true
		case sub.Op == syntax.OpLiteral && apart:
			texts++
			apart = false
		default:
			return false
		}
	}
	return texts == n
}

// index is where the part is in a text, or -1.
func (p part) index(s string) int {
	if !p.fold {
		return strings.Index(s, p.text)
	}
	first := p.text[0]
	upper := first
	if 'a' <= first && first <= 'z' {
		upper -= 'a' - 'A'
	}
	for i := 0; i+len(p.text) <= len(s); i++ {
		if c := s[i]; (c == first || c == upper) && equalFold(s[i:i+len(p.text)], p.text) {
			return i
		}
	}
	return -1
}

// equalFold compares with a lower-case ASCII text of the same length.
func equalFold(s, folded string) bool {
	for i := range len(folded) {
		if lower(s[i]) != folded[i] {
			return false
		}
	}
	return true
}
