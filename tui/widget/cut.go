package widget

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/tui/theme"
)

const (
	reset    = "\x1b[m"
	ellipsis = "…"
)

// cutFrom gives the columns from…from+width of styled text and how many columns
// they take, fewer only where the text ends. It reads no further than it must,
// so that a line of a megabyte costs no more than what is shown of it.
//
// The result is one line: line feeds and tabs become spaces, other controls and
// escape sequences that are no styles vanish. A wide rune that the left edge
// cuts becomes spaces. Where text is missing on the right, … is in the last
// column, and the styles are ended.
func cutFrom(s string, from, width int) (out string, columns int) {
	if width <= 0 {
		return "", 0
	}
	from = max(from, 0)
	// Most text is printable ASCII: its columns are its bytes.
	if n := asciiRun(s, from+width+1); n == len(s) {
		switch {
		case n <= from:
			return "", 0
		case n <= from+width:
			return s[from:], n - from
		}
	} else if n == from+width+1 && (n+1 > len(s) || s[n] < utf8.RuneSelf) && from+width > 0 {
		return s[from:from+width-1] + ellipsis, width
	}
	c := cutter{from: from, width: width}
	return c.cut(s)
}

// asciiRun counts the printable ASCII bytes at the start of s, to at most limit.
func asciiRun(s string, limit int) int {
	n := min(len(s), limit)
	for i := range n {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return i
		}
	}
	return n
}

// cutter writes the visible part of a line.
type cutter struct {
	from, width int
	buf         []byte
	col         int // of the whole text, where the next cluster starts
	shown       int // columns in buf
	// keep is the length of buf, and kept its columns, to go back to when … has
	// to find room.
	keep, kept int
	styled     bool // buf has a style that was not ended
	link       bool // the same of a hyperlink
}

func (c *cutter) cut(s string) (string, int) {
	c.buf = make([]byte, 0, min(len(s), 4*c.width)+16)
	for i := 0; i < len(s); {
		switch b := s[i]; {
		case b == 0x1b:
			n := escapeLen(s[i:])
			c.escape(s[i : i+n])
			i += n
		case b == '\n' || b == '\t':
			if !c.put(" ", 1) {
				return c.overflow()
			}
			i++
		case b < 0x20 || b == 0x7f:
			i++
		case b < utf8.RuneSelf && (i+1 == len(s) || s[i+1] < utf8.RuneSelf):
			if !c.put(s[i:i+1], 1) {
				return c.overflow()
			}
			i++
		default:
			cluster, w := ansi.FirstGraphemeCluster(s[i:], ansi.GraphemeWidth)
			if len(cluster) > maxCluster {
				// A pile of combining marks: no script needs so many.
				i += len(cluster)
				cluster = cluster[:runeStart(cluster, maxCluster)]
			} else {
				i += len(cluster)
			}
			if c1(cluster) {
				continue
			}
			if !c.put(cluster, w) {
				return c.overflow()
			}
		}
	}
	return c.end()
}

// maxCluster bounds the bytes of one character. Emoji of a family take 25, of a
// flag by tags 28.
const maxCluster = 64

// c1 reports a control character of U+0080–U+009F, or a byte that is no UTF-8
// and that a terminal might take for one.
func c1(cluster string) bool {
	r, _ := utf8.DecodeRuneInString(cluster)
	return r >= 0x80 && r < 0xA0
}

// put writes a cluster of w columns; false where it does not fit any more.
func (c *cutter) put(cluster string, w int) bool {
	start := c.col
	c.col += w
	switch {
	case c.col-c.from > c.width:
		return false
	case c.col <= c.from && (w > 0 || c.from > 0):
		return true // left of the window, or a mark on what is
	case start < c.from:
		for ; c.from+c.shown < c.col; c.shown++ {
			c.buf = append(c.buf, ' ')
		}
	default:
		c.buf = append(c.buf, cluster...)
		c.shown += w
	}
	if c.shown < c.width {
		c.keep, c.kept = len(c.buf), c.shown
	}
	return true
}

func (c *cutter) escape(seq string) {
	switch {
	case isReset(seq):
		if c.styled {
			c.buf, c.styled = append(c.buf, seq...), false
		}
	case isStyle(seq):
		c.buf, c.styled = append(c.buf, seq...), true
	case strings.HasPrefix(seq, "\x1b]8;"):
		c.buf = append(c.buf, seq...)
		// The target follows the second semicolon; without one the link ends.
		_, target, _ := strings.Cut(seq[len("\x1b]8;"):], ";")
		c.link = strings.TrimRight(target, "\x07\x1b\\") != ""
	}
}

