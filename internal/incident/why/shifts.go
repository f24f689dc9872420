package why

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
)

// Shifts gives the moments of a window at which the signals of services left
// what they were: errors, latency, traffic, refusals, memory, replicas. service
// "" is every service. They are facts, in order of time.
func Shifts(ctx context.Context, d Deps, from, to time.Time, service string) ([]api.Fact, error) {
	if d.Metrics == nil {
		return nil, nil
	}
	a := &analysis{d: d, now: to, in: api.WhyInput{From: from, To: to}}
	var err error
	if a.querier, err = d.Metrics(ctx); err != nil {
		return nil, err
	}
	a.out.Unknown = []api.BackendFailure{}
	a.interval = a.sampling(ctx)
	if len(a.out.Unknown) > 0 {
		u := a.out.Unknown[0]
		return nil, fail.New(u.Code, "%s", u.Message).Hint("%s", u.Next)
	}
	step := max(a.interval, metrics.Step(to.Sub(from), points))
	if a.window, err = metrics.NewWindow(from, to, step, to); err != nil {
		return nil, err
	}
	s, err := a.measure(ctx)
	if err != nil {
		return nil, err
	}
	a.signals = s
	out := []api.Fact{}
	for _, name := range sortedKeys(s.curves) {
		if service != "" && name != service {
			continue
		}
		for _, signal := range sortedKeys(s.curves[name]) {
			switch signal {
			case sCPU, sFiles, sQueue:
				continue // they follow the others
			}
			c := s.curves[name][signal]
			if shift, ok := a.worst(c); ok {
				out = append(out, a.curveFact(c, shift))
			}
		}
	}
	slices.SortFunc(out, func(x, y api.Fact) int {
		if c := x.Time.Compare(y.Time); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out, nil
}
