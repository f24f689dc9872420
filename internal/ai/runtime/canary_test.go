package runtime

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// simulate runs a canary over drawn calls: ratio is how much slower it is,
// errors the share that it fails; it gives the verdict and the canary's calls.
func simulate(seed uint64, ratio, errors, baseErrors float64, tail float64) (verdict, calls int) {
	r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // drawn numbers must be the same in every run
	now := time.Unix(0, 0)
	clock := func() time.Time { return now }
	stable, canary := newMeter(clock), newMeter(clock)
	j := newCanaryJudge(CanaryRules{}.withDefaults(), now)
	draw := func(f float64) time.Duration { // a latency as services have it: log-normal, 20 ms in the median
		return time.Duration(f * 20e6 * math.Exp(r.NormFloat64()*0.4))
	}
	for calls = 0; calls < 200_000; calls++ {
		now = now.Add(10 * time.Millisecond)
		if r.IntN(10) == 0 {
			f := ratio
			if r.Float64() < tail {
				f *= 8
			}
			canary.add(draw(f), r.Float64() < errors)
		} else {
			stable.add(draw(1), r.Float64() < baseErrors)
		}
		switch v := j.look(now, stable.peek(), canary.peek()); v {
		case canaryOpen:
		case canaryAgain:
			stable.reset()
			canary.reset()
		default:
			return v, canary.calls
		}
	}
	return canaryOpen, canary.calls
}

// peek looks without a copy: the judge does not keep what it is given.
func (m *meter) peek() observed { return observed{m.calls, m.errors, m.sample} }

func TestCanaryVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		ratio, errors, base, tail float64
		want                      int
	}{
		"equal":                    {1, 0, 0, 0, canaryPromote},
		"equal, with errors":       {1, 0.01, 0.01, 0, canaryPromote},
		"faster":                   {0.8, 0, 0, 0, canaryPromote},
		"20 % slower":              {1.2, 0, 0, 0, canaryRollBack},
		"twice as slow":            {2, 0, 0, 0, canaryRollBack},
		"errors":                   {1, 0.05, 0, 0, canaryRollBack},
		"more errors":              {1, 0.10, 0.02, 0, canaryRollBack},
		"slow for one in six":      {1, 0, 0, 0.17, canaryRollBack},
		"all of it":                {1, 1, 0, 0, canaryRollBack},
		"a bad base, same as ever": {1, 0.2, 0.2, 0, canaryPromote},
	} {
		t.Run(name, func(t *testing.T) {
			most := 0
			for seed := range uint64(20) {
				got, calls := simulate(seed, c.ratio, c.errors, c.base, c.tail)
				require.Equal(t, c.want, got, "seed %d after %d calls", seed, calls)
				most = max(most, calls)
			}
			t.Logf("after %d calls of the canary at most", most)
		})
	}
}

// The gateway keeps calls away from who fails five in a row, so that a canary
// which fails all of them never has the calls of a look.
func TestACanaryThatOnlyFailsNeedsFewCalls(t *testing.T) {
	now := time.Unix(0, 0)
	for name, c := range map[string]struct {
		stable, canary observed
		want           int
	}{
		"five of five":                      {observed{calls: 40}, observed{calls: 5, errors: 5}, canaryRollBack},
		"and the other fails as much":       {observed{calls: 40, errors: 40}, observed{calls: 5, errors: 5}, canaryOpen},
		"the other is hardly called":        {observed{calls: 5}, observed{calls: 5, errors: 5}, canaryOpen},
		"four of four":                      {observed{calls: 40}, observed{calls: 4, errors: 4}, canaryOpen},
		"one of five":                       {observed{calls: 40}, observed{calls: 5, errors: 1}, canaryOpen},
		"two of five, and one of a hundred": {observed{calls: 400, errors: 4}, observed{calls: 5, errors: 2}, canaryOpen},
	} {
		t.Run(name, func(t *testing.T) {
			j := newCanaryJudge(CanaryRules{}.withDefaults(), now)
			require.Equal(t, c.want, j.look(now, c.stable, c.canary), j.message)
		})
	}
}

// Canaries that are no worse are taken back in a hundredth of the cases at
// most, peeks included.
func TestPeeksAreNoWorseThanAllowed(t *testing.T) {
	wrong := 0
	const canaries = 400
	for seed := range uint64(canaries) {
		if got, _ := simulate(seed, 1, 0.2, 0.2, 0); got == canaryRollBack {
			wrong++
		}
	}
	require.LessOrEqual(t, wrong, canaries/100)
}

