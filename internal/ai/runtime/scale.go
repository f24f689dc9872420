package runtime

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
)

// utilisation is how much of its slots a replica should use: the rest is for
// what comes before the next one is ready.
const utilisation = 0.75

// scaler decides how many replicas there are by the calls in flight: more at
// once, fewer when the load has been lower for a window (the stabilisation of
// Kubernetes' HPA), none when nobody has called for a while. It is pure but
// for what it remembers.
type scaler struct {
	at      time.Time // it was asked last
	begun   time.Time
	history []recommendation
}

type recommendation struct {
	at time.Time
	n  int
}

// demand is what a scaler is told.
type demand struct {
	mean     float64   // calls in flight, waiting ones included
	last     time.Time // a call was there last
	current  int
	min, max int
	slots    int           // of one replica
	idle     time.Duration // until zero, where min is 0
	window   time.Duration // of stabilisation
}

func (s *scaler) decide(now time.Time, d demand) int {
	if s.begun.IsZero() {
		s.begun = now
	}
	s.at = now
	last := d.last
	if last.Before(s.begun) {
		last = s.begun
	}
	if d.min == 0 && d.mean == 0 && now.Sub(last) >= d.idle {
		s.history = nil
		return 0
	}
	n := int(math.Ceil(d.mean / (utilisation * float64(max(d.slots, 1)))))
	n = min(max(n, d.min), d.max)
	if d.min == 0 && (d.current > 0 || d.mean > 0) {
		n = max(n, 1)
	}
	s.history = slices.DeleteFunc(s.history, func(r recommendation) bool { return now.Sub(r.at) >= d.window })
	s.history = append(s.history, recommendation{now, n})
	if n >= d.current {
		return n
	}
	for _, r := range s.history {
		n = max(n, r.n)
	}
	return min(n, d.current)
}

// desired is how many replicas of the revision that serves there should be.
// The caller holds mu.
func (s *service) desired(now time.Time) int {
	if s.rec.Replicas != nil {
		return *s.rec.Replicas
	}
	rev := s.serving()
	if rev == nil {
		return 0
	}
	m := rev.manifest
	if m.Runtime != plugin.Process {
		return 1
	}
	_, waiting := rev.pool.depths()
	fresh := s.scaler.at.IsZero()
	if !fresh && now.Sub(s.scaler.at) < s.rt.o.Timing.Tick && (s.wanted > 0 || waiting == 0) {
		return s.wanted
	}
	mean, last := rev.pool.taken(s.scaler.at)
	current := s.wanted
	if fresh {
		current = 0 // after a start, or a change of hands
		mean = max(mean, float64(len(s.of(rev.number)))*utilisation*float64(m.Scale.Concurrency))
	}
	n := s.scaler.decide(now, demand{
		mean: mean, last: last, current: current, min: m.MinReplicas(), max: m.MaxReplicas(), slots: m.Scale.Concurrency,
		idle: m.Scale.Idle.D(), window: s.rt.o.Timing.ScaleDown,
	})
	switch {
	case fresh:
	case n > s.wanted:
		s.rt.metrics.scaled.WithLabelValues(s.name, "up").Inc()
		s.note("", "ScaledUp", scaleMessage(s.wanted, n, mean))
	case n < s.wanted:
		s.rt.metrics.scaled.WithLabelValues(s.name, "down").Inc()
		s.note("", "ScaledDown", scaleMessage(s.wanted, n, mean))
	}
	return n
}

func scaleMessage(from, to int, mean float64) string {
	return fmt.Sprintf("from %d to %d replicas at %.1f calls in flight", from, to, mean)
}
