package operate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// change is one mutation of a workload with what its plan says.
type change struct {
	summary string
	steps   []op.Step
	notes   []string
	effect  op.Effect
	// what is the change in a few words, for the change-cause.
	what string
	do   deploy.Change
	// done says that everything is so already.
	done bool
}

type planned = op.Planned[api.DeployChanged]

func bindDeployChanges(r *op.Registry, d Deps) {
	op.BindChange(r, api.DeployScale, func(ctx context.Context, in api.DeployScaleInput) (planned, error) {
		return d.plan(ctx, in.WorkloadName, func(c deploy.Cluster, s *deploy.Snapshot) (change, error) {
			return planScale(ctx, c, s, *in.Replicas)
		})
	})
	op.BindChange(r, api.DeployRestart, func(ctx context.Context, in api.WorkloadName) (planned, error) {
		return d.plan(ctx, in, func(c deploy.Cluster, s *deploy.Snapshot) (change, error) { return planRestart(ctx, c, s) })
	})
	op.BindChange(r, api.DeployUndo, func(ctx context.Context, in api.DeployUndoInput) (planned, error) {
		return d.plan(ctx, in.WorkloadName, func(c deploy.Cluster, s *deploy.Snapshot) (change, error) {
			return planUndo(ctx, c, s, in.ToRevision)
		})
	})
	for paused, o := range map[bool]*op.Change[api.WorkloadName, api.DeployChanged]{true: api.DeployPause, false: api.DeployResume} {
		op.BindChange(r, o, func(ctx context.Context, in api.WorkloadName) (planned, error) {
			return d.plan(ctx, in, func(_ deploy.Cluster, s *deploy.Snapshot) (change, error) { return planPause(s, paused), nil })
		})
	}
	op.BindChange(r, api.DeployImages, func(ctx context.Context, in api.DeployImagesInput) (planned, error) {
		return d.plan(ctx, in.WorkloadName, func(_ deploy.Cluster, s *deploy.Snapshot) (change, error) { return planImages(s, in.Images) })
	})
	op.BindChange(r, api.DeployShare, func(ctx context.Context, in api.DeployCanaryInput) (planned, error) {
		return d.plan(ctx, in.WorkloadName, func(_ deploy.Cluster, s *deploy.Snapshot) (change, error) { return planCanary(s, in) })
	})
	op.BindChange(r, api.DeployDelete, func(ctx context.Context, in api.WorkloadName) (planned, error) {
		return d.plan(ctx, in, func(_ deploy.Cluster, s *deploy.Snapshot) (change, error) { return planDelete(s), nil })
	})
	op.BindChange(r, api.DeployApply, func(ctx context.Context, in api.DeployApplyInput) (planned, error) {
		return deployApply(ctx, d, in)
	})
}

// plan makes the plan of a change from the workload as it is, asks the engine
// whether it would take it, and applies it to that version alone.
func (d Deps) plan(ctx context.Context, in api.WorkloadName, decide func(deploy.Cluster, *deploy.Snapshot) (change, error)) (planned, error) {
	c, s, err := d.find(ctx, in)
	if err != nil {
		return planned{}, err
	}
	ch, err := decide(c, s)
	if err != nil {
		return planned{}, err
	}
	w := s.Workload
	plan := op.Plan{Target: w.Name, Summary: ch.summary, Effect: ch.effect, Steps: []op.Step{}, Notes: ch.notes}
	if ch.done {
		return planned{Plan: plan, Apply: func(context.Context) (api.DeployChanged, error) {
			out := changed(s)
			out.Unchanged = true
			return out, nil
		}}, nil
	}
	ch.do.Version = s.Version
	if d.ReadOnly == nil || !d.ReadOnly() {
		dry := ch.do
		dry.Dry, dry.Cause, dry.Actor = true, ch.what, caller(ctx)
		if _, err := c.Change(ctx, refOf(s), dry); err != nil {
			return planned{}, deploy.Stale(w, err)
		}
	} else {
		plan.Notes = append(plan.Notes, "read-only: the engine was not asked whether it would take this")
	}
	plan.Steps = append([]op.Step{{Action: "from", Object: deploy.Title(w), Detail: at(s)}}, ch.steps...)
	return planned{Plan: plan, Apply: func(ctx context.Context) (api.DeployChanged, error) {
		ch.do.Cause, ch.do.Actor = deploy.Cause(op.Reason(ctx), ch.what), caller(ctx)
		after, err := c.Change(ctx, refOf(s), ch.do)
		if err != nil {
			return api.DeployChanged{}, deploy.Stale(w, err)
		}
		return changed(after), nil
	}}, nil
}

// at names what a plan was made from.
func at(s *deploy.Snapshot) string {
	if s.Workload.Revision == "" {
		return "version " + s.Version
	}
	return fmt.Sprintf("revision %s, version %s", s.Workload.Revision, s.Version)
}

func changed(s *deploy.Snapshot) api.DeployChanged {
	return api.DeployChanged{Workload: s.Workload, Version: s.Version, Generation: s.Generation, Template: s.Template.Digest()}
}