// overflow ends a text that goes on to the right.
func (c *cutter) overflow() (string, int) {
	tail := c.buf[c.keep:]
	// A style may have been opened, and another ended, in what is cut off; an
	// end too many does no harm.
	styled := c.styled || strings.Contains(string(tail), "\x1b[")
	link := c.link || strings.Contains(string(tail), "\x1b]")
	c.buf = c.buf[:c.keep]
	c.shown = c.kept
	if c.width > 0 {
		c.buf = append(c.buf, ellipsis...)
		c.shown++
	}
	c.styled, c.link = styled, link
	return c.end()
}

func (c *cutter) end() (string, int) {
	if c.link {
		c.buf = append(c.buf, "\x1b]8;;\x1b\\"...)
	}
	if c.styled {
		c.buf = append(c.buf, reset...)
	}
	return string(c.buf), c.shown
}

// escapeLen is the length of the escape sequence at the start of s, which
// starts with ESC; all of s where it never ends.
func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x7e {
				return i // malformed: the rest is text
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b {
				if i+1 < len(s) && s[i+1] == '\\' {
					return i + 2
				}
				return i
			}
		}
		return len(s)
	}
	if s[1] < 0x20 || s[1] > 0x7e {
		return 1
	}
	return 2
}

func isStyle(seq string) bool {
	return len(seq) >= 3 && seq[1] == '[' && seq[len(seq)-1] == 'm' && (seq[2] < '<' || seq[2] > '?')
}

func isReset(seq string) bool { return seq == reset || seq == "\x1b[0m" }

// runeStart is the largest index up to i where a rune of s starts.
func runeStart(s string, i int) int {
	if i >= len(s) {
		return len(s)
	}
	for i > 0 && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}

// cutRune splits the first rune off.
func cutRune(s string) (first, rest string, ok bool) {
	if s == "" {
		return "", "", false
	}
	_, n := utf8.DecodeRuneInString(s)
	return s[:n], s[n:], true
}

// wholeIn widens a part of a text to whole characters.
func wholeIn(s string, from, to int) (start, end int) {
	if ascii(s) {
		return from, to
	}
	start, end = -1, from
	for i := 0; i < len(s) && i < to; {
		cluster, _ := ansi.FirstGraphemeCluster(s[i:], ansi.GraphemeWidth)
		if i+len(cluster) > from {
			if start < 0 {
				start = i
			}
			end = i + len(cluster)
		}
		i += len(cluster)
	}
	if start < 0 {
		start = from
	}
	return start, end
}

// highlightStyled puts parts of a styled line into another style; plain is the
// line without its styles, which the offsets of spans count in.
func highlightStyled(line, plain string, spans [][2]int, match theme.Style) string {
	var b strings.Builder
	var open string // the styles at this place of the line
	i, at, next := 0, 0, 0
	for i < len(line) && next < len(spans) {
		from, to := wholeIn(plain, spans[next][0], spans[next][1])
		// Up to the match, with the styles as they are.
		for i < len(line) && (at < from || line[i] == 0x1b) {
			n := 1
			if line[i] == 0x1b {
				n = escapeLen(line[i:])
				open = carried(open, line[i:i+n])
			} else {
				at++
			}
			b.WriteString(line[i : i+n])
			i += n
		}
		var found strings.Builder
		for i < len(line) && at < to {
			if line[i] == 0x1b {
				n := escapeLen(line[i:])
				open = carried(open, line[i:i+n])
				i += n
				continue
			}
			found.WriteByte(line[i])
			i++
			at++
		}
		if found.Len() > 0 {
			if open != "" {
				b.WriteString(reset)
			}
			b.WriteString(match.Render(found.String()))
			b.WriteString(open)
		}
		next++
	}
	b.WriteString(line[i:])
	return b.String()
}

// plainOf is styled text without its styles.
func plainOf(s string) string {
	i := strings.IndexByte(s, 0x1b)
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for ; i >= 0; i = strings.IndexByte(s, 0x1b) {
		b = append(b, s[:i]...)
		s = s[i:]
		s = s[escapeLen(s):]
	}
	return string(append(b, s...))
}
