package respond

import (
	"context"
	"iter"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/asker"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident/gate"
	"github.com/aictl/aictl/internal/op"
)

func bindGate(r *op.Registry, d Deps) {
	op.BindStream(r, api.GateRun, func(ctx context.Context, in api.GateInput) iter.Seq2[api.GateEvent, error] {
		return gate.Run(ctx, d.gate(), in)
	})
	op.BindStream(r, api.WaitFor, d.waitFor)
}

func (d Deps) gate() gate.Deps {
	out := gate.Deps{Metrics: d.Metrics, Alerts: d.Alerts, Logs: d.Logs, Now: d.Now}
	if d.Clusters != nil {
		out.Rolled = d.rolled
	}
	return out
}

// rolled is when a workload was rolled out last, on whichever engine has it.
func (d Deps) rolled(ctx context.Context, name, namespace string) (time.Time, error) {
	engines, err := d.Clusters(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for _, e := range engines {
		list, err := e.History(ctx, deploy.Ref{Name: name, Namespace: namespace})
		switch {
		case fail.CodeOf(err) == fail.NotFound:
		case err != nil:
			return time.Time{}, err
		case len(list) > 0:
			return list[0].Created, nil
		}
	}
	return time.Time{}, fail.New(fail.NotFound, "no workload named %q is known, or it was never rolled out", name).Hint("aictl deploy list")
}

// waitFor waits for expressions that no workload has a part in.
func (d Deps) waitFor(ctx context.Context, in api.WaitInput) iter.Seq2[api.DeployWaitEvent, error] {
	return func(yield func(api.DeployWaitEvent, error) bool) {
		o := deploy.WaitOptions{
			FollowOptions: deploy.FollowOptions{Now: d.Now}, Tolerate: time.Duration(in.Grace), Stable: time.Duration(in.Stable), Interval: time.Duration(in.Interval), Asker: d.asker(),
		}
		for _, list := range []struct {
			texts []string
			into  *[]deploy.Expr
		}{{in.Until, &o.Until}, {in.FailIf, &o.FailIf}} {
			for _, text := range list.texts {
				e, err := deploy.ParseExpr(text, nil)
				if err == nil && e.Kind != deploy.ExprMetric && e.Kind != deploy.ExprAlert {
					err = fail.New(fail.Usage, "%s is about a workload, and none is named", e.Text).Hint("aictl deploy wait NAME --until %q", e.Text)
				}
				if err == nil && e.Kind == deploy.ExprAlert {
					_, err = alerts.Parse(e.Left)
				}
				if err != nil {
					yield(api.DeployWaitEvent{}, err)
					return
				}
				*list.into = append(*list.into, e)
			}
		}
		for e, err := range deploy.WaitFor(ctx, o) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// asker asks metrics and alerts, where the context has them.
func (d Deps) asker() deploy.Asker { return asker.Of(d.Metrics, d.Alerts) }
