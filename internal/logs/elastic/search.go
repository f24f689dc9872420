package elastic

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// plan compiles a query for the indices as they are now.
func (s *Store) plan(ctx context.Context, q logs.Query, o compileOptions) (*compiled, error) {
	for age := capsAge; ; age = time.Second {
		caps, err := s.fieldCaps(ctx, age)
		if err != nil {
			return nil, err
		}
		if err := caps.checkTime(); err != nil {
			return nil, err
		}
		c := compile(caps, q, o)
		// A field that the indices don't have may be there by now.
		if age < capsAge || !c.missesField() {
			return c, s.checkSubfields(ctx, c)
		}
	}
}

// missesField says that a part of the query has no field that it is about.
func (c *compiled) missesField() bool {
	for name := range c.asked {
		if _, ok := c.caps.fields[name]; !ok {
			return true
		}
	}
	return false
}

// Search implements logs.Store. A query with parts that run here reads on
// until it has its limit, the end, or Options.MaxScan documents.
func (s *Store) Search(ctx context.Context, q logs.Query) (logs.Result, error) {
	r, err := s.search(ctx, q, compileOptions{})
	if err != nil && tooHard(err) {
		r, err = s.search(ctx, q, compileOptions{plainly: true})
	}
	return r, err
}

func (s *Store) search(ctx context.Context, q logs.Query, o compileOptions) (logs.Result, error) {
	c, err := s.plan(ctx, q, o)
	if err != nil {
		return logs.Result{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = maxWindow
	}
	// One more than asked for says whether there is more.
	size := min(limit+1, s.o.Page)
	if !c.exact {
		size = s.o.Page
	}
	w := s.open(ctx, c, q.Newest, size <= limit)
	defer w.close(ctx)
	r := logs.Result{Client: c.client}
	scanned := 0
	for len(r.Entries) <= limit && !w.done {
		hits, err := w.next(ctx, size)
		if err != nil {
			return logs.Result{}, err
		}
		scanned += len(hits)
		page := c.entries(hits)
		if q.Newest {
			slices.Reverse(page)
		}
		r.Entries = append(r.Entries, page...)
		if scanned >= s.o.MaxScan && len(r.Entries) <= limit && !w.done {
			r.More = true
			r.Warnings = append(r.Warnings, fmt.Sprintf("stopped after %d documents, for %s is decided here: narrow the time or add a filter that the store knows", scanned, strings.Join(c.client, ", ")))
			break
		}
	}
	if len(r.Entries) > limit {
		r.Entries, r.More = r.Entries[:limit], true
	}
	logs.Sort(r.Entries)
	r.Warnings = append(r.Warnings, w.warnings...)
	return r, nil
}

// Scan implements logs.Store. It holds one page. Where shards did not answer,
// the last that it yields is a fail.Partial.
func (s *Store) Scan(ctx context.Context, q logs.Query) iter.Seq2[api.LogEntry, error] {
	return func(yield func(api.LogEntry, error) bool) {
		given, stopped, err := s.scan(ctx, q, compileOptions{}, yield)
		if err != nil && given == 0 && !stopped && tooHard(err) {
			_, stopped, err = s.scan(ctx, q, compileOptions{plainly: true}, yield)
		}
		if err != nil && !stopped {
			yield(api.LogEntry{}, err)
		}
	}
}

func (s *Store) scan(ctx context.Context, q logs.Query, o compileOptions, yield func(api.LogEntry, error) bool) (given int, stopped bool, err error) {
	c, err := s.plan(ctx, q, o)
	if err != nil {
		return 0, false, err
	}
	size := s.o.Page
	if c.exact && q.Limit > 0 {
		size = min(size, q.Limit)
	}
	w := s.open(ctx, c, false, q.Limit <= 0 || q.Limit > size)
	defer w.close(ctx)
	var held []api.LogEntry
	for !w.done {
		hits, err := w.next(ctx, size)
		if err != nil {
			return given, false, err
		}
		page := slices.Concat(held, c.entries(hits))
		logs.Sort(page)
		page, held = lastMoment(page, w.done)
		for _, e := range page {
			if !yield(e, nil) {
				return given, true, nil
			}
			if given++; given == q.Limit {
				return given, true, nil
			}
		}
	}
	if len(w.warnings) > 0 {
		return given, false, fail.New(fail.Partial, "the answer is not whole: %s", strings.Join(w.warnings, "; ")).
			Hint("try again when the cluster is healthy")
	}
	return given, false, nil
}

// lastMoment cuts off the entries of the last millisecond, unless they are all
// or the last: the store sorts by whole milliseconds, and a finer order can
// only be had of those that are here together.
func lastMoment(page []api.LogEntry, last bool) (now, held []api.LogEntry) {
	if last || len(page) == 0 {
		return page, nil
	}
	moment := page[len(page)-1].Time.Truncate(time.Millisecond)
	n := len(page)
	for n > 0 && !page[n-1].Time.Before(moment) {
		n--
	}
	if n == 0 {
		return page, nil
	}
	return page[:n], slices.Clone(page[n:])
}
