// Package ingest takes logs from other people's shippers into the embedded
// store: Elasticsearch's _bulk (Filebeat, Logstash, Fluent Bit, rsyslog,
// Vector) and OTLP over HTTP (OpenTelemetry collectors and SDKs).
//
// It promises an answer per item, as the protocols have it: what was taken can
// be searched when the answer is there, what was refused says why, and a store
// that pushes back is a 429 with a Retry-After, so that nothing is lost by a
// shipper that listens. Bodies, lines and nesting are bounded. It does not
// authenticate: the server's mount does.
package ingest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/aictl/aictl/internal/logs/embedded"
)

// Store takes entries; *embedded.Store does.
type Store interface {
	Ingest(ctx context.Context, entries []embedded.Entry) (embedded.Refused, error)
}

// Options are what the handlers need. The zero value works.
type Options struct {
	// Prefix is the path that the handler is mounted at ("/elasticsearch").
	Prefix string
	// MaxBody bounds a request, unpacked (64 MiB); MaxLine one document (1 MiB).
	MaxBody int64
	MaxLine int
	// Now is the clock (time.Now).
	Now    func() time.Time
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxBody <= 0 {
		o.MaxBody = 64 << 20
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// batch is how many entries go into the store at once.
const batch = 2_000

// read takes a body within its bound.
func read(w http.ResponseWriter, r *http.Request, limit int64) io.Reader {
	return http.MaxBytesReader(w, r.Body, limit)
}
