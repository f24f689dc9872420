package prom

import (
	"context"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

// Rules gives the alerting rules of the backend, in the order of its files.
func (c *Client) Rules(ctx context.Context) ([]api.AlertRule, error) {
	ctx, cancel := c.wire.bound(ctx)
	defer cancel()
	answer, err := c.api.Rules(ctx, nil)
	if err != nil {
		return nil, c.wire.foreignError(ctx, err)
	}
	out := []api.AlertRule{}
	for _, g := range answer.Groups {
		for _, r := range g.Rules {
			if a, ok := r.(v1.AlertingRule); ok {
				out = append(out, alertRule(g, a))
			}
		}
	}
	return out, nil
}

func alertRule(g v1.RuleGroup, a v1.AlertingRule) api.AlertRule {
	r := api.AlertRule{
		Name: a.Name, Group: g.Name, File: g.File, Expr: a.Query, For: seconds(a.Duration), Severity: string(a.Labels["severity"]),
		State: a.State, Health: string(a.Health), Error: a.LastError, Evaluated: a.LastEvaluation.UTC(), Took: seconds(a.EvaluationTime),
		Labels: labelSet(a.Labels), Annotations: labelSet(a.Annotations),
	}
	if r.State == "" {
		r.State = "inactive"
	}
	for _, one := range a.Alerts {
		switch one.State {
		case v1.AlertStateFiring:
			r.Firing++
		case v1.AlertStatePending:
			r.Pending++
		case v1.AlertStateInactive:
		}
	}
	return r
}

func seconds(s float64) op.Duration { return op.Duration(time.Duration(s * float64(time.Second))) }

func labelSet(set model.LabelSet) map[string]string {
	out := make(map[string]string, len(set))
	for k, v := range set {
		out[string(k)] = string(v)
	}
	return out
}
