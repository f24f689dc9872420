package plot

import (
	"math"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// MaxSeries is how many series a chart can tell apart.
const MaxSeries = 8

// Series is one curve of a chart: points in order of time, on whatever steps
// they have. A NaN is a gap; an infinity is an arrow at the edge.
type Series struct {
	Name   string
	Points []Point
}

// Mark is something that happened, from Time to End; a zero End has no length.
type Mark struct {
	Time, End time.Time
	Text      string
}

// Chart is several series over one stretch of time. All text must be safe for
// a terminal already.
type Chart struct {
	Title      string
	Series     []Series // at most MaxSeries are drawn, the rest is said
	Marks      []Mark
	Thresholds []float64
	From, To   time.Time
	// Cursor is a moment that is looked at: a vertical line, and the legend
	// tells the values there in place of the summary. Zero is none.
	Cursor time.Time
	Zone   *time.Location // of the time axis; UTC when nil
	// Unit gives the factor and the suffix of the vertical axis for values up
	// to size; nil is 1 and none.
	Unit func(size float64) (factor float64, suffix string)
	// Format writes a value in the legend; nil is like the axis.
	Format func(v float64) string
}

// DrawChart draws c with its axes, its marks and a legend, in at most
// o.Height lines of at most o.Width columns. Without a single finite value it
// is one line that says so.
//
// In braille a dot is at most half a dot (an eighth of a cell) from its value,
// in ASCII half a cell. Where series meet, the dots of all of them are shown;
// letters on the curves tell them apart without colour.
func DrawChart(c Chart, o Options) []Line {
	o.Width, o.Height = max(o.Width, 20), max(o.Height, 6)
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	more := max(len(c.Series)-MaxSeries, 0)
	c.Series = c.Series[:len(c.Series)-more]
	low, high, ok := c.extent()
	if !ok {
		return []Line{{{Class: Axis, Text: "(no finite values to plot)"}}}
	}
	factor, suffix := 1.0, ""
	if c.Unit != nil {
		factor, suffix = c.Unit(max(math.Abs(low), math.Abs(high)))
	}
	var title []Line
	if c.Title != "" && o.Height >= 12 {
		title = []Line{{{Class: Axis, Text: fit(c.Title, o.Width)}}}
	}
	// The margin depends on the scale, which depends on the height, which
	// depends on the legend, whose numbers depend on the margin's columns: the
	// number of lines is settled first, as no mark shares a line with another.
	budget := max(o.Height-2-len(title)-max(4, o.Height*55/100), 0)
	lines := min(len(c.Series)+min(more, 1)+min(len(c.Thresholds), 1)+len(c.Marks), budget)
	y := newScale(low/factor, high/factor, o.Height-2-len(title)-lines)
	label := func(v float64) string { return y.label(v) + suffix }
	margin := 0
	for _, t := range y.ticks {
		margin = max(margin, runewidth.StringWidth(label(t)))
	}
	margin = min(margin, o.Width-10)
	s := newSheet(o.Width-margin-1, o.Height-2-len(title)-lines, o.ASCII, len(c.Series))
	x := timeline{from: c.From, to: c.To, dots: s.dotsX}
	for _, t := range c.Thresholds {
		s.threshold(y.dot(t/factor, s.dotsY))
	}
	groups := s.marks(c.Marks, x)
	if c.looked() {
		s.cursor(x.dot(c.Cursor) * s.width / s.dotsX)
	}
	for i, one := range c.Series {
		s.curve(i, one, x, func(v float64) int { return y.dot(v/factor, s.dotsY) })
	}
	s.letters()
	out := title
	out = append(out, s.frame(y, label, margin)...)
	out = append(out, s.timeAxis(c, x, groups, margin)...)
	return append(out, c.legend(groups, s, more, lines, o, suffix, factor)...)
}

// extent gives the range of everything that is drawn; thresholds are part of
// it, but alone are nothing to plot.
func (c *Chart) extent() (low, high float64, ok bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range c.Series {
		for _, p := range s.Points {
			if finite(p.Value) && !p.Time.Before(c.From) && !p.Time.After(c.To) {
				low, high, ok = min(low, p.Value), max(high, p.Value), true
			}
		}
	}
	for _, t := range c.Thresholds {
		if ok && finite(t) {
			low, high = min(low, t), max(high, t)
		}
	}
	return low, high, ok
}

// timeline maps moments to columns of dots.
type timeline struct {
	from, to time.Time
	dots     int
}

func (x timeline) dot(t time.Time) int {
	length := x.to.Sub(x.from)
	if length <= 0 {
		return x.dots / 2
	}
	at := math.Round(float64(t.Sub(x.from)) / float64(length) * float64(x.dots-1))
	return int(min(max(at, 0), float64(x.dots-1)))
}

// curve draws a series; only neighbours without a gap between are joined.
func (s *sheet) curve(i int, one Series, x timeline, row func(float64) int) {
	joined := false
	lastX, lastY := 0, 0
	for _, p := range one.Points {
		if p.Time.Before(x.from) || p.Time.After(x.to) {
			continue
		}
		at := x.dot(p.Time)
		if !finite(p.Value) {
			joined = false
			if math.IsInf(p.Value, 0) {
				s.arrow(i, at, math.IsInf(p.Value, 1))
			}
			continue
		}
		y := row(p.Value)
		if joined {
			s.line(lastX, lastY, at, y, i)
		} else {
			s.set(at, y, i)
		}
		s.last[i] = s.cell(at, y)
		joined, lastX, lastY = true, at, y
	}
}

// fit cuts text to a width.
func fit(text string, width int) string {
	return strings.TrimRight(runewidth.Truncate(text, width, "…"), " ")
}
