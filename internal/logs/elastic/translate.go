package elastic

import (
	"regexp"
	"strings"

	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/where"
)

// mode says what a translation has to guarantee.
type mode int

const (
	over  mode = iota // takes all that the condition takes, and maybe more
	under             // takes nothing that the condition doesn't
	best              // as near as the store can say it; for counting
)

// flip is the mode below a negation.
func (m mode) flip() mode {
	switch m {
	case over:
		return under
	case under:
		return over
	case best:
	}
	return best
}

// translator says where expressions in the store's language. exact tells that
// the mode best is the expression itself, for whatever the index holds whole.
type translator struct {
	caps *fieldCaps
	// plainly leaves out patterns, for stores that refuse or can't afford them.
	plainly bool
	// asked collects the fields that were looked for, there or not.
	asked map[string]bool
	// subs collects the texts whose keyword subfield stands for them.
	subs map[string]bool
}

func newTranslator(caps *fieldCaps, plainly bool) *translator {
	return &translator{caps: caps, plainly: plainly, asked: map[string]bool{}, subs: map[string]bool{}}
}

// unknown is a condition that can't be said.
func unknown(m mode) dsl {
	if m == under {
		return matchNone()
	}
	return matchAll()
}

func (t *translator) expr(e where.Expr, m mode) (q dsl, exact bool) {
	list := func(of []where.Expr, join func(...dsl) dsl) (dsl, bool) {
		qs, exact := make([]dsl, len(of)), true
		for i, e := range of {
			q, ok := t.expr(e, m)
			qs[i], exact = q, exact && ok
		}
		return join(qs...), exact
	}
	switch e := e.(type) {
	case *where.And:
		return list(e.Of, all)
	case *where.Or:
		return list(e.Of, anyOf)
	case *where.Not:
		q, exact = t.expr(e.Of, m.flip())
		return not(q), exact
	case *where.Exists:
		return t.exists(e.Field, m)
	case *where.Match:
		return t.match(e.Field, e.Re, m)
	case *where.In:
		qs, exact := make([]dsl, len(e.Values)), true
		for i, v := range e.Values {
			q, ok := t.compare(e.Field, where.Eq, v, m)
			qs[i], exact = q, exact && ok
		}
		return anyOf(qs...), exact
	case *where.Compare:
		if e.Op == where.Ne {
			q, exact = t.compare(e.Field, where.Eq, e.Value, m.flip())
			return not(q), exact
		}
		return t.compare(e.Field, e.Op, e.Value, m)
	}
	return unknown(m), false
}

// own lists the fields that hold an entry's own member.
func (t *translator) own(own where.Own) []string {
	switch own { //nolint:exhaustive // the others are no field of a document
	case where.OwnMessage:
		return t.caps.members.Message
	case where.OwnLevel:
		return t.caps.members.Level
	case where.OwnService:
		return t.caps.members.Service
	case where.OwnTrace:
		return t.caps.members.Trace
	case where.OwnTime:
		return []string{t.caps.members.Time}
	}
	return nil
}

// candidates lists the fields of the indices that a field may mean, in order;
// the first that a document has counts. Names that no index knows are taken
// for absent as long as another one is known.
func (t *translator) candidates(field string) []string {
	own, _ := where.Canonical(field)
	names := t.own(own)
	if own == where.None {
		names = where.Names(field)
	}
	if own != where.None && own != where.OwnTime {
		for _, name := range t.caps.memberNames(own) {
			t.asked[name] = true
		}
	}
	var out []string
	for _, name := range names {
		t.asked[name] = true
		if _, ok := t.caps.fields[name]; ok {
			out = append(out, name)
		} else if t.flattened(name) {
			out = append(out, name)
		}
	}
	return out
}

// flattened says that the field is a key of a flattened object.
func (t *translator) flattened(name string) bool {
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if c, ok := t.caps.fields[name[:i]]; ok {
			return c.kind == "flattened" || c.kind == "flat_object"
		}
	}
	return false
}

// each says a test of one field for every field that it may mean.
func (t *translator) each(field string, m mode, say func(name string) (dsl, bool)) (dsl, bool) {
	names := t.candidates(field)
	if len(names) == 0 {
		return unknown(m), false
	}
	qs, exact := make([]dsl, 0, len(names)), true
	var before []dsl
	for _, name := range names {
		q, ok := say(name)
		exact = exact && ok
		if m == best && len(before) > 0 {
			q = all(append([]dsl{q}, before...)...)
		}
		qs = append(qs, q)
		if m == under {
			break // the first one decides wherever it is
		}
		before = append(before, not(exists(name)))
	}
	return anyOf(qs...), exact
}

