package deployments

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// revision is the screen of one revision: what it changed against the one
// before it.
type revision struct {
	p     *Pane
	t     target
	r     api.DeployRevision
	head  heading
	pager *widget.Pager
	drawn drawn
}

func newRevision(p *Pane, t target, r api.DeployRevision) *revision {
	return &revision{p: p, t: t, r: r, pager: widget.NewPager()}
}

func (*revision) id() string               { return "revision" }
func (*revision) open() tea.Cmd            { return nil }
func (*revision) refresh() tea.Cmd         { return nil }
func (*revision) update(tea.Msg) tea.Cmd   { return nil }
func (v *revision) filter(expr string)     { v.pager.Find(expr) }
func (v *revision) target() (target, bool) { return v.t, true }
func (v *revision) scroll(lines int)       { v.pager.Scroll(lines) }
func (*revision) leave()                   {}
func (v *revision) command() string        { return v.p.line(v.t, "history") }

func (v *revision) act(id string) tea.Cmd {
	v.pager.Act(id)
	return nil
}

func (v *revision) subject() pane.Subject {
	s := v.t.subject()
	s.At = v.r.Created
	return s
}

func (v *revision) view(width, height int) string {
	head := v.head.lines(v.p, v.t, "revision "+v.r.Name, nil, width, height)
	if now := (drawn{width, v.p.env.Theme.Name, v.p.env.Now.Unix()}); v.drawn != now {
		v.drawn = now
		v.pager.SetLines(v.lines(width))
	}
	v.pager.Match = v.p.env.Theme.Match
	body := v.pager.View(width, height-len(head))
	return widget.Join(append(head, widget.Clip(body, width, height-len(head))...))
}

func (v *revision) lines(width int) []string {
	th, r := v.p.env.Theme, &v.r
	state := "it is not known whether it was ever rolled out whole"
	switch {
	case r.Current:
		state = "it runs"
	case r.Good:
		state = "it worked"
	}
	text := state + "; made " + v.p.agoWords(r.Created)
	if r.Actor != "" {
		text += " by " + r.Actor
	}
	if r.Cause != "" {
		text += ": " + r.Cause
	}
	out := widget.Wrap(safe(text), width)
	for _, image := range r.Images {
		out = append(out, widget.Wrap(th.Muted.Render("image ")+safe(image), width)...)
	}
	out = append(out, "", th.Header.Render(widget.Cut("Changed against the revision before it", width)))
	if len(r.Changes) == 0 {
		return append(out, th.Muted.Render("Nothing is known: it is the oldest that is kept, or the template is the same."))
	}
	return append(out, changeLines(th, r.Changes)...)
}
