package overview

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/tui/widget"
)

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
	if p.inPast() && p.ofNow(id) {
		left += " as of now"
	}
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
	if p.inPast() && b.sources[0].follows {
		if len(b.sources[0].parts) > 0 {
			return "past"
		}
		return text
	}
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
