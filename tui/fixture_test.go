package tui

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/tuitest"
)

// start is when a synctest bubble begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// hostile is what must never reach the terminal as it is: a title that would be
// set, a clipboard that would be written, a screen that would be cleared, text
// that runs right to left, characters of two columns and of none, a bell.
const hostile = "\x1b]0;owned\x07\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b[31mred\u202egnp.exe\u202c漢字🧑‍🚀e\u0301\u200b\r\x07\x9b2J"

// world is a platform in the middle of an incident. dirty puts hostile text
// into everything that comes from outside.
func world(dirty bool) *tuitest.Platform { return watched(dirty, nil) }

// asked is called with every window that a question names.
type asked func(operation string, from, to time.Time)

func watched(dirty bool, seen asked) *tuitest.Platform {
	p := tuitest.NewPlatform()
	say := func(s string) string {
		if dirty {
			return s + hostile
		}
		return s
	}
	if seen == nil {
		seen = func(string, time.Time, time.Time) {}
	}
	services := []api.Service{
		{Name: "chat", Version: "1.4.0", Kind: "builtin", State: "ready", Replicas: 1, Ready: 1, Operations: []string{"ask"}, Summary: say("Answers questions")},
		{Name: "checkout", Version: "7", Kind: "process", State: "degraded", Replicas: 2, Ready: 1, Operations: []string{"pay", "quote"}, Summary: say("Takes payments")},
		{Name: "predict", Version: "1.4.0", Kind: "builtin", State: "ready", Replicas: 1, Ready: 1, Operations: []string{"forecast", "anomaly"}, Summary: say("Forecasts series")},
	}
	health := []api.ServiceHealth{
		{Name: "chat", State: "ready", Window: op.Duration(5 * time.Minute), Requests: 840, P50: 12, P95: 40, P99: 61},
		{Name: "checkout", State: "degraded", Reason: say("1 of 2 replicas is ready"), Requests: 1200, Errors: 260, ErrorRate: 0.2167, P50: 80, P95: 900, P99: 1400, Recent: []api.ServiceError{}},
		{Name: "predict", State: "ready", Requests: 60, P50: 4, P95: 9, P99: 12},
	}
	tuitest.Answer(p, api.ServicesList, services)
	tuitest.Answer(p, api.ServicesHealth, health)
	tuitest.Query(p, api.ServicesDescribe, func(in api.ServiceName) (api.ServiceDetail, error) {
		for i, s := range services {
			if s.Name == in.Name {
				return api.ServiceDetail{Service: s, Health: health[i], Describes: []api.ServiceOperation{{
					Name: s.Operations[0], Summary: say("Do it"), Input: json.RawMessage(`{"type":"object","properties":{"amount":{"type":"number","description":"how much"},"currency":{"type":"string","enum":["EUR","USD"]}},"required":["amount"]}`),
				}}}, nil
			}
		}
		return api.ServiceDetail{}, fail.New(fail.NotFound, "no service named %q", in.Name).Hint("aictl services list")
	})
	tuitest.Answer(p, api.BackendsCheck, []api.BackendCheck{
		{Backend: "logs (embedded)", Check: "reachable", OK: true, Detail: "VictoriaLogs"},
		{Backend: "metrics (embedded)", Check: "reachable", OK: true, Detail: "Prometheus 3"},
		{Backend: "alerts (http://am-2:9093)", Check: "reachable", Code: fail.Unavailable, Detail: say("connection refused"), Next: "aictl doctor"},
	})
	alertsWorld(p, say, seen)
	metricsWorld(p, seen)
	logsWorld(p, say, seen)
	deploymentsWorld(p, say)
	incidentsWorld(p, say, seen)
	adminWorld(p, say, seen)
	return p
}

