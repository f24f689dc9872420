package chat

import (
	"fmt"
	"strings"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// drawn remembers what the page holds, so that idle frames cost nothing.
type drawn struct {
	width, sum         int
	skin               string
	promptTop, listTop int // for the mouse
}

// View implements pane.Pane.
func (p *Pane) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	view := p.view(width, height)
	if p.env.ASCII {
		return inASCII.Replace(view)
	}
	return view
}

// inASCII writes what every terminal has in place of the pane's own signs.
var inASCII = strings.NewReplacer("—", "-", "…", "~", "·", "-", "─", "-", "✗", "x", "▸", ">", "⚙", "*", "•", "*", "│", "|")

func (p *Pane) view(width, height int) string {
	var lines []string
	if height > 5 {
		lines = append(lines, p.header(width))
	}
	prompt := p.prompt.Lines(width, min(max(height/3, 1), 8))
	if p.prompt.Value() == "" && !p.prompt.Focused() {
		prompt = []string{p.env.Theme.Muted.Render(widget.Cut("> "+p.keyOf("chat.type", "enter")+": ask a question", width))}
	}
	if height > 5 {
		prompt = append([]string{p.env.Theme.Border.Render(strings.Repeat("─", width))}, prompt...)
	}
	prompt = prompt[max(len(prompt)-height, 0):]
	room := height - len(lines) - len(prompt)
	p.drawn.listTop, p.drawn.promptTop = len(lines)+1, height-len(prompt)
	if p.picker != nil {
		return widget.Join(append(lines, p.listLines(width, height-len(lines))...))
	}
	if room > 0 {
		body := p.conversation(width, room)
		lines = append(lines, body...)
		for range room - len(body) {
			lines = append(lines, "")
		}
	}
	for _, l := range prompt {
		lines = append(lines, widget.Cut(l, width))
	}
	return widget.Join(lines)
}

// header says what conversation this is, and what it waits for.
func (p *Pane) header(width int) string {
	th := p.env.Theme
	left := "not in a session"
	if p.session != "" {
		left = "session " + term.SafeLine(p.session)
	}
	model := p.model
	if model == "" {
		model = "the default model"
		if t := p.lastAnswer(); t != nil && t.model != "" {
			model = t.model
		}
	}
	left += " · " + term.SafeLine(model)
	if len(p.env.Contexts) > 1 {
		left += " · " + term.SafeLine(p.env.Primary().Name)
	}
	in, out := p.tokens()
	if in+out > 0 {
		left += fmt.Sprintf(" · %d tokens", in+out)
	}
	right := ""
	switch {
	case p.busy() != nil:
		right = th.Warn.Render(fmt.Sprintf("answering… %s (%s stops)", widget.Age(p.env.Now.Sub(p.busy().asked)), p.keyOf("chat.cancel", "ctrl+x")))
	case p.loading:
		right = th.Warn.Render("reading the session…")
	}
	if !p.follow {
		if right != "" {
			right += " · "
		}
		right += th.Info.Render("scrolled back")
	}
	return widget.Columns(th.Muted.Render(widget.Cut(left, max(width-widget.Width(right)-1, 1))), right, width)
}

func (p *Pane) tokens() (in, out int64) {
	for _, t := range p.turns {
		if t.usage != nil {
			in, out = in+t.usage.InputTokens, out+t.usage.OutputTokens
		}
	}
	return in, out
}

// conversation is the page of what was said.
func (p *Pane) conversation(width, height int) []string {
	th := p.env.Theme
	sum := 0
	for _, t := range p.turns {
		sum += t.version + 1
	}
	if p.drawn.width != width || p.drawn.skin != th.Name || p.drawn.sum != sum || p.page.Len() == 0 || len(p.turns) == 0 {
		p.drawn.width, p.drawn.skin, p.drawn.sum = width, th.Name, sum
		p.page.Match = th.Match
		var lines []string
		for i, t := range p.turns {
			if i > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, p.turnLines(t, width)...)
		}
		if len(p.turns) == 0 {
			lines = p.welcome(width)
		}
		p.page.SetLines(lines)
	}
	view := p.page.View(width, height)
	if p.follow && !p.page.AtBottom() {
		p.page.ToBottom()
		view = p.page.View(width, height)
	}
	return strings.Split(view, "\n")
}

func wrapped(style theme.Style, text string, width int) []string {
	lines := widget.Wrap(text, width)
	for i, l := range lines {
		lines[i] = style.Render(l)
	}
	return lines
}

