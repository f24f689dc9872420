package why

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/ml/changepoint"
)

// suspect is a candidate while evidence is gathered: its log-odds against the
// rest, and what speaks for and against it.
type suspect struct {
	api.WhyCandidate
	odds float64
	// out says that it cannot be the cause, and why.
	out string
	// prompt is how soon after it the trouble began, 0 to 2; named says that
	// what the logs began to say names what was changed.
	prompt float64
	named  bool
}

func (s *suspect) add(odds float64, f api.Fact) {
	s.odds += odds
	for _, old := range s.Evidence {
		if old.ID == f.ID {
			return
		}
	}
	s.Evidence = append(s.Evidence, f)
}

func (s *suspect) against(odds float64, format string, args ...any) {
	s.odds -= odds
	s.Against = append(s.Against, fmt.Sprintf(format, args...))
}

// scene is what every candidate is judged by.
type scene struct {
	affected map[string]finding
	place    map[string]float64 // how probable each service is as the place of the cause; the greatest is 1
	distance map[string]int     // calls from the subject
	traffic  map[string]changepoint.Shift
}

func (a *analysis) scene() scene {
	s := scene{affected: a.affected(), place: map[string]float64{}, distance: map[string]int{}, traffic: map[string]changepoint.Shift{}}
	subject := a.out.Subject.Service
	if subject == "" {
		return s
	}
	anomaly := map[string]float64{}
	for name, f := range s.affected {
		anomaly[name] = math.Log1p(math.Abs(f.shift.Score)) * weight(f.curve.signal)
	}
	if a.signals != nil {
		s.distance = a.signals.graph.Downstream(subject, 6)
		walk := a.signals.graph.Walk(subject, anomaly)
		best := 0.0
		for _, p := range walk {
			best = max(best, p)
		}
		for name, p := range walk {
			s.place[name] = p / max(best, 1e-9)
		}
		at := a.seen()
		for name := range a.signals.curves {
			if shift, ok := a.shift(a.signals.of(name, sTraffic), at); ok {
				s.traffic[name] = shift
			}
		}
	}
	if len(s.place) == 0 {
		s.place[subject], s.distance[subject] = 1, 0
	}
	return s
}

// patience is how long after a change its effect is expected at the latest to
// count as prompt, besides what is not known exactly.
func (a *analysis) patience() time.Duration { return 6*a.interval + a.within }

// changeSuspects judges every change of the window.
func (a *analysis) changeSuspects(s scene) []*suspect {
	var out []*suspect
	for _, c := range a.changes {
		switch c.Kind {
		case api.ChangeSilence, api.ChangeAck, api.ChangeAction, api.ChangeNode:
			continue
		}
		out = append(out, a.judgeChange(c, s))
	}
	return out
}

func (a *analysis) judgeChange(c api.Change, s scene) *suspect {
	service, place := a.bearsOn(c, s)
	x := &suspect{WhyCandidate: api.WhyCandidate{
		Kind: api.CauseChange, Service: service, Object: c.Object, Title: c.Summary, Onset: c.Time, Change: &c, Evidence: []api.Fact{}, Command: a.undoOf(c), Next: c.Show,
	}}
	x.add(-1, changeFact(c))
	if service == "" {
		x.out = "it bears on " + orNothing(c.Services, c.Object) + ", which " + a.out.Subject.Service + " does not depend on"
		return x
	}
	slack := a.within + time.Duration(c.Within)
	own, moved := s.affected[service]
	onset := a.onset
	if moved && own.first.Before(onset) {
		onset = own.first
	}
	lag := onset.Sub(c.Time)
	if !onset.IsZero() && lag < -slack {
		x.out = fmt.Sprintf("the trouble began %s before it", round(-lag))
		return x
	}
	x.odds += 1.5 * place
	if d := s.distance[service]; d > 0 {
		path := a.signals.graph.Path(a.out.Subject.Service, service)
		x.Path = slices.Clone(path)
		slices.Reverse(x.Path)
		x.add(0, a.graphFact(path))
	}
	prompt := 2 * math.Exp(-max(0, float64(lag-slack))/float64(a.patience()))
	x.odds += prompt
	x.prompt = prompt
	// A change that does harm does it from the start, as a rule: every look at
	// a service that is well after it speaks against it, unless what hurts later
	// began to grow with it.
	if well := float64(lag-slack) / float64(a.window.Step); well >= 3 {
		if grows, ok := a.growsSince(service, c.Time, slack); ok {
			x.add(2.5, grows)
		} else {
			x.against(min(2.5, 0.35*well), "all was well for %s after it", round(lag))
		}
	}
	if c.Kind == api.ChangeRollout && c.Previous == "" {
		x.against(1, "there was nothing before it to change from")
	}
	switch {
	case moved:
		x.add(1, a.curveFact(own.curve, own.shift))
	case a.signals != nil && len(a.signals.curves[service]) > 0 && service != a.out.Subject.Service:
		x.against(2, "nothing of %s itself left what it was", service)
	}
	a.compareRevisions(x, c, service, s)
	a.lookAtReplicas(x, c, service)
	a.readNews(x, c, service, slack)
	a.otherReasons(x, c, service, s, onset, slack)
	switch c.Kind {
	case api.ChangeAutoscale:
		x.against(1.5, "an autoscaler follows the load")
	case api.ChangeScale:
		x.odds -= 0.3
	case api.ChangeRollout:
		if onlyRestart(c) {
			x.against(1, "it only restarted what ran before")
		}
	}
	return x
}

