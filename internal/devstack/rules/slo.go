package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/aictl/aictl/internal/fail"
)

// Kind is what an objective is about.
type Kind string

// The kinds. Latency and FirstByte need a Threshold.
const (
	Availability Kind = "availability" // calls that did not fail on our side
	Latency      Kind = "latency"      // calls whose whole answer took at most Threshold
	FirstByte    Kind = "first_byte"   // calls whose answer began within Threshold
)

// SLO is a declared objective: of the calls to Service in Window, the share
// Objective is good.
type SLO struct {
	Name      string        // unique: it becomes the slo label
	Service   string        // "" or "*" is every service, each with its own budget
	Kind      Kind          // "" is Availability
	Objective float64       // 0.999 is three nines; between 0 and 1, both excluded
	Window    time.Duration // of the budget; 0 is 30 days; an hour to 90 days
	Threshold time.Duration // Latency and FirstByte only; rounded down to one of Bounds
}

// DefaultWindow is the period of a budget unless the SLO says otherwise.
const DefaultWindow = 30 * 24 * time.Hour

// Bounds are the bounds of the gateway's histograms, and so the thresholds
// that can be counted. One in between counts as the bound below it: the
// stricter reading, never the kinder.
func Bounds() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{
		ms, 2500 * time.Microsecond, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms,
		time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
	}
}

