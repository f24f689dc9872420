package why

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/ml/changepoint"
)

func (a *analysis) suspect(kind, service, object, title string, odds float64) *suspect {
	return &suspect{odds: odds, WhyCandidate: api.WhyCandidate{Kind: kind, Service: service, Object: object, Title: title, Evidence: []api.Fact{}}}
}

// trafficSuspect: callers ask for more than before, and that began first.
func (a *analysis) trafficSuspect(s scene) *suspect {
	subject := a.out.Subject.Service
	t, ok := s.traffic[subject]
	where := subject
	for name, d := range s.distance { // a dependency may be the one that is flooded, by somebody else
		if x, moved := s.traffic[name]; moved && d > 0 && s.place[name] > 0.8 && x.Before > 0 && x.After/x.Before > 1.5 && (!ok || x.After/x.Before > 1.5*t.After/max(t.Before, 1e-9)) {
			t, ok, where = x, true, name
		}
	}
	if !ok || t.After <= t.Before || t.Before <= 0 {
		return nil
	}
	ratio := t.After / t.Before
	if ratio < 1.3 {
		return nil
	}
	x := a.suspect(api.CauseTraffic, where, "service/"+where, fmt.Sprintf("calls to %s rose %.1f times, from %s to %s", where, ratio, unit(sTraffic, t.Before), unit(sTraffic, t.After)), -0.7)
	x.Onset = a.began(t)
	x.add(min(2.5, 1.3*math.Log2(ratio)), a.curveFact(a.signals.of(where, sTraffic), t))
	onset := a.onset
	if f, moved := s.affected[where]; moved && f.first.Before(onset) {
		onset = f.first
	}
	if lag := onset.Sub(x.Onset); lag < -(a.within + a.blur(t)) {
		x.against(2.5, "the trouble began %s before the calls rose", round(-lag))
	} else {
		x.odds++
	}
	at := a.seen()
	for _, signal := range []string{sQueue, sRefused, sCPU} {
		if c := a.signals.of(where, signal); c != nil {
			if shift, moved := a.shift(c, at); moved && shift.After > shift.Before {
				x.add(0.8, a.curveFact(c, shift))
			}
		}
	}
	if from, factor := a.riser(where, t.Onset); from != "" {
		x.Evidence = append(x.Evidence, api.Fact{
			ID: digest("met", "caller", from, where), Kind: "metric", Source: "metrics", Time: x.Onset, Service: from,
			Text: fmt.Sprintf("%s calls it %.1f times as often as before", from, factor),
			Show: line("metrics", "plot", fmt.Sprintf("sum by (caller) (rate(%s[%s]))", a.signals.graphBy, promRange(a.signals.rng)), "--from", stamp(a.window.From), "--to", stamp(a.now)),
		})
	}
	x.Command = line("deploy", "scale", where, "--replicas", a.moreReplicas(where, ratio), "--reason", "calls rose")
	x.Next = line("metrics", "plot", a.signals.of(where, sTraffic).query, "--from", stamp(a.window.From), "--to", stamp(a.now))
	return x
}

// riser is the caller whose calls rose most.
func (a *analysis) riser(service string, from int) (name string, factor float64) {
	for _, caller := range sortedKeys(a.signals.callers[service]) {
		y := a.signals.callers[service][caller]
		before, after := mean(y[:min(from, len(y))]), mean(y[min(from, len(y)):])
		if before > 0 && after/before > max(factor, 1.3) {
			name, factor = caller, after/before
		}
	}
	return name, factor
}

func (a *analysis) moreReplicas(service string, ratio float64) string {
	n := 1
	if s := a.state[service]; s != nil && s.Workload.Desired > 0 {
		n = s.Workload.Desired
	}
	return fmt.Sprint(min(int(math.Ceil(float64(n)*ratio)), 10*n))
}