func caller(ctx context.Context) string {
	id, _ := op.IdentityFrom(ctx)
	return id.Subject
}

// place is a workload with its namespace.
func place(w api.Workload) string {
	if w.Namespace == "" {
		return deploy.Title(w)
	}
	return deploy.Title(w) + " in " + w.Namespace
}

// around gives what stands around a workload; what may not be read is a note.
func around(ctx context.Context, c deploy.Cluster, s *deploy.Snapshot) (*deploy.Related, []string, error) {
	r, err := c.Related(ctx, refOf(s))
	if fail.CodeOf(err) == fail.Forbidden {
		return nil, []string{"autoscaler and disruption budget may not be read: " + err.Error()}, nil
	}
	return r, nil, err
}

func effects(list []api.DeployAround) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Object+": "+e.Message)
	}
	return out
}

func planScale(ctx context.Context, c deploy.Cluster, s *deploy.Snapshot, n int) (change, error) {
	w := s.Workload
	if w.Kind == deploy.DaemonSet {
		return change{}, fail.New(fail.Usage, "%s runs one replica a node: it cannot be scaled", deploy.Title(w)).Hint("change its node selector")
	}
	if w.Desired == n {
		return change{done: true, summary: fmt.Sprintf("%s has %d replicas already", place(w), n)}, nil
	}
	r, notes, err := around(ctx, c, s)
	if err != nil {
		return change{}, err
	}
	what := fmt.Sprintf("scale %d to %d", w.Desired, n)
	return change{
		summary: fmt.Sprintf("Scale %s from %d to %d replicas", place(w), w.Desired, n), what: what,
		steps: []op.Step{{Action: "scale", Object: deploy.Title(w), Detail: fmt.Sprintf("%d → %d replicas", w.Desired, n)}},
		notes: append(notes, effects(deploy.Effects(s, r, &n))...), do: deploy.Change{Scale: &n},
	}, nil
}

func planRestart(ctx context.Context, c deploy.Cluster, s *deploy.Snapshot) (change, error) {
	r, notes, err := around(ctx, c, s)
	if err != nil {
		return change{}, err
	}
	w := s.Workload
	return change{
		summary: fmt.Sprintf("Restart %s: %d replicas are replaced", place(w), w.Desired), what: "restart", do: deploy.Change{Restart: true},
		steps: []op.Step{{Action: "restart", Object: deploy.Title(w), Detail: "the same template, new replicas"}},
		notes: append(notes, effects(deploy.Effects(s, r, nil))...),
	}, nil
}

// verbs are a difference's words as what a plan does.
var verbs = map[string]string{"added": "add", "removed": "remove", "changed": "change"}

// planUndo goes back to an earlier revision. Its steps are the semantic
// difference; its notes what does not come back, and what others will do.
func planUndo(ctx context.Context, c deploy.Cluster, s *deploy.Snapshot, to string) (change, error) {
	diff, target, err := compare(ctx, c, s, "", to)
	if err != nil {
		return change{}, err
	}
	w := s.Workload
	out := change{
		summary: fmt.Sprintf("Undo %s: revision %s goes back to %s, made %s", place(w), diff.From, diff.To, target.Created.UTC().Format(time.RFC3339)),
		what:    "undo to revision " + target.Name, do: deploy.Change{Undo: target.Name}, notes: effects(append(diff.Since, diff.Effects...)),
	}
	if target.Cause != "" {
		out.summary += " (" + target.Cause + ")"
	}
	if !target.Good {
		out.notes = append(out.notes, fmt.Sprintf("revision %s is not known to have worked", target.Name))
	}
	for _, one := range diff.Changes {
		out.steps = append(out.steps, op.Step{Action: verbs[one.Action], Object: deploy.Title(w), Detail: deploy.ChangeText(one)})
	}
	if len(out.steps) == 0 {
		out.steps = []op.Step{{Action: "undo", Object: deploy.Title(w), Detail: "both revisions have the same template"}}
	}
	return out, nil
}

func planPause(s *deploy.Snapshot, pause bool) change {
	w := s.Workload
	verb, state := "resume", "not paused"
	if pause {
		verb, state = "pause", "paused already"
	}
	if s.Paused == pause {
		return change{done: true, summary: fmt.Sprintf("%s is %s", place(w), state)}
	}
	return change{
		summary: strings.ToUpper(verb[:1]) + verb[1:] + " the rollout of " + place(w), what: verb, do: deploy.Change{Pause: &pause},
		steps: []op.Step{{Action: verb, Object: deploy.Title(w)}},
		notes: []string{fmt.Sprintf("%d of %d replicas are of the newest revision", w.Updated, w.Desired)},
	}
}

