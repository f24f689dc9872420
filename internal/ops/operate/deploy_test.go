package operate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/alerts/alertstest"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deployfake"
	"github.com/aictl/aictl/internal/deploy/kubepath"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/operate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var web = deploy.Ref{Name: "web", Namespace: "default"}

func image(name string) deploy.Template {
	return deploy.Template{Containers: []deploy.Container{{Name: "app", Image: name}}}
}

// place is a context with a Kubernetes cluster and a runtime in memory.
type place struct {
	kube, runtime *deployfake.Cluster
	deps          operate.Deps
	policy        op.Policy
}

func newPlace() *place {
	p := &place{kube: deployfake.New("kubernetes", nil), runtime: deployfake.New("runtime", nil), policy: op.Policy{Authorize: op.AllowAll}}
	p.kube.Has(web, 2, image("app:1"))
	p.runtime.Has(deploy.Ref{Kind: deploy.Service, Name: "chat"}, 1, image("v1"))
	p.deps = operate.Deps{
		Clusters: func(context.Context) ([]deploy.Cluster, error) { return []deploy.Cluster{p.kube, p.runtime}, nil },
		Paths:    kubepath.Compile, Namespace: "default",
	}
	return p
}

// Send implements op.Caller by way of the handler in this process.
func (p *place) Send(_ context.Context, _ *op.Spec, req *http.Request) (*http.Response, error) {
	r := op.NewRegistry(p.policy)
	operate.Bind(r, p.deps)
	u, err := url.Parse("http://in-process" + req.URL.String())
	if err != nil {
		return nil, err
	}
	req.URL = u
	return op.InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: "ann"})))
	})}.RoundTrip(req)
}

func name(n string) api.WorkloadName { return api.WorkloadName{Name: n} }

// roll makes a second revision of web, which works.
func (p *place) roll(t *testing.T) {
	t.Helper()
	_, err := p.kube.Change(t.Context(), web, deploy.Change{Images: map[string]string{"app": "app:2"}, Cause: "release 2"})
	require.NoError(t, err)
	p.kube.Settle(web)
}

func TestUndoAppliesThePlanThatWasShown(t *testing.T) {
	p := newPlace()
	p.roll(t)
	before := len(p.kube.Writes())
	in := api.DeployUndoInput{WorkloadName: name("web")}
	plan, err := api.DeployUndo.Plan(t.Context(), p, in)
	require.NoError(t, err)
	require.Equal(t, "web", plan.Target)
	require.Contains(t, plan.Summary, "revision 2 goes back to 1")
	require.Equal(t, []op.Step{
		{Action: "from", Object: "deployment/web", Detail: "revision 2, version 2"},
		{Action: "change", Object: "deployment/web", Detail: "app image: app:2 → app:1"},
	}, plan.Steps)
	require.Len(t, p.kube.Writes(), before, "a plan writes nothing")

	// A crash, a new pod: status alone makes no plan stale.
	p.kube.Edit(web, func(s *deploy.Snapshot) { s.Workload.Ready, s.Workload.Available = 0, 0 })
	p.kube.Around(web, deploy.Related{Scaler: &deploy.Scaler{Name: "web", Min: 1, Max: 3, Wanted: 3}})
	out, err := api.DeployUndo.Apply(t.Context(), p, in, op.ApplyOptions{Digest: plan.Digest, Reason: "errors"})
	require.NoError(t, err)
	require.Equal(t, "3", out.Revision)
	require.Equal(t, []string{"app:1"}, out.Images)
	writes := p.kube.Writes()
	require.Len(t, writes, before+1)
	last := writes[before]
	require.Equal(t, "errors (undo to revision 1)", last.Cause)
	require.Equal(t, "ann", last.Actor)
	require.NotEmpty(t, last.Version)
}

