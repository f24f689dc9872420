package compare_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs/compare"
)

// TestExceedsIsTheBinomialTail sums the tail by hand.
func TestExceedsIsTheBinomialTail(t *testing.T) {
	tail := func(n, from int64, p float64) (sum float64) {
		for k := from; k <= n; k++ {
			a, _ := math.Lgamma(float64(n + 1))
			b, _ := math.Lgamma(float64(k + 1))
			c, _ := math.Lgamma(float64(n - k + 1))
			sum += math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log(1-p))
		}
		return sum
	}
	for _, c := range []struct {
		now, base                 int64
		nowTime, baseTime, factor float64
	}{{5, 3, 1, 1, 1}, {50, 10, 1, 1, 2}, {30, 200, 0.5, 24, 2}, {1, 0, 1, 1, 2}, {300, 100, 1, 1, 3}} {
		p := c.factor * c.nowTime / (c.factor*c.nowTime + c.baseTime)
		got := compare.Exceeds(c.now, c.base, c.nowTime, c.baseTime, c.factor)
		require.InDelta(t, tail(c.now+c.base, c.now, p), got, 1e-9, "%+v", c)
	}
	require.InDelta(t, 1, compare.Exceeds(0, 5, 1, 1, 2), 0)
	require.InDelta(t, 1, compare.Exceeds(5, 5, 1, 0, 2), 0)
}

// TestExceedsKeepsItsLevel: of processes that rose by just the factor, at most
// the nominal share is found.
func TestExceedsKeepsItsLevel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a reproducible test
	poisson := func(mean float64) (n int64) {
		for l, p := math.Exp(-mean), rnd.Float64(); p > l; p *= rnd.Float64() {
			n++
		}
		return n
	}
	found := 0
	const runs = 20_000
	for range runs {
		if compare.Exceeds(poisson(20), poisson(40), 1, 4, 2) <= 0.05 { // 20/h against 10/h
			found++
		}
	}
	require.Less(t, float64(found)/runs, 0.055)
	require.Greater(t, float64(found)/runs, 0.02, "and it is no blunter than an exact test has to be")
}

func TestDiscoveries(t *testing.T) {
	// The example of Benjamini and Hochberg's paper: four of fifteen at 5%.
	p := []float64{
		0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1,
	}
	for i, found := range compare.Discoveries(p, 0.05) {
		require.Equal(t, i < 4, found, "%d", i)
	}
	require.Empty(t, compare.Discoveries(nil, 0.05))
}

func pattern(id string, n int64, level string) api.LogPattern {
	return api.LogPattern{ID: id, Pattern: id + " <*>", Count: n, Levels: map[string]int64{level: n}}
}

func TestPatterns(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	window := api.LogSample{From: begin, To: begin.Add(time.Hour), Entries: 1000, Looked: 1000}
	baseline := api.LogSample{From: begin.Add(-4 * time.Hour), To: begin, Entries: 4000, Looked: 1000, Sampled: true}
	var pairs []compare.Pair
	pair := func(id string, now, base int64, level string) {
		pairs = append(pairs, compare.Pair{Now: pattern(id, now, level), Base: pattern(id, base, level)})
	}
	pair("new info", 9, 0, "info")
	pair("new error", 1, 0, "error")
	pair("gone", 0, 7, "warn")
	pair("surges", 90, 10, "error")
	pair("rises a little", 150, 100, "info")
	pair("rises by chance", 3, 1, "info")
	pair("falls", 10, 100, "info")
	pair("never was", 0, 0, "info")
	for i := range 50 {
		pair(fmt.Sprintf("steady %d", i), 100, 100, "info")
	}
	d := compare.Patterns(pairs, window, baseline, 2)
	ids := func(list []api.LogChange) (out []string) {
		for _, c := range list {
			out = append(out, c.ID)
		}
		return out
	}
	require.Equal(t, []string{"new error", "new info"}, ids(d.New), "the worst first")
	require.Equal(t, []string{"surges"}, ids(d.Surging))
	require.Equal(t, []string{"gone"}, ids(d.Gone))
	require.Equal(t, 53, d.Same)
	require.InDelta(t, 90, d.Surging[0].Rate, 1e-9)
	require.InDelta(t, 10, d.Surging[0].BaseRate, 1e-9, "a quarter of four hours was looked at: one hour")
	require.Less(t, *d.Surging[0].PValue, 1e-6)
	require.Equal(t, int64(7), d.Gone[0].Baseline)
	require.Zero(t, d.Gone[0].Count)
	require.Len(t, d.Warnings, 1, "the baseline was sampled")

	none := compare.Patterns(nil, window, api.LogSample{From: begin, To: begin}, 2)
	require.NotNil(t, none.New)
	require.Len(t, none.Warnings, 1)
}
