package elastic

import (
	"strings"

	"github.com/aictl/aictl/internal/logs/where"
)

// dsl is a query in the store's language, as JSON.
type dsl map[string]any

func matchAll() dsl  { return dsl{"match_all": dsl{}} }
func matchNone() dsl { return dsl{"match_none": dsl{}} }

func (q dsl) is(name string) bool { _, ok := q[name]; return ok }

func term(field string, value any) dsl { return dsl{"term": dsl{field: dsl{"value": value}}} }

func terms[T any](field string, values []T) dsl {
	if len(values) == 0 {
		return matchNone()
	}
	return dsl{"terms": dsl{field: values}}
}

func exists(field string) dsl { return dsl{"exists": dsl{"field": field}} }

// ignored takes the documents whose value of the field the index left out: too
// long, or not of the field's type.
func ignored(paths ...string) dsl { return terms("_ignored", paths) }

func ranged(field string, bounds dsl) dsl { return dsl{"range": dsl{field: bounds}} }

func all(of ...dsl) dsl {
	var filter []dsl
	for _, q := range of {
		switch {
		case q.is("match_none"):
			return q
		case !q.is("match_all"):
			filter = append(filter, q)
		}
	}
	switch len(filter) {
	case 0:
		return matchAll()
	case 1:
		return filter[0]
	}
	return dsl{"bool": dsl{"filter": filter}}
}

func anyOf(of ...dsl) dsl {
	var should []dsl
	for _, q := range of {
		switch {
		case q.is("match_all"):
			return q
		case !q.is("match_none"):
			should = append(should, q)
		}
	}
	switch len(should) {
	case 0:
		return matchNone()
	case 1:
		return should[0]
	}
	return dsl{"bool": dsl{"should": should, "minimum_should_match": 1}}
}

func not(q dsl) dsl {
	switch {
	case q.is("match_all"):
		return matchNone()
	case q.is("match_none"):
		return matchAll()
	}
	return dsl{"bool": dsl{"must_not": []dsl{q}}}
}

// rangeOp is an operator's name in a range.
func rangeOp(op where.Op) string {
	switch op { //nolint:exhaustive // == and != have no range
	case where.Lt:
		return "lt"
	case where.Le:
		return "lte"
	case where.Gt:
		return "gt"
	}
	return "gte"
}

// escapeWildcard makes the characters of s mean themselves in a wildcard query.
func escapeWildcard(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(s)
}
