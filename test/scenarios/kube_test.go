//go:build e2e

package scenarios

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestMain ends the cluster.
func TestMain(m *testing.M) {
	code := m.Run()
	testbed.Shutdown()
	os.Exit(code)
}

const kubeRules = `groups:
  - name: kube
    interval: 1s
    rules:
      - alert: KubeErrors
        expr: sum by (destination_workload) (rate(istio_requests_total{response_code=~"5.."}[10s])) / sum by (destination_workload) (rate(istio_requests_total[10s])) > 0.05
        for: 3s
        labels: {severity: critical}
      - alert: KubeSlow
        expr: histogram_quantile(0.95, sum by (destination_workload, le) (rate(istio_request_duration_milliseconds_bucket[10s]))) > 100
        for: 3s
        labels: {severity: warning}
`

// tick is how often the stand-in follows the cluster and makes its calls.
const tick = 500 * time.Millisecond

// firstCredential is what every service's database takes.
const firstCredential = "first"

// TestWhyOnKubernetes plays the cases of the cluster, all at once, and asks in
// a direct context: a kubeconfig and a Prometheus, no control plane.
func TestWhyOnKubernetes(t *testing.T) {
	dir := os.Getenv("AICTL_SCENARIOS_KUBERNETES")
	if dir == "" {
		dir = "kubernetes"
	}
	list, err := LoadKube(dir)
	require.NoError(t, err)
	if pick := os.Getenv("AICTL_SCENARIOS_RUN"); pick != "" {
		list = slices.DeleteFunc(list, func(c KubeCase) bool { return !regexp.MustCompile(pick).MatchString(c.Name) })
	}
	if len(list) == 0 {
		t.Log("AICTL_SCENARIOS_RUN names none of these")
		return
	}
	c := testbed.Kubernetes(t)
	mesh := newMesh(c)
	exporter := httptest.NewServer(promhttp.HandlerFor(mesh.registry, promhttp.HandlerOpts{}))
	t.Cleanup(exporter.Close)
	prom := testbed.Prometheus(t, kubeRules, strings.TrimPrefix(exporter.URL, "http://"))
	_, env := testbed.Home(t, testbed.Binaries(t))
	config := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(fmt.Sprintf(
		"current_context: direct\ncontexts:\n- name: direct\n  backends:\n    kubernetes: {kubeconfig: %q, context: admin}\n    prometheus: {url: %q}\n", c.Kubeconfig, prom)), 0o600))

	worlds := make([]*kubeWorld, len(list))
	for i, one := range list {
		w := &kubeWorld{
			KubeCase: one, t: t, c: c, mesh: mesh, ns: c.Namespace(t), prefix: fmt.Sprintf("k%02d-", i), release: map[string]int{},
			env: env, config: config,
		}
		worlds[i] = w
		w.start()
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { mesh.run(ctx) })
	time.Sleep(baseline)
	for _, w := range worlds {
		running.Go(w.act)
	}
	outcomes := make([]Outcome, len(worlds))
	for i, w := range worlds { // each at its own end, so that what is of now is of then
		<-w.ended
		outcomes[i] = w.ask()
	}
	stop()
	running.Wait()
	var b strings.Builder
	Report(&b, outcomes)
	t.Log("\n" + b.String())
	s := Measure(outcomes)
	if len(outcomes) >= 10 {
		require.True(t, s.Passes(), "%+v", s)
	}
}

// kubeWorld is one case under way, in a namespace with two nodes of its own.
type kubeWorld struct {
	KubeCase
	t       testing.TB
	c       *testbed.Cluster
	mesh    *mesh
	ns      string
	prefix  string
	release map[string]int
	env     []string
	config  string
	end     time.Time
	ended   chan struct{}
}