// present is a condition on a field of which nothing more can be said than
// that it must be there.
func (t *translator) present(name string, m mode) (dsl, bool) {
	if m == under {
		return matchNone(), false
	}
	if t.flattened(name) || !t.caps.usable(name) {
		return matchAll(), false
	}
	return anyOf(exists(name), ignored(name)), false
}

func (t *translator) exists(field string, m mode) (dsl, bool) {
	if own, _ := where.Canonical(field); own == where.OwnID || own == where.OwnSource {
		return matchAll(), true
	}
	names := t.candidates(field)
	if len(names) == 0 {
		return unknown(m), false
	}
	var qs []dsl
	exact := true
	for _, name := range names {
		switch {
		case t.flattened(name):
			qs = append(qs, exists(name))
		case !t.caps.usable(name):
			qs = append(qs, unknown(m))
			exact = false
		case m == over:
			qs = append(qs, exists(name), ignored(name))
		default:
			qs = append(qs, exists(name))
		}
	}
	return anyOf(qs...), exact
}

func (t *translator) match(field string, re *regexp.Regexp, m mode) (dsl, bool) {
	own, _ := where.Canonical(field)
	switch own { //nolint:exhaustive // the others are fields like any
	case where.OwnLevel:
		return t.matchLevel(re, m)
	case where.OwnID, where.OwnSource, where.OwnTime:
		return unknown(m), false
	}
	return t.each(field, m, func(name string) (dsl, bool) { return t.pattern(name, own, re, m) })
}

// loosely adds what the index leaves out of the field at path, which holds the
// whole values of name: values that are too long, and those of indices that
// don't have the subfield.
func (t *translator) loosely(q dsl, name, path string, m mode) dsl {
	if path != name {
		t.subs[name] = true
	}
	switch {
	case m != over:
		return q
	case path == name:
		return anyOf(q, ignored(path))
	}
	return anyOf(q, ignored(path), all(exists(name), not(exists(path))))
}

// pattern says that the text of a field matches an expression.
func (t *translator) pattern(name string, own where.Own, re *regexp.Regexp, m mode) (dsl, bool) {
	if t.plainly || t.flattened(name) {
		return t.present(name, m)
	}
	c, path, sub, ok := t.caps.exact(name)
	if ok && c.keyword() {
		if expression, can := lucene(re.String()); can {
			q := dsl{"regexp": dsl{path: dsl{"value": expression, "flags": "NONE"}}}
			return t.loosely(q, name, path, m), !sub
		}
	}
	if m != under && own == where.OwnMessage && t.caps.plain && t.caps.usable(name) && t.caps.fields[name].text() {
		return t.spread(name, demands(re.String(), func(run string) dsl { return inWord(name, run) }))
	}
	return t.present(name, m)
}

// spread is a demand that may be none at all.
func (t *translator) spread(name string, q dsl) (dsl, bool) {
	if q.is("match_all") {
		return exists(name), false
	}
	return q, false
}

// inWord takes the texts with a word that has the run, which is in lower case,
// anywhere in it.
func inWord(name, run string) dsl {
	return dsl{"wildcard": dsl{name: dsl{"value": "*" + run + "*"}}}
}

// words says that the message holds every word of the text.
func (t *translator) words(text string, m mode) (dsl, bool) {
	exact := true
	q, known := t.each("message", m, func(name string) (dsl, bool) {
		if t.plainly {
			return t.present(name, m)
		}
		var parts []dsl
		c, path, sub, ok := t.caps.exact(name)
		for _, word := range strings.Fields(strings.ToLower(text)) {
			runs := runs(word)
			switch {
			case t.caps.plain && t.caps.usable(name) && t.caps.fields[name].text():
				for _, run := range runs {
					parts = append(parts, inWord(name, run))
				}
				exact = exact && len(runs) == 1 && runs[0] == word
			case ok && c.keyword() && ascii(word):
				q := dsl{"wildcard": dsl{path: dsl{"value": "*" + escapeWildcard(word) + "*", "case_insensitive": true}}}
				parts = append(parts, t.loosely(q, name, path, m))
				exact = exact && !sub
			default:
				exact = false
			}
		}
		if len(parts) == 0 {
			exact = false
			return t.present(name, m)
		}
		return all(parts...), exact
	})
	return q, known && exact
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// spelled lists the spellings of the levels that pick takes.
func spelled(pick func(rank int) bool) []string {
	var out []string
	for rank := 1; rank <= 6; rank++ {
		if !pick(rank) {
			continue
		}
		worse := map[string]bool{}
		for _, w := range logs.Levels(logs.Level(rank + 1)) {
			worse[w] = true
		}
		for _, w := range logs.Levels(logs.Level(rank)) {
			if !worse[w] {
				out = append(out, w)
			}
		}
	}
	return out
}