// TestUndoNeverWritesOverSomebodyElse: whatever happens between a plan and its
// application, a changed version means exit 9 and no write.
func TestUndoNeverWritesOverSomebodyElse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's choices
	others := []func(p *place){
		func(p *place) { p.kube.Touch(web) },
		func(p *place) { two := 5; mustChange(t, p, deploy.Change{Scale: &two}) },
		func(p *place) { mustChange(t, p, deploy.Change{Images: map[string]string{"app": "app:3"}}) },
		func(p *place) { yes := true; mustChange(t, p, deploy.Change{Pause: &yes}) },
		func(p *place) { mustChange(t, p, deploy.Change{Restart: true}) },
	}
	for i := range 100 {
		p := newPlace()
		p.roll(t)
		in := api.DeployUndoInput{WorkloadName: name("deployment/web")}
		plan, err := api.DeployUndo.Plan(t.Context(), p, in)
		require.NoError(t, err)
		moved := r.IntN(2) == 0
		if moved {
			for range 1 + r.IntN(3) {
				others[r.IntN(len(others))](p)
			}
		}
		before := len(p.kube.Writes())
		_, err = api.DeployUndo.Apply(t.Context(), p, in, op.ApplyOptions{Digest: plan.Digest})
		if !moved {
			require.NoError(t, err)
			require.Len(t, p.kube.Writes(), before+1)
			continue
		}
		require.Equal(t, fail.Refused, fail.CodeOf(err), "round %d", i)
		require.Equal(t, 9, fail.CodeOf(err).Exit())
		require.ErrorContains(t, err, "stale")
		require.Len(t, p.kube.Writes(), before, "round %d", i)
	}
}

func mustChange(t *testing.T, p *place, c deploy.Change) {
	t.Helper()
	_, err := p.kube.Change(t.Context(), web, c)
	require.NoError(t, err)
}

// racing is a cluster whose workload changes just before each real write.
type racing struct{ *deployfake.Cluster }

func (r racing) Change(ctx context.Context, ref deploy.Ref, c deploy.Change) (*deploy.Snapshot, error) {
	if !c.Dry {
		r.Touch(ref)
	}
	return r.Cluster.Change(ctx, ref, c)
}

// TestARaceInsideTheHandlerIsStaleToo: between the second plan and the write
// only the engine can see it, and its conflict is the same refusal.
func TestARaceInsideTheHandlerIsStaleToo(t *testing.T) {
	p := newPlace()
	p.roll(t)
	before := len(p.kube.Writes())
	p.deps.Clusters = func(context.Context) ([]deploy.Cluster, error) { return []deploy.Cluster{racing{p.kube}}, nil }
	three := 3
	for what, call := range map[string]func(o op.ApplyOptions) error{
		"undo": func(o op.ApplyOptions) error {
			_, err := api.DeployUndo.Apply(t.Context(), p, api.DeployUndoInput{WorkloadName: name("web")}, o)
			return err
		},
		"scale": func(o op.ApplyOptions) error {
			_, err := api.DeployScale.Apply(t.Context(), p, api.DeployScaleInput{WorkloadName: name("web"), Replicas: &three}, o)
			return err
		},
		"delete": func(o op.ApplyOptions) error {
			_, err := api.DeployDelete.Apply(t.Context(), p, name("web"), o)
			return err
		},
	} {
		err := call(op.ApplyOptions{})
		require.Equal(t, fail.Refused, fail.CodeOf(err), what)
		require.ErrorContains(t, err, "stale", what)
	}
	require.Len(t, p.kube.Writes(), before)
}

