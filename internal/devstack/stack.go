package devstack

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aictl/aictl/internal/devstack/alertd"
	"github.com/aictl/aictl/internal/devstack/disk"
	"github.com/aictl/aictl/internal/devstack/promd"
	"github.com/aictl/aictl/internal/devstack/rules"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Job is the scrape job of the control plane itself.
const Job = "aictl-server"

// Stack is the running pair. Safe for concurrent use.
type Stack struct {
	logger *slog.Logger
	base   *url.URL
	alerts *alertd.Server
	prom   *promd.Server

	mu        sync.Mutex // guards config, and lets one reload run at a time
	config    Config
	closeOnce sync.Once
	closeErr  error
}

// Open starts the engines on DataDir and returns when both APIs answer,
// usually within a few hundred milliseconds; ctx is looked at between the
// steps only. Errors: fail.Usage for options or a configuration that don't
// load, fail.Conflict for a directory in use by another process, fail.Failed
// for data that cannot be read (the hint says what to move away). Nothing
// runs after an error: the caller can go on without the stack.
func Open(ctx context.Context, o Options) (_ *Stack, err error) {
	o, base, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	defer func() { // an engine that panics on what it finds must not end the control plane
		if p := recover(); p != nil {
			err = fail.New(fail.Internal, "the embedded stack panicked while it started: %v", p).
				Hint("move %s away and restart: metrics begin anew", o.DataDir)
		}
	}()
	set, am, err := o.Config.load()
	if err != nil {
		return nil, err
	}
	s := &Stack{logger: o.Logger, base: base, config: o.Config}
	reload := func() error { return s.reloadFiles() }
	s.alerts, err = alertd.Open(alertd.Options{
		Dir: filepath.Join(o.DataDir, "alertmanager"), Logger: o.Logger.With("engine", "alertmanager"),
		ExternalURL: base, Prefix: AlertmanagerPath, Registry: prometheus.NewRegistry(), OnReload: reload,
	}, am)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(fail.Wrap(fail.Canceled, err, "starting the embedded stack"), s.Close())
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(disk.NewCollector(o.DataDir))
	s.prom, err = promd.Open(promd.Options{
		Dir: filepath.Join(o.DataDir, "prometheus"), Logger: o.Logger.With("engine", "prometheus"),
		ExternalURL: base, Prefix: PrometheusPath, Retention: o.Retention, RetentionBytes: o.RetentionBytes,
		ScrapeInterval: o.ScrapeInterval, EvaluationInterval: o.EvaluationInterval,
		Alertmanager: s.alerts.Handler(), AlertmanagerPrefix: AlertmanagerPath, Registry: reg, OnReload: reload,
	}, set)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.scrapeOurselves(o.ControlPlane); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// scrapeOurselves has the control plane's metrics and those of the engines
// read in this process.
func (s *Stack) scrapeOurselves(control prometheus.Gatherer) error {
	own := []struct {
		job, path string
		handler   http.Handler
	}{
		{"prometheus", PrometheusPath + "/metrics", s.prom.Handler()},
		{"alertmanager", AlertmanagerPath + "/metrics", s.alerts.Handler()},
	}
	if control != nil {
		own = append(own, struct {
			job, path string
			handler   http.Handler
		}{Job, "/metrics", promhttp.HandlerFor(control, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})})
	}
	root := &url.URL{Scheme: s.base.Scheme, Host: s.base.Host}
	for _, t := range own {
		target := Target{URL: root.JoinPath(t.path).String(), Transport: op.InProcess{Handler: t.handler}}
		if err := s.prom.SetTargets(t.job, []Target{target}); err != nil {
			return err
		}
	}
	return nil
}

// Prometheus serves the API below PrometheusPath; requests keep that prefix.
// It checks nobody's identity.
func (s *Stack) Prometheus() http.Handler { return s.prom.Handler() }

// Alertmanager serves the API below AlertmanagerPath; requests keep that
// prefix. It checks nobody's identity.
func (s *Stack) Alertmanager() http.Handler { return s.alerts.Handler() }

// SetTargets replaces the targets of a job, none removes it; it returns at
// once. The jobs prometheus, alertmanager and aictl-server are taken.
func (s *Stack) SetTargets(job string, targets []Target) error {
	switch job {
	case "prometheus", "alertmanager", Job:
		return fail.New(fail.Conflict, "the scrape job %s is the stack's own", job).Hint("name the job after the service")
	}
	return s.prom.SetTargets(job, targets)
}

// Ready is nil when both engines work; fail.Unavailable while they start or
// stop; fail.Internal when one of their parts has panicked.
func (s *Stack) Ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fail.Wrap(fail.Canceled, err, "asking the embedded stack")
	}
	return errors.Join(s.prom.Ready(), s.alerts.Ready())
}

// Reload puts a configuration in force as a whole, or leaves the old one and
// says why (fail.Usage). Alerts, silences and the state of rules that did not
// change stay.
func (s *Stack) Reload(_ context.Context, c Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	set, am, err := c.load()
	if err != nil {
		return err
	}
	if err := errors.Join(s.alerts.Check(am), s.prom.Check(set)); err != nil {
		return err
	}
	if err := s.prom.Reload(set); err != nil {
		return err
	}
	if err := s.alerts.Reload(am); err != nil {
		return err
	}
	s.config = c
	return nil
}

// reloadFiles reads the files of the configuration in force again.
func (s *Stack) reloadFiles() error {
	s.mu.Lock()
	c := s.config
	s.mu.Unlock()
	return s.Reload(context.Background(), c)
}

func (c Config) load() (promd.RuleSet, []byte, error) {
	slos := c.SLOs
	if slos == nil {
		slos = rules.DefaultSLOs()
	}
	docs, err := rules.Documents(slos)
	if err != nil {
		return promd.RuleSet{}, nil, err
	}
	am, err := c.alertmanager()
	if err != nil {
		return promd.RuleSet{}, nil, err
	}
	return promd.RuleSet{Builtin: docs, Files: c.RuleFiles}, am, nil
}

// Close stops the engines, Prometheus first so that its last alerts are
// taken, writes what is in memory and joins every goroutine. It takes a
// second or two at most, but for a notification under way (10 s). Later calls
// return the first one's error.
func (s *Stack) Close() error {
	s.closeOnce.Do(func() {
		start := time.Now()
		var errs []error
		if s.prom != nil {
			errs = append(errs, s.prom.Close())
		}
		if s.alerts != nil {
			errs = append(errs, s.alerts.Close())
		}
		if err := errors.Join(errs...); err != nil {
			s.closeErr = fail.Wrap(fail.Failed, err, "stopping the embedded stack")
		}
		s.logger.Debug("the embedded stack has stopped", "took", time.Since(start).String())
	})
	return s.closeErr
}

// Writes reports whether a request to one of the handlers changes something
// (a silence, an alert, a reload). Queries are POSTed too and change nothing.
func Writes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	case http.MethodPost:
		return !strings.HasPrefix(r.URL.Path, PrometheusPath+"/api/v1/")
	}
	return true
}
