package plot

import (
	"math"
	"time"
)

// looked reports whether the chart shows the moment of its cursor.
func (c *Chart) looked() bool {
	return !c.Cursor.IsZero() && !c.Cursor.Before(c.From) && !c.Cursor.After(c.To)
}

// cursor draws a line over marks and thresholds, but over no curve.
func (s *sheet) cursor(column int) {
	line := '│'
	if s.ascii {
		line = '|'
	}
	for y := range s.height {
		c := &s.cells[y*s.width+column]
		c.under, c.below = line, Cursor
	}
}

// At gives the point nearest to a moment; false where the curve has none
// within a step of it, or a gap there.
func (s Series) At(t time.Time) (Point, bool) {
	best := -1
	for i, p := range s.Points {
		if best < 0 || p.Time.Sub(t).Abs() < s.Points[best].Time.Sub(t).Abs() {
			best = i
		}
	}
	if best < 0 || math.IsNaN(s.Points[best].Value) {
		return Point{}, false
	}
	step := time.Duration(0)
	if best > 0 {
		step = s.Points[best].Time.Sub(s.Points[best-1].Time)
	} else if len(s.Points) > 1 {
		step = s.Points[1].Time.Sub(s.Points[0].Time)
	}
	return s.Points[best], s.Points[best].Time.Sub(t).Abs() <= step
}

// said is the value at a moment.
func (s Series) said(t time.Time, zone *time.Location, format func(float64) string) string {
	p, ok := s.At(t)
	if !ok {
		return "no value at " + t.In(zone).Format("15:04:05")
	}
	return format(p.Value) + " at " + p.Time.In(zone).Format("15:04:05")
}
