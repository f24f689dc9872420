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
	re      *regexp.Regexp
	// parts are texts that every match holds, in this order: looking for them
	// spares most texts the machine of the expression. exact says that what
	// holds them is a match, literal that the one part is all of the expression.
	parts          []part
	exact, literal bool
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
	if f.Empty() {
		return Filter{expr: expr} // "!" or "~" alone: still being typed
	}
	return f
}

// compile sets re and parts. The texts of a table have a line a cell, so that
// ^ and $ are the ends of a cell and . goes from one to the next.
func (f *Filter) compile(expr string) {
	flags, prefix := syntax.Perl&^syntax.OneLine|syntax.DotNL, "(?ms)"
	if f.fold {
		flags, prefix = flags|syntax.FoldCase, "(?ims)"
	}
	tree, err := syntax.Parse(expr, flags)
	if err == nil {
		f.re, err = regexp.Compile(prefix + expr)
	}
	if err != nil {
		expr = regexp.QuoteMeta(expr)
		if tree, err = syntax.Parse(expr, flags); err != nil {
			return // not UTF-8: nothing that can be looked for
		}
		f.re = regexp.MustCompile(prefix + expr)
	}
	tree = tree.Simplify()
	f.parts = required(tree)
	f.literal = tree.Op == syntax.OpLiteral && len(f.parts) == 1
	f.exact = f.literal || loose(tree, len(f.parts))
}

// Empty says that the filter lets everything through.
func (f Filter) Empty() bool { return f.fuzzy == nil && f.re == nil }

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
	rest := s
	for _, p := range f.parts {
		i := p.index(rest)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p.text):]
	}
	return f.exact || f.re.MatchString(s)
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
	case !f.finds(s):
	case f.literal:
		p := f.parts[0]
		for at := 0; len(out) < maxSpans; {
			i := p.index(s[at:])
			if i < 0 {
				break
			}
			out = append(out, [2]int{at + i, at + i + len(p.text)})
			at += i + len(p.text)
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
