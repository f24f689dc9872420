// Package handoff says what the next person on call must know.
//
// It promises that what needs action stands first, each with a command; that
// the same state gives the same words; and that what could not be looked at is
// named and never taken for quiet. It is pure: the caller gathers.
package handoff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
)

// Facts are what was gathered. A nil part was not looked at.
type Facts struct {
	Now, From time.Time
	Soon      time.Duration
	Alerts    []api.Alert
	Silences  []api.Silence
	Workloads []api.DeployStatus
	Secrets   []api.Secret
	Rotations []api.SecretRotation
	// Budgets are what is left of each, by "SLO of SERVICE": 1 is all, below 0
	// is overspent. Burns are how fast each goes, 1 is as fast as it may.
	Budgets, Burns map[string]float64
	Changes        []api.Change
	Unknown        []api.BackendFailure
}

// Build makes the handoff.
func Build(f Facts) api.Handoff {
	out := api.Handoff{Time: f.Now.UTC(), From: f.From.UTC(), Items: []api.HandoffItem{}, Unknown: f.Unknown}
	if out.Unknown == nil {
		out.Unknown = []api.BackendFailure{}
	}
	for _, part := range [][]api.HandoffItem{alerts(f), silences(f), rollouts(f), secrets(f), budgets(f), changes(f)} {
		out.Items = append(out.Items, part...)
	}
	slices.SortStableFunc(out.Items, func(a, b api.HandoffItem) int {
		return cmp.Or(order(a.Action)-order(b.Action), rank(a.Kind)-rank(b.Kind), a.Time.Compare(b.Time), strings.Compare(a.Object, b.Object), strings.Compare(a.Text, b.Text))
	})
	for _, i := range out.Items {
		if i.Action {
			out.Actions++
		}
	}
	slices.SortFunc(out.Unknown, func(a, b api.BackendFailure) int { return strings.Compare(a.Backend, b.Backend) })
	return out
}

func order(action bool) int {
	if action {
		return 0
	}
	return 1
}

func rank(kind string) int {
	return slices.Index([]string{"alert", "rollout", "canary", "rotation", "budget", "secret", "silence", "change"}, kind)
}

func line(words ...string) string { return argv.Line(append([]string{"aictl"}, words...)...) }

func alerts(f Facts) []api.HandoffItem {
	var out []api.HandoffItem
	for _, a := range f.Alerts {
		name := a.Name
		if a.Service != "" {
			name += " of " + a.Service
		}
		item := api.HandoffItem{Kind: "alert", Object: "alert/" + a.Name, Time: a.Started.UTC(), Command: line("why", a.Name)}
		switch {
		case a.Ack != nil && a.Ack.Until.Sub(f.Now) < time.Hour:
			item.Action, item.Who = true, a.Ack.By
			item.Text = fmt.Sprintf("%s is with %s, and comes back in %s", name, a.Ack.By, length(a.Ack.Until.Sub(f.Now)))
			item.Command = line("alerts", "ack", a.Name, "--comment", "taken over")
		case a.Ack != nil:
			item.Who, item.Text = a.Ack.By, fmt.Sprintf("%s is with %s: %s", name, a.Ack.By, a.Ack.Comment)
		case a.State == "firing":
			item.Action, item.Text = true, fmt.Sprintf("%s has been firing for %s, and nobody has it: %s", name, length(f.Now.Sub(a.Started)), a.Summary)
		case a.State == "silenced":
			item.Text = name + " fires behind a silence"
		default:
			continue // inhibited: another alert stands for it
		}
		out = append(out, item)
	}
	return out
}

func silences(f Facts) []api.HandoffItem {
	var out []api.HandoffItem
	for _, s := range f.Silences {
		if s.Ack || s.State != "active" {
			continue
		}
		item := api.HandoffItem{Kind: "silence", Object: "silence/" + s.ID, Who: s.By, Time: s.Ends.UTC()}
		switch {
		case s.Hits > 0 && s.Ends.Sub(f.Now) < f.Soon:
			item.Action, item.Text = true, fmt.Sprintf("the silence of %s ends in %s and still keeps %d quiet: %s", s.Matchers, length(s.Ends.Sub(f.Now)), s.Hits, s.Comment)
			item.Command = line("alerts", "list", "--state", "silenced")
		case s.Stale != "":
			item.Text, item.Command = fmt.Sprintf("the silence of %s can go: %s", s.Matchers, s.Stale), line("alerts", "unsilence", s.ID)
		case s.Hits > 0:
			item.Text, item.Command = fmt.Sprintf("the silence of %s keeps %d quiet until %s: %s", s.Matchers, s.Hits, s.Ends.UTC().Format("Jan 2 15:04 MST"), s.Comment), line("alerts", "silences")
		default:
			continue
		}
		out = append(out, item)
	}
	return out
}

