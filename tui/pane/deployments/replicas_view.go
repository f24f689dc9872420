package deployments

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// wanted are the columns that say something for what is asked.
func (r *replicas) wanted() listColumns {
	return listColumns{contexts: len(r.contexts()) > 1, namespaces: r.only == nil && r.p.all()}
}

// arrange remakes the table where other columns are wanted, and reports it.
func (r *replicas) arrange() bool {
	if r.columns == r.wanted() {
		return false
	}
	r.columns = r.wanted()
	old, err := json.Marshal(r.table.Save())
	r.table = r.makeTable()
	if err == nil {
		r.table.Restore(old)
	}
	r.table.Filter(r.expr)
	return true
}

func (r *replicas) makeTable() *widget.Table[replicaRow] {
	p := r.p
	th := func() *theme.Theme { return p.env.Theme }
	type column = widget.Column[replicaRow]
	columns := []column{{
		Name: "STATE", Min: 11, Max: 26,
		Text:  func(x *replicaRow) string { s, _ := p.replica(x.State, x.Ready, true); return s },
		Style: func(x *replicaRow) theme.Style { _, s := p.replica(x.State, x.Ready, true); return s },
		Compare: func(a, b *replicaRow) int {
			return cmp.Or(cmp.Compare(number(a.Ready), number(b.Ready)), strings.Compare(a.State, b.State))
		},
	}}
	if r.columns.contexts {
		columns = append(columns, column{Name: "CONTEXT", Min: 7, Max: 20, Drop: 4, Text: func(x *replicaRow) string { return x.asked }})
	}
	if r.columns.namespaces {
		columns = append(columns, column{Name: "NAMESPACE", Min: 9, Max: 24, Drop: 5, Text: func(x *replicaRow) string { return x.Namespace }})
	}
	columns = append(columns,
		column{Name: "REPLICA", Min: 24, Max: 60, Text: func(x *replicaRow) string { return x.Name }},
		column{
			Name: "READY", Min: 5, Max: 7, Right: true, Drop: 1,
			Text: func(x *replicaRow) string { return strconv.Itoa(x.ReadyContainers) + "/" + strconv.Itoa(x.Containers) },
			Compare: func(a, b *replicaRow) int {
				return cmp.Compare(a.ReadyContainers-a.Containers, b.ReadyContainers-b.Containers)
			},
		},
		column{
			Name: "RESTARTS", Min: 8, Max: 8, Right: true, Drop: 3,
			Text: func(x *replicaRow) string { return strconv.Itoa(x.Restarts) },
			Style: func(x *replicaRow) theme.Style {
				if x.Restarts > 0 {
					return th().Warn
				}
				return theme.Style{}
			},
			Compare: func(a, b *replicaRow) int { return cmp.Compare(a.Restarts, b.Restarts) },
		},
		column{Name: "AGE", Min: 4, Max: 6, Right: true, Drop: 2, Text: func(x *replicaRow) string { return p.ago(x.Created) }, Compare: func(a, b *replicaRow) int { return a.Created.Compare(b.Created) }},
		column{Name: "NODE", Min: 12, Max: 40, Drop: 6, Text: func(x *replicaRow) string { return x.Node }},
		column{Name: "IP", Min: 15, Max: 40, Drop: 9, Text: func(x *replicaRow) string { return x.IP }},
		column{Name: "WORKLOAD", Min: 20, Max: 60, Grow: true, Drop: 7, Text: func(x *replicaRow) string { return x.Workload }},
		column{Name: "REV", Min: 10, Max: 12, Drop: 8, Text: func(x *replicaRow) string { return x.Revision }},
	)
	return widget.NewTable(th, func(x *replicaRow) string { return x.key }, columns...)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *replicas) view(width, height int) string {
	head := r.head(width, height)
	r.shown = len(head)
	r.table.Empty, r.table.ASCII = r.nothing(), r.p.env.ASCII
	body := r.table.View(width, height-len(head))
	return widget.Join(append(head, widget.Clip(body, width, height-len(head))...))
}

func (r *replicas) head(width, height int) []string {
	if height < 4 {
		return nil
	}
	th := r.p.env.Theme
	left := th.Bold.Render(plural(len(r.all), "replica"))
	if r.only != nil {
		left += th.Bold.Render(" of " + safe(r.only.name))
	}
	if len(r.all) > 0 {
		left += th.Muted.Render(r.p.signs().dot) + th.OK.Render(thousands(r.ready)+" ready")
		if n := len(r.all) - r.ready; n > 0 {
			left += th.Muted.Render(r.p.signs().dot) + th.Warn.Render(thousands(n)+" not ready")
		}
	}
	out := []string{widget.Columns(left, th.Muted.Render(r.side()), width)}
	notes := append(r.failures(), r.p.change.notes(r.p)...)
	for i, n := range notes {
		if room := max(1, height/4); i == room-1 && len(notes) > room {
			out = append(out, widget.Cut(th.Warn.Render(fmt.Sprintf("! and %d more that did not answer", len(notes)-i)), width))
			break
		}
		out = append(out, widget.Cut(n, width))
	}
	return out
}

func (r *replicas) side() string {
	var out []string
	if !r.complete() {
		out = append(out, "reading")
	}
	if r.trouble {
		out = append(out, "only troubled")
	}
	if r.expr != "" {
		out = append(out, "/"+safe(r.expr))
	}
	if r.table.Total() > 0 {
		out = append(out, r.table.Position())
	}
	switch {
	case r.only != nil:
		out = append(out, "namespace "+safe(r.only.namespace))
	case r.p.all():
		out = append(out, "all namespaces")
	}
	return strings.Join(out, r.p.signs().dot)
}

// complete says that every context has told all it has.
func (r *replicas) complete() bool {
	for _, c := range r.contexts() {
		s := r.streams[c.Name]
		if s == nil || s.err == nil && !s.done && len(s.synced) == 0 && len(s.failed) == 0 {
			return false
		}
	}
	return true
}

func (r *replicas) failures() []string {
	var out []string
	for _, c := range r.contexts() {
		s := r.streams[c.Name]
		if s == nil {
			continue
		}
		who := ""
		if len(r.contexts()) > 1 {
			who = "context " + c.Name + ": "
		}
		if s.err != nil {
			line := r.p.failed(who+"replicas", s.err)
			if !s.done {
				line += r.p.env.Theme.Muted.Render(" trying again")
			}
			out = append(out, line)
		}
		for _, f := range sorted(s.failed) {
			out = append(out, r.p.backendFailure(who, f))
		}
	}
	return out
}

func (r *replicas) nothing() string {
	switch {
	case len(r.failures()) > 0:
		return "Not known: not everything answered."
	case !r.complete():
		return "Asking…"
	case r.trouble && len(r.all) > 0:
		return "Nothing is in trouble. z shows all."
	case r.only == nil && !r.p.all():
		return "There are no replicas in this namespace. A shows all namespaces."
	}
	return "There are no replicas."
}

func (r *replicas) click(_, y int) tea.Cmd {
	was := ""
	if row, ok := r.table.Current(); ok {
		was = row.key
	}
	if y -= r.shown; y >= 0 && r.table.Click(y) {
		if row, ok := r.table.Current(); ok && row.key == was {
			return r.act("deployments.open")
		}
	}
	return nil
}
