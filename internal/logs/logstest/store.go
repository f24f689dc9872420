// Package logstest holds a log store in memory, for tests of what is built on
// logs.Store. It decides every query by logs.Matches, keeps the order of
// arrival, and can be told to fail, to repeat itself and to delay.
package logstest

import (
	"context"
	"encoding/binary"
	"iter"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// Store is a logs.Store in memory. The fields are set before it is used; its
// methods are safe for concurrent use.
type Store struct {
	// Fault, when set, is asked before every call; an error is its answer.
	Fault func(ctx context.Context, call string) error
	// Repeat is how many entries before the position Next gives again.
	Repeat int
	// Gaps are given with the next answer of Next, once.
	Gaps []api.LogGap
	// Client and Warnings are said by every Search.
	Client, Warnings []string

	mu      sync.Mutex
	entries []api.LogEntry // in order of arrival
	calls   map[string]int
}

var _ logs.Store = (*Store)(nil)

// New makes a store that holds the entries, which arrived in this order.
func New(entries ...api.LogEntry) *Store {
	s := &Store{calls: map[string]int{}}
	s.Add(entries...)
	return s
}

// Add lets entries arrive.
func (s *Store) Add(entries ...api.LogEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, entries...)
}

// Calls is how often a method was called.
func (s *Store) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *Store) begin(ctx context.Context, call string) ([]api.LogEntry, error) {
	s.mu.Lock()
	s.calls[call]++
	entries := s.entries[:len(s.entries):len(s.entries)]
	s.mu.Unlock()
	if s.Fault != nil {
		if err := s.Fault(ctx, call); err != nil {
			return nil, err
		}
	}
	return entries, ctx.Err()
}

func (s *Store) matching(ctx context.Context, call string, q logs.Query) ([]api.LogEntry, error) {
	all, err := s.begin(ctx, call)
	if err != nil {
		return nil, err
	}
	var out []api.LogEntry
	fits := logs.Matcher(q)
	for i := range all {
		if fits(&all[i]) {
			out = append(out, all[i])
		}
	}
	logs.Sort(out)
	return out, nil
}

// Search implements logs.Store.
func (s *Store) Search(ctx context.Context, q logs.Query) (logs.Result, error) {
	out, err := s.matching(ctx, "Search", q)
	if err != nil {
		return logs.Result{}, err
	}
	r := logs.Result{Entries: out, Client: s.Client, Warnings: s.Warnings}
	if q.Limit > 0 && len(out) > q.Limit {
		r.More = true
		if r.Entries = out[:q.Limit]; q.Newest {
			r.Entries = out[len(out)-q.Limit:]
		}
	}
	return r, nil
}

// Scan implements logs.Store.
func (s *Store) Scan(ctx context.Context, q logs.Query) iter.Seq2[api.LogEntry, error] {
	return func(yield func(api.LogEntry, error) bool) {
		out, err := s.matching(ctx, "Scan", q)
		if err != nil {
			yield(api.LogEntry{}, err)
			return
		}
		for i, e := range out {
			if q.Limit > 0 && i == q.Limit || !yield(e, nil) {
				return
			}
		}
	}
}

// Next implements logs.Store: a position is a number of arrived entries.
func (s *Store) Next(ctx context.Context, q logs.Query, since logs.Position) (logs.Batch, error) {
	all, err := s.begin(ctx, "Next")
	if err != nil {
		return logs.Batch{}, err
	}
	at := 0
	if len(since) == 8 {
		at = int(binary.BigEndian.Uint64(since)) //nolint:gosec // our own position
		q.From = time.Time{}
	} else if len(since) > 0 {
		return logs.Batch{}, fail.New(fail.Usage, "this position is of another store")
	}
	var b logs.Batch
	fits := logs.Matcher(q)
	for i := max(at-s.Repeat, 0); i < at; i++ {
		if fits(&all[i]) {
			b.Entries = append(b.Entries, all[i])
		}
	}
	for fresh := 0; at < len(all) && (q.Limit == 0 || fresh < q.Limit); at++ {
		if fits(&all[at]) {
			b.Entries = append(b.Entries, all[at])
			fresh++
		}
	}
	b.Next, b.More = binary.BigEndian.AppendUint64(nil, uint64(at)), at < len(all) //nolint:gosec // not negative
	s.mu.Lock()
	b.Gaps, s.Gaps = s.Gaps, nil
	s.mu.Unlock()
	return b, nil
}

// Histogram implements logs.Store.
func (s *Store) Histogram(ctx context.Context, q logs.Query, step time.Duration) ([]api.LogBucket, error) {
	out, err := s.matching(ctx, "Histogram", q)
	if err != nil {
		return nil, err
	}
	buckets := []api.LogBucket{}
	for at := q.From; at.Before(q.To); at = at.Add(step) {
		b := api.LogBucket{Time: at}
		for _, e := range out {
			if !e.Time.Before(at) && e.Time.Before(at.Add(step)) {
				if b.Count++; b.Levels == nil {
					b.Levels = map[string]int64{}
				}
				b.Levels[e.Level]++
			}
		}
		buckets = append(buckets, b)
	}
	return buckets, nil
}

// Fields implements logs.Store for service and level.
func (s *Store) Fields(ctx context.Context, q logs.Query, names []string, top int) ([]api.LogField, error) {
	out, err := s.matching(ctx, "Fields", q)
	if err != nil {
		return nil, err
	}
	fields := []api.LogField{}
	for name, of := range map[string]func(api.LogEntry) string{
		"service": func(e api.LogEntry) string { return e.Service },
		"level":   func(e api.LogEntry) string { return e.Level },
	} {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		counts := map[string]int64{}
		f := api.LogField{Name: name, Type: "keyword", Values: []api.LogFieldValue{}}
		for _, e := range out {
			if v := of(e); v != "" {
				counts[v]++
				f.Count++
			}
		}
		for v, n := range counts {
			f.Values = append(f.Values, api.LogFieldValue{Value: v, Count: n})
		}
		sort.Slice(f.Values, func(i, j int) bool {
			a, b := f.Values[i], f.Values[j]
			return a.Count > b.Count || a.Count == b.Count && a.Value < b.Value
		})
		f.Values = f.Values[:min(top, len(f.Values))]
		fields = append(fields, f)
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i].Name < fields[j].Name })
	return fields, nil
}

// Check implements logs.Store.
func (s *Store) Check(ctx context.Context) (logs.Info, error) {
	_, err := s.begin(ctx, "Check")
	return logs.Info{Kind: "memory", Version: "test"}, err
}
