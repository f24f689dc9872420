package overview

import (
	"strings"
	"time"

	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/tui/widget"
)

// chartKey is what the charts were drawn of.
type chartKey struct {
	row           string
	version       int
	width, height int
	skin          string
	cursor        time.Time
}

// chartUnits are how the axes of the signals are written.
var chartUnits = [len(signals)]metrics.Unit{{}, {Name: "ratio"}, {Name: "seconds"}}

// drawCharts draws the signals of one service side by side: of the one under
// the cursor, or else of the one that does worst.
func (p *Pane) drawCharts(width, height int) []string {
	r := p.charted()
	if r == nil {
		return nil
	}
	key := chartKey{r.key, p.version, width, height, p.env.Theme.Name, p.env.Window.Cursor}
	if p.charts == key {
		return p.chart
	}
	each := (width - 2*(len(signals)-1)) / len(signals)
	var parts [len(signals)][]string
	for i := range signals {
		c := p.curve(r, i)
		parts[i] = widget.Chart(p.env.Theme, c, each, height-1, p.env.ASCII)
	}
	rule := p.rule()
	title := rule + " " + r.name + " over " + p.windowText() + " "
	lines := []string{p.env.Theme.Muted.Render(widget.Cut(title+strings.Repeat(rule, max(width-widget.Width(title), 0)), width))}
	for i := range height - 1 {
		line, any := "", false
		for k, part := range parts {
			if k > 0 {
				line += "  "
			}
			if i < len(part) {
				line, any = line+widget.Fit(part[i], each), true
			} else {
				line += strings.Repeat(" ", each)
			}
		}
		if any {
			lines = append(lines, strings.TrimRight(line, " "))
		}
	}
	p.charts, p.chart = key, lines
	return lines
}

// charted is the service whose charts are drawn; nil where none has traffic.
func (p *Pane) charted() *row {
	chosen := p.Subject()
	var first *row
	for _, r := range p.boxes[servicesBox].rows {
		if r.red == nil {
			continue
		}
		if r.subject.Service == chosen.Service && r.subject.Context == chosen.Context {
			return r
		}
		if first == nil {
			first = r
		}
	}
	return first
}

func (p *Pane) curve(r *row, i int) plot.Chart {
	w, unit := r.red.window[i], chartUnits[i]
	c := plot.Chart{
		From: w.From, To: w.To, Cursor: p.env.Window.Cursor, Zone: p.env.Zone,
		Format: func(v float64) string { return shown(i, v) },
		Unit: func(size float64) (float64, string) {
			s := unit.Scale(size)
			return s.Factor, s.Suffix
		},
	}
	curve := plot.Series{Name: signals[i].title}
	for k, v := range r.red.values[i] {
		curve.Points = append(curve.Points, plot.Point{Time: w.Time(k), Value: v})
	}
	c.Series = []plot.Series{curve}
	return c
}
