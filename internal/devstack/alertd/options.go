package alertd

import (
	"log/slog"
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
	Prefix      string   // path of the handler, as /alertmanager

	// Registry is the engine's own.
	Registry *prometheus.Registry

	// OnReload runs for POST <prefix>/-/reload; nil answers 403.
	OnReload func() error
}

const (
	retention     = 5 * 24 * time.Hour // of expired silences and of the notification log
	maintenance   = 5 * time.Minute    // snapshots of the notification log, clean-up of both
	alertGC       = 30 * time.Minute
	dispatchGC    = 30 * time.Second
	httpTimeout   = 30 * time.Second
	maxSilences   = 10_000
	silenceBytes  = 64 << 10
	alertsPerName = 5_000 // alerts of one name that are held at once
)
