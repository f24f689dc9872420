package overview

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
)

var midnight = time.Date(2026, 3, 4, 3, 10, 0, 0, time.UTC)

// opened is a pane that has asked its questions; nothing answers them but the
// test.
func opened(t testing.TB, contexts ...string) *Pane {
	t.Helper()
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	feeds := feed.New(context.Background())
	t.Cleanup(feeds.Close)
	env := &pane.Env{
		Feeds: feeds, Theme: th, Now: midnight, Zone: time.UTC,
		Window: pane.Window{Span: 15 * time.Minute, Live: true},
	}
	for _, c := range contexts {
		env.Contexts = append(env.Contexts, feed.Context{Name: c})
	}
	p := New(env)
	require.NotNil(t, p.Open(pane.Subject{}))
	return p
}

// answer gives a question's answer, a value or an error a context.
func answer(p *Pane, slot string, says ...any) {
	a := feed.Answer{Key: feed.Key{Pane: name, Slot: slot}}
	for i, s := range says {
		r := feed.Result{Context: p.env.Contexts[i].Name}
		if err, failed := s.(error); failed {
			r.Err = err
		} else {
			r.Out = s
		}
		a.Results = append(a.Results, r)
	}
	p.Update(a)
}

func alert(name, service, severity string, before time.Duration) api.Alert {
	return api.Alert{
		Fingerprint: name + service, Name: name, State: "firing", Severity: severity, Service: service,
		Summary: service + " fails 16% of its calls", Started: midnight.Add(-before),
		Labels: map[string]string{"alertname": name, "service": service},
	}
}

func traffic(values map[string][]float64) api.MetricRange {
	out := api.MetricRange{From: midnight.Add(-15 * time.Minute), Step: op.Duration(time.Minute)}
	out.To = out.From.Add(15 * time.Minute)
	for service, v := range values {
		s := api.MetricSeries{Labels: map[string]string{"service": service}}
		for i, x := range v {
			if !math.IsNaN(x) {
				s.Samples = append(s.Samples, api.MetricSample{Time: out.From.Add(time.Duration(i) * time.Minute), Value: op.Number(x)})
			}
		}
		out.Series = append(out.Series, s)
	}
	return out
}

// incident is the demo's: a bad revision, errors, an alert.
func incident(p *Pane) {
	answer(p, "alerts", api.AlertList{Alerts: []api.Alert{alert("ServiceErrorsHigh", "demo-checkout", "critical", 3*time.Minute)}})
	answer(p, "status", api.Status{Version: "1.2", Ready: true, Services: 2})
	answer(p, "services", []api.Service{{Name: "chat", State: "ready", Ready: 1, Replicas: 1}, {Name: "demo-checkout", State: "degraded", Ready: 1, Replicas: 1}})
	answer(p, "health", []api.ServiceHealth{{Name: "chat", State: "ready"}, {Name: "demo-checkout", State: "degraded", Reason: "12% of 2268 calls failed"}})
	nan := math.NaN()
	answer(p, "rate", traffic(map[string][]float64{"demo-checkout": {nan, nan, nan, nan, 1, 20, 21, 22, 22, 22, 22, 22, 22, 22, 22, 22.8}}))
	answer(p, "errors", traffic(map[string][]float64{"demo-checkout": {0, 0, 0, 0, 0, 0, 0, .1, .15, .15, .15, .15, .15, .15, .15, .151}}))
	answer(p, "latency", traffic(map[string][]float64{"demo-checkout": {.1, .1, .1, .1, .1, .1, .1, .4, .48, .48, .48, .48, .48, .48, .48, .487}}))
	answer(p, "rollouts", api.WorkloadList{Workloads: []api.Workload{
		{Kind: "Service", Name: "demo-checkout", Namespace: "default", State: "ready", Desired: 1, Ready: 1, Updated: 1},
		{Kind: "Deployment", Name: "web", Namespace: "shop", State: "progressing", Desired: 4, Updated: 2, Ready: 3, Changed: midnight.Add(-time.Minute)},
	}})
	answer(p, "changes", api.ChangeList{Changes: []api.Change{
		{ID: "1", Time: midnight.Add(-time.Hour), Kind: "config", Object: "configmap/web", Summary: "configmap web: 1 key changed"},
		{ID: "2", Time: midnight.Add(-3*time.Minute - 46*time.Second), Kind: "rollout", Service: "demo-checkout", Namespace: "default", Object: "service/demo-checkout", Summary: "revision 2 of demo-checkout was rolled out", Actor: "demo"},
	}})
	answer(p, "backends", []api.BackendCheck{
		{Backend: "logs", Check: "reachable", OK: true, Detail: "VictoriaLogs"}, {Backend: "alerts", Check: "reachable", OK: true, Detail: "Alertmanager"},
	})
}

