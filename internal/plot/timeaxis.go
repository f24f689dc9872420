package plot

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// pace is the distance of two ticks of a time axis, on the wall clock.
type pace struct {
	months, days int
	clock        time.Duration
	layout       string
}

// paces that a person reads without arithmetic.
var paces = []pace{
	{clock: time.Second, layout: "15:04:05"},
	{clock: 5 * time.Second, layout: "15:04:05"},
	{clock: 10 * time.Second, layout: "15:04:05"},
	{clock: 30 * time.Second, layout: "15:04:05"},
	{clock: time.Minute, layout: "15:04"},
	{clock: 2 * time.Minute, layout: "15:04"},
	{clock: 5 * time.Minute, layout: "15:04"},
	{clock: 10 * time.Minute, layout: "15:04"},
	{clock: 15 * time.Minute, layout: "15:04"},
	{clock: 30 * time.Minute, layout: "15:04"},
	{clock: time.Hour, layout: "15:04"},
	{clock: 2 * time.Hour, layout: "15:04"},
	{clock: 3 * time.Hour, layout: "15:04"},
	{clock: 6 * time.Hour, layout: "15:04"},
	{clock: 12 * time.Hour, layout: "15:04"},
	{days: 1, layout: "01-02"},
	{days: 2, layout: "01-02"},
	{days: 7, layout: "01-02"},
	{days: 14, layout: "01-02"},
	{months: 1, layout: "2006-01"},
	{months: 3, layout: "2006-01"},
	{months: 6, layout: "2006-01"},
	{months: 12, layout: "2006"},
}

// width of a pace's labels with the room between two.
func (p pace) width() int { return len(p.layout) + 3 }

// ticks gives the moments of a pace in the stretch, in the zone; at most
// limit+1 of them. The wall clock decides: a day of 23 hours has its midnight.
func (p pace) ticks(from, to time.Time, zone *time.Location, limit int) []time.Time {
	from = from.In(zone)
	y, m, d := from.Date()
	at := func(k int) time.Time { // the k-th tick since a round one at or before from
		switch {
		case p.months > 0:
			first := (y*12 + int(m) - 1) / p.months * p.months
			return time.Date(0, time.Month(1+first+k*p.months), 1, 0, 0, 0, 0, zone)
		case p.days > 0:
			// Days since a Monday, so that weeks begin with one.
			since := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86400) - 4
			return time.Date(y, m, d-since%p.days+k*p.days, 0, 0, 0, 0, zone)
		}
		passed := time.Duration(from.Hour())*time.Hour + time.Duration(from.Minute())*time.Minute + time.Duration(from.Second())*time.Second
		seconds := int((passed.Truncate(p.clock) + time.Duration(k)*p.clock) / time.Second)
		return time.Date(y, m, d, 0, 0, seconds, 0, zone)
	}
	var out []time.Time
	for k := 0; len(out) <= limit; k++ {
		t := at(k)
		if t.After(to) {
			break
		}
		if !t.Before(from) && (len(out) == 0 || t.After(out[len(out)-1])) {
			out = append(out, t)
		}
	}
	return out
}

// labelAt is the text of a tick: midnight has its date where others have the
// clock.
func (p pace) labelAt(t time.Time) string {
	if p.clock >= time.Minute && t.Hour() == 0 && t.Minute() == 0 {
		return t.Format("01-02")
	}
	return t.Format(p.layout)
}

// timeAxis draws the rule with its ticks and marks, and the labels below.
func (s *sheet) timeAxis(c Chart, x timeline, groups []group, margin int) []Line {
	corner, flat, down, during := "└", '─', '┬', '━'
	if s.ascii {
		corner, flat, down, during = "+", '-', '+', '='
	}
	rule, kinds := make([]rune, s.width), make([]Class, s.width)
	for i := range rule {
		rule[i], kinds[i] = flat, Axis
	}
	text := []byte(strings.Repeat(" ", s.width))
	perCell := s.dotsX / s.width
	chosen := paces[len(paces)-1]
	var ticks []time.Time
	for _, p := range paces {
		limit := max(s.width/p.width(), 1)
		if ticks = p.ticks(c.From, c.To, c.Zone, limit); len(ticks) <= limit {
			chosen = p
			break
		}
	}
	free := 0
	for _, t := range ticks {
		column, label := x.dot(t)/perCell, chosen.labelAt(t)
		if column < free || column+len(label) > s.width {
			continue
		}
		rule[column] = down
		copy(text[column:], label)
		free = column + len(label) + 1
	}
	if free == 0 { // not one tick: the beginning tells where we are
		copy(text, c.From.In(c.Zone).Format("01-02 15:04:05"))
		rule[0] = down
	}
	for _, g := range groups {
		for i := g.column + 1; i <= g.to; i++ {
			rule[i], kinds[i] = during, Event
		}
	}
	for _, g := range groups {
		rule[g.column], kinds[g.column] = g.sign, Event
	}
	if c.looked() {
		if at := x.dot(c.Cursor) / perCell; kinds[at] != Event || rule[at] == during {
			rule[at], kinds[at] = '^', Cursor
		}
	}
	line := Line{{Class: Axis, Text: strings.Repeat(" ", margin) + corner}}
	for start := 0; start < s.width; {
		end := start + 1
		for end < s.width && kinds[end] == kinds[start] {
			end++
		}
		line = append(line, Span{Class: kinds[start], Text: string(rule[start:end])})
		start = end
	}
	zone := c.From.In(c.Zone).Format("MST")
	if runewidth.StringWidth(zone) > margin {
		zone = ""
	}
	return []Line{line, {{Class: Axis, Text: strings.Repeat(" ", margin-len(zone)) + zone + " " + strings.TrimRight(string(text), " ")}}}
}

