package widget

import (
	"strings"

	"github.com/aictl/aictl/tui/theme"
)

// Pager shows lines that were styled before, a page at a time. Lines that are
// longer than the page scroll sideways.
type Pager struct {
	// Match is how what Find found looks; the zero style leaves it as it is.
	Match theme.Style

	lines  []string
	filter Filter
	top    int
	left   int
	height int // of the last View
	width  int
}

// NewPager makes an empty page.
func NewPager() *Pager { return &Pager{height: 10, width: 80} }

// SetLines replaces the lines; each is one line of styled text. The place stays
// where it was. A pager at the bottom stays there only by ToBottom.
func (p *Pager) SetLines(lines []string) {
	p.lines = lines
	p.scrollTo(p.top)
}

// Len is how many lines there are.
func (p *Pager) Len() int { return len(p.lines) }

// Top is the first visible line.
func (p *Pager) Top() int { return p.top }

// Act does a list action; false where the id is none of a page's.
func (p *Pager) Act(id string) bool {
	switch id {
	case "list.up":
		p.Scroll(-1)
	case "list.down":
		p.Scroll(1)
	case "list.pageup":
		p.Scroll(-max(p.height-1, 1)) // a line of the page before stays, to hold on to
	case "list.pagedown":
		p.Scroll(max(p.height-1, 1))
	case "list.top":
		p.scrollTo(0)
	case "list.bottom":
		p.ToBottom()
	case "list.left":
		p.left = max(p.left-shiftStep, 0)
	case "list.right":
		p.left = max(p.left, min(p.left+shiftStep, p.widest(p.left+shiftStep+p.width)-p.width))
	default:
		return false
	}
	return true
}

// widest is the width of the longest visible line, as far as limit.
func (p *Pager) widest(limit int) int {
	longest := 0
	for _, l := range p.visible() {
		_, w := cutFrom(l, 0, limit)
		longest = max(longest, w)
	}
	return longest
}

// Scroll moves by lines, down where positive.
func (p *Pager) Scroll(lines int) { p.scrollTo(p.top + lines) }

func (p *Pager) scrollTo(top int) { p.top = max(0, min(top, len(p.lines)-p.height)) }

// AtBottom says that the last line is visible.
func (p *Pager) AtBottom() bool { return p.top >= len(p.lines)-p.height }

// ToBottom shows the last line.
func (p *Pager) ToBottom() { p.scrollTo(len(p.lines)) }

// Find marks what the expression matches (NewFilter) and scrolls to the first
// line with it, from the top of the page on and then from the start.
func (p *Pager) Find(expr string) {
	if expr == p.filter.String() {
		return
	}
	p.filter = NewFilter(expr)
	p.find(p.top, 1)
}

// Next scrolls to the next line that Find matches, Prev to the one before; false
// where there is no other.
func (p *Pager) Next() bool { return p.find(p.top+1, 1) }

// Prev is Next, upwards.
func (p *Pager) Prev() bool { return p.find(p.top-1, -1) }

func (p *Pager) find(from, step int) bool {
	n := len(p.lines)
	if p.filter.Empty() || n == 0 {
		return false
	}
	for i := range n {
		at := ((from+i*step)%n + n) % n
		if p.filter.Match(plainOf(p.lines[at])) {
			p.scrollTo(at)
			return true
		}
	}
	return false
}

func (p *Pager) visible() []string {
	return p.lines[min(p.top, len(p.lines)):min(p.top+p.height, len(p.lines))]
}

// View draws the page: at most height lines of at most width columns.
func (p *Pager) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	p.width, p.height = width, height
	p.scrollTo(p.top)
	out := make([]string, 0, height)
	for _, l := range p.visible() {
		if !p.filter.Empty() {
			// No further than what is shown: a line may have a megabyte.
			l = p.found(Cut(l, p.left+width+1))
		}
		cut, _ := cutFrom(l, p.left, width)
		out = append(out, cut)
	}
	return strings.Join(out, "\n")
}

// found marks the matches in a styled line.
func (p *Pager) found(line string) string {
	plain := plainOf(line)
	spans := p.filter.Spans(plain)
	if len(spans) == 0 {
		return line
	}
	return highlightStyled(line, plain, spans, p.Match)
}
