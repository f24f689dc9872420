package polish_test

import (
	"context"
	"net/http"
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
	env := func(k string) string {
		return map[string]string{"HOME": d.home, "AICTL_SERVER": "http://127.0.0.1:1", "LC_ALL": "C.UTF-8"}[k]
	}
	d.io.SetEnv(env)
	f := factory.New(d.io, env)
	f.Now = func() time.Time { return logsNoon }
	f.Cwd = func() (string, error) { return d.home, nil }
	f.Transport = op.InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
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
