package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/op"
)

// Authenticator turns a bearer token into an identity. Errors have the code
// Auth (wrong token) or Limited, Unavailable and the like.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (op.Identity, error)
}

// Gateway is the path of every service call.
type Gateway interface {
	Do(ctx context.Context, call ai.Call) (*ai.Reply, error)
}

// Check is one reason why the server might not be ready.
type Check struct {
	// Name is shown in /readyz.
	Name string
	// Ready returns nil, or why not. It is given a second.
	Ready func(ctx context.Context) error
}

// Timeouts bound a request. Zero means the default in brackets.
type Timeouts struct {
	// ReadHeader is the time a client has to send its headers [10s].
	ReadHeader time.Duration
	// Read is the time a client has to send headers and body [1m].
	Read time.Duration
	// Write is the time from the headers' end to the last byte of a plain
	// answer [10m]. A stream has no such limit, but each of its writes must be
	// taken by the client within Stall.
	Write time.Duration
	// Stall is the longest that one write of a stream may block [30s].
	Stall time.Duration
	// Idle is how long a kept-alive connection may wait for its next request [2m].
	Idle time.Duration
}

// Options are everything a Server needs. Listen, API and Auth are required;
// the zero value of the rest is a good default.
type Options struct {
	// Listen is host:port; port 0 picks a free one.
	Listen string
	// CertFile and KeyFile turn TLS on (1.2 and newer). Reload reads them again.
	CertFile, KeyFile string
	// InsecureListen allows to listen beyond loopback without TLS, for a
	// server behind a proxy that terminates TLS.
	InsecureListen bool
	// AllowedHosts are names, besides loopback ones, that a Host header may
	// carry. On loopback others are refused (DNS rebinding); beyond loopback
	// an empty list accepts every host.
	AllowedHosts []string
	// Drain is how long running requests and streams may go on after Stop [20s].
	Drain time.Duration
	// Timeouts bound each request.
	Timeouts Timeouts
	// MaxHeaderBytes [64 KiB] and MaxBodyBytes [8 MiB] bound what is read. A
	// gzip body is bounded before and after it is unpacked.
	MaxHeaderBytes int
	MaxBodyBytes   int64
	// MaxConns bounds open connections [20000], MaxConnsPerRemote those of one
	// address beyond loopback [1024]; 0 is the default.
	MaxConns, MaxConnsPerRemote int
	// PublicMetrics serves /metrics to anybody. Otherwise it is open on a
	// loopback listener and needs any valid token beyond.
	PublicMetrics bool
	// Version is shown in the index and the Server-independent documents.
	Version string

	// API answers /api/v1/…; it checks permissions itself.
	API http.Handler
	// MCP answers /mcp, the Model Context Protocol over streamable HTTP, as the
	// caller; nil has none.
	MCP http.Handler
	// OpenAPI gives the document for /openapi.json.
	OpenAPI func() ([]byte, error)
	// Auth checks bearer tokens.
	Auth Authenticator
	// Gateway carries /v1/chat/completions and /v1/embeddings; nil answers 404.
	Gateway Gateway
	// ChatModels lists the models for /v1/models.
	ChatModels func(ctx context.Context) ([]ChatModel, error)
	// Models are served by the Open Inference Protocol.
	Models ModelRepository
	// Mounts are further surfaces, each below its prefix.
	Mounts []Mount
	// Authorize decides who may use a Mount: nil, or fail.Forbidden. A nil
	// func lets every valid token.
	Authorize func(id op.Identity, noun string, effect op.Effect) error
	// Checks decide /readyz.
	Checks []Check
	// Reload is run by a SIGHUP after the certificate was read again, one at a
	// time. An error means that the old state is still in force.
	Reload func(ctx context.Context) error

	// Logger, Registry and Tracer observe; nil gives none, a new one and none.
	Logger   *slog.Logger
	Registry *prometheus.Registry
	Tracer   trace.TracerProvider
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() (Options, error) {
	if o.API == nil || o.Auth == nil {
		return o, fail.New(fail.Internal, "server options need API and Auth")
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return o, fail.New(fail.Usage, "tls needs both a certificate and a key").Hint("set tls.cert and tls.key, or neither")
	}
	orDefault(&o.Drain, 20*time.Second)
	orDefault(&o.Timeouts.ReadHeader, 10*time.Second)
	orDefault(&o.Timeouts.Read, time.Minute)
	orDefault(&o.Timeouts.Write, 10*time.Minute)
	orDefault(&o.Timeouts.Stall, 30*time.Second)
	orDefault(&o.Timeouts.Idle, 2*time.Minute)
	orDefault(&o.MaxHeaderBytes, 64<<10)
	orDefault(&o.MaxBodyBytes, 8<<20)
	orDefault(&o.MaxConns, 20_000)
	orDefault(&o.MaxConnsPerRemote, 1024)
	if o.Logger == nil {
		o.Logger = logging.Discard()
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}
