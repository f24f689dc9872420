package secrets

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// row is a secret of a context.
type row struct {
	context string
	s       api.Secret
	// consumers are the workloads that refer to it; asked says that they are
	// known, and none is none.
	consumers []string
	asked     bool
}

func (r *row) key() string { return r.context + "\x00" + r.s.Ref }

func rowsOf(context string, l api.SecretList) []row {
	out := make([]row, len(l.Secrets))
	for i, s := range l.Secrets {
		out[i] = row{context: context, s: s}
	}
	return out
}

// fill joins the secrets and their consumers, which come later.
func (p *Pane) fill() {
	users := map[string][]string{}
	for _, r := range p.consumers.Rows() {
		users[r.key()] = r.s.Consumers
	}
	rows := p.list.Rows()
	if p.detail != nil && p.list.Known() {
		p.detail.listed, p.detail.dirty = false, true
	}
	for i := range rows {
		who, known := users[rows[i].key()]
		rows[i].consumers, rows[i].asked = who, known
		if p.detail != nil && rows[i].key() == p.detail.row.key() {
			p.detail.row, p.detail.listed = rows[i], true
		}
	}
	if p.overdue {
		rows = slices.DeleteFunc(rows, func(r row) bool { return !r.s.Overdue })
	}
	p.table.Set(rows)
}

// openRef opens the page of a secret that a subject names, also of one that is
// not listed: its history may be there.
func (p *Pane) openRef(s pane.Subject) tea.Cmd {
	r := row{context: s.Context, s: api.Secret{Ref: s.Secret}}
	if r.context == "" {
		r.context = p.env.Primary().Name
	}
	for _, have := range p.list.Rows() {
		if have.s.Ref == s.Secret && (s.Context == "" || s.Context == have.context) {
			r = have
			break
		}
	}
	p.table.Select(r.key())
	return p.open(r)
}

// due says what a rotation waits for.
func due(env *pane.Env, s *api.Secret) string {
	switch {
	case !s.Deletion.IsZero():
		return "deleted " + say.Clock(env, s.Deletion)
	case s.Overdue:
		return "OVERDUE"
	case s.MaxAge > 0 && !s.Rotated.IsZero():
		return say.Ago(env, s.Rotated.Add(time.Duration(s.MaxAge)))
	case !s.NextRotation.IsZero():
		return say.Ago(env, s.NextRotation)
	}
	return ""
}

func ago(env *pane.Env, t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return widget.Age(env.Now.Sub(t))
}

// shortVersion cuts a UUID; what it means, nobody reads from it.
func shortVersion(v string) string {
	if len(v) > 12 {
		return v[:8]
	}
	return v
}

// users says who refers to a secret; nobody is not the same as not known.
func (r *row) users() string {
	switch {
	case !r.asked:
		return "?"
	case len(r.consumers) == 0:
		return "none"
	}
	return strings.Join(r.consumers, " ")
}

// workload splits a consumer, [CLUSTER:][NAMESPACE/]KIND/NAME.
func workload(consumer string) (namespace, kindName string) {
	if i := strings.LastIndexByte(consumer, ':'); i >= 0 {
		consumer = consumer[i+1:]
	}
	parts := strings.Split(consumer, "/")
	if len(parts) == 3 {
		return parts[0], parts[1] + "/" + parts[2]
	}
	return "", consumer
}

func (p *Pane) columns() []widget.Column[row] {
	cols := []widget.Column[row]{}
	if p.many {
		cols = append(cols, widget.Column[row]{Name: "context", Min: 6, Max: 20, Text: func(r *row) string { return r.context }})
	}
	older := func(name string, drop int, at func(r *row) time.Time) widget.Column[row] {
		return widget.Column[row]{
			Name: name, Drop: drop, Right: true,
			Text:    func(r *row) string { return ago(p.env, at(r)) },
			Compare: func(a, b *row) int { return at(a).Compare(at(b)) },
		}
	}
	warned := func(r *row) theme.Style {
		switch {
		case r.s.Overdue:
			return p.env.Theme.Bad
		case !r.s.Deletion.IsZero():
			return p.env.Theme.Warn
		}
		return p.env.Theme.Muted
	}
	rotated := older("rotated", 2, func(r *row) time.Time { return r.s.Rotated })
	return append(cols,
		widget.Column[row]{Name: "store", Drop: 5, Max: 16, Text: func(r *row) string { return r.s.Store }},
		widget.Column[row]{Name: "path", Min: 10, Max: 60, Text: func(r *row) string { return r.s.Path }},
		widget.Column[row]{Name: "version", Drop: 6, Text: func(r *row) string { return shortVersion(r.s.Version) }},
		older("age", 3, func(r *row) time.Time { return r.s.Updated }),
		rotated,
		widget.Column[row]{
			Name: "due", Text: func(r *row) string { return due(p.env, &r.s) }, Style: warned,
			Compare: func(a, b *row) int { return cmp.Compare(overdueFirst(a), overdueFirst(b)) },
		},
		widget.Column[row]{Name: "consumers", Drop: 4, Min: 10, Grow: true, Text: (*row).users, Style: func(r *row) theme.Style {
			if !r.asked {
				return p.env.Theme.Muted
			}
			return p.env.Theme.Text
		}},
		widget.Column[row]{Name: "by", Drop: 7, Max: 16, Text: func(r *row) string { return r.s.By }},
	)
}

func overdueFirst(r *row) int {
	if r.s.Overdue {
		return 0
	}
	return 1
}

// summary counts in a line: "12 secrets in 3 stores, 2 overdue".
func (p *Pane) summary() string {
	rows := p.list.Rows()
	stores, late := map[string]bool{}, 0
	for _, r := range rows {
		stores[r.context+"\x00"+r.s.Store] = true
		if r.s.Overdue {
			late++
		}
	}
	out := fmt.Sprintf("%d %s in %d %s", len(rows), plural(len(rows), "secret"), len(stores), plural(len(stores), "store"))
	if late > 0 {
		out += fmt.Sprintf(", %d overdue", late)
	}
	if p.overdue {
		out += " (only those)"
	}
	return out
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
