package ops

import (
	"context"
	"encoding/json"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// The predict operations are calls of the service, through the gateway as any
// other: its limits and its record apply.
func bindPredict(r *op.Registry, d Deps) {
	op.BindQuery(r, api.PredictForecast, func(ctx context.Context, in api.ForecastInput) (api.Forecast, error) {
		return through[api.Forecast](ctx, d.Gateway, "forecast", in)
	})
	op.BindQuery(r, api.PredictAnomaly, func(ctx context.Context, in api.AnomalyInput) (api.Anomalies, error) {
		return through[api.Anomalies](ctx, d.Gateway, "anomaly", in)
	})
	op.BindQuery(r, api.PredictModels, func(ctx context.Context, _ api.None) ([]api.PredictModel, error) {
		return through[[]api.PredictModel](ctx, d.Gateway, "models", struct{}{})
	})
}

func through[Out any](ctx context.Context, g Gateway, operation string, in any) (Out, error) {
	var out Out
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	answer, err := invoke(ctx, g, "predict", operation, body)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fail.Wrap(fail.Internal, err, "reading the answer of predict.%s", operation)
	}
	return out, nil
}
