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
	"github.com/aictl/aictl/tui/tuitest"
)

// fired is the alert that `w` is pressed on.
var fired = pane.Subject{Context: "prod", Alert: "ServiceErrorsHigh", Service: "demo-checkout", At: now.Add(-34 * time.Second)}

// platform knows why, as the demo's platform said it.
func platform(t *testing.T, questions *[]api.WhyInput) *tuitest.Platform {
	t.Helper()
	p := tuitest.NewPlatform()
	out := tuitest.Read[api.Why](t, "why.json")
	tuitest.Query(p, api.WhyAsk, func(in api.WhyInput) (api.Why, error) {
		if questions != nil {
			*questions = append(*questions, in)
		}
		return out, nil
	})
	tuitest.Answer(p, api.IncidentsList, []api.IncidentSummary{{ID: "inc-1", Title: "masking fails", State: "open", Owner: "ann", Opened: now.Add(-time.Minute), Verdict: "cause"}})
	return p
}

func TestWhyIsAskedOfTheWindowAndShown(t *testing.T) {
	var asked []api.WhyInput
	single(t, platform(t, &asked), func(d *tuitest.Driver, h *host) {
		open(d, h, fired)
		require.Len(t, asked, 1)
		require.Equal(t, api.WhyInput{Subject: "ServiceErrorsHigh", Service: "demo-checkout", Namespace: "default", From: now.Add(-time.Hour), Limit: 5}, asked[0])
		require.Equal(t, "aictl why ServiceErrorsHigh --service demo-checkout --since 1h", h.Pane.Command())
		frame := d.Frame()
		for _, want := range []string{
			"cause found", "Revision 2 of demo-checkout was rolled out", "x  aictl deploy undo demo-checkout --to-revision 1",
			"it began at 10:57:51", "last 0.1525", "> 1.  98 %  change", "2.   0 %  errors", "+ ",
		} {
			require.Contains(t, frame, want)
		}
		d.Press("enter")
		page := d.Frame()
		for _, want := range []string{"fewer connections to the stock", "STOCK_POOL", "image", "1.4.0 → 1.5.0"} {
			require.Contains(t, page, want)
		}
		d.Press("esc", "down")
		require.Contains(t, d.Frame(), "> 2.")
		require.Contains(t, d.Frame(), "- a change of demo-checkout explains it")
		d.Press("end")
		require.Contains(t, d.Frame(), "> cleared")
	})
}

func TestAnOldAlertIsAskedAboutWithoutTheWindow(t *testing.T) {
	var asked []api.WhyInput
	single(t, platform(t, &asked), func(d *tuitest.Driver, h *host) {
		old := fired
		old.At = now.Add(-3 * time.Hour)
		open(d, h, old)
		require.True(t, asked[0].From.IsZero(), "its cause is older than the window")
		require.Equal(t, "aictl why ServiceErrorsHigh --service demo-checkout", h.Pane.Command())

		h.Env.Window.Live, h.Env.Window.End = false, now.Add(-2*time.Hour-30*time.Minute)
		d.Do(h.Pane.Refresh())
		require.Equal(t, h.Env.Window.End, asked[1].To)
		require.Contains(t, h.Pane.Command(), "--to 2026-11-29T08:29:07Z")
	})
}

// From the answer to the rollback: x proposes just what the platform says, and
// what follows is followed.
func TestActRollsBackAndSeesWhetherItHelped(t *testing.T) {
	p := platform(t, nil)
	tuitest.Ending(p, api.DeployWatch, func(in api.DeployWatchInput) []api.DeployWatchEvent {
		return []api.DeployWatchEvent{
			{Type: "workload", Time: now, Message: "0 of 1 updated: " + in.Name},
			{Type: "verdict", Time: now, Verdict: &api.DeployVerdict{Outcome: api.DeployComplete, Message: "1 of 1 is ready"}},
		}
	})
	var verified api.DeployVerifyInput
	tuitest.Ending(p, api.DeployVerify, func(in api.DeployVerifyInput) []api.DeployWaitEvent {
		verified = in
		return []api.DeployWaitEvent{{Type: "verdict", Time: now, State: api.DeployComplete, Message: "it has held for 40s"}}
	})
	single(t, p, func(d *tuitest.Driver, h *host) {
		open(d, h, fired)
		d.Press("x")
		got := tuitest.Last[pane.Propose](t, h)
		require.Equal(t, &api.DeployUndoInput{WorkloadName: api.WorkloadName{Name: "demo-checkout", Namespace: "default"}, ToRevision: "1"}, got.In)
		require.Equal(t, tuitest.Read[api.Why](t, "why.json").Candidates[0].Command, got.Command)
		d.Send(pane.Changed{Operation: api.DeployUndo.ID, Out: api.DeployChanged{Workload: api.Workload{Kind: "Service", Name: "demo-checkout", Namespace: "default", Engine: "runtime"}, Template: "abc"}})
		d.Settle()
		d.Wait(2 * time.Second) // batches are a frame apart
		frame := d.Frame()
		require.Contains(t, frame, "+ service/demo-checkout: rolled out: 1 of 1 is ready")
		require.Contains(t, frame, "+ things have recovered: it has held for 40s")
		require.Contains(t, verified.Expr, "<= 0.05")
		require.Equal(t, op.Duration(2*time.Minute), verified.For)
		require.Equal(t, "ok", tuitest.Last[pane.Toast](t, h).Level)
	})
}

