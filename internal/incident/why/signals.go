package why

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/incident/graph"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/ml/changepoint"
)

// The signals of a service.
const (
	sErrors   = "errors"   // share of calls that fail on the service's side
	sLatency  = "latency"  // 95th percentile, seconds
	sTraffic  = "traffic"  // calls a second
	sRefused  = "refused"  // share of calls that a limit refuses
	sQueue    = "queue"    // calls that wait
	sMemory   = "memory"   // bytes
	sCPU      = "cpu"      // cores
	sFiles    = "files"    // open descriptors
	sRestarts = "restarts" // of replicas, a second
	sReady    = "ready"    // replicas that are ready
)

// family is one system's way to measure a signal. In the query, $by is the
// label that names the service and $r the range of rates.
type family struct {
	signal string
	metric string // what must exist
	labels []string
	query  string
	// revisions splits it by revision, where the system knows them.
	revisions string
}

// families are the metrics of the systems that people run. The first that
// exists of a signal is taken; of resources all, for each service has its own.
var families = []family{
	{
		sErrors, "aictl_gateway_requests_total",
		[]string{"service"},
		`sum by ($by) (rate(aictl_gateway_requests_total{code=~"internal|unavailable|timeout"}[$r])) / (sum by ($by) (rate(aictl_gateway_requests_total[$r])) > 0) or 0 * sum by ($by) (rate(aictl_gateway_requests_total[$r]))`,
		`sum by ($by, revision) (rate(aictl_gateway_requests_total{code=~"internal|unavailable|timeout"}[$r])) / (sum by ($by, revision) (rate(aictl_gateway_requests_total[$r])) > 0) or 0 * (sum by ($by, revision) (rate(aictl_gateway_requests_total[$r])) > 0)`,
	},
	{
		sErrors, "istio_requests_total",
		[]string{"destination_workload"},
		`sum by ($by) (rate(istio_requests_total{response_code=~"5..|0"}[$r])) / (sum by ($by) (rate(istio_requests_total[$r])) > 0) or 0 * sum by ($by) (rate(istio_requests_total[$r]))`,
		`sum by ($by, destination_version) (rate(istio_requests_total{response_code=~"5..|0"}[$r])) / (sum by ($by, destination_version) (rate(istio_requests_total[$r])) > 0) or 0 * (sum by ($by, destination_version) (rate(istio_requests_total[$r])) > 0)`,
	},
	{
		sErrors, "traces_spanmetrics_calls_total",
		[]string{"service", "service_name"},
		`sum by ($by) (rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR"}[$r])) / (sum by ($by) (rate(traces_spanmetrics_calls_total[$r])) > 0) or 0 * sum by ($by) (rate(traces_spanmetrics_calls_total[$r]))`, "",
	},
	{
		sErrors, "http_requests_total", serviceLabels,
		`sum by ($by) (rate(http_requests_total{$code=~"5.."}[$r])) / (sum by ($by) (rate(http_requests_total[$r])) > 0) or 0 * sum by ($by) (rate(http_requests_total[$r]))`,
		`sum by ($by, $rev) (rate(http_requests_total{$code=~"5.."}[$r])) / (sum by ($by, $rev) (rate(http_requests_total[$r])) > 0) or 0 * (sum by ($by, $rev) (rate(http_requests_total[$r])) > 0)`,
	},
	{
		sErrors, "http_server_requests_seconds_count", serviceLabels,
		`sum by ($by) (rate(http_server_requests_seconds_count{$code=~"5.."}[$r])) / (sum by ($by) (rate(http_server_requests_seconds_count[$r])) > 0) or 0 * sum by ($by) (rate(http_server_requests_seconds_count[$r]))`, "",
	},
	{
		sErrors, "http_server_request_duration_seconds_count", serviceLabels,
		`sum by ($by) (rate(http_server_request_duration_seconds_count{$code=~"5.."}[$r])) / (sum by ($by) (rate(http_server_request_duration_seconds_count[$r])) > 0) or 0 * sum by ($by) (rate(http_server_request_duration_seconds_count[$r]))`, "",
	},

	{
		sLatency, "aictl_gateway_request_duration_seconds_bucket",
		[]string{"service"},
		`histogram_quantile(0.95, sum by ($by, le) (rate(aictl_gateway_request_duration_seconds_bucket[$r])))`,
		`histogram_quantile(0.95, sum by ($by, revision, le) (rate(aictl_gateway_request_duration_seconds_bucket[$r])))`,
	},
	{
		sLatency, "istio_request_duration_milliseconds_bucket",
		[]string{"destination_workload"},
		`histogram_quantile(0.95, sum by ($by, le) (rate(istio_request_duration_milliseconds_bucket[$r]))) / 1000`,
		`histogram_quantile(0.95, sum by ($by, destination_version, le) (rate(istio_request_duration_milliseconds_bucket[$r]))) / 1000`,
	},
	{sLatency, "traces_spanmetrics_latency_bucket", []string{"service", "service_name"}, `histogram_quantile(0.95, sum by ($by, le) (rate(traces_spanmetrics_latency_bucket[$r])))`, ""},
	{
		sLatency, "http_request_duration_seconds_bucket", serviceLabels,
		`histogram_quantile(0.95, sum by ($by, le) (rate(http_request_duration_seconds_bucket[$r])))`,
		`histogram_quantile(0.95, sum by ($by, $rev, le) (rate(http_request_duration_seconds_bucket[$r])))`,
	},
	{sLatency, "http_server_request_duration_seconds_bucket", serviceLabels, `histogram_quantile(0.95, sum by ($by, le) (rate(http_server_request_duration_seconds_bucket[$r])))`, ""},
	{sLatency, "http_server_requests_seconds_bucket", serviceLabels, `histogram_quantile(0.95, sum by ($by, le) (rate(http_server_requests_seconds_bucket[$r])))`, ""},

	{sTraffic, "aictl_gateway_requests_total", []string{"service"}, `sum by ($by) (rate(aictl_gateway_requests_total[$r]))`, `sum by ($by, revision) (rate(aictl_gateway_requests_total[$r]))`},
	{sTraffic, "istio_requests_total", []string{"destination_workload"}, `sum by ($by) (rate(istio_requests_total[$r]))`, ""},
	{sTraffic, "traces_spanmetrics_calls_total", []string{"service", "service_name"}, `sum by ($by) (rate(traces_spanmetrics_calls_total[$r]))`, ""},
	{sTraffic, "http_requests_total", serviceLabels, `sum by ($by) (rate(http_requests_total[$r]))`, ""},
	{sTraffic, "http_server_requests_seconds_count", serviceLabels, `sum by ($by) (rate(http_server_requests_seconds_count[$r]))`, ""},
	{sTraffic, "http_server_request_duration_seconds_count", serviceLabels, `sum by ($by) (rate(http_server_request_duration_seconds_count[$r]))`, ""},

	{sRefused, "aictl_gateway_requests_total", []string{"service"}, `sum by ($by) (rate(aictl_gateway_requests_total{code="limited"}[$r])) / (sum by ($by) (rate(aictl_gateway_requests_total[$r])) > 0)`, ""},
	{sQueue, "aictl_gateway_queue_depth", []string{"service"}, `sum by ($by) (aictl_gateway_queue_depth)`, ""},
	{sQueue, "aictl_runtime_queue_depth", []string{"service"}, `sum by ($by) (aictl_runtime_queue_depth)`, ""},

	{sMemory, "aictl_runtime_replica_memory_bytes", []string{"service"}, `max by ($by) (aictl_runtime_replica_memory_bytes)`, ""},
	{sMemory, "container_memory_working_set_bytes", []string{"pod"}, `max by ($by) (container_memory_working_set_bytes{container!="",container!="POD"})`, ""},
	{sMemory, "process_resident_memory_bytes", serviceLabels, `max by ($by) (process_resident_memory_bytes)`, ""},
	{sCPU, "aictl_runtime_replica_cpu_seconds_total", []string{"service"}, `sum by ($by) (rate(aictl_runtime_replica_cpu_seconds_total[$r]))`, ""},
	{sCPU, "container_cpu_usage_seconds_total", []string{"pod"}, `sum by ($by) (rate(container_cpu_usage_seconds_total{container!="",container!="POD"}[$r]))`, ""},
	{sCPU, "process_cpu_seconds_total", serviceLabels, `sum by ($by) (rate(process_cpu_seconds_total[$r]))`, ""},
	{sFiles, "process_open_fds", serviceLabels, `max by ($by) (process_open_fds / process_max_fds)`, ""},
	{sRestarts, "aictl_runtime_restarts_total", []string{"service"}, `sum by ($by) (increase(aictl_runtime_restarts_total[$r]))`, ""},
	{sRestarts, "kube_pod_container_status_restarts_total", []string{"pod"}, `sum by ($by) (increase(kube_pod_container_status_restarts_total[$r]))`, ""},
	{sReady, "aictl_runtime_replicas", []string{"service"}, `sum by ($by) (aictl_runtime_replicas{state="ready"})`, ""},
	{sReady, "kube_deployment_status_replicas_available", []string{"deployment"}, `sum by ($by) (kube_deployment_status_replicas_available)`, ""},
	{sReady, "up", serviceLabels, `sum by ($by) (up)`, ""},
}

