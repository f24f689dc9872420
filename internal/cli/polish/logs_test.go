package polish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/logstest"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/observe"
	"github.com/aictl/aictl/internal/term"
)

var logsNoon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// desk is a person with a terminal (or a script without) before a platform
// whose only backend is a log store.
type desk struct {
	store    *logstest.Store
	out, err *locked
	io       *term.IO
	env      map[string]string
	wrap     func(http.Handler) http.Handler
}

func newDesk(t *testing.T, entries ...api.LogEntry) *desk {
	t.Helper()
	d := &desk{store: logstest.New(entries...), out: &locked{}, err: &locked{}, env: map[string]string{
		"HOME": t.TempDir(), "AICTL_SERVER": "http://127.0.0.1:1", "LC_ALL": "C.UTF-8",
	}}
	d.io, _, _, _ = term.Test()
	d.io.Out, d.io.Err = d.out, d.err
	d.io.SetEnv(func(k string) string { return d.env[k] })
	d.wrap = func(h http.Handler) http.Handler { return h }
	return d
}

// locked is a buffer that may be read while it is written.
type locked struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (d *desk) run(ctx context.Context, args ...string) error {
	r := op.NewRegistry(op.Policy{Authorize: func(context.Context, op.Identity, *op.Spec, string) error { return nil }})
	observe.Bind(r, observe.Deps{
		Now:  func() time.Time { return logsNoon },
		Logs: func(context.Context) (logs.Store, error) { return d.store, nil },
	})
	f := factory.New(d.io, func(k string) string { return d.env[k] })
	f.Now = func() time.Time { return logsNoon }
	f.Cwd = func() (string, error) { return d.env["HOME"], nil }
	f.Transport = op.InProcess{Handler: d.wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: "tester"})))
	}))}
	root := cli.NewRoot(f)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

func entryAt(ago time.Duration, id, level, service, message, fields string) api.LogEntry {
	e := api.LogEntry{ID: id, Time: logsNoon.Add(-ago), Level: level, Service: service, Message: message, Source: "logs-1"}
	if fields != "" {
		e.Fields = json.RawMessage(fields)
	}
	return e
}

// day is a short story of two services.
func day() []api.LogEntry {
	traced := entryAt(9*time.Minute, "3", "WARNING", "chat", "upstream timeout after 30s", `{"http":{"status":504},"host":{"name":"h1"},"note":"two words"}`)
	traced.Trace = "4bf92f35"
	return []api.LogEntry{
		entryAt(30*time.Hour, "0", "info", "chat", "yesterday", ""),
		entryAt(11*time.Minute, "1", "info", "chat", "request done", `{"http":{"status":200},"duration_ms":12}`),
		entryAt(10*time.Minute, "2", "debug", "predict", "model loaded", `{"tags":["a"],"ok":true}`),
		traced,
		entryAt(8*time.Minute, "4", "error", "predict", "boom\n  at f (a.js:1)\n  at g (b.js:2)", `{"error":{"stack_trace":"E\n\tat x"}}`),
		entryAt(7*time.Minute, "5", "30", "chat", "request done", `{"http":{"status":200},"duration_ms":15}`),
	}
}

