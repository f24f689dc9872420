package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/tuitest"
)

func record(t *testing.T) api.Incident {
	t.Helper()
	w := tuitest.Read[api.Why](t, "why.json")
	onset, took, calls := now.Add(-time.Minute), op.Duration(40*time.Second), op.Number(234)
	return api.Incident{
		ID: "inc-1", Title: "masking fails", State: api.IncidentOpen, Owner: "ann", OpenedBy: "ann", Opened: now.Add(-time.Minute), From: now.Add(-time.Hour), To: now,
		Subjects:  []api.IncidentSubject{{Name: "ServiceErrorsHigh", Why: &w}, {Name: "mask"}},
		Impact:    []api.IncidentImpact{{ID: "imp-1", Service: "mask", Name: "failed", Unit: "calls", Value: &calls}, {ID: "imp-2", Name: "budget_used", Unit: "ratio"}},
		Detection: api.IncidentDetection{Onset: api.IncidentMoment{Time: &onset, Text: "the values left"}, Alert: api.IncidentMoment{Time: &onset}, TTD: &took},
		Notes:     []api.IncidentNote{{ID: "note-1", By: "ann", Time: now, Text: "the upstream says it is theirs"}},
		Runs:      []api.RunbookRun{{Runbook: "Errors", Outcome: "failed", By: "ann", Results: []api.RunbookResult{{Step: 1, Kind: "check", Command: "aictl why x", OK: true}, {Step: 2, Kind: "act", Command: "aictl deploy undo x", Exit: 9}}}},
		Unknown:   []api.BackendFailure{{Backend: "elastic", Message: "timed out"}},
	}
}

func TestIncidentsAreShownNotedReportedAndClosed(t *testing.T) {
	p := platform(t, nil)
	tuitest.Answer(p, api.IncidentsShow, record(t))
	tuitest.Answer(p, api.IncidentsReport, api.IncidentReport{ID: "inc-1", Markdown: "# Post-mortem draft\n\n| a | b |\n| - | - |\n| 1 | 2 |\n"})
	single(t, p, func(d *tuitest.Driver, h *host) {
		require.Contains(t, d.Frame(), "masking fails", "the first visit lists what is recorded")
		require.Equal(t, "aictl incident list", h.Pane.Command())
		d.Resize(100, 60)
		d.Press("enter")
		frame := d.Frame()
		for _, want := range []string{
			"ServiceErrorsHigh: cause found", "→ aictl deploy undo demo-checkout", "mask: no data", "234 calls", "no data  imp-2", "not known",
			"after 40s", "the upstream says it is theirs", "ok  check  aictl why x", "exit 9  act", "no data from elastic: timed out",
		} {
			require.Contains(t, frame, want)
		}
		require.Equal(t, "inc-1", h.Pane.Subject().Incident)
		require.Equal(t, "aictl incident show inc-1", h.Pane.Command())
		d.Press("a")
		h.Answer(d, "rolled back")
		require.Equal(t, "aictl incident note inc-1 'rolled back'", tuitest.Last[pane.Propose](t, h).Command)
		after := record(t)
		after.Notes = append(after.Notes, api.IncidentNote{By: "ann", Text: "rolled back"})
		d.Send(pane.Changed{Operation: api.IncidentsNote.ID, Out: after})
		d.Settle()
		require.Contains(t, d.Frame(), "rolled back")
		d.Press("u")
		require.Equal(t, "aictl incident refresh inc-1", tuitest.Last[pane.Propose](t, h).Command)
		d.Press("e")
		require.Equal(t, &api.IncidentName{ID: "inc-1"}, tuitest.Last[pane.Propose](t, h).In)
		d.Press("z")
		require.Equal(t, "aictl incident export inc-1 --to inc-1.zip", tuitest.Last[pane.Copy](t, h).Text)
		d.Press("p")
		require.Contains(t, d.Frame(), "Post-mortem draft")
		require.NotContains(t, d.Frame(), "| - |")
		require.Equal(t, "aictl incident report inc-1", h.Pane.Command())
		d.Press("esc", "x")
		require.Equal(t, api.DeployUndo, tuitest.Last[pane.Propose](t, h).Change, "the record acts, too")
		d.Press("esc")
		require.Contains(t, d.Frame(), "Incidents")
	})
}

