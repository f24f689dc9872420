package neldermead

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMinimize(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(x []float64) float64
		want []float64
	}{
		{"bowl", func(x []float64) float64 { return (x[0]-1)*(x[0]-1) + 3*(x[1]+2)*(x[1]+2) }, []float64{1, -2}},
		{"Rosenbrock", func(x []float64) float64 {
			a, b := 1-x[0], x[1]-x[0]*x[0]
			return a*a + 100*b*b
		}, []float64{1, 1}},
		{"minimum outside the box", func(x []float64) float64 { return (x[0]-9)*(x[0]-9) + x[1]*x[1] }, []float64{5, 0}},
		{"undefined in half the box", func(x []float64) float64 {
			if x[0] < 0 {
				return math.NaN()
			}
			return x[0] + x[1]*x[1]
		}, []float64{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Problem{Func: c.f, Lower: []float64{-5, -5}, Upper: []float64{5, 5}, MaxEval: 2000, Tolerance: 1e-14}
			x, _ := Minimize(p, []float64{2, 2})
			require.InDeltaSlice(t, c.want, x, 1e-3)
			again, _ := Minimize(p, []float64{2, 2})
			require.Equal(t, x, again)
		})
	}
}
