package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/where"
)

// maxBuckets bounds a histogram.
const maxBuckets = 10_000

// Histogram implements logs.Store. The engine counts where the query is exact;
// elsewhere the entries are read.
func (s *Store) Histogram(ctx context.Context, q logs.Query, step time.Duration) ([]api.LogBucket, error) {
	from, to := s.window(q)
	if !q.From.IsZero() {
		from = q.From
	}
	if step <= 0 || to.Sub(from)/step > maxBuckets {
		return nil, fail.New(fail.Usage, "a step of %s gives more than %d buckets", step, maxBuckets).Hint("give a longer --step, or a shorter window")
	}
	out := []api.LogBucket{}
	for at := from.Truncate(step); at.Before(to); at = at.Add(step) {
		out = append(out, api.LogBucket{Time: at.UTC()})
	}
	add := func(t time.Time, level string, n int64) {
		i := int(t.Sub(from.Truncate(step)) / step)
		if i < 0 || i >= len(out) {
			return
		}
		b := &out[i]
		b.Count += n
		if level != "" {
			if b.Levels == nil {
				b.Levels = map[string]int64{}
			}
			b.Levels[level] += n
		}
	}
	t := translate(q)
	if !t.exact {
		for e, err := range s.Scan(ctx, unlimited(q)) {
			if err != nil {
				return nil, err
			}
			add(e.Time, e.Level, 1)
		}
		return out, nil
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	by := fmt.Sprintf(`%s | stats by (_time:%dns offset %dns, "log.level") count() as n`, t.query, step, offset(from.Truncate(step), step))
	err := s.run(ctx, by, from, to, func(r row) {
		at, err := time.Parse(time.RFC3339Nano, r.get(fieldTime))
		n, nerr := strconv.ParseInt(r.get("n"), 10, 64)
		if err == nil && nerr == nil {
			add(at, r.get("log.level"), n)
		}
	})
	return out, err
}

func unlimited(q logs.Query) logs.Query {
	q.Limit, q.Newest = 0, false
	return q
}

// Fields implements logs.Store. The engine counts where the query is exact;
// elsewhere the entries are read.
func (s *Store) Fields(ctx context.Context, q logs.Query, names []string, top int) ([]api.LogField, error) {
	if top <= 0 {
		top = 10
	}
	t := translate(q)
	if !t.exact {
		return s.fieldsOf(ctx, q, names, top)
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	from, to := s.window(q)
	present := map[string]bool{}
	err := s.run(ctx, t.query+" | field_names", from, to, func(r row) {
		if shown := shownName(r.get("name")); shown != "" {
			present[shown] = true
		}
	})
	if err != nil {
		return nil, err
	}
	out := []api.LogField{}
	for field, shown := range asked(names, present) {
		f := api.LogField{Name: shown, Values: []api.LogFieldValue{}}
		column := field
		if field == "message" {
			column = fieldMessage
		}
		// What field_names says of entries counts whole blocks.
		err := s.run(ctx, fmt.Sprintf("%s %s:* | stats count() as n", t.query, name(column)), from, to, func(r row) {
			if n, err := strconv.ParseInt(r.get("n"), 10, 64); err == nil {
				f.Count = n
			}
		})
		if err != nil {
			return nil, err
		}
		if f.Count == 0 {
			continue
		}
		// The commonest values cannot be told from some of them: all are counted.
		err = s.run(ctx, fmt.Sprintf("%s %s:* | top %d by (%s) hits as n", t.query, name(column), top, name(column)), from, to, func(r row) {
			n, err := strconv.ParseInt(r.get("n"), 10, 64)
			if err == nil {
				f.Values = append(f.Values, api.LogFieldValue{Value: r.get(column), Count: n})
			}
		})
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return orderFields(out, top), nil
}

// asked gives the fields to answer with the name of each: all that are
// present, or those that are named, by the first of the names (where.Names)
// that is present.
func asked(names []string, present map[string]bool) map[string]string {
	out := map[string]string{}
	if len(names) == 0 {
		for field := range present {
			out[field] = field
		}
		return out
	}
	for _, n := range names {
		for _, field := range where.Names(n) {
			if present[field] {
				out[field] = n
				break
			}
		}
	}
	return out
}

// shownName is a column's name as entries have it; "" for what is the
// engine's or ours.
func shownName(column string) string {
	switch {
	case column == fieldMessage:
		return "message"
	case column == fieldTime || column == "_stream" || column == "_stream_id" || strings.HasPrefix(column, ownPrefix):
		return ""
	}
	return column
}

func (s *Store) fieldsOf(ctx context.Context, q logs.Query, names []string, top int) ([]api.LogField, error) {
	counts := map[string]map[string]int64{}
	add := func(field, value string) {
		if value == "" {
			return
		}
		if counts[field] == nil {
			counts[field] = map[string]int64{}
		}
		counts[field][value]++
	}
	for e, err := range s.Scan(ctx, unlimited(q)) {
		if err != nil {
			return nil, err
		}
		add("message", e.Message)
		add("service.name", e.Service)
		add("log.level", e.Level)
		add("trace.id", e.Trace)
		var doc map[string]any
		if len(e.Fields) > 0 && json.Unmarshal(e.Fields, &doc) == nil {
			walk("", doc, add)
		}
	}
	present := map[string]bool{}
	for field := range counts {
		present[field] = true
	}
	out := []api.LogField{}
	for field, shown := range asked(names, present) {
		f := api.LogField{Name: shown, Values: []api.LogFieldValue{}}
		for v, n := range counts[field] {
			f.Count += n
			f.Values = append(f.Values, api.LogFieldValue{Value: v, Count: n})
		}
		out = append(out, f)
	}
	return orderFields(out, top), nil
}

func walk(prefix string, doc map[string]any, add func(field, value string)) {
	for k, v := range doc {
		switch v := v.(type) {
		case map[string]any:
			if len(v) > 0 {
				walk(prefix+k+".", v, add)
				continue
			}
			add(prefix+k, "{}")
		case string:
			add(prefix+k, v)
		default:
			if body, err := json.Marshal(v); err == nil {
				add(prefix+k, string(body))
			}
		}
	}
}

// orderFields puts the commonest first, and cuts the values.
func orderFields(list []api.LogField, top int) []api.LogField {
	for i := range list {
		slices.SortFunc(list[i].Values, func(a, b api.LogFieldValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		list[i].Values = list[i].Values[:min(top, len(list[i].Values))]
	}
	slices.SortFunc(list, func(a, b api.LogField) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return list
}
