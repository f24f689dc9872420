package alerts

import (
	"sync"
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

// then is a moment of the window from 8:59 to 9:59.
func then(minute int) time.Time { return now.Add(-2*time.Hour + time.Duration(minute)*time.Minute) }

func stretch(name, service, severity string, from, to int) api.AlertPast {
	a := api.AlertPast{Kind: "firing", Name: name, Start: then(from), Source: "ALERTS", Labels: map[string]string{"alertname": name, "service": service, "severity": severity}}
	if to < 60 {
		end := then(to)
		a.End = &end
	}
	return a
}

// record is a platform whose history tests change.
type record struct {
	mu   sync.Mutex // guards what follows: the platform answers in goroutines
	list []api.AlertPast
	err  error
	asks []api.AlertHistoryInput
}

func (r *record) set(err error, list ...api.AlertPast) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.list = err, list
}

func recorded(p *tuitest.Platform, list ...api.AlertPast) *record {
	r := &record{list: list}
	tuitest.Query(p, api.AlertsHistory, func(in api.AlertHistoryInput) ([]api.AlertPast, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asks = append(r.asks, in)
		return r.list, r.err
	})
	return r
}

// back moves the window to the hour that ended an hour ago.
func back(d *tuitest.Driver, h *host) {
	h.Env.Window = pane.Window{Span: time.Hour, End: now.Add(-time.Hour)}
	d.Do(h.Pane.Refresh())
}

func somePast() []api.AlertPast {
	return []api.AlertPast{
		stretch("ServiceErrorsHigh", "mask", "warning", -10, 60),
		stretch("Leak", "gate", "critical", 10, 20),
		{Kind: "ack", Name: "Leak", Matchers: `alertname="Leak" service="gate"`, Start: then(12), By: "bob", Text: "looking", Labels: map[string]string{}},
	}
}

func TestAPastWindowListsWhatFiredInIt(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, p *tuitest.Platform) {
		r := recorded(p, somePast()...)
		back(d, h)
		require.Equal(t, api.AlertHistoryInput{From: then(0), To: then(60)}, r.asks[len(r.asks)-1])
		frame := d.Frame()
		require.Contains(t, frame, "past 08:59–09:59  2 fired  1 at its end")
		require.Contains(t, frame, "now: 2 firing")
		require.Regexp(t, `critical +Leak +gate +09:09:00 +09:19:00 +10m +bob +over`, frame)
		require.Regexp(t, `warning +ServiceErrorsHigh +mask +<08:59:00 +>09:59:00 +60m +unknown +firing`, frame)
		require.NotContains(t, frame, "DiskFull")
		require.NotContains(t, frame, "ack ann")
		require.Equal(t, pane.Subject{Context: "prod", Service: "gate", Alert: "Leak", Labels: somePast()[1].Labels, At: then(10)}, h.Pane.Subject())
		require.Equal(t, "aictl alerts history --from 2026-11-29T08:59:00Z --to 2026-11-29T09:59:00Z", h.Pane.Command())

		h.Env.Window.Cursor = then(15)
		d.Do(h.Pane.Update(pane.Scrubbed{}))
		require.Contains(t, d.Frame(), "2 at 09:14:00")
		h.Env.Window.Cursor = then(25)
		d.Do(h.Pane.Update(pane.Scrubbed{}))
		require.Contains(t, d.Frame(), "1 at 09:24:00")
		require.Regexp(t, `Leak .* - +bob`, d.Frame())
		require.Regexp(t, `mask .* firing +unknown`, d.Frame())

		d.Press("u")
		require.Equal(t, "Silences, as of now", h.Pane.title())
		d.Press("esc")
		h.Env.Window = pane.Window{Span: time.Hour, Live: true}
		d.Do(h.Pane.Refresh())
		require.Contains(t, d.Frame(), "2 firing  1 silenced")
		require.NotContains(t, d.Frame(), "Leak")
	})
}

// Hands are laid on what fires now; what does not is greyed, and says why.
func TestHandsInAPastWindow(t *testing.T) {
	disabled := func(h *host, id string) string {
		for _, a := range h.Pane.Actions() {
			if a.ID == id {
				return a.Disabled
			}
		}
		return "no such action"
	}
	list := some()
	single(t, list, func(d *tuitest.Driver, h *host, p *tuitest.Platform) {
		recorded(p, somePast()...)
		back(d, h)
		hands := []string{"alerts.ack", "alerts.silence"}
		for _, id := range hands {
			require.Equal(t, "it does not fire any more", disabled(h, id))
		}
		d.Press("a")
		require.Contains(t, tuitest.Last[pane.Toast](t, h).Text, "it does not fire any more")
		d.Press("down")
		for _, id := range hands {
			require.Empty(t, disabled(h, id))
		}
		d.Press("a")
		require.Equal(t, "Take over ServiceErrorsHigh", tuitest.Last[pane.Ask](t, h).Title)
		h.Answer(d, "", "24h")
		in := tuitest.Last[pane.Propose](t, h).In.(*api.AlertAckInput)
		require.Equal(t, "fp-ServiceErrorsHigh-mask", in.Matchers, "the alert of now")
		require.NotEmpty(t, disabled(h, "alerts.group"))
		require.NotEmpty(t, disabled(h, "alerts.state"))

		d.Press("up")
		list.Failed = []api.BackendFailure{{Backend: "am-2", Message: "timed out"}}
		h.Tick(d, askWatched)
		require.Equal(t, "it is not known whether it still fires", disabled(h, "alerts.ack"))
		require.Regexp(t, `Leak .* bob +unknown`, d.Frame(), "who did not answer has ended nothing")
	})
}

