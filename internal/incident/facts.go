package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/op"
)

func digest(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:5])
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// symptomID and alertID name the facts that the record makes of why's subject.
func symptomID(w *api.Why) string {
	return digest("sym", w.Subject.Kind, w.Subject.Name, w.Symptom.Expr)
}

func alertID(w *api.Why) string {
	return digest("ale", w.Subject.Name, w.Subject.Service, stamp(w.Subject.Started))
}

// Facts are all the evidence of an incident, each id once, in the order of the
// ids.
func Facts(in api.Incident) []api.Fact {
	var out []api.Fact
	for _, x := range in.Subjects {
		if x.Why != nil {
			out = append(out, whyFacts(x.Why)...)
		}
	}
	for _, i := range in.Impact {
		out = append(out, api.Fact{ID: i.ID, Kind: "metric", Source: "metrics", Time: i.To, Service: i.Service, Text: impactWords(i), Value: i.Value, Show: i.Show})
	}
	for _, r := range in.Timeline.Rows {
		text := r.Title
		for _, more := range []string{r.Text, r.Reason} {
			if more != "" {
				text += "; " + more
			}
		}
		if r.Actor != "" {
			text += "; by " + r.Actor
		}
		out = append(out, api.Fact{ID: r.ID, Kind: r.Kind, Source: r.Source, Time: r.Time, Service: r.Service, Text: oneLine(text), Show: r.Show})
	}
	for _, n := range in.Notes {
		out = append(out, api.Fact{ID: n.ID, Kind: "note", Source: "incident", Time: n.Time, Text: oneLine(n.By + ": " + n.Text), Show: evidenceCommand(in, n.ID)})
	}
	for _, run := range in.Runs {
		out = append(out, api.Fact{
			ID: run.ID, Kind: "runbook", Source: "incident", Time: run.Started, Text: oneLine(fmt.Sprintf("runbook %s: %s, %d steps, by %s", run.Runbook, run.Outcome, len(run.Results), run.By)),
			Show: argv.Line("aictl", "runbook", "show", run.Runbook),
		})
		for _, r := range run.Results {
			out = append(out, api.Fact{
				ID: r.ID, Kind: "runbook", Source: "incident", Time: r.Started,
				Text: oneLine(fmt.Sprintf("%s step %d of %s: %s ended with exit code %d", r.Kind, r.Step, run.Runbook, r.Command, r.Exit)), Show: r.Command,
			})
		}
	}
	slices.SortStableFunc(out, func(a, b api.Fact) int { return strings.Compare(a.ID, b.ID) })
	out = slices.CompactFunc(out, func(a, b api.Fact) bool { return a.ID == b.ID })
	for i := range out {
		if out[i].Show == "" {
			out[i].Show = evidenceCommand(in, out[i].ID)
		}
	}
	return out
}

func evidenceCommand(in api.Incident, id string) string {
	return argv.Line("aictl", "incident", "evidence", in.ID, id)
}

func whyFacts(w *api.Why) []api.Fact {
	out := slices.Clone(w.Symptom.Evidence)
	if w.Symptom.Onset != nil {
		f := api.Fact{
			ID: symptomID(w), Kind: "metric", Source: "metrics", Time: *w.Symptom.Onset, Service: w.Subject.Service, Value: w.Symptom.After, Baseline: w.Symptom.Before,
			Text: "the values of " + w.Subject.Name + " changed at " + stamp(*w.Symptom.Onset),
			Show: argv.Line("aictl", "why", w.Subject.Name, "--to", stamp(w.Time)),
		}
		if w.Symptom.Before != nil && w.Symptom.After != nil {
			f.Text += fmt.Sprintf(" from %s to %s", figure(*w.Symptom.Before), figure(*w.Symptom.After))
		}
		out = append(out, f)
	}
	if w.Subject.Kind == "alert" && !w.Subject.Started.IsZero() {
		out = append(out, api.Fact{
			ID: alertID(w), Kind: "alert", Source: "alerts", Time: w.Subject.Started, Service: w.Subject.Service,
			Text: oneLine(w.Subject.Name + " fires since " + stamp(w.Subject.Started)), Show: argv.Line("aictl", "alerts", "show", w.Subject.Name),
		})
	}
	change := func(c api.Change) {
		out = append(out, api.Fact{ID: c.ID, Kind: "change", Source: c.Source, Time: c.Time, Service: c.Service, Text: oneLine(c.Summary), Show: c.Show})
	}
	for _, c := range w.Candidates {
		out = append(out, c.Evidence...)
		if c.Change != nil {
			change(*c.Change)
		}
	}
	for _, c := range w.Cleared {
		change(c.Change)
	}
	return out
}

func figure(v op.Number) string { return strconv.FormatFloat(float64(v), 'g', 4, 64) }
