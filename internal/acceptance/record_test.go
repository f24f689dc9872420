package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/aictl/aictl/docs"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/bundle"
	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/direct"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/platform"
	"github.com/aictl/aictl/internal/serverconfig"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/server"
)

// bench is a platform in this process and a person's home.
type bench struct {
	dir string
	env map[string]string
	p   *platform.Platform
}

const recordedLogs = `{"level":"info","service":"chat","message":"request served in 12 ms"}
{"level":"warn","service":"chat","message":"slow answer of the upstream"}
{"level":"error","service":"mask","message":"timeout after 30 s"}
{"level":"error","service":"mask","message":"timeout after 31 s"}
`

func newBench(t *testing.T, lines, url string) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir()}
	c := serverconfig.Default()
	c.Listen, c.DataDir, c.Limits.RPS = "127.0.0.1:0", filepath.Join(b.dir, "platform"), 0
	if url != "" {
		c.Backends.Prometheus.URL = url
		c.Backends.Alertmanagers = append(c.Backends.Alertmanagers, serverconfig.Alertmanager{URL: url})
	}
	require.NoError(t, os.MkdirAll(c.DataDir, 0o700))
	p, err := platform.Open(t.Context(), platform.Options{
		Config: &c, DataDir: c.DataDir, Version: platform.Version{Version: version}, Logger: logging.Discard(),
		Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider(),
		Getenv: func(string) string { return "" }, Now: time.Now, Docs: docs.FS, Logs: logStore(lines),
	})
	require.NoError(t, err)
	token, err := p.Bootstrap(t.Context(), true)
	require.NoError(t, err)
	o := server.FromConfig(&c)
	o.API, o.OpenAPI, o.Auth, o.Gateway, o.Version = p.API(), p.OpenAPI, p, p, version
	s, err := server.New(o)
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Stop(stop)
		_ = p.Close()
	})
	b.p = p
	b.env = map[string]string{
		"HOME": b.dir, "XDG_CONFIG_HOME": b.dir, "XDG_CACHE_HOME": b.dir, "XDG_DATA_HOME": b.dir, "XDG_STATE_HOME": b.dir,
		"AICTL_SERVER": s.URL(), "AICTL_TOKEN": token,
	}
	return b
}

// run is one command line, as a person would give it.
func (b *bench) run(stdin string, args ...string) (stdout, stderr string, code int) {
	io, in, out, errs := term.Test()
	in.WriteString(stdin)
	code = cli.Main(append([]string{"aictl"}, args...), io, func(k string) string { return b.env[k] }, factory.Version{Version: version}, direct.Open)
	return out.String(), errs.String(), code
}

// alone takes everything away but the home: whatever asks a platform fails.
func (b *bench) alone() *bench {
	out := &bench{dir: b.dir, env: map[string]string{}}
	for k, v := range b.env {
		if k != "AICTL_SERVER" && k != "AICTL_TOKEN" {
			out.env[k] = v
		}
	}
	return out
}

