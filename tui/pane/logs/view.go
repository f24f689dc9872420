package logs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/where"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

const (
	// besideWidth is the width of the fields beside the lines; where there is
	// no room for both they stand in their place.
	besideWidth = 40
	besideFrom  = 110
)

func (p *Pane) theme() *theme.Theme { return p.env.Theme }

// View implements pane.Pane.
func (p *Pane) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	p.width, p.height = width, height
	p.view.Now, p.view.Zone = p.env.Now, p.env.Zone
	p.view.Empty = p.emptyText()
	var out []string
	if height >= 3 || p.input != nil {
		out = append(out, p.headLines(width, height)...)
	}
	out = append(out, p.trouble(width, height)...)
	if rows := histRows(height); rows > 0 && !p.noHist && !p.detail.open && p.mode == showLines {
		out = append(out, p.drawHistogram(width, rows)...)
	}
	out = out[:min(len(out), max(height-1, 1))]
	p.body = len(out)
	if room := height - len(out); room > 0 {
		out = append(out, p.drawBody(width, room)...)
	}
	out = out[:min(len(out), height)]
	for i := range out {
		out[i] = widget.Cut(out[i], width)
	}
	return strings.Join(out, "\n")
}

// histRows is how many lines the histogram gets of a height.
func histRows(height int) int {
	switch {
	case height >= 40:
		return 6
	case height >= 18:
		return 4
	case height >= 12:
		return 3
	}
	return 0
}

