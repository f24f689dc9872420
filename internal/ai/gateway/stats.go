package gateway

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// The window of Stats: statSlots slots of statSlot each.
const (
	statSlot    = 10 * time.Second
	statSlots   = 30
	statBuckets = 72 // latencies from 100 µs in steps of 25 %
	statErrors  = 20 // recent errors kept
)

// ServiceStats is what happened to one service in the last five minutes.
type ServiceStats struct {
	Service       string        `json:"service"`
	Requests      int64         `json:"requests"`
	Errors        int64         `json:"errors"`
	Canceled      int64         `json:"canceled"`
	P50           time.Duration `json:"p50"`
	P95           time.Duration `json:"p95"`
	P99           time.Duration `json:"p99"`
	InFlight      int           `json:"in_flight"`
	Queued        int           `json:"queued"`
	InputTokens   int64         `json:"input_tokens"`
	OutputTokens  int64         `json:"output_tokens"`
	RecentErrors  []RecentError `json:"recent_errors"`
	TotalRequests int64         `json:"total_requests"` // since the start
	TotalErrors   int64         `json:"total_errors"`
}

// RecentError is one failed call. Newest last.
type RecentError struct {
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	Target    string    `json:"target"`
	Code      fail.Code `json:"code"`
	Message   string    `json:"message"`
}

type slot struct {
	epoch                               int64
	requests, errors, canceled, in, out int64
	latency                             [statBuckets]uint32
}

type stats struct {
	now           func() time.Time
	mu            sync.Mutex // guards what follows
	slots         [statSlots]slot
	recent        []RecentError
	total, failed int64
}

func newStats(now func() time.Time) *stats { return &stats{now: now} }

func bucketOf(d time.Duration) int {
	i := int(math.Log(float64(d)/float64(100*time.Microsecond))/math.Log(1.25)) + 1
	return min(max(i, 0), statBuckets-1)
}

func bucketLimit(i int) time.Duration {
	return time.Duration(float64(100*time.Microsecond) * math.Pow(1.25, float64(i)))
}

// add counts one call. What the caller stopped, or did wrong, is no error of
// the service.
func (s *stats) add(now time.Time, took time.Duration, code fail.Code, u ai.Usage, operation, target string, err error) {
	epoch := now.UnixNano() / int64(statSlot)
	b := bucketOf(max(took, 1))
	failed := code.Status() >= 500 && code != fail.OK
	s.mu.Lock()
	defer s.mu.Unlock()
	at := &s.slots[epoch%statSlots]
	if at.epoch != epoch {
		*at = slot{epoch: epoch}
	}
	at.requests++
	s.total++
	at.latency[b]++
	at.in += u.InputTokens
	at.out += u.OutputTokens
	if code == fail.Canceled {
		at.canceled++
	}
	if !failed {
		return
	}
	at.errors++
	s.failed++
	message := string(code)
	if err != nil {
		message = err.Error()
	}
	if len(s.recent) == statErrors {
		s.recent = append(s.recent[:0], s.recent[1:]...)
	}
	s.recent = append(s.recent, RecentError{now, operation, target, code, message})
}

func (s *stats) snapshot() ServiceStats {
	oldest := s.now().UnixNano()/int64(statSlot) - statSlots + 1
	s.mu.Lock()
	defer s.mu.Unlock()
	out := ServiceStats{RecentErrors: append([]RecentError{}, s.recent...), TotalRequests: s.total, TotalErrors: s.failed}
	var latency [statBuckets]int64
	for i := range s.slots {
		at := &s.slots[i]
		if at.epoch < oldest {
			continue
		}
		out.Requests += at.requests
		out.Errors += at.errors
		out.Canceled += at.canceled
		out.InputTokens += at.in
		out.OutputTokens += at.out
		for b, n := range at.latency {
			latency[b] += int64(n)
		}
	}
	quantile := func(q float64) time.Duration {
		need := int64(math.Ceil(q * float64(out.Requests)))
		for b, n := range latency {
			if need -= n; need <= 0 && n > 0 {
				return bucketLimit(b)
			}
		}
		return 0
	}
	out.P50, out.P95, out.P99 = quantile(.5), quantile(.95), quantile(.99)
	return out
}

// Stats gives a snapshot for each service, by name. Quantiles are upper bounds,
// at most 25 % too high.
func (g *Gateway) Stats() []ServiceStats {
	out := []ServiceStats{}
	for name, r := range g.table.Load().routes {
		s := r.stats.snapshot()
		s.Service = name
		for _, o := range r.ops {
			running, waiting := o.queue.depths()
			s.InFlight += running
			s.Queued += waiting
		}
		if r.fallback != nil {
			running, waiting := r.fallback.queue.depths()
			s.InFlight += running
			s.Queued += waiting
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b ServiceStats) int { return cmp.Compare(a.Service, b.Service) })
	return out
}

// TargetState is one replica as the gateway sees it.
type TargetState struct {
	Service     string    `json:"service"`
	Tier        int       `json:"tier"`
	Revision    string    `json:"revision"`
	Weight      int       `json:"weight"`
	Name        string    `json:"name"`
	Ready       bool      `json:"ready"`
	Breaker     string    `json:"breaker"` // closed, half-open, open
	Outstanding int64     `json:"outstanding"`
	HeldUntil   time.Time `json:"held_until,omitzero"` // by Retry-After or ejection
}

// ListTargets gives every replica of a service, or of all for the empty name.
func (g *Gateway) ListTargets(service string) []TargetState {
	now := g.o.Now()
	out := []TargetState{}
	for name, r := range g.table.Load().routes {
		if service != "" && service != name {
			continue
		}
		for i, level := range r.tiers {
			for _, rev := range level.revisions {
				for _, t := range rev.replicas {
					s := TargetState{
						Service: name, Tier: i, Revision: rev.name, Weight: rev.weight, Name: t.name,
						Ready: t.isReady(), Breaker: t.breaker.State().String(), Outstanding: t.outstanding.Load(),
					}
					if until := time.Unix(0, t.until.Load()); until.After(now) {
						s.HeldUntil = until.UTC()
					}
					out = append(out, s)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b TargetState) int { return cmp.Compare(a.Service, b.Service) })
	return out
}