// edges are the metrics that say who calls whom.
var edges = []struct{ metric, caller, callee string }{
	{"aictl_gateway_calls_total", "caller", "service"},
	{"istio_requests_total", "source_workload", "destination_workload"},
	{"traces_service_graph_request_total", "client", "server"},
}

// floors are the least deviations that mean anything, as a share of the value
// before and in the signal's own unit.
var floors = map[string]struct{ share, least float64 }{
	sErrors: {0, 0.01}, sLatency: {0.5, 0.005}, sTraffic: {0.1, 0.05}, sRefused: {0, 0.01}, sQueue: {0.1, 0.5},
	sMemory: {0.03, 2 << 20}, sCPU: {0.1, 0.02}, sFiles: {0.05, 0.02}, sRestarts: {0, 0.2}, sReady: {0, 0.2},
}

// curve is one signal of one service.
type curve struct {
	signal, service, query string
	y                      []float64
}

// signals is all that was measured.
type signals struct {
	curves map[string]map[string]*curve // service → signal
	// revisions: service → signal → revision.
	revisions map[string]map[string]map[string][]float64
	graph     graph.Graph
	graphBy   string // the metric that says who calls whom
	callers   map[string]map[string][]float64
	rng       time.Duration // the range of rates
}

func (s *signals) of(service, signal string) *curve {
	if s == nil {
		return nil
	}
	return s.curves[service][signal]
}