func TestAFailedRolloutIsNotVerified(t *testing.T) {
	p := platform(t, nil)
	tuitest.Ending(p, api.DeployWatch, func(api.DeployWatchInput) []api.DeployWatchEvent {
		return []api.DeployWatchEvent{{Type: "verdict", Time: now, Verdict: &api.DeployVerdict{Outcome: api.DeployFailed, Message: "it crashes"}}}
	})
	single(t, p, func(d *tuitest.Driver, h *host) {
		open(d, h, fired)
		d.Press("x")
		d.Send(pane.Changed{Operation: api.DeployUndo.ID, Err: fail.New(fail.Conflict, "changed in between")})
		d.Settle()
		require.Nil(t, h.Pane.after, "nothing was applied")
		d.Press("x")
		d.Send(pane.Changed{Operation: api.DeployUndo.ID, Out: api.DeployChanged{Workload: api.Workload{Kind: "Service", Name: "demo-checkout"}}})
		d.Settle()
		d.Wait(2 * time.Second)
		require.Contains(t, d.Frame(), "x service/demo-checkout: the rollout has failed: it crashes")
		require.NotContains(t, d.Frame(), "recover")
	})
}

func TestCommandsBecomeWhatTheySay(t *testing.T) {
	env := tuitest.Env(t, now, feed.Context{Name: "prod", Namespace: "shop"})
	p := New(env)
	n := 3
	for command, want := range map[string]any{
		"aictl deploy undo web --to-revision 4 -n shop":             &api.DeployUndoInput{WorkloadName: api.WorkloadName{Name: "web", Namespace: "shop"}, ToRevision: "4"},
		"aictl deploy scale web --replicas 3 --reason 'calls rose'": &api.DeployScaleInput{WorkloadName: api.WorkloadName{Name: "web", Namespace: "shop"}, Replicas: &n},
		"aictl deploy restart web --reason 'memory grew'":           &api.WorkloadName{Name: "web", Namespace: "shop"},
		"aictl alerts unsilence 3f":                                 &api.UnsilenceInput{IDs: "3f"},
	} {
		got, ok := p.changeOf("prod", command)
		require.True(t, ok, command)
		require.Equal(t, want, got.In, command)
		require.Equal(t, command, got.Command)
	}
	for _, command := range []string{
		"", "rm -rf /", "aictl deploy undo", "aictl deploy undo a b", "aictl deploy undo web --force", "aictl deploy delete web", "aictl deploy undo web; rm x",
		"aictl deploy scale web --replicas many", "aictl deploy undo $(id)", "aictl deploy undo web -f x", "aictl alerts unsilence --stale",
	} {
		_, ok := p.changeOf("prod", command)
		require.False(t, ok, command)
	}
	for command, want := range map[string]pane.Goto{
		"aictl deploy status web -n shop":                    {Pane: "deployments", Subject: pane.Subject{Context: "prod", Namespace: "shop", Service: "web"}},
		"aictl deploy diff deployment/web --from-revision 1": {Pane: "deployments", Subject: pane.Subject{Context: "prod", Workload: "deployment/web", Service: "web", Text: "diff"}},
		"aictl logs --service mask --level warn":             {Pane: "logs", Subject: pane.Subject{Context: "prod", Service: "mask", Level: "warn"}},
		"aictl logs patterns --service mask":                 {Pane: "logs", Subject: pane.Subject{Context: "prod", Service: "mask"}},
		"aictl metrics plot 'rate(x{a=\"b\"}[5m])' --to now": {Pane: "metrics", Subject: pane.Subject{Context: "prod", Query: `rate(x{a="b"}[5m])`, At: now}},
		"aictl alerts history Slow service=chat":             {Pane: "alerts", Subject: pane.Subject{Context: "prod", Alert: "Slow", Service: "chat"}},
		"aictl why stock":                                    {Pane: name, Subject: pane.Subject{Context: "prod", Service: "stock"}},
	} {
		got, ok := p.placeOf("prod", command, pane.Subject{})
		require.True(t, ok, command)
		require.Equal(t, want, got, command)
	}
}

func TestWhatIsNotUnderstoodIsCopied(t *testing.T) {
	p := platform(t, nil)
	single(t, p, func(d *tuitest.Driver, h *host) {
		d.Do(h.Pane.do("prod", "kubectl cordon n1", pane.Subject{}))
		require.Equal(t, "kubectl cordon n1", tuitest.Last[pane.Copy](t, h).Text)
	})
}

