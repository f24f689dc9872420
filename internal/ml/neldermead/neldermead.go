// Package neldermead minimises a function of few variables inside a box,
// without derivatives.
//
// It is the simplex method of Nelder & Mead (1965), "A simplex method for
// function minimization", The Computer Journal 7(4). It promises to be
// deterministic and to allocate only at the start: a forecast fits dozens of
// models with a cost function of a few microseconds, where a general
// optimiser's bookkeeping would cost more than the models. It does not promise
// a global minimum.
package neldermead

import (
	"math"
	"sort"
)

// Problem is a function and its box.
type Problem struct {
	Func         func(x []float64) float64 // NaN counts as +Inf
	Lower, Upper []float64
	// MaxEval bounds the evaluations; Tolerance is the relative spread of the
	// simplex's values at which the search ends.
	MaxEval   int
	Tolerance float64
}

type vertex struct {
	x []float64
	f float64
}

// Minimize searches from start and returns the best point and its value.
// Points outside the box are moved to its border.
func Minimize(p Problem, start []float64) (best []float64, value float64) {
	n := len(start)
	evals := 0
	eval := func(x []float64) float64 {
		evals++
		for i := range x {
			x[i] = min(max(x[i], p.Lower[i]), p.Upper[i])
		}
		if f := p.Func(x); !math.IsNaN(f) {
			return f
		}
		return math.Inf(1)
	}
	simplex := make([]vertex, n+1)
	for i := range simplex {
		x := append([]float64(nil), start...)
		if i > 0 {
			d := 0.15 * (p.Upper[i-1] - p.Lower[i-1])
			if x[i-1]+d > p.Upper[i-1] {
				d = -d
			}
			x[i-1] += d
		}
		simplex[i] = vertex{x, eval(x)}
	}
	centre, trial, trial2 := make([]float64, n), make([]float64, n), make([]float64, n)
	for {
		sort.SliceStable(simplex, func(a, b int) bool { return simplex[a].f < simplex[b].f })
		low, high := simplex[0].f, simplex[n].f
		if evals >= p.MaxEval || math.Abs(high-low) <= p.Tolerance*(math.Abs(low)+math.Abs(high)+1e-12) || n == 0 {
			return simplex[0].x, low
		}
		for i := range centre {
			centre[i] = 0
			for _, v := range simplex[:n] {
				centre[i] += v.x[i] / float64(n)
			}
		}
		worst := &simplex[n]
		move := func(dst []float64, by float64) float64 {
			for i := range dst {
				dst[i] = centre[i] + by*(worst.x[i]-centre[i])
			}
			return eval(dst)
		}
		f := move(trial, -1)
		switch {
		case f < low:
			if f2 := move(trial2, -2); f2 < f {
				copy(worst.x, trial2)
				worst.f = f2
			} else {
				copy(worst.x, trial)
				worst.f = f
			}
		case f < simplex[n-1].f:
			copy(worst.x, trial)
			worst.f = f
		default:
			by := 0.5
			if f < worst.f {
				by = -0.5
			}
			if f2 := move(trial2, by); f2 < min(f, worst.f) {
				copy(worst.x, trial2)
				worst.f = f2
				continue
			}
			for k := 1; k <= n; k++ {
				for i := range simplex[k].x {
					simplex[k].x[i] = (simplex[0].x[i] + simplex[k].x[i]) / 2
				}
				simplex[k].f = eval(simplex[k].x)
			}
		}
	}
}
