package embedded

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
)

// benchLines is how many entries the benchmarks hold: 200,000, or
// AICTL_BENCH_LINES (2,000,000 for the numbers of the manual).
func benchLines(b *testing.B) int {
	b.Helper()
	if s := os.Getenv("AICTL_BENCH_LINES"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(b, err)
		return n
	}
	return 200_000
}

// filled is a store with n entries of an hour, in the form of our own log, and
// how long it took to take them, parsing included.
func filled(b *testing.B, n int) (*Store, time.Duration) {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir(), MaxBytes: 20 << 30})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	first := time.Now().Add(-time.Hour)
	var parser fastjson.Parser
	batch := make([]Entry, 0, 1000)
	start := time.Now()
	for i := range n {
		level, status := "info", 200
		if i%50 == 0 {
			level, status = "error", 503
		}
		doc, err := parser.Parse(fmt.Sprintf(`{"@timestamp":%q,"log.level":%q,"message":"call","service.name":%q,"event.duration":%d,"event.outcome":"success",`+
			`"http.response.status_code":%d,"http.request.id":"%026d","url.path":"/chat/complete","user.name":"user-%d","http.request.body.bytes":%d}`,
			first.Add(time.Duration(i)*time.Hour/time.Duration(n)).Format(time.RFC3339Nano), level, []string{"chat", "predict"}[i%2],
			1_000_000+i%5_000_000, status, i, i%1000, i%4096))
		require.NoError(b, err)
		batch = append(batch, FromDocument(doc, first))
		if len(batch) == cap(batch) || i == n-1 {
			refused, err := s.Ingest(b.Context(), batch)
			require.NoError(b, err)
			require.Zero(b, refused.Count)
			batch = batch[:0]
		}
	}
	require.NoError(b, s.flush())
	return s, time.Since(start)
}

// BenchmarkIngest measures what the store takes in a second, parsing included,
// beside the parsing alone.
func BenchmarkIngest(b *testing.B) {
	n := benchLines(b)
	for b.Loop() {
		_, took := filled(b, n)
		b.ReportMetric(float64(n)/took.Seconds(), "entries/s")
	}
}

// BenchmarkQuery measures questions over the whole hour.
func BenchmarkQuery(b *testing.B) {
	s, _ := filled(b, benchLines(b))
	for name, f := range map[string]api.LogFilter{
		"newest": {}, "errors": {Level: "error"}, "text": {Text: "nowhere"}, "where": {Where: "http.status >= 500 && service == chat"},
		"rare": {Where: `url.path == "/nowhere"`},
	} {
		q, err := logs.Compile(f)
		require.NoError(b, err)
		q.Limit, q.Newest, q.From = 100, true, time.Now().Add(-2*time.Hour)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := s.Search(b.Context(), q)
				require.NoError(b, err)
			}
		})
	}
	b.Run("histogram", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Histogram(b.Context(), logs.Query{From: time.Now().Add(-time.Hour), To: time.Now()}, time.Minute)
			require.NoError(b, err)
		}
	})
}
