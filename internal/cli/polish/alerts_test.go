package polish_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/alerts/alertstest"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/observe"
	"github.com/aictl/aictl/internal/term"
)

// alertDesk is a person before a context with an Alertmanager and a
// Prometheus, both in memory.
type alertDesk struct {
	manager  *alertstest.Manager
	out, err *locked
	io       *term.IO
	deps     observe.Deps
	now      func() time.Time
}

// pastOf is a Prometheus that knows what fired, and one rule.
type pastOf struct {
	metrics.Querier
	series []api.MetricSeries
}

// Instant: nothing of the past lasts.
func (pastOf) Instant(context.Context, string, time.Time) (metrics.Result, error) {
	return metrics.Result{}, nil
}

func (q pastOf) Range(_ context.Context, _ string, w metrics.Window) (metrics.Result, error) {
	out := metrics.Result{}
	for _, s := range q.series {
		one := api.MetricSeries{Labels: s.Labels}
		for _, v := range s.Samples {
			if !v.Time.Before(w.From) && !v.Time.After(w.To) {
				one.Samples = append(one.Samples, v)
			}
		}
		out.Series = append(out.Series, one)
	}
	return out, nil
}

func (pastOf) Rules(context.Context) ([]api.AlertRule, error) {
	return []api.AlertRule{{Name: "Slow", Group: "g", Expr: "latency\n  > 2", State: "firing", Health: "ok", Severity: "critical", For: op.Duration(5 * time.Minute), Firing: 1}}, nil
}

func newAlertDesk(list ...api.Alert) *alertDesk {
	d := &alertDesk{out: &locked{}, err: &locked{}, now: func() time.Time { return logsNoon }}
	clock := func() time.Time { return d.now() }
	d.manager = alertstest.New(clock, list...)
	d.io, _, _, _ = term.Test()
	d.io.Out, d.io.Err = d.out, d.err
	past := api.MetricSeries{Labels: map[string]string{"__name__": "ALERTS", "alertstate": "firing", "alertname": "Slow", "severity": "critical", "pod": "p\x1b[31m1"}}
	for age := 3 * time.Hour; age >= 2*time.Hour; age -= time.Minute {
		past.Samples = append(past.Samples, api.MetricSample{Time: logsNoon.Add(-age), Value: 1})
	}
	d.deps = observe.Deps{
		Now: clock, Keeps: true,
		Alerts:  func(context.Context) (alerts.Manager, error) { return d.manager, nil },
		Metrics: func(context.Context) (metrics.Querier, error) { return pastOf{series: []api.MetricSeries{past}}, nil },
	}
	return d
}

func (d *alertDesk) run(t *testing.T, args ...string) error {
	t.Helper()
	return d.command(t, args...)(t.Context())
}

// command makes a command that is run by calling it, in any goroutine.
func (d *alertDesk) command(t *testing.T, args ...string) func(context.Context) error {
	t.Helper()
	t.Setenv("TZ", "UTC")
	time.Local = time.UTC //nolint:gosmopolitan // the goldens show times
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	observe.Bind(r, d.deps)
	home := t.TempDir()
	env := func(k string) string {
		return map[string]string{"HOME": home, "AICTL_SERVER": "http://127.0.0.1:1", "LC_ALL": "C.UTF-8"}[k]
	}
	d.io.SetEnv(env)
	f := factory.New(d.io, env)
	f.Now = d.now
	f.Cwd = func() (string, error) { return home, nil }
	f.Transport = op.InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: "tester"})))
	})}
	root := cli.NewRoot(f)
	root.SetArgs(args)
	return root.ExecuteContext
}

// hostile are alerts as somebody who may write labels could make them.
func hostile() []api.Alert {
	slow := alertstest.Alert("Slow", "severity", "critical", "service", "chat", "pod", "p\x1b]0;owned\x07")
	slow.Summary, slow.Started = "p99 is 3 s\nnext line", logsNoon.Add(-90*time.Minute)
	slow.Runbook = "https://runbooks/slow\x1b[2J"
	wide := alertstest.Alert("磁盘满了", "severity", "warning", "service", "\u202eevil")
	wide.Summary, wide.Started = "\x1b[2J\rFAKE  ok", logsNoon.Add(-time.Minute)
	return []api.Alert{wide, slow}
}

