// Package plot draws on a terminal, in braille dots or in plain ASCII: a series
// with its forecast (Draw), several series over time with marks and thresholds
// (DrawChart), and the shape of a few values in a line (Spark).
//
// It promises not to lie: a missing value is a gap, the line never crosses
// one, a mark is at most half a cell (ASCII) or half a dot (braille) from its
// value, and nothing is smoothed: where several observations share a column
// all of them are drawn. It returns styled spans, not colours, so that the
// caller decides how a class looks; the text alone tells forecast from history
// in ASCII. It does no I/O, and is safe for concurrent use.
//
// asciigraph joins points with rounded strokes and has no bands; ntcharts
// draws on its own styled canvas and joins over gaps. Neither can say what
// each cell is, hence this package.
package plot

import (
	"math"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// Class says what a cell shows.
type Class int

// The classes, in rising order of precedence within a cell.
const (
	Blank Class = iota
	Axis
	Band // interval of the forecast
	History
	Forecast
	Anomaly
	Limit  // line of a threshold
	Event  // something that happened
	Cursor // the moment that is looked at
)

// Point is one observation; a NaN value is a gap.
type Point struct {
	Time      time.Time
	Value     float64
	Anomalous bool
}

// Ahead is one step of the forecast. NaN bounds mean no interval.
type Ahead struct {
	Time                time.Time
	Value, Lower, Upper float64
}

// Data is what is drawn. With Index, the horizontal axis counts observations
// instead of telling times.
type Data struct {
	History  []Point
	Forecast []Ahead
	Index    bool
}

// Options give the size in cells, axes included, and the alphabet. Sizes are
// raised to the least that can be read, 20 by 5.
type Options struct {
	Width, Height int
	ASCII         bool
}

// Span is a run of cells of one class.
type Span struct {
	Class Class
	Text  string
	// Series is the number of the curve in a chart, for its colour.
	Series int
}

// Line is one line of the plot.
type Line []Span

// String gives the text without style and without blanks at the end.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return strings.TrimRight(b.String(), " ")
}

// Plain draws without style.
func Plain(d Data, o Options) []string {
	lines := Draw(d, o)
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.String()
	}
	return out
}

// Draw draws d. Without a single finite value it gives one line that says so.
func Draw(d Data, o Options) []Line {
	o.Width, o.Height = max(o.Width, 20), max(o.Height, 5)
	low, high, ok := extent(d)
	if !ok {
		return []Line{{{Class: Axis, Text: "(no values to plot)"}}}
	}
	y := newScale(low, high, o.Height-2)
	margin := 0
	for _, t := range y.ticks {
		margin = max(margin, runewidth.StringWidth(y.label(t)))
	}
	margin = min(margin, o.Width-8)
	c := newCanvas(o.Width-margin-1, o.Height-2, o.ASCII)
	x := newHorizontal(d, c.dotsX)
	trace(c, d, x, y)
	return frame(c, d, x, y, margin, o.ASCII)
}

// extent gives the range of everything that is drawn.
func extent(d Data) (low, high float64, ok bool) {
	low, high = math.Inf(1), math.Inf(-1)
	see := func(v float64) {
		if finite(v) {
			low, high, ok = min(low, v), max(high, v), true
		}
	}
	for _, p := range d.History {
		see(p.Value)
	}
	for _, p := range d.Forecast {
		see(p.Value)
		if finite(p.Lower) && finite(p.Upper) {
			see(p.Lower)
			see(p.Upper)
		}
	}
	return low, high, ok
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// trace draws the band first, then lines, then marks.
func trace(c *canvas, d Data, x horizontal, y scale) {
	n := len(d.History)
	row := func(v float64) int { return y.dot(v, c.dotsY) }
	var before *Ahead
	for i := range d.Forecast {
		p := &d.Forecast[i]
		if !finite(p.Lower) || !finite(p.Upper) || !finite(p.Value) {
			before = nil
			continue
		}
		at := x.dot(n + i)
		if before == nil {
			c.column(at, row(p.Upper), row(p.Lower), Band)
		} else {
			from := x.dot(n + i - 1)
			for k := from; k <= at; k++ {
				w := 1.0
				if at > from {
					w = float64(k-from) / float64(at-from)
				}
				c.column(k, row(before.Upper*(1-w)+p.Upper*w), row(before.Lower*(1-w)+p.Lower*w), Band)
			}
		}
		before = p
	}
	last := -1 // the previous value, when nothing is missing since
	lastValue := 0.0
	join := func(i int, v float64, class Class) {
		if !finite(v) {
			last = -1
			return
		}
		if last >= 0 {
			c.line(x.dot(last), row(lastValue), x.dot(i), row(v), class)
		}
		c.set(x.dot(i), row(v), class)
		last, lastValue = i, v
	}
	for i, p := range d.History {
		join(i, p.Value, History)
	}
	for i, p := range d.Forecast {
		join(n+i, p.Value, Forecast)
	}
	for i, p := range d.History {
		if p.Anomalous && finite(p.Value) {
			c.mark(x.dot(i), row(p.Value))
		}
	}
}
