package runtime

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// reconcile does the next step from what is to what was asked for.
func (s *service) reconcile() {
	select {
	case <-s.stop:
		return
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.rt.now()
	s.wanted = s.desired(now)
	s.steps(now)
	s.route()
	if s.observed != s.rec.Generation {
		s.observed = s.rec.Generation
		s.tell()
	}
	s.measure()
}

// steps starts and stops what must be.
func (s *service) steps(now time.Time) {
	need := map[int]int{}
	target, stable := s.revisions[s.rec.Target], s.revisions[s.rec.Stable]
	if stable != nil {
		need[stable.number] = s.wanted
	}
	rolling := target != nil && target != stable
	switch {
	case rolling && s.rec.Paused:
		need[target.number] = len(s.of(target.number)) // no further, and not back
	case rolling:
		need[target.number] = s.rolloutSize()
		if stable == nil && s.rec.Replicas == nil { // it serves already, for want of another
			need[target.number] = max(need[target.number], s.wanted)
		}
	}
	if c := s.rec.Canary; c != nil && s.revisions[c.Revision] != nil {
		need[c.Revision] = max(need[c.Revision], max(1, (s.wanted*c.Weight+99)/100))
		if stable != nil {
			need[stable.number] = max(need[stable.number], 1)
		}
		if s.rec.Replicas != nil && *s.rec.Replicas == 0 {
			need[c.Revision] = 0
		}
	}
	for _, n := range slices.Sorted(maps.Keys(need)) {
		s.adjust(s.revisions[n], need[n])
	}
	for _, r := range s.replicas {
		if _, ok := need[r.rev.number]; !ok {
			r.stop()
		}
	}
	s.retire(need)
	if rolling && !s.rec.Paused {
		s.rollout(target, stable, need[target.number], now)
	}
	if s.rec.Canary != nil {
		s.judgeCanary(now)
	}
	s.forget(need)
}

// retire sends late calls of revisions that are not needed to the one that
// serves.
func (s *service) retire(need map[int]int) {
	serving := s.serving()
	for n, v := range s.revisions {
		if _, ok := need[n]; ok || serving == nil || v == serving {
			v.pool.retire(nil)
		} else {
			v.pool.retire(serving.pool)
		}
	}
	if serving != nil && s.rec.Replicas != nil && *s.rec.Replicas == 0 {
		serving.pool.breakUp(fail.New(fail.Unavailable, "service %s is scaled to 0", s.name).
			Hint("aictl deploy scale service/%s 1", s.name))
	}
}

// serving is the revision that answers calls; before the first has been rolled
// out, the one that will.
func (s *service) serving() *revision {
	if v := s.revisions[s.rec.Stable]; v != nil {
		return v
	}
	return s.revisions[s.rec.Target]
}

// forget drops the revisions that nothing speaks of and that have no replica.
func (s *service) forget(need map[int]int) {
	keep := s.numbers()
	for n := range s.revisions {
		if _, ok := need[n]; ok || slices.Contains(keep, n) || slices.ContainsFunc(s.replicas, func(r *replica) bool { return r.rev.number == n }) {
			continue
		}
		delete(s.revisions, n)
		s.rt.metrics.queued.DeleteLabelValues(s.name, strconv.Itoa(n))
	}
}

// rolloutSize is how many replicas of a new revision must be ready before it
// takes over. One is tried even where none is wanted now.
func (s *service) rolloutSize() int {
	if s.rec.Replicas != nil {
		return *s.rec.Replicas
	}
	rev := s.revisions[s.rec.Target]
	return max(1, rev.manifest.MinReplicas(), min(s.wanted, rev.manifest.MaxReplicas()))
}

// rollout moves the traffic when the target is ready.
func (s *service) rollout(target, stable *revision, need int, now time.Time) {
	least := s.rt.o.Timing.MinReady
	if stable == nil {
		least = 0
	}
	n := s.available(target.number, least, now)
	if n > s.best {
		s.best, s.progress = n, now
	}
	if n < need {
		return
	}
	s.rec.Stable = target.number
	if r := s.rec.find(target.number); r != nil {
		r.Good = true
	}
	s.scaler = scaler{}
	if stable != nil { // the queue of the one that goes moves with its callers: they are told, and come again by the route
		s.note("", "RolledOut", fmt.Sprintf("revision %d has taken over from revision %d", target.number, stable.number))
	} else {
		s.note("", "RolledOut", fmt.Sprintf("revision %d serves", target.number))
	}
	s.rt.metrics.rollouts.WithLabelValues(s.name, "complete").Inc()
	s.save()
	s.tell()
	s.wake()
}

// save writes what the runtime itself has changed of the record. A store that
// is away is no reason to stop serving: it is written at the next change.
func (s *service) save() {
	before := s.rec.Serial
	s.rec.Serial++
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	if err := s.rt.o.Store.SaveService(ctx, *s.rec.clone(), before); err != nil {
		s.rec.Serial = before
		s.rt.o.Logger.Error("the state of a service was not saved", "service", s.name, "error", err)
	}
}

// saveTimeout bounds one write of a record.
const saveTimeout = 5 * time.Second

// measure sets the gauges.
func (s *service) measure() {
	m := s.rt.metrics
	counts := map[string]map[State]int{}
	for n, v := range s.revisions {
		name := strconv.Itoa(n)
		counts[name] = map[State]int{}
		_, waiting := v.pool.depths()
		m.queued.WithLabelValues(s.name, name).Set(float64(waiting))
	}
	for _, r := range s.replicas {
		if c := counts[r.rev.name]; c != nil {
			c[r.snapshot().state]++
		}
	}
	for name, c := range counts {
		for _, state := range States {
			if state == Stopped {
				continue
			}
			m.replicas.WithLabelValues(s.name, name, string(state)).Set(float64(c[state]))
		}
	}
}
