package past

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/output"
)

// Queries are the expressions that Signals answers, in its order, for a window
// of a length. The share of replicas that were scraped is the only measure of a
// service's health that does not need anybody to call it. A step of a long
// window is minutes: a rate over one minute would miss what lies between.
func Queries(span time.Duration) [4]string {
	over := "5m"
	if span <= 3*time.Hour {
		over = "1m"
	}
	return [4]string{
		`avg by (service) (up{service!=""})`,
		"service:aictl_gateway_requests:rate" + over,
		"service:aictl_gateway_errors:ratio_rate" + over,
		"service:aictl_gateway_request_duration_seconds:p95_" + over,
	}
}

// Signals are the answers to the questions about the services over a window:
// the share of replicas that are up, calls a second, the share of calls that failed, and the 95th percentile
// in seconds. A zero answer is one that is not known.
type Signals struct{ Up, Calls, Errors, P95 api.MetricRange }

func (s *Signals) each() [4]*api.MetricRange {
	return [4]*api.MetricRange{&s.Up, &s.Calls, &s.Errors, &s.P95}
}

// Service is how a service did at a moment; NaN is what the metrics do not
// say.
type Service struct {
	Name                   string
	Up, Calls, Errors, P95 float64
}

// Nobody is the label of calls that name no service.
const Nobody = "unknown"

// Services are those that have any value in the window, with their values at a
// moment of it, in the order of their names.
func Services(s Signals, at time.Time) []Service {
	known := map[string]*Service{}
	for i, answer := range s.each() {
		w := metrics.Window{From: answer.From, To: answer.To, Step: time.Duration(answer.Step)}
		if w.Step <= 0 {
			continue
		}
		for _, series := range answer.Series {
			name := series.Labels["service"]
			if name == "" || name == Nobody {
				continue
			}
			one, ok := known[name]
			if !ok {
				nan := math.NaN()
				one = &Service{Name: name, Up: nan, Calls: nan, Errors: nan, P95: nan}
				known[name] = one
			}
			grid := w.Grid(series)
			*[4]*float64{&one.Up, &one.Calls, &one.Errors, &one.P95}[i] = Last(grid[:Steps(w, at)])
		}
	}
	out := make([]Service, 0, len(known))
	for _, one := range known {
		out = append(out, *one)
	}
	slices.SortFunc(out, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Steps is how many steps of a window lie up to a moment.
func Steps(w metrics.Window, at time.Time) int {
	return min(max(int(at.Sub(w.From)/w.Step)+1, 0), w.Points())
}

// Last is the newest value of a signal: that of the last two steps, as the
// newest one may not have been scraped yet. NaN where there is none.
func Last(grid []float64) float64 {
	for k := len(grid) - 1; k >= 0 && k >= len(grid)-2; k-- {
		if !math.IsNaN(grid[k]) {
			return grid[k]
		}
	}
	return math.NaN()
}

// failing is the share of failed calls from which a service is degraded: the
// control plane's own judgement of the present, and so is fewest, the calls a
// second that there must be (those of twenty in five minutes).
const failing, fewest = 0.05, 20.0 / 300

// State judges a service by its metrics alone, and says why where it did not
// do well. Metrics cannot tell that a service is ready, only that it is up:
// its replicas were scraped, or it answered calls.
func (s Service) State() (word, why string) {
	switch {
	case s.Up == 0:
		return "down", "no replica answered"
	case s.Errors >= failing && s.Calls >= fewest:
		return "degraded", output.Percent(s.Errors) + " of the calls failed"
	case s.Up < 1:
		return "degraded", fmt.Sprintf("%.0f%% of the replicas answered", 100*s.Up)
	case s.Up >= 1, s.Calls > 0:
		return "up", ""
	}
	return Unknown, NoMetric
}

// NoMetric says why a state is unknown.
const NoMetric = "no metric tells of that time"

// Nothing reports whether no signal is known.
func (s Signals) Nothing() bool {
	return s.Up.Step == 0 && s.Calls.Step == 0 && s.Errors.Step == 0 && s.P95.Step == 0
}
