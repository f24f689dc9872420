//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/test/testbed"
)

// killed is a control plane that is killed and started again, and the secret
// that it rotates.
type killed struct {
	*person
	cluster *testbed.Cluster
	gate    *awsGate
	up      []string
	dataDir string
	rounds  int

	namespace      string
	source, copied string // in AWS
	value          string // before the rotation
	pods           *podValues

	mu       sync.Mutex // guards the rest: the gate calls from its own goroutines
	t        *testing.T // of the round
	old      string     // the version before the rotation
	revoking []string   // versions, in the order in which they went
}

func (k *killed) refs() (source, pods, copied string) {
	return "aws:" + k.source, "kubernetes:" + k.namespace + "/db/password", "aws:" + k.copied
}

// prepare makes a secret with two copies, and pods that read one of them.
func (k *killed) prepare(t *testing.T) {
	t.Helper()
	k.rounds++
	k.namespace = k.cluster.Namespace(t)
	k.cluster.Apply(t, k.namespace, inCluster)
	k.source, k.copied, k.value = fmt.Sprintf("prod/db-%d", k.rounds), fmt.Sprintf("copy/db-%d", k.rounds), fmt.Sprintf("before-%d", k.rounds)
	source, pods, copied := k.refs()
	set := exec.CommandContext(t.Context(), k.bin, "secrets", "set", source, "--yes")
	set.Env, set.Stdin = k.env, strings.NewReader(k.value)
	out, err := set.CombinedOutput()
	require.NoError(t, err, "%s", out)
	k.must(t, "secrets", "sync", "--from", source, "--to", pods, "--yes")
	k.must(t, "secrets", "sync", "--from", source, "--to", copied, "--yes")
	k.pods = watchPods(t, k.cluster, k.namespace)
	k.cluster.Apply(t, k.namespace, slowConsumer)
	k.cluster.Kubectl(t, "rollout", "status", "-n", k.namespace, "deployment/web", "--timeout=60s")
	old := decoded[api.SecretValue](t, k.must(t, "secrets", "get", source, "-o", "json")).Version
	k.mu.Lock()
	defer k.mu.Unlock()
	k.t, k.old, k.revoking = t, old, nil
}

// rotate begins, and gives how it ended for whoever asked.
func (k *killed) rotate(t *testing.T) <-chan error {
	t.Helper()
	source, pods, copied := k.refs()
	cmd := exec.CommandContext(t.Context(), k.bin, "secrets", "rotate", source, "--to", pods, "--to", copied, "--generate", "32", "--yes", "--timeout", "3m")
	cmd.Env = k.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	answer := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out.String())
		}
		answer <- err
	}()
	return answer
}

// beforeRevoking is called at the moment when a version is about to go: no pod
// that lives may have begun with it.
func (k *killed) beforeRevoking(c awsCall) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.ID != k.source {
		k.t.Errorf("a version of %s is revoked", c.ID)
		return
	}
	alive, err := k.pods.alive(k.t)
	if err != nil || len(alive) == 0 {
		k.t.Errorf("the pods when %s is revoked: %v, %v", c.From, alive, err)
		return
	}
	for name, value := range alive {
		if (value == k.value) == (c.From == k.old) {
			k.t.Errorf("%s lives on version %s when it is revoked", name, c.From)
		}
	}
	k.revoking = append(k.revoking, c.From)
}

// kill ends the control plane as an out-of-memory killer does.
func (k *killed) kill(t *testing.T) {
	t.Helper()
	status := decoded[struct{ Server struct{ PID int } }](t, k.must(t, "status", "-o", "json"))
	require.Positive(t, status.Server.PID)
	require.NoError(t, syscall.Kill(status.Server.PID, syscall.SIGKILL))
	testbed.Eventually(t, 10*time.Second, "it is gone", func(context.Context) error {
		if err := syscall.Kill(status.Server.PID, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d lives", status.Server.PID)
		}
		return nil
	})
}

// open is the rotation that is to be brought to its end; nil where there is
// none.
func (k *killed) open(t *testing.T) *api.SecretRotation {
	t.Helper()
	all := decoded[[]api.SecretRotation](t, k.must(t, "secrets", "rotations", "--open", "-o", "json"))
	if len(all) == 0 {
		return nil
	}
	require.Len(t, all, 1)
	return &all[0]
}

// isSaid: whoever looks after the control plane learns of a rotation that was
// cut off.
func (k *killed) isSaid(t *testing.T, id string) {
	t.Helper()
	source, _, _ := k.refs()
	_, errs, _ := k.run(t, "secrets", "list", source)
	require.Contains(t, errs, "Cut off: "+id)
	handoff, _, _ := k.run(t, "handoff", "-o", "json")
	require.Contains(t, handoff, id)
	logs, err := filepath.Glob(filepath.Join(k.dataDir, "*.log"))
	require.NoError(t, err)
	var all []byte
	for _, path := range logs {
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		all = append(all, body...)
	}
	said := false
	for line := range strings.Lines(string(all)) {
		said = said || strings.Contains(line, "a rotation of a secret is open") && strings.Contains(line, "--resume "+id)
	}
	require.True(t, said, "in %v", logs)
}

// oldIsRevoked asks AWS.
func (k *killed) oldIsRevoked(t *testing.T) bool {
	t.Helper()
	source, _, _ := k.refs()
	for _, v := range decoded[api.SecretHistory](t, k.must(t, "secrets", "history", source, "-o", "json")).Versions {
		if v.Version == k.old {
			return v.Revoked
		}
	}
	require.FailNow(t, "the old version is not there")
	return false
}

// ended looks at everything when all is over.
func (k *killed) ended(t *testing.T, id string, want secrets.Step) {
	t.Helper()
	require.Nil(t, k.open(t))
	for _, x := range decoded[[]api.SecretRotation](t, k.must(t, "secrets", "rotations", "-o", "json")) {
		if x.ID == id {
			require.Equal(t, string(want), x.Step, "%+v", x)
		}
	}
	source, pods, copied := k.refs()
	now := strings.TrimSpace(k.must(t, "secrets", "get", source, "--reveal"))
	require.Equal(t, want == secrets.StepRestored, now == k.value)
	require.Equal(t, want == secrets.StepDone, k.oldIsRevoked(t))
	body, err := base64.StdEncoding.DecodeString(k.cluster.Kubectl(t, "get", "secret", "db", "-n", k.namespace, "-o", "jsonpath={.data.password}"))
	require.NoError(t, err)
	require.Equal(t, now, string(body))
	k.must(t, "secrets", "diff", source, pods)
	k.must(t, "secrets", "diff", source, copied)
	alive, err := k.pods.alive(t)
	require.NoError(t, err)
	require.NotEmpty(t, alive)
	for name, value := range alive {
		require.Equal(t, now, value, name)
	}
	k.must(t, "audit", "verify")
}