func quietPlatform(p *Pane) {
	incident(p)
	answer(p, "alerts", api.AlertList{})
	answer(p, "services", []api.Service{{Name: "chat", State: "ready", Ready: 1, Replicas: 1}, {Name: "demo-checkout", State: "ready"}})
	answer(p, "health", []api.ServiceHealth{{Name: "chat", State: "ready"}, {Name: "demo-checkout", State: "ready"}})
}

var gone = fail.New(fail.Unavailable, "the Alertmanager does not answer").Hint("aictl doctor")

func TestHeadline(t *testing.T) {
	silenced := alert("Noise", "chat", "warning", time.Hour)
	silenced.State = "silenced"
	for _, c := range []struct {
		name     string
		contexts []string
		does     func(p *Pane)
		want     string
		never    string
	}{
		{"before anything came", []string{"a"}, func(*Pane) {}, "? asking what fires…", "nothing fires"},
		{"an alert", []string{"a"}, incident, "✗ 1 alert firing: ServiceErrorsHigh demo-checkout (critical, 3m) — press w for why", "nothing fires"},
		{"all is well", []string{"a"}, quietPlatform, "✓ nothing fires, 2 services are ready", ""},
		{"alerts are quiet and a service is not", []string{"a"}, func(p *Pane) {
			incident(p)
			answer(p, "alerts", api.AlertList{Alerts: []api.Alert{silenced}})
		}, "! nothing fires (1 kept quiet), but demo-checkout is degraded (12% of 2268 calls failed)", ""},
		{"the backend does not answer", []string{"a"}, func(p *Pane) { quietPlatform(p); answer(p, "alerts", error(gone)) }, "? it is not known what fires: the Alertmanager does not answer (shown is what was known 0s ago) — next: aictl doctor", "nothing fires"},
		{"one of two contexts does not answer", []string{"a", "b"}, func(p *Pane) { answer(p, "alerts", api.AlertList{}, error(gone)) }, "? it is not known what fires: b: the Alertmanager does not answer", "nothing fires"},
		{"one fires, the other is silent", []string{"a", "b"}, func(p *Pane) {
			answer(p, "alerts", api.AlertList{Alerts: []api.Alert{alert("X", "chat", "warning", time.Minute)}}, error(gone))
		}, "✗ 1 alert firing: X chat (warning, 60s, in a) — press w for why; not all is known: b:", ""},
		{"an Alertmanager of several is silent", []string{"a"}, func(p *Pane) {
			answer(p, "alerts", api.AlertList{Failed: []api.BackendFailure{{Backend: "am-2", Code: fail.Timeout, Message: "no answer"}}})
		}, "? it is not known what fires: am-2: no answer", "nothing fires"},
		{"the worst of several", []string{"a"}, func(p *Pane) {
			answer(p, "alerts", api.AlertList{Alerts: []api.Alert{alert("Small", "chat", "warning", time.Hour), alert("Great", "web", "critical", 2*time.Minute)}})
		}, "✗ 2 alerts firing, the worst: Great web (critical, 2m) — press w for why", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := opened(t, c.contexts...)
			c.does(p)
			view := ansi.Strip(p.View(200, 40))
			require.True(t, strings.HasPrefix(view, c.want), view)
			if c.never != "" {
				require.NotContains(t, view, c.never)
			}
			first, _, _ := strings.Cut(ansi.Strip(p.View(20, 3)), "\n")
			require.True(t, strings.HasPrefix(c.want, strings.TrimRight(first, " …")), first)
		})
	}
}