// growsSince says that the memory of a service began to grow with a change, and
// goes on.
func (a *analysis) growsSince(service string, at time.Time, slack time.Duration) (api.Fact, bool) {
	c := a.signals.of(service, sMemory)
	if c == nil {
		return api.Fact{}, false
	}
	from, to := a.place(at.Add(-slack)), a.seen()
	if to-from < 8 || known(c.y[:from]) < 8 {
		return api.Fact{}, false
	}
	slope, steady := trend(c.y[from : to+1])
	_, before := trend(c.y[:from])
	if steady < 0.6 || before > 0.5 || slope < max(0.3*finiteMedian(c.y[:from]), 16<<20) {
		return api.Fact{}, false
	}
	s := changepoint.Shift{Onset: a.place(at), Before: finiteMedian(c.y[:from]), After: peak(c.y, to)}
	return a.curveFact(c, s), true
}

// known is how many values of a series are numbers.
func known(y []float64) int {
	n := 0
	for _, v := range y {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			n++
		}
	}
	return n
}

// bearsOn is the service through which a change can have reached the subject:
// the one that is the most probable place of the cause.
func (a *analysis) bearsOn(c api.Change, s scene) (service string, place float64) {
	names := c.Services
	if c.Service != "" && len(names) == 0 {
		names = []string{c.Service}
	}
	if c.Kind == api.ChangeSettings {
		return a.out.Subject.Service, 0.3
	}
	for _, name := range names {
		if _, near := s.distance[name]; near && (service == "" || s.place[name] > place) {
			service, place = name, s.place[name]
		}
	}
	return service, place
}

func orNothing(names []string, object string) string {
	if len(names) == 0 {
		return object
	}
	return strings.Join(names, ", ")
}

// onlyRestart says that nothing differs but the mark of a restart.
func onlyRestart(c api.Change) bool {
	if len(c.Changes) == 0 {
		return false
	}
	for _, d := range c.Changes {
		if d.Kind != "annotation" || !strings.Contains(strings.ToLower(d.Name), "restart") {
			return false
		}
	}
	return true
}

// compareRevisions holds the new revision against the one before: where both
// served, a change that is the cause is seen in the new one only.
func (a *analysis) compareRevisions(x *suspect, c api.Change, service string, s scene) {
	if a.signals == nil || c.Revision == "" || c.Kind != api.ChangeRollout && c.Kind != api.ChangeCanary {
		return
	}
	from := a.place(c.Time)
	for _, signal := range []string{sErrors, sLatency} {
		f := floors[signal]
		fresh, ok := meanAfter(a.signals.revisions[service][signal], c.Revision, from)
		if !ok {
			continue
		}
		previous := c.Previous
		if old, both := meanAfter(a.signals.revisions[service][signal], previous, from); both && overlap(a.signals.revisions[service][signal], c.Revision, previous, from) >= 3 {
			fact := api.Fact{
				ID: digest("rev", service, signal, c.Revision, previous), Kind: "metric", Source: "metrics", Time: c.Time, Service: service, Value: number(fresh), Baseline: number(old),
				Text: fmt.Sprintf("%s: revision %s %s, revision %s %s at the same time", signalWords(signal, service), c.Revision, unit(signal, fresh), previous, unit(signal, old)),
				Show: line("metrics", "top", "service_revision:aictl_gateway_errors:ratio_rate1m"),
			}
			switch {
			case fresh-old > max(3*f.least, 0.3*math.Abs(old)):
				x.add(3, fact)
			case old > 5*f.least && fresh < 1.3*old+f.least:
				if _, moved := s.affected[service]; moved {
					x.against(3, "revision %s is affected as much as %s (%s against %s)", previous, c.Revision, unit(signal, old), unit(signal, fresh))
				}
			}
			continue
		}
		before, known := meanBefore(a.signals.revisions[service][signal], previous, from)
		if known && x.prompt >= 0.8 && fresh-before > max(3*f.least, 0.3*math.Abs(before)) {
			x.add(1, api.Fact{
				ID: digest("rev", service, signal, c.Revision, previous), Kind: "metric", Source: "metrics", Time: c.Time, Service: service, Value: number(fresh), Baseline: number(before),
				Text: fmt.Sprintf("%s: revision %s %s, revision %s %s before it", signalWords(signal, service), c.Revision, unit(signal, fresh), previous, unit(signal, before)),
				Show: line("deploy", "history", service),
			})
		}
	}
}