// A busy moment that hits the canary alone is forgiven.
func TestAMomentIsNoVerdict(t *testing.T) {
	now := time.Unix(0, 0)
	stable, canary := newMeter(time.Now), newMeter(time.Now)
	j := newCanaryJudge(CanaryRules{}.withDefaults(), now)
	r := rand.New(rand.NewPCG(1, 7)) //nolint:gosec // drawn numbers must be the same in every run
	again := 0
	for i := range 100_000 {
		now = now.Add(10 * time.Millisecond)
		f := 1.0
		if i < 110 { // a little longer than the first look
			f = 2
		}
		stable.add(time.Duration(20e6*math.Exp(r.NormFloat64()*0.4)), false)
		canary.add(time.Duration(f*20e6*math.Exp(r.NormFloat64()*0.4)), false)
		switch v := j.look(now, stable.peek(), canary.peek()); v {
		case canaryAgain:
			again++
			stable.reset()
			canary.reset()
		case canaryRollBack:
			t.Fatal(j.message)
		case canaryPromote:
			require.Positive(t, again)
			return
		}
	}
	t.Fatal("no verdict")
}

// The tests against tables and values computed elsewhere (R's fisher.test and
// wilcox.test with exact = FALSE).
func TestStatistics(t *testing.T) {
	require.InDelta(t, 0.2429, fisher(3, 4, 1, 4), 1e-4) // Fisher's tea: 17/70
	require.InDelta(t, 1.0/70, fisher(4, 4, 0, 4), 1e-9)
	require.InDelta(t, 1, fisher(0, 10, 5, 10), 1e-12)
	require.InDelta(t, 1, fisher(0, 10, 0, 10), 1e-12)
	a, b := []float64{1.1, 2.2, 3.3, 4.4, 5.5}, []float64{0.5, 1.0, 1.5, 2.0, 2.5}
	require.InDelta(t, 0.0473, mannWhitney(a, b), 1e-4) // U = 21, z = 8/sqrt(25*11/12)
	require.InDelta(t, 1, mannWhitney([]float64{1, 1}, []float64{1, 1}), 1e-12)
	require.Greater(t, mannWhitney(b, a), 0.95)
	require.InDelta(t, 0.0297, upper(observed{calls: 100, errors: 0}, 0.0404), 0.002)
	require.Equal(t, 2, above([]float64{1, 2, 2, 3, 4}, 2))
}

func TestScalerDecides(t *testing.T) {
	now := time.Unix(1000, 0)
	s := &scaler{}
	d := demand{min: 1, max: 10, slots: 4, window: time.Minute, current: 1}
	step := func(after time.Duration, mean float64) int {
		now = now.Add(after)
		d.mean = mean
		if mean > 0 {
			d.last = now
		}
		d.current = s.decide(now, d)
		return d.current
	}
	require.Equal(t, 1, step(0, 0))
	require.Equal(t, 1, step(time.Second, 3))
	require.Equal(t, 4, step(time.Second, 12), "more at once")
	require.Equal(t, 4, step(time.Second, 0), "fewer not at once")
	require.Equal(t, 4, step(50*time.Second, 5))
	require.Equal(t, 2, step(20*time.Second, 4), "what was needed within the window stays")
	require.Equal(t, 10, step(time.Second, 1000), "no more than max")
	require.Equal(t, 1, step(2*time.Minute, 0))

	s, d = &scaler{}, demand{min: 0, max: 2, slots: 4, window: time.Minute, idle: 10 * time.Second, current: 1}
	require.Equal(t, 1, step(0, 0))
	require.Equal(t, 1, step(9*time.Second, 0))
	require.Equal(t, 0, step(2*time.Second, 0), "nobody has called")
	require.Equal(t, 1, step(time.Minute, 0.5), "somebody waits")
	require.Equal(t, 1, step(9*time.Second, 0))
	require.Equal(t, 0, step(2*time.Second, 0))
}

// A process that has just started is slower by what nobody notices: half of
// half a millisecond is none of the canary's fault.
func TestACanaryMayBeSlowerByWhatNobodyNotices(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	rules := CanaryRules{}.withDefaults()
	few := func(n int, of float64) (o observed) {
		for i := range n {
			o.latencies = append(o.latencies, of*(1+float64(i%10)/20))
		}
		o.calls = n
		return o
	}
	j := newCanaryJudge(rules, start)
	require.Equal(t, canaryPromote, j.look(start.Add(time.Minute), few(2000, 0.0005), few(400, 0.00075)), j.message)
	j = newCanaryJudge(rules, start)
	require.Equal(t, canaryAgain, j.look(start.Add(time.Minute), few(2000, 0.010), few(400, 0.015)), j.message)
}
