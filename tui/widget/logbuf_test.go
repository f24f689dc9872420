package widget

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var logStart = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// ecsLine is a line as a service in Kubernetes writes it through a shipper:
// about 500 bytes of document, with ids of traces and spans, addresses,
// durations and sizes that no other line has.
func ecsLine(r *rand.Rand, i int) LogLine {
	services := []string{"checkout", "payments", "cart", "catalog", "shipping", "frontend", "auth", "search"}
	s := services[r.IntN(len(services))]
	var message string
	switch r.IntN(4) {
	case 0:
		message = fmt.Sprintf("POST /api/v1/%s/%d completed in %dms", s, r.IntN(1000000), r.IntN(3000))
	case 1:
		message = fmt.Sprintf("cache miss for key user:%d:%s, loading %d rows", r.IntN(1000000), s, r.IntN(3000))
	case 2:
		message = fmt.Sprintf("retrying request %d to %s: upstream timed out after %dms", r.IntN(1000000), s, r.IntN(3000))
	default:
		message = fmt.Sprintf("order %d accepted by %s, total %d.%02d EUR", r.IntN(1000000), s, r.IntN(3000), r.IntN(100))
	}
	id := make([]byte, 20)
	for j := range id {
		id[j] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[r.IntN(64)]
	}
	node := r.IntN(12)
	return LogLine{
		Time:    logStart.Add(time.Duration(i)*100*time.Microsecond + time.Duration(r.IntN(90))*time.Microsecond),
		Level:   []string{"info", "info", "info", "debug", "warn", "error"}[r.IntN(6)],
		Service: s, Message: message, ID: string(id), Source: ".ds-logs-app-default-2026.03.01-000001",
		Trace: fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()),
		Fields: fmt.Appendf(nil, `{"ecs":{"version":"8.11.0"},"service":{"version":"1.%d.2","environment":"production"},"span":{"id":"%016x"},`+
			`"http":{"request":{"method":"POST","bytes":%d},"response":{"status_code":%d}},"url":{"path":"/api/v1/%s"},`+
			`"event":{"duration":%d,"dataset":"%s.log"},"client":{"ip":"10.%d.%d.%d"},"kubernetes":{"namespace":"shop",`+
			`"pod":{"name":"%s-6d4cf56db6-%05d"},"node":{"name":"node-%d"},"container":{"name":"app"}},`+
			`"host":{"name":"node-%d","architecture":"x86_64"},"log":{"logger":"com.example.%s.Handler"},`+
			`"process":{"pid":%d,"thread":{"name":"http-nio-8080-exec-%d"}}}`,
			r.IntN(9), r.Uint64(), r.IntN(9000), []int{200, 200, 200, 404, 500}[r.IntN(5)], s,
			r.IntN(3000000000), s, r.IntN(255), r.IntN(255), r.IntN(255), s, r.IntN(40), node, node, s, r.IntN(9999), r.IntN(40)),
	}
}

func ecsLines(n int) []LogLine {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]LogLine, n)
	for i := range out {
		out[i] = ecsLine(r, i)
	}
	return out
}

// TestLogBufMemory measures what a line takes: the bound of the dashboard is a
// million of them within 110 MiB. How fast they are taken in is a benchmark.
func TestLogBufMemory(t *testing.T) {
	const held = DefaultLogLines / 5 // what a line costs does not depend on how many there are
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // the second one lets go of what pools kept
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	// Chunks know nothing of each other, so that lines may come again after
	// some chunks: made anew, they would take longer than what is measured.
	const pool = 25_000
	lines, raw := ecsLines(pool), 0
	for i := range lines {
		raw += len(lines[i].Message) + len(lines[i].Fields) + len(lines[i].ID) + len(lines[i].Trace) + 40
	}
	before := heap()
	b := NewLogBuf(0)
	for range held / pool {
		for i := 0; i < pool; i += 500 {
			b.Append(lines[i : i+500]...)
		}
	}
	took := heap() - before
	t.Logf("%d lines of %d bytes: %.1f MiB held, %.1f bytes a line",
		b.Len(), raw/pool, float64(took)/(1<<20), float64(took)/float64(b.Len()))
	require.Equal(t, held, b.Len(), "none was dropped for its size")
	require.Less(t, took, uint64(110<<20)/5)
	runtime.KeepAlive(lines)
	runtime.KeepAlive(b)
}

