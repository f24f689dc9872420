package embedded

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/where"
)

// translation is a query in LogsQL. It selects a superset of the matches;
// exact says that it selects nothing else.
type translation struct {
	query  string
	exact  bool
	client []string // the parts that are decided here
}

// translate says as much of the query in LogsQL as means the same there.
func translate(q logs.Query) translation {
	t := translation{exact: true}
	var parts []string
	if len(q.Services) > 0 {
		parts = append(parts, in("service.name", q.Services))
	}
	if len(q.Levels) > 0 {
		parts = append(parts, in("log.level", q.Levels))
	}
	if q.Trace != "" {
		parts = append(parts, name("trace.id")+":="+quote(q.Trace))
	}
	for word := range strings.FieldsSeq(q.Text) {
		parts = append(parts, matches(fieldMessage, "(?i)"+regexp.QuoteMeta(word)))
		// The engine folds case by regexp's rule and Matches by strings.ToLower:
		// they part beyond ASCII.
		t.exact = t.exact && ascii(word)
	}
	if q.Grep != nil {
		parts = append(parts, matches(fieldMessage, q.Grep.String()))
	}
	if q.Raw != "" {
		parts = append(parts, "("+q.Raw+")")
	}
	if q.Where != nil {
		part, exact := expression(q.Where)
		if part != "" {
			parts = append(parts, part)
		}
		if !exact {
			t.exact = false
			t.client = append(t.client, "where: "+q.Where.String())
		}
	}
	if t.query = strings.Join(parts, " "); t.query == "" {
		t.query = "*"
	}
	return t
}

// expression says a superset of an expression, "" for everything, and whether
// it is exact.
func expression(e where.Expr) (query string, exact bool) {
	switch e := e.(type) {
	case *where.And:
		return every(e.Of)
	case *where.Or:
		return either(e.Of)
	case *where.Exists:
		return exists(e.Field)
	case *where.Match:
		return match(e)
	case *where.Compare:
		return comparison(e)
	case *where.In:
		return membership(e)
	}
	return "", false // a negation of a superset would be a subset
}

func every(of []where.Expr) (string, bool) {
	var parts []string
	exact := true
	for _, e := range of {
		q, ok := expression(e)
		if q != "" {
			parts = append(parts, q)
		}
		exact = exact && ok
	}
	return strings.Join(parts, " "), exact
}

func either(of []where.Expr) (string, bool) {
	var parts []string
	exact := true
	for _, e := range of {
		q, ok := expression(e)
		if q == "" {
			return "", false
		}
		parts = append(parts, "("+q+")")
		exact = exact && ok
	}
	return "(" + strings.Join(parts, " or ") + ")", exact
}

// columns are the columns that a field may mean, and whether that is all of
// it: the entry's own members are no columns of the same name.
func columns(field string) (names []string, plain bool) {
	switch own, _ := where.Canonical(field); own {
	case where.OwnService:
		return []string{"service.name"}, true
	case where.OwnLevel:
		return []string{"log.level"}, true
	case where.OwnMessage:
		return []string{fieldMessage}, true
	case where.OwnTrace:
		return []string{"trace.id"}, true
	case where.None:
		return where.Names(field), true
	}
	return nil, false
}

// exists is left to Eval: a field that holds an object has columns below its
// name only.
func exists(field string) (string, bool) {
	own, _ := where.Canonical(field)
	if names, ok := columns(field); ok && own != where.None {
		return present(names), own == where.OwnMessage
	}
	return "", false
}

// match is exact for the entry's own members, which are texts; elsewhere a
// list is a text of JSON, so that its members are not seen as texts.
func match(e *where.Match) (string, bool) {
	names, ok := columns(e.Field)
	own, _ := where.Canonical(e.Field)
	if !ok || own == where.None {
		return "", false
	}
	return matches(names[0], e.Re.String()), e.Re.String() != "" && own == where.OwnMessage
}

// comparison says equality of the entry's own texts exactly, and what must be
// there for a comparison with a number to hold.
func comparison(e *where.Compare) (string, bool) {
	own, _ := where.Canonical(e.Field)
	names, ok := columns(e.Field)
	if ok && own != where.None && own != where.OwnLevel && e.Op == where.Eq && e.Value.Kind == where.Text && e.Value.Text != "" {
		return name(names[0]) + ":=" + quote(e.Value.Text), true
	}
	if own == where.None && e.Op != where.Ne {
		return present(names), false
	}
	return "", false
}

func membership(e *where.In) (string, bool) {
	own, _ := where.Canonical(e.Field)
	names, ok := columns(e.Field)
	if !ok || own == where.None || own == where.OwnLevel {
		if own == where.None {
			return present(names), false
		}
		return "", false
	}
	var values []string
	for _, v := range e.Values {
		if v.Kind != where.Text || v.Text == "" {
			return "", false
		}
		values = append(values, v.Text)
	}
	return in(names[0], values), true
}

// present holds where one of the columns has a value, or one above it, which
// may be a list of objects: nothing can be compared with what is not there.
func present(names []string) string {
	var parts []string
	for _, n := range names {
		for {
			parts = append(parts, name(n)+":*")
			i := strings.LastIndexByte(n, '.')
			if i <= 0 {
				break
			}
			n = n[:i]
		}
	}
	slices.Sort(parts)
	return "(" + strings.Join(slices.Compact(parts), " or ") + ")"
}

func in(field string, values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return name(field) + ":in(" + strings.Join(quoted, ",") + ")"
}

func matches(field, re string) string { return name(field) + ":~" + quote(re) }

// name quotes a column's name; quote a text. LogsQL reads Go's strings.
func name(s string) string  { return strconv.Quote(s) }
func quote(s string) string { return strconv.Quote(s) }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
