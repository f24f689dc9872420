package secrets

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
)

// rotation is one of the journal of a context.
type rotation struct {
	context string
	x       api.SecretRotation
}

// watch is a rotation that was proposed, which may begin any moment.
type watch struct {
	context, ref string
	since        time.Time
}

// watchFor is how long the journal is asked often after a proposal that
// nothing came of.
const watchFor = 2 * time.Minute

func (p *Pane) askRotations() tea.Cmd {
	p.rotations.Begin(p.env.Contexts, p.env.Now)
	return feed.Ask(p.env.Feeds, key(slotRotations), p.env.Contexts, api.SecretsRotations, api.SecretRotationFilter{Open: true})
}

// rotating reports whether a rotation goes on, or may begin.
func (p *Pane) rotating(now time.Time) bool {
	return len(p.rotations.Rows()) > 0 || p.watch.ref != "" && now.Sub(p.watch.since) < watchFor
}

// tookRotations keeps the open rotations. Where one of the page's secret came
// to its end, the page asks again.
func (p *Pane) tookRotations(a feed.Answer) tea.Cmd {
	before := map[string]bool{}
	for _, r := range p.rotations.Rows() {
		before[r.context+"\x00"+r.x.Ref] = true
	}
	p.rotations.Take(a, p.env.Now, func(context string, out any) []rotation {
		var rows []rotation
		for _, x := range out.([]api.SecretRotation) { //nolint:forcetypeassert // the declaration says so
			rows = append(rows, rotation{context, x})
		}
		return rows
	})
	for _, r := range p.rotations.Rows() {
		delete(before, r.context+"\x00"+r.x.Ref)
	}
	if p.detail == nil {
		return nil
	}
	p.detail.dirty = true
	if before[p.detail.row.key()] {
		return p.askDetail()
	}
	return nil
}

// openRotation gives the rotation of a secret that did not come to its end.
func (p *Pane) openRotation(r row) (api.SecretRotation, bool) {
	for _, x := range p.rotations.Rows() {
		if x.context == r.context && x.x.Ref == r.s.Ref {
			return x.x, true
		}
	}
	return api.SecretRotation{}, false
}

func stepStyle(th *theme.Theme, x api.SecretRotation) theme.Style {
	switch x.Step {
	case "done":
		return th.OK
	case "restored":
		return th.Warn
	}
	return th.Bad
}

// rotationLines are a line for each open rotation, with the last thing that
// its journal says.
func (p *Pane) rotationLines(most int) []string {
	th := p.env.Theme
	var out []string
	for i, r := range p.rotations.Rows() {
		if i == most {
			break
		}
		last := "nothing yet"
		if n := len(r.x.Log); n > 0 {
			last = r.x.Log[n-1].Text
		}
		line := th.Warn.Render("rotating "+term.SafeLine(r.x.Ref)) + " " + term.SafeLine(last)
		if len(p.env.Contexts) > 1 {
			line = th.Muted.Render(term.SafeLine(r.context)+" ") + line
		}
		out = append(out, line+th.Muted.Render("  "+ago(p.env, r.x.Updated)+" ago"))
	}
	return out
}

// journal is a rotation with all that its journal says.
func (p *Pane) journal(page *say.Page, x api.SecretRotation) {
	th := p.env.Theme
	line := "  " + term.SafeLine(x.ID) + " " + stepStyle(th, x).Render(term.SafeLine(x.Step))
	line += th.Muted.Render(fmt.Sprintf("  %s → %s", term.SafeLine(shortVersion(x.Old)), term.SafeLine(shortVersion(x.New))))
	if x.By != "" {
		line += th.Muted.Render("  by " + term.SafeLine(x.By))
	}
	page.Add(line)
	if x.Reason != "" {
		page.Text("    ", th.Muted, x.Reason)
	}
	if len(x.Consumers) > 0 {
		page.Text("    ", th.Muted, "restarts "+strings.Join(x.Consumers, " "))
	}
	for _, l := range x.Log {
		page.Text("    "+say.Clock(p.env, l.Time)+"  ", th.Text, l.Text)
	}
	if x.Failure != "" {
		page.Text("    ", th.Bad, x.Failure)
	}
}