func (w *kubeWorld) start() {
	w.ended = make(chan struct{})
	var b strings.Builder
	for i := range 2 {
		fmt.Fprintf(&b, `---
apiVersion: v1
kind: Node
metadata:
  name: %[1]s
  annotations: {kwok.x-k8s.io/node: fake, node.alpha.kubernetes.io/ttl: "0"}
  labels: {kubernetes.io/hostname: %[1]s, kubernetes.io/os: linux, kubernetes.io/arch: amd64, aictl.test/world: %[2]s}
spec: {taints: [{key: aictl.test/world, effect: NoSchedule}]}
status:
  allocatable: {cpu: "32", memory: 256Gi, pods: "300"}
  capacity: {cpu: "32", memory: 256Gi, pods: "300"}
`, w.node(i), w.ns)
	}
	w.c.Apply(w.t, w.ns, b.String())
	w.t.Cleanup(func() {
		cmd := exec.Command(w.c.KubectlPath(), "--kubeconfig", w.c.Kubeconfig, "delete", "node", w.node(0), w.node(1), "--wait=false")
		_ = cmd.Run()
	})
	for _, s := range w.Services {
		w.release[s.Name] = 1
		w.mesh.add(w.prefix+s.Name, w.prefix, s)
		w.c.Apply(w.t, w.ns, w.settings(s.Name, "ConfigMap", map[string]string{"ERRORS": "0", "SLOW": "0"}))
		w.c.Apply(w.t, w.ns, w.settings(s.Name, "Secret", map[string]string{"TOKEN": firstCredential}))
		w.c.Apply(w.t, w.ns, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s, aictl.test/scenario: "yes"}}
    spec:
      nodeSelector: {aictl.test/world: %[3]s}
      tolerations:
      - {key: aictl.test/world, operator: Exists}
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: %[1]s}}}
      containers:
      - name: app
        image: aictl.invalid/%[1]s:1
        envFrom: [{configMapRef: {name: %[1]s}}, {secretRef: {name: %[1]s}}]
