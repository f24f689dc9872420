package overview

import (
	"strings"
	"time"

	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// sign is a state as a character; the word beside it says the same.
type sign int

const (
	plain sign = iota
	ok
	warn
	bad
	unsure
	busy
	quiet
)

func (p *Pane) signText(s sign) string {
	if p.env.ASCII {
		return []string{" ", "+", "!", "x", "?", "~", "-"}[s]
	}
	return []string{" ", "✓", "!", "✗", "?", "↻", "–"}[s]
}

func (p *Pane) signStyle(s sign) theme.Style {
	th := p.env.Theme
	return []theme.Style{th.Text, th.OK, th.Warn, th.Bad, th.Warn, th.Info, th.Muted}[s]
}

// widest bounds what a column that grows may want.
const widest = 400

// natural is the width that a column wants. It reads no more of a text than may
// be shown.
func natural(c column, rows []*row) int {
	most := c.most
	if most == 0 {
		most = widest
	}
	w := min(widget.Width(c.head), most)
	for _, r := range rows[:min(len(rows), sampled)] {
		if w == most {
			break
		}
		w = max(w, widget.Width(widget.Cut(c.text(r), most)))
	}
	return w
}

const (
	// leastGrow is the room that a column which grows wants before others stay.
	leastGrow = 14
	// mostDrop is the greatest drop of a column.
	mostDrop = 3
)

// fit gives the columns their widths; those with none are left out.
func fit(cols []column, rows []*row, width int) []int {
	wanted := make([]int, len(cols))
	for i, c := range cols {
		wanted[i] = natural(c, rows)
	}
	widths := make([]int, len(cols))
	for drop := mostDrop; ; drop-- {
		left, grow := width-2, -1
		for i, c := range cols {
			widths[i] = 0
			switch {
			case c.drop > drop || wanted[i] == 0:
			case c.most == 0:
				grow = i
			default:
				widths[i] = wanted[i]
				left -= wanted[i] + 1
			}
		}
		if grow >= 0 {
			widths[grow] = min(max(left, 0), wanted[grow])
		}
		if drop == 0 || left >= leastGrow || grow < 0 && left >= -1 {
			return widths
		}
	}
}

// draw writes one row; the one under the cursor is marked by a sign, too.
func (p *Pane) draw(r *row, cols []column, widths []int, width int, selected bool) string {
	var b strings.Builder
	switch {
	case !selected:
		b.WriteString("  ")
	case p.env.ASCII:
		b.WriteString("> ")
	default:
		b.WriteString("▸ ")
	}
	for i, c := range cols {
		if widths[i] <= 0 {
			continue
		}
		text := widget.Fit(c.text(r), widths[i])
		if c.right {
			text = widget.FitLeft(c.text(r), widths[i])
		}
		if !selected {
			text = c.style(r).Render(text)
		}
		b.WriteString(text)
		b.WriteByte(' ')
	}
	if selected {
		return p.env.Theme.Selected.Render(widget.Fit(b.String(), width))
	}
	return widget.Cut(strings.TrimRight(b.String(), " "), width)
}

// heads is the line over the columns that have one.
func (p *Pane) heads(cols []column, widths []int, width int) string {
	var b strings.Builder
	b.WriteString("  ")
	for i, c := range cols {
		if widths[i] <= 0 {
			continue
		}
		b.WriteString(widget.FitLeft(c.head, widths[i]))
		b.WriteByte(' ')
	}
	return p.env.Theme.Header.Render(widget.Cut(strings.TrimRight(b.String(), " "), width))
}

func (p *Pane) age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return widget.Age(p.env.Now.Sub(t))
}

// clock is a moment in the person's zone, with the date where it is not today.
func (p *Pane) clock(t time.Time) string {
	zone := p.env.Zone
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	if now := p.env.Now.In(zone); t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}
