package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/aictl/aictl/docs"
	"github.com/aictl/aictl/internal/demo"
	"github.com/aictl/aictl/internal/devstack"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/platform"
	"github.com/aictl/aictl/internal/redact"
	"github.com/aictl/aictl/internal/rundir"
	"github.com/aictl/aictl/internal/serverconfig"
	"github.com/aictl/aictl/internal/telemetry"
	"github.com/aictl/aictl/server"
)

// options are the flags that are not configuration.
type options struct {
	config      string
	readyFD     int
	issueToken  bool
	checkConfig bool
	version     bool
	demo        bool
	demoAfter   time.Duration
}

// run is the program: it returns its exit code and never exits by itself.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "plugin" {
		return runPlugin(ctx, args[1:], lookup(environ), stderr)
	}
	if len(args) > 0 && args[0] == "vault-key" {
		return runVaultKey(ctx, args[1:], environ, stdout, stderr)
	}
	var o options
	fs := flag.NewFlagSet("aictl-server", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.config, "config", "", "configuration file (YAML)")
	fs.IntVar(&o.readyFD, "ready-fd", 0, "file descriptor on which to say once, as JSON, that the server is ready or why not")
	fs.BoolVar(&o.issueToken, "issue-token", false, "make a token of the administrator and give it on --ready-fd, or on standard error")
	fs.BoolVar(&o.checkConfig, "check-config", false, "print the configuration in force with its origins, and end")
	fs.BoolVar(&o.version, "version", false, "print the version, and end")
	fs.BoolVar(&o.demo, "demo", false, "run two services with steady calls, and ship a bad revision of one of them once")
	fs.DurationVar(&o.demoAfter, "demo-after", demo.After, "with --demo: how long all is well first")
	set := serverconfig.BindFlags(fs)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return fail.Usage.Exit()
	case fs.NArg() > 0:
		_, _ = fmt.Fprintf(stderr, "error: unexpected argument %q\nnext: aictl-server --help\n", fs.Arg(0))
		return fail.Usage.Exit()
	case o.version:
		_, _ = fmt.Fprintf(stdout, "aictl-server %s (%s, %s, %s)\n", version, commit, date, runtime.Version())
		return 0
	}
	sources := serverconfig.Sources{File: o.config, Env: environ, Flags: set()}
	ready := newReadyPipe(o.readyFD)
	err := serve(ctx, o, sources, ready, stdout, stderr)
	if err == nil {
		return 0
	}
	ready.failed(err)
	e := fail.From(err)
	_, _ = fmt.Fprintf(stderr, "error: %s\n", e.Error())
	if e.Next != "" {
		_, _ = fmt.Fprintf(stderr, "next: %s\n", e.Next)
	}
	return e.Code.Exit()
}

func serve(ctx context.Context, o options, sources serverconfig.Sources, ready *readyPipe, stdout, stderr io.Writer) (err error) {
	loaded, err := serverconfig.Load(sources)
	if err != nil {
		return err
	}
	if o.checkConfig {
		return loaded.Print(stdout)
	}
	if o.demo {
		forDemo(loaded)
	}
	c := &loaded.Config
	getenv := lookup(sources.Env)
	defer keepHeap(ctx, getenv("GOGC"))()
	if c.DataDir == "" {
		if c.DataDir, err = defaultDataDir(getenv); err != nil {
			return err
		}
	}
	dir, err := rundir.Acquire(c.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Release()) }()

	mask := redact.New(secretsOf(c, getenv)...)
	store := openLogStore(c, dir.Path)
	defer func() { err = errors.Join(err, store.close()) }()
	log, level, closeLog, err := openLog(c, stderr, store, mask.String)
	if err != nil {
		return err
	}
	defer closeLog()
	if store.failed != nil {
		log.Error("logs are not kept", logging.Err(store.failed))
	}
	traces, err := telemetry.New(ctx, telemetry.Options{
		Endpoint: c.Telemetry.OTLPEndpoint, Sample: c.Telemetry.Sample, Service: "aictl-server", Version: version,
		OnError: func(err error) { log.Warn("traces were dropped", logging.Err(err)) },
	})
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if store.store != nil {
		registry.MustRegister(store.store.Collector())
	}

	st := newStack(c, dir.Path, registry, log)
	p, err := platform.Open(ctx, platform.Options{
		Prometheus: st.handler((*devstack.Stack).Prometheus), Alertmanager: st.handler((*devstack.Stack).Alertmanager), Logs: store.port(),
		Config: c, DataDir: dir.Path, Version: platform.Version{Version: version, Commit: commit, Go: runtime.Version()},
		Logger: log, Registry: registry, Tracer: traces.Provider(), Getenv: getenv, Now: time.Now, Docs: docs.FS, Redact: mask.String,
	})
	if err != nil {
		return errors.Join(err, traces.Shutdown(ctx))
	}
	configuration := serverconfig.NewLive(sources, loaded, log, func(old, fresh *serverconfig.Config) error {
		if err := p.Apply(old, fresh); err != nil {
			return err
		}
		setLevel(level, fresh.Log.Level)
		return st.apply(ctx, fresh)
	})
	so := server.FromConfig(c)
	so.API, so.MCP, so.OpenAPI, so.Auth, so.Gateway = p.API(), p.MCP(), p.OpenAPI, p, p
	so.ChatModels, so.Models = chatModels(p), oipModels{p}
	so.Checks = []server.Check{{Name: "store", Ready: p.Ready}}
	if st != nil {
		so.Checks = append(so.Checks, server.Check{Name: "stack", Ready: st.ready})
	}
	so.Mounts, so.Authorize = append(st.mounts(), store.mounts(c, log)...), p.Authorize
	so.Reload = func(context.Context) error { return configuration.Reload() }
	so.Logger, so.Registry, so.Tracer, so.Version = log, registry, traces.Provider(), version
	s, err := server.New(so)
	if err != nil {
		return errors.Join(err, p.Close(), traces.Shutdown(ctx))
	}
	// Steps run last in, first out: the gateway drains before its state closes.
	s.OnStop("telemetry", traces.Shutdown)
	s.OnStop("stack", st.close)
	s.OnStop("platform", func(context.Context) error { return p.Close() })
	s.OnStop("gateway", p.Drain)
	stopDemo := func(context.Context) error { return nil }
	s.OnStop("demo", func(ctx context.Context) error { return stopDemo(ctx) })
	return server.Run(ctx, s, func(begun context.Context) error {
		st.start(begun, c, s.URL())
		var err error
		if stopDemo, err = playDemo(ctx, o, p, dir.Path, log); err != nil {
			return err
		}
		return announce(begun, o, p, s, dir, c, ready, stderr)
	})
}

