package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// overlay is what lies over the panes and takes the keys: a question, a page,
// the palette. The topmost has them all.
type overlay interface {
	// key takes a key press or a paste; done closes the overlay.
	key(a *App, msg tea.Msg) (cmd tea.Cmd, done bool)
	// view draws it in at most height lines of at most width columns.
	view(width, height int) []string
}

func (a *App) push(o overlay) { a.over = append(a.over, o) }

// pop takes o away, wherever it lies: its key may have put another on top.
func (a *App) pop(o overlay) {
	for i := len(a.over) - 1; i >= 0; i-- {
		if a.over[i] == o {
			a.over = append(a.over[:i], a.over[i+1:]...)
			return
		}
	}
}

func (a *App) top() overlay {
	if len(a.over) == 0 {
		return nil
	}
	return a.over[len(a.over)-1]
}

// page is a text to read.
type page struct {
	env   *pane.Env
	title string
	body  *widget.Pager
	find  *widget.Input
}

func newPage(env *pane.Env, title string, lines []string) *page {
	p := &page{env: env, title: term.SafeLine(title), body: widget.NewPager()}
	p.body.SetLines(lines)
	return p
}

func (p *page) key(_ *App, msg tea.Msg) (tea.Cmd, bool) {
	k, ok := msg.(tea.KeyPressMsg)
	if p.find != nil {
		switch {
		case ok && (k.String() == "enter" || k.String() == "esc"):
			p.find = nil
		default:
			cmd := p.find.Update(msg)
			p.body.Find(p.find.Value())
			return cmd, false
		}
		return nil, false
	}
	if !ok {
		return nil, false
	}
	switch k.String() {
	case "esc", "q", "enter", "?", "!":
		return nil, true
	case "/":
		p.find = widget.NewInput("/")
		p.find.Focus()
		return nil, false
	}
	if act, found := p.env.Keys.Find(k.String(), widget.ListActions()); found {
		p.body.Act(act.ID)
	}
	return nil, false
}

func (p *page) view(width, height int) []string {
	foot := "esc closes · ↑↓ pgup pgdn scroll · / finds"
	if p.env.ASCII {
		foot = "esc closes, arrows scroll, / finds"
	}
	if p.find != nil {
		foot = p.find.View(width - 4)
	}
	return frameBox(p.env, p.title, foot, width, height, p.body.View)
}

// frameBox draws a frame with a title, a body and a line at its foot. Where
// there is no room for a frame the body stands alone.
func frameBox(env *pane.Env, title, foot string, width, height int, body func(w, h int) string) []string {
	th := env.Theme
	if width < 12 || height < 5 {
		return widget.Clip(body(width, height), width, height)
	}
	h, v, tl, tr, bl, br := "─", "│", "╭", "╮", "╰", "╯"
	if env.ASCII {
		h, v, tl, tr, bl, br = "-", "|", "+", "+", "+", "+"
	}
	inner := width - 4
	head := widget.Cut(" "+title+" ", inner)
	out := []string{th.Border.Render(tl+h) + th.Title.Render(head) + th.Border.Render(repeat(h, width-3-widget.Width(head))+tr)}
	lines := widget.Clip(body(inner, height-3), inner, height-3)
	for len(lines) < height-3 {
		lines = append(lines, "")
	}
	for _, l := range lines {
		out = append(out, th.Border.Render(v)+" "+widget.Fit(l, inner)+" "+th.Border.Render(v))
	}
	out = append(out, th.Border.Render(v)+" "+widget.Fit(th.Muted.Render(widget.Cut(foot, inner)), inner)+" "+th.Border.Render(v))
	return append(out, th.Border.Render(bl+repeat(h, width-2)+br))
}
