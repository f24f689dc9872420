package server

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/telemetry"
)

// RequestIDHeader carries the request's id in both directions.
const RequestIDHeader = "X-Request-Id"

// requestID takes over the caller's id if it is a sane one, or makes one of
// 128 random bits.
func (s *Server) requestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(RequestIDHeader)
		if !validRequestID(id) {
			id = rand.Text()
		}
		w.Header().Set(RequestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(op.WithRequestID(r.Context(), id)))
	})
}

func validRequestID(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.' || c == ':') {
			return false
		}
	}
	return true
}

// trace continues the caller's W3C trace with one span for the request.
func (s *Server) trace(next http.Handler) http.Handler {
	tracer := s.o.Tracer.Tracer("github.com/aictl/aictl/server")
	propagator := telemetry.Propagator()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// observe writes one log line, the metrics and the span's end per request.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.o.Now()
		ex := &exchange{ResponseWriter: w, rc: http.NewResponseController(w), stall: s.o.Timeouts.Stall, timed: r.ProtoMajor >= 2}
		defer func() {
			took := s.o.Now().Sub(start)
			route := r.Pattern
			if route == "" {
				route = "none"
			}
			status := ex.code(r)
			s.met.answered(route, methodLabel(r.Method), status, took)
			endSpan(trace.SpanFromContext(r.Context()), r.Method, route, status)
			s.logExchange(r, ex, route, status, took)
		}()
		next.ServeHTTP(ex, r)
	})
}

// logExchange never writes the query string or a header: they may hold
// secrets.
func (s *Server) logExchange(r *http.Request, ex *exchange, route string, status int, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case status >= 500 && status != http.StatusServiceUnavailable:
		level = slog.LevelError
	case r.URL.Path == "/livez" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics":
		level = slog.LevelDebug
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	outcome := "success"
	if status >= 400 {
		outcome = "failure"
	}
	attrs := []slog.Attr{
		slog.String("event.dataset", "aictl.access"),
		slog.String("event.outcome", outcome),
		slog.Int64("event.duration", took.Nanoseconds()),
		slog.String("http.request.method", methodLabel(r.Method)),
		slog.String("http.route", route),
		slog.String("url.path", cut(r.URL.Path, 512)),
		slog.Int("http.response.status_code", status),
		slog.Int64("http.response.body.bytes", ex.bytes),
		slog.String("client.address", remoteHost(r)),
	}
	if ex.user != "" {
		attrs = append(attrs, slog.String("user.name", ex.user))
	}
	if ex.err != nil {
		attrs = append(attrs, logging.Err(ex.err))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}

func endSpan(span trace.Span, method, route string, status int) {
	if !span.IsRecording() {
		return
	}
	name := route
	if !strings.Contains(route, " ") {
		name = method + " " + route
	}
	span.SetName(name)
	span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status))
	if status >= 500 {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
}

// recover turns a panic into a 500 or, in an answer that has begun, into a
// typed error event or a cut connection, so that nobody takes it for whole.
func (s *Server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(v)
			}
			s.met.panics.Inc()
			s.log.ErrorContext(r.Context(), "a handler panicked", slog.String("error.message", fmt.Sprint(v)),
				slog.String("error.stack_trace", string(debug.Stack())))
			err := fail.New(fail.Internal, "panic")
			ex := exchangeFrom(w)
			switch {
			case ex == nil || ex.status == 0:
				problem(w, r, err)
			case strings.HasPrefix(ex.Header().Get("Content-Type"), "text/event-stream"):
				writeErrorEvent(w, r, err)
			default:
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// allowHost refuses a Host header that does not name this server: a page on
// the web may have pointed its own name at our loopback address.
func (s *Server) allowHost(next http.Handler) http.Handler {
	allowed := map[string]bool{}
	for _, h := range s.o.AllowedHosts {
		allowed[strings.ToLower(h)] = true
	}
	if !s.loopback && len(allowed) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOnly(r.Host)
		if isLoopback(host) || strings.HasSuffix(host, ".localhost") || allowed[host] {
			next.ServeHTTP(w, r)
			return
		}
		problem(w, r, fail.New(fail.Forbidden, "host %q is not served here", cut(host, 128)).
			Hint("use localhost, or add the name to allowed_hosts"))
	})
}

// sameOrigin refuses writes that a browser sends for another site.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(failing(problem, func(http.ResponseWriter, *http.Request) error {
		return fail.New(fail.Forbidden, "cross-origin request refused").Hint("call the API from the server's own origin or without a browser")
	}))
	return p.Handler(next)
}

// securityHeaders are for browsers that meet the API by accident.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// methodLabel keeps foreign methods out of label values and the log.
func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

func hostOnly(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func remoteHost(r *http.Request) string { return hostOnly(r.RemoteAddr) }

// cut shortens s to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:n]), nil)) + "…"
}
