package theta

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ml/classic"
)

// The figures are those of the R package forecTheta, stm and otm on Nile.
func TestAgreesWithReference(t *testing.T) {
	for _, c := range []struct {
		name string
		fit  func([]float64, int) (*Model, error)
		want []float64
	}{
		{"standard", FitStandard, []float64{807.9822, 806.6251, 805.2679}},
		{"optimised", Fit, []float64{805.5509, 802.8423, 800.1336}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := c.fit(classic.Nile(), 1)
			require.NoError(t, err)
			mean, sd := o.Forecast(3)
			require.InEpsilonSlice(t, c.want, mean, 2e-3)
			require.Less(t, sd[0], sd[2])
		})
	}
}

func TestEdges(t *testing.T) {
	_, err := Fit([]float64{1, 2}, 1)
	require.ErrorIs(t, err, ErrShort)
	o, err := Fit([]float64{5, 5, 5, 5, 5}, 1)
	require.NoError(t, err)
	mean, _ := o.Forecast(2)
	require.InDeltaSlice(t, []float64{5, 5}, mean, 1e-2)
	// A season with negative values is adjusted by differences.
	y := make([]float64, 24)
	for i := range y {
		y[i] = float64(i%4) - 2
	}
	o, err = Fit(y, 4)
	require.NoError(t, err)
	mean, _ = o.Forecast(4)
	require.InDeltaSlice(t, []float64{-2, -1, 0, 1}, mean, 0.1)
}