// backends stands in for a Prometheus and an Alertmanager: one alert fires, and
// every expression has two series.
func backends(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now().Add(-20 * time.Minute).UTC().Format(time.RFC3339)
		unix := time.Now().Unix()
		answers := map[string]string{
			"/api/v1/query": fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[%d,"1"]},{"metric":{"__name__":"up","job":"b"},"value":[%d,"NaN"]}]}}`, unix, unix),
			"/api/v1/query_range": fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[%d,"1"],[%d,"3"],[%d,"2"]]}]}}`,
				unix-120, unix-60, unix),
			"/api/v1/rules":                 `{"status":"success","data":{"groups":[{"name":"g","file":"r.yaml","interval":15,"rules":[{"state":"firing","name":"ServiceErrorsHigh","query":"up == 0","duration":60,"labels":{"severity":"warning"},"annotations":{},"alerts":[],"health":"ok","evaluationTime":0.001,"lastEvaluation":"` + began + `","type":"alerting"}]}]}}`,
			"/api/v1/labels":                `{"status":"success","data":["__name__","job"]}`,
			"/api/v1/label/__name__/values": `{"status":"success","data":["up"]}`,
			"/api/v1/label/job/values":      `{"status":"success","data":["a","b"]}`,
			"/api/v1/series":                `{"status":"success","data":[{"__name__":"up","job":"a"}]}`,
			"/api/v1/metadata":              `{"status":"success","data":{"up":[{"type":"gauge","help":"is it up","unit":""}]}}`,
			"/api/v1/status/buildinfo":      `{"status":"success","data":{"version":"3.0.0"}}`,
			"/api/v2/alerts":                `[{"fingerprint":"0011223344556677","labels":{"alertname":"ServiceErrorsHigh","severity":"warning","service":"chat"},"annotations":{"summary":"errors"},"startsAt":"` + began + `","updatedAt":"` + began + `","endsAt":"2100-01-01T00:00:00Z","generatorURL":"http://p/graph?g0.expr=up+%3D%3D+0","status":{"state":"active","silencedBy":[],"inhibitedBy":[]},"receivers":[{"name":"x"}]}]`,
			"/api/v2/silences":              `[]`,
			"/api/v2/status":                `{"cluster":{"status":"ready","name":"a","peers":[]},"config":{"original":""},"uptime":"` + began + `","versionInfo":{"branch":"","buildDate":"","buildUser":"","goVersion":"","revision":"","version":"0.28.0"}}`,
		}
		w.Header().Set("Content-Type", "application/json")
		body, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			body = `{"status":"error","errorType":"not_found","error":"not here"}`
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// direct makes the context the person's own backends, without a control plane.
func (b *bench) direct(t *testing.T, url string) *bench {
	t.Helper()
	out := b.alone()
	out.dir = t.TempDir()
	for _, k := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"} {
		out.env[k] = out.dir
	}
	out.env["AICTL_CONFIG"] = filepath.Join(out.dir, "config.yaml")
	require.NoError(t, os.WriteFile(out.env["AICTL_CONFIG"], []byte("current_context: own\ncontexts:\n- name: own\n  backends:\n    prometheus: {url: \""+url+"\"}\n    alertmanagers: [{url: \""+url+"\"}]\n"), 0o600))
	return out
}

// trapped gives a home whose every setting leads to a trap: a server that fails
// the test when anything connects to it.
func (b *bench) trapped(t *testing.T) *bench {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Errorf("a connection from %s: on a bundle nothing leaves the process", conn.RemoteAddr())
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	out := b.alone()
	url := "http://" + l.Addr().String()
	out.env["AICTL_SERVER"], out.env["AICTL_TOKEN"] = url, "aictl_trap"
	out.env["HTTP_PROXY"], out.env["HTTPS_PROXY"] = url, url
	return out
}

// notice and saved are the lines that replay and recording add to stderr.
var (
	notice = regexp.MustCompile(`(?m)^From the bundle .*\n`)
	saved  = regexp.MustCompile(`(?m)^Recorded \d+ answers? .*\n`)
)

// examples are the documented command lines of the read operations.
func examples(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, d := range api.All() {
		s := d.Describe()
		if s.Effect != op.Read || s.CommandPath() == nil {
			continue
		}
		for _, e := range s.Examples {
			line := e.Command
			if !strings.HasPrefix(line, "aictl ") {
				continue
			}
			endless := strings.Contains(line, " -f") || strings.Contains(line, "watch") || strings.Contains(line, "deploy wait") || strings.Contains(line, "--follow")
			if strings.ContainsAny(line, "|><@$") && !strings.Contains(line, "--jq") && !strings.Contains(line, "'") || strings.Contains(line, "--stdin") || strings.Contains(line, "--reveal") ||
				endless || strings.Contains(line, "--context") || strings.Contains(line, " > ") {
				continue
			}
			out = append(out, line)
		}
	}
	return out
}

// split reads a documented line as a shell does: words and single quotes.
func split(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	var word strings.Builder
	quote, any := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, any = r, true
		case quote == 0 && r == ' ':
			if any {
				out = append(out, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteRune(r)
			any = true
		}
	}
	require.Zero(t, quote, line)
	if any {
		out = append(out, word.String())
	}
	return out[1:]
}

// TestRecordedIsLive runs every documented read command while it is recorded,
// and again from the bundle: nothing that a person or a script sees differs.
func TestRecordedIsLive(t *testing.T) {
	url := backends(t)
	b := newBench(t, recordedLogs, url)
	_, errs, code := b.run("", "chat", "--session", "night", "hello")
	require.Zero(t, code, errs)
	_, errs, code = b.run("correct horse", "secrets", "set", "app/db-password", "--yes")
	require.Zero(t, code, errs)
	for _, mode := range []struct {
		name          string
		b             *bench
		ran, answered int
	}{{"server", b, 80, 40}, {"direct", b.direct(t, url), 30, 20}} {
		t.Run(mode.name, func(t *testing.T) { recordedIsLive(t, mode.b, mode.ran, mode.answered) })
	}
}

