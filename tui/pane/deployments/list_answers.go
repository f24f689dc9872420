package deployments

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// take keeps what a context said. What an engine did not say again stays as
// it was, and is called old.
func (l *list) take(name string, a *listing, out api.WorkloadList, err error) {
	before, seen := a.rows, a.at
	a.since, a.err, a.failed = time.Time{}, err, out.Failed
	old := func(r row) row {
		if r.stale.IsZero() {
			r.stale = seen
		}
		return r
	}
	if err != nil {
		// The answer that did not come was due now: the next is asked for in
		// its own time, and the age of what is shown goes on.
		for i := range before {
			before[i] = old(before[i])
		}
		// What may not be seen is not kept, and not what was seen elsewhere.
		if c := fail.CodeOf(err); c == fail.Forbidden || c == fail.Auth || a.asked != a.told {
			a.rows = nil
		}
		a.since, a.at = time.Time{}, l.p.env.Now
		return
	}
	if a.asked != a.told {
		before, a.told = nil, a.asked
	}
	a.at, a.rows = l.p.env.Now, make([]row, 0, len(out.Workloads))
	for _, w := range out.Workloads {
		a.rows = append(a.rows, row{Workload: w, asked: name})
	}
	for _, f := range out.Failed {
		for _, r := range before {
			if r.Engine == f.Backend {
				a.rows = append(a.rows, old(r))
			}
		}
	}
}

// show brings the table to what is known.
func (l *list) show() {
	rows := []row{}
	l.states, l.total = map[string]int{}, 0
	for _, c := range l.p.env.Contexts {
		a := l.asked[c.Name]
		if a == nil {
			continue
		}
		for _, r := range a.rows {
			l.total++
			if r.stale.IsZero() {
				l.states[r.State]++
			} else {
				l.states["old"]++
			}
			if !l.trouble || r.troubled() {
				rows = append(rows, r)
			}
		}
	}
	// What somebody should look at comes first; `s` sorts by a column.
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.asked, b.asked),
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	l.arrange(rows)
	l.table.Set(rows)
}

// rank orders rows by how soon somebody should look.
func (r *row) rank() int {
	if !r.stale.IsZero() {
		return stateRank("degraded")
	}
	return stateRank(r.State)
}

// troubled says that a person should look: it is not as it is wanted, or
// nobody knows.
func (r *row) troubled() bool {
	return !r.stale.IsZero() || r.State != "ready" && r.State != "stopped" || r.State == "ready" && r.Ready < r.Desired
}

// nothing is what an empty table says: never that all is well where nobody
// answered.
func (l *list) nothing() string {
	waiting, failed := false, false
	for _, c := range l.p.env.Contexts {
		a := l.asked[c.Name]
		waiting = waiting || a == nil || a.at.IsZero()
		failed = failed || a != nil && (a.err != nil || len(a.failed) > 0)
	}
	switch {
	case failed:
		return "Not known: not everything answered."
	case waiting:
		return "Asking…"
	case l.trouble && l.total > 0:
		return "Nothing is in trouble. z shows all."
	case l.p.all():
		return "Nothing is deployed."
	case l.p.asked() != "":
		return "Nothing is deployed in namespace " + l.p.asked() + ". A shows all namespaces."
	}
	return "Nothing is deployed in this namespace. A shows all namespaces."
}
