package metrics

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// The grid: a plot below leastHeight lines is not worth its axes, and one
// below leastWidth columns hides its legend.
const (
	leastHeight = 9
	leastWidth  = 38
)

// layout is where the last View put things; keys and the mouse go by it.
type layout struct {
	head          int // lines above the body
	columns, rows int // of the grid
	first         int // the first visible line of the grid
	cells         []box
}

// box is a plot's place, counted from the pane's corner.
type box struct{ plot, x, y, width, height int }

func (l *layout) hit(x, y int) (int, bool) {
	for _, c := range l.cells {
		if x >= c.x && x < c.x+c.width && y >= c.y && y < c.y+c.height {
			return c.plot, true
		}
	}
	return 0, false
}

// View implements pane.Pane.
func (p *Pane) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	all := p.visible()
	p.arrange(len(all), p.place(all), width, height)
	lines := p.header(width, height, all)
	p.lay.head, p.lay.cells = len(lines), nil
	body := height - len(lines)
	switch one, ok := p.selected(); {
	case body <= 0:
	case p.top.shown:
		lines = append(lines, p.top.view(width, body)...)
	case len(all) == 0:
		lines = append(lines, p.nothing(width, body)...)
	case p.alone() && ok:
		lines = append(lines, p.cell(one, width, body, true, true)...)
	default:
		lines = append(lines, p.grid(all, width, body)...)
	}
	if p.entry.on {
		lines = p.offer(lines, width, height)
	}
	for i, l := range lines {
		lines[i] = widget.Cut(l, width)
	}
	return widget.Join(lines[:min(len(lines), height)])
}

// arrange chooses the columns and lines of the grid, and scrolls it to the
// cursor.
func (p *Pane) arrange(n, at, width, height int) {
	columns := 1
	switch {
	case width >= 240:
		columns = 4
	case width >= 150:
		columns = 3
	case width >= 2*leastWidth:
		columns = 2
	}
	l := &p.lay
	l.columns = max(min(columns, n), 1)
	total := (n + l.columns - 1) / l.columns
	l.rows = max(min(total, (height-p.heads(height))/leastHeight), 1)
	row := max(at, 0) / l.columns
	l.first = min(max(l.first, row-l.rows+1), row)
	l.first = min(l.first, max(total-l.rows, 0))
}

// heads is how many lines stand above the body.
func (p *Pane) heads(height int) int {
	n := 0
	if height >= 6 {
		n++
	}
	if p.fileErr != nil && height >= 10 {
		n++
	}
	if p.entry.on {
		n++
	}
	return n
}

// header says which board is shown, what is wrong with its file, and holds the
// line that is typed into.
func (p *Pane) header(width, height int, all []int) []string {
	th := p.env.Theme
	var out []string
	if height >= 6 {
		left, right := p.where(all)
		out = append(out, widget.Columns(th.Title.Render(term.SafeLine(left)), th.Muted.Render(term.SafeLine(right)), width))
	}
	if p.fileErr != nil && height >= 10 {
		text := "! " + term.SafeLine(p.fileErr.Error())
		if next := fail.From(p.fileErr).Next; next != "" {
			text += " (" + term.SafeLine(next) + ")"
		}
		out = append(out, th.Bad.Render(widget.Cut(text, width)))
	}
	if p.entry.on {
		out = append(out, p.entry.in.View(width))
	}
	return out
}

func (p *Pane) where(all []int) (left, right string) {
	var rights []string
	if p.top.shown {
		left = "Top"
		if p.top.shownQuery != "" {
			left += ": " + p.top.shownQuery
		}
		if n := p.top.table.Len(); n < p.top.total {
			rights = append(rights, fmt.Sprintf("%d of %d series", n, p.top.total))
		}
		if !p.env.Window.Live {
			rights = append(rights, "of now, not of the window")
		}
		return left, strings.Join(append(rights, "over "+pane.Short(p.env.Window.Span)), p.dot())
	}
	b := p.current()
	left = b.title()
	if _, own := p.custom[b.Name]; own && !b.visited {
		left += " (changed)"
	}
	if len(p.boards) > 1 {
		left += fmt.Sprintf("%sboard %d of %d", p.dot(), p.board+1, len(p.boards))
	}
	shown := p.lay.columns * p.lay.rows
	switch first := p.lay.first * p.lay.columns; {
	case p.zoomed && len(all) > 1:
		rights = append(rights, fmt.Sprintf("plot %d of %d", p.place(all)+1, len(all)))
	case !p.zoomed && len(all) > shown:
		rights = append(rights, fmt.Sprintf("plots %d to %d of %d", first+1, min(first+shown, len(all)), len(all)))
	}
	if len(all) < len(p.plots) {
		rights = append(rights, fmt.Sprintf("%d filtered out", len(p.plots)-len(all)))
	}
	if c := p.env.Window.Compare; c > 0 {
		rights = append(rights, "with "+pane.Short(c)+" ago")
	}
	return left, strings.Join(rights, p.dot())
}

func (p *Pane) dot() string {
	if p.env.ASCII {
		return " - "
	}
	return " · "
}

// nothing is what a board without plots says.
func (p *Pane) nothing(width, height int) []string {
	text := "This board has no plots. Press a and type an expression; b shows another board."
	switch {
	case !p.loaded:
		text = "Reading the boards file."
	case len(p.plots) > 0:
		text = "No plot of this board matches the filter."
	}
	var out []string
	for _, l := range widget.Wrap(text, width) {
		out = append(out, p.env.Theme.Muted.Render(l))
	}
	return out[:min(len(out), height)]
}

// grid draws the visible plots beside and below each other.
func (p *Pane) grid(all []int, width, height int) []string {
	l := &p.lay
	cell := (width - (l.columns - 1)) / l.columns
	var out []string
	for r := range l.rows {
		h := height / l.rows
		if r < height%l.rows {
			h++
		}
		lines := make([]string, h)
		for c := range l.columns {
			k := (l.first+r)*l.columns + c
			if k >= len(all) {
				break
			}
			w, x := cell, c*(cell+1)
			if c == l.columns-1 {
				w = width - x
			}
			l.cells = append(l.cells, box{all[k], x, l.head + len(out), w, h})
			drawn := p.cell(p.plots[all[k]], w, h, all[k] == p.at, false)
			for i := range lines {
				text := ""
				if i < len(drawn) {
					text = drawn[i]
				}
				if c > 0 {
					lines[i] += " "
				}
				lines[i] += widget.Fit(text, w)
			}
		}
		out = append(out, lines...)
	}
	return out
}

// offer lays the words that complete what is typed over the lines below it.
func (p *Pane) offer(lines []string, width, height int) []string {
	indent := min(widget.Width(p.entry.in.Prompt), max(width-24, 0))
	words := p.entry.in.Popup(width-indent, min(10, height-p.lay.head))
	for i, w := range words {
		at := p.lay.head + i
		for len(lines) <= at {
			lines = append(lines, "")
		}
		under := lines[at]
		lines[at] = widget.Fit(ansi.Truncate(under, indent, ""), indent) + w + ansi.TruncateLeft(under, indent+widget.Width(w), "")
	}
	return lines
}
