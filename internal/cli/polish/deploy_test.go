package polish_test

import (
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deployfake"
	"github.com/aictl/aictl/internal/deploy/kubepath"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/operate"
	"github.com/aictl/aictl/internal/term"
)

// deployDesk is a person before a context with a Kubernetes cluster and a
// runtime, both in memory.
type deployDesk struct {
	kube, runtime *deployfake.Cluster
	out, err      *locked
	io            *term.IO
	deps          operate.Deps
	policy        op.Policy
	home          string
	vars          map[string]string
	down          string // a host that does not answer
	cut           int    // so many watches end before their end
}

var web = deploy.Ref{Name: "web", Namespace: "shop"}

func webTemplate(image string) deploy.Template {
	return deploy.Template{Containers: []deploy.Container{{Name: "app", Image: image, Env: []deploy.EnvVar{{Name: "MODE", Source: "value sha256:" + image}}}}}
}

func newDeployDesk(t *testing.T) *deployDesk {
	t.Helper()
	now := func() time.Time { return logsNoon }
	d := &deployDesk{out: &locked{}, err: &locked{}, kube: deployfake.New("kubernetes", now), runtime: deployfake.New("runtime", now), home: t.TempDir()}
	d.io, _, _, _ = term.Test()
	d.io.Out, d.io.Err = d.out, d.err
	d.deps = operate.Deps{
		Clusters:  func(context.Context) ([]deploy.Cluster, error) { return []deploy.Cluster{d.kube, d.runtime}, nil },
		Namespace: "default", Now: now, Paths: kubepath.Compile,
	}
	d.policy = op.Policy{Authorize: op.AllowAll}
	d.kube.Has(web, 3, webTemplate("app:1"))
	d.runtime.Has(deploy.Ref{Kind: deploy.Service, Name: "chat"}, 1, webTemplate("v3"))
	return d
}

func (d *deployDesk) run(t *testing.T, args ...string) error {
	t.Helper()
	return d.command(t, args...)(t.Context())
}

func (d *deployDesk) command(t *testing.T, args ...string) func(context.Context) error {
	t.Helper()
	t.Setenv("TZ", "UTC")
	time.Local = time.UTC //nolint:gosmopolitan // the goldens show times
	r := op.NewRegistry(d.policy)
	operate.Bind(r, d.deps)
	vars := map[string]string{"HOME": d.home, "LC_ALL": "C.UTF-8"}
	if maps.Copy(vars, d.vars); d.vars == nil {
		vars["AICTL_SERVER"] = "http://127.0.0.1:1"
	}
	env := func(k string) string { return vars[k] }
	d.io.SetEnv(env)
	f := factory.New(d.io, env)
	f.Now = func() time.Time { return logsNoon }
	f.Cwd = func() (string, error) { return d.home, nil }
	f.Transport = op.InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if d.cut > 0 && strings.HasSuffix(req.URL.Path, "/watch") { // an answer that ends before its end
			d.cut--
			w.Header().Set("Content-Type", "application/jsonl")
			_, _ = w.Write([]byte(`{"type":"workload","time":"2026-03-01T12:00:00Z","message":"1 of 3 replicas updated"}` + "\n")) // what is read tells
			return
		}
		if d.cut > 0 && strings.HasSuffix(req.URL.Path, "/replicas") {
			d.cut--
			w.Header().Set("Content-Type", "application/jsonl")
			_, _ = w.Write([]byte(`{"type":"replica","replica":{"engine":"kubernetes","namespace":"shop","name":"web-9-9","state":"Running","ready":true,"containers":1,"ready_containers":1,"restarts":0,"created":"2026-03-01T12:00:00Z"}}` + "\n" +
				`{"type":"synced","engine":"kubernetes"}` + "\n" + `{"type":"synced"}` + "\n"))
			return
		}
		if req.URL.Host == d.down {
			fail.WriteProblem(w, fail.New(fail.Unavailable, "down"))
			return
		}
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: "tester"})))
	})}
	root := cli.NewRoot(f)
	root.SetArgs(args)
	return root.ExecuteContext
}