func TestFirstScreen(t *testing.T) {
	p := opened(t, "local")
	incident(p)
	view := ansi.Strip(p.View(80, 22))
	for _, want := range []string{
		"▸ ✗ critical ServiceErrorsHigh demo-checkout    3m demo-checkout fails",
		"─ Services · 1 of 2 ready", "! demo-checkout degraded", "22.8/s", "15.1%", "487ms", "█",
		"─ Rollouts · 1 progressing", "↻ progressing deployment/web", "2/4 updated, 3 ready",
		"─ Changes · 2 in 15m", "46s before the alert: revision 2 of demo-checkout", "config",
		"─ Backends · 3 of 3 answer", "✓ control plane ready", "✓ logs",
	} {
		require.Contains(t, strings.Join(strings.Fields(view), " "), strings.Join(strings.Fields(want), " "), view)
	}
	require.Equal(t, pane.Subject{
		Context: "local", Service: "demo-checkout", Alert: "ServiceErrorsHigh", Fingerprint: "ServiceErrorsHighdemo-checkout",
		Labels: map[string]string{"alertname": "ServiceErrorsHigh", "service": "demo-checkout"}, At: midnight.Add(-3 * time.Minute),
	}, p.Subject())
	broad := ansi.Strip(p.View(120, 40))
	require.Contains(t, broad, "─ demo-checkout over 15m")
	require.Contains(t, broad, "⣀", "a chart of the service that is looked at")
}

func TestGapsAreGaps(t *testing.T) {
	p := opened(t, "local")
	nan := math.NaN()
	answer(p, "rate", traffic(map[string][]float64{"chat": {1, 2, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, 5, 8, 8}}))
	answer(p, "alerts", api.AlertList{})
	view := ansi.Strip(p.View(200, 40))
	require.Contains(t, view, "▁▂           ▅██")
	require.Contains(t, view, "? chat unknown", "a service that only the metrics know")
	answer(p, "rate", traffic(map[string][]float64{"chat": {1, 2, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}}))
	require.Regexp(t, `chat unknown +-`, ansi.Strip(p.View(200, 40)), "what ended is no value of now")
}

func TestCursor(t *testing.T) {
	p := opened(t, "local")
	require.Nil(t, p.Act("overview.open"))
	require.Equal(t, pane.Subject{}, p.Subject())
	incident(p)
	var seen []string
	for {
		before := p.at
		seen = append(seen, p.row().name)
		p.Act("list.down")
		if p.at == before {
			break
		}
	}
	require.Equal(t, []string{"ServiceErrorsHigh", "demo-checkout", "chat", "deployment/web", "demo-checkout", "configmap/web", "control plane", "logs", "alerts"}, seen)
	p.Act("list.top")
	require.Equal(t, alertsBox, p.at.box)
	p.Act("list.pagedown")
	p.Act("overview.next")
	require.Equal(t, "deployment/web", p.row().name)
	p.Act("list.pageup")
	require.Equal(t, "demo-checkout", p.row().name)
	p.Act("list.bottom")
	require.Equal(t, "alerts", p.row().name)

	// The cursor stays with its row, and finds another when the row is gone.
	p.Act("list.top")
	p.Act("list.down")
	answer(p, "health", []api.ServiceHealth{{Name: "chat", State: "down"}, {Name: "demo-checkout", State: "ready"}})
	require.Equal(t, "demo-checkout", p.row().name)
	require.Equal(t, 1, p.at.index)
	p.Act("list.top")
	answer(p, "alerts", api.AlertList{})
	require.Equal(t, "chat", p.row().name)
}

