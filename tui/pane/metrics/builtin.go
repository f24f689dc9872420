package metrics

import (
	"regexp"
	"strconv"

	"github.com/aictl/aictl/tui/pane"
)

// failed are the codes that are our fault, as the embedded rules count them.
const failed = `code=~"internal|unavailable|timeout"`

// share is which part of the calls is of a kind: 0 where there are calls and
// none of the kind, and nothing where there are no calls.
func share(by, of, kind string) string {
	all := `sum by (` + by + `) (rate(aictl_gateway_requests_total{` + of + `}[5m]))`
	if of != "" {
		kind = of + ", " + kind
	} else {
		all = `sum by (` + by + `) (rate(aictl_gateway_requests_total[5m]))`
	}
	return `(sum by (` + by + `) (rate(aictl_gateway_requests_total{` + kind + `}[5m])) or 0 * ` + all + `) / ` + all
}

// builtin are the boards where a person has none: what every platform has.
func builtin() []Board {
	return []Board{
		{Name: "services", Title: "Services", Plots: plots{
			{Title: "Calls a second", Query: `sum by (service) (rate(aictl_gateway_requests_total[5m]))`},
			{
				Title: "Failed calls", Unit: "ratio", Threshold: []float64{0.05},
				Query: share("service", "", failed),
			},
			{
				Title: "Duration, p95", Unit: "seconds",
				Query: `histogram_quantile(0.95, sum by (service, le) (rate(aictl_gateway_request_duration_seconds_bucket[5m])))`,
			},
			{Title: "Waiting calls", Query: `sum by (service) (aictl_gateway_queue_depth)`},
			{Title: "Calls in flight", Query: `sum by (service) (aictl_gateway_requests_in_flight)`},
			{
				Title: "Refused by limits", Unit: "ratio", Threshold: []float64{0.1},
				Query: share("service", "", `code="limited"`),
			},
		}},
		{Name: "processes", Title: "Processes", Plots: plots{
			{Title: "CPU, cores", Query: `sum by (job, instance) (rate(process_cpu_seconds_total[5m]))`, Unit: "none"},
			{Title: "Resident memory", Query: `process_resident_memory_bytes`},
			{Title: "Goroutines", Query: `go_goroutines`},
			{Title: "Garbage collection, worst pause", Query: `go_gc_duration_seconds{quantile=~"1([.]0)?"}`},
			{Title: "Open file descriptors", Query: `process_open_fds / process_max_fds`, Unit: "ratio", Threshold: []float64{0.8}},
			{Title: "Targets that answer", Query: `sum by (job) (up)`},
		}},
		{Name: "platform", Title: "Control plane", Plots: plots{
			{Title: "Requests a second", Query: `sum by (route) (rate(aictl_http_requests_total[5m]))`},
			{
				Title: "Failed requests", Unit: "ratio", Threshold: []float64{0.05},
				Query: `(sum(rate(aictl_http_requests_total{code=~"5.."}[5m])) or vector(0)) / sum(rate(aictl_http_requests_total[5m]))`,
			},
			{
				Title: "Duration, p95", Unit: "seconds",
				Query: `histogram_quantile(0.95, sum by (le) (rate(aictl_http_request_duration_seconds_bucket[5m])))`,
			},
			{Title: "Log entries a second", Query: `sum(rate(aictl_logs_entries_total[5m]))`, Unit: "none"},
			{Title: "Free disk", Query: `aictl_devstack_disk_free_bytes`},
			{Title: "Logs on disk", Query: `aictl_logs_disk_bytes`},
		}},
	}
}

// serviceOf is the service, or the workload, that a subject names.
func serviceOf(s pane.Subject) string {
	for _, name := range []string{s.Service, s.Labels["service"], s.Labels["job"]} {
		if name != "" {
			return name
		}
	}
	return ""
}

// boardOf is a service's own board: its calls, its process and, where it is
// known to live in a namespace, its pods.
func boardOf(s pane.Subject) Board {
	service := serviceOf(s)
	is := "service=" + strconv.Quote(service)
	process := func(metric string) string {
		return metric + "{" + is + "} or " + metric + "{job=" + strconv.Quote(service) + "}"
	}
	b := Board{Name: service, Title: "Service " + service, service: service}
	b.Plots = plots{
		{Title: "Calls a second", Query: `sum by (revision) (rate(aictl_gateway_requests_total{` + is + `}[5m]))`},
		{
			Title: "Failed calls", Unit: "ratio", Threshold: []float64{0.05},
			Query: share("revision", is, failed),
		},
		{
			Title: "Duration, p95", Unit: "seconds",
			Query: `histogram_quantile(0.95, sum by (revision, le) (rate(aictl_gateway_request_duration_seconds_bucket{` + is + `}[5m])))`,
		},
		{Title: "Waiting calls", Query: `sum(aictl_gateway_queue_depth{` + is + `})`},
		{Title: "CPU, cores", Unit: "none", Query: `rate(process_cpu_seconds_total{` + is + `}[5m]) or rate(process_cpu_seconds_total{job=` + strconv.Quote(service) + `}[5m])`},
		{Title: "Resident memory", Query: process("process_resident_memory_bytes")},
	}
	if s.Namespace == "" || s.Namespace == "*" {
		return b
	}
	pods := `namespace=` + strconv.Quote(s.Namespace) + `, pod=~` + strconv.Quote(regexp.QuoteMeta(service)+"-.+") + `, container!=""`
	b.Plots = append(
		b.Plots,
		Spec{Title: "Pods: CPU, cores", Unit: "none", Query: `sum by (pod) (rate(container_cpu_usage_seconds_total{` + pods + `}[5m]))`},
		Spec{Title: "Pods: memory", Unit: "bytes", Query: `sum by (pod) (container_memory_working_set_bytes{` + pods + `})`},
	)
	return b
}
