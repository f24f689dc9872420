package runtime_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deployfake"
	"github.com/aictl/aictl/internal/fail"
)

// shelf is a Store that outlives a runtime: it keeps JSON, as a database does.
type shelf struct {
	mu   sync.Mutex
	held map[string]string
	err  error
}

func (s *shelf) LoadServices(context.Context) ([]runtime.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []runtime.Record
	for _, body := range s.held {
		var r runtime.Record
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, s.err
}

func (s *shelf) SaveService(_ context.Context, r runtime.Record, before int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	var old runtime.Record
	if body, ok := s.held[r.Name]; ok {
		if err := json.Unmarshal([]byte(body), &old); err != nil {
			return err
		}
	}
	if old.Serial != before {
		return runtime.Stale(r.Name)
	}
	body, err := json.Marshal(r)
	if s.held == nil {
		s.held = map[string]string{}
	}
	s.held[r.Name] = string(body)
	return err
}

func (s *shelf) DeleteService(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, name)
	return s.err
}

func TestServicesOutliveTheControlPlane(t *testing.T) {
	t.Parallel()
	store := &shelf{}
	b := start(t, func(o *runtime.Options) { o.Store = store })
	b.deploy(b.manifest(""), runtime.DeployOptions{Reason: "one"})
	b.ready(1)
	b.deploy(b.manifest("", "N=2"), runtime.DeployOptions{Reason: "two"})
	before := b.until("two", func(s *deploy.Snapshot) bool { return s.Workload.State == "ready" && s.Workload.Revision == "2" })
	two := 2
	_, err := b.rt.Change(t.Context(), echo, deploy.Change{Scale: &two})
	require.NoError(t, err)
	b.close()
	_, err = b.call("say", `{}`)
	require.ErrorIs(t, err, fail.NotFound.Err())
	_, err = b.rt.Deploy(t.Context(), b.manifest(""), b.dir, runtime.DeployOptions{})
	require.ErrorIs(t, err, fail.Unavailable.Err())

	require.NoError(t, os.RemoveAll(b.dir), "the copy is enough")
	b.rt, err = runtime.New(t.Context(), b.o)
	require.NoError(t, err)
	after := b.ready(2)
	require.Equal(t, "2", after.Workload.Revision)
	require.Equal(t, "two", after.Workload.Cause)
	require.NotEqual(t, before.Version, after.Version)
	history, err := b.rt.History(t.Context(), echo)
	require.NoError(t, err)
	require.Len(t, history, 2)
	require.True(t, history[1].Good)
	a, err := b.call("say", `{}`)
	require.NoError(t, err)
	require.Equal(t, "2", a.Revision)

	require.NoError(t, b.rt.Delete(t.Context(), "echo", "", ""))
	require.Empty(t, store.held)
}

func TestAStoreThatIsAwayChangesNothing(t *testing.T) {
	t.Parallel()
	store := &shelf{}
	b := start(t, func(o *runtime.Options) { o.Store = store })
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	s := b.ready(1)
	store.mu.Lock()
	store.err = fail.New(fail.Unavailable, "the database is away")
	store.mu.Unlock()
	_, err := b.rt.Change(t.Context(), echo, deploy.Change{Restart: true})
	require.ErrorIs(t, err, fail.Unavailable.Err())
	require.Error(t, b.rt.Delete(t.Context(), "echo", "", ""))
	require.Equal(t, s.Version, b.get().Version)
	_, err = b.call("say", `{}`)
	require.NoError(t, err)
}

// What a control plane leaves that is killed is ended by the next one: by its
// pid file, and children of children by their environment.
func TestOrphansAreEnded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	orphan := exec.Command("/bin/sleep", "986")
	orphan.Env = []string{"AICTL_RUNTIME_DIR=" + dir}
	stranger := exec.Command("/bin/sleep", "985")
	require.NoError(t, orphan.Start())
	require.NoError(t, stranger.Start())
	ends := make(chan struct{})
	go func() { _ = orphan.Wait(); close(ends) }()
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	// A pid file whose process is another by now: it is left alone.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.pid"), []byte(`{"pid":`+strconv.Itoa(stranger.Process.Pid)+`,"start":"before/1"}`), 0o600))
	gw, err := gateway.New(gateway.Options{})
	require.NoError(t, err)
	rt, err := runtime.New(t.Context(), runtime.Options{Gateway: gw, Dir: dir})
	require.NoError(t, err)
	require.NoError(t, rt.Close(t.Context()))
	select {
	case <-ends:
	case <-time.After(3 * time.Second):
		t.Fatal("the orphan lives on")
	}
	require.False(t, gone(stranger.Process.Pid))
	require.NoFileExists(t, filepath.Join(dir, "x.pid"))
}

