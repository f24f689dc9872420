package line

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/term"
)

const ecsLine = 841 // bytes, with the line feed

// ecsLines are n lines as aictl's own processes write them.
func ecsLines(tb testing.TB, n int) []byte {
	tb.Helper()
	var buf bytes.Buffer
	log, err := logging.New(&buf, logging.Options{Service: "aictl-server", Version: "1.4.2", Level: slog.LevelDebug})
	require.NoError(tb, err)
	var all []byte
	for i := range n {
		buf.Reset()
		level := []slog.Level{slog.LevelInfo, slog.LevelInfo, slog.LevelInfo, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelInfo, slog.LevelError}[i%8]
		attrs := []slog.Attr{
			slog.String("trace.id", fmt.Sprintf("%032x", i*7919)), slog.String("span.id", fmt.Sprintf("%016x", i)),
			slog.String("http.request.id", fmt.Sprintf("req-%08d", i)), slog.String("http.request.method", "POST"),
			slog.String("url.path", "/api/v1/services/chat/invoke"), slog.Int("http.response.status_code", 200+100*(i%4)),
			slog.Int("http.response.body.bytes", 1234+i%997), slog.Int64("event.duration", int64(1e6+i%1000*997)),
			slog.String("user.name", fmt.Sprintf("user-%d", i%50)), slog.String("client.address", fmt.Sprintf("10.1.%d.%d:52%03d", i%256, i%199, i%997)),
			slog.String("user_agent.original", "aictl/1.4.2 (linux; amd64) go1.26"), slog.String("event.action", "services.invoke"),
			slog.String("host.name", "prod-eu-west-1-node-17"), slog.String("labels.tenant", fmt.Sprintf("tenant-%03d", i%300)),
		}
		pad := func(k int) {
			log.LogAttrs(context.Background(), level, "request done", append(attrs, slog.String("labels.note", strings.Repeat("n", k)))...)
		}
		pad(0)
		k := ecsLine - buf.Len()
		buf.Reset()
		pad(k)
		all = append(all, buf.Bytes()...)
	}
	require.InDelta(tb, ecsLine*n, len(all), float64(9*n)) // times vary in length
	return all
}

const benchLines = 20_000

var (
	benchOnce sync.Once
	benchData []byte
)

func lines(tb testing.TB) []byte {
	tb.Helper()
	benchOnce.Do(func() { benchData = ecsLines(tb, benchLines) })
	return benchData
}

// BenchmarkBareScan is the floor: a loop of fastjson's scanner that looks at
// nothing.
func BenchmarkBareScan(b *testing.B) {
	data := lines(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var sc fastjson.Scanner
		sc.InitBytes(data)
		n := 0
		for sc.Next() {
			n++
		}
		require.NoError(b, sc.Error())
		require.Equal(b, benchLines, n)
	}
	b.ReportMetric(float64(benchLines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkPipe(b *testing.B) {
	data := lines(b)
	for _, bb := range []struct {
		name string
		o    Options
	}{
		{"level, human", Options{Filter: api.LogFilter{Level: "error"}}},
		{"where, human", Options{Filter: api.LogFilter{Where: "http.status >= 500 && duration > 1ms"}}},
		{"text and service, raw", Options{Filter: api.LogFilter{Text: "Done", Service: []string{"aictl-server"}}, Format: Raw}},
		{"all, human", Options{Render: RenderOptions{Styles: term.NewStyles(true)}}},
		{"all, jsonl", Options{Format: JSONL}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			bb.o.Render.Location = time.UTC
			for b.Loop() {
				s, err := Pipe(b.Context(), bytes.NewReader(data), io.Discard, bb.o)
				require.NoError(b, err)
				require.EqualValues(b, benchLines, s.Entries)
			}
			b.ReportMetric(float64(benchLines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
