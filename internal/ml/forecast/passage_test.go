package forecast

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
)

// walk is a forecast whose errors are a random walk (psi all 1) or white
// noise (psi 1, 0, 0, …), with a drift.
func walk(n int, start, drift, sd float64, white bool) []Step {
	z := distuv.UnitNormal.Quantile(0.9)
	steps := make([]Step, n)
	for j := range steps {
		s := sd
		if !white {
			s *= math.Sqrt(float64(j + 1))
		}
		m := start + drift*float64(j+1)
		steps[j] = Step{Mean: m, Intervals: []Interval{{95, m - 9, m + 9}, {80, m - z*s, m + z*s}}}
	}
	return steps
}

// TestPassageOfARandomWalk: the reflection principle gives the distribution
// of a driftless walk's first passage, P = 2(1 - Phi(a / (sd sqrt n))), with
// the continuity correction of Siegmund (1979) for discrete steps,
// a + 0.5826 sd.
func TestPassageOfARandomWalk(t *testing.T) {
	for _, n := range []int{50, 400} {
		for _, distance := range []float64{3, 8, 15} {
			p, err := FirstPassage(t.Context(), walk(n, 100, 0, 1, false), 100-distance, true, nil)
			require.NoError(t, err)
			want := 2 * (1 - distuv.UnitNormal.CDF((distance+0.5826)/math.Sqrt(float64(n))))
			require.InDelta(t, want, p.Probability, 0.035, "n %d, distance %g", n, distance)
		}
	}
}

// TestPassageOfNoise: with independent errors, 1 - Phi(a)^n.
func TestPassageOfNoise(t *testing.T) {
	p, err := FirstPassage(t.Context(), walk(100, 0, 0, 1, true), 2.5, false, []float64{0.1, 0.5})
	require.NoError(t, err)
	miss := distuv.UnitNormal.CDF(2.5)
	require.InDelta(t, 1-math.Pow(miss, 100), p.Probability, 0.035)
	require.InDelta(t, math.Log(0.9)/math.Log(miss), float64(p.Steps[0]), 4)
	require.Zero(t, p.Steps[1])
}

func TestPassageOfATrend(t *testing.T) {
	// Certain: 1 a step from 100 down to 40.5, without noise.
	p, err := FirstPassage(t.Context(), walk(100, 100, -1, 0, false), 40.5, true, []float64{0.1, 0.5, 0.9})
	require.NoError(t, err)
	require.Equal(t, Passage{Probability: 1, Steps: []int{60, 60, 60}}, p)
	p, err = FirstPassage(t.Context(), walk(100, 100, -1, 2, false), 40, true, []float64{0.1, 0.5, 0.9})
	require.NoError(t, err)
	require.Less(t, p.Steps[0], p.Steps[1])
	require.Less(t, p.Steps[1], p.Steps[2])
	require.InDelta(t, 60, p.Steps[1], 4)
	again, err := FirstPassage(t.Context(), walk(100, 100, -1, 2, false), 40, true, []float64{0.1, 0.5, 0.9})
	require.NoError(t, err)
	require.Equal(t, p, again)
	// The other way is never.
	p, err = FirstPassage(t.Context(), walk(100, 100, -1, 0, false), 200, false, []float64{0.5})
	require.NoError(t, err)
	require.Equal(t, Passage{Steps: []int{0}}, p)
	p, err = FirstPassage(t.Context(), nil, 0, true, []float64{0.5})
	require.NoError(t, err)
	require.Equal(t, []int{0}, p.Steps)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = FirstPassage(ctx, walk(10, 1, 0, 1, false), 0, true, nil)
	require.ErrorIs(t, err, context.Canceled)
}
