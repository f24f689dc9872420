package runtime

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// CanaryRules decide when a canary is promoted and when it is rolled back.
type CanaryRules struct {
	// Slower is the share by which a canary may be slower in the median before
	// it is too slow. Default 0.20; a slowdown that is certain is held against
	// it from half of that on.
	Slower float64
	// Least is a slowdown that nobody notices, whatever share it is: a process
	// that has just started is that much slower for a while. Default 1 ms.
	Least time.Duration
	// Errors is the share of errors that it may have more. Default 0.02.
	Errors float64
	// Alpha is the chance of a wrong verdict over the whole canary. Default
	// 0.01.
	Alpha float64
	// Calls of each revision before anything is judged. Default 100.
	Calls int
	// Duration is how long a canary lasts at least before it is promoted.
	// Default 10 s.
	Duration time.Duration
}

func (r CanaryRules) withDefaults() CanaryRules {
	set := func(f *float64, v float64) {
		if *f <= 0 {
			*f = v
		}
	}
	set(&r.Slower, 0.20)
	if r.Least <= 0 {
		r.Least = time.Millisecond
	}
	set(&r.Errors, 0.02)
	set(&r.Alpha, 0.01)
	if r.Calls <= 0 {
		r.Calls = 100
	}
	if r.Duration <= 0 {
		r.Duration = 10 * time.Second
	}
	return r
}

// The verdicts on a canary.
const (
	canaryOpen = iota
	canaryPromote
	canaryRollBack
	// canaryAgain asks for fresh calls: what was seen must be seen twice.
	canaryAgain
)

// canaryJudge compares a canary with the revision that serves. It looks when
// the number of the canary's calls has doubled, and the k-th look may err with
// probability alpha/(k(k+1)): with those of the peeks these sum to alpha
// however often it looks (the union bound; that looking again and again
// without it is no test at all: Johari, Koomen, Pekelis, Walsh, "Peeking at A/B Tests", KDD 2017).
//
// Errors are compared by Fisher's exact test ("The Design of Experiments",
// 1935), latencies by the rank test of Mann and Whitney ("On a test of whether
// one of two random variables is stochastically larger than the other", Ann.
// Math. Statist. 18, 1947) with the correction for ties, and the tails by
// Fisher's test of how many calls are slower than the 95th percentile of the
// revision that serves. A promotion needs more than no difference found: the
// same tests must show that the canary is not worse by more than the rules
// allow (non-inferiority).
type canaryJudge struct {
	rules CanaryRules
	begun time.Time
	looks int
	at    int  // calls of the canary at the next look
	peeks int  // looks at the errors alone, before there are enough calls for a look
	peek  int  // calls of the canary at the next peek
	slow  bool // it was found slower, and fresh calls are awaited
	// message is what was seen last, in one line.
	message string
}

func newCanaryJudge(rules CanaryRules, now time.Time) *canaryJudge {
	return &canaryJudge{rules: rules, begun: now, at: rules.Calls, peek: peekAfter, message: fmt.Sprintf("waiting for %d calls", rules.Calls)}
}

