package overview

import (
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/pane"
)

// then is a minute of the quarter of an hour that ends an hour before midnight.
func then(minute int) time.Time {
	return midnight.Add(-75*time.Minute + time.Duration(minute)*time.Minute)
}

func fired(name, service, severity string, from, to int) api.AlertPast {
	a := api.AlertPast{Kind: "firing", Name: name, Start: then(from), Labels: map[string]string{"alertname": name, "service": service, "severity": severity}}
	if to < 15 {
		end := then(to)
		a.End = &end
	}
	return a
}

func hostilePast(hostile []string) []api.AlertPast {
	var out []api.AlertPast
	for _, h := range hostile {
		out = append(out, api.AlertPast{Kind: "firing", Name: h, Start: midnight.Add(-time.Minute), Labels: map[string]string{"alertname": h, "service": h, "severity": h}})
	}
	return out
}

// measured are values a minute of the past window.
func measured(values map[string][]float64) api.MetricRange {
	out := traffic(values)
	by := then(0).Sub(out.From)
	out.From, out.To = out.From.Add(by), out.To.Add(by)
	for i := range out.Series {
		for k := range out.Series[i].Samples {
			out.Series[i].Samples[k].Time = out.Series[i].Samples[k].Time.Add(by)
		}
	}
	return out
}

func always(v float64) []float64 {
	out := make([]float64, 16)
	for i := range out {
		out[i] = v
	}
	return out
}

// back opens a pane on the incident of now and moves its window back.
func back(t testing.TB, contexts ...string) *Pane {
	t.Helper()
	p := opened(t, contexts...)
	if len(contexts) == 1 {
		incident(p)
	}
	p.env.Window = pane.Window{Span: 15 * time.Minute, End: then(15)}
	require.NotNil(t, p.Refresh())
	return p
}

func TestPastHeadline(t *testing.T) {
	for _, c := range []struct {
		name        string
		contexts    []string
		does        func(p *Pane)
		want, never string
	}{
		{"before anything came", []string{"a"}, func(*Pane) {}, "? asking what fired 01:55–02:10…", "ServiceErrorsHigh"},
		{"nothing is known to have fired", []string{"a"}, func(p *Pane) { answer(p, "fired", []api.AlertPast{}) }, "  nothing is known to have fired 01:55–02:10 — now: 1 firing", "nothing fires"},
		{"one fired at the end", []string{"a"}, func(p *Pane) { answer(p, "fired", []api.AlertPast{fired("Slow", "chat", "warning", 3, 15)}) }, "✗ 1 alert fired 01:55–02:10: Slow chat (warning), firing at 02:10:00 — now: 1 firing", ""},
		{"one was over at the end", []string{"a"}, func(p *Pane) { answer(p, "fired", []api.AlertPast{fired("Slow", "chat", "warning", 3, 9)}) }, "! 1 alert fired 01:55–02:10: Slow chat (warning) — now: 1 firing", "firing at"},
		{"what was firing comes before what was worse", []string{"a"}, func(p *Pane) {
			answer(p, "fired", []api.AlertPast{fired("Great", "web", "critical", 3, 9), fired("Slow", "chat", "warning", 3, 15)})
		}, "✗ 2 alerts fired 01:55–02:10, the worst: Slow chat (warning), firing at 02:10:00", ""},
		{"at the cursor", []string{"a"}, func(p *Pane) {
			answer(p, "fired", []api.AlertPast{fired("Great", "web", "critical", 3, 9), fired("Slow", "chat", "warning", 3, 15)})
			p.env.Window.Cursor = then(5)
			p.Update(pane.Scrubbed{})
		}, "✗ 2 alerts fired 01:55–02:10, the worst: Great web (critical), firing at 02:00:00", ""},
		{"a service was down", []string{"a"}, func(p *Pane) {
			answer(p, "fired", []api.AlertPast{})
			answer(p, "up", measured(map[string][]float64{"chat": always(0)}))
		}, "! nothing is known to have fired 01:55–02:10; chat was down — now: 1 firing", ""},
		{"the record does not answer", []string{"a"}, func(p *Pane) { answer(p, "fired", error(gone)) }, "? it is not known what fired 01:55–02:10: the Alertmanager does not answer — next: aictl doctor — now: 1 firing", "nothing is known"},
		{"one of two contexts does not answer", []string{"a", "b"}, func(p *Pane) {
			answer(p, "fired", []api.AlertPast{fired("Slow", "chat", "warning", 3, 15)}, error(gone))
			answer(p, "alerts", api.AlertList{}, error(gone))
		}, "✗ 1 alert fired 01:55–02:10: Slow chat (warning, in a), firing at 02:10:00; not all is known: b: the Alertmanager", ""},
		{"it is not known what fires now", []string{"a"}, func(p *Pane) {
			answer(p, "alerts", api.AlertList{Failed: []api.BackendFailure{{Backend: "am-2", Message: "no answer"}}})
			answer(p, "fired", []api.AlertPast{})
		}, "  nothing is known to have fired 01:55–02:10 — now: not known", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := back(t, c.contexts...)
			c.does(p)
			view := ansi.Strip(p.View(250, 40))
			require.Equal(t, c.want, view[:min(len(c.want), len(view))], view)
			if c.never != "" {
				require.NotContains(t, view, c.never)
			}
		})
	}
}

