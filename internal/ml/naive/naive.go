// Package naive is the seasonal naive forecast: the value of one season ago
// (Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed.,
// section 5.2). It is the yardstick of every other model.
package naive

import (
	"errors"
	"math"
)

// ErrShort says that there are too few observations.
var ErrShort = errors.New("at least 2 observations are needed")

// Model is a fitted model. It is immutable.
type Model struct {
	last   []float64
	Sigma2 float64 // mean square of the seasonal differences
}

// Fit remembers the last season; m is its length, or 1. A series shorter than
// a season and one observation is treated as not seasonal.
func Fit(y []float64, m int) (*Model, error) {
	n := len(y)
	if n < 2 {
		return nil, ErrShort
	}
	if m < 1 || n < m+1 {
		m = 1
	}
	o := &Model{last: append([]float64(nil), y[n-m:]...)}
	for i := m; i < n; i++ {
		d := y[i] - y[i-m]
		o.Sigma2 += d * d / float64(n-m)
	}
	return o, nil
}

// Forecast gives the mean and the standard deviation of the next h
// observations.
func (o *Model) Forecast(h int) (mean, sd []float64) {
	mean, sd = make([]float64, h), make([]float64, h)
	m := len(o.last)
	for j := range h {
		mean[j], sd[j] = o.last[j%m], math.Sqrt(o.Sigma2*float64(j/m+1))
	}
	return mean, sd
}