func (p *Pane) drawBody(width, height int) []string {
	switch {
	case p.detail.open:
		return p.detail.draw(p, width, height)
	case p.mode == showPatterns:
		return p.patterns.draw(width, height)
	case p.mode == showDiff:
		return p.diff.draw(width, height)
	case p.facets.open && width < besideFrom:
		return p.facets.draw(width, height)
	case p.facets.open:
		lines := splitLines(p.view.View(width-besideWidth-3, height))
		side := p.facets.draw(besideWidth, height)
		bar := "│"
		if p.env.ASCII {
			bar = "|"
		}
		out := make([]string, height)
		for i := range out {
			out[i] = widget.Fit(lineAt(lines, i), width-besideWidth-3) + p.env.Theme.Muted.Render(" "+bar+" ") + lineAt(side, i)
		}
		return out
	}
	return splitLines(p.view.View(width, height))
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// headLines are the query and what the lines are; while the query is typed,
// what is wrong with it and the words that may follow.
func (p *Pane) headLines(width, height int) []string {
	th := p.env.Theme
	if p.input != nil {
		out := []string{p.input.View(width)}
		switch {
		case p.wrong != nil:
			out = append(out, th.Bad.Render("! "+term.SafeLine(said(p.wrong))))
		case p.input.Offering():
			out = append(out, p.input.Popup(width, max(min(6, height-3), 1))...)
		}
		return out[:min(len(out), max(height-1, 1))]
	}
	query := th.Muted.Render("all lines")
	if p.query.text != "" {
		query = th.Accent.Render("query ") + th.Bold.Render(term.SafeLine(p.query.text))
	}
	if width < 40 { // one of them
		if p.query.text != "" {
			return []string{query}
		}
		return []string{p.state()}
	}
	return []string{widget.Columns(widget.Cut(query, max(width*2/5, width-70)), p.state(), width)}
}

// said is an error with what to do next.
func said(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	if s := (*where.SyntaxError)(nil); errors.As(err, &s) {
		// The error shows the place by a second line, for which there is no room.
		return fmt.Sprintf("where, column %d: %s", s.Column(), s.Problem)
	}
	if e := (*fail.Error)(nil); errors.As(err, &e) && e.Next != "" {
		text += " (" + e.Next + ")"
	}
	return text
}

// state says what is shown and how new it is, in words.
func (p *Pane) state() string {
	th := p.env.Theme
	var parts []string
	say := func(style theme.Style, text string) { parts = append(parts, style.Render(text)) }
	if below := p.view.Below(); below > 0 && p.mode == showLines {
		say(th.Warn, grouped(int64(below))+" new below")
	}
	switch p.source {
	case fromTail:
		switch {
		case p.loading:
			say(th.Info, "searching…")
		case p.retrying():
			say(th.Bad, "reconnecting")
		case len(p.tails) == 0 || p.anyEnded():
			say(th.Bad, "not followed")
		case p.view.Following():
			say(th.OK, "live")
		default:
			say(th.Info, "paused, F follows")
		}
	case fromWindow:
		say(th.Info, "window "+p.clock(p.env.Window.End.Add(-p.env.Window.Span))+" to "+p.clock(p.env.Window.End))
	case fromPast:
		say(th.Info, "around "+p.clock(p.env.Window.Cursor)+", F back to now")
	}
	if p.source != fromTail && p.loading {
		say(th.Info, "searching…")
	}
	if p.older.loading {
		say(th.Info, "older lines come…")
	}
	if p.expr != "" {
		text := grouped(int64(p.view.Shown())) + " of " + grouped(int64(p.view.Len())) + " match"
		if done, all := p.view.Progress(); done < all && all > 0 {
			text += ", " + grouped(int64(100*done/all)) + "% searched"
		}
		switch around := contexts[p.around]; {
		case around == widget.AllLines:
			text += ", all shown"
		case around > 0:
			text += ", ±" + grouped(int64(around))
		}
		say(th.Accent, text)
	} else {
		text := count(int64(p.view.Len()), "line", "lines")
		if p.older.more {
			text += "+" // older ones come when the person scrolls there
		}
		if dropped := p.view.Buf().Dropped(); dropped > 0 {
			text += ", " + grouped(dropped) + " older let go"
		}
		say(th.Muted, text)
	}
	if n := p.view.Marked(); n > 0 {
		say(th.Marked, grouped(int64(n))+" marked")
	}
	return strings.Join(parts, th.Muted.Render(" · "))
}

func (p *Pane) retrying() bool {
	for _, t := range p.tails {
		if t.broken != nil && !t.ended {
			return true
		}
	}
	return false
}

// trouble names the contexts that did not answer, and what the stores said
// about their answers: a line each, two at most.
func (p *Pane) trouble(width, height int) []string {
	th := p.env.Theme
	var out []string
	for _, f := range p.failed {
		out = append(out, th.Bad.Render("! "+p.whose(f.context)+"no answer: "+term.SafeLine(said(f.err))))
	}
	for _, c := range p.env.Contexts {
		if t := p.tails[c.Name]; t != nil && t.broken != nil {
			text := "the tail broke: " + term.SafeLine(said(t.broken))
			if wait := t.retry.Sub(p.env.Now); !t.ended && wait > 0 {
				text = "trying again in " + pane.Short(wait.Round(time.Second)) + ": " + term.SafeLine(said(t.broken))
			}
			out = append(out, th.Bad.Render("! "+p.whose(c.Name)+text))
		}
	}
	if len(p.hist.failed) > 0 && len(p.failed) == 0 && !p.noHist {
		f := p.hist.failed[0]
		out = append(out, th.Warn.Render("! "+p.whose(f.context)+"no counts over time: "+term.SafeLine(said(f.err))))
	}
	for _, r := range p.remarks {
		out = append(out, th.Warn.Render("! "+term.SafeLine(r)))
	}
	most := 2
	if height < 8 {
		most = 1
	}
	return out[:min(len(out), most)]
}

// whose names a context where there are several.
func (p *Pane) whose(context string) string {
	if !p.several() {
		return ""
	}
	return term.SafeLine(context) + ": "
}

func (p *Pane) emptyText() string {
	switch {
	case p.loading:
		return "searching…"
	case len(p.failed) > 0 && len(p.failed) == len(p.env.Contexts):
		return "no lines: the log store did not answer. r asks again"
	case p.query.text != "":
		return "no line of the last " + pane.Short(p.env.Window.Span) + " matches the query. - widens the window, u clears the query"
	case p.source == fromTail:
		return "no lines in the last " + pane.Short(p.env.Window.Span) + ". New ones appear as they come; - widens the window"
	}
	return "no lines in this window. [ and ] move it, - widens it"
}

// Click implements pane.Clicker.
func (p *Pane) Click(x, y int) tea.Cmd {
	y -= p.body
	if y < 0 || p.detail.open {
		return nil
	}
	switch {
	case p.mode == showPatterns:
		return clickRow(p, p.patterns.table, y)
	case p.mode == showDiff:
		return clickRow(p, p.diff.table, y)
	case p.facets.open && (p.width < besideFrom || x >= p.width-besideWidth):
		before, _ := p.facets.tree.Current()
		if !p.facets.tree.Click(y - 1) {
			return nil
		}
		if now, _ := p.facets.tree.Current(); now == before && now != nil && now.Value.leaf {
			return p.open()
		}
	default:
		before, followed := p.view.Cursor(), p.view.Following()
		if p.view.Click(y) && p.view.Cursor() == before && !followed {
			return p.open()
		}
	}
	return nil
}

// clickRow selects a row of a table; a second click on it opens it.
func clickRow[T any](p *Pane, t *widget.Table[T], y int) tea.Cmd {
	if p.height-p.body > 3 { // below the title
		y--
	}
	before, _ := t.Current()
	if t.Click(y) {
		if now, _ := t.Current(); now == before {
			return p.open()
		}
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	switch {
	case p.detail.open:
		p.detail.pager.Scroll(lines)
	case p.mode == showPatterns:
		p.patterns.table.Scroll(lines)
	case p.mode == showDiff:
		p.diff.table.Scroll(lines)
	case p.facets.open && p.width < besideFrom:
		p.facets.tree.Scroll(lines)
	default:
		p.view.Scroll(lines)
	}
}