func rollouts(f Facts) []api.HandoffItem {
	var out []api.HandoffItem
	for _, w := range f.Workloads {
		item := api.HandoffItem{Kind: "rollout", Object: strings.ToLower(w.Kind) + "/" + w.Name, Time: w.Changed.UTC(), Command: line(inNamespace(w.Namespace, "deploy", "status", w.Name)...)}
		switch {
		case w.Verdict.Outcome == api.DeployFailed:
			item.Action, item.Text = true, fmt.Sprintf("%s: %s", w.Name, w.Verdict.Message)
			item.Command = line(inNamespace(w.Namespace, "deploy", "undo", w.Name, "--dry-run=server")...)
		case w.Verdict.Code == "paused":
			item.Action, item.Text = true, fmt.Sprintf("%s is paused in the middle of a rollout", w.Name)
			item.Command = line(inNamespace(w.Namespace, "deploy", "resume", w.Name)...)
		case w.Canary != nil:
			item.Kind, item.Text = "canary", fmt.Sprintf("%s sends %d %% of its calls to revision %s: %s", w.Name, w.Canary.Weight, w.Canary.Revision, w.Canary.Message)
		case w.Verdict.Outcome == api.DeployProgressing:
			item.Text = fmt.Sprintf("%s is being rolled out: %s", w.Name, w.Verdict.Message)
		case w.State == "degraded":
			item.Action, item.Text = true, fmt.Sprintf("%s has %d of %d replicas", w.Name, w.Available, w.Desired)
		default:
			continue
		}
		out = append(out, item)
	}
	return out
}

func inNamespace(ns string, words ...string) []string {
	if ns != "" && ns != "default" {
		words = append(words, "-n", ns)
	}
	return words
}

func secrets(f Facts) []api.HandoffItem {
	var out []api.HandoffItem
	for _, s := range f.Secrets {
		item := api.HandoffItem{Kind: "secret", Object: s.Ref, Time: s.Rotated.UTC(), Command: line("secrets", "rotate", s.Ref, "--dry-run=server")}
		switch {
		case !s.Deletion.IsZero() && s.Deletion.Sub(f.Now) < f.Soon:
			item.Action, item.Text = true, fmt.Sprintf("%s is deleted in %s", s.Ref, length(s.Deletion.Sub(f.Now)))
			item.Command = line("secrets", "history", s.Ref)
		case s.Overdue:
			item.Action, item.Text = true, fmt.Sprintf("%s was rotated %s ago, and may be %s old", s.Ref, length(f.Now.Sub(s.Rotated)), length(time.Duration(s.MaxAge)))
		default:
			continue
		}
		out = append(out, item)
	}
	for _, r := range f.Rotations {
		if r.Open {
			out = append(out, api.HandoffItem{Kind: "rotation", Action: true, Object: r.Ref, Text: fmt.Sprintf("the rotation of %s stands at %s", r.Ref, r.Step), Command: line("secrets", "rotate", r.Ref, "--resume", r.ID)})
		}
	}
	return out
}

func budgets(f Facts) []api.HandoffItem {
	var out []api.HandoffItem
	names := make([]string, 0, len(f.Budgets))
	for name := range f.Budgets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		left, burn := f.Budgets[name], f.Burns[name]
		objective, _, _ := strings.Cut(name, " of ")
		item := api.HandoffItem{Kind: "budget", Object: "slo/" + name, Command: line("gate", "--slo", objective)}
		switch {
		case left < 0:
			item.Action, item.Text = true, fmt.Sprintf("the error budget of %s is overspent by %.0f %%", name, -100*left)
		case burn > 1:
			item.Action = left < 0.25
			item.Text = fmt.Sprintf("%.0f %% of the error budget of %s is left, and it goes %.1f times as fast as it may", 100*left, name, burn)
		case left < 0.25:
			item.Text = fmt.Sprintf("%.0f %% of the error budget of %s is left", 100*left, name)
		default:
			continue
		}
		out = append(out, item)
	}
	return out
}

// mostChanges bounds the changes that are told; the rest is counted.
const mostChanges = 10

func changes(f Facts) []api.HandoffItem {
	var out []api.HandoffItem
	list := slices.DeleteFunc(slices.Clone(f.Changes), func(c api.Change) bool {
		return c.Kind == api.ChangeAutoscale || c.Kind == api.ChangeAck || c.Kind == api.ChangeSilence || c.Kind == api.ChangeAction
	})
	more := max(len(list)-mostChanges, 0)
	for _, c := range list[more:] {
		text := c.Summary
		if c.Actor != "" {
			text += " by " + c.Actor
		}
		out = append(out, api.HandoffItem{Kind: "change", Object: c.Object, Text: text, Who: c.Actor, Time: c.Time.UTC(), Command: c.Show})
	}
	if more > 0 {
		out = append(out, api.HandoffItem{Kind: "change", Object: "changes", Text: fmt.Sprintf("and %d changes before these", more), Time: f.From.UTC(), Command: line("changes", "--from", f.From.UTC().Format(time.RFC3339))})
	}
	return out
}

// length is a duration as a person says it: no more of it than counts.
func length(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d seconds", max(0, int(d.Seconds())))
}
