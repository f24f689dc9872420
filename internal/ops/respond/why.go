package respond

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/changes"
	"github.com/aictl/aictl/internal/incident/why"
	"github.com/aictl/aictl/internal/op"
)

func bindWhy(r *op.Registry, d Deps) {
	op.BindQuery(r, api.WhyAsk, func(ctx context.Context, in api.WhyInput) (api.Why, error) {
		return why.Ask(ctx, d.why(), in)
	})
}

// why are the systems that the question is put to.
func (d Deps) why() why.Deps {
	out := why.Deps{Metrics: d.Metrics, Logs: d.Logs, Alerts: d.Alerts, Clusters: d.Clusters, Now: d.Now}
	if d.Changes != nil {
		out.Changes = func(ctx context.Context, from, to time.Time, namespace string) (api.ChangeList, error) {
			return d.changesIn(ctx, changes.Query{From: from, To: to, Namespace: namespace})
		}
	}
	return out
}
