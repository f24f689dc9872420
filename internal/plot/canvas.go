package plot

// canvas is a grid of dots: 2 by 4 a cell in braille, one a cell in ASCII.
type canvas struct {
	width, height int // cells
	dotsX, dotsY  int
	ascii         bool
	bits          []uint8 // braille dots of lines
	class         []Class
	marked        []bool
}

func newCanvas(width, height int, ascii bool) *canvas {
	c := &canvas{width: width, height: height, dotsX: width, dotsY: height, ascii: ascii}
	if !ascii {
		c.dotsX, c.dotsY = 2*width, 4*height
	}
	c.bits, c.class, c.marked = make([]uint8, width*height), make([]Class, width*height), make([]bool, width*height)
	return c
}

// braille gives the bit of a dot in U+2800, by row and column.
var braille = [4][2]uint8{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func (c *canvas) cell(x, y int) int {
	if c.ascii {
		return y*c.width + x
	}
	return y/4*c.width + x/2
}

// set lights a dot. A class replaces lower ones, and the band's dots with
// them: a cell is never of two kinds.
func (c *canvas) set(x, y int, class Class) {
	i := c.cell(x, y)
	if class < c.class[i] {
		return
	}
	if class > c.class[i] && c.class[i] == Band {
		c.bits[i] = 0
	}
	c.class[i] = class
	if !c.ascii {
		c.bits[i] |= braille[y%4][x%2]
	}
}

func (c *canvas) column(x, from, to int, class Class) {
	for y := min(from, to); y <= max(from, to); y++ {
		// Every other dot, so that the band looks lighter than a line.
		if c.ascii || (x+y)%2 == 0 || from == to {
			c.set(x, y, class)
		}
	}
}

// line is Bresenham's (1965).
func (c *canvas) line(x0, y0, x1, y1 int, class Class) {
	dx, dy := x1-x0, -abs(y1-y0)
	sy := 1
	if y1 < y0 {
		sy = -1
	}
	for e := dx + dy; ; {
		c.set(x0, y0, class)
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
			y0 += sy
		}
	}
}

// mark shows the whole cell as an anomaly.
func (c *canvas) mark(x, y int) {
	i := c.cell(x, y)
	c.class[i], c.marked[i] = Anomaly, true
}

func (c *canvas) text(i int) rune {
	switch {
	case c.marked[i] && c.ascii:
		return 'X'
	case c.marked[i]:
		return '✕'
	case !c.ascii && c.bits[i] != 0:
		return rune(0x2800) + rune(c.bits[i])
	case !c.ascii:
		return ' '
	}
	return [...]rune{Blank: ' ', Axis: ' ', Band: ':', History: '*', Forecast: 'o', Anomaly: 'X', Limit: '-', Event: ':'}[c.class[i]]
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