func recordedIsLive(t *testing.T, b *bench, wantRan, wantAnswered int) {
	t.Helper()
	ran, answered := 0, 0
	trap := b.trapped(t)
	for i, line := range append(examples(t), "aictl deploy watch chat", "aictl deploy status chat", "aictl deploy history chat", "aictl alerts list --state all") {
		for _, format := range []string{"", "json"} {
			args := split(t, line)
			if format != "" {
				if slices.Contains(args, "-o") {
					continue
				}
				args = append(args, "-o", format)
			}
			file := filepath.Join(b.dir, fmt.Sprintf("%d%s.aictl", i, format))
			liveOut, liveErr, liveCode := b.run("", append([]string{"record", "--out", file, "--"}, args...)...)
			require.Regexp(t, saved, liveErr, line)
			liveErr = saved.ReplaceAllString(liveErr, "")
			if _, err := os.Stat(file); err != nil || len(mustOpen(t, file).Manifest.Contexts) == 0 {
				continue // it failed before it asked anything
			}
			ran++
			if liveCode == 0 {
				answered++
			}
			out, errs, code := trap.run("", append([]string{"--from", file}, args...)...)
			require.Equal(t, liveOut, out, "$ %s", args)
			require.Equal(t, liveErr, notice.ReplaceAllString(errs, ""), "$ %s", args)
			require.Equal(t, liveCode, code, "$ %s", args)
			require.Regexp(t, notice, errs, args)
		}
	}
	t.Logf("%d command lines, %d of them succeeded", ran, answered)
	require.Greater(t, ran, wantRan)
	require.Greater(t, answered, wantAnswered)
}

func mustOpen(t *testing.T, file string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Open(file)
	require.NoError(t, err)
	return b
}

// TestSweepHoldsNoSecret plants a secret in many shapes and looks for it in
// everything that a sweep writes.
func TestSweepHoldsNoSecret(t *testing.T) {
	const canary = "hunter2Canary9xQzLmN"
	planted := strings.Join([]string{
		`{"level":"error","service":"mask","message":"login with password=` + canary + ` failed"}`,
		`{"level":"error","service":"mask","message":"authorization: Bearer ` + canary + `"}`,
		`{"level":"error","service":"mask","message":"dial postgres://app:` + canary + `@db:5432/app"}`,
		`{"level":"error","service":"mask","message":"sent {\"api_key\":\"` + canary + `\"}"}`,
		`{"level":"error","service":"mask","message":"GET /?x=1%26password%3D` + canary + `"}`,
		`{"level":"error","service":"mask","message":"fields","db_password":"` + canary + `","http":{"request":{"headers":{"authorization":"` + canary + `"}}}}`,
		`{"level":"error","service":"mask","message":"env","env":[{"name":"DB_PASSWORD","value":"` + canary + `"}]}`,
		`{"level":"error","service":"mask","message":"basic cGFzc3dvcmQ9aHVudGVyMkNhbmFyeTl4UXpMbU4="}`,
	}, "\n") + "\n"
	b := newBench(t, planted, "")
	b.env["AICTL_TOKEN"] += ""
	_, errs, code := b.run(canary, "secrets", "set", "app/db-password", "--yes", "--reason", "password="+canary)
	require.Zero(t, code, errs)
	file := filepath.Join(b.dir, "sweep.aictl")
	_, errs, code = b.run("", "record", "--out", file, "--since", "1h")
	require.Zero(t, code, errs)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	all := contents(t, file)
	require.Contains(t, string(all), "login with password=")
	for _, shape := range []string{canary, "cGFzc3dvcmQ9aHVudGVyM", b.env["AICTL_TOKEN"], strings.TrimPrefix(b.env["AICTL_TOKEN"], "aictl_")} {
		require.NotContains(t, string(all), shape)
	}
	// What is revealed is not kept, and is there for the one who asked.
	file = filepath.Join(b.dir, "reveal.aictl")
	out, errs, code := b.run("", "record", "--out", file, "--", "secrets", "get", "app/db-password", "--reveal")
	require.Zero(t, code, errs)
	require.Contains(t, out, canary)
	require.NotContains(t, string(contents(t, file)), canary)

	alone := b.trapped(t)
	for _, line := range []string{
		"services list", "deploy list", "alerts list", "alerts rules", "logs", "logs --since 1h", "logs --since 30m --level error",
		"logs patterns", "logs histogram", "secrets list", "audit log", "changes", "changes --since 1h", "predict models", "whoami", "services describe chat",
	} {
		_, errs, code := alone.run("", append([]string{"--from", filepath.Join(b.dir, "sweep.aictl")}, strings.Fields(line)...)...)
		require.NotEqual(t, fail.NotFound.Exit(), code, "%s: %s", line, errs)
		require.NotContains(t, errs, "holds no answer", line)
	}
	// An answer that is not there is an error that says what is.
	_, errs, code = alone.run("", "--from", filepath.Join(b.dir, "sweep.aictl"), "logs", "--since", "9d")
	require.Equal(t, fail.NotFound.Exit(), code)
	require.Contains(t, errs, "it holds: ")
	// No change.
	_, errs, code = alone.run("", "--from", filepath.Join(b.dir, "sweep.aictl"), "accounts", "create", "x", "--yes")
	require.Equal(t, fail.Refused.Exit(), code, errs)
	_, errs, code = alone.run("", "--from", filepath.Join(b.dir, "sweep.aictl"), "doctor")
	require.Equal(t, fail.Refused.Exit(), code, errs)
	// A window and a bundle at once.
	out, errs, code = alone.run("", "logs", "--from", filepath.Join(b.dir, "sweep.aictl"), "--from", "now-20m", "-o", "json")
	require.Zero(t, code, errs)
	require.Contains(t, out, "login with")
	// Completion answers from it.
	out, errs, _ = alone.run("", "__complete", "--from", filepath.Join(b.dir, "sweep.aictl"), "services", "describe", "")
	require.Contains(t, out, "chat", errs)
}