func TestLogsSearch(t *testing.T) {
	t.Setenv("TZ", "UTC")
	time.Local = time.UTC //nolint:gosmopolitan // the goldens show times
	for _, c := range []struct {
		name string
		args string
		want string
	}{
		{"plain", "logs", `
11:49:00.000 INFO  chat    request done http.status=200 duration_ms=12
11:50:00.000 DEBUG predict model loaded ok=true
11:51:00.000 WARN  chat    upstream timeout after 30s trace=4bf92f35 http.status=504 note="two words"
11:52:00.000 ERROR predict boom
      at f (a.js:1)
      at g (b.js:2)
    error.stack_trace:
      E
      	at x
11:53:00.000 INFO  chat    request done http.status=200 duration_ms=15
`},
		{"words, level and service", "logs TIMEOUT upstream --level warning --service chat", `
11:51:00.000 WARN  chat upstream timeout after 30s trace=4bf92f35 http.status=504 note="two words"
`},
		{"wide", "logs loaded -o wide", `
11:50:00.000 DEBUG predict model loaded tags=["a"] ok=true source=logs-1 id=2
`},
		{"another day", "logs yesterday --since 2d", `
2026-02-28 06:00:00.000 INFO  chat yesterday
`},
		{"where", "logs --where http.status>=500 --columns time,http.status,message", `
TIME           HTTP.STATUS   MESSAGE
11:51:00.000   504           upstream timeout after 30s
`},
		{"context", "logs --grep timeout -C 1", `
  11:49:00.000 INFO  chat request done http.status=200 duration_ms=12
> 11:51:00.000 WARN  chat upstream timeout after 30s trace=4bf92f35 http.status=504 note="two words"
  11:53:00.000 INFO  chat request done http.status=200 duration_ms=15
`},
		{"groups", "logs --grep timeout|boom -B 1", `
  11:49:00.000 INFO  chat    request done http.status=200 duration_ms=12
> 11:51:00.000 WARN  chat    upstream timeout after 30s trace=4bf92f35 http.status=504 note="two words"
--
  11:50:00.000 DEBUG predict model loaded ok=true
> 11:52:00.000 ERROR predict boom
      at f (a.js:1)
      at g (b.js:2)
    error.stack_trace:
      E
      	at x
`},
		{"raw", "logs --service chat -o raw", `
request done
upstream timeout after 30s
request done
`},
		{"csv", "logs --trace 4bf92f35 -o csv", `
time,level,service,message,trace,source,id,fields
2026-03-01T11:51:00Z,WARNING,chat,upstream timeout after 30s,4bf92f35,logs-1,3,"{""http"":{""status"":504},""host"":{""name"":""h1""},""note"":""two words""}"
`},
		{"csv with columns", "logs done -o csv --columns service,duration_ms", `
service,duration_ms
chat,12
chat,15
`},
		{"names", "logs --limit 2 -o name", "\nlog/4\nlog/5\n"},
		{"jq", "logs --jq .[].id", "\n1\n2\n3\n4\n5\n"},
		{"json of nothing", "logs nothing-like-it -o json", "\n[]\n"},
		{"jsonl", "logs loaded -o jsonl", `
{"id":"2","time":"2026-03-01T11:50:00Z","level":"debug","service":"predict","message":"model loaded","source":"logs-1","fields":{"tags":["a"],"ok":true}}
`},
		{"histogram", "logs histogram --step 5m --since 20m", `
██ error  ▓▓ warn  ▒▒ info  ░░ other
11:40                                                0
11:45 ▒▒▒▒▒▒▒▒▒▒▒▒                                   1
11:50 ████████████▓▓▓▓▓▓▓▓▓▓▓▒▒▒▒▒▒▒▒▒▒▒▒░░░░░░░░░░░ 4  1 error  1 warning
11:55                                                0
`},
		{"histogram as csv", "logs histogram --step 10m --since 20m -o csv", `
time,count,error,warn,info,other
2026-03-01T11:40:00Z,1,0,0,1,0
2026-03-01T11:50:00Z,4,1,1,1,1
`},
		{"fields", "logs fields --field service", `
NAME      TYPE      ENTRIES   VALUES
service   keyword         5   chat (3), predict (2)
`},
		{"patterns", "logs patterns", `
2  INFO   chat     request done
1  ERROR  predict  boom
1  DEBUG  predict  model loaded
1  WARN   chat     upstream timeout after <*>
11:00:00 to 12:00:00: 5 entries
`},
		{"patterns, the commonest", "logs patterns --limit 1 --service chat", `
2  INFO   chat  request done
11:00:00 to 12:00:00: 3 entries
1 rarer patterns are left out: --limit 2
`},
		{"patterns as csv", "logs patterns --level error -o csv", `
count,level,services,pattern,first,last,example,id
1,error,predict,boom,2026-03-01T11:52:00Z,2026-03-01T11:52:00Z,boom,81f52337ebb4
`},
		{"diff", "logs diff --since 9m30s --baseline 2m", `
New (2)
  1  ERROR  predict  boom
  1  WARN   chat     upstream timeout after <*>
Surging (0)
Gone (1)
  was 1  DEBUG  predict  model loaded
1 pattern did not change
window: 11:50:30 to 12:00:00: 3 entries
baseline: 11:48:30 to 11:50:30: 2 entries
`},
		{"diff around", "logs diff --around now-10m30s -o json --jq .new[].pattern", `
boom
model loaded
upstream timeout after <*>
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, day()...)
			require.NoError(t, d.run(t.Context(), strings.Fields(c.args)...), d.err)
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
		})
	}
}

func TestLogsSearchSays(t *testing.T) {
	for _, c := range []struct {
		name, args, want string
		change           func(*desk)
	}{
		{"more", "logs --limit 2", "The newest 2 are shown", nil},
		{"nothing in the hour", "logs nothing-like-it", "--since 24h", nil},
		{"what ran here", "logs --grep boom -o json", "not evaluated by the store but after it: grep", func(d *desk) { d.store.Client = []string{"grep"} }},
		{"warnings", "logs -o json", "warning: 1 of 5 shards failed", func(d *desk) { d.store.Warnings = []string{"1 of 5 shards failed"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, day()...)
			if c.change != nil {
				c.change(d)
			}
			require.NoError(t, d.run(t.Context(), strings.Fields(c.args)...))
			require.Contains(t, d.err.String(), c.want)
			require.NotContains(t, d.out.String(), c.want)
		})
	}
}

func TestLogsRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"logs --level loud":                        "loud",
		"logs --grep (":                            "missing",
		"logs --where a>=":                         "",
		"logs --since 1h --from now-2h":            "--since and --from",
		"logs --limit 100000":                      "10000",
		"logs -C 5000":                             "1000",
		"logs --hold 30s":                          "following",
		"logs -f -C 3":                             "context",
		"logs -f --to now":                         "--to",
		"logs -f --hold 1h":                        "10m",
		"logs histogram --step 1ms --since 1h":     "2000",
		"logs diff --around now+1h":                "past",
		"logs diff --around now-1h --baseline 2h":  "both windows",
		"logs -f --cursor /nonexistent/dir/cursor": "no place",
	} {
		t.Run(args, func(t *testing.T) {
			d := newDesk(t, day()...)
			err := d.run(t.Context(), strings.Fields(args)...)
			require.Equal(t, fail.Usage, fail.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, want)
			require.Empty(t, d.out.String())
		})
	}
}

// TestLogsAreSafe: what a log line holds never steers the terminal, in any
// form of output.
func TestLogsAreSafe(t *testing.T) {
	evil := "\x1b]0;owned\x07\x1b[2J\u202e\u009b31m\rx"
	e := entryAt(time.Minute, evil, evil, evil, evil+"\n"+evil, `{"k`+`\u001b[31m":"\u001b]52;c;AAAA\u0007","stack":"a\n\u001b[2J"}`)
	e.Trace, e.Source = evil, evil
	for _, args := range []string{
		"logs", "logs -o wide", "logs -o csv", "logs -o raw", "logs -o name", "logs -o json", "logs -o yaml", "logs -o jsonl",
		"logs --columns time,message,service,trace,level", "logs -C 1", "logs --jq .[].message", "logs fields", "logs histogram",
	} {
		d := newDesk(t, e)
		require.NoError(t, d.run(t.Context(), strings.Fields(args)...), args)
		for _, text := range []string{d.out.String(), d.err.String()} {
			for _, r := range text {
				require.False(t, r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x202e, "%s: %q", args, text)
			}
		}
	}
}

func TestLogsHistogramInASCII(t *testing.T) {
	d := newDesk(t, day()...)
	d.env["LC_ALL"] = "C"
	require.NoError(t, d.run(t.Context(), "logs", "histogram", "--step", "10m", "--since", "20m"))
	require.Equal(t, "## error  == warn  -- info  .. other\n"+
		"11:40 ------------                                   1\n"+
		"11:50 ############===========------------........... 4  1 error  1 warning\n", d.out.String())
}

func TestLogsInColour(t *testing.T) {
	d := newDesk(t, day()...)
	d.env["CLICOLOR_FORCE"] = "1"
	d.io.SetEnv(func(k string) string { return d.env[k] })
	require.NoError(t, d.run(t.Context(), "logs", "timeout"))
	out := d.out.String()
	require.Contains(t, out, "\x1b[33mWARN\x1b[0m", "the level")
	require.Contains(t, out, "\x1b[1mtimeout\x1b[0m", "what was searched for")
	require.Contains(t, out, "\x1b[2mhttp.status=504\x1b[0m", "the fields")
}

// TestLogsFollow follows, stops, and goes on from the cursor.
func TestLogsFollow(t *testing.T) {
	d := newDesk(t, day()...)
	cursor := filepath.Join(t.TempDir(), "cursor")
	following := func(args ...string) (stop func() error) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.run(ctx, append([]string{"logs", "-f", "--cursor", cursor}, args...)...) }()
		return func() error { cancel(); return <-done }
	}
	holds := func(text string) func() bool {
		return func() bool { return strings.Contains(d.out.String(), text) }
	}
	saved := func() bool { info, err := os.Stat(cursor); return err == nil && info.Size() > 0 }

	stop := following("--since", "1h")
	require.Eventually(t, holds("request done"), 5*time.Second, 5*time.Millisecond)
	d.store.Add(entryAt(0, "6", "info", "chat", "just now", ""))
	require.Eventually(t, holds("just now"), 5*time.Second, 5*time.Millisecond)
	require.Eventually(t, saved, 5*time.Second, 5*time.Millisecond)
	require.Equal(t, fail.Canceled, fail.CodeOf(stop()))
	require.Equal(t, 1, strings.Count(d.out.String(), "timeout"))

	d.store.Add(entryAt(-time.Second, "7", "info", "chat", "meanwhile", ""))
	d.out = &locked{}
	d.io.Out = d.out
	stop = following("-o", "jsonl")
	require.Eventually(t, holds("meanwhile"), 5*time.Second, 5*time.Millisecond)
	require.Equal(t, fail.Canceled, fail.CodeOf(stop()))
	unique := map[string]bool{}
	lines := strings.Split(strings.TrimSpace(d.out.String()), "\n")
	for i, line := range lines {
		var e struct {
			api.LogEvent
			Code string `json:"code"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		require.Equal(t, i == len(lines)-1, e.Type == "error", "the last line, and it alone, is the end")
		if e.Entry != nil {
			unique[e.Entry.ID] = true
		}
	}
	require.True(t, unique["7"])
	require.False(t, unique["1"], "what was given is not given again")

	err := d.run(t.Context(), "logs", "-f", "other", "--cursor", cursor)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	require.ErrorContains(t, err, "another query")
}

// TestLogsFollowOverCutConnections cuts the way to the server again and again.
func TestLogsFollowOverCutConnections(t *testing.T) {
	d := newDesk(t)
	var mu sync.Mutex
	calls := 0
	d.wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			calls++
			n := calls
			mu.Unlock()
			if n%3 == 2 {
				fail.WriteProblem(w, fail.New(fail.Unavailable, "restarting"))
				return
			}
			ctx, cancel := context.WithTimeout(r.Context(), 300*time.Millisecond)
			defer cancel()
			h.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.run(ctx, "logs", "-f", "-o", "raw", "--limit", "0") }()
	const n = 60
	for i := range n {
		d.store.Add(entryAt(time.Duration(-i)*time.Millisecond, string(rune('a'+i/26))+string(rune('a'+i%26)), "info", "chat", "line", ""))
		time.Sleep(30 * time.Millisecond) // the load, not a wait
	}
	require.Eventually(t, func() bool { return strings.Count(d.out.String(), "line\n") >= n }, 10*time.Second, 10*time.Millisecond)
	cancel()
	require.Equal(t, fail.Canceled, fail.CodeOf(<-done))
	require.Equal(t, n, strings.Count(d.out.String(), "line\n"), "each once")
	mu.Lock()
	defer mu.Unlock()
	require.Greater(t, calls, 3)
}

