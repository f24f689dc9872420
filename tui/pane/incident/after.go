package incident

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
)

// after is what follows a change that was made from here: the rollout until it
// is decided, and then whether it helped.
type after struct {
	context, workload string
	verify            *api.DeployVerifyInput
	rollout, helped   step
}

// step is one thing that is followed to its end.
type step struct {
	state string // "", running, complete, failed or inconclusive
	said  string // the last thing that was heard
	at    time.Time
}

// expect notes what was proposed, so that its end can be followed. Until it is
// applied, what is followed already goes on.
func (p *Pane) expect(context, command string) {
	p.proposed = &after{context: context, verify: verification(command)}
}

// changed follows what was applied.
func (p *Pane) changed(c pane.Changed) tea.Cmd {
	if fail.CodeOf(c.Err) == fail.Canceled { // a no is nothing to follow
		return nil
	}
	var cmds []tea.Cmd
	switch c.Operation {
	case api.DeployUndo.ID, api.DeployScale.ID, api.DeployRestart.ID, api.DeployResume.ID:
		cmds = append(cmds, p.follow(c))
	case api.IncidentsOpen.ID, api.IncidentsRefresh.ID, api.IncidentsNote.ID, api.IncidentsClose.ID:
		cmds = append(cmds, p.recorded(c))
	default:
		if p.view != viewWhy {
			cmds = append(cmds, p.ask(p.view))
		}
	}
	return tea.Batch(cmds...)
}

// follow watches the rollout of a change.
func (p *Pane) follow(c pane.Changed) tea.Cmd {
	a := p.proposed
	got, ok := c.Out.(api.DeployChanged)
	if a == nil || c.Err != nil || !ok { // the app has said why
		return nil
	}
	p.after, p.proposed = a, nil
	p.env.Feeds.Stop(p.slot("rollout"))
	p.env.Feeds.Stop(p.slot("verify"))
	p.why.changes++
	a.workload = strings.ToLower(got.Kind) + "/" + got.Name
	a.rollout = step{state: "running", said: "the rollout begins", at: p.env.Now}
	if got.Unchanged {
		a.rollout = step{state: api.DeployComplete, said: "everything was so already", at: p.env.Now}
		return p.verify()
	}
	in := api.DeployWatchInput{WorkloadName: api.WorkloadName{Name: a.workload, Namespace: got.Namespace, Engine: got.Engine}, Template: got.Template, Generation: got.Generation}
	return feed.Open(p.env.Feeds, p.slot("rollout"), p.env.Context(a.context), api.DeployWatch, in, feed.StreamOptions[api.DeployWatchInput, api.DeployWatchEvent]{Retry: true})
}

// verify watches whether the change helped.
func (p *Pane) verify() tea.Cmd {
	a := p.after
	if a.verify == nil {
		return nil
	}
	a.helped = step{state: "running", said: a.verify.Expr, at: p.env.Now}
	return feed.Open(p.env.Feeds, p.slot("verify"), p.env.Context(a.context), api.DeployVerify, *a.verify, feed.StreamOptions[api.DeployVerifyInput, api.DeployWaitEvent]{})
}

// batch takes what the streams brought.
func (p *Pane) batch(b feed.Batch) tea.Cmd {
	if p.after == nil {
		return nil
	}
	switch b.Slot {
	case "rollout":
		return p.rolloutBatch(b)
	case "verify":
		return p.verifyBatch(b)
	}
	return nil
}

func (p *Pane) rolloutBatch(b feed.Batch) tea.Cmd {
	a := p.after
	if a.rollout.state != "running" {
		return nil
	}
	p.why.changes++
	for _, e := range feed.Items[api.DeployWatchEvent](b) {
		switch {
		case e.Verdict != nil && e.Verdict.Outcome != api.DeployProgressing:
			a.rollout = step{e.Verdict.Outcome, e.Verdict.Message, e.Time}
		case e.Message != "":
			a.rollout.said, a.rollout.at = e.Message, e.Time
		}
	}
	if a.rollout.state == "running" && b.Err != nil {
		a.rollout.said = "cannot be watched: " + b.Err.Error()
		if b.Done {
			a.rollout.state = api.DeployInconclusive
		}
	}
	switch {
	case a.rollout.state == "running" && !b.Done:
		return nil
	case a.rollout.state == "running":
		a.rollout.state = api.DeployInconclusive
	}
	p.env.Feeds.Stop(p.slot("rollout"))
	if a.rollout.state == api.DeployComplete {
		return p.verify()
	}
	return pane.Send(pane.Toast{Text: a.workload + ": the rollout is " + a.rollout.state, Level: "bad"})
}

func (p *Pane) verifyBatch(b feed.Batch) tea.Cmd {
	a := p.after
	if a.helped.state != "running" {
		return nil
	}
	p.why.changes++
	for _, e := range feed.Items[api.DeployWaitEvent](b) {
		if e.Type == "verdict" {
			a.helped = step{e.State, e.Message, e.Time}
			continue
		}
		a.helped.said, a.helped.at = strings.TrimSuffix(e.State+": "+e.Message, ": "), e.Time
	}
	if a.helped.state == "running" && (b.Done || b.Err != nil) {
		a.helped.state = api.DeployInconclusive
		if fail.CodeOf(b.Err) == fail.False {
			a.helped.state = api.DeployFailed
		}
		if b.Err != nil {
			a.helped.said = b.Err.Error()
		}
	}
	if a.helped.state == "running" {
		return nil
	}
	level := "bad"
	if a.helped.state == api.DeployComplete {
		level = "ok"
	}
	return tea.Batch(pane.Send(pane.Toast{Text: a.workload + ": " + helpedWords(a.helped.state), Level: level}), p.askAgain())
}

func helpedWords(state string) string {
	switch state {
	case api.DeployComplete:
		return "things have recovered"
	case api.DeployFailed:
		return "things have not recovered"
	case api.DeployInconclusive:
		return "whether things have recovered cannot be told"
	}
	return "watching whether things recover"
}

// afterLines are what is known of the change and its effect.
func (p *Pane) afterLines(page *say.Page) {
	a := p.after
	if a == nil {
		return
	}
	th := p.env.Theme
	words := map[string]string{"running": "the rollout goes on", api.DeployComplete: "rolled out", api.DeployFailed: "the rollout has failed", api.DeployInconclusive: "the rollout cannot be judged"}[a.rollout.state]
	page.Line(stateStyle(th, a.rollout.state), sign(a.rollout.state)+" "+a.workload+": "+words+": "+a.rollout.said)
	switch {
	case a.helped.state != "":
		line := sign(a.helped.state) + " " + helpedWords(a.helped.state)
		if a.helped.state == "running" {
			line += " (for " + say.Long(a.verify.For) + ")"
		}
		page.Line(stateStyle(th, a.helped.state), line+": "+a.helped.said)
	case a.verify == nil && a.rollout.state == api.DeployComplete:
		page.Line(th.Muted, "  nothing says how to verify it: r asks why again")
	}
}

// sign tells a state without colour.
func sign(state string) string {
	switch state {
	case api.DeployComplete:
		return "+"
	case api.DeployFailed:
		return "x"
	case api.DeployInconclusive:
		return "?"
	}
	return ">"
}

func stateStyle(th *theme.Theme, state string) theme.Style {
	switch state {
	case api.DeployComplete:
		return th.OK
	case api.DeployFailed:
		return th.Bad
	case api.DeployInconclusive:
		return th.Warn
	}
	return th.Info
}
