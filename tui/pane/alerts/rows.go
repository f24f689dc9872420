package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// row is an alert of a context.
type row struct {
	Context string
	api.Alert
}

func (r *row) key() string { return r.Context + "/" + r.Fingerprint }

// stateWord is the state, and who has the alert where somebody took it.
func stateWord(a *api.Alert) string {
	if a.Ack != nil {
		return "ack " + a.Ack.By
	}
	return a.State
}

// group is several alerts that have a name or a service in common.
type group struct {
	name            string
	firing, quiet   int
	worst           api.Alert
	oldest          time.Time
	contexts, parts []string // parts: the services of a name, the names of a service
	acks            []string
}

// quietWords say how many of a group somebody or something keeps quiet.
func (g *group) quietWords() string {
	if g.quiet == 0 {
		return ""
	}
	return fmt.Sprint(g.quiet)
}

// tables makes the tables; a column names the context where there are several.
func (p *Pane) tables() {
	p.many = len(p.env.Contexts) > 1
	th := func() *theme.Theme { return p.env.Theme }
	severity := func(a *api.Alert) theme.Style {
		if a.State != "firing" {
			return p.env.Theme.Muted
		}
		return p.env.Theme.Severity(a.Severity)
	}
	cols := []widget.Column[row]{
		{Name: "severity", Min: 4, Max: 9, Text: func(r *row) string { return r.Severity }, Style: func(r *row) theme.Style { return severity(&r.Alert) }, Compare: worstFirst},
		{Name: "name", Min: 16, Max: 44, Text: func(r *row) string { return r.Name }},
		{Name: "service", Min: 10, Max: 28, Text: func(r *row) string { return r.Service }, Drop: 2},
		{Name: "for", Min: 5, Max: 9, Right: true, Text: func(r *row) string { return say.Ago(p.env, r.Started) }, Compare: func(a, b *row) int { return a.Started.Compare(b.Started) }, Drop: 1},
		{Name: "state", Min: 8, Max: 20, Text: func(r *row) string { return stateWord(&r.Alert) }, Style: func(r *row) theme.Style { return p.env.Theme.Severity(r.State) }, Drop: 3},
		{Name: "summary", Min: 16, Grow: true, Text: func(r *row) string { return r.Summary }, Drop: 4},
	}
	groups := []widget.Column[group]{
		{Name: "severity", Min: 4, Max: 9, Text: func(g *group) string { return g.worst.Severity }, Style: func(g *group) theme.Style { return severity(&g.worst) }, Compare: func(a, b *group) int { return alerts.Compare(&a.worst, &b.worst) }},
		{Name: "group", Min: 16, Max: 44, Text: func(g *group) string { return g.name }},
		{Name: "firing", Min: 6, Max: 6, Right: true, Text: func(g *group) string { return fmt.Sprint(g.firing) }, Compare: func(a, b *group) int { return cmp.Compare(a.firing, b.firing) }},
		{Name: "quiet", Min: 5, Max: 6, Right: true, Text: (*group).quietWords, Compare: func(a, b *group) int { return cmp.Compare(a.quiet, b.quiet) }, Drop: 3},
		{Name: "for", Min: 5, Max: 9, Right: true, Text: func(g *group) string { return say.Ago(p.env, g.oldest) }, Compare: func(a, b *group) int { return a.oldest.Compare(b.oldest) }},
		{Name: "ack", Min: 6, Max: 20, Text: func(g *group) string { return strings.Join(g.acks, ",") }, Drop: 4},
		{Name: "of", Min: 12, Grow: true, Text: func(g *group) string { return strings.Join(g.parts, " ") }, Drop: 2},
	}
	if p.many {
		cols = slices.Insert(cols, 1, widget.Column[row]{Name: "context", Min: 6, Max: 18, Text: func(r *row) string { return r.Context }})
		groups = append(groups, widget.Column[group]{Name: "contexts", Min: 8, Max: 30, Text: func(g *group) string { return strings.Join(g.contexts, " ") }})
	}
	p.list = widget.NewTable(th, (*row).key, cols...)
	p.groups = widget.NewTable(th, func(g *group) string { return g.name }, groups...)
	p.firedTable(th)
	p.otherTables(th)
	for _, ascii := range []*bool{&p.list.ASCII, &p.groups.ASCII, &p.silences.ASCII, &p.past.ASCII, &p.rules.ASCII} {
		*ascii = p.env.ASCII
	}
}

func worstFirst(a, b *row) int { return alerts.Compare(&a.Alert, &b.Alert) }

