package embedded

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logstorage"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// Bounds of what one question reads.
const (
	// sliceRows is about how many rows are held at once: a window is cut into
	// slices of so many.
	sliceRows = 20_000
	// buckets is how many counts a window is looked at with.
	buckets = 64
	// fewRows is the least that a slice is made for: the newest 20 lines need
	// no more, and each slice costs a question.
	fewRows = 500
)

// run asks the engine in LogsQL, within the window, and gives every row to f.
// It stops when ctx ends. f is called by one goroutine at a time and must not
// keep the row; its strings it may keep.
func (s *Store) run(ctx context.Context, query string, from, to time.Time, f func(row)) error {
	q, err := logstorage.ParseQueryAtTimestamp(query, s.o.Now().UnixNano())
	if err != nil {
		return fail.New(fail.Usage, "the log store does not understand the query: %s", err).Hint("--raw-query takes LogsQL here")
	}
	start, end := span(from, to)
	q.AddTimeFilter(start, end)
	leave, err := s.turns.take(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var mu sync.Mutex
	write := func(_ uint, block *logstorage.DataBlock) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		r := row{names: make([]string, 0, len(block.Columns)), values: make([]string, len(block.Columns))}
		for _, c := range block.Columns {
			r.names = append(r.names, strings.Clone(c.Name))
		}
		for i := range block.RowsCount() {
			for j, c := range block.Columns {
				r.values[j] = strings.Clone(c.Values[i])
			}
			f(r)
		}
	}
	var asked error
	if err := guarded(func() { asked = s.engine.RunQuery(ctx, []logstorage.TenantID{{}}, q, write) }); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if asked != nil {
		return fail.Wrap(fail.Failed, asked, "asking the log store")
	}
	return nil
}

// span is a window as the engine takes it: both ends are inside.
func span(from, to time.Time) (start, end int64) {
	start, end = math.MinInt64/2, math.MaxInt64/2
	if !from.IsZero() && from.Year() > 1700 {
		start = from.UnixNano()
	}
	if !to.IsZero() && to.Year() < 2200 {
		end = to.UnixNano() - 1
	}
	return start, end
}

// window gives both ends: the store holds nothing outside of them.
func (s *Store) window(q logs.Query) (from, to time.Time) {
	now := s.o.Now()
	from, to = q.From, q.To
	if oldest := now.Add(-s.o.Retention - 24*time.Hour); from.Before(oldest) {
		from = oldest
	}
	if newest := now.Add(future + 24*time.Hour); to.IsZero() || to.After(newest) {
		to = newest
	}
	return from, to
}

// numbered is an entry with its place in the order of arrival.
type numbered struct {
	api.LogEntry
	n uint64
}

// fetch gives the matches of a slice, oldest first.
func (s *Store) fetch(ctx context.Context, query string, from, to time.Time, fits func(*api.LogEntry) bool) ([]numbered, error) {
	var out []numbered
	err := s.run(ctx, query, from, to, func(r row) {
		e, n := r.entry()
		if fits(&e) {
			out = append(out, numbered{e, n})
		}
	})
	slices.SortFunc(out, func(a, b numbered) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return compare(a.n, b.n)
	})
	return out, err
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// slices cuts a window so that none holds many more than sliceRows rows of
// the query, and yields those that hold any; the newest first where newest is
// set. One instant is not cut further. limit is how many rows the caller wants,
// 0 is all: the first slice is made for so many, and each further one for four
// times as many, because the rows so far did not fit what is asked.
func (s *Store) slices(ctx context.Context, query string, from, to time.Time, newest bool, limit int) iter.Seq2[[2]time.Time, error] {
	c := cutter{s: s, query: query, newest: newest, rows: sliceRows}
	if limit > 0 {
		c.rows = min(max(2*int64(limit), fewRows), sliceRows)
	}
	return func(yield func([2]time.Time, error) bool) { c.cut(ctx, from, to, yield) }
}

// cutter cuts one window.
type cutter struct {
	s      *Store
	query  string
	newest bool
	rows   int64 // of the next slice
}