// look compares, when it is time to.
func (j *canaryJudge) look(now time.Time, stable, canary observed) int {
	if canary.calls < j.at || stable.calls < j.rules.Calls {
		if j.hopeless(stable, canary) {
			return canaryRollBack
		}
		return canaryOpen
	}
	j.looks++
	j.at = canary.calls * 2
	alpha := j.rules.Alpha * (1 - peekShare) / float64(j.looks*(j.looks+1))

	more := rate(canary) - rate(stable)
	pErrors := fisher(canary.errors, canary.calls, stable.errors, stable.calls)
	a, b := sorted(canary.latencies), sorted(stable.latencies)
	ratio, pSlower, pWithin := 1.0, 1.0, 1.0
	pTail, tail := 1.0, 0.0
	noticed := false
	least := j.rules.Least.Seconds()
	if len(a) >= 20 && len(b) >= 20 {
		ratio = quantile(a, 0.5) / math.Max(quantile(b, 0.5), 1e-9)
		pSlower = mannWhitney(a, b)
		noticed = quantile(a, 0.5)-quantile(b, 0.5) >= least
		pWithin = mannWhitney(slowed(b, 1+j.rules.Slower, least), a)
		limit := max(quantile(b, 0.95)*(1+j.rules.Slower/2), quantile(b, 0.95)+least)
		x, y := above(a, limit), above(b, limit)
		tail = float64(x) / float64(len(a))
		pTail = fisher(x, len(a), y, len(b))
	}
	j.message = fmt.Sprintf("%d calls against %d: errors %.1f %% against %.1f %% (p %.2g), median latency %+.0f %% (p %.2g)",
		canary.calls, stable.calls, 100*rate(canary), 100*rate(stable), pErrors, 100*(ratio-1), pSlower)
	switch {
	case pErrors < alpha && more > j.rules.Errors/2:
		j.message = "more errors: " + j.message
		return canaryRollBack
	case pSlower < alpha && ratio >= 1+j.rules.Slower/2 && noticed:
		j.message = "slower: " + j.message
		return j.confirm()
	case pTail < alpha && tail >= 0.10:
		j.message = fmt.Sprintf("slower for some: %.0f %% of its calls are beyond the 95th percentile of the other (p %.2g): %s", 100*tail, pTail, j.message)
		return j.confirm()
	case now.Sub(j.begun) >= j.rules.Duration && pWithin < alpha && upper(canary, alpha)-rate(stable) <= j.rules.Errors+rate(stable):
		j.message = "no worse: " + j.message
		return canaryPromote
	}
	j.slow = false
	if now.Sub(j.begun) < j.rules.Duration { // it was too early, not too little: look again soon
		j.at = canary.calls + max(canary.calls/8, 1)
	}
	return canaryOpen
}

// A peek compares the errors alone, from the fifth call of the canary on and
// against twenty of the other, and costs a tenth of the allowed errors of
// judgement.
const (
	peekAfter   = 5
	peekAgainst = 20
	peekShare   = 0.1
)

// hopeless says that the canary fails so much that it need not have all of its
// calls. It will not get them: after five failures in a row the gateway keeps
// calls away from it, and nobody would ever know how bad it is.
func (j *canaryJudge) hopeless(stable, canary observed) bool {
	if canary.calls < j.peek || stable.calls < peekAgainst {
		return false
	}
	j.peeks++
	j.peek = canary.calls * 2
	alpha := j.rules.Alpha * peekShare / float64(j.peeks*(j.peeks+1))
	p := fisher(canary.errors, canary.calls, stable.errors, stable.calls)
	if p >= alpha || rate(canary)-rate(stable) <= j.rules.Errors/2 {
		return false
	}
	j.message = fmt.Sprintf("more errors: %d of %d calls failed, against %d of %d (p %.2g)", canary.errors, canary.calls, stable.errors, stable.calls, p)
	return true
}

// rate is the share of errors.
func rate(o observed) float64 { return float64(o.errors) / float64(max(o.calls, 1)) }

// confirm is what follows when it was found slower.
func (j *canaryJudge) confirm() int {
	if j.slow {
		return canaryRollBack
	}
	j.slow, j.at = true, j.rules.Calls
	j.message = "it seems " + j.message + "; looking again"
	return canaryAgain
}

// fisher is the chance that a has so many more hits than b by luck (one-sided).
func fisher(hitsA, a, hitsB, b int) float64 {
	hits := hitsA + hitsB
	if hits == 0 || a == 0 || b == 0 {
		return 1
	}
	p := 0.0
	whole := choose(a+b, hits)
	for k := hitsA; k <= min(hits, a); k++ {
		if hits-k > b {
			continue
		}
		p += math.Exp(choose(a, k) + choose(b, hits-k) - whole)
	}
	return math.Min(p, 1)
}

// choose is the logarithm of the binomial coefficient.
func choose(n, k int) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return lg(n) - lg(k) - lg(n-k)
}

