package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/where"
)

// Bounds of Fields: how many fields are counted, how many in one request, and
// how many entries are read where the store can't count.
const (
	maxFields    = 400
	fieldsABit   = 40
	fieldsSample = 10_000
	maxTop       = 1000
)

// facet is a field to count, by the name that it is asked for and shown with.
type facet struct {
	name, path, values string // values is "" where only presence can be counted
	kind               string
}

// Fields implements logs.Store. It counts in the store where the query is
// exact there and the field's values can be counted; what is left is counted
// over the newest 10,000 matches.
func (s *Store) Fields(ctx context.Context, q logs.Query, names []string, top int) ([]api.LogField, error) {
	c, err := s.plan(ctx, q, compileOptions{})
	if err != nil {
		return nil, err
	}
	top = min(max(top, 0), maxTop)
	facets, other := c.facets(names)
	out := []api.LogField{}
	if !c.exact {
		other = names
		if len(names) == 0 {
			other = nil
			for _, f := range facets {
				other = append(other, f.name)
			}
		}
		facets = nil
	}
	for chunk := range slices.Chunk(facets, fieldsABit) {
		counted, err := s.countFields(ctx, c, chunk, top)
		if err != nil {
			return nil, err
		}
		out = append(out, counted...)
	}
	if len(other) > 0 {
		read, err := s.readFields(ctx, q, c, other, top)
		if err != nil {
			return nil, err
		}
		out = append(out, read...)
	}
	// Named fields are answered also when nothing has them, in their order.
	if len(names) > 0 {
		slices.SortStableFunc(out, func(a, b api.LogField) int {
			return slices.Index(names, a.Name) - slices.Index(names, b.Name)
		})
		return out, nil
	}
	out = slices.DeleteFunc(out, func(f api.LogField) bool { return f.Count == 0 })
	slices.SortStableFunc(out, func(a, b api.LogField) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// facets finds how to count the named fields, or all; other lists those that
// have to be read.
func (c *compiled) facets(names []string) (out []facet, other []string) {
	t := newTranslator(c.caps, false)
	if len(names) == 0 {
		all := c.caps.leaves()
		names = all[:min(len(all), maxFields)]
		for _, name := range names {
			if f, ok := c.facet(name, name); ok {
				out = append(out, f)
			} else {
				other = append(other, name)
			}
		}
		return out, other
	}
	for _, name := range names {
		own, _ := where.Canonical(name)
		fields := t.candidates(name)
		// A level has many spellings, which only the entry brings together.
		if len(fields) == 1 && own != where.OwnLevel && !t.flattened(fields[0]) {
			if f, ok := c.facet(name, fields[0]); ok {
				out = append(out, f)
				continue
			}
		}
		other = append(other, name)
	}
	return out, other
}

func (c *compiled) facet(name, field string) (facet, bool) {
	if !c.caps.usable(field) {
		return facet{}, false
	}
	f := facet{name: name, path: field, kind: c.caps.fields[field].kind}
	if f.kind == conflict {
		return facet{}, false
	}
	if k, path, _, ok := c.caps.exact(field); ok && k.aggregatable {
		f.values = path
	}
	return f, true
}

func (s *Store) countFields(ctx context.Context, c *compiled, facets []facet, top int) ([]api.LogField, error) {
	aggs := dsl{}
	for i, f := range facets {
		one := dsl{"filter": exists(f.path)}
		if f.values != "" && top > 0 {
			one["aggs"] = dsl{"top": dsl{"terms": dsl{"field": f.values, "size": top}}}
		}
		aggs[strconv.Itoa(i)] = one
	}
	var out map[string]struct {
		Count int64 `json:"doc_count"`
		Top   struct {
			Buckets []struct {
				Key   json.RawMessage `json:"key"`
				Text  string          `json:"key_as_string"`
				Count int64           `json:"doc_count"`
			} `json:"buckets"`
		} `json:"top"`
	}
	if err := s.aggregate(ctx, c, aggs, &out); err != nil {
		return nil, err
	}
	fields := make([]api.LogField, len(facets))
	for i, f := range facets {
		a := out[strconv.Itoa(i)]
		fields[i] = api.LogField{Name: f.name, Type: f.kind, Count: a.Count, Values: []api.LogFieldValue{}}
		for _, b := range a.Top.Buckets {
			fields[i].Values = append(fields[i].Values, api.LogFieldValue{Value: cmp.Or(b.Text, keyText(b.Key)), Count: b.Count})
		}
	}
	return fields, nil
}

// readFields counts over entries.
func (s *Store) readFields(ctx context.Context, q logs.Query, c *compiled, names []string, top int) ([]api.LogField, error) {
	q.Limit, q.Newest = fieldsSample, true
	r, err := s.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	type tally struct {
		count  int64
		values map[string]int64
	}
	tallies := make([]tally, len(names))
	var parser fastjson.Parser
	for i := range r.Entries {
		e := &r.Entries[i]
		doc, _ := parser.ParseBytes(e.Fields) // nothing to find in what is no document
		for j, name := range names {
			v := valueOf(e, doc, name)
			if v == "" {
				continue
			}
			t := &tallies[j]
			if t.values == nil {
				t.values = map[string]int64{}
			}
			t.count++
			t.values[v]++
		}
	}
	out := make([]api.LogField, len(names))
	for j, name := range names {
		f := api.LogField{Name: name, Count: tallies[j].count, Values: []api.LogFieldValue{}}
		if fields := newTranslator(c.caps, false).candidates(name); len(fields) > 0 {
			f.Type = c.caps.fields[fields[0]].kind
		}
		for v, n := range tallies[j].values {
			f.Values = append(f.Values, api.LogFieldValue{Value: v, Count: n})
		}
		slices.SortFunc(f.Values, func(a, b api.LogFieldValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		f.Values = f.Values[:min(len(f.Values), top)]
		out[j] = f
	}
	return out, nil
}

// valueOf is a field of an entry as text.
func valueOf(e *api.LogEntry, doc *fastjson.Value, name string) string {
	own, _ := where.Canonical(name)
	switch own {
	case where.OwnLevel:
		return e.Level
	case where.OwnService:
		return e.Service
	case where.OwnMessage:
		return e.Message
	case where.OwnTrace:
		return e.Trace
	case where.OwnSource:
		return e.Source
	case where.OwnID:
		return e.ID
	case where.OwnTime:
		return e.Time.Format("2006-01-02T15:04:05.999999999Z07:00")
	case where.None:
	}
	return first(doc, where.Names(name))
}