func TestThePageOfAnAlertInAPastWindow(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, p *tuitest.Platform) {
		recorded(p, somePast()...)
		tuitest.Answer(p, api.AlertsRules, []api.AlertRule{{Name: "Leak", Expr: "leaks > 3"}})
		tuitest.Query(p, api.MetricsRange, func(in api.MetricRangeInput) (api.MetricRange, error) {
			if in.Query != "leaks" || !in.From.Equal(then(0)) || !in.To.Equal(then(60)) {
				return api.MetricRange{}, fail.New(fail.Usage, "asked for %+v", in)
			}
			of := func(service string, v float64) api.MetricSeries {
				s := api.MetricSeries{Labels: map[string]string{"service": service}}
				for i := range 60 {
					s.Samples = append(s.Samples, api.MetricSample{Time: then(i), Value: op.Number(v)})
				}
				return s
			}
			return api.MetricRange{Series: []api.MetricSeries{of("gate", 5), of("other", 99)}}, nil
		})
		tuitest.Query(p, api.LogsSearch, func(in api.LogSearchInput) (api.LogAnswer, error) {
			if !in.From.Equal(then(0)) || !in.To.Equal(then(60)) || in.Service[0] != "gate" {
				return api.LogAnswer{}, fail.New(fail.Usage, "asked for %+v", in)
			}
			return api.LogAnswer{Entries: []api.LogEntry{{Time: then(11), Level: "error", Message: "it drips"}}}, nil
		})
		back(d, h)
		d.Resize(100, 60)
		d.Press("enter")
		frame := d.Frame()
		for _, want := range []string{
			"Leak  critical  in 08:59–09:59", "09:09:00 to 09:19:00  (10m)", "Taken by     bob", "Silenced     unknown", "Inhibited    unknown",
			"ack by bob: looking", "Now          over", "Expression   leaks > 3", "it drips",
		} {
			require.Contains(t, frame, want)
		}
		require.NotContains(t, frame, "asked for")
		require.NotContains(t, frame, "99")
		require.Contains(t, h.Pane.Command(), "aictl alerts history Leak --from 2026-11-29T08:59:00Z")

		// In the present the page is the present's, and back again.
		tuitest.Query(p, api.AlertsShow, func(in api.AlertShowInput) (api.AlertDetail, error) {
			return api.AlertDetail{Alert: alert("Leak", "gate", "critical", "firing", time.Minute)}, nil
		})
		h.Env.Window = pane.Window{Span: time.Hour, Live: true}
		d.Do(h.Pane.Refresh())
		require.Contains(t, d.Frame(), "Leak  critical  firing")
		require.NotContains(t, d.Frame(), "it drips")
		back(d, h)
		require.Contains(t, d.Frame(), "it drips")
		require.NotContains(t, d.Frame(), "Leak of gate")
		d.Press("esc")
		require.Contains(t, d.Frame(), "past 08:59–09:59")
	})
}

// What another window held is not shown under this one's bounds, also where
// this one's question fails.
func TestAnotherWindowIsNotThisOne(t *testing.T) {
	single(t, some(), func(d *tuitest.Driver, h *host, p *tuitest.Platform) {
		r := recorded(p, somePast()...)
		back(d, h)
		require.Contains(t, d.Frame(), "Leak")
		r.set(fail.New(fail.NotFound, "the bundle holds no answer").Hint("aictl record -- COMMAND"))
		h.Env.Window.End = h.Env.Window.End.Add(-time.Hour)
		d.Do(h.Pane.Refresh())
		d.Wait(10 * time.Second) // the client may try again
		frame := d.Frame()
		require.NotContains(t, frame, "Leak")
		require.NotContains(t, frame, "0 fired")
		require.NotContains(t, frame, "nothing is known to have fired")
		require.Contains(t, frame, "past 07:59–08:59  not known")
		require.Contains(t, frame, "no data from prod: the bundle holds no answer  → aictl record -- COMMAND")
		r.set(nil)
		h.Tick(d, askOthers)
		require.Contains(t, d.Frame(), "nothing is known to have fired in the window")
	})
}

func TestAPastWindowOfSeveralContexts(t *testing.T) {
	west, east := one(some()), tuitest.NewPlatform()
	tuitest.Answer(east, api.AlertsList, api.AlertList{})
	recorded(west, somePast()[:1]...)
	r := recorded(east, somePast()[1:]...)
	drive(t, map[string]*tuitest.Platform{"west": west, "east": east}, []string{"west", "east"}, func(d *tuitest.Driver, h *host) {
		back(d, h)
		d.Resize(140, 24)
		require.Regexp(t, `critical +east +Leak`, d.Frame())
		require.Regexp(t, `warning +west +ServiceErrorsHigh`, d.Frame())
		r.set(fail.New(fail.Unavailable, "no route"))
		d.Do(h.Pane.Refresh())
		d.Wait(10 * time.Second)
		require.Contains(t, d.Frame(), "no data from east: no route")
		require.Contains(t, d.Frame(), "Leak", "what it said of this window stays: the past does not change")
	})
}

func TestKeysOfAPastWindowAreFreeAndExplained(t *testing.T) {
	env := tuitest.Env(t, now, feed.Context{Name: "prod"})
	env.Window.Live, env.Window.End = false, now.Add(-time.Hour)
	p := New(env)
	tuitest.CheckKeys(t, p)
	tuitest.Bounds(t, p)
}
