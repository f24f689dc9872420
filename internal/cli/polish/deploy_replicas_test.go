package polish_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

func TestReplicasShown(t *testing.T) {
	for _, c := range []struct {
		name, args, want, says string
		crash                  bool
		down                   error
		exit                   fail.Code
	}{
		{name: "of a namespace", args: "deploy replicas -n shop", want: `
REPLICA   READY   STATE     RESTARTS   AGE
web-1-0   1/1     Running          0   0s
web-1-1   1/1     Running          0   0s
web-1-2   1/1     Running          0   0s
`},
		{name: "everywhere, with all that is known", args: "deploy replicas -A -o wide", crash: true, want: `
NAMESPACE   REPLICA    READY   STATE              RESTARTS   AGE   WORKLOAD         REVISION   NODE     IP   CREATED
default     chat-1-0   1/1     Running                   0   0s    service/chat     1          node-1        2026-03-01T12:00:00Z
shop        web-1-0    0/1     CrashLoopBackOff          3   0s    deployment/web   1          node-1        2026-03-01T12:00:00Z
shop        web-1-1    0/1     CrashLoopBackOff          3   0s    deployment/web   1          node-1        2026-03-01T12:00:00Z
shop        web-1-2    0/1     CrashLoopBackOff          3   0s    deployment/web   1          node-1        2026-03-01T12:00:00Z
`},
		{name: "of one workload", args: "deploy replicas service/chat -o name", want: `
replica/chat-1-0
`},
		{name: "by label", args: "deploy replicas -A -l app=chat -o json --jq .[].name", want: `
chat-1-0
`},
		{name: "none", args: "deploy replicas -n nowhere", says: "No replicas in namespace nowhere.", want: `
REPLICA   READY   STATE   RESTARTS   AGE
`},
		{name: "none, for a script", args: "deploy replicas -n nowhere -o json", want: `
[]
`},
		{name: "without the cluster", args: "deploy replicas -A -o name", down: fail.New(fail.Unavailable, "the cluster is away"), exit: fail.Partial, says: "kubernetes did not answer: the cluster is away", want: `
replica/chat-1-0
`},
		{name: "of an engine that does not answer", args: "deploy replicas --engine kubernetes", down: fail.New(fail.Forbidden, "no"), exit: fail.Forbidden, want: "\n"},
		{name: "of none", args: "deploy replicas nothing -o json", exit: fail.NotFound, want: "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeployDesk(t)
			if c.crash {
				d.crash()
			}
			if c.down != nil {
				d.kube.Fail(c.down)
			}
			err := d.run(t, strings.Fields(c.args)...)
			if c.exit == "" {
				require.NoError(t, err, d.err)
			} else {
				require.Equal(t, c.exit, fail.CodeOf(err), err)
			}
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
			require.Contains(t, d.err.String(), c.says)
		})
	}
}

func TestReplicasFollowed(t *testing.T) {
	d := newDeployDesk(t)
	d.cut = 1 // the first connection tells of one replica, and is cut
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	run := d.command(t, "deploy", "replicas", "-n", "shop", "--watch")
	go func() { done <- run(ctx) }()
	shows := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(d.out.String(), text) }, 10*time.Second, time.Millisecond, "%s", d.out)
	}
	shows("web-9-9 gone")
	d.kube.Edit(web, func(s *deploy.Snapshot) {
		s.Replicas[0].Containers[0] = deploy.ContainerState{Name: "app", State: "waiting", Reason: "Crash\x1b[31mLoop", Restarts: 2}
		s.Replicas[0].Ready = false
		s.Replicas = s.Replicas[:2]
	})
	shows("web-1-2 gone")
	cancel()
	require.Equal(t, fail.Canceled, fail.CodeOf(<-done))
	require.Equal(t, strings.TrimPrefix(`
REPLICA   READY   STATE     RESTARTS   AGE
web-9-9   1/1     Running          0   0s
12:00:00 web-1-0 1/1 Running
12:00:00 web-1-1 1/1 Running
12:00:00 web-1-2 1/1 Running
12:00:00 web-9-9 gone
12:00:00 web-1-0 0/1 Crash^[[31mLoop restarts 2
12:00:00 web-1-2 gone
`, "\n"), d.out.String())
	require.Contains(t, d.err.String(), "trying again")
}

func TestReplicasFollowedByAProgram(t *testing.T) {
	d := newDeployDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	run := d.command(t, "deploy", "replicas", "web", "-n", "shop", "--watch", "-o", "jsonl")
	go func() { done <- run(ctx) }()
	lines := func(n int) []string {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Count(d.out.String(), "\n") >= n }, 10*time.Second, time.Millisecond, "%s", d.out)
		return strings.Split(strings.TrimSpace(d.out.String()), "\n")
	}
	lines(5)
	d.kube.Edit(web, func(s *deploy.Snapshot) { s.Replicas = s.Replicas[1:] })
	lines(6)
	cancel()
	require.Error(t, <-done)
	var types []string
	for _, l := range lines(7) {
		var e api.ReplicaEvent
		require.NoError(t, json.Unmarshal([]byte(l), &e), l)
		types = append(types, e.Type)
	}
	require.Equal(t, []string{"replica", "replica", "replica", "synced", "synced", "gone", "error"}, types)
}