// brokenPipe takes some lines and then breaks, as a consumer that is killed.
type brokenPipe struct {
	locked
	left int
}

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.left--; b.left < 0 {
		return 0, syscall.EPIPE
	}
	return b.locked.Write(p)
}

// TestLogsFollowLosesNothing kills the consumer at arbitrary lines: what it
// took over all runs is everything, some of it twice.
func TestLogsFollowLosesNothing(t *testing.T) {
	const n = 500
	d := newDesk(t)
	for i := range n {
		d.store.Add(entryAt(time.Minute-time.Duration(i), fmt.Sprintf("%03d", i), "info", "chat", fmt.Sprintf("%03d", i), ""))
	}
	cursor := filepath.Join(t.TempDir(), "cursor")
	took := map[string]int{}
	for run, lines := range []int{3, 100, 1, 0, 250, 7, 10_000} {
		pipe := &brokenPipe{left: lines}
		d.io.Out = pipe
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.run(ctx, "logs", "-f", "--cursor", cursor, "--since", "1h", "-o", "raw") }()
		if lines > n {
			require.Eventually(t, func() bool { return strings.Contains(pipe.String(), "499") }, 5*time.Second, 5*time.Millisecond)
			cancel()
		}
		err := <-done
		cancel()
		require.Error(t, err)
		require.Equal(t, lines <= n, errors.Is(err, syscall.EPIPE), "run %d: %v", run, err)
		for line := range strings.Lines(pipe.String()) {
			took[strings.TrimSpace(line)]++
		}
	}
	require.Len(t, took, n)
}

