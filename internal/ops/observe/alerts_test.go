package observe

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/alerts/alertstest"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/logstest"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
)

// desk is the operations of alerts on systems in memory, with a clock.
type desk struct {
	Deps
	t       *testing.T
	now     time.Time
	manager *alertstest.Manager
	querier *rulesOnly
	log     bytes.Buffer
}

func newDesk(t *testing.T, list ...api.Alert) *desk {
	d := &desk{t: t, now: logNoon, querier: &rulesOnly{}}
	clock := func() time.Time { return d.now }
	d.manager = alertstest.New(clock, list...)
	d.Deps = Deps{
		Now: clock, Keeps: true, Record: slog.New(slog.NewJSONHandler(&d.log, nil)),
		Alerts:  func(context.Context) (alerts.Manager, error) { return d.manager, nil },
		Metrics: func(context.Context) (metrics.Querier, error) { return d.querier, nil },
	}
	return d
}

// memory reaches the operations as a person does, by the registry.
type memory struct{ http.RoundTripper }

func (m memory) Send(ctx context.Context, _ *op.Spec, req *http.Request) (*http.Response, error) {
	return m.RoundTrip(req.WithContext(ctx))
}

func (d *desk) client(who string) op.Caller {
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	Bind(r, d.Deps)
	return memory{op.InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: who})))
	})}}
}

// rulesOnly is a Prometheus with rules and answers to ranges.
type rulesOnly struct {
	metrics.Querier
	rules  []api.AlertRule
	series map[string][]api.MetricSeries
	err    error
	asked  []string
}

func (q *rulesOnly) Rules(context.Context) ([]api.AlertRule, error) { return q.rules, q.err }

// of are the series that a query is about, whatever it does with them.
func (q *rulesOnly) of(query string) []api.MetricSeries {
	for about, list := range q.series {
		if strings.Contains(query, about) {
			return list
		}
	}
	return nil
}

func (q *rulesOnly) Instant(_ context.Context, query string, at time.Time) (metrics.Result, error) {
	out := metrics.Result{}
	for _, s := range q.of(query) {
		if n := len(s.Samples); n > 0 && !s.Samples[n-1].Time.Before(at.Add(-5*time.Minute)) {
			out.Series = append(out.Series, s)
		}
	}
	return out, q.err
}

func (q *rulesOnly) Range(_ context.Context, query string, w metrics.Window) (metrics.Result, error) {
	q.asked = append(q.asked, query)
	out := metrics.Result{}
	for _, s := range q.of(query) {
		one := api.MetricSeries{Labels: s.Labels}
		for _, v := range s.Samples {
			if !v.Time.Before(w.From) && !v.Time.After(w.To) {
				one.Samples = append(one.Samples, v)
			}
		}
		out.Series = append(out.Series, one)
	}
	return out, q.err
}

// firing is a series that has a value at every step between two ages.
func firing(from, to, step time.Duration, labels ...string) api.MetricSeries {
	s := api.MetricSeries{Labels: map[string]string{}}
	for i := 0; i < len(labels); i += 2 {
		s.Labels[labels[i]] = labels[i+1]
	}
	for age := from; age >= to; age -= step {
		s.Samples = append(s.Samples, api.MetricSample{Time: logNoon.Add(-age), Value: 1})
	}
	return s
}

func names(list []api.Alert) string {
	var out []string
	for _, a := range list {
		out = append(out, a.Name)
	}
	return strings.Join(out, " ")
}

func some() []api.Alert {
	inhibited := alertstest.Alert("Inhibited", "severity", "info")
	inhibited.State, inhibited.InhibitedBy = "inhibited", []string{"x"}
	return []api.Alert{
		alertstest.Alert("Warn", "severity", "warning", "service", "chat"),
		alertstest.Alert("Crit", "severity", "critical", "service", "predict"),
		inhibited,
		alertstest.Alert("Hushed", "severity", "warning", "service", "vision"),
	}
}

func hush(t *testing.T, id, matchers, by, comment string, starts, ends time.Time) alerts.Silence {
	m, err := alerts.Parse(matchers)
	require.NoError(t, err)
	return alerts.Silence{ID: id, Matchers: m, By: by, Comment: comment, Starts: starts, Ends: ends}
}

