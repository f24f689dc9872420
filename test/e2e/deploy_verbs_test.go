//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/kubepath"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/kube"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/operate"
	"github.com/aictl/aictl/test/testbed"
)

// verbs is one workload of a kind, and somebody who operates it with a
// kubeconfig and nothing else.
type verbs struct {
	*testing.T
	c        *testbed.Cluster
	me       *person
	ns, kind string
	name     string // KIND/web
}

func (v verbs) args(verb string, more ...string) []string {
	return append([]string{"deploy", verb, v.name, "-n", v.ns}, more...)
}

func (v verbs) do(verb string, more ...string) string {
	v.Helper()
	return v.me.must(v.T, v.args(verb, more...)...)
}

// refused is a verb that the kind does not have: its exit code, why, and what
// to do instead; and no trace of it.
func (v verbs) refused(code fail.Code, says, next, verb string, more ...string) {
	v.Helper()
	before := v.version()
	_, errs, exit := v.me.run(v.T, v.args(verb, append(more, "--yes", "--reason", "try it")...)...)
	require.Equal(v, code.Exit(), exit, errs)
	require.Contains(v, errs, says)
	require.Contains(v, errs, "next: "+next)
	require.Equal(v, before, v.version())
}

func (v verbs) version() string {
	v.Helper()
	return v.c.Kubectl(v.T, "get", v.name, "-n", v.ns, "-o", "jsonpath={.metadata.uid}/{.metadata.generation}")
}

func (v verbs) image() string {
	v.Helper()
	return v.c.Kubectl(v.T, "get", v.name, "-n", v.ns, "-o", "jsonpath={.spec.template.spec.containers[0].image}")
}

func (v verbs) pods() map[string]bool {
	v.Helper()
	out := map[string]bool{}
	for _, uid := range strings.Fields(v.c.Kubectl(v.T, "get", "pods", "-n", v.ns, "-l", "app=web", "-o", "jsonpath={.items[*].metadata.uid}")) {
		out[uid] = true
	}
	return out
}

// TestVerbsOnEveryKind: the verbs of `aictl deploy` do the same on each kind
// of workload that a cluster has, and what Kubernetes has none of is refused in
// so many words.
func TestVerbsOnEveryKind(t *testing.T) {
	c := testbed.Kubernetes(t)
	dir := testbed.Binaries(t)
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			_, env := testbed.Home(t, dir)
			v := verbs{
				T: t, c: c, me: &person{bin: filepath.Join(dir, "aictl"), env: append(env, "AICTL_KUBECONFIG="+c.Kubeconfig)},
				ns: c.Namespace(t), kind: kind, name: strings.ToLower(kind) + "/web",
			}
			make1(t, c, v.ns, kind, "web", 2)
			v.do("wait", "--timeout", "30s")
			v.looks()
			v.rolls()
			v.goesBack()
			v.restarts()
			v.scales()
			v.pauses()
			v.refused(fail.Refused, "Kubernetes has no canary by share of calls", "run the service on the control plane's runtime", "canary", "--revision", "1", "--weight", "10")
			v.saysItsLines()
			v.fails()
			v.do("delete", "--yes", "--reason", "over")
			_, _, exit := v.me.run(t, v.args("status")...)
			require.Equal(t, fail.NotFound.Exit(), exit)
		})
	}
}

