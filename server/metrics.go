package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/aictl/aictl/internal/fail"
)

// metrics are the server's own: requests, errors, duration, what is running,
// connections and reloads. Routes are patterns, so that no client can make
// new label values.
type metrics struct {
	requests    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	inflight    prometheus.Gauge
	panics      prometheus.Counter
	connections prometheus.Gauge
	refused     *prometheus.CounterVec
	reloadOK    prometheus.Gauge
	reloadTime  prometheus.Gauge
}

func newMetrics(reg *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aictl_http_requests_total", Help: "Requests answered, by route pattern, method and status code.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aictl_http_request_duration_seconds", Help: "Time from the request's headers to the answer's end, by route pattern.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, []string{"route"}),
		inflight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "aictl_http_requests_in_flight", Help: "Requests being answered now.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aictl_http_panics_total", Help: "Handlers that panicked; the log has the stacks.",
		}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "aictl_http_connections", Help: "Open connections.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aictl_http_connections_refused_total", Help: "Connections closed at once, by the limit they were over.",
		}, []string{"limit"}),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "aictl_config_last_reload_successful", Help: "1 if the last load or reload of the configuration succeeded.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "aictl_config_last_reload_success_timestamp_seconds", Help: "When the configuration in force was loaded.",
		}),
	}
	for _, c := range []prometheus.Collector{
		m.requests, m.duration, m.inflight, m.panics, m.connections, m.refused, m.reloadOK, m.reloadTime,
	} {
		if err := reg.Register(c); err != nil {
			return nil, fail.Wrap(fail.Internal, err, "registering the server's metrics")
		}
	}
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		// The integrator may have registered these itself.
		if err := reg.Register(c); err != nil && !isRegistered(err) {
			return nil, fail.Wrap(fail.Internal, err, "registering the process's metrics")
		}
	}
	m.reloaded(true, time.Now())
	return m, nil
}

func isRegistered(err error) bool {
	_, ok := err.(prometheus.AlreadyRegisteredError) //nolint:errorlint // Register returns it bare, as a value
	return ok
}

func (m *metrics) reloaded(ok bool, now time.Time) {
	if !ok {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(now.UnixMilli()) / 1000)
}

func (m *metrics) inflightNow() float64 {
	var d dto.Metric
	if err := m.inflight.Write(&d); err != nil {
		return 0
	}
	return d.GetGauge().GetValue()
}

func (m *metrics) answered(route, method string, code int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

// metricsRoute serves the registry: to anybody on a loopback listener or when
// metrics are public by configuration, otherwise to any valid token.
func (s *Server) metricsRoute() http.Handler {
	h := promhttp.HandlerFor(s.o.Registry, promhttp.HandlerOpts{Registry: s.o.Registry, MaxRequestsInFlight: 8})
	if s.loopback || s.o.PublicMetrics {
		return h
	}
	return s.identify(true, problem)(h)
}