func (c *cutter) cut(ctx context.Context, from, to time.Time, yield func([2]time.Time, error) bool) bool {
	step := max(to.Sub(from)/buckets, 1)
	counts, err := c.s.count(ctx, c.query, from, to, step)
	if err != nil {
		yield([2]time.Time{}, err)
		return false
	}
	starts := make([]int64, 0, len(counts))
	for t := range counts {
		starts = append(starts, t)
	}
	slices.Sort(starts)
	if c.newest {
		slices.Reverse(starts)
	}
	within := func(t int64) [2]time.Time {
		a, b := time.Unix(0, t), time.Unix(0, t).Add(step)
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		return [2]time.Time{a, b}
	}
	for i := 0; i < len(starts); {
		at := within(starts[i])
		rows := counts[starts[i]]
		if rows > c.rows && step > 1 {
			if !c.cut(ctx, at[0], at[1], yield) {
				return false
			}
			i++
			continue
		}
		for i++; i < len(starts) && rows+counts[starts[i]] <= c.rows; i++ {
			rows += counts[starts[i]]
			next := within(starts[i])
			if c.newest {
				at[0] = next[0]
			} else {
				at[1] = next[1]
			}
		}
		if !yield(at, nil) {
			return false
		}
		c.rows = min(4*c.rows, sliceRows)
	}
	return true
}

// count counts the rows of the query by step, from the first step's start.
func (s *Store) count(ctx context.Context, query string, from, to time.Time, step time.Duration) (map[int64]int64, error) {
	out := map[int64]int64{}
	err := s.run(ctx, fmt.Sprintf("%s | stats by (_time:%dns offset %dns) count() as n", query, step, offset(from, step)), from, to, func(r row) {
		t, err := time.Parse(time.RFC3339Nano, r.get(fieldTime))
		if err != nil {
			return
		}
		n, _ := strconv.ParseInt(r.get("n"), 10, 64)
		out[t.UnixNano()] += n
	})
	return out, err
}

// offset makes steps begin at from.
func offset(from time.Time, step time.Duration) int64 { return from.UnixNano() % int64(step) }

// Search implements logs.Store.
func (s *Store) Search(ctx context.Context, q logs.Query) (logs.Result, error) {
	if err := s.flush(); err != nil {
		return logs.Result{}, err
	}
	t := translate(q)
	out := logs.Result{Entries: []api.LogEntry{}, Client: t.client}
	fits := logs.Matcher(q)
	from, to := s.window(q)
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	var found []numbered
	for at, err := range s.slices(ctx, t.query, from, to, q.Newest, limit+1) {
		if err != nil {
			return logs.Result{}, err
		}
		part, err := s.fetch(ctx, t.query, at[0], at[1], fits)
		if err != nil {
			return logs.Result{}, err
		}
		if q.Newest {
			found = append(part, found...)
		} else {
			found = append(found, part...)
		}
		if len(found) > limit {
			break
		}
	}
	if out.More = len(found) > limit; out.More {
		if q.Newest {
			found = found[len(found)-limit:]
		} else {
			found = found[:limit]
		}
	}
	for i := range found {
		out.Entries = append(out.Entries, found[i].LogEntry)
	}
	return out, nil
}

// defaultLimit bounds a search that names no limit.
const defaultLimit = 10_000

// Scan implements logs.Store.
func (s *Store) Scan(ctx context.Context, q logs.Query) iter.Seq2[api.LogEntry, error] {
	return func(yield func(api.LogEntry, error) bool) {
		if err := s.flush(); err != nil {
			yield(api.LogEntry{}, err)
			return
		}
		t, fits := translate(q), logs.Matcher(q)
		from, to := s.window(q)
		left := q.Limit
		for at, err := range s.slices(ctx, t.query, from, to, false, q.Limit) {
			if err != nil {
				yield(api.LogEntry{}, err)
				return
			}
			part, err := s.fetch(ctx, t.query, at[0], at[1], fits)
			if err != nil {
				yield(api.LogEntry{}, err)
				return
			}
			for i := range part {
				if !yield(part[i].LogEntry, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}
