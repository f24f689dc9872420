package plot

import (
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// frame puts the axes around the canvas.
func frame(c *canvas, d Data, x horizontal, y scale, margin int, ascii bool) []Line {
	vertical, tick, corner, flat, down := "│", "┤", "└", "─", "┬"
	if ascii {
		vertical, tick, corner, flat, down = "|", "+", "+", "-", "+"
	}
	labels := make([]string, c.height)
	for _, t := range y.ticks {
		// The cell that holds the tick's dot; the first label keeps it.
		row := y.dot(t, c.dotsY) * c.height / c.dotsY
		if labels[row] == "" {
			labels[row] = y.label(t)
		}
	}
	lines := make([]Line, 0, c.height+2)
	for row := range c.height {
		mark := vertical
		if labels[row] != "" {
			mark = tick
		}
		text := runewidth.Truncate(labels[row], margin, "")
		line := Line{{Class: Axis, Text: strings.Repeat(" ", margin-runewidth.StringWidth(text)) + text + mark}}
		start := 0
		for col := 1; col <= c.width; col++ {
			if col < c.width && c.class[row*c.width+col] == c.class[row*c.width+start] {
				continue
			}
			var b strings.Builder
			for k := start; k < col; k++ {
				b.WriteRune(c.text(row*c.width + k))
			}
			line = append(line, Span{Class: c.class[row*c.width+start], Text: b.String()})
			start = col
		}
		lines = append(lines, line)
	}
	rule, text := timeAxis(c, d, x, flat, down)
	pad := strings.Repeat(" ", margin)
	return append(lines, Line{{Class: Axis, Text: pad + corner + rule}}, Line{{Class: Axis, Text: pad + " " + text}})
}

// timeAxis gives the rule and the labels under it. A label starts at the tick
// of the observation whose time it tells.
func timeAxis(c *canvas, d Data, x horizontal, flat, down string) (rule, text string) {
	times := make([]time.Time, 0, x.n)
	for _, p := range d.History {
		times = append(times, p.Time)
	}
	for _, p := range d.Forecast {
		times = append(times, p.Time)
	}
	name := func(i int) string { return strconv.Itoa(i + 1) }
	if !d.Index {
		layout := timeLayout(times[0], times[len(times)-1])
		name = func(i int) string { return times[i].Format(layout) }
	}
	ruleCells, textCells := make([]string, c.width), []byte(strings.Repeat(" ", c.width))
	for i := range ruleCells {
		ruleCells[i] = flat
	}
	perCell := c.dotsX / c.width
	count := max(1, min(c.width/16, 8)) // labels
	free := 0
	for k := range count {
		i := x.at(k * c.dotsX / count)
		at := x.dot(i) / perCell
		label := name(i)
		if at < free || at+len(label) > c.width {
			continue
		}
		ruleCells[at] = down
		copy(textCells[at:], label)
		free = at + len(label) + 2
	}
	return strings.Join(ruleCells, ""), string(textCells)
}