// legend says what is what, in exactly lines lines; what has no room is
// counted.
func (c *Chart) legend(groups []group, s *sheet, more, lines int, o Options, suffix string, factor float64) []Line {
	format := c.Format
	if format == nil {
		format = func(v float64) string { return fmt.Sprintf("%.4g%s", v/factor, suffix) }
	}
	var curves, events []Line
	for i, one := range c.Series {
		sign := "*"
		if !s.ascii {
			sign = "⠶"
		}
		if len(c.Series) > 1 {
			sign = string(seriesLetter(i))
		}
		stats := summary(one, c.From, c.To, format)
		if runewidth.StringWidth(one.Name)+runewidth.StringWidth(stats) > o.Width-3 {
			stats, _, _ = strings.Cut(stats, ",") // what a curve is comes before how it was
		}
		if c.looked() {
			stats = one.said(c.Cursor, c.Zone, format)
		}
		room := max(o.Width-3-runewidth.StringWidth(stats), 8)
		name := fit(one.Name, room)
		if name == "" {
			name = "value"
		}
		line := fit(name+" "+stats, o.Width-2)
		curves = append(curves, Line{{Class: History, Text: sign, Series: i}, {Class: Axis, Text: " " + line}})
	}
	if more > 0 {
		curves = append(curves, Line{{Class: Axis, Text: fit(fmt.Sprintf("  %d more series are not drawn: aggregate, or pick with topk(%d, …)", more, MaxSeries), o.Width)}})
	}
	if len(c.Thresholds) > 0 {
		parts := make([]string, len(c.Thresholds))
		for i, t := range c.Thresholds {
			parts[i] = format(t)
		}
		sign := "┄"
		if s.ascii {
			sign = "-"
		}
		events = append(events, Line{{Class: Limit, Text: sign}, {Class: Axis, Text: " " + fit("threshold "+strings.Join(parts, ", "), o.Width-2)}})
	}
	layout := "15:04"
	if c.To.Sub(c.From) > 24*time.Hour {
		layout = "01-02 15:04"
	}
	for _, g := range groups {
		for _, m := range g.marks {
			text := m.Time.In(c.Zone).Format(layout) + " " + m.Text
			if !m.End.IsZero() && m.End.Before(c.To) {
				text += " (until " + m.End.In(c.Zone).Format(layout) + ")"
			}
			events = append(events, Line{{Class: Event, Text: string(g.sign)}, {Class: Axis, Text: " " + fit(text, o.Width-2)}})
		}
	}
	room := max(lines-min(len(events), lines/2), min(lines, 1))
	return append(trim(curves, room, o.Width), trim(events, lines-min(len(curves), room), o.Width)...)
}

// trim cuts a section to its room; the last line then counts what is missing.
func trim(section []Line, room, width int) []Line {
	if len(section) <= room {
		return section
	}
	if room <= 0 {
		return nil
	}
	text := fmt.Sprintf("… and %d more", len(section)-room+1)
	return append(section[:room-1:room-1], Line{{Class: Axis, Text: fit(text, width)}})
}

// summary is the last, the least and the greatest value of a series.
func summary(s Series, from, to time.Time, format func(float64) string) string {
	var low, high, last float64
	seen := false
	for _, p := range s.Points {
		if !finite(p.Value) || p.Time.Before(from) || p.Time.After(to) {
			continue
		}
		if !seen {
			low, high, seen = p.Value, p.Value, true
		}
		low, high, last = min(low, p.Value), max(high, p.Value), p.Value
	}
	if !seen {
		return "(no values)"
	}
	return fmt.Sprintf("last %s, min %s, max %s", format(last), format(low), format(high))
}
