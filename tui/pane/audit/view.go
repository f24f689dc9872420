package audit

import (
	"fmt"

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
	if p.detail != nil {
		lines = p.viewDetail(width, height)
	} else {
		lines = p.viewList(width, height)
	}
	return widget.Join(widget.Clip(widget.Join(lines), width, height))
}

func (p *Pane) viewDetail(width, height int) []string {
	th, d := p.env.Theme, p.detail
	p.draw(width)
	var lines []string
	if height >= 3 {
		lines = append(lines, widget.Columns(
			th.Bold.Render(term.SafeLine(d.row.first.Operation))+" "+term.SafeLine(d.row.first.Target),
			d.row.style(th, p.env.Now).Render(term.SafeLine(d.row.result(p.env.Now))), width))
	}
	if height >= 8 {
		lines = append(lines, p.verdictLines()...)
		lines = append(lines, "")
	}
	return append(lines, d.page.View(width, max(height-len(lines), 1)))
}

func (p *Pane) viewList(width, height int) []string {
	th := p.env.Theme
	var lines []string
	if height >= 8 && p.log.Known() {
		lines = append(lines, widget.Columns(term.SafeLine(p.summary()), p.cut(), width))
	}
	verdicts := p.verdictLines()
	lines = append(lines, verdicts[:min(len(verdicts), max(height/4, 1))]...)
	troubles := p.log.Troubles(p.env.Now)
	lines = append(lines, say.Troubles(th, troubles, min(max(height/4, 1), 4))...)
	if height < 4 {
		lines = lines[:min(len(lines), height-1)]
	}
	switch {
	case !p.log.Known() && len(troubles) > 0:
		p.table.Empty = "Nobody answered; nothing is known."
	case !p.log.Known(), p.log.Busy() && p.table.Total() == 0:
		p.table.Empty = "asking…"
	case len(troubles) > 0:
		p.table.Empty = "Nothing was changed in the window where somebody answered."
	default:
		p.table.Empty = "Nothing was changed in the window."
	}
	p.top = len(lines)
	return append(lines, p.table.View(width, height-len(lines)))
}

// cut says that the window has more records than are shown.
func (p *Pane) cut() string {
	for _, c := range p.env.Contexts {
		if b := p.books[c.Name]; b != nil && b.full {
			return p.env.Theme.Warn.Render(fmt.Sprintf("the latest %d records: zoom in, or narrow", most))
		}
	}
	return ""
}