func TestChanges(t *testing.T) {
	five := 5
	for _, c := range []struct {
		name  string
		apply func(p *place, o op.ApplyOptions) (op.Plan, api.DeployChanged, error)
		want  func(t *testing.T, c deploy.Change, out api.DeployChanged, plan op.Plan)
	}{
		{"scale", both(api.DeployScale, api.DeployScaleInput{WorkloadName: name("web"), Replicas: &five}), func(t *testing.T, c deploy.Change, out api.DeployChanged, plan op.Plan) {
			t.Helper()
			require.Equal(t, 5, *c.Scale)
			require.Equal(t, 5, out.Desired)
			require.Equal(t, "Scale deployment/web in default from 2 to 5 replicas", plan.Summary)
			require.Equal(t, []string{"hpa/web: max 3: a scale to 5 would be undone"}, plan.Notes)
		}},
		{"restart", both(api.DeployRestart, name("web")), func(t *testing.T, c deploy.Change, out api.DeployChanged, _ op.Plan) {
			t.Helper()
			require.True(t, c.Restart)
			require.Equal(t, "2", out.Revision)
		}},
		{"pause", both(api.DeployPause, name("web")), func(t *testing.T, c deploy.Change, _ api.DeployChanged, _ op.Plan) {
			t.Helper()
			require.True(t, *c.Pause)
		}},
		{"set-image", both(api.DeployImages, api.DeployImagesInput{WorkloadName: name("web"), Images: "registry:5000/app@sha256:abc"}), func(t *testing.T, c deploy.Change, out api.DeployChanged, plan op.Plan) {
			t.Helper()
			require.Equal(t, map[string]string{"app": "registry:5000/app@sha256:abc"}, c.Images)
			require.Equal(t, c.Images["app"], out.Images[0])
			require.Contains(t, plan.Steps[1].Detail, "app:1 → registry:5000")
		}},
		{"delete", both(api.DeployDelete, name("web")), func(t *testing.T, c deploy.Change, _ api.DeployChanged, plan op.Plan) {
			t.Helper()
			require.True(t, c.Delete)
			require.Equal(t, op.Destroy, plan.Effect)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace()
			p.kube.Around(web, deploy.Related{Scaler: &deploy.Scaler{Name: "web", Min: 1, Max: 3}})
			plan, out, err := c.apply(p, op.ApplyOptions{Reason: "why"})
			require.NoError(t, err)
			writes := p.kube.Writes()
			require.Len(t, writes, 1)
			require.Contains(t, writes[0].Cause, "why (")
			require.Equal(t, "1", writes[0].Version)
			c.want(t, writes[0], out, plan)
		})
	}
}

// both asks for the plan and applies it.
func both[In any](c *op.Change[In, api.DeployChanged], in In) func(p *place, o op.ApplyOptions) (op.Plan, api.DeployChanged, error) {
	return func(p *place, o op.ApplyOptions) (op.Plan, api.DeployChanged, error) {
		plan, err := c.Plan(context.Background(), p, in)
		if err != nil {
			return plan, api.DeployChanged{}, err
		}
		o.Digest = plan.Digest
		out, err := c.Apply(context.Background(), p, in, o)
		return plan, out, err
	}
}

func TestChangesThatCannotBe(t *testing.T) {
	zero := 0
	for _, c := range []struct {
		name string
		call func(p *place) error
		code fail.Code
		say  string
	}{
		{"no such workload", func(p *place) error {
			_, err := api.DeployRestart.Plan(context.Background(), p, name("nothing"))
			return err
		}, fail.NotFound, "nothing"},
		{"no such container", func(p *place) error {
			_, err := api.DeployImages.Plan(context.Background(), p, api.DeployImagesInput{WorkloadName: name("web"), Images: "sidecar=x:1"})
			return err
		}, fail.NotFound, "sidecar"},
		{"no earlier revision", func(p *place) error {
			_, err := api.DeployUndo.Plan(context.Background(), p, api.DeployUndoInput{WorkloadName: name("web")})
			return err
		}, fail.NotFound, "no earlier revision"},
		{"a canary on Kubernetes", func(p *place) error {
			_, err := api.DeployShare.Plan(context.Background(), p, api.DeployCanaryInput{WorkloadName: name("web"), Revision: "2", Weight: 10})
			return err
		}, fail.Refused, "second Deployment"},
		{"no canary to promote", func(p *place) error {
			_, err := api.DeployShare.Plan(context.Background(), p, api.DeployCanaryInput{WorkloadName: name("chat"), Promote: true})
			return err
		}, fail.NotFound, "no canary"},
		{"a canary of everything", func(p *place) error {
			_, err := api.DeployShare.Plan(context.Background(), p, api.DeployCanaryInput{WorkloadName: name("chat"), Revision: "1", Weight: 100})
			return err
		}, fail.Usage, "1 to 99"},
		{"a DaemonSet has no scale", func(p *place) error {
			p.kube.Has(deploy.Ref{Kind: deploy.DaemonSet, Name: "agent"}, 3, image("a"))
			_, err := api.DeployScale.Plan(context.Background(), p, api.DeployScaleInput{WorkloadName: name("agent"), Replicas: &zero})
			return err
		}, fail.Usage, "one replica a node"},
		{"all namespaces", func(p *place) error {
			_, err := api.DeployRestart.Plan(context.Background(), p, api.WorkloadName{Name: "web", Namespace: "*"})
			return err
		}, fail.Usage, "one namespace"},
		{"no engine", func(p *place) error {
			p.deps.Clusters = nil
			_, err := api.DeployRestart.Plan(context.Background(), p, name("web"))
			return err
		}, fail.Unavailable, "neither"},
		{"no manifests", func(p *place) error {
			_, err := api.DeployApply.Plan(context.Background(), p, api.DeployApplyInput{Manifest: "name: x"})
			return err
		}, fail.Unavailable, "no services"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace()
			err := c.call(p)
			require.Equal(t, c.code, fail.CodeOf(err), err)
			require.ErrorContains(t, err, c.say)
			require.Empty(t, p.kube.Writes())
		})
	}
}

