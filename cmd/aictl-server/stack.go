package main

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aictl/aictl/internal/devstack"
	"github.com/aictl/aictl/internal/devstack/rules"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/serverconfig"
	"github.com/aictl/aictl/server"
)

// stack is the embedded Prometheus and Alertmanager. They need the address
// that the server has, so they open after it listens; until then their APIs
// and the readiness of the server say so.
type stack struct {
	open     atomic.Pointer[devstack.Stack]
	failed   atomic.Pointer[fail.Error]
	registry *prometheus.Registry
	log      *slog.Logger
	dir      string
}

func newStack(c *serverconfig.Config, dir string, registry *prometheus.Registry, log *slog.Logger) *stack {
	if !c.Stack.Enabled {
		return nil
	}
	return &stack{registry: registry, log: log, dir: dir}
}

// start opens the engines. A fault of theirs is not the control plane's: it is
// logged, and their APIs say it.
func (s *stack) start(ctx context.Context, c *serverconfig.Config, url string) {
	if s == nil {
		return
	}
	if err := s.run(ctx, c, url); err != nil {
		s.failed.Store(fail.From(err))
		s.log.Error("the embedded metrics and alerts did not start; the rest runs without them", logging.Err(err))
	}
}

func (s *stack) run(ctx context.Context, c *serverconfig.Config, url string) error {
	opened, err := devstack.Open(ctx, devstack.Options{
		DataDir: filepath.Join(s.dir, "stack"), Logger: s.log, ExternalURL: url,
		Retention: c.Stack.MetricsRetention, RetentionBytes: int64(c.Stack.MetricsBytes),
		ScrapeInterval: c.Stack.ScrapeInterval, EvaluationInterval: c.Stack.ScrapeInterval,
		ControlPlane: s.registry, Config: stackConfig(c),
	})
	if err != nil {
		return err
	}
	s.open.Store(opened)
	return nil
}

func stackConfig(c *serverconfig.Config) devstack.Config {
	out := devstack.Config{RuleFiles: c.Stack.Rules, AlertmanagerFile: c.Stack.AlertmanagerFile}
	for _, o := range c.SLOs {
		one := devstack.SLO{Name: o.Name, Service: o.Service, Objective: o.Objective, Window: o.Window, Threshold: o.Latency}
		if o.Latency > 0 {
			one.Kind = rules.Latency
		}
		out.SLOs = append(out.SLOs, one)
	}
	return out
}

// apply brings a changed configuration into force.
func (s *stack) apply(ctx context.Context, c *serverconfig.Config) error {
	if s == nil {
		return nil
	}
	if running := s.open.Load(); running != nil {
		return running.Reload(ctx, stackConfig(c))
	}
	return nil
}

func (s *stack) close(context.Context) error {
	if s == nil {
		return nil
	}
	if running := s.open.Swap(nil); running != nil {
		return running.Close()
	}
	return nil
}

// ready is the server's readiness check.
func (s *stack) ready(ctx context.Context) error {
	switch running := s.open.Load(); {
	case running != nil:
		return running.Ready(ctx)
	case s.failed.Load() != nil:
		return nil // degraded, and said where it matters
	}
	return fail.New(fail.Unavailable, "metrics and alerts are starting")
}

// handler serves an engine's API as soon as it is there.
func (s *stack) handler(pick func(*devstack.Stack) http.Handler) http.Handler {
	if s == nil {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running := s.open.Load()
		if running == nil {
			if failed := s.failed.Load(); failed != nil {
				fail.WriteProblem(w, fail.Wrap(fail.Unavailable, failed, "the embedded metrics and alerts did not start").Hint("aictl status"))
				return
			}
			w.Header().Set("Retry-After", "1")
			fail.WriteProblem(w, fail.New(fail.Unavailable, "metrics and alerts are starting").Hint("aictl status"))
			return
		}
		pick(running).ServeHTTP(w, r)
	})
}

// mounts are the engines' native APIs, for promtool, amtool and Grafana.
func (s *stack) mounts() []server.Mount {
	if s == nil {
		return nil
	}
	effect := func(r *http.Request) op.Effect {
		if devstack.Writes(r) {
			return op.Write
		}
		return op.Read
	}
	return []server.Mount{
		{Prefix: devstack.PrometheusPath + "/", Handler: s.handler((*devstack.Stack).Prometheus), Effect: effect, Noun: "metrics", OpenReads: true},
		{Prefix: devstack.AlertmanagerPath + "/", Handler: s.handler((*devstack.Stack).Alertmanager), Effect: effect, Noun: "alerts", OpenReads: true},
	}
}