func TestBoxesOfAPastWindow(t *testing.T) {
	p := back(t, "local")
	answer(p, "fired", []api.AlertPast{
		fired("ServiceErrorsHigh", "demo-checkout", "critical", 5, 12), fired("DiskLow", "", "warning", 0, 15),
		{Kind: "ack", Name: "ServiceErrorsHigh", Matchers: `service="demo-checkout"`, Start: then(6), By: "ann", Labels: map[string]string{}},
	})
	errors := always(0)
	for i := 5; i < 12; i++ {
		errors[i] = 0.25
	}
	answer(p, "up", measured(map[string][]float64{"demo-checkout": always(1)}))
	answer(p, "rate", measured(map[string][]float64{"demo-checkout": always(7)}))
	answer(p, "errors", measured(map[string][]float64{"demo-checkout": errors}))
	answer(p, "changes", api.ChangeList{Changes: []api.Change{{ID: "1", Time: then(4), Kind: "rollout", Service: "demo-checkout", Object: "service/demo-checkout", Summary: "revision 1"}}})
	view := ansi.Strip(p.View(120, 40))
	for _, want := range []string{
		"─ Alerts · 2 fired, 1 at 02:10:00 ", "! warning  DiskLow", "before 01:55:00 to after 02:10:00, taken by unknown",
		"– critical ServiceErrorsHigh demo-checkout 02:00:00 to 02:07:00, taken by ann",
		"─ Services · at 02:10:00 1 of 2 up ", "✓ demo-checkout up", "? chat          unknown", "no metric tells of that time",
		"─ Rollouts as of now · 1 progressing", "─ Backends as of now · 3 of 3 answer", "01:59:00 rollout", "60s before the alert",
	} {
		require.Contains(t, view, want)
	}
	for _, now := range []string{"12% of 2268", "3m ", "Alerts as of now"} {
		require.NotContains(t, view, now)
	}
	require.Equal(t, pane.Subject{Context: "local", Alert: "DiskLow", Labels: fired("DiskLow", "", "warning", 0, 15).Labels, At: then(0)}, p.Subject())
	require.Equal(t, "aictl alerts history --from 2026-03-04T01:55:00Z --to 2026-03-04T02:10:00Z", p.Command())

	p.env.Window.Cursor = then(8)
	p.Update(pane.Scrubbed{})
	view = ansi.Strip(p.View(120, 40))
	require.Contains(t, view, "2 fired, 2 at 02:03:00")
	require.Contains(t, view, "✗ critical ServiceErrorsHigh demo-checkout at the cursor: 02:00:00 to 02:07:00")
	require.Regexp(t, `! demo-checkout degraded +7/s .* 25\.0% `, view)
	p.Act("list.top")
	p.Act("list.pagedown")
	require.Equal(t, `aictl metrics query 'avg by (service) (up{service!=""})' --time 2026-03-04T02:03:00Z`, p.Command())

	// The present is the present again, and holds nothing of then.
	p.env.Window = pane.Window{Span: 15 * time.Minute, Live: true}
	p.Refresh()
	view = ansi.Strip(p.View(120, 40))
	require.Contains(t, view, "1 alert firing: ServiceErrorsHigh demo-checkout")
	require.NotContains(t, view, "DiskLow")
	require.NotContains(t, view, "as of now")
}

// Metrics that do not answer have not said that they hold nothing.
func TestServicesThatNobodyTellsOf(t *testing.T) {
	p := back(t, "local")
	require.Contains(t, ansi.Strip(p.View(120, 40)), "Services · asking…")
	for _, slot := range []string{"up", "rate", "errors", "latency"} {
		answer(p, slot, error(gone))
	}
	view := ansi.Strip(p.View(120, 40))
	require.Contains(t, view, "Services · at 02:10:00 not known")
	require.Contains(t, view, "? chat          unknown")
	require.Contains(t, view, "metrics: the Alertmanager does not answer")
	require.NotContains(t, view, "no metric tells")
	require.NotContains(t, view, "of 2")
}

// What is known of one window is forgotten with it.
func TestAnotherWindowIsAskedAnew(t *testing.T) {
	p := back(t, "local")
	answer(p, "fired", []api.AlertPast{fired("Slow", "chat", "warning", 3, 15)})
	answer(p, "up", measured(map[string][]float64{"chat": always(0)}))
	require.Contains(t, p.View(120, 40), "chat was down")
	p.env.Window.End = p.env.Window.End.Add(-time.Hour)
	p.Refresh()
	view := ansi.Strip(p.View(120, 40))
	require.NotContains(t, view, "Slow")
	require.NotContains(t, view, "was down")
	require.Contains(t, view, "asking what fired 00:55–01:10…")
	require.NotContains(t, view, "46s before", "changes of another window")
}

func TestNothingIsAskedOfThePastInThePresent(t *testing.T) {
	p := opened(t, "local")
	require.True(t, p.fired.asked.IsZero())
	require.True(t, p.up.asked.IsZero())
	p.env.Now = midnight.Add(time.Hour)
	p.Update(pane.Tick{Now: p.env.Now})
	require.True(t, p.fired.asked.IsZero())
}
