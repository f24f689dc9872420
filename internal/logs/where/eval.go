package where

import (
	"encoding/json"
	"sync"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
)

// Eval says whether the entry fulfils the expression. Whoever asks for more
// than a few entries compiles the expression first.
//
// A field is looked for in the entry's own members first (Canonical), then in
// Fields under each of its Names, nested, flattened or half of each:
// http.status finds {"http.status":500}, {"http":{"status":500}} and
// {"a":[{"b":1}]} has a.b. Of an array any element will do.
//
// A missing field, or one that is null, fulfils nothing but !=. How values
// compare is said at Value and Scale; besides:
//
//   - numbers compare with texts that are numbers, and the other way round;
//   - a duration compares with "12ms" and with numbers by Scale, a size with
//     "10MiB" and with numbers of bytes;
//   - levels compare by severity (level >= warn), in every spelling;
//   - a time compares with RFC 3339 and with numbers by Epoch;
//   - a boolean equals true, false and their texts, and has no order;
//   - texts compare byte by byte, case counts;
//   - what can't be compared is not equal and has no order.
//
// Numbers are float64: integers beyond 2^53 compare inexactly.
func Eval(e Expr, entry *api.LogEntry) bool { return Compile(e).Match(entry) }

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	root    node
	records sync.Pool // of *record
}

// Compile prepares an expression for many entries.
func Compile(e Expr) *Program {
	return &Program{root: compile(e), records: sync.Pool{New: func() any { return &record{parser: new(fastjson.Parser)} }}}
}

// Match says whether the entry fulfils the expression.
func (p *Program) Match(entry *api.LogEntry) bool { return p.match(entry, nil, false) }

// MatchDocument is Match for an entry whose document was parsed already; its
// own members may stand in the document too. entry.Fields is not looked at.
// doc is used by this call alone (fastjson values change when they are read)
// and may be nil.
func (p *Program) MatchDocument(entry *api.LogEntry, doc *fastjson.Value) bool {
	return p.match(entry, doc, true)
}

func (p *Program) match(entry *api.LogEntry, doc *fastjson.Value, parsed bool) bool {
	r, _ := p.records.Get().(*record)
	r.entry, r.doc, r.parsed = entry, doc, parsed
	ok := p.root.match(r)
	r.entry, r.doc = nil, nil
	p.records.Put(r)
	return ok
}

// record is one entry under evaluation. Its document is parsed at the first
// field that is not the entry's own.
type record struct {
	entry  *api.LogEntry
	parser *fastjson.Parser
	doc    *fastjson.Value
	parsed bool
}

func (r *record) document() *fastjson.Value {
	if !r.parsed {
		r.parsed = true
		if len(r.entry.Fields) > 0 {
			if v, err := r.parser.ParseBytes(r.entry.Fields); err == nil {
				r.doc = v
			}
		}
	}
	return r.doc
}

type node interface{ match(r *record) bool }

type (
	allOf  []node
	anyOf  []node
	negate struct{ of node }
	never  struct{}
)

func (n allOf) match(r *record) bool {
	for _, of := range n {
		if !of.match(r) {
			return false
		}
	}
	return true
}

func (n anyOf) match(r *record) bool {
	for _, of := range n {
		if of.match(r) {
			return true
		}
	}
	return false
}

func (n negate) match(r *record) bool { return !n.of.match(r) }

func (never) match(*record) bool { return false }

func compile(e Expr) node {
	list := func(of []Expr) []node {
		out := make([]node, len(of))
		for i, e := range of {
			out[i] = compile(e)
		}
		return out
	}
	switch e := e.(type) {
	case *And:
		return allOf(list(e.Of))
	case *Or:
		return anyOf(list(e.Of))
	case *Not:
		return negate{compile(e.Of)}
	case *Exists:
		l := newLeaf(e.Field, func(string) test { return present{} })
		l.objects = true
		return l
	case *Match:
		return newLeaf(e.Field, func(string) test { return matches{e.Re} })
	case *In:
		return newLeaf(e.Field, func(name string) test {
			tests := make(oneOf, len(e.Values))
			for i, v := range e.Values {
				tests[i] = newComparison(name, Eq, v)
			}
			return tests
		})
	case *Compare:
		if e.Op == Ne {
			return negate{newLeaf(e.Field, func(name string) test { return newComparison(name, Eq, e.Value) })}
		}
		return newLeaf(e.Field, func(name string) test { return newComparison(name, e.Op, e.Value) })
	}
	return never{} // Expr is closed; nil is no condition that could hold
}

