// Package forecast is the built-in AI service "predict": it forecasts a series
// and finds its anomalies.
//
// It is thin: internal/series makes the points regular, internal/ml knows the
// models. It promises that no NaN or infinity reaches an answer, that the same
// input gives the same answer, and that a cancelled context ends the work soon.
// Errors are *fail.Error: usage for input that is wrong, too_large over a
// limit, canceled and timeout from the context. It keeps no state and is safe
// for concurrent use.
package forecast

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/ml/anomaly"
	"github.com/aictl/aictl/internal/ml/forecast"
	"github.com/aictl/aictl/internal/ml/season"
	"github.com/aictl/aictl/internal/series"
)

// The vocabulary is that of the API.
type (
	// ForecastInput asks how a series goes on.
	ForecastInput = api.ForecastInput
	// ForecastOutput is how it probably does.
	ForecastOutput = api.Forecast
	// AnomalyInput asks what does not fit.
	AnomalyInput = api.AnomalyInput
	// AnomalyOutput is a series with a judgement of each observation.
	AnomalyOutput = api.Anomalies
)

// The limits of one call.
const (
	MaxPoints  = 100_000
	MaxHorizon = 10_000
	MaxLevels  = 10
	MaxSeason  = 5_000 // steps
)

// Forecast says how a series goes on.
func Forecast(ctx context.Context, in ForecastInput) (*ForecastOutput, error) {
	levels, candidates, err := check(&in)
	if err != nil {
		return nil, err
	}
	s, err := regular(in.Points, in.Step)
	if err != nil {
		return nil, err
	}
	filled := s.Filled()
	m, notes := chooseSeason(in.Season, filled, s)
	r, err := forecast.Run(ctx, filled, forecast.Options{Horizon: in.Horizon, Season: m, Levels: levels, Candidates: candidates})
	if err != nil {
		return nil, translate(err)
	}
	if r.Used < len(filled) {
		notes = append(notes, api.SeriesNote{Code: "latest", Message: fmt.Sprintf("the models learned from the latest %d of %d observations", r.Used, len(filled))})
	}
	if r.Backtest.Folds == 0 {
		notes = append(notes, api.SeriesNote{Code: "no_backtest", Message: "the series is too short for a backtest: the intervals rest on the model alone"})
	}
	out := &ForecastOutput{Model: r.Model, Season: r.Season, Step: s.Step.String(), Points: make([]api.ForecastPoint, len(r.Steps)), Notes: notes}
	for j, step := range r.Steps {
		p := api.ForecastPoint{Time: s.Time(len(filled) + j), Value: step.Mean, Intervals: []api.Interval{}}
		for _, i := range step.Intervals {
			p.Intervals = append(p.Intervals, api.Interval{Level: i.Level, Lower: i.Lower, Upper: i.Upper})
		}
		out.Points[j] = p
	}
	out.Backtest = record(r)
	if in.Until != nil {
		if out.Passage, err = passage(ctx, *in.Until, filled[len(filled)-1], s, r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// record maps the backtest; what is not a number becomes null.
func record(r *forecast.Result) api.Backtest {
	b := r.Backtest
	out := api.Backtest{
		Method: "rolling-origin", Folds: b.Folds, Horizon: b.Horizon,
		MASE: number(b.MASE), SMAPE: number(b.SMAPE), RMSE: number(b.RMSE), MAE: number(b.MAE),
		Coverage: []api.Coverage{}, Candidates: []api.BacktestCandidate{},
	}
	for _, c := range b.Coverage {
		out.Coverage = append(out.Coverage, api.Coverage{Level: c.Level, Actual: c.Actual})
	}
	for _, c := range b.Candidates {
		row := api.BacktestCandidate{Model: c.Model, MASE: number(c.MASE), SMAPE: number(c.SMAPE), RMSE: number(c.RMSE), Why: c.Detail}
		if c.Err != nil {
			row.Why = c.Err.Error()
		}
		if c.Model == r.Model && c.Err == nil {
			row.Why = "chosen: " + r.Detail
		}
		out.Candidates = append(out.Candidates, row)
	}
	return out
}

// Anomaly judges each observation of a series.
func Anomaly(ctx context.Context, in AnomalyInput) (*AnomalyOutput, error) {
	if in.Level == 0 {
		in.Level = 99
	}
	if !(in.Level > 0 && in.Level < 100) {
		return nil, fail.New(fail.Usage, "a level of %g is not between 0 and 100", in.Level).Hint("use a level such as 99")
	}
	if err := checkSize(len(in.Points), in.Season); err != nil {
		return nil, err
	}
	s, err := regular(in.Points, in.Step)
	if err != nil {
		return nil, err
	}
	m, notes := chooseSeason(in.Season, s.Filled(), s)
	judged, err := anomaly.Detect(ctx, s.Values, m, in.Level)
	if err != nil {
		return nil, translate(err)
	}
	out := &AnomalyOutput{Points: make([]api.AnomalyPoint, len(judged)), Season: m, Notes: notes}
	for i, p := range judged {
		for _, v := range []float64{p.Expected, p.Lower, p.Upper} {
			if number(v) == nil {
				return nil, translate(forecast.ErrRange)
			}
		}
		out.Points[i] = api.AnomalyPoint{Time: s.Time(i), Value: number(s.Values[i]), Expected: p.Expected, Lower: p.Lower, Upper: p.Upper, Score: p.Score, Anomaly: p.Anomaly}
		if p.Anomaly {
			out.Anomalies++
		}
	}
	return out, nil
}

// Models lists the candidates of model auto.
func Models() []api.PredictModel {
	return []api.PredictModel{
		{Name: "ets", Summary: "exponential smoothing, the form selected by AICc", Source: "Hyndman, Koehler, Snyder & Grose (2002), International Journal of Forecasting 18"},
		{Name: "theta", Summary: "the optimised Theta method", Source: "Assimakopoulos & Nikolopoulos (2000), International Journal of Forecasting 16; Fiorucci et al. (2016), same journal 32"},
		{Name: "snaive", Summary: "the value of one season ago", Source: "Hyndman & Athanasopoulos, Forecasting: Principles and Practice, section 5.2"},
	}
}

func checkSize(points, seasonLength int) error {
	if points > MaxPoints {
		return fail.New(fail.TooLarge, "%d points are over the limit of %d", points, MaxPoints).Hint("send the latest %d points", MaxPoints)
	}
	if seasonLength < 0 {
		return fail.New(fail.Usage, "a season of %d steps does not exist", seasonLength).Hint("use 0 to find it, or 1 for none")
	}
	if seasonLength > MaxSeason {
		return fail.New(fail.TooLarge, "a season of %d steps is over the limit of %d", seasonLength, MaxSeason).Hint("use a longer step, such as 1d")
	}
	return nil
}

// check validates and fills in defaults.
func check(in *ForecastInput) (levels []float64, candidates []forecast.Model, err error) {
	if err := checkSize(len(in.Points), in.Season); err != nil {
		return nil, nil, err
	}
	switch {
	case in.Horizon == 0:
		in.Horizon = 12
	case in.Horizon < 0:
		return nil, nil, fail.New(fail.Usage, "a horizon of %d steps does not exist", in.Horizon).Hint("use a horizon of 1 or more")
	case in.Horizon > MaxHorizon:
		return nil, nil, fail.New(fail.TooLarge, "a horizon of %d steps is over the limit of %d", in.Horizon, MaxHorizon).Hint("use a longer step or a shorter horizon")
	}
	levels = in.Level
	if len(levels) == 0 {
		levels = []float64{80, 95}
	}
	if len(levels) > MaxLevels {
		return nil, nil, fail.New(fail.TooLarge, "%d levels are over the limit of %d", len(levels), MaxLevels).Hint("ask for fewer levels")
	}
	for _, l := range levels {
		if !(l > 0 && l < 100) {
			return nil, nil, fail.New(fail.Usage, "a level of %g is not between 0 and 100", l).Hint("use levels such as 80 and 95")
		}
	}
	levels = slices.Clone(levels)
	slices.Sort(levels)
	levels = slices.Compact(levels)
	if in.Model == "" || in.Model == "auto" {
		return levels, forecast.Models(), nil
	}
	for _, m := range forecast.Models() {
		if m.Name() == in.Model {
			return levels, []forecast.Model{m}, nil
		}
	}
	return nil, nil, fail.New(fail.Usage, "there is no model %.40q", in.Model).Hint("aictl predict models")
}

func regular(points []api.SeriesPoint, step string) (*series.Series, error) {
	parsed, err := series.ParseStep(step)
	if err != nil {
		return nil, err
	}
	list := make([]series.Point, len(points))
	for i, p := range points {
		list[i] = series.Point{Time: p.Time, Value: math.NaN()}
		if p.Value != nil {
			list[i].Value = *p.Value
		}
	}
	return series.Regularise(list, parsed)
}

// chooseSeason gives the season's length, and the notes of the series so far.
func chooseSeason(asked int, filled []float64, s *series.Series) (int, []api.SeriesNote) {
	notes := []api.SeriesNote{}
	for _, n := range s.Notes {
		notes = append(notes, api.SeriesNote{Code: n.Code, Message: n.Message})
	}
	add := func(code, format string, args ...any) {
		notes = append(notes, api.SeriesNote{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	if slices.Min(filled) == slices.Max(filled) {
		add("constant", "every observation has the same value")
		return 1, notes
	}
	if asked > 0 {
		if asked > 1 && len(filled) < 2*asked {
			add("season_short", "there are fewer than two seasons of %d observations: the season was left out", asked)
			return 1, notes
		}
		return asked, notes
	}
	m := season.Detect(filled, s.Step.Seasons()...)
	if m > 1 {
		add("season", "a season of %d steps was found", m)
	} else {
		add("season", "no significant season was found")
	}
	return m, notes
}

// translate gives the models' errors a code.
func translate(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fail.From(err)
	case errors.Is(err, forecast.ErrShort), errors.Is(err, anomaly.ErrShort):
		return fail.New(fail.Usage, "the series is too short: %w", err).Hint("give more rows")
	case errors.Is(err, forecast.ErrRange):
		return fail.New(fail.Usage, "%w", err).Hint("use a smaller unit")
	}
	return fail.Wrap(fail.Failed, err, "forecasting the series")
}

func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
