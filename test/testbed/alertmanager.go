package testbed

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Alertmanager is one member of a cluster.
type Alertmanager struct {
	URL     string
	process *Process
}

// Kill ends the member with SIGKILL.
func (a *Alertmanager) Kill() { a.process.Kill() }

// AlertmanagerPair starts two Alertmanagers that tell each other about
// silences, on a path prefix each, and returns when both answer.
func AlertmanagerPair(t testing.TB) [2]*Alertmanager {
	t.Helper()
	binary := Find(t, "prometheus-alertmanager", "alertmanager")
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, []byte("route: {receiver: nobody, group_wait: 1s}\nreceivers: [{name: nobody}]\n"), 0o600))
	gossip := [2]string{gossipAddress(t), gossipAddress(t)}
	var pair [2]*Alertmanager
	for i := range pair {
		address := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
		name := fmt.Sprintf("alertmanager-%d", i+1)
		url := "http://" + address + "/am"
		pair[i] = &Alertmanager{URL: url, process: Start(t, name, exec.Command(binary, //nolint:noctx // the test's cleanup stops it
			"--config.file="+file, "--storage.path="+t.TempDir(), "--web.listen-address="+address, "--web.external-url="+url,
			"--cluster.listen-address="+gossip[i], "--cluster.peer="+gossip[1-i], "--cluster.gossip-interval=50ms",
			"--cluster.pushpull-interval=1s", "--cluster.settle-timeout=2s", "--log.level=warn"))}
	}
	for _, a := range pair {
		answers(t, a.process, a.URL+"/-/ready")
	}
	return pair
}

// gossipAddress is free for TCP and for UDP: members use both.
func gossipAddress(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	for range 50 {
		address := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
		if c, err := lc.ListenPacket(t.Context(), "udp", address); err == nil {
			require.NoError(t, c.Close())
			return address
		}
	}
	require.FailNow(t, "no port is free for TCP and UDP")
	return ""
}
