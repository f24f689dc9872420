package pattern

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/aictl/aictl/internal/api"
)

var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func entry(i int, level, service, message string) *api.LogEntry {
	return &api.LogEntry{Time: start.Add(time.Duration(i) * time.Second), Level: level, Service: service, Message: message}
}

func TestPatterns(t *testing.T) {
	m := New(Options{})
	m.Add(entry(5, "error", "chat", "request 17 timed out after 35ms\n\tat x"))
	m.Add(entry(3, "warn", "predict", "request 18 timed out after 1.5s"))
	m.Add(entry(9, "", "", "request 19 timed out after 2s"))
	m.Add(&api.LogEntry{Message: "ready", Level: "info"})
	require.Equal(t, []api.LogPattern{
		{
			ID: ID("request <*> timed out after <*>"), Pattern: "request <*> timed out after <*>", Count: 3,
			First: start.Add(3 * time.Second), Last: start.Add(9 * time.Second),
			Levels: map[string]int64{"error": 1, "warn": 1}, Services: map[string]int64{"chat": 1, "predict": 1},
			Example: "request 17 timed out after 35ms",
		},
		{ID: ID("ready"), Pattern: "ready", Count: 1, Levels: map[string]int64{"info": 1}, Example: "ready"},
	}, m.Patterns())
	require.Len(t, ID("ready"), 12)
}

func TestBoundsAndMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"alpha", "beta", "gamma", "delta", "eps"}
	one, parts := New(Options{}), []*Miner{New(Options{}), New(Options{})}
	small := New(Options{MaxPatterns: 5})
	for i := range 3000 {
		e := entry(i, "info", fmt.Sprintf("s%d", i%300), fmt.Sprintf("%s %s did %d things", words[r.IntN(5)], words[r.IntN(5)], i))
		one.Add(e)
		parts[i%2].Add(e)
		small.Add(e)
	}
	parts[0].Merge(parts[1])
	require.EqualValues(t, 3000, parts[0].Entries())
	sum := func(m *Miner) (n int64) {
		for _, p := range m.Patterns() {
			n += p.Count
			require.LessOrEqual(t, len(p.Services), maxServices+1)
		}
		return n
	}
	require.EqualValues(t, 3000, sum(one))
	require.EqualValues(t, 3000, sum(parts[0]))
	require.EqualValues(t, 3000, sum(small)+small.Dropped())
	a, b := one.Patterns(), parts[0].Patterns()
	require.Len(t, b, len(a))
	for i := range a {
		require.Equal(t, a[i].Pattern, b[i].Pattern)
		require.Equal(t, a[i].Count, b[i].Count)
	}
	tiny := New(Options{MaxPatterns: 2})
	tiny.Merge(one)
	require.EqualValues(t, 3000, sum(tiny)+tiny.Dropped())
}

func of(text string, n int64) api.LogPattern {
	return api.LogPattern{ID: ID(text), Pattern: text, Count: n, First: start, Last: start.Add(time.Duration(n)), Example: "example of " + text}
}

func names(list []api.LogChange) (out []string) {
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s %d→%d", c.Pattern, c.Baseline, c.Count))
	}
	return out
}

func TestCompare(t *testing.T) {
	hour := Window{Length: time.Hour}
	before := []api.LogPattern{
		of("user <*> logged in", 100), of("steady <*>", 1000), of("slow growth", 1000), of("old thing", 40), of("rare", 1), of("surge of <*>", 10),
	}
	after := []api.LogPattern{
		of("user bob logged in", 60), of("user eve logged in", 45), of("steady <*>", 1010), of("slow growth", 1900), of("new thing", 3), of("rare", 3), of("surge of <*>", 90),
	}
	got := Compare(before, after, hour, hour, 0)
	require.Equal(t, []string{"new thing 0→3"}, names(got.New))
	require.Equal(t, []string{"surge of <*> 10→90"}, names(got.Surging))
	require.Equal(t, []string{"old thing 40→0"}, names(got.Gone))
	require.Equal(t, 4, got.Same)
	surge := got.Surging[0]
	require.InDelta(t, 90, surge.Rate, 1e-9)
	require.InDelta(t, 10, surge.BaseRate, 1e-9)
	require.Less(t, *surge.PValue, 1e-4)
	require.Equal(t, ID("surge of <*>"), surge.ID)
	require.Nil(t, got.Gone[0].PValue)
	require.Equal(t, "example of old thing", got.Gone[0].Example)
	require.InDelta(t, 8.0/27, *got.New[0].PValue, 1e-12)

	// Twice as much in twice the time is no surge; 1900 against 1000 is one at
	// a factor of 1.
	require.Empty(t, Compare(before, after, hour, Window{Length: 10 * time.Hour}, 1).Surging)
	require.Len(t, Compare(before, after, hour, hour, 1).Surging, 2)
	// A tenth of the entries was looked at.
	sampled := Compare(before, after, hour, Window{Length: time.Hour, Looked: 0.1}, 2)
	require.InDelta(t, 900, sampled.Surging[0].Rate, 1e-9)
	require.Len(t, sampled.Surging, 4, "rare has too few to tell")

	empty := Compare(nil, nil, hour, hour, 2)
	require.Zero(t, empty.Same+len(empty.New)+len(empty.Gone)+len(empty.Surging))
}

