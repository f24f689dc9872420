package deployments

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/pane"
)

// changes are what was proposed and what waits for its turn: a bulk change is
// a plan a workload, one after the other.
type changes struct {
	// on is the workload of the proposal that was sent last.
	on target
	// queue are the workloads still to be restarted. The first was proposed;
	// it leaves when the change is made, and stays when the person said no.
	queue []target
	done  int
	// failed says what did not work, until the next proposal.
	failed string
}

// drop forgets what waits; false where nothing does.
func (c *changes) drop() bool {
	had := len(c.queue) > 0
	c.queue, c.done = nil, 0
	return had
}

// notes are lines about what waits and what failed.
func (c *changes) notes(p *Pane) []string {
	th := p.env.Theme
	var out []string
	if c.failed != "" {
		out = append(out, th.Bad.Render("! "+safe(c.failed)))
	}
	if len(c.queue) > 0 {
		line := "restart: " + strconv.Itoa(c.done) + " done, " + strconv.Itoa(len(c.queue)) + " to go, next " + safe(c.queue[0].name)
		out = append(out, th.Info.Render(line)+th.Muted.Render("  e goes on, esc drops them"))
	}
	return out
}

// propose sends a change to the app, which shows its plan.
func (p *Pane) propose(t target, change op.UntypedChange, in any, command string) tea.Cmd {
	p.change.on, p.change.failed = t, ""
	return pane.Send(pane.Propose{Pane: Name, Context: t.context, Change: change, In: in, Command: command})
}

// single is propose for a change that stands alone: what waited is dropped.
func (p *Pane) single(t target, change op.UntypedChange, in any, command string) tea.Cmd {
	p.change.drop()
	return p.propose(t, change, in, command)
}

// undo proposes to go back to a revision; the newest that worked where none is
// named.
func (p *Pane) undo(t target, revision string) tea.Cmd {
	var flags []string
	if revision != "" {
		flags = []string{"--to-revision", revision}
	}
	in := &api.DeployUndoInput{WorkloadName: t.input(), ToRevision: revision}
	return p.single(t, api.DeployUndo, in, p.line(t, "undo", flags...))
}

// restart proposes to restart workloads, one plan after the other; where some
// wait already it goes on with them.
func (p *Pane) restart(all []target) tea.Cmd {
	if len(p.change.queue) == 0 {
		p.change.queue, p.change.done = all, 0
	}
	if len(p.change.queue) == 0 {
		return nil
	}
	t := p.change.queue[0]
	if !p.known(t.context) { // the contexts were changed while it waited
		p.change.drop()
		return nil
	}
	in := t.input()
	return p.propose(t, api.DeployRestart, &in, p.line(t, "restart"))
}

// hold pauses a rollout, or goes on with it.
func (p *Pane) hold(t target) tea.Cmd {
	in := t.input()
	if t.paused() {
		return p.single(t, api.DeployResume, &in, p.line(t, "resume"))
	}
	return p.single(t, api.DeployPause, &in, p.line(t, "pause"))
}

func (t target) paused() bool { return t.seen != nil && t.seen.State == "paused" }

// scale asks how many.
func (p *Pane) scale(t target) tea.Cmd {
	initial := ""
	if t.seen != nil {
		initial = strconv.Itoa(t.seen.Desired)
	}
	return pane.Send(pane.Ask{
		Title:  "Scale " + t.name,
		Fields: []pane.Field{{Label: "Replicas", Initial: initial, Required: true, Help: "0 to 10000; the plan says what an autoscaler makes of it"}},
		Then: func(values []string) tea.Cmd {
			n, err := strconv.Atoi(strings.TrimSpace(values[0]))
			if err != nil {
				return wrong("replicas are a number, not " + values[0])
			}
			in := &api.DeployScaleInput{WorkloadName: t.input(), Replicas: &n}
			return p.single(t, api.DeployScale, in, p.line(t, "scale", "--replicas", strconv.Itoa(n)))
		},
	})
}