// shownRow says whether the state filter and the open group take an alert.
func (p *Pane) shownRow(r *row) bool {
	return (p.state == "all" || r.State == p.state) && (p.within == "" || p.groupOf(r) == p.within)
}

func (p *Pane) groupOf(r *row) string {
	if p.by == "service" {
		if r.Service == "" {
			return none
		}
		return r.Service
	}
	return r.Name
}

// none is the group of alerts without a service.
const none = "(no service)"

// rebuild fills the tables from the alerts that are known.
func (p *Pane) rebuild() {
	rows := make([]row, 0, len(p.alerts))
	p.counts = map[string]int{}
	for _, r := range p.alerts {
		p.counts[r.State]++
		if p.shownRow(&r) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(worstFirst(&a, &b), cmp.Compare(a.Context, b.Context)) })
	p.list.Set(rows)
	if p.by != "" && p.within == "" {
		p.groups.Set(p.grouped(rows))
	}
	p.list.Empty, p.groups.Empty = p.emptyWords(), p.emptyWords()
	if p.inPast() { // how it is now stands in the list of then
		p.fillFired()
	}
}

// grouped makes groups of rows that are sorted, the worst first.
func (p *Pane) grouped(rows []row) []group {
	at := map[string]int{}
	var out []group
	for i := range rows {
		r := &rows[i]
		name := p.groupOf(r)
		n, known := at[name]
		if !known {
			n = len(out)
			at[name] = n
			out = append(out, group{name: name, worst: r.Alert, oldest: r.Started})
		}
		g := &out[n]
		if r.State == "firing" {
			g.firing++
		} else {
			g.quiet++
		}
		if r.Started.Before(g.oldest) {
			g.oldest = r.Started
		}
		part := r.Service
		if p.by == "service" {
			part = r.Name
		}
		g.parts, g.contexts = oneMore(g.parts, part), oneMore(g.contexts, r.Context)
		if r.Ack != nil {
			g.acks = oneMore(g.acks, r.Ack.By)
		}
	}
	return out
}

// mostParts is how many names a cell of a group lists.
const mostParts = 20

func oneMore(list []string, one string) []string {
	if one == "" || len(list) >= mostParts || slices.Contains(list, one) {
		return list
	}
	return append(list, one)
}

// emptyWords say why the list is empty: that nothing fires is said only when
// everybody answered.
func (p *Pane) emptyWords() string {
	s := p.slots[viewList]
	switch {
	case !s.known && len(s.trouble) > 0, len(s.trouble)+len(p.gap) > 0 && len(p.alerts) == 0:
		return "not known: not everybody answered"
	case !s.known:
		return "asking…"
	case len(p.alerts) == 0:
		return "nothing fires"
	case p.within != "":
		return "no alert of " + p.within + " is left"
	case p.state != "all":
		return "no alert is " + p.state
	}
	return "no alert"
}

// grouping reports whether the table in front is that of the groups.
func (p *Pane) grouping() bool { return p.front() == viewList && p.by != "" && p.within == "" }

// members are the alerts of a group that are shown.
func (p *Pane) members(name string) []row {
	var out []row
	for _, r := range p.alerts {
		if (p.state == "all" || r.State == p.state) && p.groupOf(&r) == name {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b row) int { return worstFirst(&a, &b) })
	return out
}

// picked are the alerts that a hand is for: that of the page, the marked ones,
// otherwise the one under the cursor.
func (p *Pane) picked() []row {
	switch {
	case p.detail != nil && p.detail.past:
		return p.firingNow(p.detail.context, p.detail.name, p.detail.is)
	case p.detail != nil:
		return p.detail.rows()
	case p.view != viewList:
		return nil
	case p.inPast():
		return p.pickedNow()
	}
	var out []row
	if p.grouping() {
		marked := p.groups.Marked()
		if g, ok := p.groups.Current(); ok && len(marked) == 0 {
			marked = append(marked, g)
		}
		for _, g := range marked {
			out = append(out, p.members(g.name)...)
		}
		return out
	}
	for _, r := range p.list.Marked() {
		out = append(out, *r)
	}
	if r, ok := p.list.Current(); ok && len(out) == 0 {
		out = append(out, *r)
	}
	return out
}

// subjectOf is what an alert is about.
func subjectOf(r *row) pane.Subject {
	return pane.Subject{
		Context: r.Context, Namespace: r.Labels["namespace"], Service: r.Service, Alert: r.Name, Fingerprint: r.Fingerprint,
		Labels: r.Labels, Trace: r.Labels["trace_id"], At: r.Started,
	}
}
