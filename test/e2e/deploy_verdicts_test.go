//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/kube"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/test/testbed"
)

// calledWithin is how long a verdict may come after the decisive event.
const calledWithin = 3 * time.Second

// TestRolloutsAreJudged: every fixture that fails is called in time, by its
// class; every one that looks bad for a moment is not.
func TestRolloutsAreJudged(t *testing.T) {
	c := testbed.Kubernetes(t)
	cluster, err := kube.New(kube.Options{Kubeconfig: c.Kubeconfig})
	require.NoError(t, err)
	// judge gives how late the verdict came.
	judge := func(t *testing.T, fixture, class string) time.Duration {
		ns := c.Namespace(t)
		decided := c.Break(t, ns, "web", fixture)
		v, at := followed(t, cluster, ns, deploy.FollowOptions{Lines: 5})
		if class == "" {
			require.Equal(t, api.DeployComplete, v.Outcome, "%+v", v)
			return 0
		}
		late := at.Sub(testbed.Await(t, decided, 10*time.Second))
		t.Logf("%s %s after the decisive event: %s", v.Code, late.Round(time.Millisecond), v.Message)
		require.Equal(t, class, v.Code, "%+v", v)
		require.Equal(t, api.DeployFailed, v.Outcome)
		require.NotEmpty(t, v.Next)
		if class == deploy.CodeCrashLoop {
			require.NotNil(t, v.Exit)
			require.NotEmpty(t, v.Logs, "what it said last")
		}
		return late
	}
	require.GreaterOrEqual(t, len(testbed.Failures), 12)
	for name, f := range testbed.Failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			late := judge(t, name, f.Class)
			if late > calledWithin { // a machine that stood still for a moment is asked once more; the class never is
				t.Logf("%s is late: once more", late)
				late = judge(t, name, f.Class)
			}
			require.LessOrEqual(t, late, calledWithin)
		})
	}
	require.GreaterOrEqual(t, len(testbed.Transients), 6)
	for name, f := range testbed.Transients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			judge(t, name, f.Class)
		})
	}
}

func followed(t *testing.T, c deploy.Cluster, namespace string, o deploy.FollowOptions) (api.DeployVerdict, time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	for e, err := range deploy.Follow(ctx, c, deploy.Ref{Kind: deploy.Deployment, Namespace: namespace, Name: "web"}, o) {
		require.NoError(t, err)
		if e.Verdict != nil {
			return *e.Verdict, time.Now()
		}
	}
	t.Fatal("the rollout was not decided")
	return api.DeployVerdict{}, time.Time{}
}

// handler sends operations to a handler in this process over one cluster.
type handler struct{ http.Handler }

func (h handler) Send(_ context.Context, _ *op.Spec, req *http.Request) (*http.Response, error) {
	u, err := url.Parse("http://in-process" + req.URL.String())
	if err != nil {
		return nil, err
	}
	req.URL = u
	return op.InProcess{Handler: h}.RoundTrip(req)
}

// TestUndoOnKubernetes: a broken rollout is undone by the plan that was shown;
// a change in between makes the plan stale, and nothing is written.
func TestUndoOnKubernetes(t *testing.T) {
	c := testbed.Kubernetes(t)
	cluster, err := kube.New(kube.Options{Kubeconfig: c.Kubeconfig})
	require.NoError(t, err)
	h := inProcess(t, c, "")
	ns := c.Namespace(t)
	c.Break(t, ns, "web", "crash")
	v, _ := followed(t, cluster, ns, deploy.FollowOptions{})
	require.Equal(t, deploy.CodeCrashLoop, v.Code)
	require.Equal(t, "aictl deploy undo deployment/web -n "+ns, v.Next)

	in := api.DeployUndoInput{WorkloadName: api.WorkloadName{Name: "web", Namespace: ns}}
	stale, err := api.DeployUndo.Plan(t.Context(), h, in)
	require.NoError(t, err)
	require.Contains(t, planText(stale), "web image: aictl.invalid/web:2 → aictl.invalid/web:1")
	c.Kubectl(t, "scale", "-n", ns, "deployment/web", "--replicas=2")
	generation := func() string {
		return c.Kubectl(t, "get", "-n", ns, "deployment/web", "-o", "jsonpath={.metadata.generation}")
	}
	before := generation()
	_, err = api.DeployUndo.Apply(t.Context(), h, in, op.ApplyOptions{Digest: stale.Digest, Reason: "errors"})
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	require.ErrorContains(t, err, "plan is stale")
	require.Equal(t, before, generation(), "nothing was written")

	plan, err := api.DeployUndo.Plan(t.Context(), h, in)
	require.NoError(t, err)
	time.Sleep(2 * time.Second) // a person reads; the crash loop goes on, and makes no plan stale
	out, err := api.DeployUndo.Apply(t.Context(), h, in, op.ApplyOptions{Digest: plan.Digest, Reason: "errors"})
	require.NoError(t, err)
	v, _ = followed(t, cluster, ns, deploy.FollowOptions{JudgeOptions: deploy.JudgeOptions{Template: out.Template, Generation: out.Generation}})
	require.Equal(t, api.DeployComplete, v.Outcome, "%+v", v)

	var object struct {
		Metadata struct{ Annotations map[string]string } `json:"metadata"`
	}
	require.NoError(t, json.Unmarshal([]byte(c.Kubectl(t, "get", "-n", ns, "deployment/web", "-o", "json")), &object))
	require.Contains(t, object.Metadata.Annotations["kubernetes.io/change-cause"], "errors (undo to revision 1)")
	history, err := api.DeployHistory.Call(t.Context(), h, in.WorkloadName)
	require.NoError(t, err)
	require.True(t, history[0].Current)
	require.Equal(t, []string{"aictl.invalid/web:1"}, history[0].Images)
}

func planText(p op.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		b.WriteString(s.Action + " " + s.Object + ": " + s.Detail + "\n")
	}
	return b.String()
}
