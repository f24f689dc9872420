package gateway

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests  *prometheus.CounterVec
	calls     *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	first     *prometheus.HistogramVec
	tokens    *prometheus.CounterVec
	retries   *prometheus.CounterVec
	ejections *prometheus.CounterVec
	breaker   *prometheus.GaugeVec
	inFlight  prometheus.Gauge
	queued    *prometheus.GaugeVec
	series    sync.Map // seriesKey → *series: looking labels up costs more than counting
}

type seriesKey struct{ service, revision, operation, code string }

type series struct {
	requests        prometheus.Counter
	duration, first prometheus.Observer
	in, out         prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	by := []string{"service", "revision", "operation", "code"}
	target := []string{"service", "revision", "target"}
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	counter := func(name, help string, labels []string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "aictl", Subsystem: "gateway", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels []string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "aictl", Subsystem: "gateway", Name: name, Help: help, Buckets: buckets}, labels)
	}
	gauge := func(name, help string, labels []string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "aictl", Subsystem: "gateway", Name: name, Help: help}, labels)
	}
	m := &metrics{
		requests:  counter("requests_total", "Calls by service, revision, operation and code of the outcome.", by),
		calls:     counter("calls_total", "Calls of one service to another, by code of the outcome.", []string{"caller", "service", "code"}),
		duration:  histogram("request_duration_seconds", "Time from admission to the end of the answer.", by[:3]),
		first:     histogram("first_byte_seconds", "Time from admission to the first byte of the answer (the first token of a stream).", by[:3]),
		tokens:    counter("tokens_total", "Tokens by service and direction (input, output).", []string{"service", "direction"}),
		retries:   counter("retries_total", "Calls sent again, by kind: retry (same tier), fallback (next tier).", []string{"service", "kind"}),
		ejections: counter("ejections_total", "Targets left alone because they failed more than their siblings.", target),
		breaker:   gauge("breaker_state", "State of a target's circuit breaker: 0 closed, 1 half open, 2 open.", target),
		inFlight:  prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "aictl", Subsystem: "gateway", Name: "requests_in_flight", Help: "Calls under way, waiting ones included."}),
		queued:    gauge("queue_depth", "Calls that wait for a slot.", []string{"service", "operation"}),
	}
	if reg != nil {
		for _, c := range []prometheus.Collector{m.requests, m.calls, m.duration, m.first, m.tokens, m.retries, m.ejections, m.breaker, m.inFlight, m.queued} {
			if err := reg.Register(c); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

func (m *metrics) of(k seriesKey) *series {
	if s, ok := m.series.Load(k); ok {
		return s.(*series)
	}
	s := &series{
		requests: m.requests.WithLabelValues(k.service, k.revision, k.operation, k.code),
		duration: m.duration.WithLabelValues(k.service, k.revision, k.operation),
		first:    m.first.WithLabelValues(k.service, k.revision, k.operation),
		in:       m.tokens.WithLabelValues(k.service, "input"),
		out:      m.tokens.WithLabelValues(k.service, "output"),
	}
	m.series.Store(k, s)
	return s
}

// forget drops the series of a target that is gone.
func (m *metrics) forget(service string, r *replica) {
	m.breaker.DeleteLabelValues(service, r.revision, r.name)
	m.ejections.DeleteLabelValues(service, r.revision, r.name)
}
