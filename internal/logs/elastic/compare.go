package elastic

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/logs/where"
)

// compare says that a field stands so to a literal; op is not !=.
func (t *translator) compare(field string, op where.Op, v where.Value, m mode) (dsl, bool) {
	own, _ := where.Canonical(field)
	switch own { //nolint:exhaustive // the others are fields like any
	case where.OwnID:
		if index, id, ok := strings.Cut(v.Text, "/"); ok && op == where.Eq && v.Kind == where.Text {
			return all(term("_index", index), dsl{"ids": dsl{"values": []string{id}}}), true
		}
		return unknown(m), false
	case where.OwnSource:
		if op == where.Eq && v.Kind == where.Text {
			return term("_index", v.Text), true
		}
		return unknown(m), false
	case where.OwnTime:
		return t.each(field, m, func(name string) (dsl, bool) { return t.ownTime(name, op, v, m) })
	case where.OwnLevel:
		return t.level(field, op, v, m)
	}
	return t.each(field, m, func(name string) (dsl, bool) {
		if t.flattened(name) {
			if v.Kind == where.Text && op == where.Eq {
				return term(name, v.Text), true
			}
			return t.present(name, m)
		}
		c, path, sub, ok := t.caps.exact(name)
		switch {
		case !ok:
			return t.present(name, m)
		case c.kind == "object":
			return matchNone(), true // an object is no value
		case c.keyword():
			return t.keyword(name, path, sub, op, v, m)
		case limits[c.kind] != limit{}:
			return t.number(name, c.kind, field, op, v, m)
		case c.date():
			if v.Kind == where.Time {
				return t.date(name, op, v.Time, m), true
			}
		case c.kind == "boolean":
			return t.boolean(name, op, v, m)
		case c.kind == "ip":
			if _, err := netip.ParseAddr(v.Text); err == nil && op == where.Eq {
				return term(name, v.Text), true
			}
		case c.kind == "version":
			if v.Kind == where.Text && op == where.Eq {
				return term(name, v.Text), true
			}
		}
		return t.present(name, m)
	})
}

// shortText is how many characters a value may have to be in every index, also
// in subfields that leave long values out.
const shortText = 64

func (t *translator) keyword(name, path string, sub bool, op where.Op, v where.Value, m mode) (dsl, bool) {
	switch v.Kind {
	case where.Text:
		if op == where.Eq {
			if utf8.RuneCountInString(v.Text) > shortText {
				return t.present(name, m)
			}
			if !sub {
				return term(path, v.Text), true
			}
			return t.loosely(term(path, v.Text), name, path, m), true
		}
		if c := t.caps.fields[path]; c.kind != "keyword" {
			return t.present(name, m)
		}
		q := ranged(path, dsl{rangeOp(op): v.Text})
		return t.loosely(q, name, path, m), !sub
	case where.Bool:
		if op == where.Eq && !t.plainly {
			q := dsl{"regexp": dsl{path: dsl{"value": anyCase(strconv.FormatBool(v.Bool)), "flags": "NONE"}}}
			return t.loosely(q, name, path, m), true
		}
	case where.Number:
		// A text that is this number: as it is usually written, or with an exponent.
		if n := v.Number; op == where.Eq && m == over && !t.plainly && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			plain := fmt.Sprintf(`[\-\+]?0*%d(\.0*)?|[0-9\.\-\+]+[eE][0-9\-\+]+|0*\.0*`, int64(math.Abs(n)))
			q := dsl{"regexp": dsl{path: dsl{"value": plain + "|" + literalText(v.Text), "flags": "NONE"}}}
			return t.loosely(q, name, path, m), false
		}
	case where.Duration, where.Size, where.Time:
	}
	return t.present(name, m)
}

func anyCase(word string) string {
	var b strings.Builder
	for _, r := range word {
		fmt.Fprintf(&b, "[%c%c]", r, r-'a'+'A')
	}
	return b.String()
}

func literalText(s string) string {
	expression, ok := lucene("^" + regexp.QuoteMeta(s) + "$")
	if !ok {
		return ".*"
	}
	return expression
}

// limit is what a numeric type can hold. A type of whole numbers cuts what
// comes with a fraction; eps is how far a rounded value may be off.
type limit struct {
	lo, hi float64
	whole  bool
	eps    float64
}

