package respond

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/incident/timeline"
	"github.com/aictl/aictl/internal/incident/why"
	"github.com/aictl/aictl/internal/op"
)

func bindTimeline(r *op.Registry, d Deps) {
	op.BindQuery(r, api.TimelineShow, func(ctx context.Context, in api.TimelineInput) (api.Timeline, error) {
		if in.To.IsZero() {
			in.To = d.Now()
		}
		if in.From.IsZero() {
			in.From = in.To.Add(-time.Hour)
		}
		return timeline.Build(ctx, d.timeline(), in)
	})
}

// timeline are the systems whose rows make a timeline.
func (d Deps) timeline() timeline.Deps {
	w := d.why()
	out := timeline.Deps{Metrics: d.Metrics, Logs: d.Logs, Changes: w.Changes, ServiceOf: why.ServiceOf}
	if d.Metrics != nil {
		out.Shifts = func(ctx context.Context, from, to time.Time, service string) ([]api.Fact, error) {
			return why.Shifts(ctx, w, from, to, service)
		}
	}
	return out
}
