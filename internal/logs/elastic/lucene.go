package elastic

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// maxRegexp is index.max_regex_length as every version has it.
const maxRegexp = 1000

// lucene writes an RE2 expression as a Lucene regular expression that takes
// whole values and means the same, without Lucene's optional operators
// (flags NONE); ok is false where Lucene has no such words: word boundaries,
// anchors inside of the expression or of lines, classes that would be too long.
//
// Lucene's dialect: org.apache.lucene.util.automaton.RegExp. It is always
// anchored, its dot takes every character, and it knows no case folding: all
// of that is spelled out here.
func lucene(expression string) (out string, ok bool) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "", false
	}
	var w luceneWriter
	w.whole(re)
	if w.bad || w.Len() > maxRegexp {
		return "", false
	}
	return w.String(), true
}

type luceneWriter struct {
	strings.Builder
	bad bool
}

// whole writes re, which may match anywhere, as an expression of whole values.
func (w *luceneWriter) whole(re *syntax.Regexp) {
	switch re.Op { //nolint:exhaustive // all others stand anywhere
	case syntax.OpCapture:
		w.whole(re.Sub[0])
		return
	case syntax.OpAlternate:
		w.WriteByte('(')
		for i, sub := range re.Sub {
			if i > 0 {
				w.WriteByte('|')
			}
			w.whole(sub)
		}
		w.WriteByte(')')
		return
	}
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	begin, end := false, false
	for len(parts) > 0 && parts[0].Op == syntax.OpBeginText {
		begin, parts = true, parts[1:]
	}
	for len(parts) > 0 && parts[len(parts)-1].Op == syntax.OpEndText {
		end, parts = true, parts[:len(parts)-1]
	}
	if !begin {
		w.WriteString(".*")
	}
	for _, p := range parts {
		w.part(p)
	}
	if begin && end && len(parts) == 0 {
		w.WriteString("()")
	}
	if !end {
		w.WriteString(".*")
	}
}

func (w *luceneWriter) part(re *syntax.Regexp) {
	if w.bad || w.Len() > maxRegexp {
		w.bad = true
		return
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		w.WriteString("()")
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 && unicode.SimpleFold(r) != r {
				w.WriteByte('[')
				w.char(r)
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					w.char(f)
				}
				w.WriteByte(']')
				continue
			}
			w.char(r)
		}
	case syntax.OpCharClass:
		w.class(re.Rune)
	case syntax.OpAnyCharNotNL:
		w.WriteString("[^\n]")
	case syntax.OpAnyChar:
		w.WriteByte('.')
	case syntax.OpCapture:
		w.group(re.Sub[0], "")
	case syntax.OpStar:
		w.group(re.Sub[0], "*")
	case syntax.OpPlus:
		w.group(re.Sub[0], "+")
	case syntax.OpQuest:
		w.group(re.Sub[0], "?")
	case syntax.OpRepeat:
		switch {
		case re.Max < 0:
			w.group(re.Sub[0], fmt.Sprintf("{%d,}", re.Min))
		default:
			w.group(re.Sub[0], fmt.Sprintf("{%d,%d}", re.Min, re.Max))
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			w.part(sub)
		}
	case syntax.OpAlternate:
		w.WriteByte('(')
		for i, sub := range re.Sub {
			if i > 0 {
				w.WriteByte('|')
			}
			w.part(sub)
		}
		w.WriteByte(')')
	case syntax.OpNoMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		w.bad = true
	}
}

func (w *luceneWriter) group(re *syntax.Regexp, suffix string) {
	w.WriteByte('(')
	w.part(re)
	w.WriteByte(')')
	w.WriteString(suffix)
}

func (w *luceneWriter) class(ranges []rune) {
	if len(ranges) == 0 {
		w.bad = true
		return
	}
	w.WriteByte('[')
	if ranges[0] == 0 && ranges[len(ranges)-1] == unicode.MaxRune {
		if len(ranges) == 2 {
			w.bad = true // everything; the parser says OpAnyChar for it
			return
		}
		// The complement is the shorter one, and the one that was written.
		w.WriteByte('^')
		for i := 1; i+1 < len(ranges); i += 2 {
			w.span(ranges[i]+1, ranges[i+1]-1)
		}
	} else {
		for i := 0; i < len(ranges); i += 2 {
			w.span(ranges[i], ranges[i+1])
		}
	}
	w.WriteByte(']')
}

func (w *luceneWriter) span(lo, hi rune) {
	if w.Len() > maxRegexp || surrogate(lo) || surrogate(hi) {
		w.bad = true
		return
	}
	w.char(lo)
	if hi > lo {
		w.WriteByte('-')
		w.char(hi)
	}
}

func surrogate(r rune) bool { return r >= 0xD800 && r <= 0xDFFF }

// char writes a character that means itself. Letters and digits must not be
// escaped (\d is a class), everything else may be.
func (w *luceneWriter) char(r rune) {
	if r < unicode.MaxASCII && r > ' ' && !alnum(byte(r)) && r != '_' {
		w.WriteByte('\\')
	}
	w.WriteRune(r)
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// runs lists the runs of ASCII letters and digits in s, in lower case.
func runs(s string) []string {
	var out []string
	for i := 0; i < len(s); {
		if !alnum(s[i]) {
			i++
			continue
		}
		j := i
		for j < len(s) && alnum(s[j]) {
			j++
		}
		out = append(out, strings.ToLower(s[i:j]))
		i = j
	}
	return out
}

// demands is what every text that the expression matches must hold: runs of
// letters and digits that stand inside of one word. It gives match_all where
// nothing can be said.
func demands(expression string, holds func(run string) dsl) dsl {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return matchAll()
	}
	return demand(re, holds)
}

func demand(re *syntax.Regexp, holds func(run string) dsl) dsl {
	switch re.Op { //nolint:exhaustive // the others demand nothing that can be said
	case syntax.OpLiteral:
		var parts []dsl
		for _, run := range runs(string(re.Rune)) {
			// k and s have relatives outside of ASCII, which folding lets in.
			if len(run) >= 2 && (re.Flags&syntax.FoldCase == 0 || !strings.ContainsAny(run, "ks")) {
				parts = append(parts, holds(run))
			}
		}
		return all(parts...)
	case syntax.OpCapture, syntax.OpPlus:
		return demand(re.Sub[0], holds)
	case syntax.OpRepeat:
		if re.Min >= 1 {
			return demand(re.Sub[0], holds)
		}
	case syntax.OpConcat:
		var parts []dsl
		for _, sub := range re.Sub {
			parts = append(parts, demand(sub, holds))
		}
		return all(parts...)
	case syntax.OpAlternate:
		var parts []dsl
		for _, sub := range re.Sub {
			parts = append(parts, demand(sub, holds))
		}
		return anyOf(parts...)
	}
	return matchAll()
}
