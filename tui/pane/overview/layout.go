package overview

import (
	"strings"

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
