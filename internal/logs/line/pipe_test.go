package line

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T, in io.Reader, o Options) (string, Stats) {
	t.Helper()
	o.Render.Location = time.UTC
	var out bytes.Buffer
	s, err := Pipe(t.Context(), in, &out, o)
	require.NoError(t, err)
	return out.String(), s
}

const traces = `2026-01-02 03:04:05,000 ERROR it broke
java.lang.IllegalStateException: why
	at a.B.c(B.java:1)
Caused by: java.io.IOException: because
	... 3 more
2026-01-02 03:04:06,000 INFO next
Traceback (most recent call last):
  File "x.py", line 1
ValueError: no

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "y.py", line 1
KeyError: 'k'
plain
{"level":"info","msg":"json"}
  an orphan
  and its kin
panic: boom

goroutine 1 [running]:
main.main()
	/x/y.go:3 +0x1d
exit status 2
{
  "level": "warn",
  "msg": "pretty"
}
last`

func messages(t *testing.T, jsonl string) (out []string) {
	t.Helper()
	for l := range strings.Lines(jsonl) {
		var e api.LogEvent
		require.NoError(t, json.Unmarshal([]byte(l), &e), l)
		require.Equal(t, "entry", e.Type)
		first, _, _ := strings.Cut(e.Entry.Message, "\n")
		out = append(out, fmt.Sprintf("%s %s%s +%d", e.Entry.ID, map[bool]string{true: e.Entry.Level + " "}[e.Entry.Level != ""], first, strings.Count(e.Entry.Message, "\n")))
	}
	return out
}

func TestPipeJoins(t *testing.T) {
	want := []string{
		"1 error it broke +4", "6 info next +9", "16 plain +0", "17 info json +0", "18   an orphan +1",
		"20 fatal panic: boom +5", "26 warn pretty +0", "30 last +0",
	}
	for name, in := range map[string]io.Reader{
		"whole": strings.NewReader(traces), "bytes": iotest.OneByteReader(strings.NewReader(traces)), "halves": iotest.HalfReader(strings.NewReader(traces)),
	} {
		out, s := run(t, in, Options{Format: JSONL})
		require.Equal(t, want, messages(t, out), name)
		require.EqualValues(t, 30, s.Lines)
		require.EqualValues(t, len(traces), s.Bytes)
	}
	_, s := run(t, strings.NewReader(traces), Options{Apart: true})
	require.EqualValues(t, 30, s.Entries)
	out, _ := run(t, strings.NewReader(traces), Options{Format: Raw})
	require.Equal(t, traces+"\n", out, "nothing is lost and all is in order")
	out, _ = run(t, strings.NewReader(traces), Options{Format: Raw, Filter: api.LogFilter{Text: "ioexception BECAUSE"}})
	first, _, _ := strings.Cut(traces, "2026-01-02 03:04:06")
	require.Equal(t, first, out)
}

func TestPipeFilters(t *testing.T) {
	in := `{"@timestamp":"2026-01-02T03:04:05Z","log.level":"error","service.name":"chat","message":"A Timeout","http.status":503,"trace.id":"t1"}
{"@timestamp":"2026-01-02T03:04:06Z","log.level":"info","service.name":"predict","message":"fine"}
time=2026-01-02T03:04:07Z level=warn service=chat msg="größer" took_ms=7
just text
`
	for _, tt := range []struct {
		f    api.LogFilter
		want string // numbers of the lines
	}{
		{api.LogFilter{}, "1234"},
		{api.LogFilter{Level: "warn"}, "13"},
		{api.LogFilter{Level: "trace"}, "1234"},
		{api.LogFilter{Service: []string{"chat", "x"}}, "13"},
		{api.LogFilter{Text: "timeout a"}, "1"},
		{api.LogFilter{Text: "GRÖSSER"}, ""},
		{api.LogFilter{Text: "GRÖßER"}, "3"},
		{api.LogFilter{Grep: "^f|T$|text"}, "24"},
		{api.LogFilter{Where: "http.status >= 500"}, "1"},
		{api.LogFilter{Where: "took_ms > 5ms"}, "3"},
		{api.LogFilter{Where: "took_ms not exists"}, "124"},
		{api.LogFilter{Trace: "t1"}, "1"},
		{api.LogFilter{From: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)}, "23"},
		{api.LogFilter{To: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)}, "1"},
	} {
		out, s := run(t, strings.NewReader(in), Options{Format: JSONL, Filter: tt.f})
		got := ""
		for _, m := range messages(t, out) {
			got += m[:1]
		}
		require.Equal(t, tt.want, got, "%+v", tt.f)
		require.EqualValues(t, len(tt.want), s.Matched)
	}
	for _, f := range []api.LogFilter{{Level: "loud"}, {Grep: "("}, {Where: "a =="}, {Raw: "x"}} {
		_, err := Pipe(t.Context(), strings.NewReader(in), io.Discard, Options{Filter: f})
		require.Equal(t, fail.Usage, fail.CodeOf(err))
	}
}