func (v verbs) looks() {
	list := decoded[api.WorkloadList](v.T, v.me.must(v.T, "deploy", "list", "-n", v.ns, "-o", "json"))
	require.Len(v, list.Workloads, 1)
	require.Equal(v, []any{v.kind, "web", "ready", 2, 2}, []any{list.Workloads[0].Kind, list.Workloads[0].Name, list.Workloads[0].State, list.Workloads[0].Desired, list.Workloads[0].Ready})
	short := decoded[api.DeployStatus](v.T, v.me.must(v.T, "deploy", "status", "web", "-n", v.ns, "-o", "json"))
	require.Equal(v, v.kind, short.Kind, "the kind is found")
	require.Equal(v, deploy.CodeComplete, short.Verdict.Code)
	require.Len(v, short.Replicas, 2)
	v.do("wait", "--until", `jsonpath={.metadata.name}=web`, "--timeout", "10s")
	_, _, exit := v.me.run(v.T, v.args("wait", "--until", `jsonpath={.metadata.name}=other`, "--timeout", "1s")...)
	require.Equal(v, fail.Timeout.Exit(), exit)
}

func (v verbs) rolls() {
	lines := strings.Split(strings.TrimSpace(v.do("set-image", "main="+imageOf("web", 2), "--yes", "--watch", "--reason", "newer", "-o", "jsonl")), "\n")
	require.Contains(v, lines[len(lines)-1], `"code":"complete"`)
	require.Equal(v, imageOf("web", 2), v.image())
	unchanged := v.version()
	v.do("set-image", "main="+imageOf("web", 2), "--yes")
	require.Equal(v, unchanged, v.version(), "it has it already")

	history := decoded[[]api.DeployRevision](v.T, v.do("history", "-o", "json"))
	require.Len(v, history, 2)
	require.True(v, history[0].Current && history[0].Good && history[1].Good)
	require.Contains(v, history[0].Cause, "newer")
	require.Equal(v, []api.DeployChange{{Kind: "image", Action: "changed", Where: "main", Old: imageOf("web", 1), New: imageOf("web", 2)}}, history[0].Changes)
	out, _, exit := v.me.run(v.T, v.args("diff", "--exit-code", "-o", "json")...)
	require.Equal(v, fail.False.Exit(), exit)
	diff := decoded[api.DeployDiff](v.T, out)
	require.Equal(v, []string{history[0].Name, history[1].Name, imageOf("web", 1)}, []string{diff.From, diff.To, diff.Changes[0].New})
}

// goesBack by the plan that was shown: one that is stale writes nothing.
func (v verbs) goesBack() {
	v.Helper()
	before := v.version()
	require.Contains(v, v.do("undo", "--dry-run=server"), fmt.Sprintf("image: %s → %s", imageOf("web", 2), imageOf("web", 1)))
	require.Equal(v, before, v.version(), "a plan writes nothing")

	h := inProcess(v.T, v.c, v.ns)
	in := api.DeployUndoInput{WorkloadName: api.WorkloadName{Name: v.name, Namespace: v.ns}}
	stale, err := api.DeployUndo.Plan(v.Context(), h, in)
	require.NoError(v, err)
	v.c.Kubectl(v.T, "set", "env", "-n", v.ns, v.name, "ANOTHER=hand")
	meanwhile := v.version()
	_, err = api.DeployUndo.Apply(v.Context(), h, in, op.ApplyOptions{Digest: stale.Digest, Reason: "errors"})
	require.Equal(v, fail.Refused, fail.CodeOf(err), "%v", err)
	require.ErrorContains(v, err, "plan is stale")
	require.Equal(v, meanwhile, v.version(), "nothing was written")
	v.do("watch")

	v.do("undo", "--to-revision", "1", "--yes", "--watch", "--reason", "errors")
	require.Equal(v, imageOf("web", 1), v.image())
	history := decoded[[]api.DeployRevision](v.T, v.do("history", "-o", "json"))
	require.True(v, history[0].Current)
	require.Contains(v, history[0].Cause, "errors (undo to revision 1)")
	_, errs, exit := v.me.run(v.T, v.args("undo", "--to-revision", "99", "--yes")...)
	require.Equal(v, fail.NotFound.Exit(), exit, errs)
}

func (v verbs) restarts() {
	old := v.pods()
	v.do("restart", "--yes", "--watch", "--reason", "a leak")
	fresh := v.pods()
	require.Len(v, fresh, 2)
	for uid := range fresh {
		require.False(v, old[uid], "a pod is still of before")
	}
	require.Equal(v, imageOf("web", 1), v.image())
}

