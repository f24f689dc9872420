package overview

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/widget"
)

const (
	// wide is from which width on boxes stand side by side.
	wide = 110
	// A screen that is narrower or lower than this has the headline alone.
	smallWidth, smallHeight = 36, 7
	// chartLeast and chartMost are the lines of the charts with their title.
	chartLeast, chartMost = 9, 24
)

// hit is where a row is on the screen.
type hit struct {
	box      boxID
	index    int
	x, y, to int
}

// block is a drawn part of the screen.
type block struct {
	lines []string
	rows  []hit // y counts from the block's first line
}

// inASCII writes what every terminal has in place of signs of one column.
var inASCII = strings.NewReplacer("—", "-", "…", "~", "·", "-", "→", ">", "µ", "u")

// View implements pane.Pane.
func (p *Pane) View(width, height int) string {
	if p.env.ASCII {
		return inASCII.Replace(p.view(width, height))
	}
	return p.view(width, height)
}

func (p *Pane) view(width, height int) string {
	p.hits = p.hits[:0]
	if width <= 0 || height <= 0 {
		return ""
	}
	if e := p.unreachable(); e != nil {
		return p.page(e, width, height)
	}
	lines := p.head(width, height)
	if width < smallWidth || height < smallHeight {
		return widget.Join(lines)
	}
	room := height - len(lines)
	var blocks []block
	if width >= wide {
		blocks = p.broad(width, room)
	} else {
		blocks = p.narrow(width, room)
	}
	for _, b := range blocks {
		for _, h := range b.rows {
			h.y += len(lines)
			p.hits = append(p.hits, h)
		}
		lines = append(lines, b.lines...)
	}
	return widget.Join(lines[:min(len(lines), height)])
}

// head is the headline, in no more lines than leave room for the boxes.
func (p *Pane) head(width, height int) []string {
	text, s := p.headline(width - 2)
	most := min(height, 3)
	if width < smallWidth || height < smallHeight {
		most = height
	}
	lines := widget.Wrap(p.signText(s)+" "+text, width)
	if len(lines) > most {
		lines = lines[:most]
		lines[most-1] = widget.Cut(lines[most-1]+strings.Repeat(" ", width)+".", width) // … says that it goes on
	}
	style := p.signStyle(s)
	if s == ok {
		style = p.env.Theme.OK
	}
	for i, l := range lines {
		lines[i] = style.Render(l)
	}
	return lines
}

// want is how many lines a box can do with, and fill.
type want struct{ least, most int }

// wants says how many lines below its title a box likes.
func (p *Pane) wants(id boxID) want {
	b := &p.boxes[id]
	most := len(b.rows) + len(b.problems)
	if id == servicesBox && len(b.rows) > 0 {
		most++
	}
	least := min(most, [boxCount]int{3, 5, 2, 3, 1}[id])
	if id == p.at.box {
		least = max(least, min(most, 2))
	}
	return want{least, most}
}

// share deals lines out: to each its least, in order, then one by one.
func share(room int, wants []want) (got []int, left int) {
	got = make([]int, len(wants))
	for i, w := range wants {
		got[i] = max(min(w.least, room), 0)
		room -= got[i]
	}
	for dealt := true; dealt && room > 0; {
		dealt = false
		for i, w := range wants {
			if got[i] < w.most && room > 0 {
				got[i]++
				room--
				dealt = true
			}
		}
	}
	return got, max(room, 0)
}

var inOrder = []boxID{alertsBox, servicesBox, rolloutsBox, changesBox, backendsBox}

// narrow has the boxes below each other.
func (p *Pane) narrow(width, room int) []block {
	ids := inOrder[:max(min(len(inOrder), room), 0)]
	wants := make([]want, len(ids))
	for i, id := range ids {
		wants[i] = p.wants(id)
	}
	got, left := share(room-len(ids), wants)
	var out []block
	for i, id := range ids {
		if left >= len(ids)-i {
			out, left = append(out, block{lines: []string{""}}), left-1
		}
		out = append(out, p.box(id, width, got[i]))
	}
	return out
}

// broad has the alerts and the services over the whole width, charts of one
// service where there is room, and below what changed beside the backends.
func (p *Pane) broad(width, room int) []block {
	gap := 0
	if room >= 20 {
		gap = 1
	}
	backends := p.wants(backendsBox)
	wants := []want{p.wants(alertsBox), p.wants(servicesBox), p.wants(rolloutsBox), p.wants(changesBox)}
	wants[3].most = max(wants[3].most, backends.most-wants[2].most-1-gap)
	got, left := share(room-4-4*gap, wants)
	out := make([]block, 0, 8)
	space := func() {
		if gap > 0 {
			out = append(out, block{lines: []string{""}})
		}
	}
	space()
	out = append(out, p.box(alertsBox, width, got[0]))
	space()
	out = append(out, p.box(servicesBox, width, got[1]))
	if left > chartLeast+gap {
		if chart := p.drawCharts(width, min(left-gap, chartMost)); len(chart) > 0 {
			space()
			out = append(out, block{lines: chart})
		}
	}
	space()
	side := (width - 3) * 62 / 100
	leftSide := stack(p.box(rolloutsBox, side, got[2]), gap, p.box(changesBox, side, got[3]))
	rightSide := p.box(backendsBox, width-3-side, len(leftSide.lines)-1)
	return append(out, beside(leftSide, rightSide, side))
}

