package plot

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// sheet is the grid of a chart: curves in dots above lines of thresholds and
// marks, which fill only cells that no curve touches.
type sheet struct {
	width, height int // cells
	dotsX, dotsY  int
	ascii         bool
	series        int   // how many there are
	last          []int // the cell of each series' last point; -1 for none
	cells         []inked
}

// inked is one cell.
type inked struct {
	bits    uint8 // braille dots
	owner   int   // series whose dots are here, from 1; the lowest of several
	several bool
	letter  rune // in place of dots
	under   rune // of a threshold or a mark
	below   Class
}

func newSheet(width, height int, ascii bool, series int) *sheet {
	s := &sheet{width: width, height: height, dotsX: width, dotsY: height, ascii: ascii, series: series}
	if !ascii {
		s.dotsX, s.dotsY = 2*width, 4*height
	}
	s.cells, s.last = make([]inked, width*height), make([]int, series)
	for i := range s.last {
		s.last[i] = -1
	}
	return s
}

func (s *sheet) cell(x, y int) int {
	if s.ascii {
		return y*s.width + x
	}
	return y/4*s.width + x/2
}

func (s *sheet) set(x, y, series int) {
	c := &s.cells[s.cell(x, y)]
	switch {
	case c.owner == 0:
		c.owner = series + 1
	case c.owner != series+1:
		c.several = true
	}
	if !s.ascii {
		c.bits |= braille[y%4][x%2]
	}
}

// line is Bresenham's (1965), as in canvas.
func (s *sheet) line(x0, y0, x1, y1, series int) {
	if x0 > x1 {
		x0, y0, x1, y1 = x1, y1, x0, y0
	}
	dx, dy := x1-x0, -abs(y1-y0)
	step := 1
	if y1 < y0 {
		step = -1
	}
	for e := dx + dy; ; {
		s.set(x0, y0, series)
		if x0 == x1 && y0 == y1 {
			return
		}
		e2 := 2 * e
		if e2 >= dy && x0 != x1 {
			e += dy
			x0++
		}
		if e2 <= dx && y0 != y1 {
			e += dx
			y0 += step
		}
	}
}

// arrow marks an infinity at the edge.
func (s *sheet) arrow(series, x int, up bool) {
	y, sign := s.dotsY-1, '↓'
	if s.ascii {
		sign = 'v'
	}
	if up {
		if y, sign = 0, '↑'; s.ascii {
			sign = '^'
		}
	}
	c := &s.cells[s.cell(x, y)]
	c.letter = sign
	if c.owner == 0 {
		c.owner = series + 1
	}
}

func (s *sheet) threshold(row int) {
	sign := '┄'
	if s.ascii {
		sign = '-'
	}
	for x := range s.width {
		c := &s.cells[s.cell(x*s.dotsX/s.width, row)]
		c.under, c.below = sign, Limit
	}
}

// group is the marks that share a column.
type group struct {
	column int
	sign   rune
	marks  []Mark
	to     int // column of the latest end; column for none
}

// marks draws a vertical line for every column in which something began.
func (s *sheet) marks(list []Mark, x timeline) []group {
	var groups []group
	perCell := s.dotsX / s.width
	for _, m := range list {
		if m.Time.After(x.to) || (!m.End.IsZero() && m.End.Before(x.from)) || (m.End.IsZero() && m.Time.Before(x.from)) {
			continue
		}
		column := x.dot(m.Time) / perCell
		to := column
		if !m.End.IsZero() {
			to = x.dot(m.End) / perCell
		}
		at := -1
		for i := range groups {
			if groups[i].column == column {
				at = i
			}
		}
		if at < 0 {
			at = len(groups)
			groups = append(groups, group{column: column, sign: signOf(at), to: to})
		}
		groups[at].marks = append(groups[at].marks, m)
		groups[at].to = max(groups[at].to, to)
	}
	line := '┊'
	if s.ascii {
		line = ':'
	}
	for _, g := range groups {
		for y := range s.height {
			c := &s.cells[y*s.width+g.column]
			if c.under == 0 {
				c.under, c.below = line, Event
			}
		}
	}
	return groups
}

// signOf numbers groups: 1 to 9, then A to Z (letters of curves are small),
// then +.
func signOf(i int) rune {
	switch {
	case i < 9:
		return rune('1' + i)
	case i < 9+26:
		return rune('A' + i - 9)
	}
	return '+'
}

// letters writes the names of several curves onto them: at the end, and here
// and there, where a curve is alone in a cell.
func (s *sheet) letters() {
	if s.series < 2 || s.ascii {
		return
	}
	for i, at := range s.last {
		s.letter(at, i)
	}
	const every = 16
	for i := range s.series {
		for x := (i*every/s.series + every/2) % every; x < s.width; x += every {
			for y := range s.height {
				if c := s.cells[y*s.width+x]; c.owner == i+1 && !c.several && c.letter == 0 {
					s.letter(y*s.width+x, i)
					break
				}
			}
		}
	}
}

func (s *sheet) letter(at, series int) {
	if at >= 0 && s.cells[at].owner == series+1 && !s.cells[at].several && s.cells[at].letter == 0 {
		s.cells[at].letter = seriesLetter(series)
	}
}

func seriesLetter(i int) rune { return rune('a' + i) }

// look gives what a cell shows.
func (s *sheet) look(i int) (rune, Class, int) {
	c := s.cells[i]
	class, owner := History, c.owner-1
	if c.several {
		owner = -1
	}
	switch {
	case c.letter != 0:
		return c.letter, class, owner
	case c.owner == 0 && c.under == 0:
		return ' ', Blank, -1
	case c.owner == 0:
		return c.under, c.below, -1
	case !s.ascii:
		return rune(0x2800) + rune(c.bits), class, owner
	case c.several:
		return '#', class, owner
	case s.series == 1:
		return '*', class, owner
	}
	return seriesLetter(owner), class, owner
}

// frame puts the vertical axis before the rows.
func (s *sheet) frame(y scale, label func(float64) string, margin int) []Line {
	vertical, tick := "│", "┤"
	if s.ascii {
		vertical, tick = "|", "+"
	}
	labels := make([]string, s.height)
	for _, t := range y.ticks {
		row := y.dot(t, s.dotsY) * s.height / s.dotsY
		if labels[row] == "" {
			labels[row] = label(t)
		}
	}
	lines := make([]Line, 0, s.height)
	for row := range s.height {
		mark := vertical
		if labels[row] != "" {
			mark = tick
		}
		text := runewidth.Truncate(labels[row], margin, "")
		line := Line{{Class: Axis, Text: strings.Repeat(" ", margin-runewidth.StringWidth(text)) + text + mark}}
		var run strings.Builder
		_, class, owner := s.look(row * s.width)
		for x := range s.width {
			r, cl, ow := s.look(row*s.width + x)
			if cl != class || ow != owner {
				line = append(line, Span{Class: class, Text: run.String(), Series: max(owner, 0)})
				run.Reset()
				class, owner = cl, ow
			}
			run.WriteRune(r)
		}
		lines = append(lines, append(line, Span{Class: class, Text: run.String(), Series: max(owner, 0)}))
	}
	return lines
}
