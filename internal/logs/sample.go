package logs

import (
	"context"
	"iter"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// steps of time that people read easily.
var steps = []time.Duration{
	time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour,
}

// Step gives the least easy step that cuts the span into at most n.
func Step(span time.Duration, n int) time.Duration {
	for _, s := range steps {
		if span/s < time.Duration(n) {
			return s
		}
	}
	return steps[len(steps)-1]
}

// slices of a window that a sample is drawn from.
const sampleSlices = 50

// Sample yields the matches of q, which has both ends, in order; of more than
// limit it yields an even sample: the window is cut into slices, and of each
// it takes the first entries in proportion to what the slice holds (stratified
// sampling with proportional allocation; Neyman 1934). The sample's figures
// are complete when the sequence has ended. A failure is yielded last.
func Sample(ctx context.Context, store Store, q Query, limit int64) (iter.Seq2[api.LogEntry, error], *api.LogSample) {
	s := &api.LogSample{From: q.From, To: q.To}
	return func(yield func(api.LogEntry, error) bool) {
		*s = api.LogSample{From: q.From, To: q.To}
		if limit <= 0 {
			return
		}
		parts, err := strata(ctx, store, q, limit, s)
		if err != nil {
			yield(api.LogEntry{}, err)
			return
		}
		for _, part := range parts {
			for e, err := range store.Scan(ctx, part) {
				if err == nil {
					s.Looked++
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
		// The histogram may be older than the scan by a moment.
		if s.Entries = max(s.Entries, s.Looked); !s.Sampled {
			s.Entries = s.Looked
		}
	}, s
}

// strata cuts the query into the queries of the sample: one for all where all
// may be looked at.
func strata(ctx context.Context, store Store, q Query, limit int64, s *api.LogSample) ([]Query, error) {
	step, buckets, err := slice(ctx, store, q)
	if err != nil {
		return nil, err
	}
	for _, b := range buckets {
		s.Entries += b.Count
	}
	if s.Entries <= limit {
		// What arrives in between must not break the bound.
		q.Limit = int(limit)
		return []Query{q}, nil
	}
	s.Sampled = true
	var parts []Query
	for _, b := range buckets {
		part := narrowed(q, b.Time, step)
		if share := limit * b.Count / s.Entries; b.Count*crowdedShare <= s.Entries || share < sampleSlices || step <= time.Millisecond {
			parts = take(parts, part, b.Count, share)
			continue
		}
		// A burst: its slice is cut again, or its first moments would stand for
		// all of it.
		fine, within, err := slice(ctx, store, part)
		if err != nil {
			return nil, err
		}
		for _, f := range within {
			parts = take(parts, narrowed(part, f.Time, fine), f.Count, limit*f.Count/s.Entries)
		}
	}
	return parts, nil
}

// crowdedShare: a slice that holds more than one so manieth of all entries is
// cut again.
const crowdedShare = 20

// slice counts the matches in as many steps as a sample has.
func slice(ctx context.Context, store Store, q Query) (time.Duration, []api.LogBucket, error) {
	step := max((q.To.Sub(q.From) / sampleSlices).Truncate(time.Millisecond), time.Millisecond)
	buckets, err := store.Histogram(ctx, q, step)
	return step, buckets, err
}

// narrowed is the query for one step of it.
func narrowed(q Query, at time.Time, step time.Duration) Query {
	if at.After(q.From) {
		q.From = at
	}
	if end := at.Add(step); end.Before(q.To) {
		q.To = end
	}
	return q
}

// take adds a part that holds anything; of what holds something, one entry at
// least is looked at.
func take(parts []Query, part Query, count, share int64) []Query {
	if count == 0 || !part.From.Before(part.To) {
		return parts
	}
	part.Limit = int(max(1, share))
	return append(parts, part)
}
