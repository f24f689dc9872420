package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Target finds the revision that an undo goes back to: the one that is named;
// else the newest earlier one that has ready replicas now, which is proof that
// it works (a rollout that is stuck leaves them); else the newest earlier one
// that was rolled out whole once. It fails with NotFound where there is none,
// and with Usage for the current one.
func Target(w api.Workload, history []Revision, name string) (to, from Revision, err error) {
	at := slices.IndexFunc(history, func(r Revision) bool { return r.Current })
	if at >= 0 {
		from = history[at]
	}
	if name != "" {
		for _, r := range history {
			if r.Name == name {
				if r.Current {
					return r, from, fail.New(fail.Usage, "%s runs revision %s already", Title(w), name).Hint("aictl deploy history %s", Title(w))
				}
				return r, from, nil
			}
		}
		return to, from, fail.New(fail.NotFound, "%s has no revision %q", Title(w), name).Hint("aictl deploy history %s", Title(w))
	}
	before := history[at+1:]
	for _, r := range before {
		if r.Ready > 0 {
			return r, from, nil
		}
	}
	for _, r := range before {
		if r.Good {
			return r, from, nil
		}
	}
	if len(before) == 0 {
		return to, from, fail.New(fail.NotFound, "%s has no earlier revision to go back to", Title(w)).Hint("aictl deploy history %s", Title(w))
	}
	return to, from, fail.New(fail.NotFound, "no earlier revision of %s is known to have worked", Title(w)).
		Hint("choose one: aictl deploy undo %s --to-revision %s", Title(w), before[0].Name)
}

// Compare makes the semantic difference that going from one revision to
// another makes, with what changed beside the templates since the other was
// made, and what autoscalers and budgets will do about it.
func Compare(s *Snapshot, from, to Revision, around *Related) api.DeployDiff {
	out := api.DeployDiff{
		Workload: s.Workload, Version: s.Version, From: from.Name, To: to.Name,
		Changes: Diff(from.Template, to.Template), Since: Since(around, to, s.Workload), Effects: Effects(s, around, nil),
	}
	if out.Changes == nil {
		out.Changes = []api.DeployChange{}
	}
	if s.Workload.Kind == StatefulSet && slices.ContainsFunc(s.Replicas, func(r Replica) bool { return r.Current && !r.Ready }) {
		out.Effects = append(out.Effects, api.DeployAround{
			Kind: "note", Object: Title(s.Workload),
			Message: "a StatefulSet does not replace a pod that never became ready: delete it when the new template is in place",
		})
	}
	return out
}

// Since gives what changed beside the template after a revision was made:
// going back to the template does not bring it back. What is missing is named
// whenever it went.
func Since(around *Related, to Revision, w api.Workload) []api.DeployAround {
	out := []api.DeployAround{}
	if around == nil {
		return out
	}
	for _, f := range around.Config {
		switch {
		case f.Hash == "":
			out = append(out, api.DeployAround{Kind: "missing", Object: f.Object, Message: "it does not exist, and the template refers to it"})
		case f.Hash == Hidden:
			out = append(out, api.DeployAround{Kind: "note", Object: f.Object, Message: "you may not read it: whether it changed is not known"})
		case !f.Changed.IsZero() && f.Changed.After(to.Created):
			out = append(out, api.DeployAround{Kind: "config", Object: f.Object, Changed: f.Changed, By: f.By, Message: fmt.Sprintf("its content changed after revision %s was made, and stays", to.Name)})
		}
	}
	if sc := around.Scaler; sc != nil && sc.Changed.After(to.Created) {
		out = append(out, api.DeployAround{Kind: "scaler", Object: "hpa/" + sc.Name, Changed: sc.Changed, Message: fmt.Sprintf("now min %d, max %d", sc.Min, sc.Max)})
	}
	if b := around.Budget; b != nil && b.Changed.After(to.Created) {
		out = append(out, api.DeployAround{Kind: "budget", Object: "pdb/" + b.Name, Changed: b.Changed, Message: fmt.Sprintf("now wants %d healthy replicas", b.Wanted)})
	}
	slices.SortStableFunc(out, func(a, b api.DeployAround) int {
		return cmp.Or(b.Changed.Compare(a.Changed), strings.Compare(a.Object, b.Object))
	})
	return out
}

