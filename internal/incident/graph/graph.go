// Package graph is who calls whom: services as nodes, calls as directed edges
// from the caller to the callee. It answers where a failure that is seen at one
// service may come from.
//
// The walk is that of MonitorRank (Kim, Sumbaly and Shah, "Root Cause Detection
// in a Service-Oriented Architecture", SIGMETRICS 2013) and MicroRCA (Wu et
// al., NOMS 2020): a random walk with restart from the service where the
// symptom is, towards what it calls, drawn to what is anomalous.
//
// It is pure: equal graphs give equal answers, whatever order the edges came
// in. A Graph is safe for concurrent reading.
package graph

import (
	"maps"
	"slices"
)

// Graph is a set of edges. The zero value is empty.
type Graph struct {
	calls map[string]map[string]float64 // caller → callee → weight
	by    map[string]map[string]float64 // callee → caller → weight
}

// Add adds calls from one service to another; weight is their rate.
func (g *Graph) Add(caller, callee string, weight float64) {
	if caller == "" || callee == "" || caller == callee || !(weight > 0) {
		return
	}
	if g.calls == nil {
		g.calls, g.by = map[string]map[string]float64{}, map[string]map[string]float64{}
	}
	add(g.calls, caller, callee, weight)
	add(g.by, callee, caller, weight)
}

func add(m map[string]map[string]float64, from, to string, weight float64) {
	if m[from] == nil {
		m[from] = map[string]float64{}
	}
	m[from][to] += weight
}

// Empty says that nothing is known.
func (g *Graph) Empty() bool { return len(g.calls) == 0 }

// Callees are the services that one calls, in order.
func (g *Graph) Callees(service string) []string { return slices.Sorted(maps.Keys(g.calls[service])) }

// Callers are the services that call one, in order.
func (g *Graph) Callers(service string) []string { return slices.Sorted(maps.Keys(g.by[service])) }

// Downstream gives the services that one depends on, with how many calls away
// they are, itself at 0.
func (g *Graph) Downstream(service string, most int) map[string]int {
	out := map[string]int{service: 0}
	level := []string{service}
	for d := 1; d <= most && len(level) > 0; d++ {
		var next []string
		for _, s := range level {
			for _, callee := range g.Callees(s) {
				if _, known := out[callee]; !known {
					out[callee] = d
					next = append(next, callee)
				}
			}
		}
		level = next
	}
	return out
}

// Path gives the shortest way of calls from one service to another, both
// included; nil where there is none.
func (g *Graph) Path(from, to string) []string {
	before := map[string]string{from: ""}
	level := []string{from}
	for len(level) > 0 {
		var next []string
		for _, s := range level {
			if s == to {
				var out []string
				for at := to; at != ""; at = before[at] {
					out = append(out, at)
				}
				slices.Reverse(out)
				return out
			}
			for _, callee := range g.Callees(s) {
				if _, known := before[callee]; !known {
					before[callee] = s
					next = append(next, callee)
				}
			}
		}
		level = next
	}
	return nil
}

const (
	// restart is the probability of going back to the symptom at each step.
	restart = 0.15
	// back is how much of an edge's weight the way back to a caller has: who
	// went astray may return.
	back = 0.1
	// rounds are enough for the walk to settle within a thousandth.
	rounds = 60
)

// Walk gives how probable each service is as the place of the cause of what is
// seen at the seed. anomaly says how much each service is off, 0 for not at
// all; the seed's own keeps the walk there.
func (g *Graph) Walk(seed string, anomaly map[string]float64) map[string]float64 {
	nodes := slices.Sorted(maps.Keys(g.Downstream(seed, len(g.calls)+len(g.by)+1)))
	at := map[string]int{}
	for i, n := range nodes {
		at[n] = i
	}
	// moves[i][j] is the weight of a step from i to j.
	moves := make([][]float64, len(nodes))
	for i, n := range nodes {
		moves[i] = make([]float64, len(nodes))
		best := 0.0
		for callee := range g.calls[n] {
			a := anomaly[callee]
			moves[i][at[callee]] += a
			best = max(best, a)
		}
		for caller := range g.by[n] {
			if j, known := at[caller]; known {
				moves[i][j] += back * anomaly[caller]
			}
		}
		// To stay is right where nothing that is called is worse.
		moves[i][i] += max(anomaly[n]-best, 0) + 1e-6
		total := 0.0
		for _, w := range moves[i] {
			total += w
		}
		for j := range moves[i] {
			moves[i][j] /= total
		}
	}
	p := make([]float64, len(nodes))
	p[at[seed]] = 1
	for range rounds {
		next := make([]float64, len(nodes))
		for i, v := range p {
			for j, w := range moves[i] {
				next[j] += (1 - restart) * v * w
			}
		}
		next[at[seed]] += restart
		p = next
	}
	out := map[string]float64{}
	for i, n := range nodes {
		out[n] = p[i]
	}
	return out
}