func alertsWorld(p *tuitest.Platform, say func(string) string, seen asked) {
	firing := api.Alert{
		Fingerprint: "f1", Name: "ServiceErrorsHigh", State: "firing", Severity: "critical", Service: "checkout", Summary: say("21 % of the calls of checkout fail"),
		Started: start.Add(-4 * time.Minute), Updated: start.Add(-time.Minute),
		Labels:      map[string]string{"alertname": "ServiceErrorsHigh", "service": "checkout", "severity": "critical", "team": say("payments")},
		Annotations: map[string]string{"summary": say("21 % of the calls of checkout fail")},
	}
	silenced := api.Alert{
		Fingerprint: "f2", Name: "ServiceLatencyHigh", State: "silenced", Severity: "warning", Service: "checkout", Started: start.Add(-3 * time.Minute), Updated: start,
		Labels: map[string]string{"alertname": "ServiceLatencyHigh", "service": "checkout", "severity": "warning"}, Annotations: map[string]string{}, SilencedBy: []string{"s1"},
	}
	both := api.AlertList{Alerts: []api.Alert{firing, silenced}, Failed: []api.BackendFailure{}}
	tuitest.Answer(p, api.AlertsList, both)
	tuitest.Stream(p, api.AlertsWatch, func(api.AlertWatchInput) []api.AlertEvent {
		return []api.AlertEvent{{Type: "snapshot", Time: start, Alert: &firing}, {Type: "snapshot", Time: start, Alert: &silenced}}
	})
	threshold := op.Number(0.217)
	tuitest.Answer(p, api.AlertsShow, api.AlertDetail{
		Alert: firing, Current: &threshold, Values: series("errors", 0.01, 0.2), Logs: entries(3, say), Others: []api.Alert{}, Failed: []api.BackendFailure{}, Warnings: []string{},
		Rule: &api.AlertRule{Name: firing.Name, Group: "services", Expr: "service:errors:ratio > 0.05", For: op.Duration(time.Minute), Severity: "critical", State: "firing", Health: "ok", Firing: 1},
	})
	tuitest.Answer(p, api.AlertsSilences, api.SilenceList{Silences: []api.Silence{{ID: "s1", State: "active", Matchers: `alertname="ServiceLatencyHigh"`, By: "bob", Comment: say("known"), Starts: start.Add(-time.Hour), Ends: start.Add(time.Hour), Hits: 1}}, Failed: []api.BackendFailure{}})
	tuitest.Query(p, api.AlertsHistory, func(in api.AlertHistoryInput) ([]api.AlertPast, error) {
		seen("alerts.history", in.From, in.To)
		return historyWorld(firing, say, in.From, in.To), nil
	})
	tuitest.Answer(p, api.AlertsRules, []api.AlertRule{{Name: firing.Name, Group: "services", Expr: "service:errors:ratio > 0.05", State: "firing", Health: "ok", Firing: 1, Evaluated: start}})
	tuitest.Answer(p, api.AlertsPreview, api.Preview{Matchers: "service=checkout", Now: []api.Alert{firing}, Past: []api.PreviewPast{}, Since: start.Add(-7 * 24 * time.Hour), Failed: []api.BackendFailure{}, Warnings: []string{}})
	tuitest.Change(p, api.AlertsAck, func(in api.AlertAckInput) string { return in.Matchers }, func(api.AlertAckInput) (api.AlertAcks, error) {
		return api.AlertAcks{Acks: []api.AlertAck{{By: "alice", Until: start.Add(time.Hour), Silence: "s2"}}, Renewed: true}, nil
	})
	tuitest.Change(p, api.AlertsSilence, func(in api.SilenceInput) string { return in.Matchers }, func(in api.SilenceInput) (api.Silence, error) {
		return api.Silence{ID: "s3", State: "active", Matchers: in.Matchers}, nil
	})
	tuitest.Change(p, api.AlertsUnsilence, func(in api.UnsilenceInput) string { return in.IDs }, func(api.UnsilenceInput) (api.SilenceList, error) {
		return api.SilenceList{}, nil
	})
}