func TestAlertsList(t *testing.T) {
	d := newDesk(t, some()...)
	d.manager.Has(hush(t, "s1", "Hushed", "bob", "ACK! mine", d.now.Add(-time.Minute), d.now.Add(time.Minute)))
	c := d.client("ann")
	for _, q := range []struct {
		in   api.AlertFilter
		want string
	}{
		{api.AlertFilter{State: "firing"}, "Crit Warn"},
		{api.AlertFilter{State: "all"}, "Crit Warn Hushed Inhibited"},
		{api.AlertFilter{State: "silenced"}, "Hushed"},
		{api.AlertFilter{State: "inhibited"}, "Inhibited"},
		{api.AlertFilter{State: "all", Severity: "warning"}, "Warn Hushed"},
		{api.AlertFilter{State: "all", Service: "chat"}, "Warn"},
		{api.AlertFilter{State: "all", Matchers: `service=~"chat|predict" severity!=critical`}, "Warn"},
		{api.AlertFilter{State: "firing", Matchers: "fp-Crit"}, "Crit"},
		{api.AlertFilter{State: "firing", Matchers: "nothing=like it"}, ""},
	} {
		got, err := api.AlertsList.Call(t.Context(), c, q.in)
		require.NoError(t, err)
		require.Equal(t, q.want, names(got.Alerts), "%+v", q.in)
		require.NotNil(t, got.Alerts)
		require.NotNil(t, got.Failed)
	}
	got, err := api.AlertsList.Call(t.Context(), c, api.AlertFilter{State: "silenced"})
	require.NoError(t, err)
	require.Equal(t, &api.AlertAck{By: "bob", Comment: "mine", Until: d.now.Add(time.Minute), Silence: "s1"}, got.Alerts[0].Ack)

	_, err = api.AlertsList.Call(t.Context(), c, api.AlertFilter{Matchers: `a="`})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	d.manager.Fail(nil, api.BackendFailure{Backend: "am-2", Code: fail.Timeout, Message: "slow", Next: "aictl doctor"})
	got, err = api.AlertsList.Call(t.Context(), c, api.AlertFilter{State: "all"})
	require.NoError(t, err)
	require.Len(t, got.Alerts, 4)
	require.Equal(t, "am-2", got.Failed[0].Backend)
	d.manager.Fail(fail.New(fail.Unavailable, "down"))
	_, err = api.AlertsList.Call(t.Context(), c, api.AlertFilter{State: "all"})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
}

func TestAlertsWithoutAnAlertmanager(t *testing.T) {
	d := Deps{Now: time.Now}
	_, err := alertsSilence(t.Context(), d, api.SilenceInput{Matchers: "a=b", Duration: op.Duration(time.Hour)})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.Contains(t, fail.From(err).Next, "aictl context set")
	for _, err := range alertsWatch(t.Context(), d, api.AlertWatchInput{Interval: op.Duration(time.Second)}) {
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	}
}