func TestWhatIsSoAlreadyIsNoChange(t *testing.T) {
	two := 2
	p := newPlace()
	for _, call := range []func(p *place, o op.ApplyOptions) (op.Plan, api.DeployChanged, error){
		both(api.DeployScale, api.DeployScaleInput{WorkloadName: name("web"), Replicas: &two}),
		both(api.DeployResume, name("web")),
		both(api.DeployImages, api.DeployImagesInput{WorkloadName: name("web"), Images: "app=app:1"}),
	} {
		plan, out, err := call(p, op.ApplyOptions{})
		require.NoError(t, err)
		require.Empty(t, plan.Steps)
		require.Equal(t, "web", out.Name)
	}
	require.Empty(t, p.kube.Writes())
}

// asked counts the questions that an engine could take for changes.
type asked struct {
	*deployfake.Cluster
	n *int
}

func (a asked) Change(ctx context.Context, r deploy.Ref, c deploy.Change) (*deploy.Snapshot, error) {
	*a.n++
	return a.Cluster.Change(ctx, r, c)
}

func TestReadOnlyAsksNoDryRun(t *testing.T) {
	p, n := newPlace(), 0
	p.deps.Clusters = func(context.Context) ([]deploy.Cluster, error) { return []deploy.Cluster{asked{p.kube, &n}}, nil }
	_, err := api.DeployRestart.Plan(t.Context(), p, name("web"))
	require.NoError(t, err)
	require.Equal(t, 1, n, "the engine's own dry run")
	p.deps.ReadOnly = func() bool { return true }
	plan, err := api.DeployRestart.Plan(t.Context(), p, name("web"))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Contains(t, fmt.Sprint(plan.Notes), "read-only")
}

func TestTwoEngines(t *testing.T) {
	p := newPlace()
	list, err := api.DeployList.Call(t.Context(), p, api.WorkloadFilter{Namespace: "*"})
	require.NoError(t, err)
	require.Len(t, list.Workloads, 2)

	// The same name on both has to be told apart.
	p.runtime.Has(deploy.Ref{Kind: deploy.Service, Name: "web"}, 1, image("v1"))
	_, err = api.DeployShow.Call(t.Context(), p, api.DeployStatusInput{WorkloadName: name("web")})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	require.Contains(t, fail.From(err).Next, "--engine")
	s, err := api.DeployShow.Call(t.Context(), p, api.DeployStatusInput{WorkloadName: api.WorkloadName{Name: "web", Engine: "runtime"}})
	require.NoError(t, err)
	require.Equal(t, "Service", s.Kind)
	s, err = api.DeployShow.Call(t.Context(), p, api.DeployStatusInput{WorkloadName: name("deployment/web")})
	require.NoError(t, err)
	require.Equal(t, "kubernetes", s.Engine)

	// One that is away makes a list partial; it hides no workload of the other.
	p.kube.Fail(fail.New(fail.Unavailable, "no route"))
	list, err = api.DeployList.Call(t.Context(), p, api.WorkloadFilter{})
	require.NoError(t, err)
	require.Len(t, list.Workloads, 2)
	require.Equal(t, "kubernetes", list.Failed[0].Backend)
	_, err = api.DeployShow.Call(t.Context(), p, api.DeployStatusInput{WorkloadName: name("chat")})
	require.NoError(t, err)
	_, err = api.DeployShow.Call(t.Context(), p, api.DeployStatusInput{WorkloadName: name("other")})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "it may be on the engine that is away")
	p.runtime.Fail(fail.New(fail.Unavailable, "no route"))
	_, err = api.DeployList.Call(t.Context(), p, api.WorkloadFilter{})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
}

