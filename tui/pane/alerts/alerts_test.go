package alerts

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/tuitest"
)

// one is a platform with a list that tests change, and a watch that is open.
func one(list *api.AlertList) *tuitest.Platform {
	p := tuitest.NewPlatform()
	tuitest.Query(p, api.AlertsList, func(in api.AlertFilter) (api.AlertList, error) {
		if in.State != "all" {
			return api.AlertList{}, fail.New(fail.Usage, "state %q", in.State)
		}
		return *list, nil
	})
	tuitest.Stream(p, api.AlertsWatch, func(api.AlertWatchInput) []api.AlertEvent { return nil })
	return p
}

func some() *api.AlertList {
	acked := alert("Slow", "chat", "warning", "silenced", 2*time.Hour)
	acked.Ack, acked.SilencedBy = &api.AlertAck{By: "ann", Comment: "looking", Until: now.Add(time.Hour)}, []string{"s1"}
	return &api.AlertList{Alerts: []api.Alert{
		alert("ServiceErrorsHigh", "mask", "warning", "firing", 3*time.Minute),
		acked,
		alert("ServiceErrorsHigh", "chat", "critical", "firing", time.Minute),
		alert("DiskFull", "store", "critical", "inhibited", 30*time.Minute),
	}}
}

func single(t *testing.T, list *api.AlertList, f func(d *tuitest.Driver, h *host, p *tuitest.Platform)) {
	t.Helper()
	p := one(list)
	drive(t, map[string]*tuitest.Platform{"prod": p}, []string{"prod"}, func(d *tuitest.Driver, h *host) { f(d, h, p) })
}

func TestListShowsTheWorstFirstAndCountsStates(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		frame := d.Frame()
		require.Contains(t, frame, "2 firing")
		require.Contains(t, frame, "1 silenced")
		require.Contains(t, frame, "ack ann")
		lines := strings.Split(frame, "\n")
		require.Contains(t, lines[2], "critical")
		require.Contains(t, lines[2], "chat")
		require.Contains(t, lines[2], "60s")
		require.Contains(t, lines[3], "mask")
		s := h.Pane.Subject()
		require.Equal(t, "ServiceErrorsHigh", s.Alert)
		require.Equal(t, "chat", s.Service)
		require.Equal(t, "fp-ServiceErrorsHigh-chat", s.Fingerprint)
		require.Equal(t, now.Add(-time.Minute), s.At)
		require.Equal(t, "aictl alerts list --state all", h.Pane.Command())
		d.Press("t")
		require.NotContains(t, d.Frame(), "ack ann")
		require.Equal(t, "aictl alerts list --state firing", h.Pane.Command())
		d.Press("t")
		require.Contains(t, d.Frame(), "ack ann")
		require.NotContains(t, d.Frame(), "mask")
	})
}

func TestNothingFiresIsSaidOnlyWhenEverybodyAnswered(t *testing.T) {
	list := &api.AlertList{}
	single(t, list, func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		require.Contains(t, d.Frame(), "nothing fires")
		list.Failed = []api.BackendFailure{{Backend: "alertmanager", Code: fail.Unavailable, Message: "refused", Next: "aictl doctor"}}
		h.Tick(d, askWatched)
		require.NotContains(t, d.Frame(), "nothing fires")
		require.Contains(t, d.Frame(), "not known")
		require.Contains(t, d.Frame(), "no data from alertmanager: refused")
		require.Contains(t, d.Frame(), "aictl doctor")
	})
}

func TestWatchChangesTheListAtOnce(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		mask, late := alert("ServiceErrorsHigh", "mask", "warning", "firing", 3*time.Minute), alert("Leak", "gate", "warning", "firing", 0)
		h.Pane.Update(feed.Batch{Key: h.Pane.slot("watch"), Context: "prod", Items: []api.AlertEvent{
			{Type: "resolved", Time: now, Alert: &mask}, {Type: "firing", Time: now, Alert: &late},
		}})
		frame := d.Frame()
		require.NotContains(t, frame, "mask")
		require.Contains(t, frame, "Leak")
		require.Contains(t, frame, "10:59:00 firing Leak gate")
	})
}

// A watch that broke may have missed something: the list is asked, and until
// then the break is shown beside what is old.
func TestABrokenWatchIsSaidAndHealed(t *testing.T) {
	list := some()
	single(t, list, func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		cmd := h.Pane.Update(feed.Batch{Key: h.Pane.slot("watch"), Context: "prod", Err: fail.New(fail.Unavailable, "connection refused"), Retry: 2 * time.Second})
		require.Contains(t, d.Frame(), "no data from prod: connection refused")
		require.Contains(t, d.Frame(), "in 2s")
		require.Contains(t, d.Frame(), "mask", "what was known stays")
		list.Alerts = list.Alerts[:1]
		d.Do(cmd)
		require.NotContains(t, d.Frame(), "connection refused")
		require.NotContains(t, d.Frame(), "DiskFull")
	})
}

