package anomaly

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ml/classic"
)

func flagged(points []Point) []int {
	out := []int{}
	for i, p := range points {
		if p.Anomaly {
			out = append(out, i)
		}
	}
	return out
}

func TestFindsWhatWasPlanted(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	hours := make([]float64, 24*21)
	for i := range hours {
		hours[i] = 100 + 0.05*float64(i) + 20*math.Sin(2*math.Pi*float64(i)/24) + r.NormFloat64()
	}
	hours[100] += 15
	hours[333] -= 15
	hours[200] = math.NaN()
	passengers := classic.AccidentalDeaths()
	passengers[30] += 4000
	spike := make([]float64, 20)
	spike[7] = 5
	for _, c := range []struct {
		name   string
		y      []float64
		season int
		want   []int
	}{
		{"hours", hours, 24, []int{100, 333}},
		{"deaths", passengers, 12, []int{30}},
		{"constant", []float64{2, 2, 2, 2, 2, 2, 2, 2}, 1, []int{}},
		{"constant with a spike", spike, 1, []int{7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			points, err := Detect(t.Context(), c.y, c.season, 99)
			require.NoError(t, err)
			require.Equal(t, c.want, flagged(points))
			for i, p := range points {
				require.False(t, math.IsNaN(p.Expected+p.Lower+p.Upper+p.Score), "%d", i)
				if !math.IsNaN(c.y[i]) {
					outside := c.y[i] < p.Lower || c.y[i] > p.Upper
					require.Equal(t, p.Anomaly, outside, "%d: %v %v", i, c.y[i], p)
				}
			}
		})
	}
}

func TestFalseAlarms(t *testing.T) {
	alarms := 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		y := make([]float64, 200)
		for i := range y {
			y[i] = r.NormFloat64()
		}
		points, err := Detect(t.Context(), y, 1, 99)
		require.NoError(t, err)
		if len(flagged(points)) > 0 {
			alarms++
		}
	}
	require.LessOrEqual(t, alarms, 15, "series of a hundred with an alarm")
}

func TestErrors(t *testing.T) {
	_, err := Detect(t.Context(), []float64{1, 2, 3, math.NaN(), 4, 5, 6}, 1, 99)
	require.ErrorIs(t, err, ErrShort)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Detect(ctx, classic.Nile(), 1, 99)
	require.ErrorIs(t, err, context.Canceled)
}
