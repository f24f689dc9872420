package respond

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/changes"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident/handoff"
	"github.com/aictl/aictl/internal/op"
)

func bindHandoff(r *op.Registry, d Deps) {
	self := op.Within{Registry: r}
	op.BindQuery(r, api.HandoffShow, func(ctx context.Context, in api.HandoffInput) (api.Handoff, error) {
		return d.handoff(ctx, self, in)
	})
}

const (
	// handoffPart bounds each part, handoffWorkloads how many rollouts are
	// judged.
	handoffPart      = 10 * time.Second
	handoffWorkloads = 200
)

// handoff asks the operations that know, as the caller.
func (d Deps) handoff(ctx context.Context, self op.Caller, in api.HandoffInput) (api.Handoff, error) {
	if in.Since <= 0 || in.Soon < 0 {
		return api.Handoff{}, fail.New(fail.Usage, "--since is above nothing, and --soon not below").Hint("--since 8h")
	}
	now := d.Now()
	f := handoff.Facts{Now: now, From: now.Add(-time.Duration(in.Since)), Soon: time.Duration(in.Soon)}
	failures := make([][]api.BackendFailure, 6)
	parts := []struct {
		name string
		ask  func(ctx context.Context) ([]api.BackendFailure, error)
	}{
		{"alerts", func(ctx context.Context) ([]api.BackendFailure, error) {
			l, err := api.AlertsList.Call(ctx, self, api.AlertFilter{State: "all"})
			f.Alerts = l.Alerts
			return l.Failed, err
		}},
		{"silences", func(ctx context.Context) ([]api.BackendFailure, error) {
			l, err := api.AlertsSilences.Call(ctx, self, api.SilenceFilter{})
			f.Silences = l.Silences
			return l.Failed, err
		}},
		{"deployments", func(ctx context.Context) (failed []api.BackendFailure, err error) {
			f.Workloads, failed, err = d.rolloutsInFlight(ctx, self, in.Namespace)
			return failed, err
		}},
		{"secrets", func(ctx context.Context) ([]api.BackendFailure, error) {
			l, err := api.SecretsList.Call(ctx, self, api.SecretFilter{})
			if err != nil {
				return nil, err
			}
			f.Secrets = l.Secrets
			f.Rotations, err = api.SecretsRotations.Call(ctx, self, api.SecretRotationFilter{Open: true})
			return l.Failed, err
		}},
		{"budgets", func(ctx context.Context) (_ []api.BackendFailure, err error) {
			f.Budgets, f.Burns, err = d.budgets(ctx, now)
			return nil, err
		}},
		{"changes", func(ctx context.Context) ([]api.BackendFailure, error) {
			l, err := d.changesIn(ctx, changes.Query{From: f.From, To: now, Namespace: in.Namespace})
			f.Changes = l.Changes
			return l.Failed, err
		}},
	}
	var work errgroup.Group
	errs := make([]error, len(parts))
	for i, p := range parts {
		work.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, handoffPart)
			defer cancel()
			failures[i], errs[i] = p.ask(ctx)
			return nil
		})
	}
	_ = work.Wait()
	for i, p := range parts {
		for _, b := range failures[i] {
			b.Backend = p.name + " of " + b.Backend
			f.Unknown = append(f.Unknown, b)
		}
		if errs[i] != nil {
			e := fail.From(errs[i])
			f.Unknown = append(f.Unknown, api.BackendFailure{Backend: p.name, Code: e.Code, Message: e.Error(), Next: e.Next})
		}
	}
	return handoff.Build(f), nil
}

// rolloutsInFlight are the workloads that are not simply ready.
func (d Deps) rolloutsInFlight(ctx context.Context, self op.Caller, namespace string) ([]api.DeployStatus, []api.BackendFailure, error) {
	list, err := api.DeployList.Call(ctx, self, api.WorkloadFilter{Namespace: namespace})
	if err != nil {
		return nil, nil, err
	}
	out := []api.DeployStatus{}
	for _, w := range list.Workloads {
		if w.State == "ready" || w.State == "stopped" || len(out) >= handoffWorkloads {
			continue
		}
		s, err := api.DeployShow.Call(ctx, self, api.DeployStatusInput{WorkloadName: api.WorkloadName{Name: w.Name, Namespace: w.Namespace, Engine: w.Engine}})
		if err != nil {
			if fail.CodeOf(err) == fail.NotFound {
				continue // gone meanwhile
			}
			return out, list.Failed, err
		}
		out = append(out, s)
	}
	return out, list.Failed, nil
}

// budgets are what is left of the error budgets, and how fast they go, by the
// recording rules; none where there are no such rules.
func (d Deps) budgets(ctx context.Context, now time.Time) (left, burns map[string]float64, err error) {
	left, burns = map[string]float64{}, map[string]float64{}
	if d.Metrics == nil {
		return nil, nil, fail.New(fail.Unavailable, "this context has no metrics backend").Hint("aictl config view")
	}
	q, err := d.Metrics(ctx)
	if err != nil {
		return nil, nil, err
	}
	for query, into := range map[string]map[string]float64{
		"slo:budget:remaining_ratio": left,
		"slo:bad_calls:ratio_rate1h / on (slo) group_left () (1 - max by (slo) (slo:objective:ratio))": burns,
	} {
		r, err := q.Instant(ctx, query, now)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range r.Series {
			if n := len(s.Samples); n > 0 && s.Samples[n-1].Value.Finite() {
				into[s.Labels["slo"]+" of "+s.Labels["service"]] = float64(s.Samples[n-1].Value)
			}
		}
	}
	return left, burns, nil
}