func TestAlertsShow(t *testing.T) {
	d := newDesk(t, append(some(), func() api.Alert {
		a := alertstest.Alert("Warn", "severity", "warning", "service", "predict")
		a.Fingerprint = "fp-other"
		return a
	}())...)
	d.querier.rules = []api.AlertRule{
		{Name: "Warn", Expr: "sum by (service) (errors) > 3", State: "firing"},
		{Name: "Quiet", Expr: "up == 0", State: "inactive", Severity: "critical", Labels: map[string]string{"service": "chat"}, Annotations: map[string]string{"summary": "sum", "runbook_url": "http://r"}},
		{Name: "Bare", Expr: "up == 0", State: "inactive"},
	}
	d.querier.series = map[string][]api.MetricSeries{"sum by (service) (errors)": {
		firing(time.Hour, 0, 15*time.Second, "service", "chat"), firing(time.Hour, 0, 15*time.Second, "service", "predict"),
	}}
	store := logstest.New(
		api.LogEntry{ID: "1", Time: d.now.Add(-time.Minute), Level: "error", Service: "chat", Message: "boom"},
		api.LogEntry{ID: "2", Time: d.now.Add(-time.Minute), Level: "info", Service: "chat", Message: "fine"},
		api.LogEntry{ID: "3", Time: d.now.Add(-time.Minute), Level: "error", Service: "predict", Message: "other"},
		api.LogEntry{ID: "4", Time: d.now.Add(-2 * time.Hour), Level: "error", Service: "chat", Message: "old"},
	)
	d.Logs = func(context.Context) (logs.Store, error) { return store, nil }
	c := d.client("ann")
	show := func(name string) (api.AlertDetail, error) {
		return api.AlertsShow.Call(t.Context(), c, api.AlertShowInput{Alert: name, Since: op.Duration(time.Hour)})
	}
	got, err := show("fp-Warn")
	require.NoError(t, err)
	require.Equal(t, "fp-Warn", got.Fingerprint)
	require.Empty(t, got.Others, "a fingerprint names one")
	require.Equal(t, "sum by (service) (errors) > 3", got.Rule.Expr)
	require.Len(t, got.Values, 1, "the series of this service")
	require.Equal(t, "chat", got.Values[0].Labels["service"])
	require.InDelta(t, 1, float64(*got.Current), 0)
	require.Len(t, got.Logs, 1)
	require.Equal(t, "boom", got.Logs[0].Message)
	require.Empty(t, got.Warnings)

	got, err = show("Warn")
	require.NoError(t, err)
	require.Len(t, got.Others, 1)

	got, err = show("Quiet")
	require.NoError(t, err)
	require.Equal(t, []string{"inactive", "critical", "chat", "sum", "http://r"}, []string{got.State, got.Severity, got.Service, got.Summary, got.Runbook})
	got, err = show("Bare")
	require.NoError(t, err)
	require.NotNil(t, got.Labels)
	require.NotNil(t, got.Annotations)

	_, err = show("nonesuch")
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	require.NotEmpty(t, fail.From(err).Next)

	// What else is missing is said, and costs nothing else.
	d.querier.err = fail.New(fail.Unavailable, "prometheus is down")
	got, err = show("Crit")
	require.NoError(t, err)
	require.Contains(t, strings.Join(got.Warnings, "\n"), "prometheus is down")
	d.Metrics = nil
	c = d.client("ann")
	got, err = show("Crit")
	require.NoError(t, err)
	require.Nil(t, got.Rule)
	_, err = show("nonesuch")
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
}

func TestSilencePolicy(t *testing.T) {
	hour := op.Duration(time.Hour)
	for _, c := range []struct {
		name  string
		in    api.SilenceInput
		code  fail.Code
		says  string
		keeps bool
	}{
		{"everything", api.SilenceInput{Matchers: "a=~.*", Duration: hour, Comment: "x"}, fail.Refused, "every alert", true},
		{"nothing", api.SilenceInput{Matchers: " ", Duration: hour}, fail.Usage, "needs matchers", true},
		{"too long", api.SilenceInput{Matchers: "Warn", Duration: 91 * 24 * hour, Comment: "x"}, fail.Refused, "days", true},
		{"in the past", api.SilenceInput{Matchers: "Warn", Until: logNoon.Add(-time.Second)}, fail.Usage, "end after now", true},
		{"a day without why", api.SilenceInput{Matchers: "Warn", Duration: 25 * hour}, fail.Refused, "more than 24h", true},
		{"critical without why", api.SilenceInput{Matchers: "service=predict", Duration: hour}, fail.Refused, "Crit, which is critical", true},
		{"blank why", api.SilenceInput{Matchers: "service=predict", Duration: hour, Comment: " \t"}, fail.Refused, "reason", true},
		{"critical with why", api.SilenceInput{Matchers: "service=predict", Duration: hour, Comment: "x"}, fail.OK, "", true},
		{"until resolved", api.SilenceInput{Matchers: "Warn", Duration: hour, UntilResolved: true}, fail.OK, "", true},
		{"until resolved of nothing", api.SilenceInput{Matchers: "none=such", Duration: hour, UntilResolved: true}, fail.Usage, "nothing fires", true},
		{"until resolved by nobody", api.SilenceInput{Matchers: "Warn", Duration: hour, UntilResolved: true}, fail.Unavailable, "nobody would end it", false},
		{"a forged mark", api.SilenceInput{Matchers: "Warn", Duration: hour, Comment: alerts.AckComment("x", logNoon.AddDate(9, 0, 0))}, fail.Usage, "mark", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, some()...)
			d.Keeps = c.keeps
			_, err := api.AlertsSilence.Plan(t.Context(), d.client("ann"), c.in)
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			if err != nil {
				require.ErrorContains(t, err, c.says)
				require.NotEmpty(t, fail.From(err).Next)
			}
			require.Empty(t, d.manager.All(), "a plan does nothing")
			_, applied := api.AlertsSilence.Apply(t.Context(), d.client("ann"), c.in, op.ApplyOptions{})
			require.Equal(t, c.code, fail.CodeOf(applied))
			require.Len(t, d.manager.All(), map[bool]int{true: 1}[c.code == fail.OK])
		})
	}
}