// planImages reads CONTAINER=IMAGE, or an image alone.
func planImages(s *deploy.Snapshot, text string) (change, error) {
	w := s.Workload
	var main []deploy.Container
	known := map[string]deploy.Container{}
	var names []string
	for _, c := range s.Template.Containers {
		known[c.Name] = c
		names = append(names, c.Name)
		if !c.Init {
			main = append(main, c)
		}
	}
	out := change{do: deploy.Change{Images: map[string]string{}}}
	for word := range strings.FieldsSeq(text) {
		name, image, both := strings.Cut(word, "=")
		if !both || strings.ContainsAny(name, "/:@") { // an image alone; a digest may hold an equals sign in no case
			if len(main) != 1 {
				return out, fail.New(fail.Usage, "%s has %d containers: say which one gets %s", deploy.Title(w), len(main), word).Hint("CONTAINER=IMAGE, of %s", strings.Join(names, ", "))
			}
			name, image = main[0].Name, word
		}
		c, ok := known[name]
		switch {
		case !ok:
			return out, fail.New(fail.NotFound, "%s has no container %q", deploy.Title(w), name).Hint("it has %s", strings.Join(names, ", "))
		case image == "":
			return out, fail.New(fail.Usage, "no image is given for container %s", name).Hint("%s=IMAGE", name)
		case c.Image == image:
			continue
		}
		out.do.Images[name] = image
		out.steps = append(out.steps, op.Step{Action: "change", Object: deploy.Title(w), Detail: fmt.Sprintf("%s image: %s → %s", name, c.Image, image)})
	}
	if len(out.do.Images) == 0 {
		return change{done: true, summary: place(w) + " has these images already"}, nil
	}
	out.summary, out.what = fmt.Sprintf("Roll out another image of %s", place(w)), "set image "+strings.Join(strings.Fields(text), " ")
	return out, nil
}

func planCanary(s *deploy.Snapshot, in api.DeployCanaryInput) (change, error) {
	w := s.Workload
	do := &deploy.Canary{Revision: in.Revision, Weight: in.Weight, Promote: in.Promote, Abort: in.Abort}
	out := change{do: deploy.Change{Canary: do}}
	if (in.Promote || in.Abort) && s.Canary == nil {
		return out, fail.New(fail.NotFound, "%s has no canary", deploy.Title(w)).Hint("aictl deploy canary %s --revision REVISION --weight 10", deploy.Title(w))
	}
	switch {
	case in.Promote:
		out.summary, out.what = fmt.Sprintf("Promote the canary of %s: revision %s gets all calls", place(w), s.Canary.Revision), "promote canary "+s.Canary.Revision
	case in.Abort:
		out.summary, out.what = fmt.Sprintf("Abort the canary of %s: revision %s gets no more calls", place(w), s.Canary.Revision), "abort canary "+s.Canary.Revision
	default:
		out.summary, out.what = fmt.Sprintf("Give revision %s of %s %d %% of the calls", in.Revision, place(w), in.Weight), fmt.Sprintf("canary %s at %d %%", in.Revision, in.Weight)
	}
	out.steps = []op.Step{{Action: "canary", Object: deploy.Title(w), Detail: out.what}}
	return out, nil
}

func planDelete(s *deploy.Snapshot) change {
	w := s.Workload
	return change{
		summary: fmt.Sprintf("Delete %s with its %d replicas and its history", place(w), w.Desired), what: "delete", effect: op.Destroy,
		steps: []op.Step{{Action: "delete", Object: deploy.Title(w), Detail: fmt.Sprintf("%d replicas wanted", w.Desired)}}, do: deploy.Change{Delete: true},
	}
}

func deployApply(ctx context.Context, d Deps, in api.DeployApplyInput) (planned, error) {
	if d.Apply == nil {
		return planned{}, fail.New(fail.Unavailable, "this context brings in no services").Hint("aictl up")
	}
	if in.Namespace == "*" {
		return planned{}, fail.New(fail.Usage, "a service is in one namespace").Hint("give -n NAMESPACE")
	}
	m := deploy.Manifest{Body: []byte(in.Manifest), Origin: in.Origin, Namespace: in.Namespace, To: in.To, Canary: in.Canary, Dry: true, Cause: "apply", Actor: caller(ctx)}
	if m.Namespace == "" {
		m.Namespace = d.Namespace
	}
	would, err := d.Apply(ctx, m)
	if err != nil {
		return planned{}, err
	}
	w := would.Workload
	plan := op.Plan{Target: w.Name, Summary: fmt.Sprintf("Apply %s on %s", place(w), w.Engine), Steps: []op.Step{}}
	if would.Version != "" {
		plan.Steps = append(plan.Steps, op.Step{Action: "from", Object: deploy.Title(w), Detail: "version " + would.Version})
	}
	for _, s := range would.Steps {
		plan.Steps = append(plan.Steps, op.Step(s))
	}
	return planned{Plan: plan, Apply: func(ctx context.Context) (api.DeployChanged, error) {
		m.Dry, m.Version, m.Cause = false, would.Version, deploy.Cause(op.Reason(ctx), "apply")
		got, err := d.Apply(ctx, m)
		if err != nil {
			return api.DeployChanged{}, deploy.Stale(w, err)
		}
		return api.DeployChanged{Workload: got.Workload, Version: got.Version, Generation: got.Generation, Template: got.Template.Digest()}, nil
	}}, nil
}