func contents(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	names, bodies, err := bundle.Files(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	return append(raw, append([]byte(strings.Join(names, "\n")), bytes.Join(bodies, []byte("\n"))...)...)
}

// TestFollowedLogsReplay: what a follower saw is seen again, and it ends.
func TestFollowedLogsReplay(t *testing.T) {
	b := newBench(t, recordedLogs, "")
	file := filepath.Join(b.dir, "follow.aictl")
	live, errs, code := b.run("", "record", "--out", file, "--", "logs", "-f", "--since", "10m", "-o", "jsonl", "--timeout", "3s")
	require.Contains(t, live, "timeout after 31 s", errs)
	require.NotZero(t, code)
	out, errs, code := b.trapped(t).run("", "--from", file, "logs", "-f", "--since", "10m", "-o", "jsonl", "--timeout", "1m")
	require.Zero(t, code, errs)
	entries := func(text string) (found []string) {
		for line := range strings.Lines(text) {
			if strings.Contains(line, `"type":"entry"`) {
				found = append(found, line)
			}
		}
		return found
	}
	require.NotEmpty(t, entries(live))
	require.Equal(t, entries(live), entries(out))
	require.Contains(t, out, `"type":"result"`)
}

// TestTwoContextsReplay: answers of several contexts stay apart, and come in
// the order that they were asked for.
func TestTwoContextsReplay(t *testing.T) {
	b, other := newBench(t, recordedLogs, ""), newBench(t, "", "")
	person := b.alone()
	for i, one := range []*bench{b, other} {
		name := []string{"prod", "away"}[i]
		_, errs, code := person.run("", "context", "set", name, "server="+one.env["AICTL_SERVER"], "namespace=shop")
		require.Zero(t, code, errs)
		_, errs, code = person.run(one.env["AICTL_TOKEN"]+"\n", "login", "--context", name)
		require.Zero(t, code, errs)
	}
	file := filepath.Join(b.dir, "two.aictl")
	for _, args := range [][]string{{"services", "list"}, {"logs", "--since", "1h", "-o", "json"}, {"deploy", "list"}, {"deploy", "status", "chat"}} {
		all := append([]string{"--context", "prod", "--context", "away"}, args...)
		live, liveErrs, liveCode := person.run("", append([]string{"record", "--out", file, "--"}, all...)...)
		require.Regexp(t, saved, liveErrs)
		out, errs, code := b.trapped(t).run("", append([]string{"--from", file}, args...)...)
		require.Equal(t, live, out, "%v %s", args, errs)
		require.Equal(t, saved.ReplaceAllString(liveErrs, ""), notice.ReplaceAllString(errs, ""), args)
		require.Equal(t, liveCode, code, args)
		require.Len(t, mustOpen(t, file).Manifest.Contexts, 2)
	}
	_, errs, code := b.trapped(t).run("", "--from", file, "--context", "stage", "services", "list")
	require.Equal(t, fail.NotFound.Exit(), code)
	require.Contains(t, errs, "it holds: prod, away")
}
