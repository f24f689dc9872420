package forecast

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Errors that a caller can tell apart.
var (
	ErrShort = errors.New("at least 3 observations are needed")
	ErrRange = errors.New("the values are too large to forecast")
)

// MaxFit is how many of the latest observations the models learn from (or four
// seasons, when that is more); older ones change nothing that a person would
// see, and cost time.
const MaxFit = 4000

// Options are the knobs of Run. The zero value forecasts 12 steps of a series
// without season with every built-in model.
type Options struct {
	Horizon    int
	Season     int       // observations of one season; 0 or 1 for none
	Levels     []float64 // of the intervals, in percent, inside (0, 100)
	Candidates []Model
	MaxFolds   int // of the backtest; 5 when 0
}

// Step is one step ahead.
type Step struct {
	Mean      float64
	Intervals []Interval // one for each level, in the order of Options.Levels
}

// Interval holds the value with probability Level percent.
type Interval struct{ Level, Lower, Upper float64 }

// Result is a forecast with its record on the past.
type Result struct {
	Model, Detail string
	Season        int
	Used          int // latest observations that the models learned from
	Steps         []Step
	Backtest      Backtest
}

// Run forecasts y. A NaN in y is a gap. Errors: ErrShort, ErrRange, or ctx's.
func Run(ctx context.Context, y []float64, o Options) (*Result, error) {
	if o.Horizon <= 0 {
		o.Horizon = 12
	}
	if len(o.Candidates) == 0 {
		o.Candidates = Models()
	}
	if o.MaxFolds <= 0 {
		o.MaxFolds = 5
	}
	y = Fill(y)
	if len(y) < 3 {
		return nil, ErrShort
	}
	if keep := max(MaxFit, 4*o.Season); len(y) > keep {
		y = y[len(y)-keep:]
	}
	for _, v := range y {
		if math.Abs(v) > 1e100 {
			return nil, ErrRange // squares of errors would overflow
		}
	}
	m := o.Season
	if m < 1 || len(y) < m+1 {
		m = 1
	}
	tests, err := backtest(ctx, y, m, o)
	if err != nil {
		return nil, err
	}
	best := pick(tests)
	if best < 0 {
		return nil, fmt.Errorf("no model fits the series: %w", errors.Join(failures(tests)...))
	}
	won := tests[best]
	fitted, err := won.refit(ctx, y, m)
	if err != nil {
		return nil, err
	}
	mean, sd := fitted.Forecast(o.Horizon)
	if !finite(mean) || !finite(sd) {
		// A form that explodes far ahead gives way to the yardstick.
		fitted, err = naiveModel{}.Fit(ctx, y, m)
		if err != nil {
			return nil, err
		}
		mean, sd = fitted.Forecast(o.Horizon)
		won.model = naiveModel{}
	}
	r := &Result{Model: won.model.Name(), Detail: fitted.Detail(), Season: m, Used: len(y), Steps: make([]Step, o.Horizon)}
	quantiles := make([]float64, len(o.Levels))
	for i, level := range o.Levels {
		quantiles[i] = won.multiplier(level, -1)
	}
	for j := range r.Steps {
		r.Steps[j].Mean = mean[j]
		for i, level := range o.Levels {
			d := quantiles[i] * sd[j]
			r.Steps[j].Intervals = append(r.Steps[j].Intervals, Interval{level, mean[j] - d, mean[j] + d})
		}
	}
	r.Backtest = summary(tests, best, o.Levels)
	return r, nil
}

// Fill interpolates gaps linearly and drops those at the ends. The result is
// a new slice.
func Fill(y []float64) []float64 {
	out := make([]float64, 0, len(y))
	last := -1
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if last >= 0 {
			from := y[last]
			for k := last + 1; k < i; k++ {
				w := float64(k-last) / float64(i-last)
				out = append(out, from*(1-w)+v*w)
			}
		}
		out = append(out, v)
		last = i
	}
	return out
}

func finite(values []float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e150 {
			return false
		}
	}
	return true
}
