package incident

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// table is what the lists have in common.
type table interface {
	Act(id string) bool
	Filter(expr string)
	Position() string
	View(width, height int) string
	Click(y int) bool
	Scroll(lines int)
}

// table is the list in front; nil where the answer to why is.
func (p *Pane) table() table {
	switch p.view {
	case viewTimeline:
		return p.timeline
	case viewChanges:
		return p.changes
	case viewIncidents:
		return p.incidents
	}
	return nil
}

// View implements pane.Pane.
func (p *Pane) View(width, height int) string {
	if width < 1 || height < 1 {
		return ""
	}
	if f := p.front(); f != nil {
		return f.view(p.env, width, height)
	}
	if p.view == viewWhy {
		return p.whyView(width, height)
	}
	th := p.env.Theme
	var head, foot []string
	t, s := p.table(), p.lists[p.view]
	if height >= 5 {
		head = append(head, widget.Columns(th.Title.Render(p.title()), th.Muted.Render(t.Position()), width))
	}
	if height >= 3 {
		foot = say.Troubles(th, s.trouble, max(height/4, 1))
		if len(s.trouble) > 0 && height >= 8 && !s.fresh.IsZero() {
			foot = append(foot, th.Muted.Render("all answered "+say.Ago(p.env, s.fresh)+" ago"))
		}
	}
	p.top = len(head)
	body := strings.Split(t.View(width, height-len(head)-len(foot)), "\n")
	if len(foot) > 0 { // what stands under the table keeps its place
		for len(body) < height-len(head)-len(foot) {
			body = append(body, "")
		}
	}
	return widget.Join(fitted(append(append(head, body...), foot...), width, height))
}

func (p *Pane) title() string {
	if p.view == viewIncidents {
		return "Incidents"
	}
	title := map[view]string{viewTimeline: "What happened", viewChanges: "What changed"}[p.view]
	if s := p.service(); s != "" {
		title += " to " + say.Line(s)
	}
	from, to := p.env.Bounds()
	if p.env.Window.Live {
		return title + " in the last " + pane.Short(p.env.Window.Span)
	}
	return title + " from " + say.Clock(p.env, from) + " to " + say.Clock(p.env, to)
}

// Subject implements pane.Pane.
func (p *Pane) Subject() pane.Subject {
	if f := p.front(); f != nil {
		return f.subject
	}
	switch p.view {
	case viewTimeline:
		if e, ok := p.timeline.Current(); ok {
			return pane.Subject{Context: e.Context, Service: e.Service, At: e.Time}
		}
	case viewChanges:
		if c, ok := p.changes.Current(); ok {
			s := pane.Subject{Context: c.Context, Namespace: c.Namespace, Service: c.Service, At: c.Time}
			if kind, _, ok := strings.Cut(c.Object, "/"); ok && workloads[kind] {
				s.Workload = c.Object
			}
			return s
		}
	case viewIncidents:
		if i, ok := p.incidents.Current(); ok {
			return pane.Subject{Context: i.Context, Incident: i.ID, At: i.Opened}
		}
	case viewWhy:
		return p.whySubject()
	}
	return pane.Subject{}
}

// Click implements pane.Clicker.
func (p *Pane) Click(_, y int) tea.Cmd {
	if p.front() != nil {
		return nil
	}
	if p.view == viewWhy {
		w := &p.why
		i := w.drawn.first + y - w.drawn.list
		if y < w.drawn.list || i < 0 || i >= w.len() {
			return nil
		}
		if i == w.cursor {
			return p.open()
		}
		w.cursor = i
		return nil
	}
	before := p.table().Position()
	if p.table().Click(y-p.top) && p.table().Position() == before {
		return p.open()
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	switch {
	case p.front() != nil:
		p.front().pager.Scroll(lines)
	case p.view == viewWhy:
		p.why.cursor = max(0, min(p.why.cursor+lines, p.why.len()-1))
	default:
		p.table().Scroll(lines)
	}
}
