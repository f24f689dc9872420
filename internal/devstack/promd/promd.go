// Package promd runs Prometheus inside this process: its time-series store,
// scraper, rules, PromQL engine, notifier and HTTP API v1, as a library.
//
// It promises: no port is opened (the server mounts Handler; the scraper
// reaches this process's own metrics, and whatever needs a token, through a
// pipe in memory), nothing is registered globally, samples, queries and
// queues are bounded, a bad configuration leaves the running one in place,
// and Close joins what Open started. A fault of the disk is an error of the
// scrape or the rule that met it, never a crash.
//
// It does not serve Prometheus's web pages (their assets are not part of the
// Go module), remote write, OTLP, federation or the admin API.
//
// All of Prometheus is imported here and in internal/devstack/rules only.
package promd

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	config_util "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/notifier"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/aictl/aictl/internal/devstack/guard"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Server is a running Prometheus. Safe for concurrent use.
type Server struct {
	o      Options
	logger *slog.Logger
	born   time.Time
	guard  guard.Group

	db       *tsdb.DB
	stats    *tsdb.DBStats
	engine   *promql.Engine
	parser   parser.Parser
	scrape   *scrape.Manager
	rules    *rules.Manager
	notifier *notifier.Manager
	bridge   *bridge
	handler  http.Handler

	scrapeSets  chan map[string][]*targetgroup.Group
	notifySets  chan map[string][]*targetgroup.Group
	changed     chan struct{}      // the targets are not what the scraper has
	stop, fed   chan struct{}      // Close has begun; the feeder has ended
	scrapeEnded chan struct{}      // the scraper has stopped or panicked
	cancel      context.CancelFunc // of running rules
	closeOnce   sync.Once
	closeErr    error

	ready    atomic.Bool
	current  atomic.Pointer[config.Config]
	reloaded atomic.Int64 // Unix milliseconds of the last good reload
	reloadOK atomic.Bool

	pushed     bool // the feeder's own: the scraper has been given targets
	generation int  // the feeder's own: how often

	mu      sync.Mutex // guards targets, files, loader and changes of rules
	targets map[string][]Target
	files   []string // patterns of rule files, for the shown configuration
	loader  *loader
}

// Open starts the engine on its directory and returns when its API answers.
// A directory in use by another process is fail.Conflict; one that cannot be
// read is fail.Failed with what to do about it. Replaying a large log takes
// time: about a second for two hours of 3,000 series.
func Open(o Options, set RuleSet) (*Server, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making the directory of the embedded Prometheus").
			Hint("check the permissions of --data-dir")
	}
	if err := roomToStart(o.Dir); err != nil {
		return nil, err
	}
	s := &Server{
		o: o, logger: o.Logger, born: time.Now().UTC(), guard: guard.Group{Logger: o.Logger},
		stats: tsdb.NewDBStats(), targets: map[string][]Target{}, parser: parser.NewParser(parser.Options{}),
		scrapeSets: make(chan map[string][]*targetgroup.Group), notifySets: make(chan map[string][]*targetgroup.Group),
		stop: make(chan struct{}), fed: make(chan struct{}), scrapeEnded: make(chan struct{}), changed: make(chan struct{}, 1),
	}
	s.loader = &loader{parser: s.parser, logger: o.Logger}
	if err := s.setAside(); err != nil {
		return nil, err
	}
	db, err := tsdb.Open(o.Dir, o.Logger.With("component", "tsdb"), o.Registry, tsdbOptions(o), s.stats)
	if err != nil {
		return nil, openError(o.Dir, err)
	}
	s.db = db
	if err := s.assemble(set); err != nil {
		return nil, errors.Join(err, s.closeStore())
	}
	s.start()
	return s, nil
}

