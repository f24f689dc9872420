package alerts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/tuitest"
)

func TestAckOfOneAlertNamesJustIt(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		d.Press("a")
		h.Answer(d, "on it", "2h")
		p := tuitest.Last[pane.Propose](t, h)
		require.Equal(t, &api.AlertAckInput{Matchers: "fp-ServiceErrorsHigh-chat", Comment: "on it", For: op.Duration(2 * time.Hour)}, p.In)
		require.Equal(t, "aictl alerts ack fp-ServiceErrorsHigh-chat --comment 'on it' --for 2h", p.Command)
		require.Equal(t, "prod", p.Context)
	})
}

// Marked alerts are taken over by as few changes as pick them and no others,
// one after the other.
func TestAckOfMarkedAlertsTakesNoOthers(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		d.Press("space", "space", "a") // mark moves on: both of ServiceErrorsHigh
		h.Answer(d, "", "24h")
		require.Equal(t, `alertname="ServiceErrorsHigh"`, tuitest.Last[pane.Propose](t, h).In.(*api.AlertAckInput).Matchers)

		d.Send(pane.Changed{Operation: api.AlertsAck.ID})
		d.Settle()
		require.Empty(t, h.Pane.list.Marked(), "done: the marks are gone")

		h.Said = nil
		d.Press("g", "space", "down", "space", "a") // chat's errors and chat's slowness, not mask's errors
		h.Answer(d, "", "24h")
		first := tuitest.Last[pane.Propose](t, h)
		require.Equal(t, `alertname=~"ServiceErrorsHigh|Slow" service="chat"`, first.In.(*api.AlertAckInput).Matchers)
	})
}

func TestCoversFallsBackToEachAlert(t *testing.T) {
	p := &Pane{alerts: map[string]row{}}
	var picked []row
	for i, x := range []struct{ name, service string }{{"A", "x"}, {"B", "y"}, {"A", "y"}} {
		r := row{"prod", alert(x.name, x.service, "warning", "firing", 0)}
		p.alerts[r.key()] = r
		if i < 2 {
			picked = append(picked, r)
		}
	}
	parts := p.covers(picked)
	require.Equal(t, []part{{"prod", "fp-A-x", []string{"fp-A-x"}}, {"prod", "fp-B-y", []string{"fp-B-y"}}}, parts)
}

func TestSilenceIsLookedAtBeforeItIsProposed(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, p *tuitest.Platform) {
		tuitest.Query(p, api.AlertsPreview, func(in api.PreviewInput) (api.Preview, error) {
			return api.Preview{Matchers: in.Matchers, Since: now.Add(-7 * 24 * time.Hour), Now: some().Alerts[2:3], Past: []api.PreviewPast{{Name: "Old", Times: 3, Fired: op.Duration(time.Hour), Last: now.Add(-time.Hour)}}}, nil
		})
		d.Press("x")
		ask := tuitest.Last[pane.Ask](t, h)
		require.Equal(t, `alertname="ServiceErrorsHigh" service="chat" severity="critical"`, ask.Fields[0].Initial)
		h.Answer(d, ask.Fields[0].Initial, "2h", "", "no")
		frame := d.Frame()
		require.Contains(t, frame, "Now: 1 alerts")
		require.Contains(t, frame, "Old  3 times, 60m in all, last 60m ago")
		require.Contains(t, frame, "It needs a comment: it hits ServiceErrorsHigh, which is critical")

		d.Press("enter") // without a comment it asks again, with what was said
		again := tuitest.Last[pane.Ask](t, h)
		require.Equal(t, ask.Fields[0].Initial, again.Fields[0].Initial)
		h.Answer(d, again.Fields[0].Initial, "2h", "rollout", "yes")
		d.Press("enter")
		got := tuitest.Last[pane.Propose](t, h)
		require.Equal(t, &api.SilenceInput{Matchers: ask.Fields[0].Initial, Duration: op.Duration(2 * time.Hour), Comment: "rollout", UntilResolved: true}, got.In)
		require.Equal(t, `aictl alerts silence 'alertname="ServiceErrorsHigh" service="chat" severity="critical"' --duration 2h --comment rollout --until-resolved`, got.Command)
		d.Send(pane.Changed{Operation: api.AlertsSilence.ID})
		d.Settle()
		require.Contains(t, d.Frame(), "2 firing")
	})
}