// historyWorld is what fired and was done in a window: the alert that fires now,
// one that came and went an hour ago and was taken over, and one of a disk that
// has fired for two hours.
func historyWorld(firing api.Alert, say func(string) string, from, to time.Time) []api.AlertPast {
	at := func(d time.Duration) *time.Time { t := start.Add(d); return &t }
	errors := map[string]string{"alertname": "ServiceErrorsHigh", "service": "chat", "severity": "warning", "team": say("talk")}
	disk := map[string]string{"alertname": "DiskLow", "severity": "critical", "instance": say("db-1")}
	all := []api.AlertPast{
		{Kind: "firing", Name: "DiskLow", Labels: disk, Start: start.Add(-2 * time.Hour), Source: "ALERTS"},
		{Kind: "firing", Name: "ServiceErrorsHigh", Labels: errors, Start: start.Add(-70 * time.Minute), End: at(-48 * time.Minute), Source: "ALERTS"},
		{Kind: "ack", Name: "ServiceErrorsHigh", Labels: map[string]string{}, Matchers: `alertname="ServiceErrorsHigh" service="chat"`, Start: start.Add(-65 * time.Minute), By: "ann", Text: say("looking"), Source: "record"},
		{Kind: "firing", Name: firing.Name, Labels: firing.Labels, Start: firing.Started, Source: "ALERTS"},
	}
	out := []api.AlertPast{}
	for _, one := range all {
		if one.Start.After(to) || one.End != nil && one.End.Before(from) {
			continue
		}
		if one.Kind == "firing" && one.Start.Before(from) {
			one.Start = from
		}
		if one.End != nil && one.End.After(to) {
			one.End = nil
		}
		out = append(out, one)
	}
	return out
}

// series is a curve that steps from one level to another in its middle, with a
// gap.
func series(name string, before, after float64) []api.MetricSeries {
	s := api.MetricSeries{Labels: map[string]string{"__name__": name, "service": "checkout"}}
	for i := range 60 {
		v := before
		if i > 55 {
			v = after
		}
		v *= 1 + 0.1*math.Sin(float64(i))
		if i == 20 || i == 21 {
			continue
		}
		s.Samples = append(s.Samples, api.MetricSample{Time: start.Add(time.Duration(i-60) * time.Minute), Value: api.Number(v)})
	}
	return []api.MetricSeries{s}
}

func metricsWorld(p *tuitest.Platform, seen asked) {
	tuitest.Query(p, api.MetricsRange, func(in api.MetricRangeInput) (api.MetricRange, error) {
		seen("metrics.range", in.From, in.To)
		if in.To.Before(start.Add(-time.Minute)) {
			return measuredThen(in), nil
		}
		return api.MetricRange{Query: in.Query, From: start.Add(-time.Hour), To: start, Step: op.Duration(time.Minute), Series: series("q", 1, 4), Warnings: []string{}, Infos: []string{}}, nil
	})
	tuitest.Query(p, api.MetricsPlot, func(in api.MetricPlotInput) (api.MetricPlot, error) {
		seen("metrics.plot", in.From, in.To)
		return api.MetricPlot{
			MetricRange: api.MetricRange{Query: in.Query, From: start.Add(-time.Hour), To: start, Step: op.Duration(time.Minute), Series: series("q", 1, 4), Warnings: []string{}, Infos: []string{}},
			Annotations: []api.Annotation{{Kind: "deployment", Time: start.Add(-5 * time.Minute), Title: "checkout revision 7"}}, Thresholds: []api.Number{},
		}, nil
	})
	tuitest.Answer(p, api.MetricsList, []api.Metric{{Name: "aictl_gateway_requests_total", Type: "counter", Help: "Calls"}, {Name: "up", Type: "gauge", Help: "Up"}})
	tuitest.Answer(p, api.MetricsLabels, []api.MetricLabel{{Name: "service"}, {Name: "job"}})
	tuitest.Answer(p, api.MetricsTop, api.MetricTop{Query: "top", Window: op.Duration(time.Hour), Rows: []api.MetricTopRow{{Labels: map[string]string{"service": "checkout"}, Value: 4, Before: 1, Change: 3, Recent: []api.Number{1, 1, 2, 4}}}, Total: 1})
	tuitest.Answer(p, api.MetricsQuery, api.MetricInstant{Query: "q", Type: "vector", Time: start, Series: series("q", 1, 4), Warnings: []string{}, Infos: []string{}})
}

