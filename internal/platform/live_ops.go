package platform

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/ai/chat/assistant"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

// The assistant reads by the operations that everybody reads by, as whoever
// asks: admission refuses what they may not read, and counts what they ask.

func ask[In, Out any](ctx context.Context, l live, q *op.Query[In, Out], in In) (Out, error) {
	return q.Call(ctx, op.Within{Registry: l.p.registry}, in)
}

func gaps(failed []api.BackendFailure) []assistant.Gap {
	var out []assistant.Gap
	for _, f := range failed {
		out = append(out, assistant.Gap{Source: f.Backend, Code: f.Code, Message: f.Message, Next: f.Next})
	}
	return out
}

// Alerts implements assistant.Ops.
func (l live) Alerts(ctx context.Context) (assistant.Alerts, error) {
	list, err := ask(ctx, l, api.AlertsList, api.AlertFilter{State: "all"})
	out := assistant.Alerts{Failed: gaps(list.Failed)}
	for _, a := range list.Alerts {
		one := assistant.Alert{
			Name: a.Name, Fingerprint: a.Fingerprint, State: a.State, Severity: a.Severity, Service: a.Service, Summary: a.Summary, Started: a.Started,
		}
		if a.Ack != nil {
			one.By, one.Comment, one.Until = a.Ack.By, a.Ack.Comment, a.Ack.Until
		}
		out.Alerts = append(out.Alerts, one)
	}
	return out, err
}

// Cause implements assistant.Ops.
func (l live) Cause(ctx context.Context, subject, service string) (assistant.Cause, error) {
	w, err := ask(ctx, l, api.WhyAsk, api.WhyInput{Subject: subject, Service: service, Limit: 5})
	out := assistant.Cause{
		Subject: w.Subject.Name, Service: w.Subject.Service, Verdict: w.Verdict, Summary: w.Summary, Unknown: gaps(w.Unknown),
	}
	for _, c := range w.Candidates {
		one := assistant.Candidate{
			Kind: c.Kind, Title: c.Title, Confidence: float64(c.Confidence), Against: c.Against, Act: c.Command, Next: c.Next,
		}
		for _, f := range c.Evidence {
			one.Facts = append(one.Facts, assistant.Fact{ID: f.ID, Text: f.Text, Show: f.Show})
		}
		out.Candidates = append(out.Candidates, one)
	}
	return out, err
}

func logFilter(q assistant.LogQuery) api.LogFilter {
	f := api.LogFilter{Text: q.Text, Level: q.Level, From: q.From}
	if q.Service != "" {
		f.Service = []string{q.Service}
	}
	return f
}

// Logs implements assistant.Ops.
func (l live) Logs(ctx context.Context, q assistant.LogQuery) (assistant.Logs, error) {
	found, err := ask(ctx, l, api.LogsSearch, api.LogSearchInput{LogFilter: logFilter(q), Limit: q.Limit})
	out := assistant.Logs{More: found.More, Warnings: found.Warnings}
	for _, e := range found.Entries {
		out.Lines = append(out.Lines, assistant.LogLine{Time: e.Time, Level: e.Level, Service: e.Service, Message: e.Message})
	}
	return out, err
}

// Patterns implements assistant.Ops.
func (l live) Patterns(ctx context.Context, q assistant.LogQuery) (assistant.Patterns, error) {
	found, err := ask(ctx, l, api.LogsPatterns, api.LogPatternsInput{LogFilter: logFilter(q), Limit: q.Limit, Max: maxAsked})
	out := assistant.Patterns{More: found.More, Sampled: found.Sample.Sampled}
	for _, p := range found.Patterns {
		out.Patterns = append(out.Patterns, pattern(p))
	}
	return out, err
}

// News implements assistant.Ops.
func (l live) News(ctx context.Context, q assistant.LogQuery) (assistant.Patterns, error) {
	found, err := ask(ctx, l, api.LogsDiff, api.LogDiffInput{LogFilter: logFilter(q), Factor: 2, Limit: q.Limit, Max: maxAsked})
	out := assistant.Patterns{Sampled: found.Window.Sampled || found.Baseline.Sampled, Warnings: found.Warnings}
	for _, c := range found.New {
		out.Patterns = append(out.Patterns, pattern(c.LogPattern))
	}
	for _, c := range found.Surging {
		p := pattern(c.LogPattern)
		p.Surging, p.Before = true, c.Baseline
		out.Patterns = append(out.Patterns, p)
	}
	return out, err
}