// image asks for another image.
func (p *Pane) image(t target) tea.Cmd {
	field := pane.Field{Label: "Image", Required: true, Help: "IMAGE, or CONTAINER=IMAGE of several containers; on the runtime a version"}
	if t.seen != nil && len(t.seen.Images) == 1 {
		field.Initial = t.seen.Images[0]
	}
	return pane.Send(pane.Ask{Title: "Image of " + t.name, Fields: []pane.Field{field}, Then: func(values []string) tea.Cmd {
		images := strings.Fields(values[0])
		if len(images) == 0 {
			return wrong("an image is needed")
		}
		in := &api.DeployImagesInput{WorkloadName: t.input(), Images: strings.Join(images, " ")}
		return p.single(t, api.DeployImages, in, p.line(t, "set-image", images...))
	}})
}

// canary asks what to do with a share of the calls. on is the canary that goes
// on; nil where none is known.
func (p *Pane) canary(t target, on *api.DeployCanary) tea.Cmd {
	do, revision, weight := "begin", "", "10"
	if on != nil {
		do, revision, weight = "promote", on.Revision, strconv.Itoa(on.Weight)
	}
	return pane.Send(pane.Ask{
		Title: "Canary of " + t.name,
		Fields: []pane.Field{
			{Label: "Do", Initial: do, Required: true, Enum: []string{"begin", "promote", "abort"}},
			{Label: "Revision", Initial: revision, Help: "to begin: the revision that gets a share of the calls"},
			{Label: "Weight", Initial: weight, Help: "to begin: percent of the calls, 1 to 99"},
		},
		Then: func(values []string) tea.Cmd {
			in := &api.DeployCanaryInput{WorkloadName: t.input()}
			switch values[0] {
			case "promote":
				in.Promote = true
				return p.single(t, api.DeployShare, in, p.line(t, "canary", "--promote"))
			case "abort":
				in.Abort = true
				return p.single(t, api.DeployShare, in, p.line(t, "canary", "--abort"))
			}
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(values[2]), "%")))
			if err != nil {
				return wrong("the weight is a number of percent, not " + values[2])
			}
			in.Revision, in.Weight = strings.TrimSpace(values[1]), n
			return p.single(t, api.DeployShare, in, p.line(t, "canary", "--revision", in.Revision, "--weight", strconv.Itoa(n)))
		},
	})
}

func wrong(text string) tea.Cmd { return pane.Send(pane.Toast{Text: text, Level: "bad"}) }

// changed is what became of a proposal: the next of the queue, or the rollout
// that the change began.
func (p *Pane) changed(msg pane.Changed) tea.Cmd {
	if fail.CodeOf(msg.Err) == fail.Canceled { // a no: the rest of the queue waits for e or esc
		return nil
	}
	t, bulk := p.change.on, len(p.change.queue) > 0 && msg.Operation == api.DeployRestart.ID
	if bulk {
		p.change.queue, p.change.done = p.change.queue[1:], p.change.done+1
	}
	if msg.Err != nil {
		if bulk {
			p.change.done--
		}
		p.change.failed = msg.Operation + " of " + t.name + ": " + oneLine(fail.From(msg.Err).Error())
		if len(p.change.queue) == 0 {
			return p.list.refresh()
		}
	}
	several := p.change.done > 1 || len(p.change.queue) > 0
	if bulk && len(p.change.queue) > 0 {
		failed := p.change.failed
		cmd := p.restart(nil)
		p.change.failed = failed
		return cmd
	}
	if bulk {
		p.change.drop()
		p.list.table.ClearMarks()
	}
	cmds := []tea.Cmd{p.list.refresh()}
	out, ok := msg.Out.(api.DeployChanged)
	if ok && msg.Err == nil && !several && !out.Unchanged && follows(msg.Operation) {
		now := targetOf(t.context, &out.Workload)
		cmds = append(cmds, p.show(newRollout(p, now, watched{out.Template, out.Generation})))
	} else if top := p.top(); top != screen(p.list) {
		cmds = append(cmds, top.refresh())
	}
	return tea.Batch(cmds...)
}

// follows says that a change leads to a rollout worth following.
func follows(operation string) bool {
	switch operation {
	case api.DeployUndo.ID, api.DeployScale.ID, api.DeployRestart.ID, api.DeployResume.ID, api.DeployImages.ID, api.DeployShare.ID:
		return true
	}
	return false
}
