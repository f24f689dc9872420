package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Alertmanager is a real one from Debian's package.
type Alertmanager struct {
	URL     string
	process *Process
}

// Kill ends it as kill -9 does.
func (a *Alertmanager) Kill() { a.process.Kill() }

// AlertmanagerPair starts two Alertmanagers that gossip: what one is told, the
// other knows soon. They notify nobody.
func AlertmanagerPair(t testing.TB) [2]*Alertmanager {
	t.Helper()
	binary := Find(t, "prometheus-alertmanager", "alertmanager")
	var pair [2]*Alertmanager
	gossip := [2]string{fmt.Sprintf("127.0.0.1:%d", FreePort(t)), fmt.Sprintf("127.0.0.1:%d", FreePort(t))}
	for i := range pair {
		dir := t.TempDir()
		config := filepath.Join(dir, "alertmanager.yml")
		require.NoError(t, os.WriteFile(config, []byte("route: {receiver: none}\nreceivers: [{name: none}]\n"), 0o600))
		listen := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
		cmd := exec.Command(binary, "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"), //nolint:noctx // the test's cleanup stops it
			"--web.listen-address="+listen, "--cluster.listen-address="+gossip[i], "--cluster.peer="+gossip[1-i],
			"--cluster.gossip-interval=50ms", "--cluster.pushpull-interval=1s", "--cluster.settle-timeout=1s")
		pair[i] = &Alertmanager{URL: "http://" + listen, process: Start(t, fmt.Sprintf("alertmanager-%d", i), cmd)}
	}
	for _, one := range pair {
		answers(t, one.process, one.URL+"/-/ready")
	}
	return pair
}