// measure asks for every signal that the backend has.
func (a *analysis) measure(ctx context.Context) (*signals, error) {
	s := &signals{curves: map[string]map[string]*curve{}, revisions: map[string]map[string]map[string][]float64{}, callers: map[string]map[string][]float64{}, rng: a.rateRange()}
	names, _, err := a.querier.LabelValues(ctx, metrics.NameLabel, metrics.Selection{From: a.window.From, To: a.now, Limit: 50_000})
	if err != nil {
		return s, err
	}
	has := map[string]bool{}
	for _, n := range names {
		has[n] = true
	}
	type job struct {
		f      family
		by     string
		q, rev string
		result []api.MetricSeries
		split  []api.MetricSeries
		err    error
	}
	var jobs []*job
	taken := map[string]bool{}
	for _, f := range families {
		resource := f.signal == sMemory || f.signal == sCPU || f.signal == sFiles || f.signal == sRestarts || f.signal == sReady
		if !has[f.metric] || taken[f.signal] && !resource && f.metric != "aictl_runtime_queue_depth" {
			continue
		}
		by, code, rev := a.labelsOf(ctx, f)
		if by == "" || strings.Contains(f.query, "$code") && code == "" {
			continue
		}
		taken[f.signal] = true
		fill := strings.NewReplacer("$by", by, "$r", promRange(s.rng), "$code", code, "$rev", rev)
		j := &job{f: f, by: by, q: fill.Replace(f.query)}
		if f.revisions != "" && (!strings.Contains(f.revisions, "$rev") || rev != "") {
			j.rev = fill.Replace(f.revisions)
		}
		jobs = append(jobs, j)
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(8)
	for _, j := range jobs {
		work.Go(func() error {
			r, err := a.querier.Range(ctx, j.q, a.window)
			j.result, j.err = r.Series, err
			if err == nil && j.rev != "" {
				if r, err := a.querier.Range(ctx, j.rev, a.window); err == nil {
					j.split = r.Series
				}
			}
			return nil
		})
	}
	calls := make([][]api.MetricSeries, len(edges))
	for i, e := range edges {
		if has[e.metric] {
			work.Go(func() error {
				r, err := a.querier.Range(ctx, fmt.Sprintf("sum by (%s, %s) (rate(%s[%s]))", e.caller, e.callee, e.metric, promRange(s.rng)), a.window)
				if err == nil {
					calls[i] = r.Series
				}
				return nil
			})
		}
	}
	_ = work.Wait()
	var failed error
	answered := false
	for _, j := range jobs {
		if j.err != nil {
			failed = j.err
			continue
		}
		answered = true
		for _, one := range j.result {
			name := a.serviceName(one.Labels[j.by], j.by)
			if name == "" || name == "unknown" {
				continue
			}
			s.add(&curve{j.f.signal, name, narrowed(j.q, j.by, one.Labels[j.by]), a.window.Grid(one)})
		}
		for _, one := range j.split {
			name := one.Labels[j.by]
			for l, v := range one.Labels {
				if l != j.by && l != "le" && v != "" {
					s.split(name, j.f.signal, v, a.window.Grid(one))
				}
			}
		}
	}
	for i, e := range edges {
		for _, one := range calls[i] {
			y := a.window.Grid(one)
			s.graph.Add(one.Labels[e.caller], one.Labels[e.callee], mean(y))
			s.graphBy = e.metric
			if s.callers[one.Labels[e.callee]] == nil {
				s.callers[one.Labels[e.callee]] = map[string][]float64{}
			}
			s.callers[one.Labels[e.callee]][one.Labels[e.caller]] = y
		}
	}
	if answered {
		failed = nil
	}
	return s, failed
}

func (s *signals) add(c *curve) {
	if s.curves[c.service] == nil {
		s.curves[c.service] = map[string]*curve{}
	}
	old := s.curves[c.service][c.signal]
	if old == nil {
		s.curves[c.service][c.signal] = c
		return
	}
	for i, v := range c.y { // several pods of one workload: the worst of them
		if math.IsNaN(old.y[i]) || v > old.y[i] {
			old.y[i] = v
		}
	}
}

func (s *signals) split(service, signal, revision string, y []float64) {
	if s.revisions[service] == nil {
		s.revisions[service] = map[string]map[string][]float64{}
	}
	if s.revisions[service][signal] == nil {
		s.revisions[service][signal] = map[string][]float64{}
	}
	s.revisions[service][signal][revision] = y
}

// rateRange is the shortest range of rates that holds enough samples.
func (a *analysis) rateRange() time.Duration {
	return max(4*a.interval, a.window.Step)
}

func promRange(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// labelsOf chooses the labels of a family by what its series have.
func (a *analysis) labelsOf(ctx context.Context, f family) (by, code, rev string) {
	if len(f.labels) == 1 && !strings.Contains(f.query+f.revisions, "$code") {
		return f.labels[0], "", ""
	}
	names, _, err := a.querier.LabelNames(ctx, metrics.Selection{Matchers: []string{f.metric}, From: a.window.From, To: a.now})
	if err != nil {
		return "", "", ""
	}
	first := func(candidates ...string) string {
		for _, c := range candidates {
			if slices.Contains(names, c) {
				return c
			}
		}
		return ""
	}
	return first(f.labels...), first("code", "status", "status_code", "http_response_status_code", "response_code"), first("revision", "version", "pod_template_hash", "rollouts_pod_template_hash")
}

// serviceName is the workload of a label's value: a pod's name loses what its
// controllers added.
func (a *analysis) serviceName(value, label string) string {
	switch label {
	case "pod":
		parts := strings.Split(value, "-")
		switch n := len(parts); {
		case n >= 3 && len(parts[n-1]) == 5 && len(parts[n-2]) >= 6: // Deployment: hash, suffix
			return strings.Join(parts[:n-2], "-")
		case n >= 2: // StatefulSet, DaemonSet
			return strings.Join(parts[:n-1], "-")
		}
	case "job":
		if _, name, found := strings.Cut(value, "/"); found {
			return name
		}
	}
	return value
}

// narrowed is the query for one service alone, as its evidence shows it.
func narrowed(query, by, value string) string {
	return fmt.Sprintf("(%s) and on(%s) label_replace(vector(1), %q, %q, \"\", \"\")", query, by, by, value)
}

func mean(y []float64) float64 {
	n, total := 0, 0.0
	for _, v := range y {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			n, total = n+1, total+v
		}
	}
	if n == 0 {
		return 0
	}
	return total / float64(n)
}

// shift is how a signal of a service left what it was, as seen at a place.
func (a *analysis) shift(c *curve, at int) (changepoint.Shift, bool) {
	if c == nil {
		return changepoint.Shift{}, false
	}
	f := floors[c.signal]
	floor := max(f.least, f.share*math.Abs(finiteMedian(c.y[:max(at, 1)])))
	rising, falling := true, c.signal == sReady || c.signal == sTraffic
	if c.signal == sReady {
		rising = false
	}
	s, ok := changepoint.Find(c.y, at, floor/significantFloor, rising, falling)
	if ok && math.Abs(s.After-s.Before) < floor && math.Abs(s.Peak-s.Before) < 2*floor {
		return s, false
	}
	return s, ok
}

// significantFloor makes the floor the least shift that is found: a shift is
// three deviations, see package changepoint.
const significantFloor = 3

func finiteMedian(y []float64) float64 {
	var x []float64
	for _, v := range y {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			x = append(x, v)
		}
	}
	if len(x) == 0 {
		return 0
	}
	return changepoint.Median(x)
}

// when is the moment of a place.
func (a *analysis) when(place int) time.Time { return a.window.Time(place).UTC() }

// began is when a shift of a rate really began: a rate over a range rises while
// the range fills, and is seen to have left after a part of it.
func (a *analysis) began(s changepoint.Shift) time.Time {
	return a.when(s.Onset)
}

// blur is how exactly the onset of a rate can be known: a rate is seen to rise
// while its range fills.
func (a *analysis) blur(s changepoint.Shift) time.Duration {
	out := time.Duration(s.Within)*a.window.Step + a.window.Step + a.interval
	if a.signals != nil {
		out += a.signals.rng / 2
	}
	return out
}
