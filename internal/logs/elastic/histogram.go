package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// maxBuckets is what one histogram may have; the stores refuse more than
// 65,535 with their levels.
const maxBuckets = 10_000

// Histogram implements logs.Store. It counts in the store when the query is
// exact there, else it reads the entries. Steps begin at q.From; a step is
// whole milliseconds. Where q.From or q.To is not given, the first and the
// last match are.
func (s *Store) Histogram(ctx context.Context, q logs.Query, step time.Duration) ([]api.LogBucket, error) {
	if step < time.Millisecond {
		return nil, fail.New(fail.Usage, "the step %s is shorter than a millisecond", step).Hint("use a longer step")
	}
	step = step.Truncate(time.Millisecond)
	c, err := s.plan(ctx, q, compileOptions{})
	if err != nil {
		return nil, err
	}
	if q.From.IsZero() || q.To.IsZero() {
		if q.From, q.To, err = s.bounds(ctx, c, q.From, q.To); err != nil || q.From.IsZero() {
			return []api.LogBucket{}, err
		}
		c = compile(c.caps, q, compileOptions{})
	}
	n := int((q.To.Sub(q.From) + step - 1) / step)
	if n > maxBuckets {
		return nil, fail.New(fail.Usage, "a histogram of %d steps is longer than %d", n, maxBuckets).Hint("use a longer --step or a shorter time")
	}
	buckets := make([]api.LogBucket, max(n, 0))
	for i := range buckets {
		buckets[i].Time = q.From.Add(time.Duration(i) * step)
	}
	add := func(at time.Time, level string, count int64) {
		i := int(at.Sub(q.From) / step)
		if i < 0 || i >= len(buckets) || count == 0 {
			return
		}
		b := &buckets[i]
		b.Count += count
		if level != "" {
			if b.Levels == nil {
				b.Levels = map[string]int64{}
			}
			b.Levels[level] += count
		}
	}
	if len(buckets) > 0 && c.exact {
		// The index has whole milliseconds: its steps begin at that of From.
		begin := q.From.Truncate(time.Millisecond)
		err := s.countByStep(ctx, c, begin, step, func(at time.Time, level string, count int64) {
			add(q.From.Add(at.Sub(begin)), level, count)
		})
		if err == nil || !tooHard(err) {
			return buckets, err
		}
	}
	for e, err := range s.Scan(ctx, q) {
		if err != nil {
			return nil, err
		}
		add(e.Time, e.Level, 1)
	}
	return buckets, nil
}

// bounds are the given ones, or those of the matches; zero where none match.
func (s *Store) bounds(ctx context.Context, c *compiled, from, to time.Time) (time.Time, time.Time, error) {
	at := dsl{"field": c.caps.members.Time}
	var out struct {
		First, Last struct{ Value *float64 }
	}
	err := s.aggregate(ctx, c, dsl{"first": dsl{"min": at}, "last": dsl{"max": at}}, &out)
	if err != nil || out.First.Value == nil || out.Last.Value == nil {
		return time.Time{}, time.Time{}, err
	}
	if from.IsZero() {
		from = time.UnixMilli(int64(*out.First.Value)).UTC()
	}
	if to.IsZero() {
		to = time.UnixMilli(int64(*out.Last.Value) + 1).UTC()
	}
	return from, to, nil
}

// aggregate asks for figures over the matches and no documents.
func (s *Store) aggregate(ctx context.Context, c *compiled, aggs dsl, out any) error {
	index, _ := s.target(c.caps)
	yes := true
	var a answer
	_, err := s.do(ctx, "counting", esapi.SearchRequest{
		Index: index, IgnoreUnavailable: &yes, AllowNoIndices: &yes,
		Body: encode(dsl{"size": 0, "query": c.count, "aggs": aggs, "track_total_hits": false}),
	}, &a)
	if err != nil {
		return err
	}
	if w := a.warnings(); len(w) > 0 {
		return fail.New(fail.Partial, "counting: %s", w[0]).Hint("try again when the cluster is healthy")
	}
	if len(a.Aggregations) == 0 {
		return nil // no index at all
	}
	if err := json.Unmarshal(a.Aggregations, out); err != nil {
		return fail.New(fail.Unavailable, "counting: %s answered with figures that are none: %w", s.url, err)
	}
	return nil
}

// levelBucket is a count by level; Rest leads to the documents that lack the
// field, by the next one that may hold their level.
type levelBucket struct {
	Levels struct {
		Buckets []struct {
			Key   json.RawMessage `json:"key"`
			Count int64           `json:"doc_count"`
		} `json:"buckets"`
	} `json:"levels"`
	Rest *levelBucket `json:"rest"`
}

func (l *levelBucket) each(add func(level string, count int64)) (total int64) {
	for ; l != nil; l = l.Rest {
		for _, b := range l.Levels.Buckets {
			total += b.Count
			add(logs.Normal(keyText(b.Key)), b.Count)
		}
	}
	return total
}

// keyText is a bucket's key as text.
func keyText(key json.RawMessage) string {
	var s string
	if json.Unmarshal(key, &s) == nil {
		return s
	}
	return string(key)
}

// byLevel counts by the first level field that a document has.
func (c *compiled) byLevel() dsl {
	var paths []string
	for _, name := range c.caps.members.Level {
		if k, path, _, ok := c.caps.exact(name); ok && k.aggregatable {
			paths = append(paths, path)
		}
	}
	var out dsl
	for i := len(paths) - 1; i >= 0; i-- {
		next := dsl{"levels": dsl{"terms": dsl{"field": paths[i], "size": 64}}}
		if out != nil {
			next["rest"] = dsl{"filter": not(exists(paths[i])), "aggs": out}
		}
		out = next
	}
	return out
}

func (s *Store) countByStep(ctx context.Context, c *compiled, from time.Time, step time.Duration, add func(time.Time, string, int64)) error {
	steps := dsl{"date_histogram": dsl{
		"field":          c.caps.members.Time,
		"fixed_interval": fmt.Sprintf("%dms", step.Milliseconds()),
		"offset":         fmt.Sprintf("%dms", from.UnixMilli()%step.Milliseconds()),
		"min_doc_count":  1,
	}}
	if levels := c.byLevel(); levels != nil {
		steps["aggs"] = levels
	}
	var out struct {
		Steps struct {
			Buckets []struct {
				Key   float64 `json:"key"`
				Count int64   `json:"doc_count"`
				levelBucket
			} `json:"buckets"`
		} `json:"steps"`
	}
	if err := s.aggregate(ctx, c, dsl{"steps": steps}, &out); err != nil {
		return err
	}
	for _, b := range out.Steps.Buckets {
		at := time.UnixMilli(int64(b.Key)).UTC()
		named := b.each(func(level string, count int64) { add(at, level, count) })
		add(at, "", b.Count-named)
	}
	return nil
}
