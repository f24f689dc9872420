package services

import (
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// View implements pane.Pane.
func (p *Pane) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	var lines []string
	switch {
	case p.call != nil:
		lines = p.viewCall(width, height)
	case p.detail != nil:
		lines = p.viewDetail(width, height)
	default:
		lines = p.viewList(width, height)
	}
	return widget.Join(widget.Clip(widget.Join(lines), width, height))
}

func (p *Pane) viewList(width, height int) []string {
	if p.inPast() {
		return p.viewThen(width, height)
	}
	th := p.env.Theme
	var lines []string
	if height >= 8 && p.list.Known() {
		right := ""
		if fs := p.health.Rows(); len(fs) > 0 {
			right = th.Muted.Render("figures of the last " + say.Long(fs[0].h.Window))
		}
		lines = append(lines, widget.Columns(p.summary(), right, width))
	}
	if p.missing != "" {
		lines = append(lines, th.Warn.Render("there is no AI service "+term.SafeLine(p.missing)+" here"))
	}
	troubles := p.list.Troubles(p.env.Now)
	if len(troubles) == 0 { // whoever does not list gives no figures either
		for _, t := range p.health.Troubles(p.env.Now) {
			t.Who = "the figures of " + t.Who
			troubles = append(troubles, t)
		}
	}
	lines = append(lines, say.Troubles(th, troubles, min(max(height/4, 1), 4))...)
	if height < 3 {
		lines = lines[:min(len(lines), height-1)]
	}
	switch {
	case p.list.Known():
		p.table.Empty = "There are no AI services."
	case len(troubles) > 0:
		p.table.Empty = "Nobody answered; nothing is known."
	default:
		p.table.Empty = "asking…"
	}
	p.top = len(lines)
	return append(lines, p.table.View(width, height-len(lines)))
}

func (p *Pane) viewDetail(width, height int) []string {
	d := p.detail
	var lines []string
	if height >= 4 {
		lines = d.lines(p.env, width, height)
	}
	room := height - len(lines)
	list := d.operations.Total() + 1
	switch {
	case room < 8:
		list = room
	default:
		list = min(list, max(room/3, 4))
	}
	d.top = len(lines)
	lines = append(lines, widget.Clip(d.operations.View(width, list), width, list)...)
	if rest := height - len(lines) - 1; rest > 0 && room >= 8 {
		d.draw(p.env, width, p.filter)
		lines = append(lines, "", d.page.View(width, rest))
	}
	return lines
}

func (p *Pane) viewCall(width, height int) []string {
	th, c := p.env.Theme, p.call
	title := th.Bold.Render(term.SafeLine(c.service) + " " + term.SafeLine(c.operation.Name))
	right := ""
	if len(p.env.Contexts) > 1 {
		title += th.Muted.Render(" in " + term.SafeLine(c.context))
	}
	if c.run != nil {
		right = c.run.status(th, p.env.Now)
	} else if width >= 60 {
		right = th.Muted.Render(term.SafeLine(c.operation.Summary))
	}
	var lines []string
	if height >= 3 {
		lines = append(lines, widget.Columns(title, right, width))
	}
	if height >= 8 {
		if c.note != "" {
			lines = append(lines, th.Warn.Render("! "+term.SafeLine(c.note)))
		}
		lines = append(lines, "")
	}
	if c.run == nil {
		return append(lines, c.form.View(width, height-len(lines)))
	}
	c.run.draw(th, width)
	if c.run.page.Len() == 0 {
		word := "waiting for the answer…"
		if !c.run.busy {
			word = "there is no answer"
		}
		return append(lines, th.Muted.Render(word))
	}
	return append(lines, c.run.page.View(width, height-len(lines)))
}
