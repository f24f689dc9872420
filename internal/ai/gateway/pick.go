package gateway

import (
	"math/rand/v2"
	"slices"
	"time"
)

// target is a chosen replica, entered and let through by its breaker. The
// chooser owes it done (once) and replica.leave.
type target struct {
	*replica
	rev  *revision
	done func(error)
}

// pick chooses a target of the tier that is not in tried: the revision by
// smooth weighted round robin (as in nginx), the replica by the least
// outstanding of two random choices (Mitzenmacher, "The Power of Two Choices
// in Randomized Load Balancing", 2001). nil when there is none.
func (t *tier) pick(now time.Time, tried []*replica) *target {
	var space [8]*replica
	for {
		rev := t.revision(now, tried)
		if rev == nil {
			return nil
		}
		open := space[:0]
		for _, r := range rev.replicas {
			if r.available(now) && !slices.Contains(tried, r) {
				open = append(open, r)
			}
		}
		if len(open) == 0 {
			return nil
		}
		r := open[0]
		if len(open) > 1 {
			i := rand.IntN(len(open)) //nolint:gosec // load balancing is no secret
			j := rand.IntN(len(open) - 1)
			if j >= i {
				j++
			}
			r = open[i]
			if open[j].outstanding.Load() < r.outstanding.Load() {
				r = open[j]
			}
		}
		if r.enter() {
			if done, err := r.breaker.Allow(); err == nil {
				return &target{replica: r, rev: rev, done: done}
			}
			r.leave()
		}
		tried = append(slices.Clip(tried), r) // it closed in between: not that one
	}
}

// revision chooses among those that have an available replica left.
func (t *tier) revision(now time.Time, tried []*replica) *revision {
	usable := func(rev *revision) bool {
		return rev.weight > 0 && slices.ContainsFunc(rev.replicas, func(r *replica) bool {
			return r.available(now) && !slices.Contains(tried, r)
		})
	}
	if len(t.revisions) == 1 {
		if usable(t.revisions[0]) {
			return t.revisions[0]
		}
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var best *revision
	total := 0
	for _, rev := range t.revisions {
		if !usable(rev) {
			continue
		}
		rev.credit += rev.weight
		total += rev.weight
		if best == nil || rev.credit > best.credit {
			best = rev
		}
	}
	if best != nil {
		best.credit -= total
	}
	return best
}
