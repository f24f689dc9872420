//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/test/testbed"
)

// TestKubectlPluginReadsLogs: with nothing but a kubeconfig, the logs of an
// Elasticsearch that is a Service of the cluster are searched and followed,
// all through the API server's proxy.
func TestKubectlPluginReadsLogs(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	node := testbed.StartElasticsearch(t)
	node.Do(t, http.MethodPut, "/_index_template/app", `{"index_patterns":["logs-*"],"data_stream":{},"priority":500,"template":{"mappings":`+ecsMapping+`}}`)
	c.Front(t, ns, "elasticsearch-master", 9200, node.URL)
	// The cluster is shared, and a Service is found from every namespace.
	defer c.Kubectl(t, "delete", "service", "-n", ns, "elasticsearch-master")
	me := asPlugin(t, c, "admin")
	write := func(from, to int) {
		var b bytes.Buffer
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `{"create":{}}`+"\n"+`{"@timestamp":%q,"message":"call %d","log.level":%q,"service.name":"shop"}`+"\n",
				time.Now().UTC().Format(time.RFC3339Nano), i, []string{"info", "error"}[i%2])
		}
		node.Do(t, http.MethodPost, "/logs-app/_bulk?refresh=true", b.String())
	}
	write(0, 10)

	list := decoded[[]api.LogEntry](t, me.must(t, "aictl", "logs", "-n", ns, "--service", "shop", "--level", "error", "-o", "json"))
	require.Len(t, list, 5)
	require.Equal(t, "call 9", list[len(list)-1].Message)

	// The follower shows what is there and what comes, each line once.
	cmd := exec.CommandContext(t.Context(), me.bin, "aictl", "logs", "-f", "-n", ns, "--service", "shop", "--since", "10m", "-o", "jsonl")
	cmd.Env = me.env
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	got := make(chan string)
	go func() {
		defer close(got)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e api.LogEvent
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.Type == "entry" {
				got <- e.Entry.Message
			}
		}
	}()
	next := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			select {
			case message, ok := <-got:
				require.True(t, ok, said.String())
				require.Equal(t, fmt.Sprintf("call %d", i), message)
			case <-time.After(30 * time.Second):
				t.Fatalf("call %d is not shown: %s", i, said.String())
			}
		}
	}
	next(0, 10)
	write(10, 20)
	next(10, 20)
}
