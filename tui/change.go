package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// appSlot is the app's own name among the feeds.
const appSlot = "app"

// applyWithin bounds a change: a rotation waits for rollouts.
const applyWithin = 30 * time.Minute

// planned is a plan that came, with what it was asked for.
type planned struct {
	ask  pane.Propose
	plan op.Plan
}

// applied is a change that was made, or was refused.
type applied struct {
	ask     pane.Propose
	command string
	out     any
}

// propose asks for the plan of a change: the one way to every mutation.
func (a *App) propose(p pane.Propose) tea.Cmd {
	c, ok := a.env.Known(p.Context)
	if !ok { // the contexts were changed meanwhile: another one must not get it
		a.say("bad", "the context "+p.Context+" is no longer shown: nothing was sent")
		return a.changed(p, nil, fail.New(fail.NotFound, "there is no context %q", p.Context))
	}
	if a.env.ReadOnly || c.ReadOnly {
		a.say("warn", "read-only: "+p.Change.Describe().ID+" was not sent")
		return nil
	}
	if err := op.Validate(p.In); err != nil {
		a.sayErr(err)
		return nil
	}
	a.say("", "asking for the plan…")
	return feed.Do(a.env.Feeds, feed.Key{Pane: appSlot, Slot: "plan"}, []feed.Context{c},
		func(ctx context.Context, c feed.Context) (any, error) {
			plan, err := p.Change.PlanAny(ctx, c.Caller, p.In)
			return planned{p, plan}, err
		})
}

// apply makes the change that was shown, and nothing else.
func (a *App) apply(p planned, reason, typed string) tea.Cmd {
	a.applied++
	c, ok := a.env.Known(p.ask.Context)
	if !ok {
		a.say("bad", "the context "+p.ask.Context+" is no longer shown: nothing was changed")
		return nil
	}
	opts := op.ApplyOptions{Digest: p.plan.Digest, Reason: reason, Confirm: typed}
	command := p.ask.Command
	if command != "" {
		command += " --yes"
		if reason != "" {
			command += " --reason " + argv.Line(reason)
		}
	}
	a.say("", p.plan.Summary+"…")
	return feed.Within(a.env.Feeds, feed.Key{Pane: appSlot, Slot: fmt.Sprintf("apply-%d", a.applied)}, applyWithin, []feed.Context{c},
		func(ctx context.Context, c feed.Context) (any, error) {
			out, err := p.ask.Change.ApplyAny(ctx, c.Caller, p.ask.In, opts)
			return applied{p.ask, command, out}, err
		})
}

// ownAnswer is the answer to a question of the app.
func (a *App) ownAnswer(msg feed.Answer) tea.Cmd {
	r := msg.Results[0]
	switch out := r.Out.(type) {
	case planned:
		if r.Err != nil {
			a.sayErr(r.Err)
			return a.changed(out.ask, nil, r.Err)
		}
		a.toast = toast{}
		a.push(newConfirm(a.env, out))
	case applied:
		a.log.ran(a.env.Now, out.command, r.Err)
		if r.Err != nil {
			a.sayErr(r.Err)
			return a.changed(out.ask, nil, r.Err)
		}
		a.say("ok", "done: "+out.ask.Change.Describe().ID)
		return a.changed(out.ask, out.out, nil)
	case answered:
		if r.Err != nil {
			a.sayErr(r.Err)
			return nil
		}
		return a.showAnswer(out)
	}
	return nil
}

// changed tells the pane that asked.
func (a *App) changed(p pane.Propose, out any, err error) tea.Cmd {
	if p.Pane == "" {
		return nil
	}
	return a.pane(p.Pane).Update(pane.Changed{Operation: p.Change.Describe().ID, Out: out, Err: err})
}

// confirm shows a plan and asks. A protected context wants the typed name and
// a reason; elsewhere one key applies, and a reason may be given.
type confirm struct {
	env       *pane.Env
	p         planned
	protected bool
	context   string
	body      *widget.Pager
	wrapped   int             // the width that body is wrapped to
	inputs    []*widget.Input // name and reason, or reason alone; none in focus at first where nothing is protected
	at        int             // -1: none
	wrong     string
}

func newConfirm(env *pane.Env, p planned) *confirm {
	c := env.Context(p.ask.Context)
	o := &confirm{env: env, p: p, protected: c.Protected, context: c.Name, body: widget.NewPager(), at: -1}
	if o.protected {
		o.inputs, o.at = []*widget.Input{widget.NewInput("name: "), widget.NewInput("reason: ")}, 0
		o.inputs[0].Focus()
	} else {
		o.inputs = []*widget.Input{widget.NewInput("reason: ")}
	}
	o.wrap(96)
	return o
}

