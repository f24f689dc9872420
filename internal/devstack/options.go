package devstack

import (
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aictl/aictl/internal/devstack/promd"
	"github.com/aictl/aictl/internal/devstack/rules"
	"github.com/aictl/aictl/internal/fail"
)

// Where the handlers are mounted.
const (
	PrometheusPath   = "/prometheus"
	AlertmanagerPath = "/alertmanager"
)

// The parts of the stack that its users speak of.
type (
	// Target is one endpoint to scrape; see SetTargets.
	Target = promd.Target
	// SLO is a declared objective.
	SLO = rules.SLO
)

// Options is what Open needs. Zero values mean the default that each comment
// gives.
type Options struct {
	DataDir string       // required; prometheus/ and alertmanager/ are made in it, mode 0700
	Logger  *slog.Logger // nil: nothing is logged
	// ExternalURL is the server's base URL as people reach it, required; links
	// in alerts and the addresses that the APIs show are made from it.
	ExternalURL string

	Retention      time.Duration // of samples; 15 days; at least an hour
	RetentionBytes int64         // of samples on disk; 512 MiB; negative: no limit

	ScrapeInterval     time.Duration // 5 s; at least 100 ms
	EvaluationInterval time.Duration // of rules without an interval of their own; 5 s; at least 100 ms

	// ControlPlane are the server's own metrics: scraped in this process as
	// job aictl-server. nil scrapes none.
	ControlPlane prometheus.Gatherer

	// Config is what Reload can change later.
	Config Config
}

// Config is the part that can be reloaded.
type Config struct {
	// RuleFiles are further rule files: paths or globs, read at every reload.
	RuleFiles []string
	// SLOs are the declared objectives; nil means rules.DefaultSLOs, an empty
	// slice none.
	SLOs []SLO
	// AlertmanagerFile is a complete Alertmanager configuration, read at every
	// reload. AlertmanagerConfig is the same, in memory; it wins. Without
	// either there is one by severity with Webhooks as receivers.
	AlertmanagerFile   string
	AlertmanagerConfig []byte
	// Webhooks receive alerts; used with the built-in configuration only.
	Webhooks []Webhook
}

func (o Options) withDefaults() (Options, *url.URL, error) {
	if o.DataDir == "" {
		return o, nil, fail.New(fail.Usage, "the embedded stack has no data directory").Hint("set --data-dir")
	}
	u, err := url.Parse(o.ExternalURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return o, nil, fail.New(fail.Usage, "the external URL %q is not an http or https URL", o.ExternalURL).
			Hint("use the server's base URL, as http://127.0.0.1:7979")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.Retention, 15*24*time.Hour)
	setDefault(&o.RetentionBytes, 512<<20)
	setDefault(&o.ScrapeInterval, 5*time.Second)
	setDefault(&o.EvaluationInterval, 5*time.Second)
	o.RetentionBytes = max(0, o.RetentionBytes)
	for what, d := range map[string]time.Duration{"scrape interval": o.ScrapeInterval, "evaluation interval": o.EvaluationInterval} {
		if d < 100*time.Millisecond || d%time.Millisecond != 0 {
			return o, nil, fail.New(fail.Usage, "the %s %s is not a number of milliseconds, at least 100", what, d).Hint("use 5s")
		}
	}
	if o.Retention < time.Hour {
		return o, nil, fail.New(fail.Usage, "the retention %s is shorter than an hour", o.Retention).Hint("use 15d")
	}
	o.Retention = o.Retention.Truncate(time.Second)
	return o, u, nil
}

func setDefault[T ~int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}