func TestCursorFollowsTheWorstUntilItIsMoved(t *testing.T) {
	p := opened(t, "local")
	quietPlatform(p)
	require.Equal(t, servicesBox, p.at.box)
	incident(p)
	require.Equal(t, "ServiceErrorsHigh", p.row().name)
	p.Act("list.down")
	answer(p, "alerts", api.AlertList{Alerts: []api.Alert{alert("Worse", "chat", "critical", time.Hour)}})
	require.Equal(t, servicesBox, p.at.box, "it is the person's now")
	require.Contains(t, p.View(100, 24), "Worse chat (critical, 60m)")
	require.NotContains(t, p.View(100, 24), "press w", "w would be about another row")
}

func TestOpenAndCommands(t *testing.T) {
	p := opened(t, "local")
	incident(p)
	p.env.Namespace = "*"
	for _, c := range []struct{ row, to, workload, command string }{
		{"ServiceErrorsHigh", "alerts", "", "aictl alerts list --state all"},
		{"demo-checkout", "services", "service/demo-checkout", "aictl services health"},
		{"chat", "services", "", "aictl services health"},
		{"deployment/web", "deployments", "deployment/web", "aictl deploy list -A"},
		{"demo-checkout", "deployments", "service/demo-checkout", "aictl changes -A --since 15m"},
		{"configmap/web", "incident", "", "aictl changes -A --since 15m"},
	} {
		require.Equal(t, c.row, p.row().name)
		require.Equal(t, c.command, p.Command())
		msg := p.Act("overview.open")()
		require.IsType(t, pane.Goto{}, msg)
		require.Equal(t, c.to, msg.(pane.Goto).Pane)
		require.Equal(t, c.workload, msg.(pane.Goto).Subject.Workload)
		p.Act("list.down")
	}
	require.Equal(t, "aictl doctor", p.Command())
	require.IsType(t, pane.Show{}, p.Act("overview.open")())
	p.env.Namespace = "shop floor"
	p.Act("list.top")
	for range 3 {
		p.Act("list.down")
	}
	require.Equal(t, rolloutsBox, p.at.box)
	require.Equal(t, "aictl deploy list -n 'shop floor'", p.Command())
}

func TestSlowQuestionsHoldUpNoOther(t *testing.T) {
	p := opened(t, "local")
	answer(p, "alerts", api.AlertList{})
	require.Contains(t, p.View(80, 24), "nothing fires")
	p.env.Now = midnight.Add(4 * time.Second)
	require.Nil(t, p.Update(pane.Tick{Now: p.env.Now}))
	p.env.Now = midnight.Add(5 * time.Second)
	require.NotNil(t, p.Update(pane.Tick{Now: p.env.Now}))
	require.True(t, p.alerts.waiting)
	require.Equal(t, midnight, p.changes.asked, "its first question is still open")
	// A question whose answer never comes is asked again.
	p.env.Now = midnight.Add(lost)
	p.Update(pane.Tick{Now: p.env.Now})
	require.Equal(t, p.env.Now, p.changes.asked)
}

func TestUnreachable(t *testing.T) {
	p := opened(t, "local")
	down := fail.New(fail.Unavailable, "nothing runs at http://127.0.0.1:7979").Hint("aictl up")
	for i, s := range p.sources {
		require.NotContains(t, p.View(80, 24), "cannot be reached", "%d", i)
		answer(p, s.slot, error(down))
	}
	for _, size := range [][2]int{{80, 24}, {200, 60}, {30, 12}} {
		view := strings.Join(strings.Fields(ansi.Strip(p.View(size[0], size[1]))), " ")
		require.Contains(t, view, "the platform cannot be reached: local")
		require.Contains(t, view, "nothing runs at http://127.0.0.1:7979")
		require.Contains(t, view, "next: aictl up")
		require.Contains(t, view, "asked again by itself")
	}
	require.NotContains(t, p.View(80, 24), "nothing fires")
	p.env.Now = midnight.Add(10 * time.Second)
	require.NotNil(t, p.Update(pane.Tick{Now: p.env.Now}))
	answer(p, "alerts", api.AlertList{})
	require.Contains(t, p.View(80, 24), "nothing fires")

	// What was known stays, with its age.
	incident(p)
	p.env.Now = midnight.Add(2 * time.Minute)
	for _, s := range p.sources {
		answer(p, s.slot, error(down))
	}
	view := p.View(160, 40)
	require.Contains(t, view, "ServiceErrorsHigh")
	require.Contains(t, view, "demo-checkout")
	require.Contains(t, view, "shown is what was known 110s ago")
	require.Contains(t, view, "110s old")
	require.Contains(t, view, "next: aictl up")
}

