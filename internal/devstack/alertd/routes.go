package alertd

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/route"

	"github.com/aictl/aictl/internal/fail"
)

func newMetrics(reg prometheus.Registerer) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "alertmanager_http_request_duration_seconds", Help: "Histogram of latencies for HTTP requests.", Buckets: prometheus.DefBuckets,
	}, []string{"handler", "method", "code"})
	reg.MustRegister(h) // a registry of our own: a clash is a programmer's mistake
	return h
}

func (s *Server) routes() http.Handler {
	p := s.o.Prefix
	v2 := s.api.Register(route.New().WithPrefix(p), p)
	mux := http.NewServeMux()
	mux.Handle(p+"/api/", v2)
	mux.Handle("POST "+p+"/api/v2/silences", s.durable(v2))
	mux.Handle("DELETE "+p+"/api/v2/silence/{id}", s.durable(v2))
	mux.Handle("GET "+p+"/metrics", promhttp.HandlerFor(s.o.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET "+p+"/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "OK") // the client is gone if it fails
	})
	mux.HandleFunc("GET "+p+"/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "OK") // the client is gone if it fails
	})
	mux.HandleFunc("POST "+p+"/-/reload", func(w http.ResponseWriter, _ *http.Request) {
		if s.o.OnReload == nil {
			http.Error(w, "reloading is not enabled", http.StatusForbidden)
			return
		}
		if err := s.o.OnReload(); err != nil {
			http.Error(w, "failed to reload config: "+err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

// durable holds the answer to a change of silences back until the change is
// on disk. Upstream writes them every 15 minutes only: a power cut would wake
// somebody for what they had silenced.
func (s *Server) durable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(a, r)
		if a.status < 300 {
			if _, err := s.saveSilences(); err != nil {
				s.logger.Error("silences were not written", "err", err)
				http.Error(w, fail.Wrap(fail.Unavailable, err, "the change is in force, but could not be written and would be lost with a restart").Error(),
					http.StatusInsufficientStorage)
				return
			}
		}
		for k, v := range a.header {
			if !strings.EqualFold(k, "Content-Length") {
				w.Header()[k] = v
			}
		}
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body.Bytes()) // the client is gone if it fails
	})
}

// answer is a small response held in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