// stack puts one block below another.
func stack(a block, gap int, b block) block {
	for range gap {
		a.lines = append(a.lines, "")
	}
	for _, h := range b.rows {
		h.y += len(a.lines)
		a.rows = append(a.rows, h)
	}
	a.lines = append(a.lines, b.lines...)
	return a
}

// beside puts one block of the width right of another.
func beside(a, b block, width int) block {
	for i := range max(len(a.lines), len(b.lines)) {
		if i == len(a.lines) {
			a.lines = append(a.lines, "")
		}
		if i < len(b.lines) {
			a.lines[i] = widget.Fit(a.lines[i], width) + "   " + b.lines[i]
		}
	}
	for _, h := range b.rows {
		h.x, h.to = h.x+width+3, h.to+width+3
		a.rows = append(a.rows, h)
	}
	return a
}

// box draws a title and at most height lines below it: the rows around the
// cursor, and what did not answer.
func (p *Pane) box(id boxID, width, height int) block {
	b := &p.boxes[id]
	problems := min(len(b.problems), max(height-min(len(b.rows), 2), min(height, 1)))
	room := max(height-problems, 0)
	cols := p.columns(id, b.rows, width)
	widths := fit(cols, b.rows, width)
	header := id == servicesBox && len(b.rows) > 0 && room > min(len(b.rows), 3)
	if header {
		room--
	}
	room = min(room, len(b.rows))
	top := 0
	if id == p.at.box {
		top = min(max(p.at.index-room/2, 0), len(b.rows)-room)
	}
	out := block{lines: []string{p.title(id, width, room)}}
	if header {
		out.lines = append(out.lines, p.heads(cols, widths, width))
	}
	for i := top; i < top+room; i++ {
		selected := id == p.at.box && i == p.at.index && b.rows[i].key == p.at.key
		out.rows = append(out.rows, hit{box: id, index: i, y: len(out.lines), to: width})
		out.lines = append(out.lines, p.draw(b.rows[i], cols, widths, width, selected))
	}
	for i := range problems {
		text := b.problems[i].line()
		if rest := len(b.problems) - problems; rest > 0 && i == problems-1 {
			text = fmt.Sprintf("(and %d more) %s", rest, text)
		}
		out.lines = append(out.lines, p.env.Theme.Bad.Render(widget.Cut("  "+p.signText(bad)+" "+text, width)))
	}
	return out
}

// title is the first line of a box: what it is, a summary, and how old that is.
func (p *Pane) title(id boxID, width, rows int) string {
	th, b := p.env.Theme, &p.boxes[id]
	rule, dot := p.rule(), "·"
	left := boxTitles[id]
	summary := b.summary
	if n := len(b.rows); rows < n && rows > 0 {
		summary += fmt.Sprintf(" (%d shown)", rows)
	}
	if !p.filter.Empty() {
		summary += fmt.Sprintf(" %s %d match", dot, len(b.rows))
	}
	right := p.freshness(b)
	line := rule + " " + left + " " + dot + " " + summary + " "
	fill := width - widget.Width(line) - widget.Width(right) - 1
	if fill < 0 {
		return widget.Cut(th.Title.Render(left)+" "+p.signStyle(b.sign).Render(summary), width)
	}
	return th.Muted.Render(rule) + " " + th.Title.Render(left) + " " + th.Muted.Render(dot) + " " + p.signStyle(b.sign).Render(summary) + " " +
		th.Muted.Render(strings.Repeat(rule, fill)+" "+right)
}

func (p *Pane) rule() string {
	if p.env.ASCII {
		return "-"
	}
	return "─"
}

// freshness is the age of a box's data. What is as new as it is asked for is
// now: a number that changes every second tells nobody anything.
func (p *Pane) freshness(b *box) string {
	text := ""
	for _, s := range b.sources {
		age, any := s.age(p.env.Now)
		switch {
		case !any && s.waiting && text == "":
			text = "asking…"
		case any && age > 2*s.every+5*time.Second:
			return widget.Age(age) + " old"
		case any:
			text = "now"
		}
	}
	return text
}

// Click implements pane.Clicker.
func (p *Pane) Click(x, y int) tea.Cmd {
	for _, h := range p.hits {
		if h.y != y || x < h.x || x >= h.to || h.index >= len(p.boxes[h.box].rows) {
			continue
		}
		if p.at.box == h.box && p.at.index == h.index && p.moved {
			return p.open()
		}
		p.choose(h.box, h.index)
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	for ; lines > 0; lines-- {
		p.move(1)
	}
	for ; lines < 0; lines++ {
		p.move(-1)
	}
}