var limits = map[string]limit{
	"byte":          {-128, 127, true, 0},
	"short":         {-32768, 32767, true, 0},
	"integer":       {math.MinInt32, math.MaxInt32, true, 0},
	"long":          {math.MinInt64, math.MaxInt64 - 1024, true, 0}, // as float64, just below 2^63
	"unsigned_long": {0, math.MaxUint64 - 2048, true, 0},
	"double":        {-math.MaxFloat64, math.MaxFloat64, false, 0},
	"float":         {-math.MaxFloat32, math.MaxFloat32, false, 1e-6},
	"half_float":    {-65504, 65504, false, 1e-3},
}

func (t *translator) number(name, kind, field string, op where.Op, v where.Value, m mode) (dsl, bool) {
	n := v.Number
	switch v.Kind {
	case where.Number, where.Size:
	case where.Duration:
		n /= where.Scale(name)
	case where.Text:
		f, err := strconv.ParseFloat(v.Text, 64)
		if err != nil || strings.ContainsAny(v.Text, "xXpPiInN_") {
			return t.present(name, m)
		}
		if op != where.Eq { // a text in the document would be compared as a text
			return t.present(name, m)
		}
		n = f
	case where.Bool:
		return ignoredOr(matchNone(), name, m), true
	case where.Time:
		return t.present(name, m)
	}
	l := limits[kind]
	if n < l.lo || n > l.hi {
		return ignoredOr(t.beyond(name, op, n > l.hi), name, m), true
	}
	if m == over && l.eps > 0 {
		off := math.Abs(n)*l.eps + math.SmallestNonzeroFloat32
		if kind == "half_float" {
			off += 1e-7
		}
		switch op { //nolint:exhaustive // != does not come here
		case where.Eq:
			return ranged(name, dsl{"gte": max(n-off, l.lo), "lte": min(n+off, l.hi)}), true
		case where.Lt, where.Le:
			return ranged(name, dsl{"lte": min(n+off, l.hi)}), true
		default:
			return ranged(name, dsl{"gte": max(n-off, l.lo)}), true
		}
	}
	if l.whole {
		return t.wholeNumber(name, op, n, m), true
	}
	if op == where.Eq {
		return term(name, n), true
	}
	return ranged(name, dsl{rangeOp(op): n}), true
}

// wholeNumber compares a type that cuts fractions off: 3.7 is kept as 3, which
// must be found by > 3 as well.
func (t *translator) wholeNumber(name string, op where.Op, n float64, m mode) dsl {
	cut := math.Trunc(n)
	whole := whole(cut)
	if m == over {
		switch op { //nolint:exhaustive // != does not come here
		case where.Eq:
			return term(name, whole)
		case where.Lt, where.Le:
			return ranged(name, dsl{"lte": whole})
		default:
			return ranged(name, dsl{"gte": whole})
		}
	}
	if cut == n {
		if op == where.Eq {
			return term(name, whole)
		}
		return ranged(name, dsl{rangeOp(op): whole})
	}
	switch op { //nolint:exhaustive // != does not come here
	case where.Eq:
		return matchNone()
	case where.Lt, where.Le:
		if n > 0 {
			return ranged(name, dsl{"lte": whole})
		}
		return ranged(name, dsl{"lt": whole})
	default:
		if n > 0 {
			return ranged(name, dsl{"gt": whole})
		}
		return ranged(name, dsl{"gte": whole})
	}
}

// whole writes a whole number without an exponent.
func whole(n float64) any {
	if n >= 1<<63 {
		return uint64(n)
	}
	return int64(n)
}

// beyond compares with a number that is beyond what the type holds.
func (t *translator) beyond(name string, op where.Op, above bool) dsl {
	switch {
	case op == where.Eq:
		return matchNone()
	case above == (op == where.Lt || op == where.Le):
		return exists(name)
	}
	return matchNone()
}

func ignoredOr(q dsl, name string, m mode) dsl {
	if m == over {
		return anyOf(q, ignored(name))
	}
	return q
}

func (t *translator) boolean(name string, op where.Op, v where.Value, m mode) (dsl, bool) {
	if op == where.Eq {
		switch {
		case v.Kind == where.Bool:
			return term(name, v.Bool), true
		case v.Kind == where.Text && (v.Text == "true" || v.Text == "false"):
			return term(name, v.Text == "true"), true
		}
	}
	return t.present(name, m)
}