// TestPlansOfSilences: a plan that is read for a while is still good, unless
// what it would hit has changed meanwhile.
func TestPlansOfSilences(t *testing.T) {
	for name, in := range map[string]api.SilenceInput{
		"for":            {Matchers: "service=chat", Duration: op.Duration(time.Hour)},
		"until":          {Matchers: "service=chat", Duration: op.Duration(time.Hour), Until: logNoon.Add(3 * time.Hour)},
		"until resolved": {Matchers: "service=chat", Duration: op.Duration(time.Hour), UntilResolved: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, some()...)
			c := d.client("ann")
			plan, err := api.AlertsSilence.Plan(t.Context(), c, in)
			require.NoError(t, err)
			require.Contains(t, fmt.Sprint(plan.Steps), "alert Warn")
			d.now = d.now.Add(90 * time.Second)
			s, err := api.AlertsSilence.Apply(t.Context(), c, in, op.ApplyOptions{Digest: plan.Digest})
			require.NoError(t, err)
			require.Equal(t, []any{"ann", 1, alerts.Active}, []any{s.By, s.Hits, s.State})
			end := d.now.Add(time.Hour)
			if !in.Until.IsZero() {
				end = in.Until
			}
			require.Equal(t, end, d.manager.All()[0].Ends)
			until, managed := alerts.ManagedUntil(d.manager.All()[0].Comment)
			require.Equal(t, in.UntilResolved, managed)
			if managed {
				require.Equal(t, end, until)
			}
			require.Contains(t, d.log.String(), `"event.action":"silence"`)

			plan, err = api.AlertsSilence.Plan(t.Context(), c, in)
			require.NoError(t, err)
			d.manager.Fire(append(some(), alertstest.Alert("New", "service", "chat"))...)
			_, err = api.AlertsSilence.Apply(t.Context(), c, in, op.ApplyOptions{Digest: plan.Digest})
			require.Equal(t, fail.Refused, fail.CodeOf(err))
			require.ErrorContains(t, err, "plan is stale")
		})
	}
}

