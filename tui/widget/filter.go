package widget

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Filter is what a person typed after `/`:
//
//	text      a regular expression (RE2); what is no valid one is taken as it is
//	!text     what the rest does not match
//	~text     fuzzy: the letters in this order and close together
//	!~text    what is not like it
//	\!text    a text that starts with ! (\~ the same)
//
// Upper and lower case are one, unless the expression has an upper-case letter.
// The zero Filter is empty and matches everything. A Filter does not change and
// may be shared.
type Filter struct {
	expr    string
	inverse bool
	fuzzy   [][]rune // the words of a fuzzy expression
	fold    bool
	// literal is the whole expression where it has no syntax, and otherwise a
	// part that every match must hold: looking for it first spares most texts
	// the machine of the expression.
	literal string
	re      *regexp.Regexp // nil where literal is the whole
}

// NewFilter reads an expression. Every text is one: none is an error.
func NewFilter(expr string) Filter {
	f := Filter{expr: expr}
	rest := expr
	if strings.HasPrefix(rest, "!") {
		f.inverse, rest = true, rest[1:]
	}
	fuzzy := strings.HasPrefix(rest, "~")
	if fuzzy {
		rest = rest[1:]
	}
	f.fold = !hasUpper(rest)
	switch {
	case fuzzy:
		for _, word := range strings.Fields(rest) {
			if f.fold {
				word = strings.ToLower(word)
			}
			f.fuzzy = append(f.fuzzy, []rune(word))
		}
	case rest != "":
		f.compile(rest)
	}
	if f.fuzzy == nil && f.literal == "" && f.re == nil {
		return Filter{expr: expr} // "!" or "~" alone: still being typed
	}
	return f
}

// compile sets literal and re. The texts of a table have a line a cell, so that
// ^ and $ are the ends of a cell and . goes from one to the next.
func (f *Filter) compile(expr string) {
	flags := syntax.Perl&^syntax.OneLine | syntax.DotNL
	prefix := "(?ms)"
	if f.fold {
		flags |= syntax.FoldCase
		prefix = "(?ims)"
	}
	tree, err := syntax.Parse(expr, flags)
	if err != nil {
		expr = regexp.QuoteMeta(expr)
		if tree, err = syntax.Parse(expr, flags); err != nil {
			return // not UTF-8: nothing that can be looked for
		}
	}
	tree = tree.Simplify()
	f.literal, f.fold = required(tree)
	if f.fold {
		if !ascii(f.literal) {
			f.literal = "" // folding beyond ASCII is the machine's
		}
		f.literal = strings.ToLower(f.literal)
	}
	if tree.Op == syntax.OpLiteral && f.literal != "" {
		return
	}
	f.re, err = regexp.Compile(prefix + expr)
	if err != nil {
		f.re = regexp.MustCompile(prefix + regexp.QuoteMeta(expr))
	}
}

// required is the longest text that every match of the expression holds, and
// whether in either case.
func required(re *syntax.Regexp) (text string, fold bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune), re.Flags&syntax.FoldCase != 0
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if t, f := required(sub); len(t) > len(text) {
				text, fold = t, f
			}
		}
	}
	return text, fold
}

// Empty says that the filter lets everything through.
func (f Filter) Empty() bool { return f.fuzzy == nil && f.literal == "" && f.re == nil }

// String is the expression as it was typed.
func (f Filter) String() string { return f.expr }

// Match reports whether the filter lets the text through.
func (f Filter) Match(s string) bool { return f.Empty() || f.finds(s) != f.inverse }

func (f Filter) finds(s string) bool {
	if f.fuzzy != nil {
		for _, word := range f.fuzzy {
			if from, _ := nearby(s, word, f.fold); from < 0 {
				return false
			}
		}
		return true
	}
	if f.literal != "" && index(s, f.literal, f.fold) < 0 {
		return false
	}
	return f.re == nil || f.re.MatchString(s)
}

// maxSpans bounds what is marked in one text.
const maxSpans = 64

// Spans are the parts of the text that matched, as byte offsets from…to, in
// order and apart. An inverse filter has none.
func (f Filter) Spans(s string) [][2]int {
	if f.Empty() || f.inverse {
		return nil
	}
	var out [][2]int
	switch {
	case f.fuzzy != nil:
		return f.fuzzySpans(s)
	case f.literal != "" && index(s, f.literal, f.fold) < 0:
	case f.re == nil:
		for at := 0; len(out) < maxSpans; {
			i := index(s[at:], f.literal, f.fold)
			if i < 0 {
				break
			}
			out = append(out, [2]int{at + i, at + i + len(f.literal)})
			at += i + len(f.literal)
		}
	default:
		for _, m := range f.re.FindAllStringIndex(s, maxSpans) {
			if m[1] > m[0] {
				out = append(out, [2]int{m[0], m[1]})
			}
		}
	}
	return out
}

// index finds a text; with fold it is lower-case ASCII and found in either case.
func index(s, text string, fold bool) int {
	if !fold {
		return strings.Index(s, text)
	}
	first := text[0]
	upper := first
	if 'a' <= first && first <= 'z' {
		upper -= 'a' - 'A'
	}
	for i := 0; i+len(text) <= len(s); i++ {
		if c := s[i]; (c == first || c == upper) && equalFold(s[i:i+len(text)], text) {
			return i
		}
	}
	return -1
}

// equalFold compares with a lower-case ASCII text of the same length.
func equalFold(s, lower string) bool {
	for i := range len(lower) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func hasUpper(s string) bool {
	escaped := false
	for _, r := range s {
		// \S and \W are classes, not letters.
		if unicode.IsUpper(r) && !escaped {
			return true
		}
		escaped = r == '\\' && !escaped
	}
	return false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
