package logs

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/api"
)

const (
	// MaxAround bounds the context lines on each side of a match.
	MaxAround = 1000
	// maxArounds bounds how many matches get context lines; each costs the
	// store two questions.
	maxArounds = 1000
	aroundJobs = 4
	// sameInstant is how many further entries of a match's own instant are
	// looked through for its place.
	sameInstant = 200
)

// Around puts lines of context around matches, as grep's -B and -A do: what
// the same service logged before and after, in the same source. Lines that
// are no match are marked Around; those that stand together have one Group,
// numbered from 1, and two groups that touch are one. matches are in order.
func Around(ctx context.Context, store Store, q Query, matches []api.LogEntry, before, after int) ([]api.LogEntry, error) {
	windows := make([]surrounding, len(matches))
	work, wctx := errgroup.WithContext(ctx)
	work.SetLimit(aroundJobs)
	for i := range matches {
		if i < len(matches)-maxArounds {
			windows[i].entries = matches[i : i+1]
			continue
		}
		work.Go(func() (err error) {
			windows[i], err = neighbours(wctx, store, matches[i], before, after)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	matched := make(map[string]bool, len(matches))
	for _, m := range matches {
		matched[m.ID] = true
	}
	fits := Matcher(q)
	return join(windows, func(e *api.LogEntry) bool { return matched[e.ID] || fits(e) }), nil
}

// surrounding is a match between the lines around it.
type surrounding struct {
	entries []api.LogEntry
	// previous is the id of the line before the first; "" where there is none
	// or it is not known.
	previous string
}

// neighbours asks for the lines around a match.
func neighbours(ctx context.Context, store Store, m api.LogEntry, before, after int) (surrounding, error) {
	same := Query{}
	if m.Service != "" {
		same.Services = []string{m.Service}
	}
	var out surrounding
	q := same
	// Stores keep milliseconds at least: the match itself is inside. One line
	// more tells whether another group ends right before this one.
	q.To, q.Newest, q.Limit = m.Time.Truncate(time.Millisecond).Add(time.Millisecond), true, before+2+sameInstant
	r, err := store.Search(ctx, q)
	if err != nil {
		return out, err
	}
	earlier := pick(r.Entries, m, -1)
	if at := len(earlier) - before; at > 0 {
		out.previous, earlier = earlier[at-1].ID, earlier[at:]
	}
	out.entries = append(slices.Clone(earlier), m)
	if after > 0 {
		q = same
		q.From, q.Limit = m.Time, after+1+sameInstant
		if r, err = store.Search(ctx, q); err != nil {
			return out, err
		}
		later := pick(r.Entries, m, 1)
		out.entries = append(out.entries, later[:min(after, len(later))]...)
	}
	return out, nil
}

// pick gives the entries of the match's service and source on one side of it,
// in order.
func pick(entries []api.LogEntry, m api.LogEntry, side int) []api.LogEntry {
	var out []api.LogEntry
	for _, e := range entries {
		if Compare(&e, &m) == side && e.Service == m.Service && e.Source == m.Source {
			out = append(out, e)
		}
	}
	Sort(out)
	return out
}

// join merges windows that share a line or touch into groups, each line once,
// and puts the groups in the order of their first lines.
func join(windows []surrounding, match func(*api.LogEntry) bool) []api.LogEntry {
	parent := make([]int, len(windows)) // disjoint sets of windows
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	owner := map[string]int{} // entry to window
	for i, w := range windows {
		parent[i] = i
		for _, e := range w.entries {
			if j, known := owner[e.ID]; known && e.ID != "" {
				parent[root(j)] = root(i)
			}
			owner[e.ID] = i
		}
	}
	groups, taken := map[int][]api.LogEntry{}, map[string]bool{}
	for i, w := range windows {
		if j, known := owner[w.previous]; known && w.previous != "" {
			parent[root(j)] = root(i)
		}
	}
	for i, w := range windows {
		for _, e := range w.entries {
			if e.ID == "" || !taken[e.ID] {
				taken[e.ID] = true
				groups[root(i)] = append(groups[root(i)], e)
			}
		}
	}
	list := make([][]api.LogEntry, 0, len(groups))
	for _, g := range groups {
		Sort(g)
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b []api.LogEntry) int { return Compare(&a[0], &b[0]) })
	var out []api.LogEntry
	for n, g := range list {
		for _, e := range g {
			e.Group, e.Around = n+1, !match(&e)
			out = append(out, e)
		}
	}
	return out
}