`, w.prefix+s.Name, s.Replicas, w.ns))
	}
}

func (w *kubeWorld) node(i int) string { return fmt.Sprintf("%s-node-%d", w.ns, i) }

// settings is a ConfigMap or a Secret of a service.
func (w *kubeWorld) settings(service, kind string, data map[string]string) string {
	values := map[string]string{}
	for k, v := range data {
		if kind == "Secret" {
			v = base64.StdEncoding.EncodeToString([]byte(v))
		}
		values[k] = v
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": kind, "data": values,
		"metadata": map[string]any{"name": w.prefix + service, "labels": map[string]string{"aictl.test/scenario": "yes"}},
	})
	require.NoError(w.t, err)
	return string(body)
}

func (w *kubeWorld) act() {
	defer close(w.ended)
	begun, last := time.Now(), time.Duration(0)
	for _, s := range w.Steps {
		time.Sleep(time.Until(begun.Add(time.Duration(s.At))))
		last = time.Duration(s.At)
		if err := w.do(s); err != nil {
			w.t.Errorf("%s: %s of %s: %v", w.Name, s.Do, s.Service, err)
		}
	}
	w.end = begun.Add(last + aftermath)
	time.Sleep(time.Until(w.end))
}

func (w *kubeWorld) do(s KubeStep) error {
	name := w.prefix + s.Service
	kubectl := func(args ...string) error {
		_, err := w.c.TryKubectl(w.t, append([]string{"-n", w.ns}, args...)...)
		return err
	}
	patch := func(kind string, data map[string]string) error {
		body, err := json.Marshal(map[string]any{map[string]string{"secret": "stringData", "configmap": "data"}[kind]: data})
		if err != nil {
			return err
		}
		return kubectl("patch", kind, name, "--type=merge", "-p", string(body))
	}
	switch s.Do {
	case "image":
		w.release[s.Service]++
		image := fmt.Sprintf("aictl.invalid/%s:%d", name, w.release[s.Service])
		w.mesh.released(image, fault{s.Errors, s.Slow})
		return kubectl("set", "image", "deployment/"+name, "app="+image)
	case "config":
		return patch("configmap", map[string]string{"ERRORS": fmt.Sprint(s.Errors), "SLOW": fmt.Sprint(s.Slow)})
	case "secret":
		w.mesh.refuses(name, s.Errors)
		return patch("secret", map[string]string{"TOKEN": "second"})
	case "node":
		_, err := w.c.TryKubectl(w.t, "annotate", "node", w.node(0), "aictl.test/not-ready=true")
		if err != nil {
			return err
		}
		return w.lose(w.node(0))
	case "traffic":
		w.mesh.rate(name, s.Rate)
		return nil
	case "scale":
		return kubectl("scale", "deployment/"+name, fmt.Sprintf("--replicas=%d", s.Replicas))
	case "restart":
		return kubectl("rollout", "restart", "deployment/"+name)
	}
	return fmt.Errorf("%q is not known", s.Do)
}

// lose makes a node's kubelet silent. A heartbeat that kwok had begun may undo
// it: it is said again until it stays.
func (w *kubeWorld) lose(node string) error {
	stays := 0
	for range 20 {
		state, err := w.c.TryKubectl(w.t, "get", "node", node, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		if err != nil {
			return err
		}
		if state == "Unknown" {
			if stays++; stays == 4 {
				return nil
			}
		} else {
			stays = 0
			now := time.Now().UTC().Format(time.RFC3339)
			if _, err = w.c.TryKubectl(w.t, "patch", "node", node, "--subresource=status", "-p", fmt.Sprintf(
				`{"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","message":"Kubelet stopped posting node status.","lastTransitionTime":%[1]q,"lastHeartbeatTime":%[1]q}]}}`, now)); err != nil {
				return err
			}
		}
		time.Sleep(tick)
	}
	return fmt.Errorf("the node %s does not stay lost", node)
}

func (w *kubeWorld) ask() Outcome {
	o := Outcome{Case: w.Plain(), Prefix: w.prefix}
	args := []string{"why", "--config", w.config, "-n", w.ns, "--to", w.end.UTC().Format(time.RFC3339), "-o", "json"}
	if w.Ask.Alert != "" {
		args = append(args, w.Ask.Alert, "--service", w.prefix+w.Ask.Service)
	} else {
		args = append(args, w.prefix+w.Ask.Service)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(testbed.Binaries(w.t), "aictl"), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, &stdout, &stderr
	begun := time.Now()
	err := cmd.Run()
	o.Took = time.Since(begun)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.Err = err
	}
	if err := json.Unmarshal(stdout.Bytes(), &o.Answer); err != nil {
		o.Err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	if dir := os.Getenv("AICTL_SCENARIOS_KEEP"); dir != "" {
		_ = os.MkdirAll(dir, 0o700)
		_ = os.WriteFile(filepath.Join(dir, w.Name+".json"), stdout.Bytes(), 0o600)
	}
	return o
}

// fault is what is wrong with an image or a configuration.
type fault struct{ errors, slow float64 }

// mesh stands in for the services and their sidecars: it follows which pods
// are ready on the API server, what image they run and what they read, makes
// the calls that they would get, and counts them in Istio's metrics.
type mesh struct {
	c        *testbed.Cluster
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	ready    *prometheus.GaugeVec

	mu       sync.Mutex // guards what follows
	services map[string]*meshService
	images   map[string]fault
	order    []string
}

type meshService struct {
	name    string
	spec    KubeService
	callees []string
	pods    []string // images of those that are ready
	config  fault
	token   string
	refused float64 // share of calls that fail with another credential
	slots   float64 // calls that can be taken now
	due     float64
}

func newMesh(c *testbed.Cluster) *mesh {
	by := []string{"source_workload", "destination_workload"}
	m := &mesh{
		c: c, registry: prometheus.NewRegistry(), services: map[string]*meshService{}, images: map[string]fault{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "istio_requests_total", Help: "Calls."}, append(by, "response_code")),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "istio_request_duration_milliseconds", Help: "Time.", Buckets: []float64{5, 10, 25, 50, 100, 250, 500, 1000, 2500},
		}, by),
		ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "kube_deployment_status_replicas_available", Help: "Ready."}, []string{"deployment"}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.ready)
	return m
}

func (m *mesh) add(name, prefix string, s KubeService) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := &meshService{name: name, spec: s, token: firstCredential}
	for _, c := range s.Calls {
		one.callees = append(one.callees, prefix+c)
	}
	m.services[name], m.order = one, append(m.order, name)
}

func (m *mesh) released(image string, f fault) { m.mu.Lock(); m.images[image] = f; m.mu.Unlock() }

func (m *mesh) refuses(service string, share float64) {
	m.mu.Lock()
	m.services[service].refused = share
	m.mu.Unlock()
}

func (m *mesh) rate(service string, v float64) {
	m.mu.Lock()
	m.services[service].spec.Rate = v
	m.mu.Unlock()
}

func (m *mesh) run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		m.follow(ctx)
		now := time.Now()
		m.serve(min(now.Sub(last), 4*tick).Seconds())
		last = now
	}
}

// list decodes the objects of the scenarios; what the API server does not
// answer stays as it was.
func list[T any](ctx context.Context, c *testbed.Cluster, path string) ([]T, bool) {
	label := "aictl.test/scenario"
	if path == "/api/v1/nodes" {
		label = "aictl.test/world"
	}
	body, err := c.Do(ctx, http.MethodGet, path+"?labelSelector="+label, "", nil)
	var out struct{ Items []T }
	if err != nil || json.Unmarshal(body, &out) != nil {
		return nil, false
	}
	return out.Items, true
}

type named struct{ Name, DeletionTimestamp string }

// conditions are those of a pod or a node.
type conditions []struct{ Type, Status string }

func (c conditions) ready() bool {
	return slices.ContainsFunc(c, func(one struct{ Type, Status string }) bool { return one.Type == "Ready" && one.Status == "True" })
}

func (m *mesh) follow(ctx context.Context) {
	nodes, okNodes := list[struct {
		Metadata named
		Status   struct{ Conditions conditions }
	}](ctx, m.c, "/api/v1/nodes")
	lost := map[string]bool{} // their pods cannot be reached, whatever is said of them
	for _, n := range nodes {
		lost[n.Metadata.Name] = !n.Status.Conditions.ready()
	}
	pods, ok := list[struct {
		Metadata struct {
			named
			Labels map[string]string
		}
		Spec struct {
			NodeName   string
			Containers []struct{ Image string }
		}
		Status struct{ Conditions conditions }
	}](ctx, m.c, "/api/v1/pods")
	configs, okConfigs := list[struct {
		Metadata named
		Data     map[string]string
	}](ctx, m.c, "/api/v1/configmaps")
	secrets, okSecrets := list[struct {
		Metadata named
		Data     map[string][]byte
	}](ctx, m.c, "/api/v1/secrets")
	m.mu.Lock()
	defer m.mu.Unlock()
	if ok && okNodes {
		for _, s := range m.services {
			s.pods = nil
		}
		for _, p := range pods {
			s := m.services[p.Metadata.Labels["app"]]
			if s != nil && p.Status.Conditions.ready() && !lost[p.Spec.NodeName] && p.Metadata.DeletionTimestamp == "" {
				s.pods = append(s.pods, p.Spec.Containers[0].Image)
			}
		}
	}
	if okConfigs {
		for _, c := range configs {
			if s := m.services[c.Metadata.Name]; s != nil {
				s.config.errors, _ = strconv.ParseFloat(c.Data["ERRORS"], 64)
				s.config.slow, _ = strconv.ParseFloat(c.Data["SLOW"], 64)
			}
		}
	}
	if okSecrets {
		for _, c := range secrets {
			if s := m.services[c.Metadata.Name]; s != nil {
				s.token = string(c.Data["TOKEN"])
			}
		}
	}
}

// serve makes the calls of so many seconds.
func (m *mesh) serve(seconds float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.services {
		most := float64(len(s.pods)) * s.spec.Capacity
		s.slots = min(s.slots+most*seconds, most) // a second's worth of burst
		m.ready.WithLabelValues(s.name).Set(float64(len(s.pods)))
	}
	for _, name := range m.order {
		s := m.services[name]
		for s.due += s.spec.Rate * seconds * (0.8 + 0.4*rand.Float64()); s.due >= 1; s.due-- {
			m.call("ingress", s)
		}
	}
}

// call is one call of a service, and those that it makes in turn.
func (m *mesh) call(from string, s *meshService) (ok bool, millis float64) {
	ok, millis = true, s.spec.Millis*(0.7+0.6*rand.Float64())
	if len(s.pods) == 0 || s.slots < 1 {
		ok, millis = false, 1
	} else {
		s.slots--
		for _, f := range []fault{m.images[s.pods[rand.IntN(len(s.pods))]], s.config} {
			ok = ok && rand.Float64() >= f.errors
			millis *= max(f.slow, 1)
		}
		if s.token != firstCredential && rand.Float64() < s.refused {
			ok = false
		}
		for _, callee := range s.callees {
			fine, took := m.call(s.name, m.services[callee])
			ok, millis = ok && fine, millis+took
		}
	}
	code := "200"
	if !ok {
		code = "503"
	}
	m.requests.WithLabelValues(from, s.name, code).Inc()
	m.duration.WithLabelValues(from, s.name).Observe(millis)
	return ok, millis
}
