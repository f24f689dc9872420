package secrets

import (
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
	case p.diff != nil:
		if height >= 4 {
			lines = p.diff.lines(p.env, width)
		}
		lines = append(lines, p.diff.table.View(width, height-len(lines)))
	case p.detail != nil:
		p.detail.expire(p.env.Now) // the clock went on while another pane was in front
		if height >= 2 {
			lines = append(lines, p.detail.head(p.env, width))
		}
		if height >= 8 {
			lines = append(lines, "")
		}
		p.draw(width)
		lines = append(lines, p.detail.page.View(width, height-len(lines)))
	default:
		lines = p.viewList(width, height)
	}
	return widget.Join(widget.Clip(widget.Join(lines), width, height))
}

func (p *Pane) viewList(width, height int) []string {
	th := p.env.Theme
	var lines []string
	if height >= 8 && p.list.Known() {
		lines = append(lines, widget.Columns(p.summary(), th.Muted.Render("values are masked"), width))
	}
	troubles := p.troubles()
	lines = append(lines, say.Troubles(th, troubles, min(max(height/4, 1), 4))...)
	lines = append(lines, p.rotationLines(max(height/6, 1))...)
	if height < 3 {
		lines = lines[:min(len(lines), height-1)]
	}
	switch {
	case !p.list.Known() && len(troubles) > 0:
		p.table.Empty = "Nobody answered; nothing is known."
	case !p.list.Known():
		p.table.Empty = "asking…"
	case p.overdue && len(troubles) == 0:
		p.table.Empty = "Nothing is overdue."
	case len(troubles) > 0:
		p.table.Empty = "There are none in the stores that answered."
	default:
		p.table.Empty = "There are no secrets."
	}
	p.top = len(lines)
	return append(lines, p.table.View(width, height-len(lines)))
}

// troubles are the contexts, the stores and the engines that did not answer.
func (p *Pane) troubles() []say.Trouble {
	out := p.list.Troubles(p.env.Now)
	for _, c := range p.env.Contexts {
		of := ""
		if len(p.env.Contexts) > 1 {
			of = c.Name
		}
		out = append(out, say.Backends(of, p.failed[c.Name])...)
	}
	if len(out) > 0 {
		return out
	}
	for _, t := range p.consumers.Troubles(p.env.Now) {
		t.Who = "the consumers of " + t.Who
		out = append(out, t)
	}
	for _, t := range p.rotations.Troubles(p.env.Now) {
		t.Who = "the rotations of " + t.Who
		out = append(out, t)
	}
	return out
}
