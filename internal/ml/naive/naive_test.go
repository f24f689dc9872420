package naive

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForecast(t *testing.T) {
	o, err := Fit([]float64{1, 2, 3, 2, 3, 4}, 3)
	require.NoError(t, err)
	mean, sd := o.Forecast(4)
	require.Equal(t, []float64{2, 3, 4, 2}, mean)
	require.InDeltaSlice(t, []float64{1, 1, 1, math.Sqrt2}, sd, 1e-12)
	o, err = Fit([]float64{1, 5}, 12)
	require.NoError(t, err)
	mean, _ = o.Forecast(2)
	require.Equal(t, []float64{5, 5}, mean)
	_, err = Fit([]float64{1}, 1)
	require.ErrorIs(t, err, ErrShort)
}