// dependencySuspects: a service that the subject calls went off, no later.
func (a *analysis) dependencySuspects(s scene) []*suspect {
	var out []*suspect
	subject := a.out.Subject.Service
	for _, name := range sortedKeys(s.affected) {
		d, depends := s.distance[name]
		if !depends || d == 0 {
			continue
		}
		f := s.affected[name]
		x := a.suspect(api.CauseDependency, name, "service/"+name, fmt.Sprintf("%s, on which %s depends, went off: %s", name, subject, a.curveFact(f.curve, f.shift).Text), 0.3)
		x.Onset = f.first
		path := a.signals.graph.Path(subject, name)
		x.Path = slices.Clone(path)
		slices.Reverse(x.Path)
		x.add(0, a.graphFact(path))
		x.add(1.5*s.place[name], a.curveFact(f.curve, f.shift))
		if own, ok := s.affected[subject]; ok && own.curve.signal == sLatency && f.curve.signal == sLatency {
			if of, by := own.shift.After-own.shift.Before, f.shift.After-f.shift.Before; by < 0.3*of {
				x.against(2, "it explains %s of the %s that %s takes longer", unit(sLatency, by), unit(sLatency, of), subject)
			}
		}
		if lag := a.onset.Sub(f.first); lag < -(a.within + a.blur(f.shift)) {
			x.out = fmt.Sprintf("it went off %s after the trouble began", round(-lag))
			continue
		}
		x.odds++
		for _, n := range a.patterns[subject] {
			if strings.Contains(strings.ToLower(n.Pattern+" "+n.Example), strings.ToLower(name)) {
				x.add(1, a.patternFact(n))
				break
			}
		}
		// What stands behind it in turn is the better answer.
		for _, callee := range a.signals.graph.Callees(name) {
			if g, off := s.affected[callee]; off && !g.first.After(f.first.Add(a.within)) && s.place[callee] > s.place[name] {
				x.against(1.5, "%s, which it calls, was off too", callee)
				break
			}
		}
		x.Command, x.Next = line("deploy", "status", name), line("why", name, "--to", stamp(a.now))
		out = append(out, x)
	}
	return append(out, a.outsideSuspects(s)...)
}

// words by which logs tell that something which was called did not answer.
var outsideWords = []string{
	"connection refused", "connection reset", "no such host", "i/o timeout", "timed out", "timeout", "econnrefused", "econnreset", "enotfound", "etimedout",
	"unreachable", "upstream", "bad gateway", "service unavailable", "too many connections", "deadline exceeded", "name resolution", "broken pipe", "handshake",
}

// outsideSuspects: the logs say that something outside does not answer.
func (a *analysis) outsideSuspects(s scene) []*suspect {
	var out []*suspect
	for _, service := range a.around(mostServices) {
		if s.place[service] < 0.5 {
			continue
		}
		for _, n := range a.patterns[service] {
			text := strings.ToLower(n.Pattern + " " + n.Example)
			i := slices.IndexFunc(outsideWords, func(w string) bool { return strings.Contains(text, w) })
			if i < 0 || a.knownCallee(service, text, s) {
				continue
			}
			name := outsideName(n.Example)
			object, title := "upstream/"+name, fmt.Sprintf("%s does not reach %s: %s", service, name, n.Pattern)
			if name == "" {
				object, title = "upstream/unknown", fmt.Sprintf("%s does not reach something that it calls: %s", service, n.Pattern)
			}
			x := a.suspect(api.CauseDependency, service, object, title, -0.2)
			x.Onset = n.First.UTC()
			odds := 2.3
			if !n.fresh {
				odds = 0.8
			}
			x.add(odds+s.place[service], a.patternFact(n))
			if f, off := s.affected[service]; off && f.curve.signal == sErrors || f.curve != nil && f.curve.signal == sLatency {
				x.add(0.5, a.curveFact(f.curve, f.shift))
			}
			x.Next = line("logs", "--service", service, "--level", "warn", "--from", stamp(a.onset.Add(-a.within)), "--to", stamp(a.now))
			out = append(out, x)
			break
		}
	}
	return out
}

// knownCallee says that a line is about a service which is measured itself and
// is off: then that is the candidate.
func (a *analysis) knownCallee(service, text string, s scene) bool {
	if a.signals == nil {
		return false
	}
	for _, callee := range a.signals.graph.Callees(service) {
		if _, off := s.affected[callee]; off && strings.Contains(text, strings.ToLower(callee)) {
			return true
		}
	}
	return false
}