// TestCompareTwoMiners mines both windows apart: one has seen more values.
func TestCompareTwoMiners(t *testing.T) {
	before, after := New(Options{}), New(Options{})
	for i := range 50 {
		before.Add(entry(i, "info", "s", fmt.Sprintf("session of user %s opened on host %d", []string{"ann", "bob"}[i%2], i)))
		after.Add(entry(i, "info", "s", fmt.Sprintf("session of user ann opened on host %d", i)))
		after.Add(entry(i, "error", "s", fmt.Sprintf("cannot reach upstream %d", i)))
	}
	got := Compare(before.Patterns(), after.Patterns(), Window{Length: time.Hour}, Window{Length: time.Hour}, 2)
	require.Equal(t, []string{"cannot reach upstream <*> 0→50"}, names(got.New))
	require.Empty(t, got.Gone)
	require.Empty(t, got.Surging)
	require.Equal(t, 1, got.Same)
	back := Compare(after.Patterns(), before.Patterns(), Window{Length: time.Hour}, Window{Length: time.Hour}, 2)
	require.Equal(t, []string{"cannot reach upstream <*> 50→0"}, names(back.Gone))
	require.Equal(t, 1, back.Same)
}

// TestCompareKeepsCounts holds that every entry is in one list or in Same,
// whatever the order of the patterns.
func TestCompareKeepsCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	words := []string{"a", "b", "<*>"}
	random := func() (out []api.LogPattern) {
		seen := map[string]bool{}
		for range 30 {
			text := words[r.IntN(3)] + " " + words[r.IntN(3)] + " " + words[r.IntN(3)] + " x=" + words[r.IntN(3)]
			if !seen[text] {
				seen[text] = true
				out = append(out, of(text, 1+r.Int64N(50)))
			}
		}
		return out
	}
	for range 50 {
		before, after := random(), random()
		got := Compare(before, after, Window{Length: time.Hour}, Window{Length: time.Hour}, 1)
		var total, listed int64
		for _, p := range append(append([]api.LogPattern(nil), before...), after...) {
			total += p.Count
		}
		for _, g := range match(before, after) {
			listed += g.before.Count + g.after.Count
		}
		require.Equal(t, total, listed)
		r.Shuffle(len(before), func(i, j int) { before[i], before[j] = before[j], before[i] })
		require.Equal(t, got, Compare(before, after, Window{Length: time.Hour}, Window{Length: time.Hour}, 1))
	}
}

func TestIncompleteBeta(t *testing.T) {
	for _, x := range []float64{1e-9, 0.01, 0.3, 0.5, 0.8, 0.999} {
		for _, a := range []float64{0.5, 1, 3, 40, 1e4, 2e6} {
			for _, b := range []float64{0.5, 1, 7, 500, 1e5} {
				want := mathext.RegIncBeta(a, b, x)
				require.InDelta(t, want, incompleteBeta(x, a, b), 1e-8+1e-6*want, "%v %v %v", x, a, b)
			}
		}
	}
	require.InDelta(t, 1-distuv.Binomial{N: 40, P: 0.3}.CDF(11), binomialTail(12, 40, 0.3), 1e-12)
	require.InDelta(t, 1, binomialTail(0, 5, 0.5), 0)
	require.InDelta(t, 0, binomialTail(6, 5, 0.5), 0)
}

// TestRateTestIsHonest: where the rate is exactly factor times the other, p is
// below 5 % in at most about 5 % of all draws.
func TestRateTestIsHonest(t *testing.T) {
	src := rand.New(rand.NewPCG(9, 9))
	for _, mean := range []float64{2, 30, 400} {
		a, b := distuv.Poisson{Lambda: mean, Src: src}, distuv.Poisson{Lambda: mean * 2 * 3, Src: src}
		low := 0
		const n = 4000
		for range n {
			if rateTest(int64(a.Rand()), int64(b.Rand()), 1, 3, 2) < 0.05 {
				low++
			}
		}
		require.Less(t, float64(low)/n, 0.06, "mean %v", mean)
	}
}

func BenchmarkAdd(b *testing.B) {
	m := New(Options{})
	e := entry(1, "info", "chat", "request 17 of user bob timed out after 35ms on node-3.example.com")
	b.ReportAllocs()
	for b.Loop() {
		m.Add(e)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
