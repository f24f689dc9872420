package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/demo"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/platform"
	"github.com/aictl/aictl/internal/serverconfig"
)

// demoScrape is how often the demo looks at itself, unless the configuration
// says how often: an incident of three minutes wants more than a look at every
// five seconds.
const demoScrape = time.Second

// month is the window of the demo's objectives.
const month = 30 * 24 * time.Hour

// demoSLOs are the objectives of the demo, unless the configuration has some.
// Its services promise less than the platform's: else the alert of a burnt
// budget, which is worse, would hide the one that says what is wrong.
func demoSLOs() []serverconfig.SLO {
	out := []serverconfig.SLO{
		{Name: "predict-latency", Service: "predict", Objective: 0.99, Latency: time.Second, Window: month},
		{Name: "predict-availability", Service: "predict", Objective: 0.999, Window: month},
		{Name: "chat-availability", Service: "chat", Objective: 0.999, Window: month},
	}
	for _, name := range demo.Names() {
		out = append(out, serverconfig.SLO{Name: name + "-availability", Service: name, Objective: 0.9, Window: month})
	}
	return out
}

// forDemo fits the configuration to a demo, where nobody has said otherwise.
func forDemo(l *serverconfig.Loaded) {
	if _, set := l.Origins["stack.scrape_interval"]; !set {
		l.Config.Stack.ScrapeInterval = demoScrape
	}
	if len(l.Config.SLOs) == 0 {
		l.Config.SLOs = demoSLOs()
	}
}

// playDemo begins the demo, and gives what ends it and waits for its end.
// Without a demo, what an earlier one left is taken away.
func playDemo(ctx context.Context, o options, p *platform.Platform, dataDir string, log *slog.Logger) (stop func(context.Context) error, err error) {
	none := func(context.Context) error { return nil }
	dir := filepath.Join(dataDir, "demo")
	if !o.demo {
		if _, err := os.Stat(dir); err != nil {
			return none, nil //nolint:nilerr // there was no demo
		}
		if err := p.DemoRemove(ctx, demo.Names()...); err != nil {
			return none, err
		}
		return none, os.Remove(dir)
	}
	program, err := os.Executable()
	if err != nil {
		return none, fail.Wrap(fail.Failed, err, "finding this program")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return none, fail.Wrap(fail.Failed, err, "making the demo's folder")
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := demo.Run(ctx, demo.Options{
			Program: program, Dir: dir, Deploy: p.DemoDeploy, Call: p.DemoCall, After: o.demoAfter, Log: log,
		}); err != nil {
			log.Error("the demo ended", logging.Err(err))
		}
	}()
	return func(end context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-end.Done():
			return fail.Wrap(fail.Timeout, end.Err(), "waiting for the demo to end")
		}
	}, nil
}

// demoService makes a service of the demo run as a plugin. It writes to
// standard output, from where the control plane takes its lines.
func demoService(name string) func(version string, getenv func(string) string) (ai.Service, error) {
	return func(version string, getenv func(string) string) (ai.Service, error) {
		return demo.Service(name, version, getenv, slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	}
}