func meanAfter(by map[string][]float64, revision string, from int) (float64, bool) {
	y, ok := by[revision]
	if !ok || from >= len(y) {
		return 0, false
	}
	return meanOf(y[from:])
}

func meanBefore(by map[string][]float64, revision string, to int) (float64, bool) {
	y, ok := by[revision]
	if !ok {
		return 0, false
	}
	return meanOf(y[:min(to, len(y))])
}

func meanOf(y []float64) (float64, bool) {
	n := 0
	for _, v := range y {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			n++
		}
	}
	return mean(y), n >= 2
}

// overlap is how many steps both revisions served.
func overlap(by map[string][]float64, a, b string, from int) int {
	n := 0
	x, y := by[a], by[b]
	for i := from; i < min(len(x), len(y)); i++ {
		if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
			n++
		}
	}
	return n
}

// lookAtReplicas says whether the replicas of the new revision are in trouble.
func (a *analysis) lookAtReplicas(x *suspect, c api.Change, service string) {
	snap := a.state[service]
	if snap == nil {
		return
	}
	for _, r := range snap.Replicas {
		why := trouble(r)
		if why == "" || c.Revision != "" && r.Revision != "" && r.Current != (snap.Workload.Revision == c.Revision) && r.Revision != c.Revision {
			continue
		}
		if r.Created.Before(c.Time.Add(-a.within-time.Minute)) && c.Kind == api.ChangeRollout {
			continue
		}
		x.add(2.5, api.Fact{
			ID: digest("rep", service, r.Name, why), Kind: "event", Source: snap.Workload.Engine, Time: r.Created.UTC(), Service: service,
			Text: fmt.Sprintf("replica %s of revision %s: %s", r.Name, r.Revision, why), Show: line("deploy", "status", service),
		})
		return
	}
	if snap.Workload.State == "failed" || snap.Workload.State == "degraded" {
		x.odds += 0.5
	}
}

// trouble is what is wrong with a replica; "" for nothing.
func trouble(r deploy.Replica) string {
	for _, c := range r.Containers {
		switch {
		case c.State == "waiting" && c.Reason != "" && c.Reason != "ContainerCreating" && c.Reason != "PodInitializing":
			return c.Reason + suffix(c.Message)
		case c.Last != nil && c.Restarts > 0 && c.Last.Reason != "":
			return fmt.Sprintf("restarted %d times, last by %s", c.Restarts, c.Last.Reason)
		case c.State == "terminated" && c.Exit != nil && c.Exit.Code != 0:
			return fmt.Sprintf("ended with %d%s", c.Exit.Code, suffix(c.Exit.Reason))
		}
	}
	if !r.Ready && r.Reason != "" {
		return r.Reason + suffix(r.Message)
	}
	return ""
}

