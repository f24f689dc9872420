package ets

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ml/classic"
)

// R's ets() selects the same families; its AICc is 1400.6 on AirPassengers,
// with sixteen optimised starting states instead of our decomposed ones.
func TestSelects(t *testing.T) {
	for _, c := range []struct {
		name   string
		y      []float64
		m      int
		trend  []Kind
		season Kind
	}{
		{"AirPassengers", classic.AirPassengers(), 12, []Kind{Additive, Damped}, Multiplicative},
		{"USAccDeaths", classic.AccidentalDeaths(), 12, []Kind{None}, Additive},
		{"Nile", classic.Nile(), 1, []Kind{None}, None},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := Auto(t.Context(), c.y, c.m)
			require.NoError(t, err)
			t.Log(o.Form, o.AICc, o.Alpha, o.Beta, o.Gamma, o.Phi)
			require.Contains(t, c.trend, o.Form.Trend)
			require.Equal(t, c.season, o.Form.Season)
			again, err := Auto(t.Context(), c.y, c.m)
			require.NoError(t, err)
			require.Equal(t, o, again)
		})
	}
}

func TestHoldsOutLastYear(t *testing.T) {
	y := classic.AirPassengers()
	o, err := Auto(t.Context(), y[:132], 12)
	require.NoError(t, err)
	mean, sd := o.Forecast(12)
	var mae, scale float64
	for i, v := range mean {
		mae += math.Abs(v-y[132+i]) / 12
		require.Positive(t, sd[i])
	}
	for i := 12; i < 132; i++ {
		scale += math.Abs(y[i]-y[i-12]) / 120
	}
	require.Less(t, mae/scale, 1.3, "MASE with %s", o.Form)
}

func TestEdges(t *testing.T) {
	_, err := Auto(t.Context(), []float64{1, 2}, 1)
	require.ErrorIs(t, err, ErrShort)
	for _, y := range [][]float64{{7, 7, 7}, {0, 0, 0, 0}, {-1, 3, -2, 4, -1}, {1e12, 1e12 + 1, 1e12, 1e12 + 2}, {1, 2, 3}} {
		o, err := Auto(t.Context(), y, 1)
		require.NoError(t, err)
		mean, sd := o.Forecast(5)
		for i := range mean {
			require.False(t, math.IsNaN(mean[i]+sd[i]) || math.IsInf(mean[i]+sd[i], 0), "%v", y)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Auto(ctx, classic.Nile(), 1)
	require.ErrorIs(t, err, context.Canceled)
}

// The variance of a local level model is known: sigma² (1 + (h-1) alpha²).
func TestVarianceOfLocalLevel(t *testing.T) {
	o, err := Fit(classic.Nile(), 1, Form{Additive, None, None})
	require.NoError(t, err)
	_, sd := o.Forecast(10)
	require.InEpsilon(t, math.Sqrt(o.Sigma2*(1+9*o.Alpha*o.Alpha)), sd[9], 1e-9)
}

func BenchmarkAuto(b *testing.B) {
	y := classic.AirPassengers()
	for b.Loop() {
		if _, err := Auto(context.Background(), y, 12); err != nil {
			b.Fatal(err)
		}
	}
}
