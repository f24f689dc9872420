// Package forecast chooses a model for a series by its error on the series'
// own past, and gives intervals that this past has calibrated.
//
// Method: rolling-origin evaluation (Tashman 2000, "Out-of-sample tests of
// forecasting accuracy", Int. J. of Forecasting 16); the mean absolute scaled
// error of Hyndman & Koehler (2006), "Another look at measures of forecast
// accuracy", same journal 22; intervals by split conformal prediction of
// errors in units of the model's standard deviation (Lei et al. 2018,
// "Distribution-free predictive inference for regression", JASA 113), mixed
// with the model's normal quantile where the past gives few errors.
//
// New models join by implementing Model: pass them in Options.Candidates.
// The package promises determinism and that every figure is finite. It wants
// regular spacing; NaN values are interpolated.
package forecast

import (
	"context"

	"github.com/aictl/aictl/internal/ml/ets"
	"github.com/aictl/aictl/internal/ml/naive"
	"github.com/aictl/aictl/internal/ml/theta"
)

// Model fits series. Implementations are stateless.
type Model interface {
	Name() string
	// Fit learns from a series without gaps, of season length m (1 for none).
	// It must not keep y. It returns ctx's error when ctx ends.
	Fit(ctx context.Context, y []float64, m int) (Fitted, error)
}

// Fitted is a model that knows its series.
type Fitted interface {
	// Forecast gives the mean and the standard deviation of the next h values.
	Forecast(h int) (mean, sd []float64)
	// Again fits the same form to another stretch of the series, faster than
	// selecting anew.
	Again(ctx context.Context, y []float64) (Fitted, error)
	// Detail names the form, such as ETS(M,Ad,M).
	Detail() string
}

// Models gives the built-in candidates: ets, theta, snaive.
func Models() []Model { return []Model{etsModel{}, thetaModel{}, naiveModel{}} }

type etsModel struct{}

type etsFitted struct {
	*ets.Model
	m int
}

func (etsModel) Name() string { return "ets" }

func (etsModel) Fit(ctx context.Context, y []float64, m int) (Fitted, error) {
	o, err := ets.Auto(ctx, y, m)
	if err != nil {
		return nil, err
	}
	return etsFitted{o, m}, nil
}

func (f etsFitted) Detail() string { return f.Form.String() }

func (f etsFitted) Again(ctx context.Context, y []float64) (Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := ets.Fit(y, f.m, f.Form)
	if err != nil {
		return etsModel{}.Fit(ctx, y, f.m)
	}
	return etsFitted{o, f.m}, nil
}

type thetaModel struct{}

type thetaFitted struct {
	*theta.Model
	m int
}

func (thetaModel) Name() string { return "theta" }

func (thetaModel) Fit(ctx context.Context, y []float64, m int) (Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := theta.Fit(y, m)
	if err != nil {
		return nil, err
	}
	return thetaFitted{o, m}, nil
}

func (f thetaFitted) Detail() string { return "optimised theta" }

func (f thetaFitted) Again(ctx context.Context, y []float64) (Fitted, error) {
	return thetaModel{}.Fit(ctx, y, f.m)
}

type naiveModel struct{}

type naiveFitted struct {
	*naive.Model
	m int
}

func (naiveModel) Name() string { return "snaive" }

func (naiveModel) Fit(ctx context.Context, y []float64, m int) (Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := naive.Fit(y, m)
	if err != nil {
		return nil, err
	}
	return naiveFitted{o, m}, nil
}

func (f naiveFitted) Detail() string { return "seasonal naive" }

func (f naiveFitted) Again(ctx context.Context, y []float64) (Fitted, error) {
	return naiveModel{}.Fit(ctx, y, f.m)
}
