// Package telemetry makes the process's OpenTelemetry tracer provider.
//
// It promises: without an endpoint nothing is exported and spans cost next to
// nothing; with one, spans go out in batches over OTLP/HTTP from a bounded
// queue, and Shutdown joins the exporter. A collector that is down never
// blocks or fails a request: spans are dropped. Nothing global is set; the
// provider is handed to whoever traces. Metrics are Prometheus's, see the
// server.
package telemetry

import (
	"context"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/aictl/aictl/internal/fail"
)

// Options say what to export and where.
type Options struct {
	// Endpoint is the collector's URL, as http://127.0.0.1:4318; a URL without
	// a path gets /v1/traces. Empty exports nothing.
	Endpoint string
	// Sample is the share of new traces kept, 0 to 1. Traces begun by a caller
	// follow the caller's decision.
	Sample float64
	// Service, Version and Instance describe this process.
	Service, Version, Instance string
	// OnError is told of spans that could not be delivered (they are dropped).
	// It is called from the exporter's goroutine; nil says nothing.
	OnError func(error)
}

// Telemetry holds the provider. Safe for concurrent use.
type Telemetry struct {
	provider trace.TracerProvider
	shutdown func(context.Context) error
}

// New starts the exporter. It does not connect: a wrong URL is an error
// (fail.Usage), an absent collector is not.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	if o.Endpoint == "" {
		return &Telemetry{provider: noop.NewTracerProvider(), shutdown: func(context.Context) error { return nil }}, nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fail.New(fail.Usage, "telemetry endpoint %q is not an http or https URL", o.Endpoint).
			Hint("set telemetry.otlp_endpoint to something like http://127.0.0.1:4318")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "setting up the OTLP exporter")
	}
	attrs := []attribute.KeyValue{attribute.String("service.name", o.Service)}
	if o.Version != "" {
		attrs = append(attrs, attribute.String("service.version", o.Version))
	}
	if o.Instance != "" {
		attrs = append(attrs, attribute.String("service.instance.id", o.Instance))
	}
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(reporting{exporter, o.OnError}, sdktrace.WithMaxQueueSize(2048)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(attrs...)),
	)
	return &Telemetry{provider: tp, shutdown: tp.Shutdown}, nil
}

// reporting keeps delivery errors away from OpenTelemetry's global handler,
// which would print them to stderr past the log.
type reporting struct {
	sdktrace.SpanExporter
	onError func(error)
}

func (r reporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := r.SpanExporter.ExportSpans(ctx, spans); err != nil && r.onError != nil {
		r.onError(fail.Wrap(fail.Unavailable, err, "sending %d spans", len(spans)))
	}
	return nil
}

// Provider makes tracers.
func (t *Telemetry) Provider() trace.TracerProvider { return t.provider }

// Propagator reads and writes the W3C traceparent, tracestate and baggage
// headers.
func Propagator() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
}

// Shutdown sends what is queued and ends the exporter, within ctx.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if err := t.shutdown(ctx); err != nil {
		return fail.Wrap(fail.Unavailable, err, "sending the last spans")
	}
	return nil
}