// Effects say what disruption budgets and autoscalers will do about a rollout
// or, with replicas given, about a scaling.
func Effects(s *Snapshot, around *Related, replicas *int) []api.DeployAround {
	out := []api.DeployAround{}
	if around == nil {
		return out
	}
	if sc := around.Scaler; sc != nil && replicas != nil {
		object, add := "hpa/"+sc.Name, func(message string) {
			out = append(out, api.DeployAround{Kind: "scaler", Object: "hpa/" + sc.Name, Message: message})
		}
		switch n := *replicas; {
		case n == 0:
			add(fmt.Sprintf("%s is switched off while the workload has no replicas", object))
		case n < sc.Min:
			add(fmt.Sprintf("min %d: a scale to %d would be undone", sc.Min, n))
		case n > sc.Max:
			add(fmt.Sprintf("max %d: a scale to %d would be undone", sc.Max, n))
		default:
			add(fmt.Sprintf("it wants %d now (min %d, max %d) and will go on from %d", sc.Wanted, sc.Min, sc.Max, n))
		}
	}
	if b := around.Budget; b != nil {
		object := "pdb/" + b.Name
		switch {
		case replicas != nil && *replicas < b.Wanted:
			out = append(out, api.DeployAround{Kind: "budget", Object: object, Message: fmt.Sprintf("wants %d healthy replicas: with %d every drain of a node will wait", b.Wanted, *replicas)})
		case b.Allowed == 0:
			// A rollout itself is not an eviction; drains and whatever asks the
			// eviction API meanwhile are held up.
			out = append(out, api.DeployAround{Kind: "budget", Object: object, Message: fmt.Sprintf("allows 0 disruptions (%d of %d healthy): drains wait, and a rollout has no room to spare", b.Healthy, b.Wanted)})
		}
	}
	if replicas == nil && s.Paused {
		out = append(out, api.DeployAround{Kind: "note", Object: Title(s.Workload), Message: "it is paused: nothing is rolled out until it is resumed"})
	}
	return out
}

// Cause is the change-cause of a change that somebody made for a reason.
func Cause(reason, what string) string {
	if reason == "" {
		return what
	}
	return reason + " (" + what + ")"
}

// Stale turns the engine's conflict into the refusal that a plan which no
// longer fits deserves: nothing was written.
func Stale(w api.Workload, err error) error {
	if fail.CodeOf(err) != fail.Conflict {
		return err
	}
	return fail.New(fail.Refused, "plan is stale: %s changed since the plan was made, and nothing was written", Title(w)).
		Hint("run the command again and read the new plan")
}

// Histories describes revisions, each with its difference from the one before.
func Histories(list []Revision) []api.DeployRevision {
	out := make([]api.DeployRevision, 0, len(list))
	for i, r := range list {
		one := api.DeployRevision{
			Name: r.Name, Created: r.Created, Cause: r.Cause, Actor: r.Actor, Current: r.Current, Ready: r.Ready, Good: r.Good, Images: Images(r.Template),
		}
		if i+1 < len(list) {
			one.Changes = Diff(list[i+1].Template, r.Template)
		}
		out = append(out, one)
	}
	return out
}

// Images are the images of a template's containers, the main ones first.
func Images(t Template) []string {
	out := []string{}
	for _, c := range t.Containers {
		if !c.Init {
			out = append(out, c.Image)
		}
	}
	return out
}

// Manifest is a service to bring in, as plugin.yaml describes it.
type Manifest struct {
	Body []byte
	// Origin is the folder that its command is relative to.
	Origin    string
	Namespace string
	// To is the engine; empty is what the manifest says.
	To string
	// Canary is the share of the calls that the new revision gets at first, in
	// percent; 0 rolls it out.
	Canary int
	// Version is what a plan was made from; empty takes what is there.
	Version string
	// Dry says what would happen, and does nothing.
	Dry          bool
	Cause, Actor string
}

// Applied is what a manifest led to, or would.
type Applied struct {
	Workload api.Workload
	// Version, Generation and Template are those of the workload: of the one
	// that is there where the application was dry (an empty version where there
	// is none), of the changed one otherwise.
	Version    string
	Generation int64
	Template   Template
	// Steps are what is done, one object each.
	Steps []ApplyStep
}

// ApplyStep is one action of applying a manifest.
type ApplyStep struct{ Action, Object, Detail string }