func TestAlertsShown(t *testing.T) {
	ack := alerts.AckComment("looking\x1b[1m", logsNoon.Add(time.Hour))
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"list", []string{"alerts", "list"}, `
SEVERITY   NAME       STATE    SINCE   SERVICE        SUMMARY
critical   Slow       firing   90m     chat           p99 is 3 s\nnext line
warning    磁盘满了   firing   60s     <U+202E>evil   ^[[2J^MFAKE  ok
`},
		{"list wide", []string{"alerts", "list", "Slow", "-o", "wide"}, `
SEVERITY   NAME   STATE    SINCE   SERVICE   SUMMARY                 LABELS              FINGERPRINT
critical   Slow   firing   90m     chat      p99 is 3 s\nnext line   pod=p^[]0;owned^G   fp-Slow
`},
		{"list names", []string{"alerts", "list", "-o", "name"}, `
alert/Slow
alert/磁盘满了
`},
		{"list of matchers", []string{"alerts", "list", "severity=~warn.{0,3}", "-o", "name"}, `
alert/磁盘满了
`},
		{"show", []string{"alerts", "show", "Slow"}, `
Slow  critical  firing
Summary:     p99 is 3 s\nnext line
Since:       10:30:00 (90m)
Labels:      alertname=Slow pod=p^[]0;owned^G service=chat severity=critical
Runbook:     https://runbooks/slow^[[2J
Expression:  latency\n  > 2
For:         5m
`},
		{"preview", []string{"alerts", "preview", "severity=critical"}, `
Now: 1 alerts
SEVERITY   NAME   STATE    SINCE   SERVICE   SUMMARY
critical   Slow   firing   90m     chat      p99 is 3 s\nnext line
Since 2026-02-22 12:00:00: 1 alerts
NAME   TIMES   FIRED   LAST   LABELS
Slow       1     60m   120m   pod=p^[[31m1
`},
		{"silences", []string{"alerts", "silences"}, `
ID    STATE    MATCHERS           HITS   ENDS       BY         COMMENT
s-1   active   alertname="Slow"      1   12:10:00   ann^[[2J   ACK! looking^[[1m [aictl: until resolved, at most until 2026-03-01T13:00:00Z]
`},
		{"history", []string{"alerts", "history"}, `
START      WHAT     NAME   LASTED   BY   DETAIL
09:00:00   firing   Slow      60m        pod=p^[[31m1 severity=critical
`},
		{"rules", []string{"alerts", "rules"}, `
NAME   STATE    HEALTH   SEVERITY   FOR   FIRING   GROUP
Slow   firing   ok       critical    5m        1   g
`},
		{"ack", []string{"alerts", "ack", "Slow", "--comment", "mine", "--yes"}, `
Taken by tester until 12:15:00 (silence id-1).
`},
		{"silence", []string{"alerts", "silence", "summary=a b, c", "--duration", "1h", "--yes"}, `
Id:         id-1
State:      active
Matchers:   summary="a b, c"
Hits:       0
Ends:       13:00:00
By:         tester
Comment:    made with aictl
Stale:
Starts:     12:00:00
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newAlertDesk(hostile()...)
			m, err := alerts.Parse(`service=other`)
			require.NoError(t, err)
			if c.name == "silences" {
				m, err = alerts.Parse(`alertname=Slow`)
				require.NoError(t, err)
			}
			d.manager.Has(alerts.Silence{ID: "s-1", Matchers: m, By: "ann\x1b[2J", Comment: ack, Starts: logsNoon.Add(-time.Hour), Ends: logsNoon.Add(10 * time.Minute)})
			require.NoError(t, d.run(t, c.args...), d.err)
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
		})
	}
}

func TestAPartialAnswerIsSaid(t *testing.T) {
	for _, args := range []string{"alerts list", "alerts list -o json", "alerts show Slow", "alerts preview severity=critical", "alerts preview severity=critical -o json", "alerts silences"} {
		t.Run(args, func(t *testing.T) {
			d := newAlertDesk(hostile()...)
			d.manager.Fail(nil, api.BackendFailure{Backend: "am-2\x1b[2J", Code: fail.Unavailable, Message: "nobody listens\x1b]0;x\x07", Covered: true})
			err := d.run(t, strings.Fields(args)...)
			require.Equal(t, fail.Partial, fail.CodeOf(err))
			require.Equal(t, 4, fail.CodeOf(err).Exit())
			require.ErrorContains(t, err, "am-2")
			require.NotEmpty(t, fail.From(err).Next)
			require.Contains(t, d.err.String(), "nobody listens")
			require.NotContains(t, d.out.String()+d.err.String(), "\x1b")
			if !strings.Contains(args, "silences") {
				require.Contains(t, d.out.String(), "Slow", "what there is is given")
			}
		})
	}
}

func TestAlertsWatched(t *testing.T) {
	d := newAlertDesk(hostile()...)
	d.manager.Fail(nil, api.BackendFailure{Backend: "am-2\x1b[2J", Code: fail.Unavailable, Message: "down\x07"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	watch := d.command(t, "alerts", "watch", "--interval", "1s")
	go func() { done <- watch(ctx) }()
	require.Eventually(t, func() bool { return strings.Count(d.out.String(), "\n") >= 3 }, 5*time.Second, 5*time.Millisecond)
	cancel()
	require.Equal(t, fail.Canceled, fail.CodeOf(<-done))
	require.Equal(t, `12:00:00 gap         am-2^[[2J: down^G
12:00:00 snapshot    critical Slow chat p99 is 3 s\nnext line
12:00:00 snapshot    warning  磁盘满了 <U+202E>evil ^[[2J^MFAKE  ok
`, d.out.String())
}

func TestMatchersOnTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"summary=disk is full, again"}, `summary="disk is full, again"`},
		{[]string{`code=~5\d{2,3}`, "Slow"}, `code=~"5\\d{2,3}" alertname="Slow"`},
		{[]string{`summary=say "hi"`}, `summary="say \"hi\""`},
		{[]string{`{a="b", c!~"d|e"}`}, `a="b" c!~"d|e"`},
		{[]string{`größe=ü ü`}, `größe="ü ü"`},
	} {
		d := newAlertDesk()
		require.NoError(t, d.run(t, append([]string{"alerts", "preview", "-o", "json", "--jq", ".matchers"}, c.args...)...))
		require.Equal(t, c.want+"\n", d.out.String())
	}
	for _, args := range [][]string{{`a="b`}, {"a=~("}, {`a="b"`, `"`}} {
		require.Equal(t, fail.Usage, fail.CodeOf(newAlertDesk().run(t, append([]string{"alerts", "list"}, args...)...)), args)
	}
}

// TestHold: ack --hold renews until --for is over, or the alert has resolved.
func TestHold(t *testing.T) {
	for name, resolved := range map[string]bool{"to the end": false, "until it resolves": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				d := newAlertDesk(hostile()...)
				d.now = func() time.Time { return logsNoon.Add(time.Since(start)) }
				done := make(chan error, 1)
				hold := d.command(t, "alerts", "ack", "Slow", "--hold", "--for", "22m", "--yes")
				go func() { done <- hold(t.Context()) }()
				time.Sleep(18 * time.Minute)
				synctest.Wait()
				require.Equal(t, alerts.Active, d.manager.All()[0].State(d.now()), "it was renewed")
				if resolved {
					d.manager.Fire()
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				require.NoError(t, <-done)
				require.Len(t, d.manager.All(), 1)
				require.Equal(t, resolved, strings.Contains(d.err.String(), "have resolved"), d.err)
				require.False(t, d.manager.All()[0].Ends.After(logsNoon.Add(22*time.Minute)), "never beyond what was asked for")
			})
		})
	}
}