func TestOpeningAnIncidentIsAboutWhatIsInFront(t *testing.T) {
	p := platform(t, nil)
	tuitest.Answer(p, api.IncidentsShow, record(t))
	single(t, p, func(d *tuitest.Driver, h *host) {
		open(d, h, fired)
		d.Press("o")
		require.Equal(t, "ServiceErrorsHigh", tuitest.Last[pane.Ask](t, h).Fields[0].Initial)
		h.Answer(d, "ServiceErrorsHigh mask", "masking fails")
		got := tuitest.Last[pane.Propose](t, h)
		require.Equal(t, &api.IncidentOpenInput{Subjects: []string{"ServiceErrorsHigh", "mask"}, Title: "masking fails", Namespace: "default", From: now.Add(-time.Hour)}, got.In)
		require.Equal(t, "aictl incident open ServiceErrorsHigh mask --title 'masking fails' --since 1h", got.Command)
		d.Send(pane.Changed{Operation: api.IncidentsOpen.ID, Out: record(t)})
		d.Settle()
		require.Equal(t, "aictl incident show inc-1", h.Pane.Command())
	})
}

func TestRunbookStepsAreShown(t *testing.T) {
	p := platform(t, nil)
	tuitest.Answer(p, api.RunbooksShow, api.Runbook{Name: "Errors", Title: "Errors", Text: "Look *first*.", Steps: []api.RunbookStep{{Number: 1, Kind: "check", Line: "aictl why {{ .alert }}", Expect: "any"}}})
	single(t, p, func(d *tuitest.Driver, h *host) {
		open(d, h, fired)
		d.Press("b")
		require.Contains(t, d.Frame(), "1. aictl why {{ .alert }}")
		require.Contains(t, d.Frame(), "check, expects any")
		require.Contains(t, d.Frame(), "aictl runbook run Errors")
		require.Equal(t, "aictl runbook show ServiceErrorsHigh", h.Pane.Command())
	})
}

func TestAPageKeepsItsTextWhenItCannotBeAskedAgain(t *testing.T) {
	p := platform(t, nil)
	tuitest.Answer(p, api.IncidentsShow, record(t))
	single(t, p, func(d *tuitest.Driver, h *host) {
		open(d, h, pane.Subject{Incident: "inc-1"})
		f := h.Pane.front()
		h.Pane.fill(f, feed.Answer{Results: []feed.Result{{Context: "prod", Err: fail.New(fail.Unavailable, "gone")}}})
		require.Contains(t, d.Frame(), "no data from prod: gone")
		require.Contains(t, d.Frame(), "masking fails")
	})
}

var hostile = []string{
	"\x1b]0;owned\x07\x1b[31mred", "\u202egnirts", "宽字符宽字符宽字符", strings.Repeat("é̂̃", 50), "a\nb\tc\rd", strings.Repeat("x", 1<<20), "👩‍👩‍👧‍👦 family", "",
}

func hostileWhy() api.Why {
	w := api.Why{Verdict: hostile[0], Summary: hostile[5], Subject: api.WhySubject{Kind: "alert", Name: hostile[0], Service: hostile[1], State: hostile[2]}, Time: now, From: now.Add(-time.Hour), Warnings: hostile}
	on, limit := now.Add(-time.Minute), op.Number(0.5)
	w.Symptom = api.WhySymptom{Onset: &on, Threshold: &limit, Values: []api.MetricSeries{{Labels: map[string]string{hostile[0]: hostile[2]}, Samples: []api.MetricSample{{Time: now.Add(-time.Minute), Value: 1}, {Time: now, Value: 2}}}}}
	for i, text := range hostile {
		c := api.Change{ID: text, Kind: text, Object: text, Summary: text, Actor: text, Reason: text, Undo: text, Time: now, Changes: []api.DeployChange{{Kind: text, Where: text, Old: text, New: text}}}
		w.Candidates = append(w.Candidates, api.WhyCandidate{Rank: i, Kind: text, Title: text, Object: text, Command: text, Next: text, Path: hostile[:4], Change: &c, Evidence: []api.Fact{{ID: text, Text: text, Show: text}}, Against: hostile[:4]})
		w.Cleared = append(w.Cleared, api.WhyCleared{Change: c, Why: text})
		w.Unknown = append(w.Unknown, api.BackendFailure{Backend: text, Message: text, Next: text})
	}
	return w
}

