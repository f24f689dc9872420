//go:build e2e

package e2e

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// connected finds the address of each connect(2) in what strace wrote.
var connected = regexp.MustCompile(`connect\(\d+, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")`)

// TestOnlyTheConfiguredBackendsAreReached: the kernel's own record of what the
// processes of a command connect to: the API server of the kubeconfig, and
// nobody else, also for the question that asks everybody.
func TestOnlyTheConfiguredBackendsAreReached(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, pause)
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
	pair := testbed.AlertmanagerPair(t)
	c.Front(t, ns, "prometheus-operated", 9090, testbed.Prometheus(t, ""))
	c.Front(t, ns, "alertmanager-operated", 9093, pair[0].URL)
	me := asPlugin(t, c, "admin")
	strace := testbed.Find(t, "strace")
	server, err := url.Parse(strings.TrimSpace(c.Kubectl(t, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")))
	require.NoError(t, err)

	for _, args := range [][]string{
		{"why", "web"}, {"timeline"}, {"handoff"}, {"changes"}, {"alerts", "list"}, {"metrics", "query", "up"}, {"deploy", "status", "web"}, {"version"},
	} {
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.CommandContext(t.Context(), strace, append([]string{"-f", "-qq", "-e", "trace=connect", "-o", trace, me.bin, "aictl"}, append(args, "-n", ns)...)...)
		cmd.Env = me.env
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		_ = cmd.Run() // what it says of so young a service is not asked here
		text, err := os.ReadFile(trace)
		require.NoError(t, err, said.String())
		reached := map[string]int{}
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "connect(") || strings.Contains(line, "resumed>") {
				continue
			}
			m := connected.FindStringSubmatch(line)
			require.NotNil(t, m, "%s\n%s", strings.Join(args, " "), line)
			reached[net.JoinHostPort(m[2]+m[3], m[1])]++
		}
		if args[0] == "version" {
			require.Empty(t, reached, said.String())
			continue
		}
		require.Contains(t, reached, server.Host, "%s\n%s", strings.Join(args, " "), said.String())
		require.Len(t, reached, 1, "%s reached %v\n%s", strings.Join(args, " "), reached, said.String())
	}
}