// measuredThen is a range of the past: half of checkout's replicas were up, and
// a fifth of chat's calls failed while its alert fired.
func measuredThen(in api.MetricRangeInput) api.MetricRange {
	out := api.MetricRange{Query: in.Query, From: in.From.Truncate(time.Minute), To: in.To.Truncate(time.Minute), Step: op.Duration(time.Minute), Warnings: []string{}, Infos: []string{}}
	for _, service := range []string{"chat", "checkout"} {
		s := api.MetricSeries{Labels: map[string]string{"service": service}}
		for t := out.From; !t.After(out.To); t = t.Add(time.Minute) {
			failing := service == "chat" && t.After(start.Add(-71*time.Minute)) && t.Before(start.Add(-48*time.Minute))
			v := 4 + math.Sin(float64(t.Minute()))
			switch {
			case strings.Contains(in.Query, "up{"):
				if v = 1; service == "checkout" {
					v = 0.5
				}
			case strings.Contains(in.Query, "errors") && failing:
				v = 0.2
			case strings.Contains(in.Query, "errors"):
				v = 0
			case strings.Contains(in.Query, "p95"):
				v /= 100
			}
			s.Samples = append(s.Samples, api.MetricSample{Time: t, Value: api.Number(v)})
		}
		out.Series = append(out.Series, s)
	}
	return out
}

func entries(n int, say func(string) string) []api.LogEntry {
	out := make([]api.LogEntry, n)
	levels := []string{"info", "info", "warn", "error"}
	for i := range out {
		out[i] = api.LogEntry{
			ID: fmt.Sprintf("e%d", i), Time: start.Add(time.Duration(i-n) * time.Second), Level: levels[i%4], Service: []string{"checkout", "chat"}[i%2],
			Message: say(fmt.Sprintf("request %d took %d ms", i, 10+i)), Trace: "0af7651916cd43dd8448eb211c80319c", Source: "embedded",
			Fields: json.RawMessage(`{"http":{"status":500,"path":"/pay"},"error":{"message":"declined","stack_trace":"at a\n  at b"}}`),
		}
	}
	return out
}

func logsWorld(p *tuitest.Platform, say func(string) string, seen asked) {
	tuitest.Stream(p, api.LogsTail, func(api.LogTailInput) []api.LogEvent {
		var out []api.LogEvent
		all := entries(40, say)
		if dirty := say(""); dirty != "" { // one line of a megabyte
			all[37].Message = strings.Repeat(dirty+"a漢", 1<<20/len(dirty+"a漢"))
		}
		for i, e := range all {
			out = append(out, api.LogEvent{Type: "entry", Entry: &e, Cursor: fmt.Sprint(i)})
		}
		return append(out, api.LogEvent{Type: "gap", Gap: &api.LogGap{From: start.Add(-time.Minute), To: start, Reason: say("the index was deleted")}})
	})
	tuitest.Query(p, api.LogsSearch, func(api.LogSearchInput) (api.LogAnswer, error) {
		return api.LogAnswer{Entries: entries(40, say), Client: []string{}, Warnings: []string{}}, nil
	})
	var buckets []api.LogBucket
	for i := range 60 {
		buckets = append(buckets, api.LogBucket{Time: start.Add(time.Duration(i-60) * time.Minute), Count: int64(10 + i), Levels: map[string]int64{"info": 10, "error": int64(i)}})
	}
	tuitest.Query(p, api.LogsHistogram, func(in api.LogHistogramInput) ([]api.LogBucket, error) {
		seen("logs.histogram", in.From, in.To)
		return buckets, nil
	})
	tuitest.Answer(p, api.LogsFields, []api.LogField{{Name: "service", Type: "string", Count: 40, Values: []api.LogFieldValue{{Value: say("checkout"), Count: 30}, {Value: "chat", Count: 10}}}})
	tuitest.Answer(p, api.LogsPatterns, api.LogPatterns{Patterns: []api.LogPattern{{ID: "p1", Pattern: say("request <*> took <*> ms"), Count: 40, First: start.Add(-time.Hour), Last: start, Example: say("request 1 took 11 ms")}}})
	tuitest.Answer(p, api.LogsDiff, api.LogDiff{New: []api.LogChange{}, Surging: []api.LogChange{}, Gone: []api.LogChange{}, Warnings: []string{}})
}

