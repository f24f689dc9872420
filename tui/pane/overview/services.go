package overview

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/past"
)

// red is rate, errors and latency of a service over the window, on the steps of
// the query; NaN is a gap.
type red struct {
	values [3][]float64
	window [3]metrics.Window
	upto   [3]int // how many of the steps lie up to the moment that is looked at
}

// last is the newest value of a signal; NaN where there is none.
func (r *red) last(i int) float64 { return past.Last(r.values[i][:r.upto[i]]) }

var stateRank = map[string]int{"down": 1, "degraded": 2, "unknown": 3, "ready": 4, "up": 4}

// serviceRows are the services of every context, those in trouble first. One
// that only the metrics know is shown, too: its state is unknown.
func (p *Pane) serviceRows() []*row {
	var out []*row
	for _, c := range p.env.Contexts {
		known := map[string]*row{}
		at := func(service string) *row {
			r, ok := known[service]
			if !ok {
				r = p.serviceRow(c.Name, service)
				known[service] = r
				out = append(out, r)
			}
			return r
		}
		list, _ := last[[]api.Service](p.list, c.Name)
		for _, s := range list {
			r := at(s.Name)
			r.state(s.State)
			if s.Ready < s.Replicas {
				r.note = itoa(s.Ready) + " of " + itoa(s.Replicas) + " replicas ready"
			}
		}
		health, _ := last[[]api.ServiceHealth](p.health, c.Name)
		for _, h := range health {
			r := at(h.Name)
			r.state(h.State)
			if h.Reason != "" {
				r.note = safe(h.Reason)
			}
		}
		p.addTraffic(c.Name, at)
	}
	sortServices(out)
	return out
}

// serviceRow is a service of which nothing is known yet.
func (p *Pane) serviceRow(context, service string) *row {
	r := &row{
		key: context + "/" + service, to: "services", context: p.who(context), name: safe(service),
		word: past.Unknown, sign: unsure, subject: pane.Subject{Context: context, Service: service},
	}
	if w, ok := p.workload(context, service); ok {
		r.subject.Namespace, r.subject.Workload = w.Namespace, workloadName(&w)
	}
	return r
}

func sortServices(rows []*row) {
	slices.SortStableFunc(rows, func(a, b *row) int {
		return cmp.Or(cmp.Compare(stateRank[a.word], stateRank[b.word]), cmp.Compare(a.name, b.name))
	})
}

func (r *row) state(word string) {
	r.word = safe(word)
	switch word {
	case "ready", "up":
		r.sign = ok
	case "degraded":
		r.sign, r.upset = warn, true
	case "down":
		r.sign, r.upset = bad, true
	default:
		r.sign = unsure
	}
}

func (p *Pane) addTraffic(context string, at func(string) *row) {
	for i, s := range p.traffic {
		answer, _ := last[api.MetricRange](s, context)
		w := metrics.Window{From: answer.From, To: answer.To, Step: time.Duration(answer.Step)}
		if w.Step <= 0 {
			continue
		}
		for _, series := range answer.Series {
			service := series.Labels["service"]
			if service == "" || service == past.Nobody {
				continue
			}
			r := at(service)
			if r.red == nil {
				r.red = &red{}
			}
			r.red.values[i], r.red.window[i] = w.Grid(series), w
			if r.red.upto[i] = len(r.red.values[i]); p.inPast() {
				r.red.upto[i] = past.Steps(w, past.Moment(p.env))
			}
		}
	}
}

// shown writes the value of a signal in few characters.
func shown(signal int, v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case signal == 0:
		return digits(v) + "/s"
	case signal == 1:
		return digits(100*v) + "%"
	case v < 0.001:
		return digits(1e6*v) + "µs"
	case v < 1:
		return digits(1000*v) + "ms"
	}
	return digits(v) + "s"
}

// digits writes a value that is not negative with three digits at most, and
// what is greater than a thousand with its prefix.
func digits(v float64) string {
	prefix := ""
	for _, s := range []string{"k", "M", "G", "T"} {
		if v < 999.5 {
			break
		}
		v, prefix = v/1000, s
	}
	switch {
	case v == 0:
		return "0"
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64) + prefix
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64) + prefix
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + prefix
}

func itoa(n int) string { return strconv.Itoa(n) }