// outsideName is the host in a line; "" where none can be told.
func outsideName(text string) string {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\"'=()[]{}<>,;", r) }) {
		word = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(word, "https://"), "http://"), "tcp://"), ":")
		host, port, found := strings.Cut(word, ":")
		if i := strings.IndexByte(host, '/'); i >= 0 {
			host = host[:i]
		}
		numeric := port != "" && strings.Trim(port[:1], "0123456789") == ""
		if found && numeric && host != "" && strings.ContainsAny(host, ".abcdefghijklmnopqrstuvwxyz") && strings.Trim(host, "0123456789:") != "" {
			return host
		}
		if strings.Count(host, ".") >= 1 && strings.Trim(host, "0123456789.") != "" && hostLike(host) {
			return host
		}
	}
	return ""
}

func hostLike(s string) bool {
	if len(s) > 253 || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		return false
	}
	for _, c := range []byte(strings.ToLower(s)) {
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// resourceSuspects: a service runs out of what it has.
func (a *analysis) resourceSuspects(s scene) []*suspect {
	var out []*suspect
	if a.signals == nil {
		return nil
	}
	at := a.seen()
	for _, service := range sortedKeys(s.place) {
		for _, r := range []struct{ signal, what string }{{sMemory, "memory"}, {sCPU, "processor time"}, {sFiles, "file descriptors"}} {
			c := a.signals.of(service, r.signal)
			if c == nil {
				continue
			}
			shift, ok := a.shift(c, at)
			// A leak was on its way long before it hurt, perhaps before the
			// window began: then there is no shift, but a trend.
			slope, steady := trend(c.y[:min(at+1, len(c.y))])
			if !ok && r.signal == sMemory && steady > 0.7 && slope > max(0.15*finiteMedian(c.y[:at+1]), 8<<20) {
				first := firstFinite(c.y)
				shift, ok = changepoint.Shift{Onset: first, Before: c.y[first], After: peak(c.y, at)}, true
			}
			if !ok || shift.After <= shift.Before {
				continue
			}
			lead := a.onset.Sub(a.began(shift))
			x := a.suspect(api.CauseResource, service, "service/"+service, fmt.Sprintf("%s of %s grows: %s to %s", r.what, service, unit(r.signal, shift.Before), unit(r.signal, peak(c.y, at))), -1.8)
			x.Onset = a.began(shift)
			x.add(s.place[service], a.curveFact(c, shift))
			if lead < -a.within {
				x.against(2, "it began to grow %s after the trouble", round(-lead))
			}
			if r.signal == sMemory && steady > 0.7 && slope > 0 {
				x.odds += 2.2
				x.Title = fmt.Sprintf("%s of %s grew steadily, from %s to %s", r.what, service, unit(r.signal, shift.Before), unit(r.signal, peak(c.y, at)))
			}
			if t, busy := s.traffic[service]; busy && t.After > 1.3*t.Before {
				x.against(1.2, "calls to it rose %.1f times", t.After/max(t.Before, 1e-9))
			}
			a.outOfMemory(x, service, r.signal)
			if r.signal == sMemory {
				x.Command = line("deploy", "restart", service, "--reason", "memory grew")
			}
			x.Next = line("metrics", "plot", c.query, "--from", stamp(a.window.From), "--to", stamp(a.now))
			out = append(out, x)
		}
	}
	return out
}

// outOfMemory adds replicas that were killed for it, and lines that say so.
func (a *analysis) outOfMemory(x *suspect, service, signal string) {
	if signal != sMemory {
		return
	}
	if snap := a.state[service]; snap != nil {
		for _, e := range snap.Events {
			if e.Reason == "OOMKilling" || strings.Contains(e.Message, "OOMKilled") {
				x.add(1.5, api.Fact{ID: digest("evt", service, e.Object, e.Reason), Kind: "event", Source: snap.Workload.Engine, Time: e.Time, Service: service, Text: e.Message, Show: line("deploy", "status", service)})
				break
			}
		}
		for _, r := range snap.Replicas {
			for _, c := range r.Containers {
				if c.Last != nil && c.Last.Reason == "OOMKilled" {
					x.add(1.5, api.Fact{ID: digest("rep", service, r.Name, "oom"), Kind: "event", Source: snap.Workload.Engine, Time: c.Last.At, Service: service, Text: fmt.Sprintf("replica %s was killed for its memory", r.Name), Show: line("deploy", "status", service)})
					return
				}
			}
		}
	}
	for _, n := range a.patterns[service] {
		text := strings.ToLower(n.Pattern)
		if strings.Contains(text, "out of memory") || strings.Contains(text, "memory") && strings.Contains(text, "low") || strings.Contains(text, "heap") || strings.Contains(text, "gc ") {
			x.add(1, a.patternFact(n))
			return
		}
	}
}

// trend is the slope of a series and how steadily it goes that way: Mann and
// Kendall's S over its greatest, of the second half of what was seen.
func trend(y []float64) (slope, steady float64) {
	var x []float64
	for _, v := range y {
		if !math.IsNaN(v) {
			x = append(x, v)
		}
	}
	if len(x) < 8 {
		return 0, 0
	}
	x = x[len(x)/2:]
	if len(x) > 60 {
		thin := make([]float64, 0, 60)
		for i := range 60 {
			thin = append(thin, x[i*len(x)/60])
		}
		x = thin
	}
	s, pairs := 0, 0
	for i := range x {
		for j := i + 1; j < len(x); j++ {
			pairs++
			switch {
			case x[j] > x[i]:
				s++
			case x[j] < x[i]:
				s--
			}
		}
	}
	return x[len(x)-1] - x[0], float64(s) / float64(pairs)
}

func firstFinite(y []float64) int {
	for i, v := range y {
		if !math.IsNaN(v) {
			return i
		}
	}
	return 0
}

func peak(y []float64, at int) float64 {
	best := math.Inf(-1)
	for _, v := range y[:min(at+1, len(y))] {
		if !math.IsNaN(v) && v > best {
			best = v
		}
	}
	return best
}

// neighbourSuspects: another workload takes what both share.
func (a *analysis) neighbourSuspects(s scene) []*suspect {
	var out []*suspect
	if a.signals == nil {
		return nil
	}
	at, subject := a.seen(), a.out.Subject.Service
	if t, ok := s.traffic[subject]; ok && t.After > 1.5*t.Before {
		return nil // it is its own load
	}
	late := s.affected[subject].curve != nil && s.affected[subject].curve.signal == sLatency
	for _, name := range sortedKeys(a.signals.curves) {
		if _, related := s.distance[name]; related {
			continue
		}
		c := a.signals.of(name, sCPU)
		shift, ok := a.shift(c, at)
		if !ok || !takes(shift) {
			continue
		}
		if !a.together(subject, name) {
			continue
		}
		x := a.suspect(api.CauseNeighbour, name, "service/"+name, fmt.Sprintf("%s, which runs beside %s, takes %s where it took %s", name, subject, unit(sCPU, shift.After), unit(sCPU, shift.Before)), -1)
		x.Onset = a.began(shift)
		x.add(min(1.5, shift.After-shift.Before+0.5), a.curveFact(c, shift))
		lag := a.onset.Sub(x.Onset)
		switch {
		case lag < -(a.within + a.blur(shift)):
			x.against(2.5, "it began %s after the trouble", round(-lag))
		default:
			x.odds += 1 + math.Exp(-max(0, float64(lag))/float64(a.patience()))
		}
		if late {
			x.odds += 0.7
		}
		if shift.After > 3*shift.Before {
			x.odds += 0.5
		}
		x.Command, x.Next = line("deploy", "scale", name, "--replicas", "1", "--reason", "it takes what its neighbours need"), line("deploy", "status", name)
		out = append(out, x)
	}
	return out
}

// takes says that a workload takes much more processor time than before: half a
// core or what it took before, whichever is more.
func takes(s changepoint.Shift) bool { return s.After-s.Before >= max(0.3, 0.8*s.Before) }

// taker is the unrelated workload that took most processor time by a moment.
func (a *analysis) taker(s scene, by time.Time) (string, changepoint.Shift) {
	name, best := "", changepoint.Shift{}
	for _, other := range sortedKeys(a.signals.curves) {
		if _, related := s.distance[other]; related {
			continue
		}
		shift, ok := a.shift(a.signals.of(other, sCPU), a.seen())
		if ok && takes(shift) && !a.began(shift).Add(-a.blur(shift)).After(by) && shift.After-shift.Before > best.After-best.Before && a.together(a.out.Subject.Service, other) {
			name, best = other, shift
		}
	}
	return name, best
}

// together says that two services share a machine, as far as is known: the
// processes of one control plane do, and replicas on one node.
func (a *analysis) together(x, y string) bool {
	s, t := a.state[x], a.state[y]
	if s == nil || t == nil {
		return a.signals.of(x, sCPU) != nil || a.signals.of(x, sLatency) != nil
	}
	if s.Workload.Engine == "runtime" || t.Workload.Engine == "runtime" {
		return s.Workload.Engine == t.Workload.Engine
	}
	for _, r := range s.Replicas {
		for _, q := range t.Replicas {
			if r.Node != "" && r.Node == q.Node {
				return true
			}
		}
	}
	return false
}

// nodeSuspects: a node that carries the service is in trouble.
func (a *analysis) nodeSuspects(s scene) []*suspect {
	var out []*suspect
	for _, c := range a.changes {
		if c.Kind != api.ChangeNode || strings.HasSuffix(c.Summary, "joined") || strings.HasSuffix(c.Summary, "is ready") || strings.HasSuffix(c.Summary, "uncordoned") {
			continue
		}
		_, node, _ := strings.Cut(c.Object, "/")
		x := a.suspect(api.CauseNode, a.out.Subject.Service, c.Object, c.Summary, -0.5)
		x.Onset, x.Change = c.Time, &c
		x.add(0.5, changeFact(c))
		lag := a.onset.Sub(c.Time)
		slack := a.within + time.Duration(c.Within) + time.Minute // a node is called lost some 40 s after it was
		switch {
		case lag < -slack:
			x.out = fmt.Sprintf("the trouble began %s before it", round(-lag))
		default:
			x.odds += 1.5 * math.Exp(-max(0, float64(lag))/float64(a.patience()+time.Minute))
		}
		hit := 0
		for _, service := range sortedKeys(a.state) {
			for _, r := range a.state[service].Replicas {
				if r.Node == node {
					hit++
					if !r.Ready || r.Deleting {
						x.add(1.5, api.Fact{
							ID: digest("rep", service, r.Name, node), Kind: "event", Source: "kubernetes", Time: c.Time, Service: service,
							Text: fmt.Sprintf("replica %s of %s on it is not ready", r.Name, service), Show: line("deploy", "status", service),
						})
					}
				}
			}
		}
		if hit == 0 && len(a.state) > 0 {
			x.against(1.5, "no replica of %s is on it now", a.out.Subject.Service)
		}
		if f, ok := s.affected[a.out.Subject.Service]; ok && f.curve.signal == sReady {
			x.add(1, a.curveFact(f.curve, f.shift))
		}
		x.Next = line("deploy", "status", a.out.Subject.Service)
		out = append(out, x)
	}
	return out
}

// errorSuspect: the service's own logs say something new, and nothing else is
// known behind it.
func (a *analysis) errorSuspect(s scene) *suspect {
	best, where := news{}, ""
	for _, service := range a.around(mostServices) {
		for _, n := range a.patterns[service] {
			if n.fresh && (where == "" || s.place[service] > s.place[where]) {
				best, where = n, service
			}
		}
	}
	if where == "" {
		return nil
	}
	x := a.suspect(api.CauseErrors, where, "service/"+where, fmt.Sprintf("%s began to log: %s", where, best.Pattern), -1)
	x.Onset = best.First.UTC()
	x.add(0.8*s.place[where], a.patternFact(best))
	x.Next = line("logs", "--service", where, "--level", "warn", "--from", stamp(a.onset.Add(-a.within)), "--to", stamp(a.now))
	return x
}
