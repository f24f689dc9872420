package say

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

// Page gathers the lines of a page: every text is made safe, wrapped to the
// width and styled line by line, so that no style runs over an end.
type Page struct {
	th    *theme.Theme
	width int
	lines []string
}

// NewPage begins a page of a width.
func NewPage(th *theme.Theme, width int) *Page { return &Page{th: th, width: max(width, 1)} }

// Width is how wide the page is.
func (p *Page) Width() int { return p.width }

// Lines are the page.
func (p *Page) Lines() []string { return p.lines }

// Add takes lines that are styled and safe already.
func (p *Page) Add(lines ...string) { p.lines = append(p.lines, lines...) }

// Blank leaves a line free, but at the top and after another one.
func (p *Page) Blank() {
	if n := len(p.lines); n > 0 && p.lines[n-1] != "" {
		p.lines = append(p.lines, "")
	}
}

// Head is a heading, with a free line before it.
func (p *Page) Head(text string) {
	p.Blank()
	p.lines = append(p.lines, p.th.Header.Render(Line(text)))
}

// labelWidth is the column in which the values of fields begin.
const labelWidth = 13

// Field is a name and a value; nothing where there is no value.
func (p *Page) Field(name, value string) {
	if value == "" {
		return
	}
	indent := labelWidth
	if p.width < 3*labelWidth { // a narrow terminal has no room for a column of names
		p.Text("", p.th.Muted, name)
		p.Text(" ", p.th.Text, value)
		return
	}
	for i, line := range wrap(value, p.width-indent) {
		head := strings.Repeat(" ", indent)
		if i == 0 {
			head = p.th.Muted.Render(term.PadRight(name, indent-1) + " ")
		}
		p.lines = append(p.lines, head+line)
	}
}

// Text is running text; nothing where there is none. The first line begins with
// the lead, the others are indented as far.
func (p *Page) Text(lead string, style theme.Style, text string) {
	if text == "" {
		return
	}
	indent := strings.Repeat(" ", term.Width(lead))
	for i, line := range wrap(text, p.width-len(indent)) {
		if i == 0 {
			p.lines = append(p.lines, lead+style.Render(line))
			continue
		}
		p.lines = append(p.lines, indent+style.Render(line))
	}
}

// Line is one line, which is cut where it is too long.
func (p *Page) Line(style theme.Style, text string) {
	p.lines = append(p.lines, style.Render(term.Truncate(Line(text), p.width)))
}

// maxText is the most bytes of one text that a page shows: what is longer is
// no text for people.
const maxText = 4000

func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

func wrap(text string, width int) []string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimRight(clip(text), "\n"), "\n") {
		out = append(out, strings.Split(ansi.Wrap(term.SafeLine(line), max(width, 1), ""), "\n")...)
	}
	return out
}
