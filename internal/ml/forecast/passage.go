package forecast

import (
	"context"
	"math"
	"math/rand/v2"
	"sort"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/stat/distuv"
)

// Paths is how many futures FirstPassage plays: a quantile's rank is then
// exact to about one percent.
const Paths = 2000

// Passage says when a series first reaches a value.
type Passage struct {
	// Probability of reaching it within the steps.
	Probability float64
	// Steps has for each asked quantile q the least number of steps ahead (from
	// 1) by which a share q of the futures has reached it; 0 is none of them.
	Steps []int
}

// FirstPassage plays futures of a forecast and counts when each first reaches
// value, from above where falling is set, from below otherwise.
//
// A future is the mean plus an error. The error of step h is the sum of psi_j
// times the shock of step h-j (the random shock form of a linear model: Box,
// Jenkins, Reinsel & Ljung, Time Series Analysis, section 5.2; for exponential
// smoothing Hyndman, Koehler, Ord & Snyder 2008, Forecasting with Exponential
// Smoothing, chapter 6). Its variance is the shocks' times psi_0^2 + … +
// psi_(h-1)^2, so that the psi follow from the variances of the steps, taken
// as positive. The variances are those of the interval whose level is nearest
// to 80 percent: the past has calibrated it. Errors of neighbouring steps are
// thus as dependent as the model says, which the bounds of single steps alone
// do not tell: reading the passage off the bounds would be too late.
//
// Shocks are normal, with a fixed seed: the same forecast gives the same
// answer. The value that passes is an observation, noise and all. It returns
// ctx's error.
func FirstPassage(ctx context.Context, steps []Step, value float64, falling bool, quantiles []float64) (Passage, error) {
	n := len(steps)
	p := Passage{Steps: make([]int, len(quantiles))}
	if n == 0 {
		return p, nil
	}
	shock, psi := shocks(steps)
	size := 2 * n
	fft := fourier.NewFFT(size)
	transformed := fft.Coefficients(nil, append(psi, make([]float64, size-n)...))
	rng := rand.New(rand.NewPCG(0x61696374, uint64(n)))
	noise, errs := make([]float64, size), make([]float64, size)
	spectrum := make([]complex128, size/2+1)
	var first []int
	for path := range Paths {
		if path%64 == 0 && ctx.Err() != nil {
			return p, ctx.Err()
		}
		for j := range n {
			noise[j] = rng.NormFloat64() * shock
		}
		spectrum = fft.Coefficients(spectrum, noise)
		for k := range spectrum {
			spectrum[k] *= transformed[k]
		}
		errs = fft.Sequence(errs, spectrum)
		for j, s := range steps {
			v := s.Mean + errs[j]/float64(size) // gonum's transform is not normalised
			if falling && v <= value || !falling && v >= value {
				first = append(first, j+1)
				break
			}
		}
	}
	sort.Ints(first)
	p.Probability = float64(len(first)) / Paths
	for i, q := range quantiles {
		if rank := int(math.Ceil(q * Paths)); rank >= 1 && rank <= len(first) {
			p.Steps[i] = first[rank-1]
		}
	}
	return p, nil
}

// shocks gives the standard deviation of a shock and the weights psi.
func shocks(steps []Step) (shock float64, psi []float64) {
	n := len(steps)
	variance := make([]float64, n)
	for j, s := range steps {
		best := -1
		for k, in := range s.Intervals {
			if best < 0 || math.Abs(in.Level-80) < math.Abs(s.Intervals[best].Level-80) {
				best = k
			}
		}
		if best >= 0 {
			in := s.Intervals[best]
			sd := (in.Upper - in.Lower) / 2 / distuv.UnitNormal.Quantile(0.5+in.Level/200)
			variance[j] = sd * sd
		}
	}
	psi = make([]float64, n)
	psi[0] = 1
	if variance[0] <= 0 || math.IsInf(variance[0], 0) {
		return 0, psi
	}
	for j := 1; j < n; j++ {
		psi[j] = math.Sqrt(max(variance[j]-variance[j-1], 0) / variance[0])
	}
	return math.Sqrt(variance[0]), psi
}
