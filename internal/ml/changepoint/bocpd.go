// Package changepoint finds the moments at which a series left what it was
// before, and how far it went.
//
// Segments are the most probable ones of Bayesian online change-point detection
// (Adams and MacKay, "Bayesian Online Changepoint Detection", arXiv:0710.3742,
// 2007) with a Student-t predictive distribution of unknown mean and variance.
// Shifts are scored as BARO's robust scorer does, by median and inter-quartile
// range of what was before (Pham, Ha and Zhang, "BARO: Robust Root Cause
// Analysis for Microservices via Multivariate Bayesian Online Change Point
// Detection", FSE 2024).
//
// It promises that equal series give equal answers, that gaps (NaN) are passed
// over and never filled, and that the cost is linear in the length times
// MaxRun. It knows nothing of time: places are indices.
package changepoint

import (
	"math"
	"slices"
)

// MaxRun bounds how long a run is told apart from a longer one, in points.
const MaxRun = 400

// hazard is the prior probability of a change at any one point: one in 100.
const hazard = 1.0 / 100

// Segment is a stretch of a series in which nothing changed: places From to
// To, To excluded.
type Segment struct {
	From, To int
	Median   float64
	// Within is how exactly From is known, in points: nine tenths of the
	// probability lie within so many of it.
	Within int
}

// Segments cuts a series where it changed; a series without finite values has
// none.
func Segments(y []float64) []Segment {
	places, x := finite(y)
	if len(x) == 0 {
		return nil
	}
	runs, spread := detect(standard(x))
	var out []Segment
	for end := len(x); end > 0; {
		from := max(end-runs[end-1], 0)
		seg := Segment{From: places[from], To: places[end-1] + 1, Median: Median(x[from:end]), Within: spread[end-1]}
		out = append(out, seg)
		end = from
	}
	slices.Reverse(out)
	return out
}

// finite gives the values that are numbers, and where they stand.
func finite(y []float64) (places []int, x []float64) {
	for i, v := range y {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			places, x = append(places, i), append(x, v)
		}
	}
	return places, x
}

// standard brings the noise of a series to 1. The noise is that of the
// differences between neighbours, which a shift hardly touches.
func standard(x []float64) []float64 {
	diffs := make([]float64, 0, len(x))
	for i := 1; i < len(x); i++ {
		diffs = append(diffs, math.Abs(x[i]-x[i-1]))
	}
	low, high := slices.Min(x), slices.Max(x)
	// 0.6745 is the median of |N(0,1)|; a difference has twice the variance.
	noise := Median(diffs) / 0.6745 / math.Sqrt2
	noise = max(noise, (high-low)*0.02)
	if noise == 0 || math.IsNaN(noise) {
		noise = 1
	}
	centre := Median(x)
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = (v - centre) / noise
	}
	return out
}

// state is what is known of a run: the parameters of its Normal-Gamma
// posterior.
type state struct{ mu, kappa, alpha, beta float64 }

// prior expects a level within some ten times the noise, and the noise to be
// about 1.
var prior = state{mu: 0, kappa: 0.01, alpha: 2, beta: 2} //nolint:gochecknoglobals // a constant that Go can't write as one

func (s state) seen(x float64) state {
	return state{
		mu: (s.kappa*s.mu + x) / (s.kappa + 1), kappa: s.kappa + 1, alpha: s.alpha + 0.5,
		beta: s.beta + s.kappa*(x-s.mu)*(x-s.mu)/(2*(s.kappa+1)),
	}
}

// logPredict is the logarithm of the Student-t density of x after the run.
func (s state) logPredict(x float64) float64 {
	df := 2 * s.alpha
	scale := s.beta * (s.kappa + 1) / (s.alpha * s.kappa)
	z := (x - s.mu) * (x - s.mu) / scale
	a, _ := math.Lgamma((df + 1) / 2)
	b, _ := math.Lgamma(df / 2)
	return a - b - 0.5*math.Log(df*math.Pi*scale) - (df+1)/2*math.Log1p(z/df)
}

// hopeless is the logarithm of a probability that will not become the greatest
// again: its run is not followed.
const hopeless = -40

// detect gives for every place the most probable length of the run that ends
// there, itself included, and how many points around its beginning hold nine
// tenths of the probability.
func detect(x []float64) (runs, spread []int) {
	runs, spread = make([]int, len(x)), make([]int, len(x))
	states := []state{prior}
	weights := []float64{0} // logarithms; weights[r] is of a run of r points so far
	next := make([]float64, 0, MaxRun+1)
	grow, change := math.Log1p(-hazard), math.Log(hazard)
	for i, v := range x {
		next = append(next[:0], math.Inf(-1))
		for r, w := range weights {
			if w < hopeless {
				next = append(next, math.Inf(-1))
				continue
			}
			p := w + states[r].logPredict(v)
			next = append(next, p+grow)
			next[0] = logAdd(next[0], p+change)
		}
		following := make([]state, 0, len(states)+1)
		following = append(following, prior)
		for _, s := range states {
			following = append(following, s.seen(v))
		}
		if len(next) > MaxRun { // what is longer counts as the longest
			last := logAdd(next[MaxRun-1], next[MaxRun])
			next, following = next[:MaxRun], following[:MaxRun]
			next[MaxRun-1] = last
		}
		total := math.Inf(-1)
		for _, w := range next {
			total = logAdd(total, w)
		}
		for r := range next {
			next[r] -= total
		}
		weights, next = append(weights[:0], next...), next[:0]
		states = following
		best := 1
		for r := 1; r < len(weights); r++ {
			if weights[r] > weights[best] {
				best = r
			}
		}
		runs[i], spread[i] = best, around(weights, best)
	}
	return runs, spread
}

// around is the least k for which the runs within k of best hold nine tenths.
func around(weights []float64, best int) int {
	mass := math.Exp(weights[best])
	for k := 1; ; k++ {
		if mass >= 0.9 {
			return k - 1
		}
		low, high := best-k, best+k
		if low < 1 && high >= len(weights) {
			return k
		}
		if low >= 1 {
			mass += math.Exp(weights[low])
		}
		if high < len(weights) {
			mass += math.Exp(weights[high])
		}
	}
}

func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