func TestSeveralContexts(t *testing.T) {
	p := opened(t, "eu", "us")
	answer(p, "alerts", api.AlertList{Alerts: []api.Alert{alert("A", "chat", "warning", time.Hour)}}, api.AlertList{Alerts: []api.Alert{alert("B", "chat", "critical", time.Hour)}})
	answer(p, "rollouts", error(fail.New(fail.Forbidden, "you may not list deployments").Hint("aictl whoami")), api.WorkloadList{})
	view := ansi.Strip(p.View(100, 30))
	require.Contains(t, view, "in us")
	require.Equal(t, "us", p.Subject().Context)
	require.Regexp(t, `warning +A +chat +eu`, view)
	require.Contains(t, view, "─ Rollouts · not known")
	require.Contains(t, view, "✗ eu: you may not list deployments — next: aictl whoami")

	// A context that is not asked any more is not shown any more.
	p.env.Contexts = p.env.Contexts[:1]
	p.Refresh()
	require.NotContains(t, p.View(100, 30), "critical")
}

func TestContextWithoutControlPlane(t *testing.T) {
	p := opened(t, "direct")
	needs := fail.New(fail.Unavailable, "services.list needs a control plane, and this context has none").Hint("aictl up")
	for _, slot := range []string{"status", "services", "health"} {
		answer(p, slot, error(needs))
	}
	answer(p, "alerts", api.AlertList{})
	answer(p, "backends", []api.BackendCheck{{Backend: "metrics", Check: "reachable", OK: true, Detail: "3.15"}})
	view := ansi.Strip(p.View(100, 30))
	require.Contains(t, view, "✓ nothing fires")
	require.Contains(t, view, "– control plane none the backends are asked directly")
	require.NotContains(t, view, "needs a control plane")
}

func TestFilter(t *testing.T) {
	p := opened(t, "local")
	incident(p)
	p.Filter("web")
	view := ansi.Strip(p.View(80, 30))
	require.Contains(t, view, "1 alert firing: ServiceErrorsHigh", "the headline is not filtered")
	require.Contains(t, view, "· 0 match")
	require.Contains(t, view, "deployment/web")
	require.NotContains(t, view, "✓ logs")
	require.Equal(t, "shop", p.Subject().Namespace)
	p.Filter("")
	require.Contains(t, p.View(80, 30), "logs")
}

func TestMouse(t *testing.T) {
	p := opened(t, "local")
	incident(p)
	lines := strings.Split(ansi.Strip(p.View(120, 40)), "\n")
	for y, l := range lines {
		if x := strings.Index(l, "VictoriaLogs"); x >= 0 {
			require.Nil(t, p.Click(ansi.StringWidth(l[:x]), y))
		}
	}
	require.Equal(t, "logs", p.row().name)
	p.Scroll(-3)
	require.Equal(t, changesBox, p.at.box)
	p.Scroll(2)
	require.Equal(t, "control plane", p.row().name)
}