// A control plane that is killed takes its processes along (Linux), and what
// escapes that is ended by the next one.
func TestAKilledControlPlaneLeavesNoProcess(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	dir, run := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "plugin.yaml")
	require.NoError(t, os.WriteFile(file, []byte("name: echo\nversion: 1\nruntime: process\ncommand: ["+strconv.Quote(self)+"]\noperations: [{name: say}]\nenv: [{name: HELPER, value: serve}]\n"), 0o600))
	control := exec.Command(self) //nolint:gosec // our own binary
	control.Env = append(os.Environ(), "HELPER=supervisor", "MANIFEST="+file, "DIR="+run)
	out, err := control.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, control.Start())
	defer func() { _ = control.Process.Kill(); _ = control.Wait() }()
	pid := 0
	for in := bufio.NewScanner(out); pid == 0 && in.Scan(); {
		if rest, ok := strings.CutPrefix(in.Text(), "pid "); ok {
			pid, err = strconv.Atoi(rest)
			require.NoError(t, err)
		}
	}
	require.Positive(t, pid)
	require.False(t, gone(pid))
	require.NoError(t, control.Process.Kill())
	require.Eventually(t, func() bool { return gone(pid) }, 5*time.Second, 10*time.Millisecond)
	left, err := filepath.Glob(filepath.Join(run, "*.pid"))
	require.NoError(t, err)
	require.Len(t, left, 1, "nobody was there to clean up")
	gw, err := gateway.New(gateway.Options{})
	require.NoError(t, err)
	rt, err := runtime.New(t.Context(), runtime.Options{Gateway: gw, Dir: run})
	require.NoError(t, err)
	require.NoError(t, rt.Close(t.Context()))
	require.NoFileExists(t, left[0])
}

func remote(t *testing.T, url string) *plugin.Manifest {
	t.Helper()
	m, err := plugin.Parse("p", []byte("name: echo\nversion: 2.0\nruntime: remote\nurl: "+url+"/base\noperations: [{name: say, idempotent: true}]\nprobes: {readiness: {period: 50ms, failures: 2}}\n"))
	require.NoError(t, err)
	return m
}

func TestRemoteServices(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(503)
			return
		}
		if r.URL.Path == "/base/invoke/say" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"revision":"far"}`))
		}
	}))
	defer server.Close()
	b := start(t, nil)
	b.deploy(remote(t, server.URL), runtime.DeployOptions{})
	b.ready(1)
	a, err := b.call("say", `{}`)
	require.NoError(t, err)
	require.Equal(t, "far", a.Revision)
	for _, c := range []deploy.Change{{Restart: true}, {Scale: new(int)}, {Images: map[string]string{"": "x"}}} {
		_, err := b.rt.Change(t.Context(), echo, c)
		require.ErrorIs(t, err, fail.Refused.Err())
	}
	down.Store(true)
	b.until("away", func(s *deploy.Snapshot) bool { return s.Workload.Ready == 0 })
	begun := time.Now()
	_, err = b.call("say", `{}`)
	require.ErrorIs(t, err, fail.Unavailable.Err())
	require.Less(t, time.Since(begun), 2*time.Second, "nobody waits for what is not ours to start")
	down.Store(false)
	b.ready(1)
	require.Eventually(t, func() bool { _, err := b.call("say", `{}`); return err == nil }, 8*time.Second, 20*time.Millisecond)
}

func TestARemoteThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(remote(t, "http://127.0.0.1:1"), runtime.DeployOptions{})
	v := b.verdict()
	require.Equal(t, deploy.CodeProbe, v.Code)
	require.Less(t, v.took, 3*time.Second)
	require.Contains(t, v.Message, "connection refused")
}

// cluster is an Applier that keeps what it was given.
type cluster struct {
	mu      sync.Mutex
	objects map[string]map[string]any
	url     string
	refuse  error
}

func (c *cluster) Apply(_ context.Context, objects []map[string]any, dry bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil || dry {
		return c.refuse
	}
	if c.objects == nil {
		c.objects = map[string]map[string]any{}
	}
	for _, o := range objects {
		kind, _ := o["kind"].(string)
		c.objects[kind] = o
	}
	return nil
}

func (c *cluster) Delete(_ context.Context, objects []map[string]any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range objects {
		kind, _ := o["kind"].(string)
		delete(c.objects, kind)
	}
	return nil
}

func (c *cluster) Endpoint(context.Context, string, string, int) (runtime.Endpoint, error) {
	return runtime.Endpoint{URL: c.url}, nil
}

func (c *cluster) text(t *testing.T) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	out, err := json.Marshal(c.objects)
	require.NoError(t, err)
	return string(out)
}

func TestServicesOnKubernetesAreApplied(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"revision":"pod"}`))
	}))
	defer server.Close()
	c := &cluster{url: server.URL}
	b := start(t, func(o *runtime.Options) { o.Applier = c })
	m, err := plugin.Parse("p", []byte("name: echo\nversion: 2.0\nruntime: kubernetes\nimage: registry/echo:2.0\nscale: {min: 1, max: 3}\noperations: [{name: say}]\n"))
	require.NoError(t, err)
	_, err = b.rt.Deploy(t.Context(), m, "", runtime.DeployOptions{Dry: true})
	require.NoError(t, err)
	require.Equal(t, "null", c.text(t))
	b.deploy(m, runtime.DeployOptions{Reason: "first"})
	b.ready(1)
	require.Contains(t, c.text(t), "HorizontalPodAutoscaler")
	require.Contains(t, c.text(t), `"kubernetes.io/change-cause":"first"`)
	a, err := b.call("say", `{}`)
	require.NoError(t, err)
	require.Equal(t, "pod", a.Revision)
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Images: map[string]string{"": "registry/echo:3.0"}, Cause: "newer"})
	require.NoError(t, err)
	require.Contains(t, c.text(t), "registry/echo:3.0")
	three := 3
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Scale: &three})
	require.NoError(t, err)
	require.Contains(t, c.text(t), `"replicas":3`)
	require.NotContains(t, c.text(t), "HorizontalPodAutoscaler", "who scales by hand wants no other hand")
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Undo: "1"})
	require.NoError(t, err)
	require.Contains(t, c.text(t), "registry/echo:2.0")
	version := b.get().Version
	c.refuse = fail.New(fail.Refused, "quota")
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Restart: true})
	require.ErrorIs(t, err, fail.Refused.Err())
	require.Equal(t, version, b.get().Version, "what the cluster refused is not remembered")
	c.refuse = nil
	require.NoError(t, b.rt.Delete(t.Context(), "echo", "", ""))
	require.Equal(t, "{}", c.text(t))
}

