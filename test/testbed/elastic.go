package testbed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

// SearchNode is a running node of Elasticsearch or OpenSearch with a data
// directory of its own. It can be killed and started again on the same data
// and port.
type SearchNode struct {
	// URL is where it listens, on loopback.
	URL string
	// Kind is elasticsearch or opensearch.
	Kind    string
	dir     string // of the jars and classes
	home    string
	port    int
	process *Process
}

// StartElasticsearch starts an Elasticsearch 7.17 node and waits until it
// answers.
func StartElasticsearch(t testing.TB) *SearchNode {
	t.Helper()
	return startSearchNode(t, "elasticsearch")
}

// StartOpenSearch starts an OpenSearch 2.19 node and waits until it answers.
func StartOpenSearch(t testing.TB) *SearchNode {
	t.Helper()
	return startSearchNode(t, "opensearch")
}

func startSearchNode(t testing.TB, kind string) *SearchNode {
	t.Helper()
	n := &SearchNode{Kind: kind, dir: searchJars(t, kind), home: t.TempDir(), port: FreePort(t)}
	n.URL = fmt.Sprintf("http://127.0.0.1:%d", n.port)
	require.NoError(t, os.Mkdir(filepath.Join(n.home, "config"), 0o755))
	n.Start(t)
	return n
}

// Start starts the node again after Kill.
func (n *SearchNode) Start(t testing.TB) {
	t.Helper()
	// As root, because the Node inside has none of the bootstrap checks: see
	// SearchNode.java. 512 MiB of heap are enough for a million log lines.
	cmd := exec.Command(Find(t, "java"), "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", //nolint:noctx // it outlives the call; the test's cleanup stops it
		"-Dlog4j2.configurationFile="+filepath.Join(Root(t), "test", "testbed", "jvm", "log4j2.properties"),
		"-cp", filepath.Join(n.dir, "classes")+":"+filepath.Join(n.dir, "lib", "*"),
		"SearchNode", n.home, fmt.Sprintf("http.port=%d", n.port))
	n.process = Start(t, n.Kind, cmd)
	Eventually(t, 90*time.Second, n.Kind+" answers", func(ctx context.Context) error {
		if err := n.process.Exited(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := n.do(ctx, http.MethodGet, "/_cluster/health?wait_for_status=yellow&timeout=1s", "")
		return err
	})
}

// Kill ends the node with SIGKILL.
func (n *SearchNode) Kill() { n.process.Kill() }

// Do sends a request with a JSON body (or lines of it) and returns the answer;
// a status of 300 and above fails the test.
func (n *SearchNode) Do(t testing.TB, method, path, body string) string {
	t.Helper()
	out, err := n.do(t.Context(), method, path, body)
	require.NoError(t, err, "%s %s", method, path)
	return out
}

func (n *SearchNode) do(ctx context.Context, method, path, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, n.URL+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s", res.Status, tail(string(out), 2<<10))
	}
	return string(out), err
}

// searchJars fetches an engine's jars from Maven Central and compiles the
// program around them, once per content of the sources.
func searchJars(t testing.TB, kind string) string {
	t.Helper()
	source := filepath.Join(Root(t), "test", "testbed", "jvm", kind)
	var all bytes.Buffer
	for _, name := range []string{"pom.xml", "SearchNode.java"} {
		b, err := os.ReadFile(filepath.Join(source, name))
		require.NoError(t, err)
		all.Write(b)
	}
	sum := sha256.Sum256(all.Bytes())
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "aictl-e2e", kind+"-"+hex.EncodeToString(sum[:8]))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	guard := flock.New(dir + ".lock")
	require.NoError(t, guard.Lock())
	defer func() { _ = guard.Unlock() }()
	done := filepath.Join(dir, ".done")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	lib, classes := filepath.Join(dir, "lib"), filepath.Join(dir, "classes")
	Run(t, exec.CommandContext(t.Context(), Find(t, "mvn"), "--batch-mode", "--quiet", "--file", filepath.Join(source, "pom.xml"),
		"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", "-DoutputDirectory="+lib))
	Run(t, exec.CommandContext(t.Context(), Find(t, "javac"), "-nowarn", "-d", classes, "-cp", filepath.Join(lib, "*"),
		filepath.Join(source, "SearchNode.java")))
	require.NoError(t, os.WriteFile(done, nil, 0o644))
	return dir
}