func deploymentsWorld(p *tuitest.Platform, say func(string) string) {
	checkout := api.Workload{Engine: "runtime", Namespace: "default", Kind: "Service", Name: "checkout", State: "degraded", Desired: 2, Updated: 2, Ready: 1, Available: 1, Revision: "7", Images: []string{"python checkout.py"}, Cause: say("faster quotes"), Created: start.Add(-100 * time.Hour), Changed: start.Add(-5 * time.Minute)}
	chat := api.Workload{Engine: "runtime", Namespace: "default", Kind: "Service", Name: "chat", State: "ready", Desired: 1, Updated: 1, Ready: 1, Available: 1, Revision: "1", Images: []string{"builtin"}, Created: start.Add(-100 * time.Hour), Changed: start.Add(-100 * time.Hour)}
	tuitest.Answer(p, api.DeployList, api.WorkloadList{Workloads: []api.Workload{chat, checkout}, Failed: []api.BackendFailure{}})
	replicas := []api.DeployReplica{{Name: "checkout-7-1", Revision: "7", Current: true, State: "ready", Ready: true, Created: start.Add(-5 * time.Minute)}, {Name: "checkout-7-2", Revision: "7", Current: true, State: "CrashLoop", Restarts: 4, Message: say("exit 1"), Created: start.Add(-5 * time.Minute)}}
	tuitest.Answer(p, api.DeployShow, api.DeployStatus{
		Workload: checkout, Version: "7-1", Replicas: replicas, Events: []api.DeployEvent{{Time: start.Add(-time.Minute), Object: "checkout-7-2", Reason: "Exited", Message: say("exit status 1")}}, Time: start,
		Verdict: api.DeployVerdict{Outcome: api.DeployFailed, Code: "crash_loop", Reason: "Exited", Message: say("checkout-7-2 exits again and again"), Replica: "checkout-7-2", Logs: entries(3, say)},
	})
	tuitest.Stream(p, api.DeployWatch, func(api.DeployWatchInput) []api.DeployWatchEvent {
		return []api.DeployWatchEvent{{Type: "workload", Time: start, Workload: &checkout}, {Type: "replica", Time: start, Replica: &replicas[1]}}
	})
	tuitest.Answer(p, api.DeployHistory, []api.DeployRevision{
		{Name: "7", Created: start.Add(-5 * time.Minute), Cause: say("faster quotes"), Actor: "carol", Current: true, Ready: 1, Images: []string{}, Changes: []api.DeployChange{{Kind: "env", Action: "changed", Name: "LIMIT", Old: "10", New: "1"}}},
		{Name: "6", Created: start.Add(-90 * time.Hour), Cause: "first", Good: true, Images: []string{}},
	})
	tuitest.Answer(p, api.DeployCompare, api.DeployDiff{Workload: checkout, Version: "7-1", From: "7", To: "6", Changes: []api.DeployChange{{Kind: "env", Action: "changed", Name: "LIMIT", Old: "1", New: "10"}}, Since: []api.DeployAround{}, Effects: []api.DeployAround{}})
	tuitest.Stream(p, api.DeployReplicas, func(api.ReplicaFilter) []api.ReplicaEvent {
		var out []api.ReplicaEvent
		for i, r := range replicas {
			out = append(out, api.ReplicaEvent{Type: "replica", Replica: &api.Replica{Engine: "runtime", Namespace: "default", Name: r.Name, Workload: "service/checkout", Revision: "7", State: say(r.State), Ready: r.Ready, Containers: 1, ReadyContainers: 1 - i, Restarts: r.Restarts, Created: r.Created}})
		}
		return append(out, api.ReplicaEvent{Type: "synced"})
	})
	tuitest.Stream(p, api.DeployLogs, func(api.DeployLogsInput) []api.LogEvent {
		var out []api.LogEvent
		for _, e := range entries(5, say) {
			out = append(out, api.LogEvent{Type: "entry", Entry: &e})
		}
		return out
	})
	name := func(n api.WorkloadName) string { return n.Name }
	done := api.DeployChanged{Workload: checkout, Version: "8"}
	tuitest.Change(p, api.DeployUndo, func(in api.DeployUndoInput) string { return name(in.WorkloadName) }, func(api.DeployUndoInput) (api.DeployChanged, error) { return done, nil })
	tuitest.Change(p, api.DeployScale, func(in api.DeployScaleInput) string { return name(in.WorkloadName) }, func(api.DeployScaleInput) (api.DeployChanged, error) { return done, nil })
	tuitest.Change(p, api.DeployRestart, func(in api.WorkloadName) string { return name(in) }, func(api.WorkloadName) (api.DeployChanged, error) { return done, nil })
	tuitest.Change(p, api.DeployPause, func(in api.WorkloadName) string { return name(in) }, func(api.WorkloadName) (api.DeployChanged, error) { return done, nil })
	tuitest.Change(p, api.DeployResume, func(in api.WorkloadName) string { return name(in) }, func(api.WorkloadName) (api.DeployChanged, error) { return done, nil })
}

