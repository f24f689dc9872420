package incident

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Report writes the report of an incident. With a moment it gathers anew as of
// then, for the report alone: nothing is kept. A closed incident has one report.
func (s *Service) Report(ctx context.Context, q api.IncidentReportInput) (api.IncidentReport, error) {
	in, err := s.Find(ctx, q.ID)
	if err != nil {
		return api.IncidentReport{}, err
	}
	if !q.To.IsZero() {
		if in, err = s.asOf(ctx, in, q.To.UTC()); err != nil {
			return api.IncidentReport{}, err
		}
	}
	out := Report(in)
	if q.Narrative {
		n, err := s.narrative(ctx, in)
		if err != nil {
			return out, err
		}
		out.Narrative = &n
		out.Markdown = withNarrative(out.Markdown, n)
	}
	return out, nil
}

// asOf is an open incident as it was to be known at a moment.
func (s *Service) asOf(ctx context.Context, in api.Incident, to time.Time) (api.Incident, error) {
	if in.State == api.IncidentClosed {
		return in, fail.New(fail.Usage, "incident %s is closed: its report is of %s and has no other moment", in.ID, stamp(in.To)).
			Hint("aictl incident report %s", in.ID)
	}
	if !in.From.Before(to) || to.After(s.d.Now()) {
		return in, fail.New(fail.Usage, "--to %s is not between the window's beginning, %s, and now", stamp(to), stamp(in.From))
	}
	owner := in.Owner
	in.Subjects = slices.Clone(in.Subjects) // gather writes into them
	in.Notes = slices.DeleteFunc(slices.Clone(in.Notes), func(n api.IncidentNote) bool { return n.Time.After(to) })
	in.Runs = slices.DeleteFunc(slices.Clone(in.Runs), func(r api.RunbookRun) bool { return r.Started.After(to) })
	if err := s.gather(ctx, &in, to, false); err != nil {
		return in, err
	}
	in.Owner = owner // who has the alerts now says nothing about then
	return in, nil
}

// Export gives an incident as files: the record, the report, the timeline, the
// evidence, the transcripts. Equal records give equal files.
func (s *Service) Export(ctx context.Context, id string) (api.IncidentExported, error) {
	in, err := s.Find(ctx, id)
	if err != nil {
		return api.IncidentExported{}, err
	}
	out := api.IncidentExported{ID: in.ID, Files: []api.IncidentFile{}}
	add := func(name string, v any) {
		if err != nil {
			return
		}
		var body []byte
		if body, err = json.MarshalIndent(v, "", "  "); err == nil {
			out.Files = append(out.Files, api.IncidentFile{Name: name, Body: string(body) + "\n"})
		}
	}
	report := Report(in)
	out.Files = append(out.Files, api.IncidentFile{Name: "report.md", Body: report.Markdown})
	add("report.json", report)
	add("incident.json", in)
	add("timeline.json", in.Timeline)
	add("evidence.json", Facts(in))
	if s.d.SVG != nil {
		out.Files = append(out.Files, api.IncidentFile{Name: "timeline.svg", Body: s.d.SVG(in.Timeline)})
	}
	for _, run := range in.Runs {
		out.Files = append(out.Files, api.IncidentFile{Name: "runs/" + run.ID + ".md", Body: Transcript(run)})
	}
	return out, err
}

// Transcript writes a run of a runbook as Markdown.
func Transcript(run api.RunbookRun) string {
	var b strings.Builder
	b.WriteString("# Runbook " + text(run.Runbook) + "\n\n")
	if run.Alert != "" {
		b.WriteString("Alert " + text(run.Alert) + ". ")
	}
	b.WriteString("Started " + stamp(run.Started) + ", ended " + stamp(run.Ended) + ": " + text(run.Outcome) + ".\n")
	for _, r := range run.Results {
		b.WriteString("\n## " + text(r.Kind) + " step " + figure(number(r.Step)) + "\n\n" + code(r.Command) + "\n\nStarted " + stamp(r.Started) + ", took " +
			time.Duration(r.Took).String() + ", exit code " + figure(number(r.Exit)) + ".")
		if r.Note != "" {
			b.WriteString(" " + text(r.Note))
		}
		b.WriteString("\n")
		if r.Output != "" {
			b.WriteString("\n" + fenced(r.Output) + "\n")
		}
	}
	return b.String()
}

// fenced writes a block that its content can't leave.
func fenced(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	fence := "```"
	for i, l := range lines {
		lines[i] = visible(l)
		for strings.Contains(l, fence) {
			fence += "`"
		}
	}
	return fence + "text\n" + strings.Join(lines, "\n") + "\n" + fence
}
