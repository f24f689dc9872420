package widget

import (
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Width is the number of columns that styled text takes: a wide rune takes
// two, an emoji of several runes counts once, styles and combining marks
// take none.
func Width(s string) int {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}

// Fit makes styled text exactly width columns wide: spaces follow it, or it is
// cut as by Cut.
func Fit(s string, width int) string {
	cut, w := cutFrom(s, 0, width)
	return cut + spaces(width-w)
}

// FitLeft is Fit with the spaces in front, for numbers.
func FitLeft(s string, width int) string {
	cut, w := cutFrom(s, 0, width)
	return spaces(width-w) + cut
}

// Cut makes styled text at most width columns wide and one line, with … in the
// last column where something is missing. Styles that it cuts off are ended.
func Cut(s string, width int) string {
	cut, _ := cutFrom(s, 0, width)
	return cut
}

// From gives what of the line stands from the column on, at most width columns
// of it; a wide character that the edge cuts becomes blanks.
func From(s string, column, width int) string {
	cut, _ := cutFrom(s, column, width)
	return cut
}

// Clip splits a block into lines and gives at most height of them, each at most
// width columns wide.
func Clip(block string, width, height int) []string {
	if height <= 0 || width <= 0 {
		return nil
	}
	out := make([]string, 0, min(height, 64))
	for line := range strings.SplitSeq(block, "\n") {
		if len(out) == height {
			break
		}
		out = append(out, Cut(line, width))
	}
	return out
}

// Join makes a block of lines.
func Join(lines []string) string { return strings.Join(lines, "\n") }

// Columns is a line with text at both of its ends, exactly width columns wide.
// Where there is no room for both with a space between, the right one is cut
// first, down to nothing.
func Columns(left, right string, width int) string {
	l, lw := cutFrom(left, 0, width)
	room := width - lw - 1
	if room <= 0 || right == "" {
		return l + spaces(width-lw)
	}
	r, rw := cutFrom(right, 0, room)
	return l + spaces(width-lw-rw) + r
}

// Wrap breaks styled text at words into lines of at most width columns. A word
// that is longer is broken itself. Every line has its own styles: those that
// go on from the line before are opened again.
func Wrap(s string, width int) []string {
	if width <= 0 {
		return nil
	}
	lines := strings.Split(ansi.Wrap(s, width, ""), "\n")
	if !strings.Contains(s, "\x1b") {
		for i, l := range lines {
			lines[i] = strings.TrimRight(Cut(l, width), " ")
		}
		return lines
	}
	var open string
	for i, l := range lines {
		before := open
		open = carried(open, l)
		l = before + l
		if open != "" {
			l += reset
		}
		lines[i] = Cut(l, width)
	}
	return lines
}

// Age is a length of time as listings write it: the largest unit that fits, and
// one more only where that changes what a person thinks (1h30m, not 26h5m).
func Age(d time.Duration) string {
	const day = 24 * time.Hour
	unit := func(n time.Duration, u string) string { return strconv.FormatInt(int64(n), 10) + u }
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return unit(d/time.Second, "s")
	case d < 2*time.Hour:
		return unit(d/time.Minute, "m")
	case d < 8*time.Hour && d%time.Hour >= time.Minute:
		return unit(d/time.Hour, "h") + unit(d%time.Hour/time.Minute, "m")
	case d < 2*day:
		return unit(d/time.Hour, "h")
	case d < 2*365*day:
		return unit(d/day, "d")
	}
	return unit(d/(365*day), "y")
}

const blanks = "                                                                "

func spaces(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(blanks) {
		return blanks[:n]
	}
	return strings.Repeat(" ", n)
}