func incidentsWorld(p *tuitest.Platform, say func(string) string, seen asked) {
	change := api.Change{
		ID: "c1", Time: start.Add(-5 * time.Minute), Source: "runtime", Kind: "rollout", Service: "checkout", Namespace: "default", Object: "service/checkout", Summary: say("revision 7: LIMIT changed"),
		Actor: "carol", Reason: say("faster quotes"), Revision: "7", Previous: "6", Show: "aictl deploy history service/checkout", Undo: "aictl deploy undo service/checkout --to-revision 6",
	}
	tuitest.Query(p, api.ChangesList, func(in api.ChangeFilter) (api.ChangeList, error) {
		seen("changes.list", in.From, in.To)
		return api.ChangeList{Changes: []api.Change{change}, From: start.Add(-time.Hour), To: start, Failed: []api.BackendFailure{}, Warnings: []string{}}, nil
	})
	onset := start.Add(-4 * time.Minute)
	limit, before, after := op.Number(0.05), op.Number(0.01), op.Number(0.2)
	tuitest.Query(p, api.WhyAsk, func(in api.WhyInput) (api.Why, error) {
		return api.Why{
			Subject: api.WhySubject{Kind: "alert", Name: "ServiceErrorsHigh", Service: "checkout", Namespace: "default", State: "firing", Started: start.Add(-4 * time.Minute)},
			Time:    start, From: start.Add(-time.Hour), Verdict: "cause", Summary: say("checkout began to fail 1m after revision 7 was rolled out."),
			Symptom: api.WhySymptom{Expr: "service:errors:ratio", Op: ">", Threshold: &limit, Values: series("errors", 0.01, 0.2), Onset: &onset, Before: &before, After: &after, Evidence: []api.Fact{}},
			Candidates: []api.WhyCandidate{{
				Rank: 1, Kind: "change", Service: "checkout", Object: "service/checkout", Title: say("revision 7 of checkout, 1m before the onset"), Score: 9.1, Confidence: 0.93, Onset: onset, Change: &change,
				Evidence: []api.Fact{{ID: "m1", Text: say("errors rose from 1 % to 20 %")}}, Command: "aictl deploy undo service/checkout --to-revision 6 --verify 'service:errors:ratio{service=\"checkout\"} < 0.05'", Next: "aictl deploy diff service/checkout",
			}, {
				Rank: 2, Kind: "dependency", Service: "ledger", Object: "service/ledger", Title: say("ledger answers slower"), Score: 1.2, Confidence: 0.04, Onset: onset, Evidence: []api.Fact{{ID: "m2", Text: "p95 rose from 10 ms to 12 ms"}}, Next: "aictl why ledger",
			}},
			Cleared: []api.WhyCleared{}, Unknown: []api.BackendFailure{}, Warnings: []string{}, Took: op.Duration(120 * time.Millisecond),
		}, nil
	})
	tuitest.Query(p, api.TimelineShow, func(in api.TimelineInput) (api.Timeline, error) {
		seen("timeline.show", in.From, in.To)
		return api.Timeline{From: start.Add(-time.Hour), To: start, Rows: []api.TimelineRow{
			{ID: "c1", Time: change.Time, Kind: "rollout", Source: "runtime", Service: "checkout", Title: say("revision 7 of checkout"), Actor: "carol", Show: change.Show},
			{ID: "a1", Time: onset, Kind: "alert", Source: "ALERTS", Service: "checkout", Title: say("ServiceErrorsHigh"), Show: "aictl alerts show ServiceErrorsHigh"},
		}, Failed: []api.BackendFailure{}, Warnings: []string{}}, nil
	})
	tuitest.Answer(p, api.IncidentsList, []api.IncidentSummary{})
	tuitest.Answer(p, api.RunbooksList, []api.Runbook{})
}

