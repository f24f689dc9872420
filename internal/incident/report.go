package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

// Report writes the draft of a post-mortem. It is pure: equal records give
// equal bytes.
func Report(in api.Incident) api.IncidentReport {
	r := reporter{in: in, facts: map[string]bool{}}
	for _, f := range Facts(in) {
		r.facts[f.ID] = true
	}
	r.head()
	r.summary()
	r.impact()
	r.detection()
	r.timeline()
	r.causes()
	r.done()
	gaps := r.gaps()
	r.questions()
	r.actions()
	r.evidence()
	slices.Sort(r.used)
	return api.IncidentReport{
		ID: in.ID, Title: in.Title, State: in.State, From: in.From, To: in.To, Markdown: r.b.String(), Evidence: slices.Compact(r.used),
		Impact: in.Impact, Detection: in.Detection, Gaps: gaps,
	}
}

type reporter struct {
	in    api.Incident
	b     strings.Builder
	facts map[string]bool
	used  []string
}

func (r *reporter) f(format string, args ...any) { fmt.Fprintf(&r.b, format, args...) }

// ref names evidence; an id that does not resolve is never written.
func (r *reporter) ref(ids ...string) string {
	var out []string
	for _, id := range ids {
		if r.facts[id] {
			out = append(out, "`"+id+"`")
			r.used = append(r.used, id)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " [" + strings.Join(out, ", ") + "]"
}

func (r *reporter) head() {
	in := r.in
	r.f("# Post-mortem draft: %s\n\n", text(in.Title))
	r.f("Incident %s, %s. Window %s to %s. All times are UTC. Every `id` is evidence: `aictl incident evidence %s ID` shows it and the command that gives it again.\n\n",
		code(in.ID), in.State, stamp(in.From), stamp(in.To), in.ID)
	r.f("Opened by %s at %s", text(in.OpenedBy), stamp(in.Opened))
	if in.Closed != nil {
		r.f(", closed by %s at %s", text(in.ClosedBy), stamp(*in.Closed))
	}
	r.f(". Held by %s.\n\n", text(in.Owner))
}

func (r *reporter) summary() {
	r.f("## Summary\n\n")
	said := false
	for _, x := range r.in.Subjects {
		w := x.Why
		if w == nil {
			continue
		}
		said = true
		if w.Symptom.Onset != nil {
			r.f("The values of %s changed at %s", text(x.Name), stamp(*w.Symptom.Onset))
			if w.Symptom.Before != nil && w.Symptom.After != nil {
				r.f(", from %s to %s", figure(*w.Symptom.Before), figure(*w.Symptom.After))
			}
			r.f("%s. ", r.ref(symptomID(w)))
		}
		if w.Symptom.Expr != "" {
			r.f("The measure is %s", code(w.Symptom.Expr))
			if w.Symptom.Threshold != nil {
				r.f(" with the threshold %s %s", code(w.Symptom.Op), figure(*w.Symptom.Threshold))
			}
			r.f(". ")
		}
		r.f("%s\n\n", text(w.Summary))
	}
	if !said {
		r.f("Nothing could be said about the cause: see what could not be known.\n\n")
	}
	for _, i := range r.in.Impact {
		if i.Name == "failed" && i.Value != nil {
			r.f("%s calls of %s failed from %s to %s%s.\n\n", amount(i), text(i.Service), stamp(i.From), stamp(i.To), r.ref(i.ID))
		}
	}
}

func (r *reporter) impact() {
	r.f("## Impact\n\n")
	if len(r.in.Impact) == 0 {
		r.f("No number was found: see what could not be known.\n\n")
		return
	}
	r.f("| Service | What | Value | From | To | Expression | Evidence |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, i := range r.in.Impact {
		r.f("| %s | %s | %s | %s | %s | %s |%s |\n", text(i.Service), text(strings.ReplaceAll(i.Name, "_", " ")), text(amount(i)), stamp(i.From), stamp(i.To), cell(i.Expr), r.ref(i.ID))
	}
	r.f("\n")
}

func (r *reporter) detection() {
	d := r.in.Detection
	r.f("## Detection\n\n| Moment | Time | What says so | Evidence |\n| --- | --- | --- | --- |\n")
	for _, m := range moments(d) {
		if m.m.Time == nil {
			r.f("| %s | not known | | |\n", m.name)
			continue
		}
		r.f("| %s | %s | %s |%s |\n", m.name, stamp(*m.m.Time), text(m.m.Text), r.ref(m.m.Evidence))
	}
	r.f("\n| Interval | Length |\n| --- | --- |\n")
	for _, x := range []struct {
		name string
		d    *op.Duration
	}{{"Time to detect (onset to alert)", d.TTD}, {"Time to acknowledge (alert to acknowledgement)", d.TTA}, {"Time to mitigate (onset to mitigation)", d.TTM}, {"Time to recover (onset to recovery)", d.TTR}} {
		if x.d == nil {
			r.f("| %s | not known |\n", x.name)
		} else {
			r.f("| %s | %s |\n", x.name, time.Duration(*x.d))
		}
	}
	r.f("\n")
}

type named struct {
	name string
	m    api.IncidentMoment
}

func moments(d api.IncidentDetection) []named {
	return []named{{"Onset", d.Onset}, {"Alert", d.Alert}, {"Acknowledgement", d.Ack}, {"Mitigation", d.Mitigation}, {"Recovery", d.Recovery}}
}

func (r *reporter) timeline() {
	r.f("## Timeline\n\n")
	if len(r.in.Timeline.Rows) == 0 {
		r.f("No row was found.\n\n")
		return
	}
	r.f("| Time | Kind | Service | What | Who | Evidence |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, row := range r.in.Timeline.Rows {
		r.f("| %s | %s | %s | %s | %s |%s |\n", stamp(row.Time), text(row.Kind), text(row.Service), text(row.Title), text(row.Actor), r.ref(row.ID))
	}
	if r.in.Timeline.More > 0 {
		r.f("\n%d rows more were left out.\n", r.in.Timeline.More)
	}
	r.f("\n")
}

func (r *reporter) causes() {
	r.f("## Causes considered\n\n")
	for _, x := range r.in.Subjects {
		w := x.Why
		if w == nil {
			r.f("For %s nothing could be asked.\n\n", text(x.Name))
			continue
		}
		r.f("For %s the verdict is %s, as of %s.\n\n", text(x.Name), code(w.Verdict), stamp(w.Time))
		for _, c := range w.Candidates {
			r.f("%d. %s (%s, confidence %.0f %%)", c.Rank, text(c.Title), text(c.Kind), 100*float64(c.Confidence))
			ids := []string{}
			if c.Change != nil {
				ids = append(ids, c.Change.ID)
			}
			for _, e := range c.Evidence {
				ids = append(ids, e.ID)
			}
			r.f("%s\n", r.ref(ids...))
			for _, e := range c.Evidence {
				r.f("   - for: %s%s\n", text(e.Text), r.ref(e.ID))
			}
			for _, a := range c.Against {
				r.f("   - against: %s\n", text(a))
			}
		}
		for _, c := range w.Cleared {
			r.f("- cleared: %s at %s: %s%s\n", text(c.Change.Summary), stamp(c.Change.Time), text(c.Why), r.ref(c.Change.ID))
		}
		r.f("\n")
	}
}

func (r *reporter) done() {
	r.f("## What was done\n\n")
	n := 0
	for _, row := range r.in.Timeline.Rows {
		if row.Actor == "" && row.Kind != "ack" && row.Kind != "silence" {
			continue
		}
		n++
		r.f("- %s %s: %s", stamp(row.Time), text(row.Actor), text(row.Title))
		if row.Reason != "" {
			r.f(" (%s)", text(row.Reason))
		}
		r.f("%s\n", r.ref(row.ID))
	}
	for _, run := range r.in.Runs {
		n++
		r.f("- %s %s: runbook %s, %s%s\n", stamp(run.Started), text(run.By), text(run.Runbook), text(run.Outcome), r.ref(run.ID))
		for _, x := range run.Results {
			r.f("   - %s step %d: %s, exit code %d%s\n", text(x.Kind), x.Step, code(x.Command), x.Exit, r.ref(x.ID))
		}
	}
	for _, note := range r.in.Notes {
		n++
		r.f("- %s note of %s: %s%s\n", stamp(note.Time), text(note.By), text(oneLine(note.Text)), r.ref(note.ID))
	}
	if n == 0 {
		r.f("No record of an action was found.\n")
	}
	r.f("\n")
}

// Gaps are what could not be known of an incident, and why.
func Gaps(in api.Incident) []string {
	out := []string{}
	for _, u := range in.Unknown {
		out = append(out, "no data from "+u.Backend+": "+u.Message)
	}
	for _, i := range in.Impact {
		if i.Value == nil {
			what := strings.ReplaceAll(i.Name, "_", " ")
			if i.Service != "" {
				what += " of " + i.Service
			}
			out = append(out, fmt.Sprintf("%s from %s to %s: %s", what, stamp(i.From), stamp(i.To), i.Gap))
		}
	}
	for _, m := range moments(in.Detection) {
		if m.m.Time == nil {
			out = append(out, strings.ToLower(m.name)+": no evidence says when")
		}
	}
	if in.Timeline.More > 0 {
		out = append(out, fmt.Sprintf("%d rows of the timeline were left out", in.Timeline.More))
	}
	for _, w := range append(slices.Clone(in.Warnings), in.Timeline.Warnings...) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

func (r *reporter) gaps() []string {
	all := Gaps(r.in)
	r.f("## What could not be known\n\n")
	for _, g := range all {
		r.f("- %s\n", text(g))
	}
	if len(all) == 0 {
		r.f("Every source that was asked answered, and every number has a sample.\n")
	}
	r.f("\n")
	return all
}

func (r *reporter) questions() {
	r.f("## Open questions\n\n")
	for _, x := range r.in.Subjects {
		switch {
		case x.Why == nil || x.Why.Verdict == api.WhyNoData:
			r.f("- What was behind %s? The sources that would tell did not answer.\n", text(x.Name))
		case x.Why.Verdict == api.WhyUnclear:
			r.f("- Which of the %d candidates was behind %s, or was it none of them?\n", len(x.Why.Candidates), text(x.Name))
		case x.Why.Verdict == api.WhyNoChange:
			r.f("- What made %s change, when no change in the window explains it?\n", text(x.Name))
		case x.Why.Verdict == api.WhyHealthy:
			r.f("- What was observed about %s? Its measures show nothing in the window.\n", text(x.Name))
		default:
			r.f("- What let the first candidate reach %s?\n", text(x.Name))
		}
	}
	for _, m := range moments(r.in.Detection) {
		if m.m.Time == nil {
			r.f("- When was the %s?\n", strings.ToLower(m.name))
		}
	}
	r.f("\n")
}

func (r *reporter) actions() {
	r.f("## Action items\n\nStubs: each wants an owner and a date. They are about the system, not about a person.\n\n")
	r.f("- [ ] Prevention: what would have kept the first candidate from having this effect?\n")
	r.f("- [ ] Detection: what would have made the time from onset to alert shorter?\n")
	r.f("- [ ] Mitigation: what would have made the time from alert to mitigation shorter?\n")
	if len(Gaps(r.in)) > 0 {
		r.f("- [ ] Knowledge: which of the %d gaps above should be closed?\n", len(Gaps(r.in)))
	}
	r.f("\n")
}

func (r *reporter) evidence() {
	r.f("## Evidence\n\n| Id | Time | Source | What | Command |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range Facts(r.in) {
		r.used = append(r.used, f.ID)
		r.f("| `%s` | %s | %s | %s | %s |\n", f.ID, stamp(f.Time), text(f.Source), text(f.Text), cell(f.Show))
	}
}
