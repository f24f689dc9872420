package deployments

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/widget"
)

const (
	// shownReplicas and shownEvents are how many a page shows; `y` has all
	// replicas.
	shownReplicas = 40
	shownEvents   = 12
	shownHappened = 100
	// sideBySide is the width from which replicas stand beside the verdict.
	sideBySide = 140
)

func (r *rollout) view(width, height int) string {
	var head []string
	if height >= 2 {
		head = []string{r.title(width)}
	}
	th := r.p.env.Theme
	if now := r.p.env.Now.Unix(); r.dirty || r.drawn.width != width || r.drawn.now != now || r.drawn.theme != th.Name {
		r.drawn.width, r.drawn.now, r.drawn.theme, r.dirty = width, now, th.Name, false
		r.pager.SetLines(r.page(width))
	}
	r.pager.Match = th.Match
	body := r.pager.View(width, height-len(head))
	return widget.Join(append(head, widget.Clip(body, width, height-len(head))...))
}

// title is the line that stays: what, where, how it is.
func (r *rollout) title(width int) string {
	th := r.p.env.Theme
	left := th.Title.Render(safe(r.t.name)) + th.Muted.Render(r.in())
	if r.verdict != nil {
		words, style := r.p.outcome(*r.verdict)
		left += "  " + style.Render(words)
	}
	right := ""
	switch {
	case r.following && r.retry > 0:
		right = "connection lost"
	case r.following:
		right = "following"
	case !r.at.IsZero():
		right = "as of " + r.p.agoWords(r.at)
	}
	return widget.Columns(left, th.Muted.Render(right), width)
}

func (r *rollout) in() string {
	where := ""
	if r.t.namespace != "" {
		where = " in " + safe(r.t.namespace)
	}
	if len(r.p.env.Contexts) > 1 {
		where += " of " + safe(r.t.context)
	}
	return where
}

// page is everything below the title.
func (r *rollout) page(width int) []string {
	var out []string
	for _, n := range r.notices() {
		out = append(out, widget.Wrap(n, width)...)
	}
	if r.workload == nil && r.verdict == nil {
		if r.statusErr == nil && r.watchErr == nil {
			out = append(out, r.p.env.Theme.Muted.Render("Asking…"))
		}
		return out
	}
	if width < sideBySide {
		out = append(out, r.facts(width)...)
		out = append(out, r.crash(width)...)
		out = append(out, r.replicaLines(width)...)
		out = append(out, r.eventLines(width)...)
	} else {
		left := width*9/20 - 1
		right := width - left - 3
		a := append(r.facts(left), r.crash(left)...)
		b := append(trimHead(r.replicaLines(right)), r.eventLines(right)...)
		out = append(out, r.beside(a, b, left, right)...)
	}
	return append(out, r.happenedLines(width)...)
}

// trimHead drops the blank line that sets a section apart.
func trimHead(lines []string) []string {
	if len(lines) > 0 && lines[0] == "" {
		return lines[1:]
	}
	return lines
}

func (r *rollout) beside(a, b []string, left, right int) []string {
	line := " │ "
	if r.p.env.ASCII {
		line = " | "
	}
	line = r.p.env.Theme.Muted.Render(line)
	out := make([]string, max(len(a), len(b)))
	at := func(lines []string, i int) string {
		if i < len(lines) {
			return lines[i]
		}
		return ""
	}
	for i := range out {
		out[i] = widget.Fit(at(a, i), left) + line + widget.Cut(at(b, i), right)
	}
	return out
}

// notices say what did not answer: what is shown below may be old then.
func (r *rollout) notices() []string {
	var out []string
	out = append(out, r.p.change.notes(r.p)...)
	if r.watchErr != nil {
		line := r.p.failed("following", r.watchErr)
		if r.retry > 0 {
			line += r.p.env.Theme.Muted.Render(" again in " + widget.Age(r.retry))
		}
		out = append(out, line)
	}
	if r.statusErr != nil && (r.watchErr == nil || r.statusErr.Error() != r.watchErr.Error()) {
		out = append(out, r.p.failed("status", r.statusErr))
	}
	if r.gone() && r.workload != nil {
		out = append(out, r.p.env.Theme.Bad.Render("It is gone; what follows is how it was last seen."))
	}
	return out
}

func (r *rollout) replicaLines(width int) []string {
	list := r.shownReplicas()
	if len(list) == 0 {
		return nil
	}
	heads, rows := []string{"REPLICA", "REV", "STATE", "RESTARTS", "AGE", "NODE AND MESSAGE"}, [][]cell{}
	for _, one := range list[:min(len(list), shownReplicas)] {
		state, style := r.p.replica(one.State, one.Ready, one.Current)
		rows = append(rows, []cell{
			{text: one.Name},
			{text: one.Revision},
			{state, style},
			{text: fmt.Sprint(one.Restarts)},
			{text: r.p.ago(one.Created)},
			{text: strings.TrimSpace(one.Node + " " + one.Message)},
		})
	}
	out := append([]string{""}, grid(r.p.env.Theme, width, heads, rows)...)
	if n := len(list) - shownReplicas; n > 0 {
		out = append(out, r.p.env.Theme.Muted.Render(widget.Cut("and "+plural(n, "more replica")+"; y shows all", width)))
	}
	return out
}

func (r *rollout) eventLines(width int) []string {
	if len(r.events) == 0 {
		return nil
	}
	rows := [][]cell{}
	for _, e := range slices.Backward(r.events[max(0, len(r.events)-shownEvents):]) {
		rows = append(rows, []cell{
			{text: r.p.ago(e.Time)}, {text: fmt.Sprint(max(e.Count, 1))}, {text: e.Object}, {text: e.Reason}, {text: e.Message},
		})
	}
	return append([]string{""}, grid(r.p.env.Theme, width, []string{"EVENT", "COUNT", "OBJECT", "REASON", "MESSAGE"}, rows)...)
}

// happenedLines are what was followed, the newest first.
func (r *rollout) happenedLines(width int) []string {
	if len(r.happened) == 0 {
		return nil
	}
	rows := [][]cell{}
	for _, e := range slices.Backward(r.happened[max(0, len(r.happened)-shownHappened):]) {
		rows = append(rows, []cell{{r.p.clock(e.Time), r.p.env.Theme.Muted}, r.kind(e), {text: r.text(e)}})
	}
	return append([]string{""}, grid(r.p.env.Theme, width, []string{"FOLLOWED", "WHAT", ""}, rows)...)
}

func (r *rollout) kind(e api.DeployWatchEvent) cell {
	th := r.p.env.Theme
	switch {
	case e.Verdict != nil:
		words, style := r.p.outcome(*e.Verdict)
		return cell{words, style}
	case e.Type == "event", e.Type == "notice":
		return cell{e.Type, th.Warn}
	}
	return cell{text: e.Type}
}

func (r *rollout) text(e api.DeployWatchEvent) string {
	switch {
	case e.Verdict != nil:
		return e.Verdict.Message
	case e.Replica != nil:
		state, _ := r.p.replica(e.Replica.State, e.Replica.Ready, e.Replica.Current)
		text := e.Replica.Name + " " + state
		if e.Replica.Revision != "" {
			text += ", revision " + e.Replica.Revision
		}
		if e.Replica.Restarts > 0 {
			text += ", " + plural(e.Replica.Restarts, "restart")
		}
		return text
	case e.Event != nil:
		return e.Event.Object + " " + e.Event.Reason + ": " + e.Event.Message
	}
	return e.Message
}