// ownTime compares the entry's time.
func (t *translator) ownTime(name string, op where.Op, v where.Value, m mode) (dsl, bool) {
	if !t.caps.fields[name].date() {
		return t.present(name, m)
	}
	at := v.Time
	switch v.Kind {
	case where.Time:
	case where.Text:
		var err error
		if at, err = time.Parse(time.RFC3339Nano, v.Text); err != nil {
			return t.present(name, m)
		}
	case where.Number:
		var ok bool
		if at, ok = where.Epoch(v.Number); !ok {
			return matchNone(), true
		}
	case where.Bool, where.Duration, where.Size:
		return matchNone(), true
	}
	return t.date(name, op, at, m), true
}

const dateFormat = "strict_date_optional_time_nanos"

// date compares a date, which the index keeps in whole milliseconds: a finer
// time is cut off there.
func (t *translator) date(name string, op where.Op, at time.Time, m mode) dsl {
	cut := at.UTC().Truncate(time.Millisecond)
	if t.caps.fields[name].kind == "date_nanos" {
		cut = at.UTC()
	}
	text := cut.Format("2006-01-02T15:04:05.999999999Z07:00")
	in := func(bounds dsl) dsl {
		bounds["format"] = dateFormat
		return ranged(name, bounds)
	}
	if m == over {
		switch op { //nolint:exhaustive // != does not come here
		case where.Eq:
			return in(dsl{"gte": text, "lte": text})
		case where.Lt, where.Le:
			return in(dsl{"lte": text})
		default:
			return in(dsl{"gte": text})
		}
	}
	if op == where.Eq {
		if m == under {
			return matchNone()
		}
		return in(dsl{"gte": text, "lte": text})
	}
	if m == under { // what shares the millisecond is not sure
		switch op { //nolint:exhaustive // != and == do not come here
		case where.Lt, where.Le:
			return in(dsl{"lt": text})
		default:
			return in(dsl{"gt": text})
		}
	}
	if cut.Before(at) { // a whole millisecond is before it, or not
		switch op { //nolint:exhaustive // != and == do not come here
		case where.Lt, where.Le:
			return in(dsl{"lte": text})
		default:
			return in(dsl{"gt": text})
		}
	}
	return in(dsl{rangeOp(op): text})
}

// level compares a level by its severity, in every spelling.
func (t *translator) level(field string, op where.Op, v where.Value, m mode) (dsl, bool) {
	rank := where.LevelRank(v.Text)
	if rank == 0 {
		if v.Kind == where.Text && op == where.Eq {
			return t.each(field, m, func(name string) (dsl, bool) { return t.levelWords(name, []string{v.Text}, m) })
		}
		return t.each(field, m, func(name string) (dsl, bool) { return t.present(name, m) })
	}
	holds := func(r int) bool {
		c := cmp.Compare(r, rank)
		switch op { //nolint:exhaustive // != does not come here
		case where.Lt:
			return c < 0
		case where.Le:
			return c <= 0
		case where.Gt:
			return c > 0
		case where.Ge:
			return c >= 0
		}
		return c == 0
	}
	return t.each(field, m, func(name string) (dsl, bool) {
		if op == where.Eq || m == under {
			return t.levelWords(name, spelled(holds), m)
		}
		// A word that is no level is compared as a text: leave those to us.
		others, exact := t.levelWords(name, spelled(func(r int) bool { return !holds(r) }), m.flip())
		there, _ := t.present(name, m)
		return all(there, not(others)), exact
	})
}

// levelWords says that the field is one of the words.
func (t *translator) levelWords(name string, words []string, m mode) (dsl, bool) {
	c, path, sub, ok := t.caps.exact(name)
	switch {
	case !ok:
		return t.present(name, m)
	case c.keyword() && sub:
		return t.loosely(terms(path, words), name, path, m), true
	case c.keyword():
		return terms(path, words), true
	case limits[c.kind] != limit{}:
		var numbers []int
		for _, w := range words {
			if n, err := strconv.Atoi(w); err == nil {
				numbers = append(numbers, n)
			}
		}
		return terms(path, numbers), true
	}
	return t.present(name, m)
}

// matchLevel says that the word of the level matches an expression.
func (t *translator) matchLevel(re *regexp.Regexp, m mode) (dsl, bool) {
	taken := func(rank int) bool { return re.MatchString(where.LevelName(rank)) }
	return t.each("level", m, func(name string) (dsl, bool) {
		known, exact := t.levelWords(name, spelled(taken), m)
		if m == under || !exact {
			return known, exact
		}
		raw, ok := t.pattern(name, where.OwnLevel, re, m)
		every, _ := t.levelWords(name, spelled(func(int) bool { return true }), m)
		return anyOf(known, all(raw, not(every))), ok
	})
}