// mannWhitney is the chance that the sorted a lies above the sorted b as far
// as it does by luck (one-sided; normal approximation with ties and
// continuity: good from 20 values on).
func mannWhitney(a, b []float64) float64 {
	n, m := float64(len(a)), float64(len(b))
	u, ties := 0.0, 0.0
	for i, j := 0, 0; i < len(a) || j < len(b); {
		var v float64
		if j >= len(b) || i < len(a) && a[i] <= b[j] {
			v = a[i]
		} else {
			v = b[j]
		}
		i0, j0 := i, j
		for i < len(a) && a[i] == v {
			i++
		}
		for j < len(b) && b[j] == v {
			j++
		}
		x, y := float64(i-i0), float64(j-j0)
		u += x * (float64(j0) + y/2) // each of these is above j0 values of b, and level with y
		t := x + y
		ties += t*t*t - t
	}
	all := n + m
	variance := n * m / 12 * (all + 1 - ties/(all*(all-1)))
	if variance <= 0 {
		return 1
	}
	z := (u - n*m/2 - 0.5) / math.Sqrt(variance)
	return 1 - distuv.UnitNormal.CDF(z)
}

// upper is the upper confidence bound of the share of errors (Wilson,
// "Probable inference", JASA 22, 1927).
func upper(o observed, alpha float64) float64 {
	n := float64(max(o.calls, 1))
	p := float64(o.errors) / n
	z := distuv.UnitNormal.Quantile(1 - alpha)
	return (p + z*z/(2*n) + z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
}

func sorted(v []float64) []float64 {
	out := slices.Clone(v)
	slices.Sort(out)
	return out
}

func quantile(sorted []float64, q float64) float64 {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// slowed are the values as they may become: by a share, or by the least that
// counts.
func slowed(v []float64, f, least float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = max(v[i]*f, v[i]+least)
	}
	return out
}

// above counts the values of a sorted list that are over a limit.
func above(sorted []float64, limit float64) int {
	i, _ := slices.BinarySearchFunc(sorted, limit, func(v, l float64) int {
		if v <= l {
			return -1
		}
		return 1
	})
	return len(sorted) - i
}

// judgeCanary promotes or rolls back. The caller holds mu.
func (s *service) judgeCanary(now time.Time) {
	c := s.rec.Canary
	stable, canary := s.revisions[s.rec.Stable], s.revisions[c.Revision]
	if stable == nil || canary == nil || stable == canary {
		return
	}
	if s.judge == nil {
		s.judge = newCanaryJudge(s.rt.o.Rules, now)
		stable.pool.meter.reset()
		canary.pool.meter.reset()
	}
	for _, r := range s.of(c.Revision) {
		if st := r.snapshot(); st.state == CrashLoop {
			s.endCanary(false, fmt.Sprintf("replica %s does not stay up: %s", r.name, st.message))
			return
		}
	}
	switch before := s.judge.message; s.judge.look(now, stable.pool.meter.observed(), canary.pool.meter.observed()) {
	case canaryPromote:
		s.endCanary(true, s.judge.message)
	case canaryRollBack:
		s.endCanary(false, s.judge.message)
	case canaryAgain:
		stable.pool.meter.reset()
		canary.pool.meter.reset()
		s.tell()
	default:
		if s.judge.message != before {
			s.tell()
		}
	}
}

// endCanary makes the canary the one that is rolled out, or drops it.
func (s *service) endCanary(promote bool, why string) {
	number := s.rec.Canary.Revision
	outcome, reason := "rolled_back", "CanaryRolledBack"
	if promote {
		outcome, reason = "promoted", "CanaryPromoted"
		s.rec.Target = number
		s.rec.Changed = s.rt.now().UTC()
	}
	s.rec.Canary, s.judge = nil, nil
	s.rec.Generation++
	s.best, s.progress = 0, s.rt.now()
	s.note("", reason, fmt.Sprintf("revision %d: %s", number, why))
	s.rt.metrics.rollouts.WithLabelValues(s.name, outcome).Inc()
	s.rt.o.Logger.Info("a canary has ended", "service", s.name, "revision", number, "outcome", outcome, "why", why)
	s.save()
	s.tell()
	s.wake()
}