// crash makes the newest revision of web crash, with hostile words.
func (d *deployDesk) crash() {
	d.kube.Edit(web, func(s *deploy.Snapshot) {
		s.Workload.Ready, s.Workload.Available, s.Workload.State = 0, 0, "failed"
		for i := range s.Replicas {
			s.Replicas[i].Ready = false
			s.Replicas[i].Containers = []deploy.ContainerState{{
				Name: "app", Image: "app:2", State: "waiting", Reason: "CrashLoopBackOff", Message: "back-off \x1b[31m10s", Restarts: 3,
				Last: &deploy.Termination{Code: 137, Signal: "SIGKILL", Reason: "OOMKilled", At: logsNoon.Add(-12 * time.Second)},
			}}
		}
		s.Events = []deploy.Event{{Time: logsNoon.Add(-2 * time.Second), Object: "pod/" + s.Replicas[0].Name, Reason: "BackOff", Message: "Back-off restarting\x07 failed container", Count: 4}}
	})
	d.kube.Says(web, "web-1-0", "app", true, "allocating\x1b]0;owned\x07")
	d.kube.Says(web, "web-1-0", "app", true, "fatal: out of memory")
}

func TestDeploymentsShown(t *testing.T) {
	for _, c := range []struct {
		name, args, want string
		crash            bool
		exit             fail.Code
	}{
		{name: "list", args: "deploy list -A", want: `
NAMESPACE   NAME             STATE   READY   UPDATED   REVISION   CHANGED   CAUSE
shop        deployment/web   ready   3/3           3          1   0s
default     service/chat     ready   1/1           1          1   0s
`},
		{name: "list of a namespace", args: "deploy list -n shop -o name", want: `
deployment/web
`},
		{name: "-A goes before -n", args: "deploy list -n nowhere -A -o name", want: `
deployment/web
service/chat
`},
		{name: "list of one kind", args: "deploy list -A --kind svc -o json --jq .workloads[].name", want: `
chat
`},
		{name: "status", args: "deploy status web -n shop", want: `
deployment/web in shop  complete
Why:       deployment/web is rolled out: 3 of 3 replicas available
Replicas:  3 of 3 ready, 3 updated, 3 available
Revision:  1, 0s ago
Images:    app:1

REPLICA   REVISION   STATE   RESTARTS   AGE   NODE
web-1-0          1   ready          0   0s    node-1
web-1-1          1   ready          0   0s    node-1
web-1-2          1   ready          0   0s    node-1
`},
		{name: "status of a crash", args: "deploy status deployment/web -n shop", crash: true, exit: fail.False, want: `
deployment/web in shop  failed: crash_loop
Why:       container app crashes: 3 restarts, it ended last with code 137 (SIGKILL), out of memory (and 2 more)
Replica:   web-1-0, and 2 more
Exit:      code 137, SIGKILL, OOMKilled, 12s ago
Engine:    back-off ^[[31m10s
Last lines of web-1-0/app:
  allocating^[]0;owned^G
  fatal: out of memory
Next:      aictl deploy logs deployment/web -n shop --previous
Replicas:  0 of 3 ready, 3 updated, 0 available
Revision:  1, 0s ago
Images:    app:1

REPLICA   REVISION   STATE              RESTARTS   AGE   NODE
web-1-0          1   CrashLoopBackOff          3   0s    node-1
web-1-1          1   CrashLoopBackOff          3   0s    node-1
web-1-2          1   CrashLoopBackOff          3   0s    node-1

LAST   COUNT   OBJECT        REASON    MESSAGE
2s         4   pod/web-1-0   BackOff   Back-off restarting^G failed container
`},
		{name: "status in one word", args: "deploy status web -n shop -o json --jq .verdict.code", crash: true, exit: fail.False, want: `
crash_loop
`},
		{name: "watch", args: "deploy watch web -n shop", want: `
12:00:00 workload  3 of 3 replicas updated, 3 available
12:00:00 replica   web-1-0 ready revision 1
12:00:00 replica   web-1-1 ready revision 1
12:00:00 replica   web-1-2 ready revision 1
12:00:00 complete  deployment/web is rolled out: 3 of 3 replicas available
`},
		{name: "watch of a crash", args: "deploy watch web -n shop -o jsonl --jq .type", crash: true, exit: fail.False, want: `
workload
replica
replica
replica
event
result
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeployDesk(t)
			if c.crash {
				d.crash()
			}
			err := d.run(t, strings.Fields(c.args)...)
			if c.exit == "" {
				require.NoError(t, err, d.err)
			} else {
				require.Equal(t, c.exit, fail.CodeOf(err), err)
				require.NotEmpty(t, fail.From(err).Next)
			}
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
			require.NotContains(t, d.out.String()+d.err.String(), "\x1b")
			require.Empty(t, d.kube.Writes())
		})
	}
}

// rollWeb makes a second revision of web: it worked, and what is around it
// has changed since the first.
func (d *deployDesk) rollWeb(t *testing.T) {
	t.Helper()
	_, err := d.kube.Change(t.Context(), web, deploy.Change{Images: map[string]string{"app": "app:2"}, Cause: "release 2\x1b[31m", Actor: "ann"})
	require.NoError(t, err)
	d.kube.Settle(web)
	d.kube.Around(web, deploy.Related{
		Config: []deploy.Fingerprint{{Object: "configmap/web", Hash: "x", Changed: logsNoon.Add(time.Hour), By: "kubectl\x07"}, {Object: "secret/gone"}},
		Scaler: &deploy.Scaler{Name: "web", Min: 2, Max: 5, Wanted: 3},
		Budget: &deploy.Budget{Name: "web", Wanted: 3, Healthy: 3},
	})
}

func TestPlansShown(t *testing.T) {
	for _, c := range []struct{ name, args, want string }{
		{"diff", "deploy diff web -n shop", `
deployment/web: revision 2 → 1
  - app image: app:2
  + app image: app:1
Changed since revision 1, and not by going back:
  ! configmap/web: its content changed after revision 1 was made, and stays (just now by kubectl^G)
  ! secret/gone: it does not exist, and the template refers to it
What will happen beside it:
  ! pdb/web: allows 0 disruptions (3 of 3 healthy): drains wait, and a rollout has no room to spare
`},
		{"diff for a script", "deploy diff web -n shop -o json --jq .changes[].new", `
app:1
`},
		{"history", "deploy history web -n shop", `
REVISION   STATE     MADE   READY   BY    CAUSE             CHANGES
       2   current   0s         3   ann   release 2^[[31m   app:2
       1   worked    0s         0
`},
		{"undo", "deploy undo web -n shop --dry-run=server", `
Undo deployment/web in shop: revision 2 goes back to 1, made 2026-03-01T12:00:00Z
  from deployment/web: revision 2, version 2
  change deployment/web: app image: app:2 → app:1
Note: configmap/web: its content changed after revision 1 was made, and stays
Note: secret/gone: it does not exist, and the template refers to it
Note: pdb/web: allows 0 disruptions (3 of 3 healthy): drains wait, and a rollout has no room to spare
Dry run: nothing was changed.
`},
		{"scale", "deploy scale web -n shop --replicas 1 --dry-run=server", `
Scale deployment/web in shop from 3 to 1 replicas
  from deployment/web: revision 2, version 2
  scale deployment/web: 3 → 1 replicas
Note: hpa/web: min 2: a scale to 1 would be undone
Note: pdb/web: wants 3 healthy replicas: with 1 every drain of a node will wait
Dry run: nothing was changed.
`},
		{"delete", "deploy delete service/chat --dry-run=server -o json --jq .effect", `
destroy
`},
		{"resume of what is not paused", "deploy resume web -n shop --dry-run=server", `
deployment/web in shop is not paused
Dry run: nothing was changed.
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeployDesk(t)
			d.rollWeb(t)
			before := len(d.kube.Writes())
			require.NoError(t, d.run(t, strings.Fields(c.args)...), d.err)
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
			require.NotContains(t, d.out.String()+d.err.String(), "\x1b")
			require.Len(t, d.kube.Writes(), before)
		})
	}
}

func TestDeploymentsChanged(t *testing.T) {
	for _, c := range []struct {
		name, args, want string
		settle           bool
		exit             fail.Code
		writes           int
	}{
		{name: "restart", args: "deploy restart web -n shop --yes --reason certificate", writes: 1, want: `
deployment/web is restarting.
`},
		{name: "undo, watched to its end", args: "deploy undo web -n shop --yes --watch --reason errors", settle: true, writes: 1, want: `
deployment/web goes back.
12:00:00 workload  3 of 3 replicas updated, 0 available
12:00:00 replica   web-3-0 not ready revision 3
12:00:00 replica   web-3-1 not ready revision 3
12:00:00 replica   web-3-2 not ready revision 3
12:00:00 workload  3 of 3 replicas updated, 3 available
12:00:00 replica   web-3-0 ready revision 3
12:00:00 replica   web-3-1 ready revision 3
12:00:00 replica   web-3-2 ready revision 3
12:00:00 complete  deployment/web is rolled out: 3 of 3 replicas available
`},
		{name: "without a terminal nothing is asked", args: "deploy undo web -n shop", exit: fail.Usage},
		{name: "read-only", args: "deploy undo web -n shop --yes --read-only", exit: fail.Refused},
		{name: "protected", args: "deploy delete web -n shop --yes", exit: fail.Refused},
		{name: "a flag that is for another", args: "deploy undo web -n shop --yes --for 1m", exit: fail.Usage},
		{name: "a grace for nothing", args: "deploy restart web -n shop --yes --grace 1m", exit: fail.Usage},
		{name: "an unknown workload", args: "deploy status nothing", exit: fail.NotFound},
		{name: "a wrong kind", args: "deploy status pod/x", exit: fail.Usage},
		{name: "a diff as a question", args: "deploy diff web -n shop --exit-code -o name", exit: fail.False},
		{name: "a wait for what cannot be", args: "deploy wait web -n shop --until rollout=don", exit: fail.Usage},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeployDesk(t)
			d.rollWeb(t)
			before := len(d.kube.Writes())
			if c.name == "protected" {
				d.policy.Protected = func(context.Context, op.Plan) bool { return true }
			}
			done := make(chan error, 1)
			run := d.command(t, strings.Fields(c.args)...)
			go func() { done <- run(t.Context()) }()
			if c.settle {
				require.Eventually(t, func() bool { return strings.Contains(d.out.String(), "web-3-2 not ready") }, 5*time.Second, time.Millisecond)
				d.kube.Settle(web)
			}
			err := <-done
			if c.exit == "" {
				require.NoError(t, err, d.err)
			} else {
				require.Equal(t, c.exit, fail.CodeOf(err), err)
			}
			require.Len(t, d.kube.Writes(), before+c.writes)
			if c.want != "" {
				require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
			}
			require.NotContains(t, d.out.String()+d.err.String(), "\x1b")
		})
	}
}

