//go:build ignore

// Renders a captured terminal (text with SGR sequences, on standard input) as
// SVG, on standard output. Every cell has its place, and braille is drawn as
// dots, so that the picture does not depend on the reader's fonts.
//
//	go run docs/img/svg.go < screen.ansi > screen.svg
package main

import (
	"bufio"
	"fmt"
	"html"
	"os"
	"strconv"
	"strings"
)

const (
	cellW, cellH = 8.4, 18.0
	margin       = 16.0
)

var colors = map[int]string{
	30: "#45475a", 31: "#f38ba8", 32: "#a6e3a1", 33: "#f9e2af", 34: "#89b4fa", 35: "#f5c2e7", 36: "#94e2d5", 37: "#bac2de",
	90: "#6c7086", 91: "#f38ba8", 92: "#a6e3a1", 93: "#f9e2af", 94: "#89b4fa", 95: "#f5c2e7", 96: "#94e2d5", 97: "#ffffff",
}

const plain = "#cdd6f4"

type style struct {
	color     string
	back      string // empty is the terminal's own
	bold, dim bool
}

// indexed gives a colour of the 256: 16 of the terminal's, a cube, greys.
func indexed(n int) string {
	switch {
	case n < 8:
		return colors[30+n]
	case n < 16:
		return colors[90+n-8]
	case n >= 232:
		v := 8 + 10*(n-232)
		return fmt.Sprintf("#%02x%02x%02x", v, v, v)
	}
	level := func(i int) int {
		if i == 0 {
			return 0
		}
		return 55 + 40*i
	}
	n -= 16
	return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6))
}

// long reads 38;5;N and 38;2;R;G;B, and says how many codes they take.
func long(codes []int) (color string, taken int) {
	switch {
	case len(codes) >= 3 && codes[1] == 5:
		return indexed(codes[2]), 3
	case len(codes) >= 5 && codes[1] == 2:
		return fmt.Sprintf("#%02x%02x%02x", codes[2], codes[3], codes[4]), 5
	}
	return plain, len(codes)
}

func (s style) apply(text string) style {
	var codes []int
	for _, c := range strings.Split(text, ";") {
		n, _ := strconv.Atoi(c)
		codes = append(codes, n)
	}
	for len(codes) > 0 {
		n, taken := codes[0], 1
		switch {
		case n == 0:
			s = style{color: plain}
		case n == 1:
			s.bold = true
		case n == 2:
			s.dim = true
		case n == 22:
			s.bold, s.dim = false, false
		case n == 38:
			s.color, taken = long(codes)
		case n == 39:
			s.color = plain
		case n == 48:
			s.back, taken = long(codes)
		case n == 49:
			s.back = ""
		case colors[n] != "":
			s.color = colors[n]
		}
		codes = codes[taken:]
	}
	return s
}

func main() {
	var body strings.Builder
	row, widest := 0, 0
	st := style{color: plain}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for ; in.Scan(); row++ {
		col := 0
		line := in.Text()
		for line != "" {
			if rest, ok := strings.CutPrefix(line, "\x1b["); ok {
				end := strings.IndexAny(rest, "mABCDEFGHJKf")
				if end < 0 {
					break
				}
				if rest[end] == 'm' {
					st = st.apply(rest[:end])
				}
				line = rest[end+1:]
				continue
			}
			r := []rune(line)[0]
			line = line[len(string(r)):]
			if r >= 0x20 {
				cell(&body, r, row, col, st)
				col++
			}
		}
		widest = max(widest, col)
	}
	w, h := 2*margin+float64(widest)*cellW, 2*margin+float64(row)*cellH
	fmt.Printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="14">`+"\n", w, h, w, h)
	fmt.Printf(`<rect width="%.0f" height="%.0f" rx="8" fill="#1e1e2e"/>`+"\n%s</svg>\n", w, h, body.String())
}

// dots are the bits of a braille character by column and row of its cell.
var dots = [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

func cell(b *strings.Builder, r rune, row, col int, st style) {
	x, y := margin+float64(col)*cellW, margin+float64(row)*cellH
	opacity := ""
	if st.dim {
		opacity = ` opacity="0.6"`
	}
	if st.back != "" {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, cellW+0.2, cellH, st.back)
	}
	switch {
	case r == ' ' || r == 0x2800:
	case r >= 0x2581 && r <= 0x2588: // blocks, by eighths from below
		h := cellH * float64(r-0x2580) / 8
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"%s/>`+"\n", x, y+cellH-h, cellW, h, st.color, opacity)
	case r > 0x2800 && r <= 0x28ff:
		for i := range dots {
			for j, bit := range dots[i] {
				if (r-0x2800)&bit != 0 {
					fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="1.3" fill="%s"%s/>`, x+cellW*(0.25+0.5*float64(i)), y+cellH*(0.125+0.25*float64(j)), st.color, opacity)
				}
			}
		}
		b.WriteByte('\n')
	case arms[r] != [4]bool{}: // box drawing, joined
		box(b, r, x, y, st.color, opacity)
	default:
		weight := ""
		if st.bold {
			weight = ` font-weight="bold"`
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s"%s%s>%s</text>`+"\n", x, y+cellH*0.75, st.color, weight, opacity, html.EscapeString(string(r)))
	}
}

// arms are the sides that a box character reaches: left, right, up, down.
var arms = map[rune][4]bool{
	'─': {true, true, false, false}, '│': {false, false, true, true}, '└': {false, true, true, false},
	'╭': {false, true, false, true}, '╮': {true, false, false, true}, '╰': {false, true, true, false}, '╯': {true, false, true, false},
	'┌': {false, true, false, true}, '┐': {true, false, false, true}, '┘': {true, false, true, false}, '┼': {true, true, true, true},
	'┤': {true, false, true, true}, '┬': {true, true, false, true}, '├': {false, true, true, true}, '┴': {true, true, true, false},
}

func box(b *strings.Builder, r rune, x, y float64, color, opacity string) {
	cx, cy := x+cellW/2, y+cellH/2
	ends := [4][2]float64{{x, cy}, {x + cellW, cy}, {cx, y}, {cx, y + cellH}}
	for i, on := range arms[r] {
		if on {
			fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"%s/>`, cx, cy, ends[i][0], ends[i][1], color, opacity)
		}
	}
	b.WriteByte('\n')
}
