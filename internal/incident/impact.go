package incident

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
)

// counters are the systems' ways to count calls and those that fail on the
// service's side. The first that has samples of a service is taken. $s is the
// service as a PromQL string, $w the window.
var counters = []struct{ metric, label, failed string }{
	{"aictl_gateway_requests_total", "service", `code=~"internal|unavailable|timeout"`},
	{"istio_requests_total", "destination_workload", `response_code=~"5..|0"`},
	{"traces_spanmetrics_calls_total", "service_name", `status_code="STATUS_CODE_ERROR"`},
	{"http_requests_total", "service", `code=~"5.."`},
	{"http_requests_total", "job", `code=~"5.."`},
}

// impact measures what the incident did, from its onset to its recovery.
func (s *Service) impact(ctx context.Context, in api.Incident, unknown func(string, error), missing func(string)) []api.IncidentImpact {
	from, to := impactWindow(in)
	m := measurer{ctx: ctx, from: from, to: to, window: promRange(to.Sub(from))}
	if s.d.Metrics == nil {
		missing("metrics")
	} else {
		q, err := s.d.Metrics(ctx)
		if err != nil {
			unknown("metrics", err)
		}
		m.q = q
	}
	out := []api.IncidentImpact{}
	for _, service := range services(in) {
		out = append(out, m.calls(service)...)
		out = append(out, m.budget(service)...)
	}
	for _, x := range in.Subjects {
		if x.Why != nil && x.Why.Symptom.Expr != "" && x.Why.Symptom.Threshold != nil && x.Why.Symptom.Op != "" {
			out = append(out, m.over(x.Why))
		}
	}
	if m.failed != nil {
		unknown("metrics", m.failed)
	}
	return out
}

// impactWindow is from the first moment that says something was wrong to the
// recovery; where neither is known, what was looked at.
func impactWindow(in api.Incident) (from, to time.Time) {
	from, to = in.From, in.To
	switch {
	case in.Detection.Onset.Time != nil:
		from = *in.Detection.Onset.Time
	case in.Detection.Alert.Time != nil:
		from = *in.Detection.Alert.Time
	}
	if r := in.Detection.Recovery.Time; r != nil && r.Before(to) {
		to = *r
	}
	if to.Sub(from) < time.Minute {
		from = to.Add(-time.Minute)
	}
	return from.UTC().Truncate(time.Second), to.UTC().Truncate(time.Second)
}

type measurer struct {
	ctx      context.Context
	q        metrics.Querier // nil where there is none
	from, to time.Time
	window   string
	failed   error
}

// row measures one number. What gives no sample has none, and says why.
func (m *measurer) row(service, name, unit, expr string) api.IncidentImpact {
	out := api.IncidentImpact{
		ID: digest("imp", service, name, expr, stamp(m.from), stamp(m.to)), Service: service, Name: name, Unit: unit, Expr: expr, From: m.from, To: m.to,
		Show: argv.Line("aictl", "metrics", "query", expr, "--time", stamp(m.to)),
	}
	if m.q == nil {
		out.Gap = "no metrics backend answers"
		return out
	}
	v, err := m.ask(expr)
	switch {
	case err != nil:
		out.Gap = "the metrics backend did not answer the question"
		m.failed = err
	case v == nil:
		out.Gap = "the expression has no sample at the end of the window"
	default:
		out.Value = v
	}
	return out
}

// ask gives the one finite value of an expression, or nil.
func (m *measurer) ask(expr string) (*op.Number, error) {
	ctx, cancel := context.WithTimeout(m.ctx, sourceTimeout)
	defer cancel()
	r, err := m.q.Instant(ctx, expr, m.to)
	if err != nil {
		return nil, err
	}
	if len(r.Series) != 1 || len(r.Series[0].Samples) == 0 {
		return nil, nil //nolint:nilnil // no sample is an answer
	}
	v := r.Series[0].Samples[len(r.Series[0].Samples)-1].Value
	if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
		return nil, nil //nolint:nilnil // no number is an answer
	}
	return &v, nil
}

func (m *measurer) calls(service string) []api.IncidentImpact {
	rows := func(c struct{ metric, label, failed string }) []api.IncidentImpact {
		sel := c.label + "=" + strconv.Quote(service)
		total := fmt.Sprintf("sum(increase(%s{%s}[%s]))", c.metric, sel, m.window)
		failed := fmt.Sprintf("sum(increase(%s{%s,%s}[%s])) or 0 * %s", c.metric, sel, c.failed, m.window, total)
		return []api.IncidentImpact{
			m.row(service, "calls", "calls", total), m.row(service, "failed", "calls", failed),
			m.row(service, "share", "ratio", fmt.Sprintf("(%s) / (%s > 0)", failed, total)),
		}
	}
	if m.q != nil {
		for _, c := range counters[1:] {
			first := rows(counters[0])
			if first[0].Value != nil || m.failed != nil {
				return first
			}
			if r := rows(c); r[0].Value != nil {
				return r
			}
		}
	}
	return rows(counters[0])
}

// budget is the share of each objective's error budget that went in the window.
func (m *measurer) budget(service string) []api.IncidentImpact {
	const metric = "slo:budget:remaining_ratio"
	if m.q == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(m.ctx, sourceTimeout)
	defer cancel()
	names, _, err := m.q.LabelValues(ctx, "slo", metrics.Selection{Matchers: []string{metric + "{service=" + strconv.Quote(service) + "}"}, From: m.from, To: m.to, Limit: 20})
	if err != nil {
		m.failed = err
		return nil
	}
	slices.Sort(names)
	out := []api.IncidentImpact{}
	for _, n := range names {
		sel := metric + "{service=" + strconv.Quote(service) + ",slo=" + strconv.Quote(n) + "}"
		out = append(out, m.row(service, "budget_used "+n, "ratio", fmt.Sprintf("sum(%s offset %s) - sum(%s)", sel, m.window, sel)))
	}
	return out
}

// step is the resolution at which time over the threshold is counted.
const step = 15 * time.Second

// over is for how many minutes the alert's expression was beyond its threshold.
func (m *measurer) over(w *api.Why) api.IncidentImpact {
	threshold := strconv.FormatFloat(float64(*w.Symptom.Threshold), 'g', -1, 64)
	expr := fmt.Sprintf("count_over_time(count((%s) %s %s)[%s:%s]) * %s / 60", w.Symptom.Expr, w.Symptom.Op, threshold, m.window, promRange(step), strconv.Itoa(int(step.Seconds())))
	return m.row(w.Subject.Service, "over_threshold", "minutes", expr)
}

func promRange(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + "s" }

// impactWords is one row as a sentence that holds its number as a report
// writes it.
func impactWords(i api.IncidentImpact) string {
	what := map[string]string{"calls": "calls", "failed": "calls that failed", "share": "share of calls that failed", "over_threshold": "time beyond the threshold"}[i.Name]
	if slo, ok := strings.CutPrefix(i.Name, "budget_used "); ok {
		what = "share of the error budget of " + slo + " that was used"
	}
	if i.Service != "" {
		what += " of " + i.Service
	}
	return fmt.Sprintf("%s from %s to %s: %s", what, stamp(i.From), stamp(i.To), amount(i))
}

func amount(i api.IncidentImpact) string {
	if i.Value == nil {
		return "no data: " + i.Gap
	}
	v := float64(*i.Value)
	switch i.Unit {
	case "ratio":
		return strconv.FormatFloat(100*v, 'f', 2, 64) + " %"
	case "minutes":
		return strconv.FormatFloat(v, 'f', 1, 64) + " min"
	case "calls":
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return figure(*i.Value)
}
