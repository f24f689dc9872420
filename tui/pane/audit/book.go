package audit

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// book is the records of one context in the window, the oldest first.
type book struct {
	entries []api.AuditEntry
	have    map[int64]bool
	// full says that the window has more records than were asked for.
	full bool
}

func (b *book) last() time.Time {
	if b == nil || len(b.entries) == 0 {
		return time.Time{}
	}
	return b.entries[len(b.entries)-1].Time
}

// add puts records in; those that are there already are left out. It forgets
// the oldest when there are too many.
func (b *book) add(entries []api.AuditEntry) {
	for _, e := range entries {
		if !b.have[e.Index] {
			b.have[e.Index] = true
			b.entries = append(b.entries, e)
		}
	}
	slices.SortStableFunc(b.entries, func(x, y api.AuditEntry) int { return cmp.Compare(x.Index, y.Index) })
	b.drop(len(b.entries) - most)
}

// before forgets what is older.
func (b *book) before(t time.Time) {
	n := slices.IndexFunc(b.entries, func(e api.AuditEntry) bool { return !e.Time.Before(t) })
	if n < 0 {
		n = len(b.entries)
	}
	full := b.full
	b.drop(n)
	b.full = full && n == 0
}

func (b *book) drop(n int) {
	if n <= 0 {
		return
	}
	for _, e := range b.entries[:n] {
		delete(b.have, e.Index)
	}
	b.entries = slices.Clone(b.entries[n:])
	b.full = true
}

// took keeps what a context answered.
func (p *Pane) took(context string, got page) {
	b := p.books[context]
	if b == nil || got.all {
		b = &book{have: map[int64]bool{}}
		p.books[context] = b
	}
	b.add(got.entries)
	if got.all {
		b.full = len(got.entries) >= most
	}
	if p.env.Window.Live {
		from, _ := p.env.Bounds()
		b.before(from)
	}
}

// row is one change: the record of its intent, and that of its outcome where
// there is one. Where the window cuts the intent off, first is the outcome.
type row struct {
	context string
	first   api.AuditEntry
	outcome *api.AuditEntry
}

func (r *row) key() string { return r.context + "\x00" + strconv.FormatInt(r.first.Index, 10) }

// rows joins the records of a context, the newest change first.
func (b *book) rows(context string) []row {
	out := make([]row, 0, len(b.entries))
	intents := map[string]int{} // of what is not at its end
	for i := range b.entries {
		e := &b.entries[i]
		// What the server does by itself has no request: its actor tells it.
		id := e.Request + "\x00" + e.Actor + "\x00" + e.Operation + "\x00" + e.Target
		if at, ok := intents[id]; ok && e.Phase == "outcome" {
			out[at].outcome = e
			delete(intents, id)
			continue
		}
		r := row{context: context, first: *e}
		if e.Phase == "outcome" {
			r.outcome = e
		} else {
			intents[id] = len(out)
		}
		out = append(out, r)
	}
	slices.Reverse(out)
	return out
}

// fill shows the records of the chosen contexts.
func (p *Pane) fill() {
	var rows []row
	for _, c := range p.env.Contexts {
		if b := p.books[c.Name]; b != nil {
			rows = append(rows, b.rows(c.Name)...)
		}
	}
	if len(p.env.Contexts) > 1 {
		slices.SortStableFunc(rows, func(x, y row) int { return y.first.Time.Compare(x.first.Time) })
	}
	p.rows = rows
	p.table.Set(rows)
}