func TestEveryFrameFitsWhateverItSays(t *testing.T) {
	env := tuitest.Env(t, now, feed.Context{Name: "prod"})
	p := New(env)
	p.why.in.Subject = hostile[0]
	w := hostileWhy()
	p.listAnswer(viewTimeline, feed.Answer{Results: []feed.Result{{Context: "prod", Out: api.Timeline{Rows: []api.TimelineRow{{ID: hostile[0], Kind: hostile[1], Title: hostile[5], Service: hostile[2], Actor: hostile[3], Show: hostile[0]}}, Failed: w.Unknown}}}})
	p.listAnswer(viewChanges, feed.Answer{Results: []feed.Result{{Context: "prod", Out: api.ChangeList{Changes: []api.Change{w.Cleared[0].Change, w.Cleared[2].Change}}}}})
	p.listAnswer(viewIncidents, feed.Answer{Results: []feed.Result{{Context: "prod", Out: []api.IncidentSummary{{ID: hostile[0], Title: hostile[5], Owner: hostile[1]}}}}})
	in := api.Incident{ID: hostile[0], Title: hostile[5], Subjects: []api.IncidentSubject{{Name: hostile[1], Why: &w}}, Unknown: w.Unknown, Warnings: hostile, Notes: []api.IncidentNote{{By: hostile[0], Text: hostile[5]}}}
	draw := func(f func(*say.Page)) func() {
		return func() { p.pages = nil; p.push(&page{title: hostile[0], draw: f}) }
	}
	states := []struct {
		name string
		set  func()
	}{
		{"asking", func() { p.view = viewWhy }},
		{"failed", func() { p.why.trouble = []say.Trouble{{Who: hostile[0], What: hostile[5], Next: hostile[1]}} }},
		{"why", func() {
			p.whyAnswer(feed.Answer{Results: []feed.Result{{Context: "prod", Out: w}}})
			p.why.cursor = 3
			p.after = &after{workload: hostile[0], verify: &api.DeployVerifyInput{}, rollout: step{state: api.DeployComplete, said: hostile[5]}, helped: step{state: "running", said: hostile[1]}}
		}},
		{"cleared", func() { p.why.cursor = p.why.len() - 3 }},
		{"timeline", func() { p.view = viewTimeline }},
		{"changes", func() { p.view = viewChanges }},
		{"incidents", func() { p.view = viewIncidents }},
		{"evidence", draw(func(page *say.Page) { p.evidence(page, item{candidate: &w.Candidates[0]}, true) })},
		{"incident", draw(func(page *say.Page) { p.incidentLines(page, &in) })},
		{"report", draw(func(page *say.Page) {
			p.reportLines(page, &api.IncidentReport{Markdown: strings.Join(hostile[:5], "\n\n")})
		})},
		{"runbook", draw(func(page *say.Page) {
			p.runbookLines(page, &api.Runbook{Title: hostile[0], Text: hostile[4], Steps: []api.RunbookStep{{Line: hostile[5], Expect: hostile[1]}}})
		})},
	}
	env.Theme, _ = theme.New("default")
	for _, s := range states {
		s.set()
		t.Run(s.name, func(t *testing.T) {
			for w := 1; w <= 130; w += 1 + w/5 {
				for _, h := range []int{1, 2, 3, 5, 8, 20, 45} {
					tuitest.Bounded(t, p.View(w, h), w, h)
				}
			}
		})
	}
}