func TestWhatFailedToAnswerHasResolvedNothing(t *testing.T) {
	list := some()
	single(t, list, func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		*list = api.AlertList{Alerts: list.Alerts[:1], Failed: []api.BackendFailure{{Backend: "am-2", Message: "timed out"}}}
		h.Tick(d, askWatched)
		require.Contains(t, d.Frame(), "DiskFull")
		require.Contains(t, d.Frame(), "am-2")
		require.Contains(t, d.Frame(), "all answered 30s ago")
	})
}

func TestGroupsOpenAndClose(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		d.Press("b")
		frame := d.Frame()
		require.Contains(t, frame, "by name")
		require.Contains(t, frame, "chat mask", "the services of the name")
		d.Press("enter")
		require.Contains(t, d.Frame(), "name ServiceErrorsHigh")
		require.NotContains(t, d.Frame(), "DiskFull")
		require.Equal(t, "aictl alerts list --state all ServiceErrorsHigh", h.Pane.Command())
		d.Press("esc", "b")
		require.Contains(t, d.Frame(), "by service")
		d.Press("enter")
		require.Contains(t, d.Frame(), "service chat")
		require.Contains(t, h.Pane.Command(), "--service chat")
		d.Press("b")
		require.NotContains(t, d.Frame(), "by service")
	})
}

func TestSeveralContextsInOneTable(t *testing.T) {
	a, b := some(), &api.AlertList{Alerts: []api.Alert{alert("Slow", "east", "critical", "firing", time.Minute)}}
	bad := error(nil)
	pb := tuitest.NewPlatform()
	tuitest.Query(pb, api.AlertsList, func(api.AlertFilter) (api.AlertList, error) { return *b, bad })
	drive(t, map[string]*tuitest.Platform{"west": one(a), "east": pb}, []string{"west", "east"}, func(d *tuitest.Driver, h *host) {
		require.Contains(t, d.Frame(), "context")
		require.Contains(t, d.Frame(), "3 firing")
		require.Equal(t, "aictl alerts list --state all --context west --context east", h.Pane.Command())
		bad = fail.New(fail.Unavailable, "no route").Hint("aictl context list")
		a.Alerts = nil
		h.Tick(d, askUnwatched)
		d.Wait(10 * time.Second) // the client tries again before it gives up
		frame := d.Frame()
		require.Contains(t, frame, "1 firing", "what east said stays; west has resolved its own")
		require.Contains(t, frame, "no data from east: no route")
		require.Contains(t, frame, "aictl context list")
	})
}

func TestDetailShowsWhatTheListKnowsAndThenTheRest(t *testing.T) {
	detail := tuitest.Read[api.AlertDetail](t, "show.json")
	list := &api.AlertList{Alerts: []api.Alert{detail.Alert}}
	single(t, list, func(d *tuitest.Driver, h *host, p *tuitest.Platform) {
		tuitest.Query(p, api.AlertsShow, func(in api.AlertShowInput) (api.AlertDetail, error) {
			if in.Alert != detail.Fingerprint || time.Duration(in.Since) != time.Hour {
				return api.AlertDetail{}, fail.New(fail.NotFound, "no alert %s since %v", in.Alert, in.Since)
			}
			return detail, nil
		})
		tuitest.Answer(p, api.RunbooksShow, api.Runbook{Name: "ServiceErrorsHigh", Title: "Errors", Text: "# Look\n\nthen *act*", Steps: []api.RunbookStep{{Number: 1, Kind: "check", Line: "aictl why {{ .alert }}"}}})
		d.Resize(100, 60)
		d.Press("enter")
		frame := d.Frame()
		for _, want := range []string{"demo-checkout fails", "Expression", "threshold", "Warnings and errors of demo-checkout", "aictl why {{ .alert }}", "1. "} {
			require.Contains(t, frame, want)
		}
		require.Equal(t, "aictl alerts show "+detail.Fingerprint+" --since 1h", h.Pane.Command())
		require.Contains(t, h.Pane.Subject().Query, "aictl_gateway_errors")
		d.Press("o")
		require.Contains(t, strings.Join(tuitest.Last[pane.Show](t, h).Lines, "\n"), "then")
		d.Press("h")
		require.Contains(t, h.Pane.Command(), "aictl alerts history ServiceErrorsHigh --since 1h")
		d.Press("esc")
		require.Contains(t, d.Frame(), "1 firing")
	})
}

func TestDetailKeepsWhatIsKnownWhenItsAnswerFails(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, _ *host, p *tuitest.Platform) {
		tuitest.Query(p, api.AlertsShow, func(api.AlertShowInput) (api.AlertDetail, error) {
			return api.AlertDetail{}, fail.New(fail.Unavailable, "no Prometheus").Hint("aictl doctor")
		})
		d.Press("enter")
		d.Wait(10 * time.Second) // the client tries again before it gives up
		require.Contains(t, d.Frame(), "ServiceErrorsHigh of chat")
		require.Contains(t, d.Frame(), "no data from prod: no Prometheus")
		require.Contains(t, d.Frame(), "aictl doctor")
	})
}

func TestKeptStateComesBack(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		d.Press("t", "b")
		h.Pane.Restore([]byte(`{"state":"nonsense","by":"service"}`))
		require.Equal(t, "service", h.Pane.by)
		require.Equal(t, "firing", h.Pane.state)
		h.Pane.Restore([]byte(`not json`))
		require.Equal(t, "service", h.Pane.by)
	})
}
