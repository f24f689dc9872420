package widget

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aictl/aictl/tui/theme"
)

// model is a table in the simplest words.
type model struct {
	rows   []pod
	marks  map[string]bool
	filter string
	sort   string
	back   bool
}

func (m *model) shown() []pod {
	f := NewFilter(m.filter)
	var out []pod
	for _, p := range m.rows {
		if f.Match(strings.Join([]string{p.name, p.status, grouped(p.restarts), p.note}, "\n")) {
			out = append(out, p)
		}
	}
	by := map[string]func(a, b pod) int{
		"NAME":     func(a, b pod) int { return natural(a.name, b.name) },
		"STATUS":   func(a, b pod) int { return natural(a.status, b.status) },
		"RESTARTS": func(a, b pod) int { return cmp.Compare(a.restarts, b.restarts) },
		"NOTE":     func(a, b pod) int { return natural(a.note, b.note) },
	}[m.sort]
	if by == nil {
		if m.back {
			slices.Reverse(out)
		}
		return out
	}
	slices.SortStableFunc(out, func(a, b pod) int {
		if m.back {
			return -by(a, b)
		}
		return by(a, b)
	})
	return out
}

func (m *model) at(key string) int {
	return slices.IndexFunc(m.rows, func(p pod) bool { return p.name == key })
}

// The table does in any order of operations what the simple one does: the same
// rows in the same order, the same marks, and a cursor that stays on its row as
// long as that is shown.
func TestTableAgainstModel(t *testing.T) {
	steps := 400
	if testing.Short() {
		steps = 60
	}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test that can be repeated
		tb := pods(skin(t, theme.Mono))
		m := &model{marks: map[string]bool{}}
		space := 20 + r.IntN(300)
		random := func() pod {
			i := r.IntN(space)
			return pod{name: fmt.Sprint("pod-", i), status: []string{"Running", "Failed", "Pending"}[r.IntN(3)], restarts: r.IntN(5), note: fmt.Sprint(r.IntN(40))}
		}
		var trail []string
		for range steps {
			kept := "" // the key the cursor must stay on
			if p, ok := tb.Current(); ok {
				kept = p.name
			}
			var what string
			switch op := r.IntN(20); {
			case op == 0:
				rows := make([]pod, r.IntN(space))
				for i := range rows {
					rows[i] = random()
				}
				tb.Set(rows)
				m.set(rows)
				what = fmt.Sprint("set ", len(rows))
			case op < 8:
				rows := make([]pod, 1+r.IntN(4))
				for i := range rows {
					rows[i] = random()
				}
				tb.Upsert(rows...)
				m.upsert(rows)
				what = fmt.Sprint("upsert ", rows)
			case op < 11:
				p := random()
				tb.Remove(p.name)
				m.remove(p.name)
				what = "remove " + p.name
			case op == 11:
				m.filter = []string{"", "failed", "!running", "~p1", "pod-1.*pend", "["}[r.IntN(6)]
				tb.Filter(m.filter)
				what, kept = "filter "+m.filter, ""
			case op == 12:
				m.sort, m.back = []string{"", "NAME", "STATUS", "RESTARTS", "NOTE"}[r.IntN(5)], r.IntN(2) == 0
				tb.SortBy(m.sort, m.back)
				what = "sort " + m.sort
			case op == 13:
				m.back = !m.back
				tb.Act("list.reverse")
				what = "reverse"
			case op == 14:
				if p, ok := tb.Current(); ok {
					if m.marks[p.name] = !m.marks[p.name]; !m.marks[p.name] {
						delete(m.marks, p.name)
					}
				}
				tb.Act("list.mark")
				what, kept = "mark", ""
			case op == 15:
				w, h := 1+r.IntN(100), 1+r.IntN(30)
				inBounds(t, tb.View(w, h), w, h)
				what = "view"
			case op == 16:
				tb.Scroll(r.IntN(20) - 10)
				what, kept = "scroll", ""
			default:
				id := []string{"list.up", "list.down", "list.pageup", "list.pagedown", "list.top", "list.bottom"}[r.IntN(6)]
				tb.Act(id)
				what, kept = id, ""
			}
			trail = append(trail, what)
			if r.IntN(3) > 0 { // sometimes several changes before anyone looks
				m.check(t, tb, kept, fmt.Sprint("seed ", seed, ": ", strings.Join(trail[max(0, len(trail)-12):], "; ")))
			}
		}
	}
}

func (m *model) set(rows []pod) {
	m.rows = nil
	m.upsert(rows)
	for k := range m.marks {
		if m.at(k) < 0 {
			delete(m.marks, k)
		}
	}
}

func (m *model) upsert(rows []pod) {
	for _, p := range rows {
		if i := m.at(p.name); i >= 0 {
			m.rows[i] = p
		} else {
			m.rows = append(m.rows, p)
		}
	}
}

func (m *model) remove(key string) {
	if i := m.at(key); i >= 0 {
		m.rows = slices.Delete(m.rows, i, i+1)
	}
	delete(m.marks, key)
}

func (m *model) check(t *testing.T, tb *Table[pod], kept, trail string) {
	t.Helper()
	want := m.shown()
	var got []pod
	tb.Each(func(p *pod) bool { got = append(got, *p); return true })
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\n%v\nwant\n%v", trail, got, want)
	}
	if tb.Len() != len(want) || tb.Total() != len(m.rows) {
		t.Fatalf("%s: %d of %d, want %d of %d", trail, tb.Len(), tb.Total(), len(want), len(m.rows))
	}
	marks := map[string]bool{}
	for _, p := range tb.Marked() {
		marks[p.name] = true
	}
	if fmt.Sprint(marks) != fmt.Sprint(m.marks) {
		t.Fatalf("%s: marks %v, want %v", trail, marks, m.marks)
	}
	p, ok := tb.Current()
	if ok != (len(want) > 0) {
		t.Fatalf("%s: a cursor %v over %d rows", trail, ok, len(want))
	}
	if kept != "" && ok && p.name != kept && slices.ContainsFunc(want, func(p pod) bool { return p.name == kept }) {
		t.Fatalf("%s: the cursor went from %s to %s", trail, kept, p.name)
	}
}

// Rows that went leave no memory behind, and closing the holes changes nothing.
func TestTableClosesHoles(t *testing.T) {
	tb := pods(skin(t, theme.Mono))
	m := &model{marks: map[string]bool{"pod-4900": true}, filter: "failed|pending", sort: "RESTARTS", back: true}
	tb.Set(numbered(5000))
	m.set(numbered(5000))
	tb.Filter(m.filter)
	tb.SortBy(m.sort, m.back)
	tb.Select("pod-4900")
	tb.Act("list.mark")
	tb.Select("pod-4942")
	for i := range 4800 {
		tb.Remove(fmt.Sprint("pod-", i))
		m.remove(fmt.Sprint("pod-", i))
		if i%600 == 0 {
			m.check(t, tb, "pod-4942", fmt.Sprint("after ", i))
		}
	}
	m.check(t, tb, "pod-4942", "at the end")
	if len(tb.rows) >= 5000 {
		t.Errorf("%d rows are held for %d", len(tb.rows), tb.Total())
	}
	row := pod{name: "pod-4942", status: "Failed", restarts: 99}
	tb.Upsert(row, pod{name: "new", status: "Failed"})
	m.upsert([]pod{row, {name: "new", status: "Failed"}})
	m.check(t, tb, "pod-4942", "upsert after closing")
}
