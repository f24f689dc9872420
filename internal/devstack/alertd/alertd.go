// Package alertd runs Alertmanager inside this process: its API v2, routing,
// inhibition, silences, notification log and receivers, wired from the
// upstream packages.
//
// It promises: no port is opened and no cluster joined (the server mounts
// Handler), a silence is on disk before its creation or end is confirmed, a
// bad configuration leaves the running one in place, and Close joins what
// Open started. amtool and Grafana work against the handler.
//
// It does not serve Alertmanager's web pages: their assets are not part of
// the Go module. The wiring follows alertmanager/app, which does not build as
// a dependency for the same reason.
package alertd

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/api"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"

	"github.com/aictl/aictl/internal/devstack/guard"
	"github.com/aictl/aictl/internal/fail"
)

// Server is a running Alertmanager. Safe for concurrent use.
type Server struct {
	o      Options
	logger *slog.Logger
	born   time.Time
	guard  guard.Group

	alerts   *mem.Alerts
	silences *silence.Silences
	log      *nflog.Log
	silencer *silence.Silencer
	groups   marker.GroupMarker
	api      *api.API
	pipeline *notify.PipelineBuilder
	dispatch *dispatch.DispatcherMetrics
	recorder eventrecorder.Recorder
	handler  http.Handler

	disk sync.Mutex // one snapshot of the silences at a time

	reload     sync.Mutex // guards the swap of the two below
	dispatcher atomic.Pointer[dispatch.Dispatcher]
	inhibitor  atomic.Pointer[inhibit.Inhibitor]

	stop      chan struct{}
	ready     atomic.Bool
	closeOnce sync.Once
	closeErr  error
}

// acceptUTF8 makes the upstream parsers take UTF-8 label names beside the
// classic ones, as the alertmanager program does at its start. Upstream holds
// that choice in package variables: it is made once, before the first use.
var acceptUTF8 = sync.OnceFunc(func() { //nolint:gochecknoglobals // guards upstream's own global
	compat.InitFromFlags(promslog.NewNopLogger(), featurecontrol.NoopFlags{})
})

// Open starts the engine on its directory with the given configuration and
// returns when its API answers. A configuration that does not load is
// fail.Usage; a snapshot that cannot be read is fail.Failed and names it.
func Open(o Options, configuration []byte) (*Server, error) {
	acceptUTF8()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making the directory of the embedded Alertmanager").
			Hint("check the permissions of --data-dir")
	}
	s := &Server{
		o: o, logger: o.Logger, born: time.Now(), guard: guard.Group{Logger: o.Logger},
		groups: marker.NewGroupMarker(), recorder: eventrecorder.NopRecorder(), stop: make(chan struct{}),
	}
	if err := s.assemble(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Reload(configuration); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.ready.Store(true)
	return s, nil
}

// assemble makes the parts that live as long as the server.
func (s *Server) assemble() error {
	reg, flags := s.o.Registry, featurecontrol.NoopFlags{}
	var err error
	s.log, err = nflog.New(nflog.Options{
		SnapshotFile: s.path("nflog"), Retention: retention, Logger: s.logger.With("component", "nflog"), Metrics: reg,
	})
	if err != nil {
		return s.snapshotError("nflog", err)
	}
	s.silences, err = silence.New(silence.Options{
		SnapshotFile: s.path("silences"), Retention: retention, Logger: s.logger.With("component", "silences"), Metrics: reg,
		Limits: silence.Limits{
			MaxSilences:         func() int { return maxSilences },
			MaxSilenceSizeBytes: func() int { return silenceBytes },
		},
		EventRecorder: s.recorder,
	})
	if err != nil {
		return s.snapshotError("silences", err)
	}
	s.silencer = silence.NewSilencer(s.silences, s.logger.With("component", "silencer"), s.recorder)
	s.alerts, err = mem.NewAlerts(context.Background(), alertGC, alertsPerName, s.silencer, s.logger.With("component", "alerts"), s.recorder, reg, flags)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "starting the embedded Alertmanager's alerts")
	}
	s.pipeline = notify.NewPipelineBuilder(reg, flags, s.recorder)
	s.dispatch = dispatch.NewDispatcherMetrics(false, reg, flags)
	m := newMetrics(reg)
	s.api, err = api.New(api.Options{
		Alerts: s.alerts, Silences: s.silences, GroupMutedFunc: s.groups.Muted, Timeout: httpTimeout,
		Logger: s.logger.With("component", "api"), Registry: reg, RequestDuration: m,
		GroupFunc: func(ctx context.Context, route func(*dispatch.Route) bool, keep func(*alert.Alert, time.Time) bool) (dispatch.AlertGroups, map[model.Fingerprint][]string, error) {
			return s.dispatcher.Load().Groups(ctx, route, keep)
		},
	})
	if err != nil {
		return fail.Wrap(fail.Internal, err, "starting the embedded Alertmanager's API")
	}
	s.guard.Go("notification log", func() { s.log.Maintenance(maintenance, s.path("nflog"), s.stop, nil) })
	s.guard.Go("silences", func() { s.silences.Maintenance(maintenance, s.path("silences"), s.stop, s.tidySilences) })
	s.handler = s.guard.Handler("Alertmanager", s.routes())
	return nil
}

func (s *Server) path(name string) string { return filepath.Join(s.o.Dir, name) }

func (s *Server) snapshotError(name string, err error) error {
	return fail.Wrap(fail.Failed, err, "reading %s", s.path(name)).
		Hint("move the file away and restart: what it held (%s) is lost, nothing else is", name)
}

// Handler serves everything below Options.Prefix; requests keep the prefix.
func (s *Server) Handler() http.Handler { return s.handler }

// Ready is nil while the engine works; fail.Unavailable before and after.
func (s *Server) Ready() error {
	if err := s.guard.Err(); err != nil {
		return err
	}
	if !s.ready.Load() {
		return fail.New(fail.Unavailable, "the embedded Alertmanager is not running").Hint("aictl status")
	}
	return nil
}

// Close stops notifying, writes the snapshots and joins every goroutine.
// Later calls return the first one's error.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.ready.Store(false)
		s.reload.Lock()
		defer s.reload.Unlock()
		if d := s.dispatcher.Load(); d != nil {
			d.Stop()
		}
		if i := s.inhibitor.Load(); i != nil {
			i.Stop()
		}
		if s.alerts != nil {
			s.alerts.Close()
		}
		close(s.stop) // the last maintenance writes both snapshots
		s.guard.Wait()
		s.closeErr = s.recorder.Close()
	})
	return s.closeErr
}
