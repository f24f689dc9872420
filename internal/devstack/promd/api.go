package promd

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/util/notifications"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// Version is the engine's, as the API says it. A test compares it with go.mod.
const Version = "3.15.0"

// routes mounts the API. web.New would make the same API with fewer
// arguments, but it can only serve a listener of its own, brings
// /debug/pprof without a lock, and web pages whose assets are not in the Go
// module; so the API is made by its own constructor, argument by argument.
func (s *Server) routes() http.Handler {
	nobody := regexp.MustCompile(`^$`)
	api := apiv1.NewAPI(
		s.engine, s.db,
		nil, nil, // no remote write, no OTLP
		s.db,
		func(context.Context) apiv1.ScrapePoolsRetriever { return s.scrape },
		func(context.Context) apiv1.TargetRetriever { return s.scrape },
		func(context.Context) apiv1.AlertmanagerRetriever { return s.notifier },
		func() config.Config { return *s.current.Load() },
		map[string]string{
			"storage.tsdb.retention.time": model.Duration(s.o.Retention).String(),
			"web.external-url":            s.self(),
		},
		apiv1.GlobalURLOptions{ListenAddress: s.o.ExternalURL.Host, Host: s.o.ExternalURL.Host, Scheme: s.o.ExternalURL.Scheme},
		s.whenReady,
		admin{s.db, s.stats}, s.o.Dir,
		false,    // the admin API: deletes and snapshots
		false, 0, // the experimental search API
		s.logger.With("component", "api"),
		func(context.Context) apiv1.RulesRetriever { return s.rules },
		5_000_000, 4, 1<<20, // remote read: samples, at once, bytes of a frame
		false,  // not an agent
		nobody, // no browser origin but the server's own
		s.runtimeInfo,
		&apiv1.PrometheusVersion{Version: Version, Branch: "embedded", GoVersion: runtime.Version()},
		func() []notifications.Notification { return nil },
		func() (<-chan notifications.Notification, func(), bool) { return nil, nil, false },
		s.o.Registry, s.o.Registry,
		nil,        // the usual statistics of a query
		false, nil, // remote write
		false, false, false, // OTLP
		false, // start timestamps
		lookback,
		false, false, // type and unit labels, metadata
		nil, nil,
		apiv1.OpenAPIOptions{ExternalURL: s.self(), Version: Version},
		s.parser,
	)
	v1 := route.New()
	api.Register(v1)
	p := s.o.Prefix
	mux := http.NewServeMux()
	mux.Handle(p+"/api/v1/", http.StripPrefix(p+"/api/v1", v1))
	mux.Handle("GET "+p+"/metrics", promhttp.HandlerFor(s.o.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET "+p+"/-/healthy", say("Prometheus Server is Healthy.\n"))
	mux.HandleFunc("GET "+p+"/-/ready", s.whenReady(say("Prometheus Server is Ready.\n")))
	mux.HandleFunc("POST "+p+"/-/reload", s.reload)
	mux.HandleFunc("GET "+p+"/version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"version": Version, "goVersion": runtime.Version()}) // the client is gone if it fails
	})
	return mux
}

func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, text) // the client is gone if it fails
	}
}

func (s *Server) whenReady(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		next(w, r)
	}
}

func (s *Server) reload(w http.ResponseWriter, _ *http.Request) {
	if s.o.OnReload == nil {
		http.Error(w, "Lifecycle API is not enabled.", http.StatusForbidden)
		return
	}
	if err := s.o.OnReload(); err != nil {
		http.Error(w, "failed to reload config: "+err.Error(), http.StatusInternalServerError)
	}
}

func (s *Server) runtimeInfo() (apiv1.RuntimeInfo, error) {
	host, err := os.Hostname()
	if err != nil {
		return apiv1.RuntimeInfo{}, err
	}
	retention := model.Duration(s.o.Retention).String()
	if s.o.RetentionBytes > 0 {
		retention += " or " + bytesText(s.o.RetentionBytes)
	}
	return apiv1.RuntimeInfo{
		StartTime: s.born, CWD: s.o.Dir, Hostname: host, ServerTime: time.Now().UTC(),
		ReloadConfigSuccess: s.reloadOK.Load(), LastConfigTime: time.UnixMilli(s.reloaded.Load()).UTC(),
		CorruptionCount: int64(s.counter("prometheus_tsdb_wal_corruptions_total")),
		GoroutineCount:  runtime.NumGoroutine(), GOMAXPROCS: runtime.GOMAXPROCS(0), GOMEMLIMIT: debug.SetMemoryLimit(-1),
		GOGC: os.Getenv("GOGC"), GODEBUG: os.Getenv("GODEBUG"), StorageRetention: retention,
	}, nil
}

// counter reads one counter of the engine's registry; 0 when it is absent.
func (s *Server) counter(name string) float64 {
	families, err := s.o.Registry.Gather()
	if err != nil {
		return 0
	}
	for _, f := range families {
		if f.GetName() == name && len(f.GetMetric()) > 0 {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}