// assemble makes the parts and gives them their first configuration; nothing
// runs yet.
func (s *Server) assemble(set RuleSet) error {
	o := s.o
	s.engine = promql.NewEngine(promql.EngineOpts{
		Logger: s.logger.With("component", "query engine"), Reg: o.Registry,
		MaxSamples: maxSamples, Timeout: queryTimeout, LookbackDelta: lookback,
		ActiveQueryTracker:       gate(make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0)))),
		NoStepSubqueryIntervalFn: func(int64) int64 { return o.EvaluationInterval.Milliseconds() },
		EnableAtModifier:         true, EnableNegativeOffset: true, Parser: s.parser,
	})
	s.bridge = newBridge(s.logger.With("component", "scrape bridge"))
	var err error
	s.scrape, err = scrape.NewManager(&scrape.Options{
		DiscoveryReloadInterval: model.Duration(100 * time.Millisecond), DiscoveryReloadOnStartup: true,
		HTTPClientOptions: []config_util.HTTPClientOption{
			config_util.WithDialContextFunc(s.bridge.dial), config_util.WithUserAgent("aictl-server (Prometheus)"),
		},
	}, s.logger.With("component", "scrape"), nil, nil, s.db, o.Registry)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "starting the scraper of the embedded Prometheus")
	}
	alerts := op.InProcess{Handler: o.Alertmanager}
	s.notifier = notifier.NewManager(&notifier.Options{
		QueueCapacity: notifyCapacity, DrainOnShutdown: true, Registerer: o.Registry,
		Do: func(ctx context.Context, _ *http.Client, req *http.Request) (*http.Response, error) {
			return alerts.RoundTrip(req.WithContext(ctx))
		},
	}, model.UTF8Validation, s.logger.With("component", "notifier"))
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	self := o.ExternalURL.JoinPath(o.Prefix)
	s.rules = rules.NewManager(&rules.ManagerOptions{
		ExternalURL: self, QueryFunc: rules.EngineQueryFunc(s.engine, s.db), Context: ctx,
		NotifyFunc: rules.SendAlerts(s.notifier, self.String()),
		Appendable: s.db, Queryable: s.db, Logger: s.logger.With("component", "rules"), Registerer: o.Registry,
		OutageTolerance: time.Hour, ForGracePeriod: 10 * time.Minute, ResendDelay: time.Minute,
		GroupLoader: s.loader, Parser: s.parser, RestoreNewRuleGroups: true,
	})
	if err := s.setUp(set); err != nil {
		cancel()
		return err
	}
	s.handler = s.guard.Handler("Prometheus", s.routes())
	return nil
}

// start runs the parts. Each blocking loop has a goroutine of the guard.
func (s *Server) start() {
	s.guard.Go("scrape bridge", func() {
		if err := s.bridge.serve(); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("scrape bridge stopped", "err", err)
		}
	})
	s.guard.Go("scraper", func() {
		defer close(s.scrapeEnded)
		if err := s.scrape.Run(s.scrapeSets); err != nil {
			s.logger.Error("scraper stopped", "err", err)
		}
	})
	s.guard.Go("notifier", func() { s.notifier.Run(s.notifySets) })
	s.guard.Go("rules", s.rules.Run)
	s.guard.Go("head chunks", s.keepMapping)
	s.guard.Go("scrape targets", s.feed)
	s.notifySets <- s.alertmanagers()
	s.ready.Store(true)
}

// Handler serves everything below Options.Prefix; requests keep the prefix.
func (s *Server) Handler() http.Handler { return s.handler }

// Ready is nil while the engine works; fail.Unavailable before and after.
func (s *Server) Ready() error {
	if err := s.guard.Err(); err != nil {
		return err
	}
	if !s.ready.Load() {
		return fail.New(fail.Unavailable, "the embedded Prometheus is not running").Hint("aictl status")
	}
	return nil
}

// Close stops scraping and rules, flushes the store and joins every
// goroutine. Later calls return the first one's error.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.ready.Store(false)
		close(s.stop)
		<-s.fed // a configuration applied after Stop would start scraping anew
		s.cancel()
		s.scrape.Stop()
		s.rules.Stop()
		s.notifier.Stop()
		err := errors.Join(s.bridge.close(), s.engine.Close())
		s.guard.Wait()
		s.closeErr = errors.Join(err, s.closeStore())
	})
	return s.closeErr
}
