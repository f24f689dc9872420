// Package theta is the Theta method.
//
// Sources: Assimakopoulos & Nikolopoulos (2000), "The theta model: a
// decomposition approach to forecasting", Int. J. of Forecasting 16; Fiorucci,
// Pellegrini, Louzada, Petropoulos & Koehler (2016), "Models for optimising
// the theta method and their relationship to state space models", same
// journal 32. The theta coefficient, the smoothing and the starting level are
// optimised (their OTM); theta = 2 is the standard method. Seasonal series are
// adjusted first by classical decomposition, multiplicative when every value
// is positive, as the papers do.
//
// The package promises determinism. It wants a series without gaps.
package theta

import (
	"errors"
	"math"

	"github.com/aictl/aictl/internal/ml/neldermead"
)

// ErrShort says that there are too few observations.
var ErrShort = errors.New("at least 3 observations are needed")

// Model is a fitted model. It is immutable.
type Model struct {
	Theta, Alpha float64
	Sigma2       float64 // variance of one-step errors of the adjusted series
	n, m         int
	level, a, b  float64
	season       []float64
	ratio        bool
}

// Fit estimates the optimised model; m is the season's length or 1.
func Fit(y []float64, m int) (*Model, error) {
	return fit(y, m, 0)
}

// FitStandard estimates the model with theta = 2.
func FitStandard(y []float64, m int) (*Model, error) {
	return fit(y, m, 2)
}

func fit(y []float64, m int, theta float64) (*Model, error) {
	n := len(y)
	if n < 3 {
		return nil, ErrShort
	}
	o := &Model{n: n, m: 1, season: []float64{0}, Theta: theta}
	if m > 1 && n >= 2*m+2 {
		o.m = m
		o.season, o.ratio = indices(y, m)
	}
	x := make([]float64, n)
	for t, v := range y {
		x[t] = o.adjust(v, t)
	}
	o.a, o.b = line(x)
	low, high := x[0], x[0]
	for _, v := range x {
		low, high = min(low, v), max(high, v)
	}
	spread := max(high-low, 1e-9)
	o.Alpha, o.level = 0.5, x[0]/2
	lower, upper := []float64{0.1, low/2 - 2*spread}, []float64{0.99, max(x[0], high) + 2*spread}
	start := []float64{0.5, min(max(x[0]/2, lower[1]), upper[1])}
	if theta == 0 {
		// The search is over 1/theta, which is bounded.
		lower, upper, start = append(lower, 0), append(upper, 1), append(start, 0.5)
	}
	drift := func(p []float64) float64 {
		if theta == 0 {
			return 1 - p[2]
		}
		return 1 - 1/theta
	}
	cost := func(p []float64) float64 {
		sse, _ := o.smooth(x, p[0], p[1], drift(p))
		return sse
	}
	p, _ := neldermead.Minimize(neldermead.Problem{Func: cost, Lower: lower, Upper: upper, MaxEval: 400, Tolerance: 1e-9}, start)
	p, _ = neldermead.Minimize(neldermead.Problem{Func: cost, Lower: lower, Upper: upper, MaxEval: 300, Tolerance: 1e-10}, p)
	o.Alpha = p[0]
	var sse float64
	sse, o.level = o.smooth(x, p[0], p[1], drift(p))
	if d := 1 - drift(p); theta == 0 {
		o.Theta = 1 / max(d, 1e-6)
	}
	o.Sigma2 = sse / max(float64(n-len(p)), 1)
	return o, nil
}

// smooth gives the sum of squared errors and the last level (equations 11 to
// 13 of Fiorucci et al.).
func (o *Model) smooth(x []float64, alpha, level, weight float64) (sse, last float64) {
	pow := 1.0 // (1-alpha)^(t-1)
	for _, v := range x {
		next := pow * (1 - alpha)
		e := v - (level + weight*(pow*o.a+(1-next)/alpha*o.b))
		sse += e * e
		level = alpha*v + (1-alpha)*level
		pow = next
	}
	return sse, level
}

// Forecast gives the mean and the standard deviation of the next h
// observations.
func (o *Model) Forecast(h int) (mean, sd []float64) {
	mean, sd = make([]float64, h), make([]float64, h)
	weight := 1 - 1/o.Theta
	pow := math.Pow(1-o.Alpha, float64(o.n))
	for j := range h {
		v := o.level + weight*(pow*o.a+(float64(j)+(1-pow*(1-o.Alpha))/o.Alpha)*o.b)
		s := math.Sqrt(o.Sigma2 * (1 + float64(j)*o.Alpha*o.Alpha))
		si := o.season[(o.n+j)%o.m]
		switch {
		case o.m == 1:
			mean[j], sd[j] = v, s
		case o.ratio:
			mean[j], sd[j] = v*si, s*si
		default:
			mean[j], sd[j] = v+si, s
		}
	}
	return mean, sd
}

func (o *Model) adjust(v float64, t int) float64 {
	switch {
	case o.m == 1:
		return v
	case o.ratio:
		return v / o.season[t%o.m]
	}
	return v - o.season[t%o.m]
}

// indices is classical decomposition over the whole series.
func indices(y []float64, m int) (season []float64, ratio bool) {
	ratio = true
	for _, v := range y {
		ratio = ratio && v > 0
	}
	season = make([]float64, m)
	count := make([]float64, m)
	half := m / 2
	var sum float64 // of the window [t-half, t+half]
	for j := 0; j < 2*half; j++ {
		sum += y[j]
	}
	for t := half; t+half < len(y); t++ {
		sum += y[t+half]
		average := sum
		if m%2 == 0 {
			average -= (y[t-half] + y[t+half]) / 2
		}
		average /= float64(m)
		if ratio {
			season[t%m] += y[t] / average
		} else {
			season[t%m] += y[t] - average
		}
		count[t%m]++
		sum -= y[t-half]
	}
	var mean float64
	for i := range season {
		season[i] /= max(count[i], 1)
		mean += season[i] / float64(m)
	}
	for i := range season {
		if ratio {
			season[i] = max(season[i]/mean, 0.01)
		} else {
			season[i] -= mean
		}
	}
	return season, ratio
}

// line fits y = a + b t for t = 1, 2, … by least squares.
func line(y []float64) (a, b float64) {
	n := float64(len(y))
	var st, sy, stt, sty float64
	for i, v := range y {
		t := float64(i + 1)
		st, sy, stt, sty = st+t, sy+v, stt+t*t, sty+t*v
	}
	if d := n*stt - st*st; d != 0 {
		b = (n*sty - st*sy) / d
	}
	return (sy - b*st) / n, b
}
