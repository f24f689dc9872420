package testbed

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Cluster is a real Kubernetes control plane (etcd, API server with RBAC,
// controller manager, scheduler) with nodes and kubelets that kwok plays. It
// lives as long as the test program: the tests share it, each in a namespace of
// its own. There is no kube-proxy and no DNS.
type Cluster struct {
	URL string
	// Kubeconfig has a context for each identity: admin (everything), oncall
	// (see the rules in oncallRules) and nobody (no rule at all).
	Kubeconfig string
	// Dir holds the configuration and the logs of the parts.
	Dir string

	bin        string
	parts      []*kubePart
	namespaces atomic.Int64
	played     atomic.Int64
	telling    sync.Mutex // kwok where logs are
	joining    sync.Mutex // the real node
	node       *Node
	failed     atomic.Bool
	lazily
}

// The tokens of the identities are those of a cluster that dies with the test.
const (
	adminToken  = "admin-token-of-a-test-cluster"
	oncallToken = "oncall-token-of-a-test-cluster"
	nobodyToken = "nobody-token-of-a-test-cluster"
)

//go:embed kube/stages.yaml
var stages string

// KubeNodes is how many nodes kwok plays from the start.
const KubeNodes = 4

var kube struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// Kubernetes gives the cluster of this test program, and starts it the first
// time: a few seconds, after KubeBinaries.
func Kubernetes(t testing.TB) *Cluster {
	t.Helper()
	bin := KubeBinaries(t)
	kube.Lock()
	defer kube.Unlock()
	if kube.cluster == nil && kube.err == nil {
		start := time.Now()
		kube.cluster, kube.err = startKubernetes(bin)
		if kube.err != nil {
			kube.cluster = nil
		} else {
			t.Logf("Kubernetes %s is up after %s", KubeVersion, time.Since(start).Round(time.Millisecond))
		}
	}
	require.NoError(t, kube.err)
	c := kube.cluster
	t.Cleanup(func() {
		if t.Failed() {
			c.failed.Store(true)
			t.Logf("the logs of the cluster are in %s", c.Dir)
			if err := c.died(); err != nil {
				t.Log(err)
			}
		}
	})
	return c
}

// startKubernetes starts a cluster. Between the choice of a port and its use
// another program may take it: it tries three times.
func startKubernetes(bin string) (*Cluster, error) {
	var failures []error
	for range 3 {
		dir, err := kubeDir()
		if err != nil {
			return nil, err
		}
		c := &Cluster{Dir: dir, bin: bin, Kubeconfig: filepath.Join(dir, "kubeconfig")}
		if err = c.begin(); err == nil {
			return c, nil
		}
		c.failed.Store(true) // what it said stays
		c.stop()
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

func (c *Cluster) begin() error {
	dir := c.Dir
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	api, client, peer, kwok := ports[0], ports[1], ports[2], ports[3]
	c.URL = fmt.Sprintf("https://127.0.0.1:%d", api)
	logs, err := c.defaultLog()
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"tokens.csv": adminToken + `,admin,1,"system:masters"` + "\n" + oncallToken + `,oncall,2,"oncall"` + "\n" + nobodyToken + ",nobody,3\n" +
			nodeToken + ",system:node:" + nodeName + `,4,"system:nodes"` + "\n",
		"kubeconfig": c.kubeconfig(""),
		"kwok.yaml":  stages + logs,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	etcd := fmt.Sprintf("http://127.0.0.1:%d", client)
	if err := c.part("etcd", "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
		"--listen-peer-urls", fmt.Sprintf("http://127.0.0.1:%d", peer), "--log-level", "warn", "--quota-backend-bytes", "4294967296"); err != nil {
		return err
	}
	certs := filepath.Join(dir, "certs")
	key := filepath.Join(dir, "sa.key")
	if err := writeRSAKey(key); err != nil {
		return err
	}
	kubeletClient := filepath.Join(dir, "kubelet-client")
	if err := writeClient(kubeletClient); err != nil {
		return err
	}
	if err := c.part("kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1",
		"--secure-port", strconv.Itoa(api), "--cert-dir", certs, "--authorization-mode", "Node,RBAC", "--token-auth-file", filepath.Join(dir, "tokens.csv"),
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key, "--service-account-signing-key-file", key,
		"--service-cluster-ip-range", "10.96.0.0/16", "--endpoint-reconciler-type", "none", "--max-requests-inflight", "2000",
		"--max-mutating-requests-inflight", "1000", "--event-ttl", "1h", "--profiling=false",
		"--kubelet-client-certificate", kubeletClient+".crt", "--kubelet-client-key", kubeletClient+".key", "--kubelet-preferred-address-types", "InternalIP",
		"--enable-admission-plugins", "PodNodeSelector,PodTolerationRestriction"); err != nil {
		return err
	}
	ca, err := c.waitForAPI(filepath.Join(certs, "apiserver.crt"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(c.Kubeconfig, []byte(c.kubeconfig(filepath.Join(dir, "ca.crt"))), 0o600); err != nil {
		return err
	}
	if err := c.part("kube-controller-manager", "--kubeconfig", c.Kubeconfig, "--leader-elect=false", "--secure-port", "0",
		"--kube-api-qps", "2000", "--kube-api-burst", "4000", "--use-service-account-credentials=true", "--root-ca-file", filepath.Join(dir, "ca.crt"),
		"--service-account-private-key-file", key, "--concurrent-deployment-syncs", "20", "--horizontal-pod-autoscaler-sync-period", "2s",
		"--node-monitor-period", "1s"); err != nil {
		return err
	}
	if err := c.part("kube-scheduler", "--kubeconfig", c.Kubeconfig, "--leader-elect=false", "--secure-port", "0", "--kube-api-qps", "2000", "--kube-api-burst", "4000"); err != nil {
		return err
	}
	if _, err := c.kubectl(context.Background(), oncallRules+logsKind+nodes(0, KubeNodes), "apply", "-f", "-"); err != nil {
		return err
	}
	if err := c.part("kwok", "--enable-crds", "Logs", "--kubeconfig", c.Kubeconfig, "--config", filepath.Join(dir, "kwok.yaml"), "--manage-nodes-with-annotation-selector", "kwok.x-k8s.io/node=fake",
		"--node-lease-duration-seconds", "40", "--server-address", fmt.Sprintf("127.0.0.1:%d", kwok), "--node-ip", "127.0.0.1", "--node-port", strconv.Itoa(kwok)); err != nil {
		return err
	}
	return c.furnish()
}

// part starts one of the programs. It ends with the test program at the
// latest: the thread that started it never ends before, and its death is the
// child's signal.
func (c *Cluster) part(name string, args ...string) error {
	return c.start(name, filepath.Join(c.bin, name), args...)
}

func (c *Cluster) start(name, path string, args ...string) error {
	log, err := os.Create(filepath.Join(c.Dir, name+".log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(path, args...) //nolint:noctx // it outlives the test that asks first
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, c.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started, done := make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	c.parts = append(c.parts, &kubePart{name, cmd, done})
	return nil
}

// waitForAPI waits until the API server is ready, and gives the certificate of
// its own authority: the second block of the pair that it makes.
func (c *Cluster) waitForAPI(cert string) (ca []byte, err error) {
	end := time.Now().Add(60 * time.Second)
	for ; time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if dead := c.died(); dead != nil {
			return nil, dead
		}
		var pair []byte
		if pair, err = os.ReadFile(cert); err != nil {
			continue
		}
		_, rest := pem.Decode(pair)
		block, _ := pem.Decode(rest)
		if block == nil {
			err = errors.New("the certificate is not whole yet")
			continue
		}
		ca = pem.EncodeToMemory(block)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}}}
		req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, c.URL+"/readyz", nil)
		req.Header.Set("Authorization", "Bearer "+adminToken)
		var res *http.Response
		if res, err = client.Do(req); err != nil {
			continue
		}
		_ = res.Body.Close()
		client.CloseIdleConnections()
		if res.StatusCode == http.StatusOK {
			return ca, nil
		}
		err = fmt.Errorf("/readyz: %s", res.Status)
	}
	return nil, fmt.Errorf("the API server is not ready (its log is in %s): %w", c.Dir, err)
}

func (c *Cluster) kubeconfig(ca string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Config\ncurrent-context: admin\nclusters:\n- name: test\n  cluster: {server: %q, certificate-authority: %q}\nusers:\n", c.URL, ca)
	tokens := [][2]string{{"admin", adminToken}, {"oncall", oncallToken}, {"nobody", nobodyToken}}
	for _, u := range tokens {
		fmt.Fprintf(&b, "- name: %s\n  user: {token: %s}\n", u[0], u[1])
	}
	b.WriteString("contexts:\n")
	for _, u := range tokens {
		fmt.Fprintf(&b, "- name: %s\n  context: {cluster: test, user: %s}\n", u[0], u[0])
	}
	return b.String()
}

// furnish waits for the nodes.
func (c *Cluster) furnish() error {
	if _, err := c.kubectl(context.Background(), "", "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s"); err != nil {
		return errors.Join(err, c.died())
	}
	return nil
}

// nodes are the manifests of nodes that kwok plays.
func nodes(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(node(fmt.Sprintf("node-%d", i), "type: kwok", "{}"))
	}
	return b.String()
}

func node(name, label, spec string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Node
metadata:
  name: %[1]s
  annotations: {kwok.x-k8s.io/node: fake, node.alpha.kubernetes.io/ttl: "0"}
  labels: {kubernetes.io/hostname: %[1]s, kubernetes.io/os: linux, kubernetes.io/arch: amd64, %[2]s}
spec: %[3]s
status:
  allocatable: {cpu: "32", memory: 256Gi, pods: "300"}
  capacity: {cpu: "32", memory: 256Gi, pods: "300"}
`, name, label, spec)
}

// oncallRules are what the identity oncall may do: look at workloads and their
// logs everywhere, and change deployments in the namespaces that bind it.
const oncallRules = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: oncall-view}
rules:
- {apiGroups: [apps], resources: [deployments, statefulsets, daemonsets, replicasets, controllerrevisions], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [pods, pods/log, events, services], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: oncall-view}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: oncall-view}
subjects: [{kind: Group, name: oncall}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: oncall-change}
rules:
- {apiGroups: [apps], resources: [deployments, statefulsets, daemonsets], verbs: [update, patch]}
- {apiGroups: [apps], resources: [deployments/scale, statefulsets/scale], verbs: [get, update, patch]}
---
`

// Bind gives the identity oncall the right to change workloads in a namespace.
func (c *Cluster) Bind(t testing.TB, namespace string) {
	t.Helper()
	c.Kubectl(t, "create", "rolebinding", "oncall-change", "-n", namespace, "--clusterrole=oncall-change", "--group=oncall")
}

// writeRSAKey makes the key that signs the accounts' tokens.
func writeRSAKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// writeClient makes the certificate that the API server shows to kubelets; it
// is its own authority.
func writeClient(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kube-apiserver"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(path+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600)
}

func freePorts(n int) ([]int, error) {
	var out []int
	for range n {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out, nil
}

// Namespace makes a fresh namespace, and deletes it after the test without
// waiting for it to be gone.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("t-%d-%d", os.Getpid(), c.namespaces.Add(1))
	c.Kubectl(t, "create", "namespace", name)
	t.Cleanup(func() {
		_, _ = c.kubectl(context.Background(), "", "delete", "namespace", name, "--wait=false")
	})
	return name
}

// Kubectl runs kubectl as admin and gives its stdout; a failure fails the test.
func (c *Cluster) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := c.kubectl(t.Context(), "", args...)
	require.NoError(t, err)
	return out
}

// TryKubectl runs kubectl, which may fail: its stdout, and its words on stderr
// in the error.
func (c *Cluster) TryKubectl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	return c.kubectl(t.Context(), "", args...)
}

// Apply applies manifests in a namespace, as admin.
func (c *Cluster) Apply(t testing.TB, namespace, manifests string) {
	t.Helper()
	_, err := c.kubectl(t.Context(), manifests, "apply", "-n", namespace, "-f", "-")
	require.NoError(t, err)
}

// Get decodes an object into out.
func (c *Cluster) Get(t testing.TB, out any, args ...string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(c.Kubectl(t, append([]string{"get", "-o", "json"}, args...)...)), out))
}

// KubectlPath is where kubectl is, for tests that run it as a person does.
func (c *Cluster) KubectlPath() string { return filepath.Join(c.bin, "kubectl") }

func (c *Cluster) kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.KubectlPath(), append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+c.Dir)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, tail(errs.String(), 4<<10))
	}
	return out.String(), nil
}
