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
	windows := make([][]api.LogEntry, len(matches))
	work, wctx := errgroup.WithContext(ctx)
	work.SetLimit(aroundJobs)
	for i := range matches {
		if i < len(matches)-maxArounds {
			windows[i] = matches[i : i+1]
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

// neighbours gives the match between the lines around it.
func neighbours(ctx context.Context, store Store, m api.LogEntry, before, after int) ([]api.LogEntry, error) {
	same := Query{}
	if m.Service != "" {
		same.Services = []string{m.Service}
	}
	var out []api.LogEntry
	if before > 0 {
		q := same
		// Stores keep milliseconds at least: the match itself is inside.
		q.To, q.Newest, q.Limit = m.Time.Truncate(time.Millisecond).Add(time.Millisecond), true, before+1+sameInstant
		r, err := store.Search(ctx, q)
		if err != nil {
			return nil, err
		}
		out = pick(r.Entries, m, -1)
		out = out[max(0, len(out)-before):]
	}
	out = append(slices.Clone(out), m)
	if after > 0 {
		q := same
		q.From, q.Limit = m.Time, after+1+sameInstant
		r, err := store.Search(ctx, q)
		if err != nil {
			return nil, err
		}
		rest := pick(r.Entries, m, 1)
		out = append(out, rest[:min(after, len(rest))]...)
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

// join merges windows that share an entry of the same service into groups,
// each entry once, and puts the groups in the order of their first entries.
func join(windows [][]api.LogEntry, match func(*api.LogEntry) bool) []api.LogEntry {
	owner := map[string]int{} // entry to group
	groups := map[int][]api.LogEntry{}
	for i, w := range windows {
		into := i
		for _, e := range w {
			if g, ok := owner[e.ID]; ok && e.ID != "" {
				into = min(into, g)
			}
		}
		for _, e := range w {
			g, known := owner[e.ID]
			switch {
			case known && e.ID != "" && g == into:
				continue
			case known && e.ID != "": // another group touches: it comes over whole
				for _, moved := range groups[g] {
					owner[moved.ID] = into
				}
				groups[into] = append(groups[into], groups[g]...)
				delete(groups, g)
				continue
			}
			owner[e.ID] = into
			groups[into] = append(groups[into], e)
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