func TestDiffOfAnyTwoRevisions(t *testing.T) {
	p := newPlace()
	p.roll(t)
	mustChange(t, p, deploy.Change{Images: map[string]string{"app": "app:3"}})
	for _, c := range []struct{ from, to, wantFrom, wantTo, old, now string }{
		{"", "", "3", "2", "app:3", "app:2"},
		{"", "1", "3", "1", "app:3", "app:1"},
		{"1", "", "1", "3", "app:1", "app:3"},
		{"1", "2", "1", "2", "app:1", "app:2"},
	} {
		d, err := api.DeployCompare.Call(t.Context(), p, api.DeployDiffInput{WorkloadName: name("web"), From: c.from, ToRevision: c.to})
		require.NoError(t, err)
		require.Equal(t, []string{c.wantFrom, c.wantTo}, []string{d.From, d.To})
		require.Equal(t, []api.DeployChange{{Kind: "image", Action: "changed", Where: "app", Old: c.old, New: c.now}}, d.Changes)
	}
	list, err := api.DeployHistory.Call(t.Context(), p, name("web"))
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, "release 2", list[1].Cause)
	require.Equal(t, "app:2", list[1].Changes[0].New)
}

func TestLogsOfAllReplicasInOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace()
		p.kube.Has(deploy.Ref{Name: "api"}, 1, image("api:1"))
		for i := range 10 {
			time.Sleep(time.Second)
			p.kube.Says(web, "web-1-"+strconv.Itoa(i%2), "app", false, fmt.Sprintf(`{"level":"%s","msg":"line %d","n":%d}`, []string{"info", "error"}[i%2], i, i))
			p.kube.Says(web, "web-1-0", "app", true, "before")
			p.kube.Says(deploy.Ref{Name: "api"}, "api-1-0", "app", false, "of the other")
		}
		read := func(in api.DeployLogsInput) (out []string) {
			for e, err := range api.DeployLogs.Each(t.Context(), p, in) {
				require.NoError(t, err)
				out = append(out, e.Entry.Level+" "+e.Entry.Message)
			}
			return out
		}
		require.Equal(t, []string{"error line 5", "error line 7", "error line 9"}, read(api.DeployLogsInput{Name: "web", Level: "error", Tail: 5}))
		require.Equal(t, []string{"info line 8"}, read(api.DeployLogsInput{Name: "web", Where: "n == 8"}))
		require.Len(t, read(api.DeployLogsInput{Name: "web", Previous: true}), 10)
		require.Len(t, read(api.DeployLogsInput{Name: "web", Replica: "web-1-1"}), 5)
		all := read(api.DeployLogsInput{Selector: "app=api"})
		require.Equal(t, " of the other", all[0])
		require.Len(t, all, 10)
		for _, err := range api.DeployLogs.Each(t.Context(), p, api.DeployLogsInput{Selector: "app=none"}) {
			require.Equal(t, fail.NotFound, fail.CodeOf(err))
		}
	})
}

func TestLogsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for i := range 3 {
				time.Sleep(time.Second)
				p.kube.Says(web, "web-1-0", "app", false, strconv.Itoa(i))
			}
			time.Sleep(time.Second)
			cancel()
		}()
		var got []string
		for e, err := range api.DeployLogs.Each(ctx, p, api.DeployLogsInput{Name: "web", Follow: true}) {
			if err != nil {
				require.Equal(t, fail.Canceled, fail.CodeOf(err))
				break
			}
			got = append(got, e.Entry.Message)
		}
		require.Equal(t, []string{"0", "1", "2"}, got)
	})
}

