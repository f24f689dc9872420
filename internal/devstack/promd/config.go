package promd

import (
	"log/slog"
	"net/url"
	"path"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"

	"github.com/aictl/aictl/internal/fail"
)

// The parts of prometheus.yml that the server writes. Going through the
// engine's own loader costs a few hundred microseconds and buys its checks
// and defaults; the text is what GET /api/v1/status/config shows.
type document struct {
	Global   global         `yaml:"global"`
	Alerting alerting       `yaml:"alerting"`
	Rules    []string       `yaml:"rule_files,omitempty"`
	Scrape   []scrapeJob    `yaml:"scrape_configs,omitempty"`
	Storage  storageSection `yaml:"storage"`
}

type global struct {
	ScrapeInterval     string `yaml:"scrape_interval"`
	ScrapeTimeout      string `yaml:"scrape_timeout"`
	EvaluationInterval string `yaml:"evaluation_interval"`
}

type alerting struct {
	Alertmanagers []alertmanagerSection `yaml:"alertmanagers"`
}

type alertmanagerSection struct {
	Scheme string `yaml:"scheme"`
	Prefix string `yaml:"path_prefix"`
}

type scrapeJob struct {
	Name        string `yaml:"job_name"`
	Interval    string `yaml:"scrape_interval,omitempty"`
	Timeout     string `yaml:"scrape_timeout,omitempty"`
	SampleLimit int    `yaml:"sample_limit"`
	BodyLimit   string `yaml:"body_size_limit"`
	LabelLimit  int    `yaml:"label_limit"`
	TargetLimit int    `yaml:"target_limit"`
}

type storageSection struct {
	TSDB struct {
		Retention struct {
			Time string `yaml:"time"`
			Size string `yaml:"size,omitempty"`
		} `yaml:"retention"`
	} `yaml:"tsdb"`
}

// amSet is the name that the notifier gives to the first entry of
// alertmanagers.
const amSet = "config-0"

// build makes the engine's configuration for the given jobs; with first, each
// has a twin that makes its first scrapes.
func build(o Options, ruleFiles, jobs []string, first bool, logger *slog.Logger) (*config.Config, error) {
	d := document{Global: global{
		ScrapeInterval:     model.Duration(o.ScrapeInterval).String(),
		ScrapeTimeout:      model.Duration(min(o.ScrapeInterval, 10*time.Second)).String(),
		EvaluationInterval: model.Duration(o.EvaluationInterval).String(),
	}, Rules: ruleFiles}
	d.Alerting.Alertmanagers = []alertmanagerSection{{Scheme: o.ExternalURL.Scheme, Prefix: below(o.ExternalURL, o.AlertmanagerPrefix)}}
	for _, job := range jobs {
		section := scrapeJob{Name: job, SampleLimit: sampleLimit, BodyLimit: bodyLimit, LabelLimit: labelLimit, TargetLimit: targetLimit}
		d.Scrape = append(d.Scrape, section)
		if first {
			section.Name = twin + job
			section.Interval, section.Timeout = model.Duration(firstInterval).String(), model.Duration(firstInterval).String()
			d.Scrape = append(d.Scrape, section)
		}
	}
	d.Storage.TSDB.Retention.Time = model.Duration(o.Retention).String()
	if o.RetentionBytes > 0 {
		d.Storage.TSDB.Retention.Size = bytesText(o.RetentionBytes)
	}
	text, err := yaml.Marshal(d)
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "writing the configuration of the embedded Prometheus")
	}
	cfg, err := config.Load(string(text), logger)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "configuring the embedded Prometheus").
			Hint("check the scrape jobs, the intervals and the rule_files patterns")
	}
	return cfg, nil
}

// below is the path of prefix under the base URL, which may have one itself.
func below(base *url.URL, prefix string) string { return path.Join("/", base.Path, prefix) }
