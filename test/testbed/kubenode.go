package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

// Node is a real node of the cluster: a kubelet and a containerd of this
// machine, with pods on a bridge that has one private address. It lives as
// long as the test program, and is tainted: a pod that shall run there says so
// with Select.
type Node struct {
	// Name is the node's.
	Name string
	// Address is this machine's, as the node's pods see it.
	Address string

	c      *Cluster
	dir    string
	socket string
	guard  *flock.Flock
	keep   map[string]string // system settings as they were, by file
	absent []string          // directories that were not there
}

const (
	nodeName    = "real"
	nodeToken   = "node-token-of-a-test-cluster"
	nodeBridge  = "aictl-e2e0"
	nodeAddress = "10.255.213.1"
	nodeSubnet  = "10.255.213.0/24"
	pauseImage  = "aictl.invalid/pause:1"
)

// RealNode gives the cluster's real node, and starts it the first time: a few
// seconds. It needs root, and Debian's containerd, runc and
// containernetworking-plugins; without them the test fails. What it leaves on
// the machine (mounts, cgroups, a bridge, settings of the kernel, processes) is
// removed by Shutdown, or by the next start where this program was killed. One
// at a time runs on a machine; a second program waits.
func (c *Cluster) RealNode(t testing.TB) *Node {
	t.Helper()
	require.Zero(t, os.Getuid(), "a real node needs root")
	for _, name := range []string{"containerd", "ctr", "runc", "ip"} {
		Find(t, name)
	}
	c.joining.Lock()
	defer c.joining.Unlock()
	if c.node != nil {
		return c.node
	}
	start := time.Now()
	n := &Node{Name: nodeName, Address: nodeAddress, c: c, dir: filepath.Join(os.TempDir(), "aictl-node"), keep: map[string]string{}}
	n.socket = filepath.Join(n.dir, "containerd.sock")
	n.guard = flock.New(n.dir + ".lock")
	require.NoError(t, n.guard.Lock())
	c.node = n // from here on there is something to remove
	require.NoError(t, n.clean(), "removing what a killed program has left")
	n.remember()
	require.NoError(t, n.start())
	n.Image(t, pauseImage, Program{Path: BuildStatic(t, "./test/testbed/kube/pause")})
	require.NoError(t, c.start("kubelet", filepath.Join(c.bin, "kubelet"), "--config", filepath.Join(n.dir, "kubelet.yaml"),
		"--kubeconfig", filepath.Join(n.dir, "kubeconfig"), "--root-dir", filepath.Join(n.dir, "kubelet"), "--cert-dir", filepath.Join(n.dir, "pki"),
		"--hostname-override", nodeName, "--node-ip", nodeAddress, "--node-labels", "aictl.test/real=yes"))
	Eventually(t, 60*time.Second, "the real node is ready", func(ctx context.Context) error {
		if err := c.died(); err != nil {
			return err
		}
		return n.ready(ctx)
	})
	t.Logf("a real node is ready after %s", time.Since(start).Round(time.Millisecond))
	return n
}

// BuildStatic builds a command of this repository without cgo and gives its
// path.
func BuildStatic(t testing.TB, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(pkg))
	build := exec.CommandContext(t.Context(), Find(t, "go"), "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, pkg)
	build.Dir, build.Env = Root(t), append(os.Environ(), "CGO_ENABLED=0")
	Run(t, build)
	return out
}

// Namespace makes a namespace as the cluster's does, all pods of which run on
// this node, whatever made them.
func (n *Node) Namespace(t testing.TB) string {
	t.Helper()
	name := n.c.Namespace(t)
	n.c.Kubectl(t, "annotate", "namespace", name, "scheduler.alpha.kubernetes.io/node-selector=aictl.test/real=yes",
		`scheduler.alpha.kubernetes.io/defaultTolerations=[{"key":"aictl.test/real","operator":"Exists"}]`)
	return name
}

func (n *Node) ready(ctx context.Context) error {
	body, err := n.c.Do(ctx, http.MethodGet, "/api/v1/nodes/"+nodeName, "", nil)
	if err != nil {
		return err
	}
	var o struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string } `json:"conditions"`
		} `json:"status"`
	}
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	for _, one := range o.Status.Conditions {
		if one.Type == "Ready" {
			if one.Status == "True" {
				return nil
			}
			return fmt.Errorf("the node is not ready: %s", one.Message)
		}
	}
	return fmt.Errorf("the node has not said whether it is ready")
}

// start makes the bridge and the configuration, and starts containerd.
func (n *Node) start() error {
	for _, args := range [][]string{
		{"link", "add", nodeBridge, "type", "bridge"},
		{"addr", "add", nodeAddress + "/24", "dev", nodeBridge},
		{"link", "set", nodeBridge, "up"},
	} {
		if _, err := n.run("ip", args...); err != nil {
			return err
		}
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	kubeconfig := strings.ReplaceAll(n.c.kubeconfig(filepath.Join(n.c.Dir, "ca.crt")), adminToken, nodeToken)
	in := strings.NewReplacer("DIR", n.dir, "BRIDGE", nodeBridge, "SUBNET", nodeSubnet, "ADDRESS", nodeAddress, "PORT", strconv.Itoa(ports[0]),
		"PAUSE", pauseImage, "CLIENT", filepath.Join(n.c.Dir, "kubelet-client.crt"))
	for name, content := range map[string]string{
		"kubeconfig": kubeconfig, "containerd.toml": in.Replace(containerdConfig), "kubelet.yaml": in.Replace(kubeletConfig),
		"cni/10-bridge.conflist": in.Replace(bridgeConfig),
	} {
		path := filepath.Join(n.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	containerd, err := exec.LookPath("containerd")
	if err != nil {
		return err
	}
	if err := n.c.start("containerd", containerd, "--config", filepath.Join(n.dir, "containerd.toml"), "--log-level", "warn"); err != nil {
		return err
	}
	end := time.Now().Add(30 * time.Second)
	for ; time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = n.c.died(); err != nil {
			return err
		}
		if _, err = n.ctr("version"); err == nil {
			return nil
		}
	}
	return err
}

func (n *Node) ctr(args ...string) (string, error) {
	return n.run("ctr", append([]string{"--address", n.socket, "--namespace", "k8s.io"}, args...)...)
}

func (n *Node) run(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, tail(string(out), 2<<10))
	}
	return string(out), nil
}

const containerdConfig = `version = 2
root = "DIR/containerd"
state = "DIR/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "DIR/containerd.sock"
[ttrpc]
address = "DIR/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "DIR/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "PAUSE"
netns_mounts_under_state_dir = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "DIR/cni"
`

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: ADDRESS
port: PORT
readOnlyPort: 0
healthzPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: CLIENT}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://DIR/containerd.sock
podLogsDir: DIR/logs
volumePluginDir: DIR/plugins
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 50Mi, nodefs.available: "1%", imagefs.available: "1%"}
registerWithTaints: [{key: aictl.test/real, effect: NoSchedule}]
maxPods: 60
`

const bridgeConfig = `{
  "cniVersion": "0.4.0",
  "name": "aictl",
  "plugins": [{
    "type": "bridge", "bridge": "BRIDGE", "isGateway": true,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "SUBNET"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "DIR/ipam"}
  }]
}
`