// TestBounds draws hostile content in every size.
func TestBounds(t *testing.T) {
	hostile := []string{
		"\x1b[2J\x1b]0;owned\x07evil", strings.Repeat("宽", 300), "e" + strings.Repeat("\u0301", 200), "\u202egnorw\u202c", "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿 family",
		"tab\tline\nfeed\r\x00", "مرحبا بالعالم", strings.Repeat("x", 1<<20),
	}
	for _, ascii := range []bool{false, true} {
		p := opened(t, "eu\x1b[31m", "us")
		p.env.ASCII = ascii
		var list api.AlertList
		var services []api.Service
		var work api.WorkloadList
		var changes api.ChangeList
		var checks []api.BackendCheck
		values := map[string][]float64{}
		for i, h := range hostile {
			a := alert(h, h, "critical", time.Duration(i)*time.Hour)
			a.Summary = h
			list.Alerts = append(list.Alerts, a)
			services = append(services, api.Service{Name: h, State: h})
			work.Workloads = append(work.Workloads, api.Workload{Kind: h, Name: h, Namespace: h, State: "failed", Cause: h})
			changes.Changes = append(changes.Changes, api.Change{ID: h, Kind: h, Service: h, Summary: h, Actor: h})
			checks = append(checks, api.BackendCheck{Backend: h, Check: h, Detail: h, Next: h, Code: fail.Code(h)})
			values[h] = []float64{math.Inf(1), math.NaN(), -1, 1e300}
		}
		broken := errors.New(strings.Join(hostile[:6], " "))
		answer(p, "alerts", list, broken)
		answer(p, "services", services, broken)
		answer(p, "health", broken, []api.ServiceHealth{{Name: "x", State: "down", Reason: hostile[0]}})
		for _, s := range signals {
			answer(p, s.name, traffic(values), broken)
		}
		answer(p, "rollouts", work, broken)
		answer(p, "changes", changes, broken)
		answer(p, "backends", checks, broken)
		answer(p, "status", broken, api.Status{Version: hostile[0], Reasons: hostile[:3]})
		for _, live := range []bool{true, false} {
			if p.env.Window.Live = live; !live {
				p.env.Window.End, p.env.Window.Cursor = midnight, midnight.Add(-time.Minute)
				p.Refresh()
				answer(p, "fired", hostilePast(hostile), broken)
				answer(p, "up", traffic(values), broken)
				answer(p, "rate", traffic(values), broken)
			}
			for w := 1; w <= 130; w += 1 + w/20 {
				for h := 1; h <= 45; h += 1 + h/12 {
					bounded(t, p.View(w, h), w, h)
				}
			}
			bounded(t, p.View(200, 60), 200, 60)
		}
		p = opened(t, hostile[0])
		for _, s := range p.sources {
			answer(p, s.slot, broken)
		}
		for w := 1; w <= 90; w += 3 {
			for h := 1; h <= 20; h++ {
				bounded(t, p.View(w, h), w, h)
			}
		}
	}
}

func bounded(t *testing.T, view string, width, height int) {
	t.Helper()
	lines := strings.Split(view, "\n")
	require.LessOrEqual(t, len(lines), height, "%d×%d", width, height)
	for _, l := range lines {
		if w := ansi.StringWidth(l); w > width {
			t.Fatalf("%d×%d: a line of %d: %q", width, height, w, l)
		}
		plain := strings.NewReplacer("\x1b[1m", "", "\x1b[m", "", "\x1b[7m", "", "\x1b[0m", "").Replace(l)
		require.NotContains(t, plain, "\x1b")
		require.NotContains(t, plain, "\x07")
		require.NotContains(t, plain, "\u202e")
	}
}

func TestASCII(t *testing.T) {
	p := opened(t, "local")
	p.env.ASCII = true
	incident(p)
	for _, r := range p.View(120, 40) {
		require.Less(t, r, rune(0x80), "%q", r)
	}
}

func TestActionsSayWhy(t *testing.T) {
	p := opened(t, "local")
	require.NotEmpty(t, p.Actions()[0].Disabled)
	incident(p)
	for _, a := range p.Actions() {
		require.Empty(t, a.Disabled)
		require.NotEmpty(t, a.Help)
	}
}

func BenchmarkViewOfManyAlerts(b *testing.B) {
	p := opened(b, "local")
	incident(p)
	var list api.AlertList
	for i := range 5000 {
		list.Alerts = append(list.Alerts, alert(fmt.Sprint("Alert", i), "chat", "warning", time.Hour))
	}
	answer(p, "alerts", list)
	for b.Loop() {
		p.View(120, 40)
	}
}

var _ interface {
	pane.Pane
	pane.Clicker
} = (*Pane)(nil)

var _ tea.Msg = pane.Tick{}
