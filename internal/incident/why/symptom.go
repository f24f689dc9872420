package why

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/ml/changepoint"
	"github.com/aictl/aictl/internal/op"
)

// symptom measures what is wrong, and since when.
func (a *analysis) symptom(ctx context.Context) {
	if a.querier == nil {
		a.onset, a.within = a.out.Subject.Started, time.Minute
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	s, err := a.measure(ctx)
	if err != nil {
		a.unknown(ofMetrics, err)
	}
	a.signals = s
	if a.rule != nil {
		a.byRule(ctx)
	}
	if a.onset.IsZero() && a.out.Subject.Service != "" {
		a.bySignals()
	}
	if a.onset.IsZero() && !a.out.Subject.Started.IsZero() { // nothing moved that can be seen: the alert itself says so
		a.onset, a.within = a.out.Subject.Started, a.window.Step+a.interval+a.holds()
	}
}

// holds is how long the rule's condition must have held before it fires.
func (a *analysis) holds() time.Duration {
	if a.rule == nil {
		return 0
	}
	return time.Duration(a.rule.For)
}

// byRule measures the alert's own expression.
func (a *analysis) byRule(ctx context.Context) {
	measure, limit, known := alerts.Measured(a.rule.Expr)
	out := &a.out.Symptom
	out.Expr, out.Op = measure, comparison(a.rule.Expr, measure)
	if known {
		v := op.Number(limit)
		out.Threshold = &v
	}
	a.rising, a.falling = !strings.HasPrefix(out.Op, "<"), strings.HasPrefix(out.Op, "<") || out.Op == "==" || out.Op == ""
	r, err := a.querier.Range(ctx, measure, a.window)
	if err != nil {
		a.unknown(ofMetrics, err)
		return
	}
	out.Values = fitting(r.Series, a.out.Subject.Labels)
	if len(out.Values) == 0 {
		return
	}
	y := a.window.Grid(out.Values[0])
	floor := 0.0
	if known {
		floor = math.Abs(limit) * 0.1
	}
	at := a.seen()
	s, ok := changepoint.Find(y, at, floor/significantFloor, a.rising, a.falling)
	if !ok {
		return
	}
	a.set(s, y, measure)
}

// seen is the place at which the symptom is looked at: the moment the alert
// fired at, a little later where there is more.
func (a *analysis) seen() int {
	last := a.window.Points() - 1
	if s := a.out.Subject.Started; !s.IsZero() {
		return min(a.place(s)+2, last)
	}
	return last
}

// set takes a shift for the symptom.
func (a *analysis) set(s changepoint.Shift, _ []float64, query string) {
	out := &a.out.Symptom
	a.onset, a.within = a.began(s), a.blur(s)
	if began := a.out.Subject.Started; !began.IsZero() && a.onset.After(began) { // it fired before: the shift is a later one
		a.onset = began.Add(-a.holds())
	}
	at := a.onset
	out.Onset, out.OnsetWithin = &at, op.Duration(a.within)
	before, after := op.Number(s.Before), op.Number(s.After)
	out.Before, out.After = &before, &after
	out.Evidence = append(out.Evidence, a.metricFact(a.out.Subject.Service, "the symptom", query, s))
}

// bySignals takes the signal of the service that left most what it was.
func (a *analysis) bySignals() {
	at := a.seen()
	best, found := changepoint.Shift{}, false
	var chosen *curve
	for _, signal := range []string{sErrors, sLatency, sRefused, sReady, sRestarts, sQueue} {
		c := a.signals.of(a.out.Subject.Service, signal)
		s, ok := a.shift(c, at)
		if !ok && a.out.Subject.Started.IsZero() { // it may have just passed
			s, ok = a.recent(c)
		}
		if ok && (!found || weight(signal)*math.Abs(s.Score) > weight(chosen.signal)*math.Abs(best.Score)) {
			best, chosen, found = s, c, true
		}
	}
	if !found {
		return
	}
	a.out.Symptom.Values = []api.MetricSeries{a.seriesOf(chosen)}
	if a.out.Symptom.Expr == "" {
		a.out.Symptom.Expr = chosen.query
	}
	a.set(best, chosen.y, chosen.query)
}

// weight says how much a signal tells of trouble: errors are worse than delay.
func weight(signal string) float64 {
	switch signal {
	case sErrors:
		return 2
	case sLatency, sRefused:
		return 1
	}
	return 0.7
}

// recent is the greatest shift that was still there in the last fifth of the
// window.
func (a *analysis) recent(c *curve) (changepoint.Shift, bool) {
	if c == nil {
		return changepoint.Shift{}, false
	}
	best, found := changepoint.Shift{}, false
	for _, seg := range changepoint.Segments(c.y) {
		if seg.To < len(c.y)*4/5 {
			continue
		}
		if s, ok := a.shift(c, seg.To-1); ok && math.Abs(s.Score) > math.Abs(best.Score) && seg.To-s.Onset >= 3 {
			best, found = s, true
		}
	}
	return best, found
}

// worst is the greatest shift anywhere in the window, where it lasted.
func (a *analysis) worst(c *curve) (changepoint.Shift, bool) {
	if c == nil {
		return changepoint.Shift{}, false
	}
	best, found := changepoint.Shift{}, false
	for _, seg := range changepoint.Segments(c.y) {
		if s, ok := a.shift(c, seg.To-1); ok && math.Abs(s.Score) > math.Abs(best.Score) && seg.To-s.Onset >= 3 {
			best, found = s, true
		}
	}
	return best, found
}

func (a *analysis) seriesOf(c *curve) api.MetricSeries {
	out := api.MetricSeries{Labels: map[string]string{"service": c.service}, Samples: []api.MetricSample{}}
	for i, v := range c.y {
		if !math.IsNaN(v) {
			out.Samples = append(out.Samples, api.MetricSample{Time: a.when(i), Value: op.Number(v)})
		}
	}
	return out
}

// comparison is the operator that stands behind what is measured.
func comparison(expr, measure string) string {
	i := strings.Index(expr, measure)
	if i < 0 {
		return ""
	}
	rest := strings.TrimLeft(expr[i+len(measure):], " \t\r\n)")
	for _, o := range []string{">=", "<=", "==", "!=", ">", "<"} {
		if strings.HasPrefix(rest, o) {
			return o
		}
	}
	return ""
}

// affected are the services whose errors, latency, refusals or replicas left
// what they were by the time that the symptom was seen, with the earliest
// shift of each.
func (a *analysis) affected() map[string]finding {
	out := map[string]finding{}
	if a.signals == nil {
		return out
	}
	at := a.seen()
	for _, service := range sortedKeys(a.signals.curves) {
		for _, signal := range []string{sErrors, sLatency, sRefused, sReady, sRestarts} {
			c := a.signals.of(service, signal)
			s, ok := a.shift(c, at)
			if !ok {
				continue
			}
			if a.onset.Sub(a.began(s)) > a.window.To.Sub(a.window.From)*3/4 { // it has been so all along
				continue
			}
			old, known := out[service]
			f := finding{curve: c, shift: s}
			if !known || weight(signal)*math.Abs(s.Score) > weight(old.curve.signal)*math.Abs(old.shift.Score) {
				f.first = a.began(s)
				if known && old.first.Before(f.first) {
					f.first = old.first
				}
				out[service] = f
			} else if a.began(s).Before(old.first) {
				old.first = a.began(s)
				out[service] = old
			}
		}
	}
	return out
}

// finding is a shift of a service.
type finding struct {
	curve *curve
	shift changepoint.Shift
	first time.Time // of all its bad shifts
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