func TestNoAnswerIsNeverHealth(t *testing.T) {
	p := tuitest.NewPlatform()
	tuitest.Query(p, api.WhyAsk, func(api.WhyInput) (api.Why, error) {
		return api.Why{}, fail.New(fail.NotFound, "nothing named %q is known", "x").Hint("aictl alerts list")
	})
	single(t, p, func(d *tuitest.Driver, h *host) {
		open(d, h, pane.Subject{Service: "x"})
		require.Contains(t, d.Frame(), `nothing named "x" is known`)
		require.Contains(t, d.Frame(), "aictl alerts list")
		d.Press("x")
		require.Contains(t, tuitest.Last[pane.Toast](t, h).Text, "nothing says what to do")

		out := api.Why{Verdict: api.WhyNoData, Summary: "Too little.", Unknown: []api.BackendFailure{{Backend: "prometheus", Message: "refused", Next: "aictl doctor"}}}
		h.Pane.whyAnswer(feed.Answer{Results: []feed.Result{{Context: "prod", Out: out}}})
		require.Contains(t, d.Frame(), "too little is known to tell")
		require.Contains(t, d.Frame(), "no data from prometheus: refused")
		out.Verdict, out.Unknown = api.WhyNoChange, nil
		h.Pane.whyAnswer(feed.Answer{Results: []feed.Result{{Context: "prod", Out: out}}})
		require.Contains(t, d.Frame(), "no change explains this")
	})
}

func TestCandidateOfAnotherServiceIsTheSubject(t *testing.T) {
	single(t, platform(t, nil), func(d *tuitest.Driver, h *host) {
		open(d, h, fired)
		s := h.Pane.Subject()
		require.Equal(t, "ServiceErrorsHigh", s.Alert)
		require.Equal(t, "service/demo-checkout", s.Workload)
		require.Contains(t, s.Query, "aictl_gateway_errors")
		h.Pane.why.out.Candidates[1].Service = "demo-stock"
		d.Press("down")
		require.Equal(t, "demo-stock", h.Pane.Subject().Service)
		require.Empty(t, h.Pane.Subject().Alert)
	})
}

func TestTimelineAndChanges(t *testing.T) {
	p := platform(t, nil)
	var service []string
	tuitest.Query(p, api.TimelineShow, func(in api.TimelineInput) (api.Timeline, error) {
		service = append(service, in.Service)
		return api.Timeline{Rows: []api.TimelineRow{
			{ID: "a", Time: now.Add(-time.Minute), Kind: "rollout", Service: "demo-checkout", Title: "revision 2", Actor: "ann", Show: "aictl deploy history demo-checkout", Source: "runtime"},
			{ID: "b", Time: now, Kind: "alert", Title: "Errors fires"},
		}, Failed: []api.BackendFailure{{Backend: "elastic", Message: "timed out"}}}, nil
	})
	tuitest.Answer(p, api.ChangesList, api.ChangeList{Changes: []api.Change{{ID: "c", Time: now, Kind: "rollout", Object: "service/demo-checkout", Summary: "revision 2", Service: "demo-checkout", Undo: "aictl deploy undo demo-checkout --to-revision 1"}}})
	single(t, p, func(d *tuitest.Driver, h *host) {
		open(d, h, fired)
		d.Press("t")
		frame := d.Frame()
		require.Contains(t, frame, "What happened to demo-checkout in the last 1h")
		require.Contains(t, frame, "revision 2 by ann")
		require.Contains(t, frame, "no data from elastic: timed out")
		require.Less(t, strings.Index(frame, "Errors fires"), strings.Index(frame, "revision 2"), "the newest is first")
		require.Equal(t, "aictl timeline demo-checkout --since 1h", h.Pane.Command())
		d.Press("down", "n")
		require.Equal(t, "deployments", tuitest.Last[pane.Goto](t, h).Pane)
		d.Press("f")
		require.Equal(t, []string{"demo-checkout", ""}, service)
		require.Equal(t, "aictl timeline --since 1h", h.Pane.Command())
		d.Press("c", "x")
		require.Equal(t, "aictl deploy undo demo-checkout --to-revision 1", tuitest.Last[pane.Propose](t, h).Command)
		d.Press("enter")
		require.Contains(t, d.Frame(), "→ aictl deploy undo")
		d.Press("esc", "y")
		require.Contains(t, d.Frame(), "cause found")
	})
}

func TestReadOnlyDoesNothing(t *testing.T) {
	single(t, platform(t, nil), func(d *tuitest.Driver, h *host) {
		open(d, h, fired)
		h.Env.ReadOnly = true
		h.Said = nil
		d.Press("x")
		require.Contains(t, tuitest.Last[pane.Toast](t, h).Text, "read-only")
		require.Len(t, h.Said, 1)
	})
}