func adminWorld(p *tuitest.Platform, say func(string) string, seen asked) {
	tuitest.Answer(p, api.SecretsList, api.SecretList{Secrets: []api.Secret{
		{Ref: "vault:checkout/key", Store: "vault", Kind: "vault", Path: say("checkout/key"), Version: "3", Updated: start.Add(-100 * 24 * time.Hour), By: "carol", Rotated: start.Add(-100 * 24 * time.Hour), MaxAge: op.Duration(90 * 24 * time.Hour), Overdue: true, Consumers: []string{"service/checkout"}},
		{Ref: "vault:chat/token", Store: "vault", Kind: "vault", Path: "chat/token", Version: "1", Updated: start.Add(-24 * time.Hour), By: "alice"},
	}, Failed: []api.BackendFailure{}})
	tuitest.Answer(p, api.AuditLog, []api.AuditEntry{
		{Index: 2, Time: start.Add(-5 * time.Minute), Actor: "carol", Operation: "deploy.apply", Target: "service/checkout", Phase: "outcome", Outcome: "ok", Reason: say("faster quotes")},
		{Index: 1, Time: start.Add(-5 * time.Minute), Actor: "carol", Operation: "deploy.apply", Target: "service/checkout", Phase: "intent"},
	})
	tuitest.Answer(p, api.AuditVerify, api.AuditReport{OK: true, Records: 2, Head: "abc"})
	tuitest.Answer(p, api.SessionsList, []api.Session{{Name: "night", Title: say("is predict healthy?"), Messages: 2, Created: start.Add(-time.Hour), Updated: start.Add(-time.Hour)}})
	tuitest.Answer(p, api.ProvidersList, []api.Provider{{Name: "assistant", Kind: "builtin", Models: []string{"aictl-ops"}, Breaker: "closed", State: "ready"}})
	tuitest.Ending(p, api.ChatAsk, func(api.ChatInput) []api.ChatEvent {
		return []api.ChatEvent{
			{Type: "delta", Text: "Three services **run**:\n\n- chat\n"},
			{Type: "delta", Text: say("- checkout, degraded\n")},
			{Type: "evidence", Evidence: []api.Evidence{{Source: "services", ID: "services.list", Command: "aictl services list"}}},
			{Type: "done", Finish: "stop", Model: "aictl-ops"},
		}
	})
}

// drive runs the whole app on a platform.
func drive(t *testing.T, p *tuitest.Platform, width, height int, tune func(*Options), f func(d *tuitest.Driver)) {
	t.Helper()
	tuitest.Run(t, width, height, func(feeds *feed.Feeds) tuitest.Model {
		o := Options{
			Contexts: []feed.Context{p.Context(t, "prod-eu", false)}, Feeds: feeds, Now: time.Now, Zone: time.UTC, Namespace: "default",
			All: []string{"prod-eu", "staging"}, Skin: "default",
		}
		if tune != nil {
			tune(&o)
		}
		a, err := New(o, Panes)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}, f)
}
