package alerts

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// table is what the tables have in common.
type table interface {
	Act(id string) bool
	Filter(expr string)
	Position() string
	View(width, height int) string
	Click(y int) bool
	Scroll(lines int)
}

// table is the one in front.
func (p *Pane) table() table {
	switch p.front() {
	case viewFired:
		return p.fired
	case viewSilences:
		return p.silences
	case viewHistory:
		return p.past
	case viewRules:
		return p.rules
	}
	if p.grouping() {
		return p.groups
	}
	return p.list
}

// The least heights at which the pane has more than its table.
const (
	headFrom    = 5  // a line over the table
	troubleFrom = 3  // a line under it
	peekFrom    = 26 // what is known of the row under the cursor
)

// View implements pane.Pane.
func (p *Pane) View(width, height int) string {
	switch {
	case width < 1 || height < 1:
		return ""
	case p.preview != nil:
		return p.previewView(width, height)
	case p.detail != nil:
		return p.detailView(width, height)
	}
	var head, foot []string
	if height >= headFrom || height >= troubleFrom && p.front() == viewFired { // which time it is comes first
		head = append(head, p.headLine(width))
	}
	if height >= troubleFrom {
		foot = p.footLines(max(height/4, 1))
	}
	if height >= peekFrom {
		foot = append(p.peek(width, height/2), foot...)
	}
	p.top = len(head)
	body := strings.Split(p.table().View(width, height-len(head)-len(foot)), "\n")
	if len(foot) > 0 { // what stands under the table keeps its place
		for len(body) < height-len(head)-len(foot) {
			body = append(body, "")
		}
	}
	lines := append(append(head, body...), foot...)
	for i, l := range lines {
		lines[i] = widget.Fit(l, width)
	}
	return widget.Join(lines[:min(len(lines), height)])
}

// headLine counts what there is and says what is shown of it.
func (p *Pane) headLine(width int) string {
	th := p.env.Theme
	switch p.front() {
	case viewList:
	case viewFired:
		return p.firedHead(width)
	default:
		return widget.Columns(th.Title.Render(p.title()), th.Muted.Render(p.table().Position()), width)
	}
	var left []string
	switch s := p.slots[viewList]; {
	case !s.known && len(p.alerts) == 0 && len(s.trouble) == 0:
		left = append(left, th.Muted.Render("asking…"))
	case !s.known && len(p.alerts) == 0:
		left = append(left, th.Warn.Render("not known"))
	default:
		firing := fmt.Sprintf("%d firing", p.counts["firing"])
		if p.counts["firing"] > 0 {
			firing = th.Bad.Render(firing)
		}
		left = append(left, firing)
		for _, state := range []string{"silenced", "inhibited"} {
			if n := p.counts[state]; n > 0 {
				left = append(left, th.Muted.Render(fmt.Sprintf("%d %s", n, state)))
			}
		}
	}
	if p.within != "" {
		left = append(left, th.Accent.Render(p.by+" "+say.Line(p.within)))
	}
	var right []string
	if p.by != "" && p.within == "" {
		right = append(right, "by "+p.by)
	}
	if p.state != "all" {
		right = append(right, "only "+p.state)
	}
	right = append(right, p.table().Position())
	return widget.Columns(strings.Join(left, "  "), th.Muted.Render(strings.Join(right, " · ")), width)
}

func (p *Pane) title() string {
	now := ""
	if p.inPast() { // what was so in the window is not kept
		now = ", as of now"
	}
	switch p.view {
	case viewSilences:
		switch {
		case p.stale:
			return "Silences that keep nothing quiet" + now
		case p.ended:
			return "Silences, the ended ones too" + now
		}
		return "Silences" + now
	case viewHistory:
		title := "What fired in the last " + say.Long(op.Duration(p.env.Window.Span))
		if !p.env.Window.Live {
			from, to := p.env.Bounds()
			title = "What fired from " + say.Clock(p.env, from) + " to " + say.Clock(p.env, to)
		}
		if p.of != "" {
			title = say.Line(p.of) + ": " + title
		}
		return title
	}
	return "Alerting rules" + now
}

// footLines are what did not answer, how old the rest is, and the last thing
// that the watch saw.
func (p *Pane) footLines(limit int) []string {
	th := p.env.Theme
	s := p.slots[p.front()]
	trouble := s.trouble
	if p.front() == viewFired {
		out := say.Troubles(th, trouble, limit)
		if len(out) < limit-1 { // a low terminal has no line for it
			out = append(out, th.Muted.Render("< > beyond the window · unknown of then: silences, inhibition and who took over, unless recorded"))
		}
		return out
	}
	if p.view == viewList {
		trouble = append(append([]say.Trouble{}, trouble...), p.gap...)
	}
	out := say.Troubles(th, trouble, limit)
	if len(trouble) > 0 && len(out) < limit && !s.fresh.IsZero() {
		out = append(out, th.Muted.Render("all answered "+say.Ago(p.env, s.fresh)+" ago"))
	}
	if l := p.latest; p.view == viewList && len(out) < limit && !l.at.IsZero() {
		words := fmt.Sprintf("%s %s %s", say.Clock(p.env, l.at), say.Line(l.kind), say.Line(strings.TrimSpace(l.alert.Name+" "+l.alert.Service)))
		out = append(out, th.Muted.Render(words))
	}
	return out
}

// peek is what is known of the alert under the cursor without asking, where
// there is room for it.
func (p *Pane) peek(width, limit int) []string {
	if p.view != viewList {
		return nil
	}
	line := "─"
	if p.env.ASCII {
		line = "-"
	}
	page := say.NewPage(p.env.Theme, width)
	page.Add(p.env.Theme.Muted.Render(strings.Repeat(line, width)))
	if p.inPast() {
		f, ok := p.fired.Current()
		if !ok {
			return nil
		}
		p.pastLines(page, &detail{context: f.Context, name: f.Name, labels: f.Labels})
		return page.Lines()[:min(len(page.Lines()), limit)]
	}
	r, ok := p.list.Current()
	if p.grouping() {
		ok = false
		if g, found := p.groups.Current(); found {
			if members := p.members(g.name); len(members) > 0 {
				r, ok = &members[0], true
			}
		}
	}
	if !ok {
		return nil
	}
	p.headLines(page, &r.Alert)
	return page.Lines()[:min(len(page.Lines()), limit)]
}

// Click implements pane.Clicker.
func (p *Pane) Click(_, y int) tea.Cmd {
	if p.preview != nil || p.detail != nil {
		return nil
	}
	if p.front() == viewFired {
		return p.clickFired(y - p.top)
	}
	before := p.Subject()
	if !p.table().Click(y - p.top) {
		return nil
	}
	if after := p.Subject(); after.Fingerprint != "" && after.Fingerprint == before.Fingerprint && after.Context == before.Context {
		return p.open()
	}
	return nil
}

func (p *Pane) clickFired(y int) tea.Cmd {
	key := func() string {
		if f, ok := p.fired.Current(); ok {
			return f.key()
		}
		return ""
	}
	if before := key(); p.fired.Click(y) && key() == before {
		return p.open()
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	switch {
	case p.preview != nil:
		p.preview.pager.Scroll(lines)
	case p.detail != nil:
		p.detail.pager.Scroll(lines)
	default:
		p.table().Scroll(lines)
	}
}
