// Package observe tells stories of logs, metrics and alerts: the built
// binaries against the embedded engines, as a person with nothing installed
// has them.
package observe

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestMain lets testscript do without commands of its own: the stories run the
// built ones.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){}) }

func TestStories(t *testing.T) {
	p := testbed.Up(t)
	start := time.Now()
	bin := filepath.Join(p.Workspace, "bin")
	ready := func() bool {
		return strings.Contains(fetch(t, p, http.MethodGet, "/prometheus/api/v1/query?query=up", ""), `"1"`)
	}
	require.Eventually(t, ready, 20*time.Second, 20*time.Millisecond)
	t.Logf("from aictl up to the first scrape in %s", time.Since(start).Round(time.Millisecond))

	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for _, kv := range p.Env {
				if k, v, _ := strings.Cut(kv, "="); k == "HOME" || strings.HasPrefix(k, "XDG_") {
					env.Setenv(k, v)
				}
			}
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("URL", p.URL)
			env.Setenv("ESC", "\x1b")
			env.Setenv("REPO", testbed.Root(t))
			env.Setenv("LC_ALL", "C.UTF-8")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"noescape": noEscape,
			// post PATH FILE sends a file with the administrator's token.
			"post": func(ts *testscript.TestScript, _ bool, args []string) {
				body := ts.ReadFile(args[1])
				body = strings.ReplaceAll(body, "NOW", time.Now().UTC().Format(time.RFC3339Nano))
				ts.Logf("%s", fetch(t, p, http.MethodPost, args[0], body))
			},
			// until PATTERN COMMAND… runs a command until its output holds the
			// pattern, for ten seconds at most.
			"until": until,
		},
	})
}

func fetch(t *testing.T, p *testbed.Platform, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+p.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Less(t, res.StatusCode, 300, "%s %s: %s", method, path, answer)
	return string(answer)
}

// exits CODE COMMAND… holds a command's exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var code interface{ ExitCode() int }
		if !asExit(err, &code) {
			ts.Fatalf("%v", err)
		}
		got = code.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

func asExit(err error, into *interface{ ExitCode() int }) bool {
	e, ok := err.(interface{ ExitCode() int })
	*into = e
	return ok
}

// noEscape holds that not one ESC byte is in either stream of the last command.
func noEscape(ts *testscript.TestScript, _ bool, _ []string) {
	for _, stream := range []string{"stdout", "stderr"} {
		if strings.ContainsRune(ts.ReadFile(stream), '\x1b') {
			ts.Fatalf("an ESC byte in %s", stream)
		}
	}
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q does not come: %v", args[0], err)
		}
	}
}

// TestNativeAPIs are asked as other programs ask them.
func TestNativeAPIs(t *testing.T) {
	p := testbed.Up(t)
	var build struct {
		Data struct{ Version string }
	}
	require.NoError(t, json.Unmarshal([]byte(fetch(t, p, http.MethodGet, "/prometheus/api/v1/status/buildinfo", "")), &build))
	require.NotEmpty(t, build.Data.Version, "Grafana asks for it")
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/prometheus/api/v1/query?query=1", "", 200},
		{"POST", "/prometheus/api/v1/query?query=1", "", 200},
		{"GET", "/prometheus/api/v1/rules", "", 200},
		{"GET", "/alertmanager/api/v2/status", "", 200},
		{"POST", "/alertmanager/api/v2/silences", "", 401},
		{"DELETE", "/alertmanager/api/v2/silence/x", "", 401},
		{"POST", "/prometheus/-/reload", "", 401},
		{"POST", "/elasticsearch/_bulk", "", 401},
		{"POST", "/otlp/v1/logs", "wrong", 401},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, p.URL+c.path, bytes.NewReader(nil))
		require.NoError(t, err)
		if c.token != "" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, c.status, res.StatusCode, "%+v", c)
	}
}
