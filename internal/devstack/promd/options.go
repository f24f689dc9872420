package promd

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options is what Open needs. Every field is required unless its comment says
// otherwise.
type Options struct {
	Dir         string // the engine's own directory; made with mode 0700
	Logger      *slog.Logger
	ExternalURL *url.URL // the server's base URL, as people reach it
	Prefix      string   // path of the handler, as /prometheus

	Retention      time.Duration // age at which samples are dropped
	RetentionBytes int64         // size of the blocks on disk; 0 is no limit

	ScrapeInterval     time.Duration // at least 100 ms; the timeout is the same, at most 10 s
	EvaluationInterval time.Duration // of rules; at least 100 ms

	// Alertmanager takes the alerts, in this process; AlertmanagerPrefix is
	// its path below the base URL.
	Alertmanager       http.Handler
	AlertmanagerPrefix string

	// Registry is the engine's own.
	Registry *prometheus.Registry

	// OnReload runs for POST <prefix>/-/reload.
	OnReload func() error
}

// The limits of one engine inside another process: an outlier query or target
// must not take the memory of the control plane.
const (
	maxSamples     = 10_000_000 // of one query, in memory at once (16 bytes each)
	queryTimeout   = 30 * time.Second
	lookback       = 5 * time.Minute
	sampleLimit    = 50_000 // of one scrape
	bodyLimit      = "16MB" // of one scrape
	labelLimit     = 64     // of one series
	targetLimit    = 2_000  // of one job
	notifyCapacity = 1_000  // alerts that wait for the Alertmanager; the oldest go first
)