// leaf is a test of one field.
type leaf struct {
	own     Own
	names   []string
	tests   []test // by name: a plain number means what the name that was found says
	objects bool   // an object that is not empty counts as a value
}

func newLeaf(field string, testOf func(name string) test) *leaf {
	own, _ := Canonical(field)
	l := &leaf{own: own, names: Names(field)}
	for _, name := range l.names {
		l.tests = append(l.tests, testOf(name))
	}
	return l
}

func (l *leaf) match(r *record) bool {
	if l.own != None {
		if s, ok := l.ownText(r.entry); ok {
			return l.tests[0].text(s)
		}
		if l.own == OwnTime && !r.entry.Time.IsZero() {
			return l.tests[0].time(r.entry.Time)
		}
	}
	doc := r.document()
	if doc == nil {
		return false
	}
	for i, name := range l.names {
		if found, ok := l.walk(doc, name, l.tests[i]); found {
			return ok
		}
	}
	return false
}

func (l *leaf) ownText(e *api.LogEntry) (string, bool) {
	var s string
	switch l.own {
	case OwnService:
		s = e.Service
	case OwnLevel:
		s = e.Level
	case OwnMessage:
		s = e.Message
	case OwnTrace:
		s = e.Trace
	case OwnID:
		s = e.ID
	case OwnSource:
		s = e.Source
	case None, OwnTime:
	}
	return s, s != ""
}

// walk looks for the path below v; found says that there is a value, ok that
// one of them passes the test. The path is tried as one key first, then cut
// at each dot.
func (l *leaf) walk(v *fastjson.Value, path string, t test) (found, ok bool) {
	switch v.Type() {
	case fastjson.TypeArray:
		items, _ := v.Array()
		for _, item := range items {
			f, o := l.walk(item, path, t)
			if o {
				return true, true
			}
			found = found || f
		}
		return found, false
	case fastjson.TypeObject:
	default:
		return false, false
	}
	object, _ := v.Object()
	if at := object.Get(path); at != nil {
		if f, o := l.value(at, t); f {
			return true, o
		}
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '.' {
			continue
		}
		if at := object.Get(path[:i]); at != nil {
			f, o := l.walk(at, path[i+1:], t)
			if o {
				return true, true
			}
			found = found || f
		}
	}
	if !found && l.objects {
		prefix := path + "."
		object.Visit(func(key []byte, v *fastjson.Value) {
			if len(key) > len(prefix) && string(key[:len(prefix)]) == prefix && v.Type() != fastjson.TypeNull {
				found, ok = true, true
			}
		})
	}
	return found, ok
}

// value tests what stands at the field.
func (l *leaf) value(v *fastjson.Value, t test) (found, ok bool) {
	switch v.Type() {
	case fastjson.TypeNull:
		return false, false
	case fastjson.TypeArray:
		items, _ := v.Array()
		for _, item := range items {
			f, o := l.value(item, t)
			if o {
				return true, true
			}
			found = found || f
		}
		return found, false
	case fastjson.TypeObject:
		object, _ := v.Object()
		return l.objects && object.Len() > 0, l.objects && object.Len() > 0
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		return true, t.text(view(s))
	case fastjson.TypeNumber:
		f, _ := v.Float64()
		return true, t.number(f, v)
	case fastjson.TypeTrue:
		return true, t.bool(true)
	case fastjson.TypeFalse:
		return true, t.bool(false)
	}
	return false, false
}

// raw is the number as the document writes it.
func raw(v *fastjson.Value) json.Number { return json.Number(v.MarshalTo(nil)) }
