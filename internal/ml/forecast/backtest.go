package forecast

import (
	"context"
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// Backtest is the record of the chosen model. A figure that cannot be computed
// (no folds; a constant series has no scale) is NaN.
type Backtest struct {
	Folds, Horizon         int
	MASE, SMAPE, RMSE, MAE float64 // SMAPE in percent
	Coverage               []Coverage
	Candidates             []Candidate
}

// Coverage is the share, in percent, of past values inside the intervals of a
// level; each fold is judged by what the others calibrated.
type Coverage struct{ Level, Actual float64 }

// Candidate is the record of one model.
type Candidate struct {
	Model, Detail          string
	MASE, SMAPE, RMSE, MAE float64
	Err                    error // why the model was left out
}

// trial is one candidate's way through the folds.
type trial struct {
	model                  Model
	selected               Fitted // at the earliest origin
	err                    error
	folds, horizon         int
	mase, smape, rmse, mae float64
	scaled                 [][]float64 // |error| / sd by fold
}

// origins gives the lengths of the training stretches and the test horizon.
func origins(n, m, h, folds int) (train []int, horizon int) {
	least := max(3, n/2)
	if m > 1 && n >= 3*m {
		least = max(least, 2*m+2)
	}
	room := n - least
	if room < 1 {
		return nil, 0
	}
	horizon = max(1, min(h, room/2, 200))
	count := min(folds, room-horizon+1)
	for i := range count {
		// Evenly from the earliest origin to the last; steps may overlap.
		at := least
		if count > 1 {
			at += i * (room - horizon) / (count - 1)
		} else {
			at = n - horizon
		}
		train = append(train, at)
	}
	return train, horizon
}

// backtest sends every candidate over the same origins. The form is selected
// at the earliest origin and only refitted at later ones, so that no fold has
// seen what it is tested on.
func backtest(ctx context.Context, y []float64, m int, o Options) ([]*trial, error) {
	train, horizon := origins(len(y), m, o.Horizon, o.MaxFolds)
	trials := make([]*trial, 0, len(o.Candidates))
	for _, model := range o.Candidates {
		t := &trial{model: model, folds: len(train), horizon: horizon}
		trials = append(trials, t)
		t.run(ctx, y, m, train)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return trials, nil
}

func (t *trial) run(ctx context.Context, y []float64, m int, train []int) {
	var ase, ape, se, ae, count, scaledCount float64
	for _, n := range train {
		var fitted Fitted
		var err error
		if t.selected == nil {
			fitted, err = t.model.Fit(ctx, y[:n], m)
			t.selected = fitted
		} else {
			fitted, err = t.selected.Again(ctx, y[:n])
		}
		if err != nil {
			t.err = err
			return
		}
		mean, sd := fitted.Forecast(t.horizon)
		if !finite(mean) || !finite(sd) {
			t.err = ErrRange
			return
		}
		scale := naiveError(y[:n], m)
		row := make([]float64, 0, t.horizon)
		for j := range mean {
			actual := y[n+j]
			e := math.Abs(actual - mean[j])
			count++
			ae, se = ae+e, se+e*e
			if total := math.Abs(actual) + math.Abs(mean[j]); total > 0 {
				ape += 200 * e / total
			}
			if scale > 0 {
				ase, scaledCount = ase+e/scale, scaledCount+1
			}
			switch {
			case sd[j] > 0:
				row = append(row, min(e/sd[j], 1e3))
			case e == 0:
				row = append(row, 0)
			}
		}
		t.scaled = append(t.scaled, row)
	}
	t.mase, t.smape, t.rmse, t.mae = ase/scaledCount, ape/count, math.Sqrt(se/count), ae/count
}

// naiveError is the scale of MASE: the mean absolute error of the seasonal
// naive forecast in sample.
func naiveError(y []float64, m int) float64 {
	if len(y) <= m {
		m = 1
	}
	var sum float64
	for i := m; i < len(y); i++ {
		sum += math.Abs(y[i] - y[i-m])
	}
	return sum / float64(len(y)-m)
}

// refit learns from the whole series, selecting anew.
func (t *trial) refit(ctx context.Context, y []float64, m int) (Fitted, error) {
	return t.model.Fit(ctx, y, m)
}

// pick gives the trial with the least error, the earliest among equals, or -1.
// Without folds, or without an error to compare by, the first one wins.
func pick(trials []*trial) int {
	best, least := -1, math.Inf(1)
	for i, t := range trials {
		if t.err != nil {
			continue
		}
		score := t.mase
		if math.IsNaN(score) {
			score = t.mae
		}
		if best < 0 || score < least {
			best = i
			if !math.IsNaN(score) {
				least = score
			}
		}
	}
	return best
}

func failures(trials []*trial) []error {
	var out []error
	for _, t := range trials {
		out = append(out, t.err)
	}
	return out
}

// conformalHalf is the number of past errors at which the conformal quantile
// weighs as much as the model's normal one. Errors of one fold are dependent,
// and so tell less than their number.
const conformalHalf = 20

// multiplier gives the interval's half width in standard deviations, learned
// from every fold but the one left out (-1 for none).
func (t *trial) multiplier(level float64, without int) float64 {
	normal := distuv.UnitNormal.Quantile(0.5 + level/200)
	var errs []float64
	for i, row := range t.scaled {
		if i != without {
			errs = append(errs, row...)
		}
	}
	n := len(errs)
	if n == 0 {
		return normal
	}
	sort.Float64s(errs)
	conformal := 0.0
	// The finite-sample rank; beyond the largest error the tail is the normal
	// one, scaled by the largest error that has a rank.
	rank := int(math.Ceil(float64(n+1) * level / 100))
	if rank <= n {
		conformal = errs[rank-1]
	} else {
		top := 1 - 1/float64(n+1)
		conformal = errs[n-1] * max(normal/distuv.UnitNormal.Quantile(0.5+top/2), 1)
	}
	w := float64(n) / (float64(n) + conformalHalf)
	return w*conformal + (1-w)*normal
}

func summary(trials []*trial, best int, levels []float64) Backtest {
	t := trials[best]
	b := Backtest{Folds: t.folds, Horizon: t.horizon, MASE: t.mase, SMAPE: t.smape, RMSE: t.rmse, MAE: t.mae}
	if t.folds == 0 {
		b.MASE, b.SMAPE, b.RMSE, b.MAE = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	}
	for _, level := range levels {
		inside, all := 0, 0
		for i, row := range t.scaled {
			q := t.multiplier(level, i)
			for _, e := range row {
				all++
				if e <= q {
					inside++
				}
			}
		}
		if all > 0 {
			b.Coverage = append(b.Coverage, Coverage{level, 100 * float64(inside) / float64(all)})
		}
	}
	for _, t := range trials {
		c := Candidate{Model: t.model.Name(), MASE: t.mase, SMAPE: t.smape, RMSE: t.rmse, MAE: t.mae, Err: t.err}
		if t.err != nil || t.folds == 0 {
			c.MASE, c.SMAPE, c.RMSE, c.MAE = math.NaN(), math.NaN(), math.NaN(), math.NaN()
		}
		if t.selected != nil {
			c.Detail = t.selected.Detail()
		}
		b.Candidates = append(b.Candidates, c)
	}
	return b
}
