package pattern

import "math"

// rateTest gives the probability of a count as great as n2 in t2, given n1 in
// t1, if the second rate were no more than factor times the first. Given the
// sum of two Poisson counts, the second is binomial: with n = n1+n2 and
// p = factor·t2 / (t1 + factor·t2), P(X >= n2). J. Przyborowski and H. Wilenski,
// "Homogeneity of results in testing samples from Poisson series", Biometrika
// 31, 1940. The test is exact and errs on the safe side.
func rateTest(n1, n2 int64, t1, t2, factor float64) float64 {
	p := factor * t2 / (t1 + factor*t2)
	return binomialTail(n2, n1+n2, p)
}

// binomialTail is P(X >= k) of n trials with probability p: the regularised
// incomplete beta function I_p(k, n-k+1) (NIST DLMF 8.17.5).
func binomialTail(k, n int64, p float64) float64 {
	switch {
	case k <= 0 || p >= 1:
		return 1
	case k > n || p <= 0:
		return 0
	}
	return incompleteBeta(p, float64(k), float64(n-k+1))
}

// incompleteBeta is I_x(a, b) by its continued fraction (DLMF 8.17.22), by
// Lentz's method. It is written here because the command line, which mines
// patterns of a pipe, links no numerical library.
func incompleteBeta(x, a, b float64) float64 {
	if x > (a+1)/(a+b+2) { // the fraction converges fast below this point
		return 1 - incompleteBeta(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	f, c, d := 1.0, 1.0, 0.0
	for i := range 20_000 {
		m := float64(i / 2)
		var step float64
		switch {
		case i == 0:
			step = 1
		case i%2 == 0:
			step = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			step = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + step*d; math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		if c = 1 + step/c; math.Abs(c) < tiny {
			c = tiny
		}
		f *= c * d
		if math.Abs(1-c*d) < 1e-14 {
			break
		}
	}
	return min(1, max(0, front*(f-1)))
}