// TestLogsOfSeveralContexts merges by time and names the contexts; one that
// does not answer makes a partial answer.
func TestLogsOfSeveralContexts(t *testing.T) {
	d := newDesk(t, day()...)
	delete(d.env, "AICTL_SERVER")
	config := filepath.Join(d.env["HOME"], "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte("contexts:\n  - {name: east, server: 'http://127.0.0.1:1'}\n  - {name: west, server: 'http://127.0.0.1:2'}\n"), 0o600))
	d.env["AICTL_CONFIG"] = config
	err := d.run(t.Context(), "logs", "boom", "--context", "*", "-o", "json", "--jq", "[.[].context]|sort|join(\",\")")
	require.NoError(t, err, d.err)
	require.Equal(t, "east,west\n", d.out.String())

	d.wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Host == "127.0.0.1:2" {
				fail.WriteProblem(w, fail.New(fail.Unavailable, "down"))
				return
			}
			h.ServeHTTP(w, r)
		})
	}
	d.out.buf.Reset()
	err = d.run(t.Context(), "logs", "boom", "--context", "*")
	require.Equal(t, fail.Partial, fail.CodeOf(err))
	require.ErrorContains(t, err, "west")
	require.Contains(t, d.out.String(), "11:52:00.000 east ERROR predict boom")
}

