package changepoint

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func noise(r *rand.Rand, n int, level, sd float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = level + sd*r.NormFloat64()
	}
	return out
}

func TestFindsAStep(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		at := 40 + r.IntN(100)
		y := slices.Concat(noise(r, at, 10, 1), noise(r, 60, 20, 1))
		s, ok := Find(y, len(y)-1, 0.1, true, true)
		require.True(t, ok, "seed %d", seed)
		require.InDelta(t, at, s.Onset, 2, "seed %d", seed)
		require.InDelta(t, 10, s.Before, 1)
		require.InDelta(t, 20, s.After, 1)
		require.True(t, s.Lasts)
		require.Greater(t, s.Score, 5.0)
		_, ok = Find(y, len(y)-1, 0.1, false, true)
		require.False(t, ok, "it rises")
	}
}

func TestNoiseHasNoShift(t *testing.T) {
	wrong := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		y := noise(r, 150, 5, 1)
		if _, ok := Find(y, len(y)-1, 0.1, true, true); ok {
			wrong++
		}
	}
	require.LessOrEqual(t, wrong, 6, "two in a hundred")
}

func TestARampBeginsWhereItLeaves(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		y := noise(r, 200, 100, 1)
		for i := 100; i < 200; i++ {
			y[i] += float64(i-100) * 0.5
		}
		s, ok := Find(y, 199, 1, true, true)
		require.True(t, ok)
		require.Greater(t, s.Onset, 95, "seed %d", seed)
		require.Less(t, s.Onset, 130, "seed %d", seed)
	}
}

func TestASpikeThatEndedIsFoundWhereItWas(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	y := slices.Concat(noise(r, 80, 0.01, 0.002), noise(r, 20, 0.4, 0.02), noise(r, 60, 0.01, 0.002))
	s, ok := Find(y, 90, 0.01, true, true)
	require.True(t, ok)
	require.InDelta(t, 80, s.Onset, 2)
	require.False(t, s.Lasts)
	_, ok = Find(y, 159, 0.01, true, true)
	require.False(t, ok, "at the end all is as before")
}

func TestGapsArePassedOver(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	y := slices.Concat(noise(r, 60, 1, 0.1), noise(r, 60, 5, 0.1))
	for i := range y {
		if i%4 == 0 {
			y[i] = math.NaN()
		}
	}
	s, ok := Find(y, 119, 0.1, true, true)
	require.True(t, ok)
	require.InDelta(t, 60, s.Onset, 2)
	_, ok = Find([]float64{math.NaN(), math.Inf(1), math.NaN()}, 2, 0.1, true, true)
	require.False(t, ok)
	require.Empty(t, Segments(nil))
	_, ok = Find(nil, 0, 0.1, true, true)
	require.False(t, ok)
}

func TestAFlatSeriesThatJumps(t *testing.T) {
	y := make([]float64, 100)
	for i := 70; i < 100; i++ {
		y[i] = 0.3
	}
	s, ok := Find(y, 99, 0.01, true, false)
	require.True(t, ok)
	require.Equal(t, 70, s.Onset)
	require.InDelta(t, 30, s.Score, 0.01)
}

func TestScore(t *testing.T) {
	require.InDelta(t, 10, Score([]float64{1, 2, 3, 4, 5}, []float64{23}, 0), 1e-9)
	require.Zero(t, Score(nil, []float64{1}, 1))
	require.LessOrEqual(t, Score([]float64{1, 1, 1, 1}, []float64{2}, 0), float64(maxScore))
}

func FuzzSegments(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 255, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		y := make([]float64, len(in))
		for i, b := range in {
			switch b {
			case 0:
				y[i] = math.NaN()
			case 255:
				y[i] = math.Inf(1)
			case 254:
				y[i] = 1e300
			default:
				y[i] = float64(b)
			}
		}
		last := 0
		for _, s := range Segments(y) {
			require.GreaterOrEqual(t, s.From, last)
			require.Greater(t, s.To, s.From)
			require.LessOrEqual(t, s.To, len(y))
			last = s.To
		}
		Find(y, len(y)/2, 0.1, true, true)
	})
}

func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	y := slices.Concat(noise(r, 180, 1, 0.1), noise(r, 60, 3, 0.1))
	for b.Loop() {
		Find(y, 239, 0.1, true, true)
	}
}
