// Package season finds the length of a series' season.
//
// The differenced series' autocorrelations are compared with the bound that
// white noise exceeds at any of the tested lags with a probability of about
// one in a hundred (Bartlett 1946 with Bonferroni's correction); differencing
// keeps a random walk's slow cycles from passing as seasons. Autocorrelations
// come from the periodogram (Wiener-Khinchin) in O(n log n). Lengths that the
// calendar suggests win against neighbours that are hardly better, and a
// length wins against its own multiples.
//
// The package promises determinism. It finds one season, not several.
package season

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// MaxLag bounds the lengths that are tried without a hint.
const MaxLag = 400

// Detect gives the season's length in observations, 1 when there is none. The
// hints are lengths that the time step suggests (12 for months). The series
// has no gaps; at least two whole seasons must be in it.
func Detect(y []float64, hints ...int) int {
	n := len(y)
	if n < 8 {
		return 1
	}
	d := make([]float64, n-1)
	var mean float64
	for i := range d {
		d[i] = y[i+1] - y[i]
		mean += d[i] / float64(n-1)
	}
	var power, scale float64
	for i := range d {
		d[i] -= mean
		power += d[i] * d[i]
		scale = max(scale, math.Abs(y[i]))
	}
	if math.Sqrt(power/float64(n)) <= 1e-9*scale || power == 0 {
		return 1 // constant or a straight line
	}
	longest := MaxLag
	for _, h := range hints {
		longest = max(longest, h)
	}
	longest = min(longest, n/2-1)
	if longest < 2 {
		return 1
	}
	r := autocorrelation(d, longest+1)
	lags := float64(longest - 1)
	// The two-sided normal quantile of 0.01/lags, by Mills' ratio.
	z := math.Sqrt(2 * math.Log(100*lags/math.Sqrt(2*math.Pi)/2))
	best, bestR := 1, 0.0
	for k := 2; k <= longest; k++ {
		bound := z / math.Sqrt(float64(n))
		peak := r[k] >= r[k-1] && r[k] >= r[k+1]
		if peak && r[k] > bound && unbias(r[k], k, n) > bestR {
			best, bestR = k, unbias(r[k], k, n)
		}
	}
	if best == 1 {
		return 1
	}
	for _, h := range hints {
		if h >= 2 && h <= longest && r[h] > z/math.Sqrt(float64(n)) && unbias(r[h], h, n) >= 0.8*bestR {
			return h
		}
	}
	for k := 2; k < best; k++ { // the fundamental rather than a multiple
		if best%k == 0 && unbias(r[k], k, n) >= 0.8*bestR && r[k] >= r[k-1] && r[k] >= r[k+1] {
			return k
		}
	}
	return best
}

// unbias undoes the shrinking of the usual estimate at long lags.
func unbias(r float64, lag, n int) float64 { return r * float64(n) / float64(n-lag) }

// autocorrelation gives lags 0 to longest of a series of mean zero.
func autocorrelation(x []float64, longest int) []float64 {
	size := 1
	for size < 2*len(x) {
		size *= 2
	}
	padded := make([]float64, size)
	copy(padded, x)
	fft := fourier.NewFFT(size)
	c := fft.Coefficients(nil, padded)
	for i, v := range c {
		c[i] = complex(real(v)*real(v)+imag(v)*imag(v), 0)
	}
	full := fft.Sequence(nil, c)
	out := make([]float64, longest+1)
	for i := range out {
		out[i] = full[i] / full[0]
	}
	return out
}
