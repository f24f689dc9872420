// Package anomaly finds observations that do not fit their series.
//
// Method: the series is split into a running median (trend), medians by
// position in the season, and a residual; residuals are measured in robust
// standard deviations (median absolute deviation) and tested by the
// generalised extreme Studentised deviate of Rosner (1983), "Percentage points
// for a generalized ESD many-outlier procedure", Technometrics 25. This is the
// seasonal hybrid ESD of Hochenbaum, Vallis & Kejariwal (2017), "Automatic
// anomaly detection in the cloud via statistical learning", with medians in
// place of STL. Median and deviation are computed once, not after each removal:
// being robust they hardly move.
//
// The package promises determinism. It does not find changes of level that
// last longer than half its window: they become the trend.
package anomaly

import (
	"context"
	"errors"
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// ErrShort says that there are too few observations to know what is usual.
var ErrShort = errors.New("at least 7 observations are needed")

// MaxShare is the largest share of observations that can be anomalies.
const MaxShare = 0.1

// Point is the judgement of one observation. A gap has a Score of 0.
type Point struct {
	Expected, Lower, Upper float64
	Score                  float64 // robust standard deviations from Expected
	Anomaly                bool
}

// Detect judges each observation; a NaN is a gap and never an anomaly. The
// season is its length or 1; level is the confidence in percent, inside (0,
// 100): with 99, a series without anomalies raises an alarm one time in a
// hundred.
func Detect(ctx context.Context, y []float64, season int, level float64) ([]Point, error) {
	filled, known := fill(y)
	if known < 7 {
		return nil, ErrShort
	}
	expected, err := decompose(ctx, filled, season)
	if err != nil {
		return nil, err
	}
	residual := make([]float64, 0, known)
	for i, v := range y {
		if !missing(v) {
			residual = append(residual, v-expected[i])
		}
	}
	centre := median(append([]float64(nil), residual...))
	scale := spread(residual, centre)
	out := make([]Point, len(y))
	scores := make([]float64, 0, known)
	for i, v := range y {
		out[i].Expected = expected[i] + centre
		if missing(v) {
			continue
		}
		d := math.Abs(v - out[i].Expected)
		if scale > 0 {
			out[i].Score = min(d/scale, 1e9)
		}
		scores = append(scores, out[i].Score)
	}
	bound := threshold(scores, level)
	for i := range out {
		out[i].Lower, out[i].Upper = out[i].Expected-bound*scale, out[i].Expected+bound*scale
		out[i].Anomaly = !missing(y[i]) && out[i].Score > bound
	}
	return out, nil
}

// threshold is Rosner's test: the number of anomalies k is the largest i of
// which the i-th largest score exceeds its critical value. The critical value
// of k+1 divides the two kinds.
func threshold(scores []float64, level float64) float64 {
	n := len(scores)
	sort.Sort(sort.Reverse(sort.Float64Slice(scores)))
	most := max(1, int(MaxShare*float64(n)))
	alpha := 1 - level/100
	bound := critical(n, 1, alpha)
	for i := 1; i <= most; i++ {
		if scores[i-1] > critical(n, i, alpha) {
			bound = critical(n, i+1, alpha)
			if i == most && most < n {
				bound = max(bound, scores[most]) // no more than MaxShare
			}
		}
	}
	return bound
}

// critical is lambda_i of Rosner's equation.
func critical(n, i int, alpha float64) float64 {
	left := float64(n - i + 1)
	nu := left - 2
	if nu < 1 {
		return math.Inf(1)
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: nu}.Quantile(1 - alpha/(2*left))
	return t * (left - 1) / math.Sqrt((nu+t*t)*left)
}

// decompose gives trend plus season.
func decompose(ctx context.Context, y []float64, m int) ([]float64, error) {
	n := len(y)
	if m < 2 || n < 2*m {
		m = 1
	}
	window := 2*max(m, 7)/2*2 + 1
	if m > 1 {
		window = m/2*2 + 1
	}
	season := make([]float64, m)
	adjusted := append([]float64(nil), y...)
	var trend []float64
	for round := range 2 {
		var err error
		if trend, err = runningMedian(ctx, adjusted, window); err != nil {
			return nil, err
		}
		if m == 1 {
			break
		}
		by := make([][]float64, m)
		for i, v := range y {
			by[i%m] = append(by[i%m], v-trend[i])
		}
		for i := range by {
			season[i] = median(by[i])
		}
		centre := median(append([]float64(nil), season...))
		for i := range season {
			season[i] -= centre
		}
		for i, v := range y {
			adjusted[i] = v - season[i%m]
		}
		if round == 0 {
			window = 2*max(m, 7)/2*2 + 1 // the season is gone: smoother now
		}
	}
	for i := range trend {
		trend[i] += season[i%m]
	}
	return trend, nil
}

// runningMedian is the median of each observation's neighbourhood, cut at the
// ends. The window is kept sorted.
func runningMedian(ctx context.Context, y []float64, window int) ([]float64, error) {
	half := min(window/2, 2000)
	sorted := make([]float64, 0, 2*half+2)
	out := make([]float64, len(y))
	insert := func(v float64) {
		at := sort.SearchFloat64s(sorted, v)
		sorted = append(sorted, 0)
		copy(sorted[at+1:], sorted[at:])
		sorted[at] = v
	}
	for i := 0; i < min(half, len(y)); i++ {
		insert(y[i])
	}
	for i := range y {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		if i+half < len(y) {
			insert(y[i+half])
		}
		if i > half {
			at := sort.SearchFloat64s(sorted, y[i-half-1])
			sorted = append(sorted[:at], sorted[at+1:]...)
		}
		out[i] = middle(sorted)
	}
	return out, nil
}

// spread is the robust standard deviation; where more than half of the
// residuals are equal, the mean absolute deviation stands in.
func spread(residual []float64, centre float64) float64 {
	d := make([]float64, len(residual))
	var mean, size float64
	for i, v := range residual {
		d[i] = math.Abs(v - centre)
		mean += d[i] / float64(len(d))
		size = max(size, math.Abs(v))
	}
	if mad := 1.4826 * median(d); mad > 1e-12*size {
		return mad
	}
	return 1.2533 * mean
}

func median(x []float64) float64 {
	sort.Float64s(x)
	return middle(x)
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return sorted[(n-1)/2]/2 + sorted[n/2]/2
}

func missing(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// fill carries values into gaps, so that windows are whole.
func fill(y []float64) (out []float64, known int) {
	out = append([]float64(nil), y...)
	last := math.NaN()
	for i, v := range out {
		if missing(v) {
			out[i] = last
			continue
		}
		last = v
		known++
	}
	for i := len(out) - 1; i >= 0; i-- {
		if missing(out[i]) {
			out[i] = last
		}
		last = out[i]
	}
	return out, known
}
