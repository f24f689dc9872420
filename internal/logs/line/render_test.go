package line

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/term"
)

func entry() *api.LogEntry {
	return &api.LogEntry{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), Level: "warn", Service: "chat", Message: "timed out",
		Fields: json.RawMessage(`{"ecs.version":"8","agent":{"id":"x"},"http":{"status":504,"path":"/a b"},"tags":["a","b"],"ok":true,"no":null,
			"error":{"stack_trace":"E: x\n\tat y\n"},"note":"tab\there"}`),
	}
}

func TestRender(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	plain := NewRenderer(RenderOptions{Location: berlin})
	require.Equal(t, "2026-01-02 04:04:05.678 WARN  chat timed out http.status=504 http.path=\"/a b\" tags=[\"a\",\"b\"] ok=true note=\"tab\\there\"\n"+
		"    error.stack_trace:\n    E: x\n    \tat y\n", string(plain.AppendEntry(nil, entry())))

	coloured := NewRenderer(RenderOptions{Location: berlin, Styles: term.NewStyles(true)})
	e := entry()
	e.Fields = json.RawMessage(`{"a":1}`)
	require.Equal(t, "> \x1b[2m2026-01-02 04:04:05.678\x1b[0m \x1b[33mWARN \x1b[0m \x1b[1mchat\x1b[0m timed out\x1b[2m a=1\x1b[0m\n",
		string(coloured.AppendEntry([]byte("> "), e)))

	columns := NewRenderer(RenderOptions{Location: time.UTC, Columns: []string{"level", "message", "http.status", "gone", "time"}})
	require.Equal(t, "WARN   timed out  504  -  2026-01-02 03:04:05.678\n", string(columns.AppendEntry(nil, entry())))

	narrow := NewRenderer(RenderOptions{Location: time.UTC, Width: 8})
	e.Fields, e.Message = json.RawMessage(`{"k":"0123456789"}`), "0123456789"
	require.Equal(t, "2026-01-02 03:04:05.678 WARN  chat 0123456789 k=0123456…\n", string(narrow.AppendEntry(nil, e)))
}

func TestRenderBareAndOdd(t *testing.T) {
	r := NewRenderer(RenderOptions{Location: time.UTC})
	for _, tt := range []struct {
		e    api.LogEntry
		want string
	}{
		{api.LogEntry{Message: "only this"}, "only this\n"},
		{api.LogEntry{Message: "a\r\nb\n c\n"}, "a\n    b\n     c\n"},
		{api.LogEntry{Message: "x", Level: "odd"}, strings.Repeat(" ", 23) + " odd   x\n"},
		{api.LogEntry{Message: "x", Fields: []byte(`{`)}, "x\n"},
		{
			api.LogEntry{Message: "\x1b]0;t\a\x9b31m", Service: "\x1b[2J", Level: "\x1b", Fields: []byte(`{"\u001b[1m":"\u001b[2m\u202e"}`)},
			strings.Repeat(" ", 23) + " ^[    ^[[2J ^[]0;t^G\uFFFD31m ^[[1m=\"^[[2m<U+202E>\"\n",
		},
	} {
		require.Equal(t, tt.want, string(r.AppendEntry(nil, &tt.e)))
	}
}

func TestRenderDoesNotAllocate(t *testing.T) {
	r := NewRenderer(RenderOptions{Location: time.UTC, Styles: term.NewStyles(true)})
	e := entry()
	dst := make([]byte, 0, 4096)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { dst = r.AppendEntry(dst[:0], e) }), 2.0)
}
