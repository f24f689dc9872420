// Package compare decides what changed between two windows of logs: which
// patterns are new, which come significantly more often, which are gone.
//
// It is pure: it is given counts and how much of each window was looked at,
// and gives a verdict that depends on nothing else.
package compare

import (
	"cmp"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Exceeds is the p-value of the hypothesis that the rate behind now is at most
// factor times the rate behind base, where now and base are the counts of two
// Poisson processes observed for nowTime and baseTime (in any one unit). It is
// the exact conditional test: given their sum, now is binomial with the
// probability factor·nowTime / (factor·nowTime + baseTime) at the border of the
// hypothesis (Przyborowski and Wilenski, "Homogeneity of results in testing
// samples from Poisson series", Biometrika 31, 1940). A small value says that
// the rate rose by more than the factor. It is 1 where nothing was observed.
func Exceeds(now, base int64, nowTime, baseTime, factor float64) float64 {
	if now <= 0 || nowTime <= 0 || baseTime <= 0 || factor <= 0 {
		return 1
	}
	p := factor * nowTime / (factor*nowTime + baseTime)
	// P(X >= now) of a binomial is the regularised incomplete beta function.
	return mathext.RegIncBeta(float64(now), float64(base+1), p)
}

// Discoveries tells which of the p-values are significant when the expected
// share of false ones among them is to be at most rate: the step-up procedure
// of Benjamini and Hochberg ("Controlling the false discovery rate", Journal
// of the Royal Statistical Society B 57, 1995).
func Discoveries(p []float64, rate float64) []bool {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	last := -1
	for k, i := range order {
		if p[i] <= float64(k+1)/float64(len(p))*rate {
			last = k
		}
	}
	out := make([]bool, len(p))
	for k := range last + 1 {
		out[order[k]] = true
	}
	return out
}