// seeing is a cluster that can be looked at, too.
type seeing struct {
	*cluster
	fake *deployfake.Cluster
}

func (s seeing) Cluster(context.Context) (deploy.Cluster, error) { return s.fake, nil }

// The address of a service answers for as long as pods of the revision before
// are there: whether the new one works is what the Deployment says.
func TestARolloutOnKubernetesIsAsGoodAsItsDeployment(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	c := seeing{&cluster{url: server.URL}, deployfake.New("kubernetes", nil)}
	on := deploy.Ref{Kind: deploy.Deployment, Name: "echo"}
	b := start(t, func(o *runtime.Options) { o.Applier = c })
	m, err := plugin.Parse("p", []byte("name: echo\nversion: 1\nruntime: kubernetes\nimage: echo:1\noperations: [{name: say}]\nprobes: {readiness: {period: 50ms}}\n"))
	require.NoError(t, err)
	c.fake.Has(on, 2, deploy.Template{Containers: []deploy.Container{{Name: "echo", Image: "echo:1"}}})
	b.deploy(m, runtime.DeployOptions{})
	require.Equal(t, deploy.CodeComplete, b.verdict().Code)
	require.Len(t, b.get().Replicas, 2)
	c.fake.Edit(on, func(s *deploy.Snapshot) {
		s.Workload.Updated = 1
		s.Replicas[1].Current = false
		s.Replicas[0].Ready, s.Replicas[0].Phase = false, "Pending"
		s.Replicas[0].Containers = []deploy.ContainerState{{Name: "echo", State: "waiting", Reason: "InvalidImageName", Message: "no"}}
		s.Workload.Ready, s.Workload.Available = 1, 1
	})
	_, err = b.rt.Change(t.Context(), echo, deploy.Change{Images: map[string]string{"": "echo:2"}})
	require.NoError(t, err)
	v := b.verdict()
	require.Equal(t, deploy.CodeImagePull, v.Code)
	require.Equal(t, "2", v.snapshot.Workload.Revision)
	c.fake.Edit(on, func(s *deploy.Snapshot) {
		s.Workload.Updated, s.Workload.Ready, s.Workload.Available = 2, 2, 2
		for i := range s.Replicas {
			s.Replicas[i].Current, s.Replicas[i].Ready, s.Replicas[i].Phase = true, true, "Running"
			s.Replicas[i].Containers = []deploy.ContainerState{{Name: "echo", State: "running", Ready: true}}
		}
	})
	b.until("rolled out", func(s *deploy.Snapshot) bool { return s.Workload.State == "ready" && s.Workload.Available == 2 })
	require.Equal(t, deploy.CodeComplete, b.verdict().Code)
}

