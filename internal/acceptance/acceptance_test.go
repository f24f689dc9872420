// Package acceptance tells whole stories of the command line, with stdout,
// stderr and exit code, against a real platform: each script gets one of its
// own, with a fresh store, in this process.
package acceptance

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/aictl/aictl/docs"
	"github.com/aictl/aictl/internal/ai/chat/chattest"
	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/logs/line"
	"github.com/aictl/aictl/internal/logs/logstest"
	"github.com/aictl/aictl/internal/platform"
	"github.com/aictl/aictl/internal/serverconfig"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/server"
)

const version = "v0.0.0-test"

func TestMain(m *testing.M) {
	aictl := func() {
		os.Exit(cli.Main(os.Args, term.System(os.Getenv), os.Getenv, factory.Version{
			Version: version, Commit: "none", Date: "unknown", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		}, nil))
	}
	testscript.Main(m, map[string]func(){"aictl": aictl, "kubectl-aictl": aictl})
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for _, kv := range []string{
				"HOME=" + env.WorkDir + "/home", "XDG_CONFIG_HOME=" + env.WorkDir + "/config", "XDG_DATA_HOME=" + env.WorkDir + "/data",
				"XDG_STATE_HOME=" + env.WorkDir + "/state", "XDG_CACHE_HOME=" + env.WorkDir + "/cache", "LC_ALL=C.UTF-8",
			} {
				k, v, _ := strings.Cut(kv, "=")
				env.Setenv(k, v)
			}
			repo, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			env.Setenv("REPO", repo)
			return os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"platform": startPlatform,
			"hostile":  startHostile,
			"exits":    exits,
			"noescape": noEscape,
		},
	})
}

// startPlatform starts a platform and puts its address and the administrator's
// token into $URL and $TOKEN. With the word "upstream" chat goes to a scripted
// stand-in for a model server; with "logs FILE" there is a log store that holds
// the file's lines.
func startPlatform(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs("platform")
	ts.Check(os.MkdirAll(dir, 0o700))
	c := serverconfig.Default()
	c.Listen, c.DataDir, c.Limits.RPS = "127.0.0.1:0", dir, 0
	if len(args) > 0 && args[0] == "upstream" {
		up := httptest.NewServer(&chattest.Upstream{})
		ts.Defer(up.Close)
		c.Chat.Upstreams = []serverconfig.Upstream{{
			Name: "standin", URL: up.URL + "/v1", Timeout: 10 * time.Second,
			Models: []string{"echo", "fault-500", "fault-cut", "fault-garbage"},
		}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	options := platform.Options{
		Config: &c, DataDir: dir, Version: platform.Version{Version: version}, Logger: logging.Discard(),
		Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider(),
		Getenv: func(string) string { return "" }, Now: time.Now, Docs: docs.FS,
	}
	if len(args) > 0 && args[0] == "logs" {
		options.Logs = logStore(ts.ReadFile(args[1]))
	}
	p, err := platform.Open(ctx, options)
	ts.Check(err)
	token, err := p.Bootstrap(ctx, true)
	ts.Check(err)
	o := server.FromConfig(&c)
	o.API, o.OpenAPI, o.Auth, o.Gateway, o.Version = p.API(), p.OpenAPI, p, p, version
	s, err := server.New(o)
	ts.Check(err)
	ts.Check(s.Start(ctx))
	ts.Defer(func() {
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Stop(stop)
		_ = p.Close()
	})
	ts.Setenv("URL", s.URL())
	ts.Setenv("TOKEN", token)
}

// logStore is a log store in memory with a line an entry, a second apart, the
// last one ten seconds old.
func logStore(lines string) *logstest.Store {
	store, parser := logstest.New(), line.NewParser(time.UTC, time.Now)
	all := strings.Split(strings.TrimSpace(lines), "\n")
	for i, text := range all {
		e := parser.Parse([]byte(text))
		e.ID, e.Time = fmt.Sprint(i), time.Now().Add(time.Duration(i-len(all)-9)*time.Second)
		store.Add(e)
	}
	return store
}

// startHostile starts a server that answers as $1 says: html, hang, close,
// 401, garbage, escape, redirect. Its address is $HOSTILE.
func startHostile(ts *testscript.TestScript, _ bool, args []string) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch args[0] {
		case "html":
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = fmt.Fprint(w, "<html>bad gateway</html>")
		case "hang":
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		case "close":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		case "garbage":
			_, _ = fmt.Fprint(w, "{{{{")
		case "redirect":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case "old":
			http.NotFound(w, r)
		case "escape":
			_, _ = fmt.Fprint(w, `[{"name":"\u001b]0;owned\u0007chat","version":"\u009b31m","state":"ready\u202e","kind":"builtin","replicas":1,"ready":1,"operations":["a\u001b[2J"],"summary":"x\r\u001b[1Ay"}]`)
		case "escape-error":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"code":"notfound","message":"no \u001b[31mservice\u0007","cause":["\u009b2J"],"next":"\u001b]52;c;x\u0007","exit":7,"status":404}`)
		}
	}))
	ts.Defer(func() { close(stop); srv.Close() })
	ts.Setenv("HOSTILE", srv.URL)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("NOBODY", "http://"+l.Addr().String())
	_ = l.Close()
}

// exits runs a command and wants this exit code: `exits 7 aictl …`.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want := args[0]
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		if _, after, ok := strings.Cut(err.Error(), "exit status "); ok {
			got = after
		} else {
			ts.Fatalf("%v", err)
		}
	}
	if got != want {
		ts.Fatalf("exit code %s, want %s", got, want)
	}
}

// noEscape wants that neither stream of the last command holds a control
// character but line feed and tabulator.
func noEscape(ts *testscript.TestScript, _ bool, _ []string) {
	for _, stream := range []string{"stdout", "stderr"} {
		for i, r := range ts.ReadFile(stream) {
			if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e {
				ts.Fatalf("%s holds %U at byte %d", stream, r, i)
			}
		}
	}
}

// TestNoStoryIsLost keeps the directory from being emptied by mistake.
func TestNoStoryIsLost(t *testing.T) {
	stories, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(stories), 10)
}
