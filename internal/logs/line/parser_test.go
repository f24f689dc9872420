package line

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
)

var now = time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)

func testParser() *Parser {
	return NewParser(time.UTC, func() time.Time { return now })
}

func TestParse(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	whole := at.Truncate(time.Second)
	for _, tt := range []struct {
		name, in string
		want     api.LogEntry
	}{
		{
			"ECS flat", `{"@timestamp":"2026-01-02T03:04:05.678Z","log.level":"WARN","message":"hi","service.name":"chat","trace.id":"abc","http.status":500}`,
			api.LogEntry{Time: at, Level: "warn", Message: "hi", Service: "chat", Trace: "abc", Fields: []byte(`{"http.status":500}`)},
		},
		{
			"ECS nested", `{"@timestamp":"2026-01-02T04:04:05.678+01:00","log":{"level":"error","logger":"x"},"message":"hi","service":{"name":"chat"},"trace":{"id":"abc"}}`,
			api.LogEntry{Time: at, Level: "error", Message: "hi", Service: "chat", Trace: "abc", Fields: []byte(`{"log":{"logger":"x"}}`)},
		},
		{
			"pino", `{"level":50,"time":1767323045678,"pid":7,"hostname":"h","name":"web","msg":"boom"}`,
			api.LogEntry{Time: at, Level: "error", Message: "boom", Service: "web", Fields: []byte(`{"pid":7,"hostname":"h"}`)},
		},
		{
			"bunyan", `{"name":"web","hostname":"h","pid":7,"level":30,"msg":"up","time":"2026-01-02T03:04:05.678Z","v":0}`,
			api.LogEntry{Time: at, Level: "info", Message: "up", Service: "web", Fields: []byte(`{"hostname":"h","pid":7,"v":0}`)},
		},
		{
			"zap", `{"level":"dpanic","ts":1767323045.678,"caller":"a.go:1","msg":"x"}`,
			api.LogEntry{Time: at, Level: "fatal", Message: "x", Fields: []byte(`{"caller":"a.go:1"}`)},
		},
		{
			"slog", `{"time":"2026-01-02T03:04:05.678Z","level":"DEBUG","msg":"x","k":[1,{"a":null}]}`,
			api.LogEntry{Time: at, Level: "debug", Message: "x", Fields: []byte(`{"k":[1,{"a":null}]}`)},
		},
		{
			"zerolog without message", `{"level":"error","error":"refused","time":"2026-01-02T03:04:05.678Z"}`,
			api.LogEntry{Time: at, Level: "error", Message: "refused"},
		},
		{
			"GELF", `{"version":"1.1","host":"h","short_message":"x","timestamp":1767323045.678,"level":4,"_service":"s"}`,
			api.LogEntry{Time: at, Level: "warn", Message: "x", Service: "s", Fields: []byte(`{"version":"1.1","host":"h"}`)},
		},
		{
			"docker of JSON", `{"log":"{\"level\":\"info\",\"msg\":\"in\"}\n","stream":"stdout","time":"2026-01-02T03:04:05.678Z"}`,
			api.LogEntry{Time: at, Level: "info", Message: "in", Fields: []byte(`{"stream":"stdout"}`)},
		},
		{
			"docker of text", `{"log":"ERROR no\n","stream":"stderr","time":"2026-01-02T03:04:05.678Z"}`,
			api.LogEntry{Time: at, Level: "error", Message: "no", Fields: []byte(`{"stream":"stderr"}`)},
		},
		{
			"CRI of logfmt", `2026-01-02T03:04:05.678Z stdout F level=info msg="a b" n=3`,
			api.LogEntry{Time: at, Level: "info", Message: "a b", Fields: []byte(`{"stream":"stdout","n":3}`)},
		},
		{
			"compose of JSON", `web-1  | {"level":"warn","msg":"m"}`,
			api.LogEntry{Service: "web-1", Level: "warn", Message: "m"},
		},
		{
			"logfmt", `time=2026-01-02T03:04:05.678Z level=ERROR msg="a \"b\"" service=s trace_id=t empty= path=/x`,
			api.LogEntry{Time: at, Level: "error", Message: `a "b"`, Service: "s", Trace: "t", Fields: []byte(`{"empty":"","path":"/x"}`)},
		},
		{
			"klog", `W0102 03:04:05.678000   12 file.go:34] something bad`,
			api.LogEntry{Time: at, Level: "warn", Message: "something bad", Fields: []byte(`{"process.pid":12,"log.origin":"file.go:34"}`)},
		},
		{
			"klog structured, last year", `I1231 03:04:05.678000   12 f.go:3] "Pod updated" pod="a/b"`,
			api.LogEntry{Time: time.Date(2025, 12, 31, 3, 4, 5, 678e6, time.UTC), Level: "info", Message: "Pod updated", Fields: []byte(`{"process.pid":12,"log.origin":"f.go:3","pod":"a/b"}`)},
		},
		{
			"RFC 5424", `<165>1 2026-01-02T03:04:05.678Z host app 42 ID47 [ex@1 a="]"][y b="2"] ` + "\uFEFF" + `text here`,
			api.LogEntry{
				Time: at, Level: "info", Service: "app", Message: "text here",
				Fields: []byte(`{"host.name":"host","process.pid":42,"log.syslog.msgid":"ID47","log.syslog.structured_data":"[ex@1 a=\"]\"][y b=\"2\"]"}`),
			},
		},
		{
			"RFC 3164", `<34>Jan  2 03:04:05 host su[7]: failed for x`,
			api.LogEntry{Time: whole, Level: "fatal", Service: "su", Message: "failed for x", Fields: []byte(`{"host.name":"host","process.pid":7}`)},
		},
		{
			"syslog in a file", `Jan  2 03:04:05 host systemd[1]: Started it.`,
			api.LogEntry{Time: whole, Service: "systemd", Message: "Started it.", Fields: []byte(`{"host.name":"host","process.pid":1}`)},
		},
		{
			"combined", `1.2.3.4 - bob [02/Jan/2026:03:04:05 +0000] "GET /a?b HTTP/1.1" 503 12 "-" "curl/8"`,
			api.LogEntry{
				Time: whole, Level: "error", Message: "GET /a?b HTTP/1.1 503",
				Fields: []byte(`{"client.address":"1.2.3.4","user.name":"bob","http.request.method":"GET","url.original":"/a?b","http.response.status_code":503,"http.response.body.bytes":12,"user_agent.original":"curl/8"}`),
			},
		},
		{
			"java text", `2026-01-02 03:04:05,678 ERROR [main] c.f.Bar - it broke`,
			api.LogEntry{Time: at, Level: "error", Message: "[main] c.f.Bar - it broke"},
		},
		{
			"python text", `2026-01-02 03:04:05,678 - root - WARNING - hm`,
			api.LogEntry{Time: at, Level: "warn", Message: "root - WARNING - hm"},
		},
		{"nginx text", `2026/01/02 03:04:05 [crit] 7#0: *1 no`, api.LogEntry{Time: whole, Level: "fatal", Message: "7#0: *1 no"}},
		{"go text", `2026/01/02 03:04:05 note that all is well`, api.LogEntry{Time: whole, Message: "note that all is well"}},
		{"rust text", `2026-01-02T03:04:05.678Z  INFO my::mod: ready`, api.LogEntry{Time: at, Level: "info", Message: "my::mod: ready"}},
		{"coloured", "\x1b[2m2026-01-02T03:04:05.678Z\x1b[0m \x1b[32mINFO\x1b[0m ready", api.LogEntry{Time: at, Level: "info", Message: "ready"}},
		{
			"loguru", `2026-01-02 03:04:05.678 | INFO     | mod:f:1 - done`,
			api.LogEntry{Time: at, Level: "info", Message: "mod:f:1 - done"},
		},
		{"level and bar", `ERROR | done`, api.LogEntry{Level: "error", Message: "done"}},
		{"python basic", `WARNING:root:careful now`, api.LogEntry{Level: "warn", Message: "root:careful now"}},
		{"postgres", `2026-01-02 03:04:05.678 UTC [7] ERROR:  no relation`, api.LogEntry{Time: at, Level: "error", Message: "[7] ERROR:  no relation"}},
		{"level only", `[WARN] careful`, api.LogEntry{Level: "warn", Message: "careful"}},
		{"level and colon", `error: it is so`, api.LogEntry{Level: "error", Message: "it is so"}},
		{"no level", `An error is a word, as warn is`, api.LogEntry{Message: "An error is a word, as warn is"}},
		{"empty", ``, api.LogEntry{}},
		{"broken JSON", `{"a":`, api.LogEntry{Message: `{"a":`}},
		{"JSON array", `[1,2]`, api.LogEntry{Message: `[1,2]`}},
		{"bad UTF-8", "a\xff\x00b", api.LogEntry{Message: "a\uFFFD\x00b"}},
		{"bad time stays a field", `{"time":"yesterday","msg":"x"}`, api.LogEntry{Message: "x", Fields: []byte(`{"time":"yesterday"}`)}},
		{"lenient numbers", `{"msg":"x","n":nan,"m":1-2}`, api.LogEntry{Message: "x", Fields: []byte(`{"n":"nan","m":"1-2"}`)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := testParser().Parse([]byte(tt.in + "\r\n"))
			require.Empty(t, cmp.Diff(tt.want, got, cmp.Transformer("fields", func(b json.RawMessage) string { return string(b) })))
		})
	}
}

