package assistant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/nearest"
)

func (w *writer) changed(ctx context.Context) {
	now := w.a.now()
	window := w.plan.Window.or(ChangeWindow)
	words := []string{"changes"}
	if w.about() != "" {
		words = append(words, w.about())
	}
	command := aictl(append(words, window.flags(now)...)...)
	list, ok := part(ctx, w, "the changes", command, func(ctx context.Context) (Changes, error) {
		return w.a.platform.Changes(ctx, w.about(), window.from(now))
	})
	if !ok {
		return
	}
	w.cite("changes", window.words(), command)
	known := ""
	if len(list.Failed) > 0 {
		known = " that is known"
	}
	if len(list.Changes) == 0 {
		w.say("Nothing%s changed%s in %s.", known, w.ofWhom("about"), window.words())
		w.strange()
	} else {
		w.say("%s%s%s in %s, the newest first:\n", count(int64(len(list.Changes)), "change"), known, w.ofWhom("of"), window.words())
	}
	newest := slices.Clone(list.Changes)
	slices.Reverse(newest)
	for i, c := range newest[:min(len(newest), mostChanges)] {
		text := fmt.Sprintf("%s %s %s", w.when(c.Time), word(c.Kind), quote(c.Summary))
		if c.Actor != "" {
			text += " by " + name(c.Actor)
		}
		if c.Reason != "" {
			text += ", the reason given is " + quote(c.Reason)
		}
		if shown(c.Undo) {
			text += "; to take it back: " + code(c.Undo)
		}
		w.say("- %s", text)
		if i < mostCited {
			w.cite("changes", c.ID, c.Show)
		}
	}
	w.more(len(newest), mostChanges)
	w.warn(list.Warnings)
	w.gaps(list.Failed)
}

func (w *writer) deployed(ctx context.Context) {
	list, ok := part(ctx, w, "the deployments", "aictl deploy list", w.a.platform.Deployments)
	if !ok {
		return
	}
	w.cite("deployments", "list", "aictl deploy list")
	newest := slices.Clone(list.Workloads)
	slices.SortStableFunc(newest, func(a, b Workload) int { return b.Changed.Compare(a.Changed) })
	flying := slices.DeleteFunc(slices.Clone(newest), func(x Workload) bool { return x.State == "ready" || x.State == "stopped" })
	known := ""
	if len(list.Failed) > 0 {
		known = " that is known"
	}
	switch {
	case w.about() != "":
		w.rollouts(ctx, newest)
	case w.plan.Aim == AimFlight && len(flying) == 0:
		w.say("No rollout%s is in flight: none of %s is progressing, paused, degraded or failed.", known, count(int64(len(newest)), "workload"))
	case w.plan.Aim == AimFlight:
		w.say("%s not simply ready:\n", count(int64(len(flying)), "workload"))
		for _, x := range flying[:min(len(flying), mostLines)] {
			w.rollout(ctx, x)
		}
		w.more(len(flying), mostLines)
	case len(newest) == 0:
		w.say("No workload%s is deployed.", known)
	default:
		w.say("%s, %d ready; the newest revision first:\n", count(int64(len(newest)), "workload"), len(newest)-len(flying))
		for _, x := range newest[:min(len(newest), mostWorkloads)] {
			w.say("- %s", w.workload(x))
		}
		w.more(len(newest), mostWorkloads)
	}
	w.gaps(list.Failed)
}

// rollouts judges what has the name that was asked about, on whatever engine.
func (w *writer) rollouts(ctx context.Context, list []Workload) {
	names := []string{}
	for _, x := range list {
		names = append(names, x.Name)
	}
	near, ok := nearest.Of(w.about(), names)
	if !ok {
		shown := []string{}
		for _, n := range slices.Compact(sorted(names)) {
			shown = append(shown, word(n))
		}
		if len(shown) > mostWorkloads {
			shown = append(shown[:mostWorkloads], "…")
		}
		w.say("There is no workload named %s. There are: %s.", quote(w.about()), orNone(strings.Join(shown, ", ")))
		return
	}
	for _, x := range list {
		if x.Name == near {
			w.rollout(ctx, x)
		}
	}
}

// revision adds what the engines run of a service, where they run it.
func (w *writer) revision(ctx context.Context) {
	list, ok := part(ctx, w, "the deployments", "aictl deploy list", w.a.platform.Deployments)
	if !ok {
		return
	}
	for _, x := range list.Workloads {
		if x.Name == w.plan.Service {
			w.say("As a workload: %s.", w.workload(x))
			w.cite("deployments", "list", "aictl deploy list")
		}
	}
	w.gaps(list.Failed)
}

// rollout says one workload and what is thought of its rollout.
func (w *writer) rollout(ctx context.Context, x Workload) {
	w.say("- %s", w.workload(x))
	words := []string{"deploy", "status", strings.ToLower(x.Kind) + "/" + x.Name}
	if x.Namespace != "" && x.Namespace != "default" {
		words = append(words, "-n", x.Namespace)
	}
	command := aictl(words...)
	r, ok := part(ctx, w, "the rollout of "+word(x.Name), command, func(ctx context.Context) (Rollout, error) { return w.a.platform.Rollout(ctx, x) })
	if !ok {
		return
	}
	w.cite("deployments", x.Name, command)
	text := fmt.Sprintf("  Its rollout is %s: %s", word(orNone(r.Outcome)), quote(r.Message))
	if r.Detail != "" {
		text += ", the engine says " + quote(r.Detail)
	}
	if r.Canary != "" {
		text += fmt.Sprintf("; a canary of revision %s gets %d %% of the calls", word(r.Canary), r.Weight)
	}
	w.say("%s.%s", text, next(r.Next))
}

func (w *writer) workload(x Workload) string {
	text := fmt.Sprintf("%s (%s): %s, %d of %d ready", name(x.Name), word(orNone(x.Kind)), word(orNone(x.State)), x.Ready, x.Desired)
	if x.Revision != "" {
		text += ", revision " + word(x.Revision)
	}
	images := []string{}
	for _, i := range x.Images[:min(len(x.Images), 3)] {
		images = append(images, quote(i))
	}
	if len(images) > 0 {
		text += ", image " + strings.Join(images, " ")
	}
	if !x.Changed.IsZero() {
		text += ", rolled out at " + w.when(x.Changed)
	}
	if x.Cause != "" {
		text += ", the reason given is " + quote(x.Cause)
	}
	return text
}

func (w *writer) measured(ctx context.Context) {
	command := aictl("metrics", "query", w.plan.Text)
	got, ok := part(ctx, w, "the metrics", command, func(ctx context.Context) (Samples, error) { return w.a.platform.Metric(ctx, w.plan.Text) })
	if !ok {
		return
	}
	w.cite("metrics", at(w.a.now()), command)
	expr := quoted(w.plan.Text, maxSummary)
	if len(got.Samples) == 0 {
		w.say("%s has no value now: no series matches it.", expr)
	} else {
		w.say("%s is now:\n", expr)
	}
	for _, s := range got.Samples[:min(len(got.Samples), mostSamples)] {
		value := strconv.FormatFloat(s.Value, 'g', 6, 64)
		if len(s.Labels) == 0 {
			w.say("- %s", value)
			continue
		}
		pairs := []string{}
		for _, l := range slices.Sorted(maps.Keys(s.Labels)) {
			pairs = append(pairs, l+"="+s.Labels[l])
		}
		w.say("- %s: %s", quoted(strings.Join(pairs, " "), maxLabels), value)
	}
	w.more(len(got.Samples), mostSamples)
	w.warn(got.Warnings)
}