func TestASilenceOfEverythingIsRefusedAtOnce(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		d.Press("x")
		h.Answer(d, `service=~".*"`, "2h", "", "no")
		require.Contains(t, tuitest.Last[pane.Toast](t, h).Text, "would hit every alert")
		require.Nil(t, h.Pane.preview)
		h.Answer(d, `service="x"`, "soon", "", "no")
		require.Nil(t, h.Pane.preview)
	})
}

func TestSilencesEndAndAreSwept(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, p *tuitest.Platform) {
		tuitest.Query(p, api.AlertsSilences, func(in api.SilenceFilter) (api.SilenceList, error) {
			list := api.SilenceList{Silences: []api.Silence{{ID: "s2", State: "active", Matchers: "b=1", Ends: now.Add(time.Hour), Stale: "it hits nothing"}}}
			if !in.Stale {
				list.Silences = append(list.Silences, api.Silence{ID: "s1", State: "active", Matchers: "a=1", Hits: 2, Ends: now.Add(time.Hour)})
			}
			return list, nil
		})
		d.Press("u")
		require.Contains(t, d.Frame(), "it hits nothing")
		require.Contains(t, d.Frame(), "in 60m")
		require.Equal(t, "aictl alerts silences", h.Pane.Command())
		d.Press("space", "space", "u")
		require.Equal(t, "aictl alerts unsilence s2 s1", tuitest.Last[pane.Propose](t, h).Command)
		d.Press("f")
		require.NotContains(t, d.Frame(), "a=1")
		require.Equal(t, "aictl alerts silences --stale", h.Pane.Command())
		d.Press("z")
		require.Equal(t, &api.UnsilenceInput{Stale: true}, tuitest.Last[pane.Propose](t, h).In)
		d.Press("esc")
		require.Contains(t, d.Frame(), "2 firing")
	})
}

func TestReadOnlyHasNoHands(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, _ *tuitest.Platform) {
		h.Env.ReadOnly = true
		for _, a := range h.Pane.Actions() {
			switch a.ID {
			case "alerts.ack", "alerts.silence", "alerts.sweep":
				require.Equal(t, "read-only", a.Disabled, a.ID)
			case "alerts.unsilence", "alerts.history":
				require.Empty(t, a.Disabled, a.ID)
			}
		}
		h.Said = nil
		d.Press("a")
		require.Contains(t, tuitest.Last[pane.Toast](t, h).Text, "read-only")
	})
}

func TestHistoryAndRules(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, p *tuitest.Platform) {
		end := now.Add(-time.Hour)
		tuitest.Query(p, api.AlertsHistory, func(in api.AlertHistoryInput) ([]api.AlertPast, error) {
			return []api.AlertPast{
				{Kind: "firing", Name: "Old", Start: in.From, End: &end, Duration: op.Duration(5 * time.Minute), Labels: map[string]string{"service": "mask"}},
				{Kind: "ack", Name: "Old", Start: in.From.Add(time.Minute), By: "ann", Text: "looking"},
			}, nil
		})
		tuitest.Answer(p, api.AlertsRules, []api.AlertRule{{Name: "Quiet", State: "inactive", Health: "ok", Expr: "a > 1"}, {Name: "Broken", State: "firing", Health: "err", Error: "parse error"}})
		d.Press("h")
		require.Contains(t, d.Frame(), "09:59:00")
		require.Contains(t, d.Frame(), "service=mask")
		d.Press("down")
		require.Equal(t, "mask", h.Pane.Subject().Service)
		d.Press("esc", "R")
		require.Contains(t, d.Frame(), "parse error")
		require.Equal(t, "Broken", h.Pane.Subject().Alert)
		d.Press("down", "enter")
		require.Equal(t, "Quiet", tuitest.Last[pane.Show](t, h).Title)
	})
}