func TestScanTime(t *testing.T) {
	c := testParser().clock
	c.loc = time.FixedZone("x", 3600)
	for in, want := range map[string]string{
		"2026-01-02T03:04:05Z rest":        "2026-01-02T03:04:05Z",
		"2026-01-02 03:04:05.123456789 x":  "2026-01-02T02:04:05.123456789Z",
		"2026/01/02 03:04:05":              "2026-01-02T02:04:05Z",
		"2026-01-02 03:04:05,5 +0000 UTC":  "2026-01-02T03:04:05.5Z",
		"2026-01-02T03:04:05-07":           "2026-01-02T10:04:05Z",
		"2026-01-02 03:04:05 UTC [7] LOG:": "2026-01-02T03:04:05Z",
		"2026-13-02T03:04:05Z":             "",
		"2026-01-02T24:04:05Z":             "",
		"2026-01-02T03:04":                 "",
		"2026-01/02T03:04:05":              "",
	} {
		got, n := c.scan(in)
		if want == "" {
			require.Zero(t, n, in)
			continue
		}
		require.Equal(t, want, got.Format(time.RFC3339Nano), in)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"log":"{\"log\":\"{}\",\"stream\":\"x\"}\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}`,
		`{"@timestamp":1,"message":"\u001b[31m","a":{"b":[1-2,"\ud800"]},"error":{"stack_trace":"a\nb"}}`,
		`<34>Jan  2 03:04:05 host su[7]: x`, `<165>1 - - - - - [a b="c"] x`, `I0102 15:04:05.0  1 f.go:1] "x" a=b`,
		`a=b c="\x00d"`, `1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 -`, "w | 2026-01-02T03:04:05Z stdout F x", "\xff\x1b]0;t\a",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p := testParser()
		e := p.Parse(in)
		require.True(t, len(e.Fields) == 0 || json.Valid(e.Fields), "%s", e.Fields)
		_, err := json.Marshal(e)
		if y := e.Time.Year(); y >= 0 && y <= 9999 {
			require.NoError(t, err)
		}
		out := NewRenderer(RenderOptions{Location: time.UTC}).AppendEntry(nil, &e)
		requireShowable(t, out)
		columns := NewRenderer(RenderOptions{Location: time.UTC, Width: 10, Columns: []string{"time", "level", "service", "message", "a.b"}})
		requireShowable(t, columns.AppendEntry(nil, &e))
		event := p.parse(in).appendEvent(nil, 1)
		require.True(t, json.Valid(event), "%s", event)
		require.True(t, utf8.Valid(event))
		require.Equal(t, 1, strings.Count(string(event), "\n"))
	})
}

// requireShowable holds that a terminal can be given the text.
func requireShowable(t *testing.T, out []byte) {
	t.Helper()
	require.True(t, utf8.Valid(out))
	for _, r := range string(out) {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e) {
			t.Fatalf("%q in %q", r, out)
		}
	}
}