// turnLines draws a turn; what is over is drawn once.
func (p *Pane) turnLines(t *turn, width int) []string {
	s, skin := &t.shown, p.env.Theme.Name
	if t.busy || s.whole == nil || s.version != t.version || s.width != width || s.skin != skin {
		s.whole = p.drawTurn(t, width)
	}
	return s.whole
}

// drawTurn draws a question, the tools that were called, the answer, and how it
// ended.
func (p *Pane) drawTurn(t *turn, width int) []string {
	th := p.env.Theme
	var out []string
	if t.question != "" {
		out = append(out, wrapped(th.Accent, "▸ "+term.Safe(bounded(t.question)), width)...)
	}
	for _, tool := range t.tools {
		line := "⚙ the model asks for " + bounded(tool.Name) + " " + bounded(tool.Arguments)
		if command := toolCommand(tool); command != "" {
			line = "⚙ " + bounded(command)
		}
		out = append(out, th.Info.Render(widget.Cut(term.SafeLine(line), width)))
	}
	for _, notice := range t.notices {
		out = append(out, wrapped(th.Warn, term.SafeLine(bounded(notice)), width)...)
	}
	out = append(out, t.answerLines(width, th.Name, th.Name != theme.Mono)...)
	switch {
	case t.err != nil:
		out = append(out, wrapped(th.Bad, "✗ "+string(t.err.Code)+": "+term.SafeLine(bounded(t.err.Error())), width)...)
		next := p.keyOf("chat.again", "R") + " asks again"
		if t.err.Next != "" {
			next = term.SafeLine(bounded(t.err.Next)) + "; " + next
		}
		out = append(out, wrapped(th.Accent, "  next: "+next, width)...)
	case t.canceled:
		out = append(out, wrapped(th.Warn, "✗ stopped; the conversation goes on", width)...)
	case t.busy && t.text.Len() == 0:
		out = append(out, th.Muted.Render(widget.Cut("…", width)))
	case t.cut:
		out = append(out, wrapped(th.Warn, fmt.Sprintf("… the answer is longer than %d KiB: the rest is not shown", mostAnswer>>10), width)...)
	case t.finish == "length":
		out = append(out, wrapped(th.Warn, "… cut off at the most tokens that an answer may have", width)...)
	case t.finish == "content_filter":
		out = append(out, wrapped(th.Warn, "… cut off by the provider's filter", width)...)
	}
	if n := len(t.evidence); n > 0 && !t.busy {
		out = append(out, wrapped(th.Muted, fmt.Sprintf("evidence: %d — %s lists it", n, p.keyOf("chat.evidence", "e")), width)...)
	}
	return out
}

// bounded is as much of a text as a screen needs.
func bounded(s string) string {
	const most = 8 << 10
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// welcome is what an empty conversation shows.
func (p *Pane) welcome(width int) []string {
	th := p.env.Theme
	if e := p.trouble; e != nil {
		lines := wrapped(th.Bad, "✗ the session could not be read: "+string(e.Code)+": "+term.SafeLine(bounded(e.Error())), width)
		next := "r reads it again"
		if e.Next != "" {
			next = term.SafeLine(bounded(e.Next)) + "; " + next
		}
		return append(lines, wrapped(th.Accent, "  next: "+next, width)...)
	}
	if p.loading {
		return []string{th.Muted.Render(widget.Cut("reading the session…", width))}
	}
	var out []string
	for _, l := range []string{
		"Ask about this platform: what runs, what fires, how a command is used.",
		"", "  what is running?", "  is everything healthy?", "  how do I forecast a series?", "",
		"Answers name their evidence. Nothing that is answered here is run.",
	} {
		out = append(out, wrapped(th.Muted, l, width)...)
	}
	return out
}

// listLines draws the open list.
func (p *Pane) listLines(width, height int) []string {
	th, l := p.env.Theme, p.picker
	title := l.title()
	if l.waiting && l.table.Total() == 0 {
		title += " · asking…"
	}
	lines := []string{th.Title.Render(widget.Cut(title, width))}
	if l.err != nil {
		text := "✗ " + string(l.err.Code) + ": " + term.SafeLine(bounded(l.err.Error()))
		if l.err.Next != "" {
			text += " — next: " + term.SafeLine(bounded(l.err.Next))
		}
		lines = append(lines, wrapped(th.Bad, text, width)...)
	}
	lines = lines[:min(len(lines), height)]
	p.drawn.listTop = p.drawn.listTop - 1 + len(lines)
	if room := height - len(lines); room > 0 && (l.table.Total() > 0 || !l.waiting && l.err == nil) {
		lines = append(lines, strings.Split(l.table.View(width, room), "\n")...)
	}
	return lines[:min(len(lines), height)]
}
