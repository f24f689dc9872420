//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/rundir"
	"github.com/aictl/aictl/test/testbed"
)

// server is a running aictl-server.
type server struct {
	url, token string
	file       string // its configuration
	client     *client.Client
	process    *testbed.Process
}

// config is what the suites vary. The zero value is a server of the default
// configuration with a data directory of its own and without rate limits.
type config struct {
	dataDir    string
	token      string // of an earlier start on the same store; empty makes one
	postgres   string
	redis      string
	providers  []provider
	firstToken time.Duration // how long a provider may be silent
	noBreaker  bool
	drain      time.Duration
	concurrent int // calls at once; 0 is the default
}

type provider struct{ name, url string }

// startServer starts the real binary and returns when it says that it is
// ready. It is stopped when the test ends.
func startServer(t testing.TB, cfg config) *server {
	t.Helper()
	bin := testbed.Binaries(t)
	if cfg.dataDir == "" {
		cfg.dataDir = t.TempDir()
	}
	require.NoError(t, os.Chmod(cfg.dataDir, 0o700)) //nolint:gosec // a directory
	file := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(file, cfg.yaml(), 0o600))

	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	args := []string{"--data-dir", cfg.dataDir, "--config", file, "--listen", "127.0.0.1:0", "--ready-fd", "3"}
	if cfg.token == "" {
		args = append(args, "--issue-token")
	}
	_, env := testbed.Home(t, bin)
	cmd := exec.Command(filepath.Join(bin, "aictl-server"), args...)
	cmd.ExtraFiles = []*os.File{w}
	cmd.Env = env
	process := testbed.Start(t, "aictl-server", cmd)
	require.NoError(t, w.Close())

	require.NoError(t, r.SetReadDeadline(time.Now().Add(60*time.Second)))
	line, err := bufio.NewReader(r).ReadBytes('\n')
	require.NoError(t, err, "the server did not become ready: %s", process.Output())
	var ready rundir.Ready
	require.NoError(t, json.Unmarshal(line, &ready), "%s", line)
	require.Nil(t, ready.Error, "%s", line)
	token := cfg.token
	if token == "" {
		token = ready.Token
	}
	require.NotEmpty(t, token, "%s", line)
	return &server{url: ready.URL, token: token, file: file, client: newClient(t, ready.URL, token), process: process}
}

// yaml is the configuration file. JSON is YAML.
func (c config) yaml() []byte {
	var upstreams []any
	for _, p := range c.providers {
		// Weight 0 is strict order.
		upstreams = append(upstreams, map[string]any{"name": p.name, "url": p.url + "/v1", "models": []string{"echo-model"}, "weight": 0})
	}
	chat := map[string]any{"breaker": !c.noBreaker}
	if upstreams != nil {
		chat["upstreams"] = upstreams
	}
	if c.firstToken > 0 {
		chat["first_token"] = c.firstToken.String()
	}
	limits := map[string]any{"rps": 0}
	if c.concurrent > 0 {
		limits["concurrency"] = c.concurrent
	}
	doc := map[string]any{"chat": chat, "limits": limits}
	if c.postgres != "" {
		doc["database"] = map[string]any{"url": c.postgres}
	}
	if c.redis != "" {
		doc["redis"] = map[string]any{"url": c.redis}
	}
	if c.drain > 0 {
		doc["drain"] = c.drain.String()
	}
	return encode(doc)
}