type tiny struct{}

func (tiny) Describe() ai.Description {
	return ai.Description{Name: "tiny", Version: "7", Operations: []ai.Operation{{Name: "x"}}}
}
func (tiny) Invoke(context.Context, ai.Call) (*ai.Reply, error) { return ai.JSON(1) }

func TestBuiltinServicesAreShown(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	require.NoError(t, b.gw.Register(tiny{}))
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	b.ready(1)
	list, err := b.rt.List(t.Context(), deploy.Filter{})
	require.NoError(t, err)
	require.Equal(t, []string{"echo", "tiny"}, []string{list[0].Name, list[1].Name})
	list, err = b.rt.List(t.Context(), deploy.Filter{Selector: "app!=tiny"})
	require.NoError(t, err)
	require.Len(t, list, 1)
	one := deploy.Ref{Kind: deploy.Service, Namespace: "default", Name: "tiny"}
	s, err := b.rt.Get(t.Context(), one)
	require.NoError(t, err)
	v, _ := deploy.Judge(deploy.State{}, s, time.Now(), deploy.JudgeOptions{})
	require.Equal(t, deploy.CodeComplete, v.Code)
	_, err = b.rt.Change(t.Context(), one, deploy.Change{Restart: true})
	require.ErrorIs(t, err, fail.Refused.Err())
	m := b.manifest("")
	m.Name = "tiny"
	_, err = b.rt.Deploy(t.Context(), m, b.dir, runtime.DeployOptions{})
	require.ErrorIs(t, err, fail.Conflict.Err())
	_, err = b.rt.Get(t.Context(), deploy.Ref{Kind: deploy.Deployment, Name: "tiny"})
	require.ErrorIs(t, err, fail.NotFound.Err())
	_, err = b.rt.Get(t.Context(), deploy.Ref{Name: "nobody"})
	require.ErrorIs(t, err, fail.NotFound.Err())
}

func TestLogsFollowEveryStart(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	b.ready(1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var seen []string
	restarted := false
	for e, err := range b.rt.Logs(ctx, echo, deploy.LogOptions{Follow: true}) {
		require.NoError(t, err)
		require.Equal(t, "entry", e.Type)
		require.Equal(t, "echo", e.Entry.Service)
		require.True(t, strings.HasSuffix(e.Entry.Source, "/echo"))
		seen = append(seen, e.Entry.ID)
		if e.Entry.Message == "starting" && !restarted {
			restarted = true
			require.Equal(t, "info", e.Entry.Level)
			_, err := b.rt.Change(ctx, echo, deploy.Change{Restart: true})
			require.NoError(t, err)
			continue
		}
		if slices.ContainsFunc(seen, func(id string) bool { return strings.HasPrefix(id, "echo-2-") }) && e.Entry.Message == "SIGTERM" {
			break // the new one has spoken, and the old one until its end
		}
	}
	require.NoError(t, ctx.Err())
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(seen))), len(seen), "an id is of one line")
}

func TestMetricsAreTold(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	b := start(t, func(o *runtime.Options) { o.Metrics = reg })
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	b.ready(1)
	value := func(name string) float64 {
		families, err := reg.Gather()
		require.NoError(t, err)
		sum := 0.0
		for _, f := range families {
			if f.GetName() == name {
				for _, m := range f.GetMetric() {
					sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
		return sum
	}
	require.Eventually(t, func() bool { return value("aictl_runtime_replicas") == 1 }, 2*time.Second, 5*time.Millisecond)
	require.InDelta(t, 1, value("aictl_runtime_starts_total"), 0)
	require.NoError(t, b.rt.Delete(t.Context(), "echo", "", ""))
	require.Zero(t, value("aictl_runtime_replicas"))
	require.Zero(t, value("aictl_runtime_starts_total"))
}

func TestRevisionsAreForgottenInOrder(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.deploy(b.manifest(""), runtime.DeployOptions{})
	b.ready(1)
	yes := true
	_, err := b.rt.Change(t.Context(), echo, deploy.Change{Pause: &yes})
	require.NoError(t, err)
	for i := range 25 {
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, "data"), []byte(strconv.Itoa(i)), 0o600))
		b.deploy(b.manifest(""), runtime.DeployOptions{})
	}
	history, err := b.rt.History(t.Context(), echo)
	require.NoError(t, err)
	require.Len(t, history, 20)
	require.Equal(t, "26", history[0].Name)
	require.Equal(t, "1", history[19].Name, "the one that serves stays")
	copies, err := os.ReadDir(filepath.Join(b.o.Dir, "files", "echo"))
	require.NoError(t, err)
	require.Len(t, copies, 20)
}
