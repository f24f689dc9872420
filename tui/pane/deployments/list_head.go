package deployments

import (
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/widget"
)

// head are the lines above the table: how many of what, who did not answer,
// what waits. A small screen has the table alone.
func (l *list) head(width, height int) []string {
	if height < 4 {
		return nil
	}
	out := []string{widget.Columns(l.summary(), l.p.env.Theme.Muted.Render(l.side()), width)}
	notes := append(l.failures(), l.p.change.notes(l.p)...)
	room := max(1, height/4)
	for i, n := range notes {
		if i == room-1 && len(notes) > room {
			out = append(out, widget.Cut(l.p.env.Theme.Warn.Render("! and "+strconv.Itoa(len(notes)-i)+" more that did not answer"), width))
			break
		}
		out = append(out, widget.Cut(n, width))
	}
	return out
}

func (l *list) summary() string {
	th := l.p.env.Theme
	if l.total == 0 && !l.known() {
		return th.Bold.Render("Workloads")
	}
	out := []string{th.Bold.Render(plural(l.total, "workload"))}
	for _, s := range []string{"failed", "degraded", "progressing", "paused", "ready", "stopped"} {
		if n := l.states[s]; n > 0 {
			out = append(out, th.Severity(s).Render(thousands(n)+" "+s))
		}
	}
	if n := l.states["old"]; n > 0 {
		out = append(out, th.Warn.Render(thousands(n)+" not known now"))
	}
	return strings.Join(out, th.Muted.Render(l.p.signs().dot))
}

// known says that some context has answered.
func (l *list) known() bool {
	for _, a := range l.asked {
		if !a.at.IsZero() && a.err == nil {
			return true
		}
	}
	return false
}

// side is what is shown, at the right end of the first line.
func (l *list) side() string {
	var out []string
	if l.trouble {
		out = append(out, "only troubled")
	}
	if l.expr != "" {
		out = append(out, "/"+safe(l.expr))
	}
	if l.table.Total() > 0 {
		out = append(out, l.table.Position())
	}
	switch ns := l.p.asked(); {
	case ns == "*":
		out = append(out, "all namespaces")
	case ns != "":
		out = append(out, "namespace "+safe(ns))
	case len(l.p.env.Contexts) == 1 && l.p.env.Primary().Namespace != "":
		out = append(out, "namespace "+safe(l.p.env.Primary().Namespace))
	}
	return strings.Join(out, l.p.signs().dot)
}

// failures names the contexts and the engines that did not answer.
func (l *list) failures() []string {
	var out []string
	for _, c := range l.p.env.Contexts {
		a := l.asked[c.Name]
		if a == nil {
			continue
		}
		who := ""
		if len(l.p.env.Contexts) > 1 {
			who = "context " + c.Name + ": "
		}
		if a.err != nil {
			out = append(out, l.p.failure(who, fail.From(a.err).Error(), fail.From(a.err).Next, l.oldest(a)))
		}
		for _, f := range a.failed {
			out = append(out, l.p.backendFailure(who, f))
		}
	}
	return out
}

// oldest is how old the rows of a context that does not answer are.
func (l *list) oldest(a *listing) string {
	for i := range a.rows {
		if !a.rows[i].stale.IsZero() {
			return "as of " + l.p.agoWords(a.rows[i].stale)
		}
	}
	return ""
}

func (p *Pane) backendFailure(who string, f api.BackendFailure) string {
	return p.failure(who, f.Backend+": "+f.Message, f.Next, "")
}

// failure is a line about what did not work, and what to do about it.
func (p *Pane) failure(who, message, next, age string) string {
	th := p.env.Theme
	line := th.Warn.Render("! " + safe(who+message))
	if age != "" {
		line += th.Muted.Render(" (" + age + ")")
	}
	if next != "" {
		line += th.Muted.Render(" "+p.signs().to+" ") + th.Accent.Render(safe(next))
	}
	return line
}

// failed is failure for an error.
func (p *Pane) failed(what string, err error) string {
	e := fail.From(err)
	return p.failure(what+": ", e.Error(), e.Next, "")
}
