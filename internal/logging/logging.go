// Package logging is the one place where aictl's processes write their own
// log: slog records as Elastic Common Schema JSON lines, or as text for a
// terminal.
//
// It promises: one record is one line, whatever its fields hold (control
// characters are escaped, so no field can forge a line); every string value
// and message passes the redaction hook before it is written; the level can
// be changed while others log. It does not ship logs, buffer them, or read
// them.
package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// ECSVersion is the version of the Elastic Common Schema that the field names
// follow.
const ECSVersion = "8.17.0"

// The formats.
const (
	FormatECS  = "ecs"  // one JSON line per record, ECS field names
	FormatText = "text" // key=value, for a terminal
)

// Options say how to log. The zero value logs ECS JSON at level info.
type Options struct {
	// Service becomes service.name; Version service.version. Empty is left out.
	Service, Version string
	// Format is FormatECS (also when empty) or FormatText.
	Format string
	// Level may be changed later by its owner; nil is a fixed "info".
	Level slog.Leveler
	// Redact is applied to every string value, error and message. It must be
	// safe for concurrent use and fast; nil leaves values as they are.
	Redact func(string) string
}

// New makes a logger that writes to w, one Write call per record. w needs no
// lock of its own. It fails on an unknown format.
func New(w io.Writer, o Options) (*slog.Logger, error) {
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	ho := &slog.HandlerOptions{Level: o.Level}
	var h slog.Handler
	switch o.Format {
	case "", FormatECS:
		ho.ReplaceAttr = replace(o.Redact, true)
		h = slog.NewJSONHandler(w, ho)
		attrs := []slog.Attr{slog.String("ecs.version", ECSVersion)}
		if o.Version != "" {
			attrs = append(attrs, slog.String("service.version", o.Version))
		}
		h = h.WithAttrs(attrs)
	case FormatText:
		ho.ReplaceAttr = replace(o.Redact, false)
		h = slog.NewTextHandler(w, ho)
	default:
		return nil, fail.New(fail.Usage, "unknown log format %q", o.Format).Hint("use %q or %q", FormatECS, FormatText)
	}
	return slog.New(handler{h, o.Service}), nil
}

// Discard is a logger that writes nothing.
func Discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// ParseLevel reads debug, info, warn or error.
func ParseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fail.New(fail.Usage, "unknown log level %q", s).Hint("use debug, info, warn or error")
}

// Err gives the attributes of a failure: error.message and error.code.
func Err(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.Group("", slog.String("error.message", err.Error()), slog.String("error.code", string(fail.CodeOf(err))))
}

// handler adds what the context knows: trace, span and request; and the
// program's name as the service, unless the record is about another one.
type handler struct {
	next    slog.Handler
	service string
}

func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }
func (h handler) WithAttrs(a []slog.Attr) slog.Handler {
	return handler{h.next.WithAttrs(a), h.service}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.next.WithGroup(name), h.service}
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	service, traced := h.service == "", false
	r.Attrs(func(a slog.Attr) bool {
		service = service || a.Key == "service.name"
		traced = traced || a.Key == "trace.id"
		return true
	})
	if !service {
		r.AddAttrs(slog.String("service.name", h.service))
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() && !traced {
		r.AddAttrs(slog.String("trace.id", sc.TraceID().String()), slog.String("span.id", sc.SpanID().String()))
	}
	if id := op.RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("http.request.id", id))
	}
	if err := h.next.Handle(ctx, r); err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	return nil
}

// replace renames the built-in keys to ECS and redacts strings.
func replace(redact func(string) string, ecs bool) func([]string, slog.Attr) slog.Attr {
	if redact == nil && !ecs {
		return nil
	}
	return func(groups []string, a slog.Attr) slog.Attr {
		if ecs && len(groups) == 0 {
			switch a.Key {
			case slog.TimeKey:
				a.Key = "@timestamp"
				return a
			case slog.MessageKey:
				a.Key = "message"
			case slog.LevelKey:
				if l, ok := a.Value.Any().(slog.Level); ok {
					return slog.String("log.level", levelName(l))
				}
			}
		}
		if err, ok := a.Value.Any().(error); ok && a.Value.Kind() == slog.KindAny {
			a.Value = slog.StringValue(err.Error())
		}
		if redact == nil {
			return a
		}
		switch a.Value.Kind() {
		case slog.KindString:
			a.Value = slog.StringValue(redact(a.Value.String()))
		case slog.KindAny:
			a.Value = slog.StringValue(redact(fmt.Sprint(a.Value.Any())))
		}
		return a
	}
}

func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}