// TestPipeOrder holds that many chunks come out as they went in, however they
// are read.
func TestPipeOrder(t *testing.T) {
	var in bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&in, `{"n":%d,"message":"m%s"}`+"\n", i, strings.Repeat("x", i%300))
		if i%100 == 0 {
			in.WriteString("text\n\tmore\n")
		}
	}
	data := in.Bytes()
	r := rand.New(rand.NewPCG(1, 1))
	random := readerFunc(func(p []byte) (int, error) {
		if len(data) == 0 {
			return 0, io.EOF
		}
		n := copy(p, data[:min(len(data), 1+r.IntN(200_000))])
		data = data[n:]
		return n, nil
	})
	out, s := run(t, random, Options{Format: Raw, Filter: api.LogFilter{Grep: "."}, Workers: 8})
	require.Equal(t, in.String(), out)
	require.EqualValues(t, 20_200, s.Entries)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestPipeShowsAtOnce types lines and waits for each to come out.
func TestPipeShowsAtOnce(t *testing.T) {
	in, typed := io.Pipe()
	seen, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := Pipe(context.Background(), in, out, Options{Render: RenderOptions{Location: time.UTC}})
		done <- errors.Join(err, out.Close())
	}()
	buf := make([]byte, 1000)
	for _, l := range []string{`{"msg":"one"}`, "two", "three\n\tand more", `{"msg":"four"}`} {
		_, err := typed.Write([]byte(l + "\n"))
		require.NoError(t, err)
		n, err := seen.Read(buf)
		require.NoError(t, err)
		word := strings.Trim(strings.Fields(strings.NewReplacer(`{"msg":"`, "", `"}`, "").Replace(l))[0], "\n")
		require.Contains(t, string(buf[:n]), word)
	}
	require.NoError(t, typed.Close())
	require.NoError(t, <-done)
}

func TestPipeLimit(t *testing.T) {
	in, typed := io.Pipe()
	go func() {
		for {
			if _, err := typed.Write([]byte("{\"msg\":\"x\"}\n{\"msg\":\"y\"}\n")); err != nil {
				return
			}
		}
	}()
	out, s := run(t, in, Options{Limit: 3})
	require.Equal(t, "x\ny\nx\n", out)
	require.EqualValues(t, 3, s.Matched)
	require.NoError(t, in.Close())
}

func TestPipeReaderGone(t *testing.T) {
	in := strings.NewReader(strings.Repeat("{}\n", 1000))
	gone := writerFunc(func([]byte) (int, error) { return 0, term.ErrPipe })
	s, err := Pipe(t.Context(), in, gone, Options{})
	require.NoError(t, err)
	require.True(t, s.Gone)

	full := writerFunc(func([]byte) (int, error) { return 0, errors.New("no space left") })
	_, err = Pipe(t.Context(), strings.NewReader("x\n"), full, Options{})
	require.ErrorContains(t, err, "no space left")
	require.Equal(t, fail.Failed, fail.CodeOf(err))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestPipeInputFails(t *testing.T) {
	var out bytes.Buffer
	_, err := Pipe(t.Context(), io.MultiReader(strings.NewReader("one\ntwo"), iotest.ErrReader(errors.New("unplugged"))), &out, Options{})
	require.ErrorContains(t, err, "reading standard input: unplugged")
	require.Equal(t, "one\ntwo\n", out.String(), "what was read before is shown")
	_, err = Pipe(t.Context(), readerFunc(func([]byte) (int, error) { return 0, nil }), io.Discard, Options{})
	require.ErrorIs(t, err, io.ErrNoProgress)
}

// TestPipeCanceled ends while the input says nothing.
func TestPipeCanceled(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	seen := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	go func() { _, _ = w.WriteString("{}\n") }()
	_, err = Pipe(ctx, r, seen, Options{})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, errors.Join(r.Close(), w.Close()))
}