// DefaultSLOs hold until others are declared: every service available, the
// chat prompt to begin, predictions prompt to end.
func DefaultSLOs() []SLO {
	return []SLO{
		{Name: "availability", Objective: 0.999},
		{Name: "chat-first-byte", Service: "chat", Kind: FirstByte, Objective: 0.99, Threshold: 2500 * time.Millisecond},
		{Name: "predict-latency", Service: "predict", Kind: Latency, Objective: 0.99, Threshold: time.Second},
	}
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,62}$`)

func (s SLO) withDefaults() SLO {
	if s.Kind == "" {
		s.Kind = Availability
	}
	if s.Window == 0 {
		s.Window = DefaultWindow
	}
	if s.Service == "*" {
		s.Service = ""
	}
	bounds := Bounds()
	if i, exact := slices.BinarySearch(bounds, s.Threshold); !exact && i > 0 {
		s.Threshold = bounds[i-1]
	}
	return s
}

// Validate returns fail.Usage for an SLO that no rule can be made from.
func (s SLO) Validate() error {
	s = s.withDefaults()
	bad := func(format string, args ...any) *fail.Error {
		return fail.New(fail.Usage, "slo %q: %s", s.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case !validName.MatchString(s.Name):
		return bad("the name is empty, longer than 63 bytes, or not made of letters, digits, space, . _ / -").Hint("name it as availability or chat-latency")
	case s.Service != "" && !validName.MatchString(s.Service):
		return bad("%q is not the name of a service", s.Service).Hint("aictl services list")
	case !(s.Objective > 0 && s.Objective < 1): // NaN too
		return bad("the objective %v is not between 0 and 1", s.Objective).Hint("write 99.9 %% as 0.999")
	case s.Window < time.Hour || s.Window > 90*24*time.Hour || s.Window%time.Second != 0:
		return bad("the window %s is not between an hour and 90 days, in whole seconds", s.Window).Hint("leave it out for 30 days")
	}
	switch s.Kind {
	case Availability:
		if s.Threshold != 0 {
			return bad("availability has no threshold").Hint("use the kind latency")
		}
	case Latency, FirstByte:
		if s.Threshold < Bounds()[0] {
			return bad("the threshold %s is below %s", s.Threshold, Bounds()[0]).Hint("use one of %v", Bounds())
		}
	default:
		return bad("there is no kind %q", s.Kind).Hint("use availability, latency or first_byte")
	}
	return nil
}

// burn is one row of table 5-8 of the Site Reliability Workbook (Google,
// 2018, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"): an alert when the
// budget burns factor times as fast as it may over long, and still does over
// short, a twelfth of it. In a window of 30 days the rows take 2, 5, 10 and
// 10 % of the budget before they fire.
type burn struct {
	factor      float64
	long, short time.Duration
	severity    string
	hold        time.Duration
}

func burns() []burn {
	return []burn{
		{14.4, time.Hour, 5 * time.Minute, "critical", 0},
		{6, 6 * time.Hour, 30 * time.Minute, "critical", 0},
		{3, 24 * time.Hour, 2 * time.Hour, "warning", 0},
		{1, 72 * time.Hour, 6 * time.Hour, "warning", time.Hour},
	}
}

// minBad is the number of bad calls of an hour below which nobody is woken: a
// share of very few calls says little (the Workbook, "Low-Traffic Services
// and Error Budget Alerting").
const minBad = 5

// FromSLOs makes the rules of the declared objectives: for each the share of
// bad calls over seven windows, what is left of the budget, and the alerts on
// the speed at which it burns. It is pure; the same SLOs give the same rules.
// An SLO that is not valid, or a name used twice, is fail.Usage.
func FromSLOs(slos []SLO) (rulefmt.RuleGroups, error) {
	var out rulefmt.RuleGroups
	seen := map[string]bool{}
	for _, s := range slos {
		if err := s.Validate(); err != nil {
			return rulefmt.RuleGroups{}, err
		}
		if seen[s.Name] {
			return rulefmt.RuleGroups{}, fail.New(fail.Usage, "slo %q is declared twice", s.Name).Hint("give each its own name")
		}
		seen[s.Name] = true
		out.Groups = append(out.Groups, s.withDefaults().groups()...)
	}
	return out, nil
}

func (s SLO) groups() []rulefmt.RuleGroup {
	labels := map[string]string{"slo": s.Name}
	rec := func(name, expr string) rulefmt.Rule {
		return rulefmt.Rule{Record: name, Expr: expr, Labels: labels}
	}
	fast := []rulefmt.Rule{
		rec("slo:objective:ratio", "vector("+number(s.Objective)+")"),
		rec("slo:calls:rate5m", s.total("5m")),
		rec("slo:bad_calls:rate5m", s.bad("5m")),
		rec("slo:bad_calls:increase1h", "3600 * ("+s.bad("1h")+")"),
	}
	for _, w := range []string{"5m", "30m", "1h"} {
		fast = append(fast, rec("slo:bad_calls:ratio_rate"+w, "("+s.bad(w)+")\n/ "+s.total(w)))
	}
	// Over days the raw counters are many samples; what the fast group
	// recorded gives the same share, weighted by traffic, at a hundredth of
	// the cost.
	slow := make([]rulefmt.Rule, 0, 5)
	for _, w := range []string{"2h", "6h", "1d", "3d"} {
		slow = append(slow, rec("slo:bad_calls:ratio_rate"+w, s.over(w)))
	}
	slow = append(slow, rec("slo:budget:remaining_ratio",
		"1 - ("+s.over(model.Duration(s.Window).String())+") / "+number(1-s.Objective)))
	for _, b := range burns() {
		rule, ok := s.alert(b)
		switch {
		case !ok:
		case b.long <= time.Hour:
			fast = append(fast, rule)
		default:
			slow = append(slow, rule)
		}
	}
	return []rulefmt.RuleGroup{
		{Name: "slo-" + s.Name, Interval: model.Duration(15 * time.Second), Rules: fast},
		{Name: "slo-" + s.Name + "-slow", Interval: model.Duration(time.Minute), Rules: slow},
	}
}

// alert makes the rule of one row. It is not ok where the budget is so large
// that it cannot burn that fast (the share would have to be over 1), and
// where the row looks back further than the objective's own window.
func (s SLO) alert(b burn) (rulefmt.Rule, bool) {
	limit := b.factor * (1 - s.Objective)
	if limit >= 1 || b.long > s.Window {
		return rulefmt.Rule{}, false
	}
	long, short := model.Duration(b.long).String(), model.Duration(b.short).String()
	over := func(w string) string {
		return fmt.Sprintf("slo:bad_calls:ratio_rate%s{slo=%q} > %s", w, s.Name, number(limit))
	}
	expr := over(long) + "\nand " + over(short)
	if b.severity == "critical" {
		expr += fmt.Sprintf("\nand slo:bad_calls:increase1h{slo=%q} >= %d", s.Name, minBad)
	}
	alert := map[string]string{"critical": "SLOBudgetBurnsFast", "warning": "SLOBudgetBurns"}[b.severity]
	return rulefmt.Rule{
		Alert: alert, Expr: expr, For: model.Duration(b.hold),
		Labels: map[string]string{"severity": b.severity, "slo": s.Name, "window": long, "burn": number(b.factor)},
		Annotations: map[string]string{
			"summary": fmt.Sprintf("{{ $labels.service }} burns the error budget of %s %s times too fast", s.Name, number(b.factor)),
			"description": fmt.Sprintf("Over %s and over %s, {{ $value | humanizePercentage }} of the calls to {{ $labels.service }} were bad (%s). "+
				"The objective is %s %% in %s; at this pace %s %% of the budget goes in %s.",
				long, short, s.meaning(), number(100*s.Objective), model.Duration(s.Window), number(min(100, 100*b.factor*b.long.Hours()/s.Window.Hours())), long),
			"runbook_url": RunbookURL(alert),
			"dashboard":   "aictl-slo?var-slo=" + s.Name + "&var-service={{ $labels.service }}",
		},
	}, true
}

func (s SLO) meaning() string {
	switch s.Kind {
	case Latency:
		return "slower than " + s.Threshold.String()
	case FirstByte:
		return "no answer begun within " + s.Threshold.String()
	case Availability:
	}
	return "failed on our side"
}

func (s SLO) selector(more ...string) string {
	service := `service!="unknown"`
	if s.Service != "" {
		service = fmt.Sprintf("service=%q", s.Service)
	}
	return "{" + strings.Join(append([]string{service}, more...), ",") + "}"
}

func (s SLO) histogram() string {
	return map[Kind]string{Latency: "aictl_gateway_request_duration_seconds", FirstByte: "aictl_gateway_first_byte_seconds"}[s.Kind]
}

// total is the rate of calls by service over a window.
func (s SLO) total(w string) string {
	metric := "aictl_gateway_requests_total"
	if h := s.histogram(); h != "" {
		metric = h + "_count"
	}
	return fmt.Sprintf("sum by (service) (rate(%s%s[%s]))", metric, s.selector(), w)
}

// bad is the rate of bad calls by service over a window; 0 where there are
// calls and none is bad.
func (s SLO) bad(w string) string {
	if h := s.histogram(); h != "" {
		// Prometheus 3 writes whole bounds with a point, older ones without.
		bound := number(s.Threshold.Seconds())
		good := fmt.Sprintf("sum by (service) (rate(%s_bucket%s[%s]))", h, s.selector(fmt.Sprintf("le=~%q", bound+`|`+bound+`\.0`)), w)
		return s.total(w) + "\n- " + good
	}
	return fmt.Sprintf("sum by (service) (rate(aictl_gateway_requests_total%s[%s]))\nor 0 * %s",
		s.selector(`code=~"internal|unavailable|timeout"`), w, s.total(w))
}

// over is the share of bad calls over a long window, from what was recorded.
func (s SLO) over(w string) string {
	sum := func(name string) string { return fmt.Sprintf("sum_over_time(%s{slo=%q}[%s])", name, s.Name, w) }
	return sum("slo:bad_calls:rate5m") + "\n/ " + sum("slo:calls:rate5m")
}

// number writes x without the noise of binary fractions.
func number(x float64) string {
	return strconv.FormatFloat(x, 'g', 10, 64)
}