func TestLogBufGivesBackWhatCameIn(t *testing.T) {
	lines := ecsLines(3000)
	lines[7].Kind, lines[8].Kind, lines[9].Late = LogGap, LogNotice, true
	lines[10].Fields = json.RawMessage(`{"a":"\"quoted\\","b":[1,-2.5e+3,true,null,"x"],"c":{}}`)
	lines[11].Fields = json.RawMessage("not \x00 JSON \"at all")
	lines[12].Fields, lines[12].Time = nil, time.Time{}
	lines[13].Message = "two\nlines \x1b[31m\xff"
	b := NewLogBuf(0)
	b.Append(lines...)
	require.Equal(t, 3000, b.Len())
	for _, n := range []int{0, 7, 8, 9, 10, 11, 12, 13, 1023, 1024, 2047, 2999} {
		got, ok := b.Full(int64(n))
		require.True(t, ok)
		require.Equal(t, lines[n], got, "line %d", n)
	}
	_, ok := b.At(3000)
	require.False(t, ok)
	seen := 0
	require.NoError(t, b.Snapshot().Each(context.Background(), 0, 3000, true, nil, func(n int64, l *LogLine) bool {
		require.Equal(t, lines[n], *l)
		seen++
		return true
	}))
	require.Equal(t, 3000, seen)
}

func TestLogBufKeepsItsBounds(t *testing.T) {
	b := NewLogBuf(2500)
	b.Append(ecsLines(6000)...)
	require.Equal(t, 2500, b.Len())
	require.Equal(t, int64(3500), b.First())
	require.Equal(t, int64(3500), b.Dropped())
	_, ok := b.At(3499)
	require.False(t, ok)

	huge := NewLogBuf(100_000)
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		message := make([]byte, 1<<20)
		for i := range message {
			message[i] = byte(r.IntN(256))
		}
		huge.Append(LogLine{Message: string(message)})
	}
	require.LessOrEqual(t, huge.Bytes(), int64(leastBytes+(2<<20)))
	require.Positive(t, huge.Len())
	require.Positive(t, huge.Dropped())
}

func TestLogBufWordsWithoutEnd(t *testing.T) {
	b := NewLogBuf(200_000)
	for i := range 70_000 {
		b.Append(LogLine{Service: fmt.Sprintf("service-%d", i), Level: fmt.Sprintf("level-%d", i)})
	}
	for _, n := range []int64{0, 40, 66_000, 69_999} {
		l, ok := b.At(n)
		require.True(t, ok)
		require.Equal(t, fmt.Sprintf("service-%d", n), l.Service)
		require.Equal(t, fmt.Sprintf("level-%d", n), l.Level)
	}
}

func TestLogBufPrepend(t *testing.T) {
	lines := ecsLines(5000)
	b := NewLogBuf(4000)
	b.Append(lines[3000:]...)
	require.Equal(t, 2000, b.Prepend(lines[:3000]), "there is room for 2000 more")
	require.Equal(t, int64(-2000), b.First())
	for n := int64(-2000); n < 2000; n++ {
		got, _ := b.Full(n)
		require.Equal(t, lines[n+3000].ID, got.ID)
	}
	n, ok := b.Nearest(lines[2500].Time)
	require.True(t, ok)
	require.Equal(t, int64(-500), n)
	b.Append(lines[:10]...)
	require.Equal(t, 4000, b.Len())
	require.Equal(t, 0, b.Prepend(lines[:10]))
}

func TestLineSet(t *testing.T) {
	var s lineSet
	want := map[int64]bool{}
	r := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		n := int64(r.IntN(20000) - 10000)
		if r.IntN(4) == 0 {
			s.remove(n)
			delete(want, n)
		} else {
			s.add(n)
			want[n] = true
		}
	}
	check := func() {
		t.Helper()
		require.Equal(t, len(want), s.n)
		count := 0
		for n, ok := s.next(-20000); ok; n, ok = s.next(n + 1) {
			require.True(t, want[n])
			require.Equal(t, count, s.below(n))
			count++
		}
		require.Equal(t, len(want), count)
		count = 0
		for n, ok := s.prev(20000); ok; n, ok = s.prev(n - 1) {
			require.True(t, want[n])
			count++
		}
		require.Equal(t, len(want), count)
	}
	check()
	s.dropBelow(1234)
	for n := range want {
		if n < 1234 {
			delete(want, n)
		}
	}
	check()
}

func FuzzShred(f *testing.F) {
	f.Add([]byte(`{"a":{"b":"c\"d","e":[1,2.5,true]},"f":null}`))
	f.Add([]byte(`{"\u0000":"`))
	f.Add([]byte("\x00\"\x00\":1"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		b := NewLogBuf(0)
		for range chunkLines / 2 {
			b.Append(LogLine{Fields: doc}, LogLine{Fields: json.RawMessage(`{"x":1}`)})
		}
		got, _ := b.Full(0)
		if string(got.Fields) != string(doc) {
			t.Fatalf("%q came back as %q", doc, got.Fields)
		}
	})
}