// maxAsked is how many lines are looked at for their patterns: an answer in a
// conversation is due in seconds.
const maxAsked = 20_000

func pattern(p api.LogPattern) assistant.Pattern {
	out := assistant.Pattern{ID: p.ID, Text: p.Pattern, Count: p.Count}
	for _, level := range []string{"trace", "debug", "info", "warn", "error", "fatal"} {
		if p.Levels[level] > 0 {
			out.Worst = level
		}
	}
	return out
}

// Deployments implements assistant.Ops.
func (l live) Deployments(ctx context.Context) (assistant.Deployments, error) {
	list, err := ask(ctx, l, api.DeployList, api.WorkloadFilter{})
	out := assistant.Deployments{Failed: gaps(list.Failed)}
	for _, w := range list.Workloads {
		out.Workloads = append(out.Workloads, workload(w))
	}
	return out, err
}

func workload(w api.Workload) assistant.Workload {
	return assistant.Workload{
		Engine: w.Engine, Context: w.Context, Namespace: w.Namespace, Kind: w.Kind, Name: w.Name,
		State: w.State, Revision: w.Revision, Cause: w.Cause, Images: w.Images, Ready: w.Ready, Desired: w.Desired, Changed: w.Changed,
	}
}

// Rollout implements assistant.Ops.
func (l live) Rollout(ctx context.Context, w assistant.Workload) (assistant.Rollout, error) {
	s, err := ask(ctx, l, api.DeployShow, api.DeployStatusInput{
		WorkloadName: api.WorkloadName{Name: w.Kind + "/" + w.Name, Namespace: w.Namespace, Engine: w.Engine},
	})
	out := assistant.Rollout{
		Workload: workload(s.Workload), Outcome: s.Verdict.Outcome, Code: s.Verdict.Code, Message: s.Verdict.Message, Detail: s.Verdict.Detail, Next: s.Verdict.Next,
	}
	if s.Canary != nil {
		out.Canary, out.Weight = s.Canary.Revision, s.Canary.Weight
	}
	return out, err
}

// Changes implements assistant.Ops.
func (l live) Changes(ctx context.Context, service string, from time.Time) (assistant.Changes, error) {
	list, err := ask(ctx, l, api.ChangesList, api.ChangeFilter{Service: service, From: from})
	out := assistant.Changes{Failed: gaps(list.Failed), Warnings: list.Warnings}
	for _, c := range list.Changes {
		out.Changes = append(out.Changes, assistant.Change{
			Time: c.Time, ID: c.ID, Kind: c.Kind, Service: c.Service, Object: c.Object, Summary: c.Summary,
			Actor: c.Actor, Reason: c.Reason, Show: c.Show, Undo: c.Undo,
		})
	}
	return out, err
}

// Handoff implements assistant.Ops.
func (l live) Handoff(ctx context.Context) (assistant.Handoff, error) {
	h, err := ask(ctx, l, api.HandoffShow, api.HandoffInput{Since: op.Duration(8 * time.Hour), Soon: op.Duration(12 * time.Hour)})
	out := assistant.Handoff{Unknown: gaps(h.Unknown)}
	for _, i := range h.Items {
		out.Items = append(out.Items, assistant.HandoffItem{Kind: i.Kind, Object: i.Object, Text: i.Text, Command: i.Command, Action: i.Action})
	}
	return out, err
}

// Metric implements assistant.Ops.
func (l live) Metric(ctx context.Context, query string) (assistant.Samples, error) {
	r, err := ask(ctx, l, api.MetricsQuery, api.MetricQueryInput{Query: query})
	out := assistant.Samples{Warnings: r.Warnings}
	for _, s := range r.Series {
		if n := len(s.Samples); n > 0 { // of a range, the last value
			out.Samples = append(out.Samples, assistant.Sample{Labels: s.Labels, Value: float64(s.Samples[n-1].Value)})
		}
	}
	return out, err
}

// Overdue implements assistant.Ops.
func (l live) Overdue(ctx context.Context) (assistant.Secrets, error) {
	list, err := ask(ctx, l, api.SecretsList, api.SecretFilter{Overdue: true})
	out := assistant.Secrets{Failed: gaps(list.Failed), Open: len(list.Rotations)}
	for _, s := range list.Secrets {
		out.Secrets = append(out.Secrets, assistant.Secret{Ref: s.Ref, Rotated: s.Rotated, MaxAge: time.Duration(s.MaxAge)})
	}
	return out, err
}