func TestPipeHugeLines(t *testing.T) {
	const bound = 10_000
	huge := strings.Repeat("h", 5*bound)
	in := huge + "\nsmall\n" + `{"msg":"` + huge[:bound] + `"}` + "\n" + huge[:bound-1] + "\n" + huge
	out, s := run(t, strings.NewReader(in), Options{MaxLine: bound, Apart: true})
	require.EqualValues(t, 3, s.Cut)
	require.EqualValues(t, len(in), s.Bytes)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(t, lines, 5)
	for i, want := range []string{huge[:bound] + " … [the line is cut]", "small", "", huge[:bound-1], huge[:bound] + " … [the line is cut]"} {
		if want != "" {
			require.Equal(t, want, lines[i])
		}
	}
	// Chunk by chunk: far beyond what is buffered.
	const size = 64 << 20
	left := size
	endless := readerFunc(func(p []byte) (int, error) {
		if left == 0 {
			return 0, io.EOF
		}
		n := min(len(p), left)
		for i := range n {
			p[i] = 'e'
		}
		left -= n
		return n, nil
	})
	out, s = run(t, endless, Options{MaxLine: bound})
	require.Less(t, len(out), bound+100)
	require.EqualValues(t, 1, s.Cut)
	require.EqualValues(t, size, s.Bytes)
}

// TestPipeIsSafe pushes every control character through every format.
func TestPipeIsSafe(t *testing.T) {
	var hostile strings.Builder
	for r := rune(0); r < 0xa0; r++ {
		if r != '\n' {
			hostile.WriteRune(r)
		}
	}
	hostile.WriteString("\u202e\u2066\xff\xfe\x9b31m\x1b]52;c;eA==\a")
	text := hostile.String()
	escaped, err := json.Marshal(text)
	require.NoError(t, err)
	for _, in := range []string{
		text, "2026-01-02T03:04:05Z ERROR " + text, `{"message":` + string(escaped) + `,"k\u001b[2J":` + string(escaped) + `,"a":[` + string(escaped) + `]}`,
		"{\"message\":\"" + "\x1b[2J" + "\",\"a\":[\"\x1b\"]}", "msg=\"\\x1b[2J\" a=\x1b[1m b=c", "<34>Jan  2 03:04:05 h a: " + text, "web | " + text,
	} {
		for _, f := range []Format{Human, JSONL, Raw} {
			for _, where := range []string{"", "a != 1 && message exists"} {
				out, _ := run(t, strings.NewReader(in+"\n"), Options{Format: f, TTY: true, Filter: api.LogFilter{Where: where}})
				requireShowable(t, []byte(out))
				require.NotContains(t, out, "\x1b")
			}
		}
		out, _ := run(t, strings.NewReader(in+"\n"), Options{Format: JSONL, Filter: api.LogFilter{Where: "a != 1"}})
		require.True(t, json.Valid([]byte(out)), out)
		require.NotContains(t, out, "\x1b")
	}
}

// TestPipeMemoryIsFlat reads much more than it may keep, long lines among it.
func TestPipeMemoryIsFlat(t *testing.T) {
	block := append(ecsLines(t, 1000), bytes.Repeat([]byte("2026-01-02 03:04:05 INFO text\n\tmore\n"), 1000)...)
	block = append(block, []byte(`{"a":[`+strings.Repeat("1,", 300_000)+"1]}\n")...)
	const size = 20 << 20
	left := size
	var peak uint64
	at := 0
	in := readerFunc(func(p []byte) (int, error) {
		if left <= 0 {
			return 0, io.EOF
		}
		n := copy(p, block[at:])
		at = (at + n) % len(block)
		if before := left; (before >> 21) != ((left - n) >> 21) {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		left -= n
		return n, nil
	})
	_, s := run(t, in, Options{Workers: 2, Format: JSONL, Filter: api.LogFilter{Text: "done"}})
	require.GreaterOrEqual(t, s.Bytes, int64(size))
	require.Less(t, peak, uint64(64<<20))
}

func TestPipeAllocations(t *testing.T) {
	data := ecsLines(t, 2000)
	n := testing.AllocsPerRun(5, func() {
		_, err := Pipe(t.Context(), bytes.NewReader(data), io.Discard, Options{Filter: api.LogFilter{Level: "warn"}})
		require.NoError(t, err)
	})
	require.Less(t, n, 400.0, "lines are read without allocations")
}

func FuzzPipe(f *testing.F) {
	f.Add([]byte(traces), uint8(3))
	f.Add([]byte("{\"a\":1}\n{\n}\n\n\x1b[31m\xff\n a\n"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		rest := in
		reader := readerFunc(func(p []byte) (int, error) {
			if len(rest) == 0 {
				return 0, io.EOF
			}
			n := copy(p, rest[:min(len(rest), int(step)+1)])
			rest = rest[n:]
			return n, nil
		})
		var out bytes.Buffer
		_, err := Pipe(t.Context(), reader, &out, Options{Format: Raw, Workers: 2, Filter: api.LogFilter{Where: "nothing != 1"}})
		require.NoError(t, err)
		want := string(in)
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		require.Equal(t, want, out.String())
	})
}
