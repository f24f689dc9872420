package forecast

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ml/classic"
)

func TestClassicSeries(t *testing.T) {
	for _, c := range []struct {
		name string
		y    []float64
		m    int
		mase float64 // on the last year or decade, which the model never saw
	}{
		{"AirPassengers", classic.AirPassengers(), 12, 1.3},
		{"USAccDeaths", classic.AccidentalDeaths(), 12, 0.8},
		{"Nile", classic.Nile(), 1, 1.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := max(c.m, 10)
			n := len(c.y) - h
			r, err := Run(t.Context(), c.y[:n], Options{Horizon: h, Season: c.m, Levels: []float64{80, 95}})
			require.NoError(t, err)
			var mae float64
			for j, s := range r.Steps {
				mae += math.Abs(s.Mean-c.y[n+j]) / float64(h)
				require.Less(t, s.Intervals[1].Lower, s.Intervals[0].Lower)
				require.Less(t, s.Intervals[0].Upper, s.Intervals[1].Upper)
			}
			mase := mae / naiveError(c.y[:n], c.m)
			t.Log(r.Model, r.Detail, "MASE", mase, "backtest", r.Backtest.MASE, r.Backtest.Coverage)
			require.Less(t, mase, c.mase)
			require.Equal(t, 5, r.Backtest.Folds)
			require.Len(t, r.Backtest.Candidates, 3)
		})
	}
}

// Over seeded series of three kinds, the intervals hold what they promise.
func TestCoverage(t *testing.T) {
	for _, c := range []struct {
		name string
		m    int
		make func(r *rand.Rand, n int) []float64
	}{
		{"random walk", 1, func(r *rand.Rand, n int) []float64 {
			y, l := make([]float64, n), 100.0
			for i := range y {
				l += r.NormFloat64()
				y[i] = l
			}
			return y
		}},
		{"level with noise of heavy tails", 1, func(r *rand.Rand, n int) []float64 {
			y, l := make([]float64, n), 50.0
			for i := range y {
				l += 0.3 * r.NormFloat64()
				y[i] = l + (r.ExpFloat64()-r.ExpFloat64())*2
			}
			return y
		}},
		{"season", 12, func(r *rand.Rand, n int) []float64 {
			y := make([]float64, n)
			for i := range y {
				y[i] = 200 + 0.5*float64(i) + 30*math.Sin(2*math.Pi*float64(i)/12) + 8*r.NormFloat64()
			}
			return y
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const n, h, series = 96, 8, 60
			levels := []float64{80, 95}
			inside := [2]float64{}
			for seed := range uint64(series) {
				y := c.make(rand.New(rand.NewPCG(seed, 11)), n+h)
				r, err := Run(t.Context(), y[:n], Options{Horizon: h, Season: c.m, Levels: levels})
				require.NoError(t, err)
				for j, s := range r.Steps {
					for k, in := range s.Intervals {
						if in.Lower <= y[n+j] && y[n+j] <= in.Upper {
							inside[k] += 100.0 / (series * h)
						}
					}
				}
			}
			t.Log(inside)
			require.InDelta(t, 80, inside[0], 9)
			require.InDelta(t, 95, inside[1], 5)
		})
	}
}

func TestEdges(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name string
		y    []float64
		err  error
	}{
		{"empty", nil, ErrShort},
		{"two", []float64{1, 2}, ErrShort},
		{"only gaps", []float64{nan, nan, nan, nan}, ErrShort},
		{"three", []float64{1, 2, 3}, nil},
		{"constant", []float64{4, 4, 4, 4, 4, 4, 4, 4}, nil},
		{"zeros", make([]float64, 30), nil},
		{"gaps", []float64{nan, 1, nan, 3, 4, nan, nan, 7, 8, nan}, nil},
		{"alternating signs", []float64{-1, 1, -1, 1, -1, 1, -1, 1, -1}, nil},
		{"huge", []float64{1e99, 2e99, 1e99, 3e99, 2e99}, nil},
		{"too huge", []float64{1e300, 2e300, -1e300, 3e300}, ErrRange},
		{"tiny", []float64{1e-300, 2e-300, 1e-300, 2e-300, 1e-300}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Run(t.Context(), c.y, Options{Horizon: 30, Season: 4, Levels: []float64{95}})
			require.ErrorIs(t, err, c.err)
			if err != nil {
				return
			}
			for _, s := range r.Steps {
				require.True(t, finite([]float64{s.Mean, s.Intervals[0].Lower, s.Intervals[0].Upper}), "%v", s)
			}
		})
	}
	r, err := Run(t.Context(), []float64{4, 4, 4, 4, 4, 4}, Options{Horizon: 2})
	require.NoError(t, err)
	require.InDelta(t, 4, r.Steps[1].Mean, 1e-9)
}

type broken struct{}

func (broken) Name() string { return "broken" }
func (broken) Fit(context.Context, []float64, int) (Fitted, error) {
	return nil, errors.New("always fails")
}

func TestCandidatesAreOpen(t *testing.T) {
	r, err := Run(t.Context(), classic.Nile(), Options{Candidates: append([]Model{broken{}}, Models()...)})
	require.NoError(t, err)
	require.EqualError(t, r.Backtest.Candidates[0].Err, "always fails")
	_, err = Run(t.Context(), classic.Nile(), Options{Candidates: []Model{broken{}}})
	require.ErrorContains(t, err, "always fails")
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, classic.Nile(), Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestOriginsStayInside(t *testing.T) {
	for n := 3; n < 80; n++ {
		for _, m := range []int{1, 4, 12} {
			for _, h := range []int{1, 12, 500} {
				train, horizon := origins(n, m, h, 5)
				for _, at := range train {
					require.GreaterOrEqual(t, at, 3)
					require.LessOrEqual(t, at+horizon, n)
				}
			}
		}
	}
}

func BenchmarkAirPassengers(b *testing.B) {
	y := classic.AirPassengers()
	for b.Loop() {
		if _, err := Run(context.Background(), y, Options{Horizon: 12, Season: 12, Levels: []float64{80, 95}}); err != nil {
			b.Fatal(err)
		}
	}
}