func TestWhatASilenceHitsIsNotAllKnown(t *testing.T) {
	d := newDesk(t, some()...)
	d.manager.Fail(nil, api.BackendFailure{Backend: "eu"}, api.BackendFailure{Backend: "us", Covered: true})
	plan, err := api.AlertsSilence.Plan(t.Context(), d.client("ann"), api.SilenceInput{Matchers: "Warn", Duration: op.Duration(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, op.Step{Action: "unknown", Object: "alerts of eu", Detail: "it did not answer"}, plan.Steps[len(plan.Steps)-1])
	d.manager.Partly(fail.New(fail.Partial, "eu has not taken it"))
	_, err = api.AlertsSilence.Apply(t.Context(), d.client("ann"), api.SilenceInput{Matchers: "Warn", Duration: op.Duration(time.Hour)}, op.ApplyOptions{})
	require.Equal(t, fail.Partial, fail.CodeOf(err))
	require.Contains(t, d.log.String(), `"aictl.silence":"id-0"`, "it is recorded: it holds")
	acks, err := alertsAck(t.Context(), d.Deps, api.AlertAckInput{Matchers: "severity=~.+", For: op.Duration(time.Hour)})
	require.NoError(t, err)
	out, err := acks.Apply(t.Context())
	require.Equal(t, fail.Partial, fail.CodeOf(err))
	require.Len(t, out.Acks, 4, "the others are taken over all the same")
}

func TestUnsilence(t *testing.T) {
	d := newDesk(t, some()...)
	long := d.now.Add(-2 * time.Hour)
	d.manager.Has(
		hush(t, "aa-1", "Hushed", "bob", "x", long, d.now.Add(time.Hour)),
		hush(t, "aa-2", "none=such", "bob", "x", long, d.now.Add(time.Hour)),
		hush(t, "ab-3", "job=idle", "bob", "x", long, d.now.Add(time.Hour)),
		hush(t, "b-old", "Warn", "bob", "x", long, d.now.Add(-time.Hour)),
		hush(t, "c-young", "none=such", "bob", "x", d.now.Add(-time.Minute), d.now.Add(time.Hour)),
	)
	d.querier.series = map[string][]api.MetricSeries{`ALERTS{alertstate="firing"}`: {
		firing(50*time.Hour, 49*time.Hour, 10*time.Minute, "__name__", "ALERTS", "alertname", "Idle", "alertstate", "firing", "job", "idle"),
	}}
	c := d.client("ann")
	for ids, code := range map[string]fail.Code{"": fail.Usage, "a": fail.Usage, "aa": fail.Usage, "zz": fail.NotFound, "b-old": fail.NotFound, "aa-1 zz": fail.NotFound} {
		_, err := api.AlertsUnsilence.Apply(t.Context(), c, api.UnsilenceInput{IDs: ids}, op.ApplyOptions{})
		require.Equal(t, code, fail.CodeOf(err), ids)
		require.NotEmpty(t, fail.From(err).Next)
	}
	_, err := api.AlertsUnsilence.Apply(t.Context(), c, api.UnsilenceInput{IDs: "aa-1", Stale: true}, op.ApplyOptions{})
	require.Equal(t, fail.Usage, fail.CodeOf(err), "both")

	stale := func() (ids []string) {
		l, err := api.AlertsSilences.Call(t.Context(), c, api.SilenceFilter{Stale: true})
		require.NoError(t, err)
		for _, s := range l.Silences {
			ids = append(ids, s.ID)
		}
		return ids
	}
	require.Equal(t, []string{"aa-2"}, stale(), "one hits, one would have hit two days ago, one is over, one is young")
	d.manager.Fail(nil, api.BackendFailure{Backend: "eu"})
	require.Empty(t, stale(), "what cannot be seen may be kept quiet")
	d.manager.Fail(nil)

	plan, err := api.AlertsUnsilence.Plan(t.Context(), c, api.UnsilenceInput{IDs: "aa-1,aa-1 ab"})
	require.NoError(t, err)
	require.Len(t, plan.Steps, 2)
	out, err := api.AlertsUnsilence.Apply(t.Context(), c, api.UnsilenceInput{Stale: true}, op.ApplyOptions{})
	require.NoError(t, err)
	require.Len(t, out.Silences, 1)
	require.Equal(t, alerts.Expired, out.Silences[0].State)
	require.Equal(t, alerts.Expired, d.manager.All()[1].State(d.now))
	require.Empty(t, stale())
	require.Contains(t, d.log.String(), `"user.name":"ann"`, "who ended it, not who made it")

	list, err := api.AlertsSilences.Call(t.Context(), c, api.SilenceFilter{Matchers: "alertname=Hushed service=vision"})
	require.NoError(t, err)
	require.Len(t, list.Silences, 1)
	require.Equal(t, 1, list.Silences[0].Hits)
	_, err = api.AlertsSilences.Call(t.Context(), c, api.SilenceFilter{Matchers: "alertname=~Hushed"})
	require.Equal(t, fail.Usage, fail.CodeOf(err), "an alert's labels are no expressions")
	list, err = api.AlertsSilences.Call(t.Context(), c, api.SilenceFilter{Expired: true})
	require.NoError(t, err)
	require.Len(t, list.Silences, 5)
	require.Equal(t, alerts.Expired, list.Silences[4].State, "those that hold are first")
}

func TestAck(t *testing.T) {
	d := newDesk(t, some()...)
	in := api.AlertAckInput{Matchers: "Warn", Comment: "looking", For: op.Duration(2 * time.Hour)}
	ann := d.client("ann")
	plan, err := api.AlertsAck.Plan(t.Context(), ann, in)
	require.NoError(t, err)
	require.Empty(t, d.manager.All())
	out, err := api.AlertsAck.Apply(t.Context(), ann, in, op.ApplyOptions{Digest: plan.Digest})
	require.NoError(t, err)
	require.Equal(t, api.AlertAcks{Renewed: true, Acks: []api.AlertAck{{By: "ann", Comment: "looking", Until: d.now.Add(alerts.AckFor), Silence: "id-0"}}}, out)
	require.Equal(t, `alertname="Warn" service="chat" severity="warning"`, d.manager.All()[0].Matchers.String(), "exactly this alert")

	d.now = d.now.Add(5 * time.Minute)
	out, err = api.AlertsAck.Apply(t.Context(), ann, in, op.ApplyOptions{})
	require.NoError(t, err)
	require.Equal(t, "id-0", out.Acks[0].Silence, "her own is renewed")
	require.Len(t, d.manager.All(), 1)
	require.Equal(t, d.now.Add(alerts.AckFor), d.manager.All()[0].Ends)
	plan, err = api.AlertsAck.Plan(t.Context(), d.client("bob"), in)
	require.NoError(t, err)
	require.Contains(t, plan.Steps[0].Detail, "ann has it")
	_, err = api.AlertsAck.Apply(t.Context(), d.client("bob"), in, op.ApplyOptions{})
	require.NoError(t, err)
	require.Len(t, d.manager.All(), 2, "bob's is another one")

	out, err = api.AlertsAck.Apply(t.Context(), ann, api.AlertAckInput{Matchers: "fp-Crit", For: op.Duration(time.Minute)}, op.ApplyOptions{})
	require.NoError(t, err)
	require.Equal(t, d.now.Add(time.Minute), out.Acks[0].Until, "never beyond what was asked")
	for _, c := range []struct {
		in   api.AlertAckInput
		code fail.Code
	}{
		{api.AlertAckInput{Matchers: "nonesuch", For: in.For}, fail.NotFound},
		{api.AlertAckInput{Matchers: "Warn", For: -1}, fail.Usage},
		{api.AlertAckInput{Matchers: "Warn", For: op.Duration(8 * 24 * time.Hour)}, fail.Usage},
		{api.AlertAckInput{Matchers: `a="`, For: in.For}, fail.Usage},
		{api.AlertAckInput{Matchers: "", For: in.For}, fail.Usage},
	} {
		_, err := api.AlertsAck.Apply(t.Context(), ann, c.in, op.ApplyOptions{})
		require.Equal(t, c.code, fail.CodeOf(err), "%+v", c.in)
	}
	list, err := api.AlertsList.Call(t.Context(), ann, api.AlertFilter{State: "silenced", Matchers: "Warn"})
	require.NoError(t, err)
	require.NotNil(t, list.Alerts[0].Ack)
}

func TestPreview(t *testing.T) {
	d := newDesk(t, some()...)
	d.querier.series = map[string][]api.MetricSeries{`ALERTS{alertstate="firing"}`: {
		firing(3*time.Hour, 2*time.Hour, time.Minute, "__name__", "ALERTS", "alertname", "Warn", "alertstate", "firing", "service", "chat"),
		firing(3*time.Hour, 2*time.Hour, time.Minute, "__name__", "ALERTS", "alertname", "Crit", "alertstate", "firing", "service", "predict"),
	}}
	c := d.client("ann")
	p, err := api.AlertsPreview.Call(t.Context(), c, api.PreviewInput{Matchers: "service=chat", Since: op.Duration(24 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, "Warn", names(p.Now))
	require.Len(t, p.Past, 1)
	require.Equal(t, 1, p.Past[0].Times)
	require.InDelta(t, time.Hour.Seconds(), time.Duration(p.Past[0].Fired).Seconds(), 300)
	require.Equal(t, map[string]string{"alertname": "Warn", "service": "chat"}, p.Past[0].Labels)
	d.querier.err = fail.New(fail.Unavailable, "prometheus is down")
	p, err = api.AlertsPreview.Call(t.Context(), c, api.PreviewInput{Matchers: "service=chat", Since: op.Duration(24 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, "Warn", names(p.Now))
	require.NotEmpty(t, p.Warnings)
	require.NotNil(t, p.Past)
	for m, code := range map[string]fail.Code{"a=~.*": fail.Refused, "": fail.Usage, "a=~(": fail.Usage} {
		_, err := api.AlertsPreview.Call(t.Context(), c, api.PreviewInput{Matchers: m, Since: op.Duration(time.Hour)})
		require.Equal(t, code, fail.CodeOf(err), m)
	}
	_, err = api.AlertsPreview.Call(t.Context(), c, api.PreviewInput{Matchers: "a=b", Since: op.Duration(91 * 24 * time.Hour)})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

func TestAlertsHistory(t *testing.T) {
	d := newDesk(t, some()...)
	d.querier.series = map[string][]api.MetricSeries{`ALERTS{alertstate="firing"}`: {
		firing(3*time.Hour, 2*time.Hour, 2*time.Minute, "__name__", "ALERTS", "alertname", "Warn", "alertstate", "firing", "severity", "warning"),
	}}
	record := func(ago time.Duration, action, names string) api.LogEntry {
		return api.LogEntry{ID: action, Time: d.now.Add(-ago), Service: "aictl", Fields: []byte(fmt.Sprintf(
			`{"event":{"dataset":"aictl.alerts","action":%q},"user":{"name":"ann"},"aictl":{"alert":%q,"comment":"x"}}`, action, names))}
	}
	store := logstest.New(record(150*time.Minute, "ack", "Warn"), record(140*time.Minute, "silence", "Crit Warn"), record(130*time.Minute, "silence", "Crit"))
	d.Logs = func(context.Context) (logs.Store, error) { return store, nil }
	ask := func(in api.AlertHistoryInput) (out []string, err error) {
		list, err := api.AlertsHistory.Call(t.Context(), d.client("ann"), in)
		for _, p := range list {
			out = append(out, p.Kind+" "+p.Name)
		}
		return out, err
	}
	got, err := ask(api.AlertHistoryInput{})
	require.NoError(t, err)
	require.Equal(t, []string{"firing Warn", "ack Warn", "silence Crit Warn", "silence Crit"}, got)
	got, err = ask(api.AlertHistoryInput{Matchers: "Warn"})
	require.NoError(t, err)
	require.Equal(t, []string{"firing Warn", "ack Warn", "silence Crit Warn"}, got)
	got, err = ask(api.AlertHistoryInput{From: d.now.Add(-time.Hour)})
	require.NoError(t, err)
	require.Empty(t, got)
	_, err = ask(api.AlertHistoryInput{From: d.now, To: d.now.Add(-time.Hour)})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	d.Logs = func(context.Context) (logs.Store, error) { return nil, fail.New(fail.Unavailable, "no logs") }
	got, err = ask(api.AlertHistoryInput{})
	require.NoError(t, err)
	require.Equal(t, []string{"firing Warn"}, got)
}

func TestAlertRules(t *testing.T) {
	d := newDesk(t)
	d.querier.rules = []api.AlertRule{{Name: "A", State: "firing"}, {Name: "B", State: "inactive"}}
	list, err := api.AlertsRules.Call(t.Context(), d.client("ann"), api.AlertRuleFilter{State: "inactive"})
	require.NoError(t, err)
	require.Len(t, list, 1)
	list, err = api.AlertsRules.Call(t.Context(), d.client("ann"), api.AlertRuleFilter{Name: "C"})
	require.NoError(t, err)
	require.Empty(t, list)
	d.Metrics = nil
	_, err = api.AlertsRules.Call(t.Context(), d.client("ann"), api.AlertRuleFilter{})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
}

func TestAlertsWatchSaysWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, some()...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []string
		for e, err := range alertsWatch(ctx, d.Deps, api.AlertWatchInput{AlertFilter: api.AlertFilter{State: "firing", Service: "chat"}, Interval: op.Duration(time.Second)}) {
			if err != nil {
				require.Equal(t, fail.Canceled, fail.CodeOf(err))
				break
			}
			got = append(got, e.Type+" "+e.Alert.Name)
			switch len(got) {
			case 1:
				d.manager.Has(hush(t, "s1", "Warn", "bob", "x", d.now.Add(-time.Minute), d.now.Add(time.Minute)))
			case 2:
				require.NoError(t, d.manager.Expire(ctx, "s1"))
			case 3:
				d.manager.Fire()
			case 4:
				cancel()
			}
		}
		require.Equal(t, []string{"snapshot Warn", "silenced Warn", "unsilenced Warn", "resolved Warn"}, got)
		for _, err := range alertsWatch(t.Context(), d.Deps, api.AlertWatchInput{Interval: op.Duration(time.Millisecond)}) {
			require.Equal(t, fail.Usage, fail.CodeOf(err))
		}
	})
}