func TestLogsStdin(t *testing.T) {
	input := `{"@timestamp":"2026-03-01T11:51:00Z","log.level":"warn","service.name":"chat","message":"slow \u001b[31m"}
{"@timestamp":"2026-03-01T11:52:00Z","log.level":"info","service.name":"chat","message":"fine"}
`
	for _, c := range []struct{ name, args, want string }{
		{"people", "--level warn", "slow ^[[31m"},
		{"raw", "--level warn -o raw", `"message":"slow \u001b[31m"`},
		{"jsonl", "--level warn -o jsonl", `"type":"result"`},
		{"words", "FINE", "fine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.io.In = strings.NewReader(input)
			require.NoError(t, d.run(t.Context(), append([]string{"logs", "--stdin"}, strings.Fields(c.args)...)...))
			require.Contains(t, d.out.String(), c.want)
			require.NotContains(t, d.out.String(), "\x1b")
			require.Equal(t, strings.Contains(c.args, "FINE"), strings.Contains(d.out.String(), "fine"))
			require.Zero(t, d.store.Calls("Search"))
		})
	}
	for _, args := range []string{"-C 3", "--raw-query x", "-o csv", "--jq .x"} {
		d := newDesk(t)
		err := d.run(t.Context(), append([]string{"logs", "--stdin"}, strings.Fields(args)...)...)
		require.Equal(t, fail.Usage, fail.CodeOf(err), args)
	}
	d := newDesk(t)
	d.io.StdinTTY = true
	require.ErrorContains(t, d.run(t.Context(), "logs", "--stdin"), "terminal")
}

func TestLogsWithoutAStore(t *testing.T) {
	d := newDesk(t)
	d.store.Fault = func(context.Context, string) error {
		return fail.New(fail.Unavailable, "dial tcp: connection refused").Hint("aictl doctor")
	}
	for _, args := range []string{"logs", "logs -f", "logs histogram", "logs fields"} {
		err := d.run(t.Context(), strings.Fields(args)...)
		require.Equal(t, fail.Unavailable, fail.CodeOf(err), args)
		require.Equal(t, "aictl doctor", fail.From(err).Next, args)
	}
}
