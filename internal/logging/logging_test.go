package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func TestECSFields(t *testing.T) {
	var buf bytes.Buffer
	log, err := New(&buf, Options{Service: "aictl-server", Version: "1.2.3"})
	require.NoError(t, err)
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := op.WithRequestID(trace.ContextWithSpanContext(context.Background(), sc), "req-1")
	log.WarnContext(ctx, "slow", slog.Int("http.response.status_code", 200), Err(fail.New(fail.Timeout, "too slow")))

	var got map[string]any
	require.NoError(t, json.Unmarshal(buf.Bytes(), &got))
	require.NotEmpty(t, got["@timestamp"])
	delete(got, "@timestamp")
	require.Equal(t, map[string]any{
		"log.level": "warn", "message": "slow", "ecs.version": ECSVersion,
		"service.name": "aictl-server", "service.version": "1.2.3",
		"http.response.status_code": 200.0, "http.request.id": "req-1",
		"trace.id": sc.TraceID().String(), "span.id": sc.SpanID().String(),
		"error.message": "too slow", "error.code": "timeout",
	}, got)
}

func TestNoForgedLinesAndRedaction(t *testing.T) {
	hostile := "a\r\n{\"message\":\"forged\"}\x1b[31m\u2028 hunter2"
	redact := func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }
	for _, format := range []string{FormatECS, FormatText} {
		t.Run(format, func(t *testing.T) {
			var buf bytes.Buffer
			log, err := New(&buf, Options{Format: format, Redact: redact})
			require.NoError(t, err)
			log.Info(hostile, //nolint:sloglint // hostile on purpose
				"user", hostile, "err", errors.New(hostile), "any", []string{hostile},
				slog.Group("g", slog.String("k", hostile)))
			log.With("fixed", hostile).WithGroup("x").Info("m", hostile, 1)
			require.Equal(t, 2, strings.Count(buf.String(), "\n"), buf.String())
			require.NotContains(t, buf.String(), "\x1b")
			require.NotContains(t, buf.String(), "\r")
			// Keys are code's, not a user's: they are escaped but not redacted.
			require.Equal(t, 1, strings.Count(buf.String(), "hunter2"))
		})
	}
}

func TestLevels(t *testing.T) {
	level := new(slog.LevelVar)
	var buf bytes.Buffer
	log, err := New(&buf, Options{Level: level})
	require.NoError(t, err)
	log.Debug("no")
	level.Set(slog.LevelDebug)
	log.Debug("yes")
	require.Equal(t, 1, strings.Count(buf.String(), "\n"))
	for _, name := range []string{"debug", "info", "warn", "error"} {
		l, err := ParseLevel(name)
		require.NoError(t, err)
		require.Equal(t, name, levelName(l))
	}
	_, err = ParseLevel("loud")
	require.ErrorIs(t, err, fail.Usage.Err())
	_, err = New(&buf, Options{Format: "xml"})
	require.ErrorIs(t, err, fail.Usage.Err())
}

func TestFileRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "server.log")
	f, err := OpenFile(path, 100, 2)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				_, err := f.Write([]byte(strings.Repeat("x", 29) + "\n"))
				require.NoError(t, err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	_, err = f.Write([]byte("x"))
	require.ErrorIs(t, err, fs.ErrClosed)
	for _, name := range []string{path, path + ".1", path + ".2"} {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.LessOrEqual(t, len(b), 100)
		require.Zero(t, len(b)%30, "a line was split")
	}
	require.NoFileExists(t, path+".3")
}

// An access-log line costs few allocations: it is on every request's path.
func TestAllocations(t *testing.T) {
	log, err := New(io.Discard, Options{Service: "s", Redact: func(s string) string { return s }})
	require.NoError(t, err)
	ctx := op.WithRequestID(context.Background(), "r")
	n := testing.AllocsPerRun(100, func() {
		log.LogAttrs(ctx, slog.LevelInfo, "GET /", slog.String("http.request.method", "GET"), slog.Int("http.response.status_code", 200),
			slog.String("url.path", "/"), slog.Int64("event.duration", 12))
	})
	require.LessOrEqual(t, n, 8.0)
}

func BenchmarkLine(b *testing.B) {
	log, err := New(io.Discard, Options{Service: "s"})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(context.Background(), slog.LevelInfo, "GET /", slog.String("http.request.method", "GET"), slog.Int("http.response.status_code", 200))
	}
}

// A record about another service says so once.
func TestARecordMayBeAboutAnotherService(t *testing.T) {
	var b bytes.Buffer
	l, err := New(&b, Options{Service: "aictl-server"})
	require.NoError(t, err)
	l.Info("call", slog.String("service.name", "chat"))
	l.Info("own")
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, 2)
	require.Equal(t, 1, strings.Count(lines[0], "service.name"), lines[0])
	require.Contains(t, lines[0], `"service.name":"chat"`)
	require.Contains(t, lines[1], `"service.name":"aictl-server"`)
}