// gauge is a metrics backend of one value.
type gauge struct {
	metrics.Querier
	value float64
}

func (g gauge) Instant(_ context.Context, query string, _ time.Time) (metrics.Result, error) {
	if query != "errors" {
		return metrics.Result{}, fail.New(fail.Usage, "parse error")
	}
	return metrics.Result{Series: []api.MetricSeries{{Samples: []api.MetricSample{{Value: api.Number(g.value)}}}}}, nil
}

func TestWaitAsksMetricsAndAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace()
		p.deps.Metrics = func(context.Context) (metrics.Querier, error) { return gauge{value: 2}, nil }
		manager := alertstest.New(time.Now, alertstest.Alert("Slow", "severity", "critical"))
		p.deps.Alerts = func(context.Context) (alerts.Manager, error) { return manager, nil }
		wait := func(in api.DeployWaitInput) (last api.DeployWaitEvent, err error) {
			in.WorkloadName = name("web")
			for e, err := range api.DeployWait.Each(t.Context(), p, in) {
				if err != nil {
					return last, err
				}
				last = e
			}
			return last, nil
		}
		v, err := wait(api.DeployWaitInput{Until: []string{"metric: errors > 1", "alert: severity=critical firing", "rollout=complete"}})
		require.NoError(t, err)
		require.Equal(t, api.DeployComplete, v.State)
		v, err = wait(api.DeployWaitInput{FailIf: []string{"alert: Slow firing"}})
		require.NoError(t, err)
		require.Equal(t, api.DeployFailed, v.State)
		_, err = wait(api.DeployWaitInput{Until: []string{"metric: wrong( > 1"}})
		require.Equal(t, fail.Usage, fail.CodeOf(err))
		_, err = wait(api.DeployWaitInput{Until: []string{"metric: wrong > 1"}})
		require.Equal(t, fail.Usage, fail.CodeOf(err))
		v, err = wait(api.DeployWaitInput{})
		require.NoError(t, err)
		require.Equal(t, api.DeployComplete, v.State, "the rollout, where nothing is said")

		var verdict api.DeployWaitEvent
		for e, err := range api.DeployVerify.Each(t.Context(), p, api.DeployVerifyInput{Expr: "errors < 1", For: op.Duration(time.Minute)}) {
			require.NoError(t, err)
			verdict = e
		}
		require.Equal(t, api.DeployFailed, verdict.State)
	})
}

func TestApplyIsBoundToItsPlan(t *testing.T) {
	p := newPlace()
	var got []deploy.Manifest
	version := "1"
	p.deps.Apply = func(_ context.Context, m deploy.Manifest) (deploy.Applied, error) {
		got = append(got, m)
		if m.Version != "" && m.Version != version {
			return deploy.Applied{}, fail.New(fail.Conflict, "moved")
		}
		return deploy.Applied{
			Workload: api.Workload{Engine: "runtime", Kind: deploy.Service, Name: "mask", Revision: "2"}, Version: version, Template: image("2"),
			Steps: []deploy.ApplyStep{{Action: "change", Object: "service/mask", Detail: "version 1 → 2"}},
		}, nil
	}
	in := api.DeployApplyInput{Manifest: "name: mask", Origin: "/srv/mask"}
	plan, err := api.DeployApply.Plan(t.Context(), p, in)
	require.NoError(t, err)
	require.Len(t, plan.Steps, 2)
	require.True(t, got[0].Dry)
	out, err := api.DeployApply.Apply(t.Context(), p, in, op.ApplyOptions{Digest: plan.Digest, Reason: "new model"})
	require.NoError(t, err)
	require.NotEmpty(t, out.Template)
	last := got[len(got)-1]
	require.False(t, last.Dry)
	require.Equal(t, []string{"1", "new model (apply)", "/srv/mask", "default"}, []string{last.Version, last.Cause, last.Origin, last.Namespace})

	version = "2"
	_, err = api.DeployApply.Apply(t.Context(), p, in, op.ApplyOptions{Digest: plan.Digest})
	require.Equal(t, fail.Refused, fail.CodeOf(err))
}