func (v verbs) scales() {
	if v.kind == deploy.DaemonSet {
		v.refused(fail.Usage, "one replica a node", "change its node selector", "scale", "--replicas", "3")
		return
	}
	require.Contains(v, v.do("scale", "--replicas", "3", "--dry-run=server"), "2 → 3 replicas")
	v.do("scale", "--replicas", "3", "--yes", "--watch")
	require.Len(v, v.pods(), 3)
	v.do("scale", "--replicas", "2", "--yes", "--watch")
}

func (v verbs) pauses() {
	if v.kind != deploy.Deployment {
		v.refused(fail.Usage, "a "+v.kind+" cannot be paused", "aictl deploy undo "+v.name+" -n "+v.ns, "pause")
		v.do("resume", "--yes") // it is not paused: as on every kind, that is no fault
		return
	}
	v.do("pause", "--yes", "--reason", "look first")
	v.do("set-image", imageOf("web", 4), "--yes")
	out, _, exit := v.me.run(v.T, v.args("watch", "-o", "json")...)
	require.Equal(v, fail.Inconclusive.Exit(), exit)
	require.Equal(v, deploy.CodePaused, lastVerdict(v.T, out).Code)
	v.do("resume", "--yes", "--watch")
}

func (v verbs) saysItsLines() {
	s := decoded[api.DeployStatus](v.T, v.do("status", "-o", "json"))
	for i, r := range s.Replicas {
		v.c.Logs(v.T, v.ns, r.Name, "main", 0, fmt.Sprintf("hello from %d", i))
	}
	testbed.Eventually(v.T, 10*time.Second, "the lines of both replicas are read", func(context.Context) error {
		out, errs, exit := v.me.run(v.T, v.args("logs")...)
		for i := range s.Replicas {
			if exit != 0 || !strings.Contains(out, fmt.Sprintf("hello from %d", i)) {
				return fmt.Errorf("exit %d: %s%s", exit, out, errs)
			}
		}
		return nil
	})
	one := v.do("logs", "--replica", s.Replicas[0].Name)
	require.Contains(v, one, "hello from 0")
	require.NotContains(v, one, "hello from 1")
}

// fails: a rollout whose container crashes is called on every kind.
func (v verbs) fails() {
	f := testbed.Failures["crash"]
	v.c.Stage(v.T, v.ns, map[string]testbed.Play{"crash": f.Play})
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": map[string]any{testbed.PlayAnnotation: "crash"}}}}})
	require.NoError(v, err)
	v.c.Kubectl(v.T, "patch", v.name, "-n", v.ns, "--type=merge", "-p", string(body))
	out, _, exit := v.me.run(v.T, v.args("watch", "-o", "json")...)
	require.Equal(v, fail.False.Exit(), exit)
	got := lastVerdict(v.T, out)
	require.Equal(v, f.Class, got.Code, "%+v", got)
	require.NotNil(v, got.Exit)
	require.Equal(v, 1, got.Exit.Code)
	require.Equal(v, "aictl deploy undo "+v.name+" -n "+v.ns, got.Next)
}

// inProcess is the operations over a cluster, for what the command line asks
// in one go and a person in two: a plan, and then its application.
func inProcess(t *testing.T, c *testbed.Cluster, namespace string) handler {
	t.Helper()
	k, err := kube.New(kube.Options{Kubeconfig: c.Kubeconfig, Namespace: namespace})
	require.NoError(t, err)
	t.Cleanup(k.Close)
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	operate.Bind(r, operate.Deps{
		Clusters: func(context.Context) ([]deploy.Cluster, error) { return []deploy.Cluster{k}, nil }, Paths: kubepath.Compile,
	})
	return handler{http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: "ann"})))
	})}
}
