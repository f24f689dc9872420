package gateway

import (
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/aictl/aictl/internal/fail"
)

// record leaves one metric, one log line and one span, and feeds Stats.
func (c *call) record(err error) {
	code := fail.OK
	status := c.status
	if err != nil {
		code = fail.CodeOf(err)
		if c.live == nil {
			status = code.Status()
		}
	} else if status >= 400 {
		code = fail.FromStatus(status)
	}
	now := c.g.o.Now()
	took := now.Sub(c.start)
	service, operation, revision, target := c.in.Service, c.in.Operation, "", ""
	if c.route == nil {
		service = "unknown" // foreign names must not become label values
	}
	if c.op == nil || c.op == c.route.fallback {
		operation = "other"
	}
	if c.live != nil {
		revision, target = c.live.revision, c.live.name
	}
	s := c.g.m.of(seriesKey{service, revision, operation, string(code)})
	s.requests.Inc()
	if c.in.Caller != "" {
		c.g.m.calls.WithLabelValues(c.in.Caller, service, string(code)).Inc()
	}
	s.duration.Observe(took.Seconds())
	if !c.firstByte.IsZero() {
		s.first.Observe(c.firstByte.Sub(c.start).Seconds())
	}
	if c.usage.InputTokens > 0 {
		s.in.Add(float64(c.usage.InputTokens))
	}
	if c.usage.OutputTokens > 0 {
		s.out.Add(float64(c.usage.OutputTokens))
	}
	if c.route != nil {
		c.route.stats.add(now, took, code, c.usage, c.in.Operation, target, err)
	}
	if c.target != "" {
		target = c.target
	}
	if c.inner {
		return
	}
	c.log(err, code, status, int64(took), revision, target)
	if c.span != nil {
		c.span.SetAttributes(attribute.String("service.name", c.in.Service), attribute.String("aictl.operation", c.in.Operation),
			attribute.String("aictl.revision", revision), attribute.String("aictl.target", target),
			attribute.Int("http.response.status_code", status), attribute.Int("aictl.tries", len(c.tried)))
		if err != nil {
			c.span.SetStatus(codes.Error, string(code))
		}
		c.span.End()
	}
}

func (c *call) log(err error, code fail.Code, status int, took int64, revision, target string) {
	l := c.g.o.Logger
	level := slog.LevelInfo
	if err != nil && errors.Is(err, fail.Internal.Err()) {
		level = slog.LevelError
	}
	if l == nil || !l.Enabled(c.ctx, level) {
		return
	}
	var space [16]slog.Attr
	attrs := append(space[:0],
		slog.String("service.name", c.in.Service),
		slog.String("aictl.operation", c.in.Operation),
		slog.String("aictl.revision", revision),
		slog.String("aictl.target", target),
		slog.String("event.outcome", outcome(code)),
		slog.Int64("event.duration", took),
		slog.Int("http.response.status_code", status),
		slog.Int64("http.response.body.bytes", c.bytes),
		slog.Int("http.request.body.bytes", len(c.in.Input)),
		slog.Int("aictl.tries", len(c.tried)),
		slog.String("user.name", c.subject),
		slog.String("url.path", "/"+c.in.Service+"/"+c.in.Operation),
	)
	if id := c.traceID(); id != "" {
		attrs = append(attrs, slog.String("trace.id", id))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error.code", string(code)), slog.String("error.message", err.Error()))
	}
	l.LogAttrs(c.ctx, level, "call", attrs...)
}

func outcome(c fail.Code) string {
	if c == fail.OK {
		return "success"
	}
	return "failure"
}

// traceID is that of the span, or of the caller's traceparent.
func (c *call) traceID() string {
	if c.span != nil {
		if sc := trace.SpanContextFromContext(c.ctx); sc.HasTraceID() {
			return sc.TraceID().String()
		}
	}
	if p := c.in.Header.Get("traceparent"); len(p) >= 35 {
		return p[3:35]
	}
	return ""
}
