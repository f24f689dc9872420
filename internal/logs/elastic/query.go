package elastic

import (
	"regexp"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/where"
)

// compiled is a logs.Query in the store's language.
type compiled struct {
	caps *fieldCaps
	// filter takes every document that the query takes, and maybe more.
	filter dsl
	// count is the nearest that the store can say; exact tells that it is the
	// query itself.
	count dsl
	exact bool
	// client names the parts that the store can't say.
	client []string
	match  *matcher
	read   *reader
	asked  map[string]bool // the fields that it looked for
	subs   map[string]bool // the texts that it looked for in their keyword subfield
}

// compileOptions vary a compilation.
type compileOptions struct {
	plainly bool // without patterns
	anyTime bool // From does not count
}

func compile(caps *fieldCaps, q logs.Query, o compileOptions) *compiled {
	if o.anyTime {
		q.From = time.Time{}
	}
	t := newTranslator(caps, o.plainly)
	c := &compiled{caps: caps, exact: true, asked: t.asked, subs: t.subs, match: newMatcher(q), read: newReader(caps.members)}
	var filters, counts []dsl
	add := func(name string, say func(mode) (dsl, bool)) {
		wide, _ := say(over)
		near, exact := say(best)
		filters, counts = append(filters, wide), append(counts, near)
		if !exact {
			c.exact = false
			c.client = append(c.client, name)
		}
	}
	if len(q.Services) > 0 {
		add("service", func(m mode) (dsl, bool) { return t.texts("service", q.Services, m) })
	}
	if len(q.Levels) > 0 {
		add("level", func(m mode) (dsl, bool) {
			return t.each("level", m, func(name string) (dsl, bool) { return t.levelWords(name, q.Levels, m) })
		})
	}
	if q.Trace != "" {
		add("trace", func(m mode) (dsl, bool) { return t.texts("trace", []string{q.Trace}, m) })
	}
	if len(strings.Fields(q.Text)) > 0 {
		add("text", func(m mode) (dsl, bool) { return t.words(q.Text, m) })
	}
	if q.Grep != nil {
		add("grep", func(m mode) (dsl, bool) { return t.grep(q.Grep, m) })
	}
	for _, part := range conjuncts(q.Where) {
		add("where: "+part.String(), func(m mode) (dsl, bool) { return t.expr(part, m) })
	}
	if strings.TrimSpace(q.Raw) != "" {
		raw := dsl{"query_string": dsl{"query": q.Raw, "analyze_wildcard": true}}
		filters, counts = append(filters, raw), append(counts, raw)
	}
	filters = append(filters, t.within(q.From, q.To, over))
	counts = append(counts, t.within(q.From, q.To, best))
	c.filter, c.count = all(filters...), all(counts...)
	return c
}

// conjuncts are the parts of an expression that must all hold.
func conjuncts(e where.Expr) []where.Expr {
	if e == nil {
		return nil
	}
	and, ok := e.(*where.And)
	if !ok {
		return []where.Expr{e}
	}
	var out []where.Expr
	for _, part := range and.Of {
		out = append(out, conjuncts(part)...)
	}
	return out
}

// texts says that a field is one of the texts.
func (t *translator) texts(field string, values []string, m mode) (dsl, bool) {
	qs, exact := make([]dsl, len(values)), true
	for i, v := range values {
		if v == "" { // a document without the field has it too
			return unknown(m), false
		}
		q, ok := t.compare(field, where.Eq, where.Value{Kind: where.Text, Text: v}, m)
		qs[i], exact = q, exact && ok
	}
	return anyOf(qs...), exact
}

// grep says that the message matches; a document without one has an empty one.
func (t *translator) grep(re *regexp.Regexp, m mode) (dsl, bool) {
	if re.MatchString("") {
		return unknown(m), false
	}
	return t.match("message", re, m)
}

// within says that the entry's time is from from on and before to.
func (t *translator) within(from, to time.Time, m mode) dsl {
	var parts []dsl
	name := t.caps.members.Time
	if !from.IsZero() {
		parts = append(parts, t.date(name, where.Ge, from, m))
	}
	if !to.IsZero() {
		parts = append(parts, t.date(name, where.Lt, to, m))
	}
	return all(parts...)
}

// matcher decides a query over a document that has been parsed.
type matcher struct {
	rest  func(*api.LogEntry) bool
	where *where.Program
}

func newMatcher(q logs.Query) *matcher {
	m := &matcher{}
	if q.Where != nil {
		m.where = where.Compile(q.Where)
		q.Where = nil
	}
	m.rest = logs.Matcher(q)
	return m
}

func (m *matcher) matches(e *api.LogEntry, doc *fastjson.Value) bool {
	return m.rest(e) && (m.where == nil || m.where.MatchDocument(e, doc))
}