// TestDeploymentsOfSeveralContexts: each says which one it is of; one that does
// not answer makes a partial answer, and a failed rollout weighs more.
func TestDeploymentsOfSeveralContexts(t *testing.T) {
	d := newDeployDesk(t)
	config := filepath.Join(d.home, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte("contexts:\n  - {name: east, server: 'http://127.0.0.1:1', namespace: shop}\n  - {name: west, server: 'http://127.0.0.1:2', namespace: shop}\n"), 0o600))
	d.vars = map[string]string{"AICTL_CONFIG": config}
	run := func(code fail.Code, args ...string) string {
		d.out.buf.Reset()
		err := d.run(t, append([]string{"deploy", "--context", "*"}, args...)...)
		require.Equal(t, code, fail.CodeOf(err), "%v %v", args, err)
		return d.out.String()
	}
	require.Equal(t, `CONTEXT   NAME             STATE   READY   UPDATED   REVISION   CHANGED   CAUSE
east      deployment/web   ready   3/3           3          1   0s
west      deployment/web   ready   3/3           3          1   0s
`, run(fail.OK, "list"))
	require.Contains(t, run(fail.OK, "status", "web"), "Context west:\ndeployment/web in shop  complete\n")
	require.Equal(t, "[\"east\",\"west\"]\n", run(fail.OK, "status", "web", "-o", "json", "--jq", "map(.context)"))
	d.kube.Says(web, "web-1-0", "app", false, "hello")
	require.Contains(t, run(fail.OK, "logs", "web"), "west       web-1-0/app hello")

	d.down = "127.0.0.1:2"
	require.NotContains(t, run(fail.Partial, "list"), "west")
	require.Contains(t, run(fail.Partial, "status", "web"), "complete")
	require.Contains(t, d.err.String(), "context west did not answer: down")
	d.crash()
	require.Contains(t, run(fail.False, "status", "web"), "crash_loop")
	d.down = "127.0.0.1:1"
	run(fail.Partial, "list", "-o", "name")
}

// TestAWatchThatIsCutIsTakenUpAgain: the way to the server may break; what is
// followed is the rollout.
func TestAWatchThatIsCutIsTakenUpAgain(t *testing.T) {
	d := newDeployDesk(t)
	d.cut = 1
	require.NoError(t, d.run(t, "deploy", "watch", "web", "-n", "shop"))
	require.Contains(t, d.err.String(), "trying again")
	require.Contains(t, d.out.String(), "12:00:00 workload  1 of 3 replicas updated\n")
	require.Contains(t, d.out.String(), "12:00:00 complete  deployment/web is rolled out")
}
