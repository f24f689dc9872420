package runtime

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	replicas     *prometheus.GaugeVec
	restarts     *prometheus.CounterVec
	starts       *prometheus.CounterVec
	startSeconds *prometheus.HistogramVec
	scaled       *prometheus.CounterVec
	queued       *prometheus.GaugeVec
	rollouts     *prometheus.CounterVec
	resources    *resources
}

func newMetrics(reg prometheus.Registerer, r *Runtime) (*metrics, error) {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "aictl", Subsystem: "runtime", Name: name, Help: help}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "aictl", Subsystem: "runtime", Name: name, Help: help}, labels)
	}
	m := &metrics{
		replicas: gauge("replicas", "Replicas by service, revision and state.", "service", "revision", "state"),
		restarts: counter("restarts_total", "Replicas started again after they ended.", "service"),
		starts:   counter("starts_total", "Processes started.", "service"),
		startSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "aictl", Subsystem: "runtime", Name: "start_seconds", Help: "Time from the start of a process to its first readiness.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"service"}),
		scaled:   counter("scale_events_total", "Changes of the number of replicas by load, by direction (up, down).", "service", "direction"),
		queued:   gauge("queue_depth", "Calls that wait for a replica.", "service", "revision"),
		rollouts: counter("rollouts_total", "Rollouts by outcome (complete, promoted, rolled_back).", "service", "outcome"),
	}
	m.resources = newResources(r)
	if reg != nil {
		for _, c := range m.all() {
			if err := reg.Register(c); err != nil {
				m.unregister(reg)
				return nil, err
			}
		}
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.replicas, m.restarts, m.starts, m.startSeconds, m.scaled, m.queued, m.rollouts, m.resources}
}

func (m *metrics) unregister(reg prometheus.Registerer) {
	if reg != nil {
		for _, c := range m.all() {
			reg.Unregister(c)
		}
	}
}

// forget drops the series of a service that is gone.
func (m *metrics) forget(service string) {
	by := prometheus.Labels{"service": service}
	m.replicas.DeletePartialMatch(by)
	m.restarts.DeletePartialMatch(by)
	m.starts.DeletePartialMatch(by)
	m.startSeconds.DeletePartialMatch(by)
	m.scaled.DeletePartialMatch(by)
	m.queued.DeletePartialMatch(by)
	m.rollouts.DeletePartialMatch(by)
}