// announce says where the server listens: in the state file, and to whoever
// started it. A first administrator's token goes to the pipe, or once to
// standard error; never into a log.
func announce(ctx context.Context, o options, p *platform.Platform, s *server.Server, dir *rundir.Dir, c *serverconfig.Config, ready *readyPipe, stderr io.Writer) error {
	token, err := p.Bootstrap(ctx, o.issueToken)
	if err != nil {
		return err
	}
	state := rundir.State{URL: s.URL(), PID: os.Getpid(), Version: version, Started: time.Now().UTC(), Log: c.Log.File, Demo: o.demo}
	if err := dir.Publish(state); err != nil {
		return err
	}
	if token != "" && !ready.open() {
		_, _ = fmt.Fprintf(stderr, "The administrator's token, shown once:\n  %s\n", token)
		token = ""
	}
	ready.done(rundir.Ready{State: state, Token: token})
	return nil
}

// secretsOf lists the secrets that this process holds, so that none of them
// can reach a log or a record, wherever it turns up.
func secretsOf(c *serverconfig.Config, getenv func(string) string) []string {
	var out []string
	for _, text := range []string{c.Database.URL, c.Redis.URL} {
		if u, err := url.Parse(text); err == nil && u.User != nil {
			if password, has := u.User.Password(); has {
				out = append(out, password)
			}
		}
	}
	for _, u := range c.Chat.Upstreams {
		if u.KeyEnv != "" {
			out = append(out, getenv(u.KeyEnv))
		}
	}
	return out
}

func openLog(c *serverconfig.Config, stderr io.Writer, store *logStore, mask func(string) string) (*slog.Logger, *slog.LevelVar, func(), error) {
	level := &slog.LevelVar{}
	setLevel(level, c.Log.Level)
	w, done := stderr, func() {}
	if c.Log.File != "" {
		file, err := logging.OpenFile(c.Log.File, int64(c.Log.FileBytes), c.Log.FileKeep)
		if err != nil {
			return nil, nil, nil, err
		}
		w, done = file, func() { _ = file.Close() }
	}
	log, err := logging.New(store.also(w), logging.Options{Service: "aictl-server", Version: version, Format: c.Log.Format, Level: level, Redact: mask})
	return log, level, done, err
}

func setLevel(v *slog.LevelVar, name string) {
	if l, err := logging.ParseLevel(name); err == nil { // it was validated
		v.Set(l)
	}
}

func lookup(environ []string) func(string) string {
	return func(key string) string {
		for i := len(environ) - 1; i >= 0; i-- {
			if v, ok := strings.CutPrefix(environ[i], key+"="); ok {
				return v
			}
		}
		return ""
	}
}

func defaultDataDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_DATA_HOME"); dir != "" {
		return dir + "/aictl", nil
	}
	if home := getenv("HOME"); home != "" {
		return home + "/.local/share/aictl", nil
	}
	return "", fail.New(fail.Usage, "there is no home directory for the data").Hint("give --data-dir")
}

// readyPipe is the descriptor on which whoever started the server waits.
type readyPipe struct{ file *os.File }

func newReadyPipe(fd int) *readyPipe {
	if fd <= 2 {
		return &readyPipe{}
	}
	return &readyPipe{os.NewFile(uintptr(fd), "ready")}
}

func (r *readyPipe) open() bool { return r.file != nil }

// done writes the one line and closes the pipe. The reader may have gone;
// that is its affair.
func (r *readyPipe) done(m rundir.Ready) {
	if r.file == nil {
		return
	}
	if line, err := json.Marshal(m); err == nil {
		_, _ = r.file.Write(append(line, '\n'))
	}
	_ = r.file.Close()
	r.file = nil
}

func (r *readyPipe) failed(err error) {
	d := fail.ToDocument(err, "aictl.error")
	r.done(rundir.Ready{Error: &d})
}
