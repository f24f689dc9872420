package overview

import (
	"fmt"
	"slices"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/widget"
)

// problem is a context, or one of its backends, that did not answer.
type problem struct{ who, message, next string }

// line is the problem in one line.
func (f problem) line() string {
	text := f.message
	if f.who != "" {
		text = f.who + ": " + text
	}
	if f.next != "" {
		text += " — next: " + f.next
	}
	return text
}

// problems are the contexts that the newest question failed in, with the age of
// what is shown in place of an answer.
func (p *Pane) problems(sources ...*source) []problem {
	var out []problem
	for _, c := range p.env.Contexts {
		out = append(out, p.problemsOf(c.Name, sources...)...)
	}
	return out
}

func (p *Pane) problemsOf(context string, sources ...*source) []problem {
	var out []problem
	for _, s := range sources {
		one := s.parts[context]
		if one.err == nil {
			continue
		}
		f := problem{who: p.who(context), message: safe(one.err.Error()), next: hint(one.err)}
		if one.out != nil {
			f.message += fmt.Sprintf(" (shown is what was known %s ago)", widget.Age(p.env.Now.Sub(one.at)))
		}
		if !slices.Contains(out, f) { // one cause for several questions is said once
			out = append(out, f)
		}
	}
	return out
}

// who names a context, where there are several.
func (p *Pane) who(context string) string {
	if len(p.env.Contexts) < 2 {
		return ""
	}
	return safe(context)
}

// hint is what an error says to do next.
func hint(err error) string {
	if e := fail.From(err); e != nil {
		return safe(e.Next)
	}
	return ""
}

// direct reports whether a context has no control plane, so that what needs one
// is not missing: its backends answer, and the server's status does not.
func (p *Pane) direct(context string) bool {
	backends := p.backends.parts[context]
	return backends.out != nil && backends.err == nil && fail.CodeOf(p.status.parts[context].err) == fail.Unavailable
}

func (p *Pane) serviceProblems() []problem {
	var out []problem
	for _, c := range p.env.Contexts {
		if !p.direct(c.Name) && !p.inPast() {
			out = append(out, p.problemsOf(c.Name, p.list, p.health)...)
		}
	}
	measured := p.traffic[:]
	if p.inPast() {
		measured = append([]*source{p.up}, measured...)
	}
	for _, f := range p.problems(measured...) {
		f.message = "metrics: " + f.message
		out = append(out, f)
	}
	return out
}

// within are the backends that a context named as silent in its answer.
func (p *Pane) within(context string, failed []api.BackendFailure) []problem {
	var out []problem
	for _, f := range failed {
		if f.Covered {
			continue
		}
		message := safe(f.Backend + ": " + f.Message)
		out = append(out, problem{who: p.who(context), message: message, next: safe(f.Next)})
	}
	return out
}

func (p *Pane) alertProblems() []problem {
	if p.inPast() {
		return p.problems(p.fired)
	}
	out := p.problems(p.alerts)
	for _, c := range p.env.Contexts {
		list, _ := last[api.AlertList](p.alerts, c.Name)
		out = append(out, p.within(c.Name, list.Failed)...)
	}
	return out
}

func (p *Pane) rolloutProblems() []problem {
	out := p.problems(p.rollouts)
	for _, c := range p.env.Contexts {
		list, _ := last[api.WorkloadList](p.rollouts, c.Name)
		out = append(out, p.within(c.Name, list.Failed)...)
	}
	return out
}

func (p *Pane) changeProblems() []problem {
	out := p.problems(p.changes)
	for _, c := range p.env.Contexts {
		list, _ := last[api.ChangeList](p.changes, c.Name)
		out = append(out, p.within(c.Name, list.Failed)...)
		for _, w := range list.Warnings {
			out = append(out, problem{who: p.who(c.Name), message: safe(w)})
		}
	}
	return out
}

// short bounds a text from outside: no line of a screen needs more.
func short(s string) string {
	const most = 2048
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// safe makes text from outside fit to be shown in a line.
func safe(s string) string { return term.SafeLine(short(s)) }