// wrap lays the plan out for a width: it is shown whole, or scrolled, never cut.
func (o *confirm) wrap(width int) {
	if o.wrapped == width {
		return
	}
	var lines []string
	for _, l := range planLines(o.env, o.p) {
		lines = append(lines, widget.Wrap(l, max(width, 1))...)
	}
	o.wrapped = width
	o.body.SetLines(lines)
}

// planLines are the plan as the person sees it, everything from outside safe.
func planLines(env *pane.Env, p planned) []string {
	th := env.Theme
	out := []string{th.Bold.Render(term.SafeLine(p.plan.Summary))}
	for _, s := range p.plan.Steps {
		line := "  " + s.Action + " " + s.Object
		if s.Detail != "" {
			line += ": " + s.Detail
		}
		out = append(out, term.SafeLine(line))
	}
	if len(p.plan.Steps) == 0 {
		out = append(out, "  nothing to do")
	}
	for _, n := range p.plan.Notes {
		out = append(out, th.Warn.Render("note: "+term.SafeLine(n)))
	}
	if p.ask.Command != "" {
		out = append(out, "", th.Muted.Render("$ "+term.SafeLine(p.ask.Command)))
	}
	return out
}

func (o *confirm) key(a *App, msg tea.Msg) (tea.Cmd, bool) {
	k, ok := msg.(tea.KeyPressMsg)
	if o.at >= 0 {
		switch {
		case ok && k.String() == "esc":
			if o.protected {
				return o.refuse(a), true
			}
			o.blur()
		case ok && (k.String() == "tab" || k.String() == "shift+tab") && len(o.inputs) > 1:
			o.focus((o.at + 1) % len(o.inputs))
		case ok && k.String() == "enter":
			return o.enter(a)
		default:
			o.wrong = ""
			return o.inputs[o.at].Update(msg), false
		}
		return nil, false
	}
	if !ok {
		return nil, false
	}
	switch k.String() {
	case "y":
		return o.apply(a), true
	case "n", "esc", "q":
		return o.refuse(a), true
	case "e":
		o.focus(0)
		return nil, false
	}
	if act, found := o.env.Keys.Find(k.String(), widget.ListActions()); found {
		o.body.Act(act.ID)
	}
	return nil, false
}

// refuse tells the pane that the person said no.
func (o *confirm) refuse(a *App) tea.Cmd {
	a.say("", "nothing was changed")
	return a.changed(o.p.ask, nil, fail.New(fail.Canceled, "nothing was changed"))
}

// enter goes to the next question, and applies after the last one.
func (o *confirm) enter(a *App) (tea.Cmd, bool) {
	if !o.protected {
		return o.apply(a), true
	}
	switch {
	case strings.TrimSpace(o.inputs[0].Value()) != o.p.plan.Target:
		o.wrong = "that is not the name: " + term.SafeLine(o.p.plan.Target)
		o.focus(0)
	case strings.TrimSpace(o.inputs[1].Value()) == "":
		if o.at == 1 {
			o.wrong = "a protected context wants a reason"
		}
		o.focus(1)
	default:
		return o.apply(a), true
	}
	return nil, false
}

func (o *confirm) apply(a *App) tea.Cmd {
	reason := strings.TrimSpace(o.inputs[len(o.inputs)-1].Value())
	return a.apply(o.p, reason, o.p.plan.Target)
}

func (o *confirm) focus(i int) {
	o.blur()
	o.at = i
	o.inputs[i].Focus()
}

func (o *confirm) blur() {
	if o.at >= 0 {
		o.inputs[o.at].Blur()
	}
	o.at = -1
}

func (o *confirm) view(width, height int) []string {
	title, foot := "Apply to "+o.context+"?", "y applies · n or esc doesn't · e gives a reason"
	if o.p.plan.Effect == op.Destroy {
		title = "DESTROY in " + o.context + "?"
	}
	if o.protected {
		title, foot = "PROTECTED "+title, "type "+term.SafeLine(o.p.plan.Target)+", then why · enter applies · esc doesn't"
	}
	if o.env.ASCII {
		foot = strings.ReplaceAll(foot, " · ", ", ")
	}
	o.wrap(min(width, 100) - 4)
	rows := min(o.body.Len(), max(height-9, 1)) + len(o.inputs) + 5
	return frameBox(o.env, title, foot, min(width, 100), min(height, rows), func(w, h int) string {
		out := []string{}
		for _, in := range o.inputs {
			out = append(out, in.View(w))
		}
		if o.wrong != "" {
			out = append(out, o.env.Theme.Bad.Render(widget.Cut(o.wrong, w)))
		}
		return widget.Join(append(widget.Clip(o.body.View(w, max(h-len(out), 1)), w, max(h-len(out), 1)), out...))
	})
}
