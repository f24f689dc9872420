package forecast

import (
	"context"
	"math"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/ml/forecast"
	"github.com/aictl/aictl/internal/series"
)

// passageQuantiles are the probabilities that are told: early, even, late.
var passageQuantiles = [...]float64{0.1, 0.5, 0.9}

// passage says when the series first reaches a value, from where its last
// observation stands.
func passage(ctx context.Context, value, last float64, s *series.Series, r *forecast.Result) (*api.Passage, error) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil, fail.New(fail.Usage, "a value of %g is never reached", value).Hint("--until 0")
	}
	n := len(s.Values)
	out := &api.Passage{Value: value, Direction: "rising", Horizon: s.Time(n + len(r.Steps) - 1), Quantiles: []api.PassageQuantile{}}
	switch {
	case last == value:
		out.Direction, out.Probability = "reached", 1
		at := s.Time(n - 1)
		for _, q := range passageQuantiles {
			out.Quantiles = append(out.Quantiles, api.PassageQuantile{Quantile: q, Time: &at})
		}
		return out, nil
	case last > value:
		out.Direction = "falling"
	}
	p, err := forecast.FirstPassage(ctx, r.Steps, value, out.Direction == "falling", passageQuantiles[:])
	if err != nil {
		return nil, translate(err)
	}
	out.Probability = p.Probability
	for i, q := range passageQuantiles {
		row := api.PassageQuantile{Quantile: q}
		if p.Steps[i] > 0 {
			at := s.Time(n + p.Steps[i] - 1)
			row.Time = &at
		}
		out.Quantiles = append(out.Quantiles, row)
	}
	return out, nil
}