func suffix(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// readNews looks into what the service's logs began to say.
func (a *analysis) readNews(x *suspect, c api.Change, service string, slack time.Duration) {
	names := mentions(c)
	told := false
	for _, n := range a.patterns[service] {
		if n.First.Before(c.Time.Add(-slack)) {
			continue
		}
		if word := mentioned(n, names); word != "" {
			x.add(1.5, a.patternFact(n))
			x.named = true
			continue
		}
		if n.fresh && !told && x.prompt >= 0.3 {
			told = true
			x.add(1, a.patternFact(n))
		}
	}
}

// mentions are the names that a change is about, long enough to mean it.
func mentions(c api.Change) []string {
	var out []string
	add := func(s string) {
		if len(s) >= 4 {
			out = append(out, strings.ToLower(s))
		}
	}
	if _, name, ok := strings.Cut(c.Object, "/"); ok && c.Kind != api.ChangeRollout {
		add(name)
	}
	for _, d := range c.Changes {
		if d.Kind == "annotation" {
			continue
		}
		add(d.Name)
		add(d.New)
	}
	return out
}

func mentioned(n news, names []string) string {
	text := strings.ToLower(n.Pattern + " " + n.Example)
	for _, name := range names {
		if strings.Contains(text, name) {
			return name
		}
	}
	return ""
}

// otherReasons weighs what explains the trouble without the change.
func (a *analysis) otherReasons(x *suspect, c api.Change, service string, s scene, onset time.Time, slack time.Duration) {
	if t, ok := s.traffic[service]; ok && t.Before > 0 && t.After > 1.5*t.Before && !a.began(t).After(onset.Add(slack)) && c.Kind != api.ChangeAutoscale && c.Kind != api.ChangeScale {
		x.against(1.5, "calls to %s had risen from %s to %s by then", service, unit(sTraffic, t.Before), unit(sTraffic, t.After))
	}
	if a.signals == nil {
		return
	}
	if f, moved := s.affected[service]; moved && f.curve.signal == sLatency {
		if name, shift := a.taker(s, onset.Add(slack)); name != "" {
			x.against(1.5, "%s, which runs beside it, took %s by then", name, unit(sCPU, shift.After))
		}
	}
	for _, callee := range a.signals.graph.Callees(service) {
		f, ok := s.affected[callee]
		if ok && f.curve.signal != sReady && !f.first.After(onset.Add(slack)) && math.Abs(f.shift.Score) > 3 && a.signals.rateOf(service, callee) {
			x.against(2, "%s, which %s calls, was off already", callee, service)
			return
		}
	}
}

// rateOf says that one service really calls the other.
func (s *signals) rateOf(caller, callee string) bool { return mean(s.callers[callee][caller]) > 0 }

// undoOf is the command that takes a change back and watches whether it helped.
func (a *analysis) undoOf(c api.Change) string {
	if c.Undo == "" {
		return ""
	}
	out := c.Undo
	if c.Kind == api.ChangeRollout {
		if v := a.verify(); v != "" {
			out += " " + line("--verify", v, "--for", strings.TrimSuffix(verifyFor(v).String(), "0s"))[len("aictl "):]
		}
	}
	return out
}

// verify is the expression that holds when all is well again.
func (a *analysis) verify() string {
	s := a.out.Symptom
	if a.rule == nil || s.Threshold == nil || s.Expr == "" || a.out.Subject.Service == "" {
		return ""
	}
	well := map[string]string{">": "<=", ">=": "<", "<": ">=", "<=": ">"}[s.Op]
	if well == "" {
		return ""
	}
	expr := s.Expr
	if by := a.subjectLabel(); by != "" {
		expr = narrowExpr(expr, by, a.out.Subject.Labels[by])
	}
	return fmt.Sprintf("%s %s %s", expr, well, figure(float64(*s.Threshold)))
}

// subjectLabel is the label that names the subject's service in its own series.
func (a *analysis) subjectLabel() string {
	if len(a.out.Symptom.Values) == 0 {
		return ""
	}
	for _, l := range serviceLabels {
		if v := a.out.Symptom.Values[0].Labels[l]; v != "" && v == a.out.Subject.Labels[l] {
			return l
		}
	}
	return ""
}

// narrowExpr restricts an expression to one service: a plain selector gets a
// matcher, anything else is joined.
func narrowExpr(expr, by, value string) string {
	if i := strings.IndexByte(expr, '{'); i > 0 && strings.HasSuffix(expr, "}") && plainName(expr[:i]) {
		inner := strings.TrimSpace(expr[i+1 : len(expr)-1])
		if inner != "" {
			inner += ","
		}
		return fmt.Sprintf("%s{%s%s=%q}", expr[:i], inner, by, value)
	}
	if plainName(expr) {
		return fmt.Sprintf("%s{%s=%q}", expr, by, value)
	}
	return narrowed(expr, by, value)
}

func plainName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c == ':' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func round(d time.Duration) string {
	switch {
	case d >= 10*time.Minute:
		return d.Round(time.Minute).String()
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
