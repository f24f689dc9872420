package widget

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
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
	// joined says that what stood apart in the text no longer does: a mark may
	// now belong to the character before it and change its width.
	joined, again bool
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
			c.joined = true
			if !c.put(" ", 1) {
				return c.overflow()
			}
			i++
		case b < 0x20 || b == 0x7f:
			c.joined = true
			i++
		case b < utf8.RuneSelf && (i+1 == len(s) || s[i+1] < utf8.RuneSelf):
			if !c.put(s[i:i+1], 1) {
				return c.overflow()
			}
			i++
		default:
			cluster, w := ansi.FirstGraphemeCluster(s[i:], ansi.GraphemeWidth)
			if !utf8.ValidString(cluster) {
				// A terminal might take a single byte for a control.
				s, i = strings.ToValidUTF8(s[i:], "\ufffd"), 0
				continue
			}
			i += len(cluster)
			if len(cluster) > maxCluster {
				// A pile of combining marks: no script needs so many.
				cluster = cluster[:runeStart(cluster, maxCluster)]
				w = ansi.StringWidth(cluster)
			}
			if c1(cluster) {
				c.joined = true
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

// c1 reports a control character of U+0080–U+009F.
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
		c.buf, c.styled = append(c.buf, seq...), false
	case isStyle(seq):
		c.buf, c.styled = append(c.buf, seq...), true
	default:
		if target, ok := linkTarget(seq); ok {
			c.buf, c.link = append(c.buf, seq...), target != ""
		} else {
			c.joined = true
		}
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
	if c.styled || joinsNext(c.buf) {
		c.buf = append(c.buf, reset...)
	}
	out := string(c.buf)
	if !c.joined || c.again || ascii(out) {
		return out, c.shown
	}
	again := cutter{width: c.width, again: true}
	return again.cut(out)
}

// joinsNext says that the text ends in one of the few runes that take the next
// character in, as U+0600 does: a space behind it would not have a column.
func joinsNext(b []byte) bool {
	if len(b) == 0 || b[len(b)-1] < utf8.RuneSelf {
		return false
	}
	r, _ := utf8.DecodeLastRune(b)
	s := string(r)
	return r >= 0x600 && ansi.StringWidth(s+" ") <= ansi.StringWidth(s)
}

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
