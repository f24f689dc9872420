package deployments

import (
	"strings"

	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// cell is a piece of plain text with its style.
type cell struct {
	text  string
	style theme.Style
}

// grid lays out a few rows in columns for a page; the last column takes what
// is left. Only a page's few rows are laid out so: what can be long is a
// widget.Table.
func grid(th *theme.Theme, width int, heads []string, rows [][]cell) []string {
	const gap = 2
	widths := make([]int, len(heads))
	for i, h := range heads {
		widths[i] = len(h)
	}
	for _, row := range rows {
		for i := range row {
			row[i].text = safe(row[i].text)
			widths[i] = max(widths[i], widget.Width(row[i].text))
		}
	}
	// No column but the last may push it out.
	room := width
	for i := range widths[:len(widths)-1] {
		widths[i] = min(widths[i], max(width*2/5, len(heads[i])))
		room -= widths[i] + gap
	}
	widths[len(widths)-1] = max(room, 0)
	out := make([]string, 0, len(rows)+1)
	var b strings.Builder
	for i, h := range heads {
		b.WriteString(widget.Fit(h, widths[i]))
		if i < len(heads)-1 {
			b.WriteString("  ")
		}
	}
	out = append(out, th.Header.Render(widget.Cut(strings.TrimRight(b.String(), " "), width)))
	for _, row := range rows {
		b.Reset()
		for i, c := range row {
			b.WriteString(c.style.Render(widget.Cut(c.text, widths[i])))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", gap+max(0, widths[i]-widget.Width(c.text))))
			}
		}
		out = append(out, widget.Cut(b.String(), width))
	}
	return out
}

// bar shows a share of a whole as a bar of width columns.
func bar(part, whole, width int, ascii bool) string {
	full, empty := "█", "░"
	if ascii {
		full, empty = "#", "-"
	}
	n := 0
	if whole > 0 {
		n = min(part*width/whole, width)
	}
	return strings.Repeat(full, n) + strings.Repeat(empty, width-n)
}
