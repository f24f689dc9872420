package where

import (
	"cmp"
	"regexp"
	"strings"
	"time"
	"unsafe"

	"github.com/valyala/fastjson"
)

// test decides over one value of a field, by the value's type.
type test interface {
	text(s string) bool // s is not kept
	number(n float64, v *fastjson.Value) bool
	bool(b bool) bool
	time(t time.Time) bool
}

// view is b as a string, without a copy, for as long as b does not change.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

type present struct{}

func (present) text(string) bool                     { return true }
func (present) number(float64, *fastjson.Value) bool { return true }
func (present) bool(bool) bool                       { return true }
func (present) time(time.Time) bool                  { return true }

type matches struct{ re *regexp.Regexp }

func (m matches) text(s string) bool                       { return m.re.MatchString(s) }
func (m matches) number(_ float64, v *fastjson.Value) bool { return m.re.MatchString(string(raw(v))) }
func (m matches) time(t time.Time) bool                    { return m.re.MatchString(timeText(t)) }
func (m matches) bool(b bool) bool                         { return m.re.MatchString(boolText(b)) }

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

type oneOf []*comparison

func (o oneOf) any(f func(*comparison) bool) bool {
	for _, c := range o {
		if f(c) {
			return true
		}
	}
	return false
}

func (o oneOf) text(s string) bool {
	return o.any(func(c *comparison) bool { return c.text(s) })
}

func (o oneOf) number(n float64, v *fastjson.Value) bool {
	return o.any(func(c *comparison) bool { return c.number(n, v) })
}

func (o oneOf) bool(b bool) bool { return o.any(func(c *comparison) bool { return c.bool(b) }) }

func (o oneOf) time(t time.Time) bool { return o.any(func(c *comparison) bool { return c.time(t) }) }

// comparison is == < <= > or >= with a literal; != is the negation of ==.
type comparison struct {
	op    Op
	value Value
	scale float64 // of a plain number in the field
	level int     // the literal's LevelRank, when the field is a level
	// The literal's text read as a number or a time, for a text in quotes that
	// meets a number or a time.
	asNumber bool
	asTime   bool
	n        float64
	t        time.Time
}

func newComparison(field string, op Op, v Value) *comparison {
	c := &comparison{op: op, value: v, scale: 1, n: v.Number, t: v.Time}
	if own, _ := Canonical(field); own == OwnLevel {
		c.level = LevelRank(v.Text)
	}
	switch v.Kind {
	case Text:
		c.n, c.asNumber = number(v.Text)
		c.t, c.asTime = parseTime(v.Text)
	case Duration:
		c.asNumber, c.scale = true, Scale(field)
	case Number, Size:
		c.asNumber = true
	case Time:
		c.asTime = true
	case Bool:
	}
	return c
}

func (c *comparison) holds(order int) bool {
	switch c.op {
	case Eq:
		return order == 0
	case Ne:
		return order != 0
	case Lt:
		return order < 0
	case Le:
		return order <= 0
	case Gt:
		return order > 0
	case Ge:
		return order >= 0
	}
	return false
}

func (c *comparison) text(s string) bool {
	if c.level > 0 {
		if rank := LevelRank(s); rank > 0 {
			return c.holds(cmp.Compare(rank, c.level))
		}
	}
	switch c.value.Kind {
	case Text:
		return c.holds(strings.Compare(s, c.value.Text))
	case Bool:
		return c.op == Eq && strings.EqualFold(s, boolText(c.value.Bool))
	case Time:
		if t, ok := parseTime(s); ok {
			return c.holds(t.Compare(c.t))
		}
	case Number:
		if n, ok := number(s); ok {
			return c.holds(cmp.Compare(n, c.n))
		}
	case Duration:
		if n, ok := number(s); ok {
			return c.holds(cmp.Compare(n*c.scale, c.n))
		}
		if n, ok := ParseDuration(s); ok {
			return c.holds(cmp.Compare(n, c.n))
		}
	case Size:
		if n, ok := number(s); ok {
			return c.holds(cmp.Compare(n, c.n))
		}
		if n, ok := ParseSize(s); ok {
			return c.holds(cmp.Compare(n, c.n))
		}
	}
	return c.op == Eq && s == c.value.Text // version == 1.2 meets "1.2-rc"
}

func (c *comparison) number(n float64, v *fastjson.Value) bool {
	if c.level > 0 {
		if rank := LevelRank(string(raw(v))); rank > 0 {
			return c.holds(cmp.Compare(rank, c.level))
		}
	}
	if c.value.Kind == Time {
		t, ok := Epoch(n)
		return ok && c.holds(t.Compare(c.t))
	}
	return c.asNumber && c.holds(cmp.Compare(n*c.scale, c.n))
}

func (c *comparison) bool(b bool) bool {
	if c.op != Eq {
		return false
	}
	if c.value.Kind == Text {
		return c.value.Text == boolText(b)
	}
	return c.value.Kind == Bool && c.value.Bool == b
}

func (c *comparison) time(t time.Time) bool {
	switch {
	case c.asTime:
		return c.holds(t.Compare(c.t))
	case c.value.Kind == Number:
		at, ok := Epoch(c.n)
		return ok && c.holds(t.Compare(at))
	case c.value.Kind == Text:
		return c.holds(strings.Compare(timeText(t), c.value.Text))
	}
	return false
}
