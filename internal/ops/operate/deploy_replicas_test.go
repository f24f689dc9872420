package operate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// told is what a list of replicas tells, each event in one line; without order
// but for the end.
func told(t *testing.T, p *place, in api.ReplicaFilter) ([]string, error) {
	t.Helper()
	var out []string
	for e, err := range api.DeployReplicas.Each(t.Context(), p, in) {
		if err != nil {
			return out, err
		}
		line := e.Type
		switch {
		case e.Replica != nil:
			line += " " + e.Replica.Workload + " " + e.Replica.Name
		case e.Failure != nil:
			line += " " + e.Failure.Backend + " " + string(e.Failure.Code)
		case e.Engine != "":
			line += " " + e.Engine
		}
		out = append(out, line)
	}
	return out, nil
}

func TestReplicasOfAllEngines(t *testing.T) {
	p := newPlace()
	all, err := told(t, p, api.ReplicaFilter{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"replica deployment/web web-1-0", "replica deployment/web web-1-1", "synced kubernetes", "replica service/chat chat-1-0", "synced runtime", "synced",
	}, all)
	require.Equal(t, "synced", all[5], "when all have answered")
	one, err := told(t, p, api.ReplicaFilter{Engine: "runtime"})
	require.NoError(t, err)
	require.Equal(t, []string{"replica service/chat chat-1-0", "synced runtime", "synced"}, one)
	everywhere, err := told(t, p, api.ReplicaFilter{Namespace: "*"})
	require.NoError(t, err)
	require.ElementsMatch(t, all, everywhere)
	elsewhere, err := told(t, p, api.ReplicaFilter{Namespace: "shop"})
	require.NoError(t, err)
	require.Len(t, elsewhere, 3, "nothing but the ends")
}

func TestReplicasOfOneWorkload(t *testing.T) {
	p := newPlace()
	for _, name := range []string{"chat", "service/chat"} {
		got, err := told(t, p, api.ReplicaFilter{Name: name})
		require.NoError(t, err)
		require.Equal(t, []string{"replica service/chat chat-1-0", "synced runtime", "synced"}, got, "that the cluster has none is no failure")
	}
	got, err := told(t, p, api.ReplicaFilter{Name: "nothing"})
	require.Empty(t, got)
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	_, err = told(t, p, api.ReplicaFilter{Name: "web", Namespace: "*"})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	_, err = told(t, p, api.ReplicaFilter{Name: "nothing", Watch: true})
	require.Equal(t, fail.NotFound, fail.CodeOf(err), "and not for ever")
}

func TestAnEngineThatFailsIsANotice(t *testing.T) {
	p := newPlace()
	p.kube.Fail(fail.New(fail.Forbidden, "you may not list pods").Hint("ask"))
	for range 20 { // whoever is first
		got, err := told(t, p, api.ReplicaFilter{})
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"replica service/chat chat-1-0", "synced runtime", "notice kubernetes forbidden", "synced"}, got)
		require.Equal(t, "synced", got[3])
	}
	got, err := told(t, p, api.ReplicaFilter{Name: "chat"})
	require.NoError(t, err)
	require.Contains(t, got, "notice kubernetes forbidden", "it may have one of the name")
	_, err = told(t, p, api.ReplicaFilter{Name: "web"})
	require.Equal(t, fail.Forbidden, fail.CodeOf(err), "what an engine cannot say weighs more than that another has nothing")
	p.runtime.Fail(fail.New(fail.Unavailable, "down"))
	got, err = told(t, p, api.ReplicaFilter{})
	require.Empty(t, got)
	require.Contains(t, []fail.Code{fail.Forbidden, fail.Unavailable}, fail.CodeOf(err))
	_, err = told(t, p, api.ReplicaFilter{Engine: "kubernetes"})
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
}

func TestReplicasWatched(t *testing.T) {
	p := newPlace()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var after []string
	var end error
	whole := false
	for e, err := range api.DeployReplicas.Each(ctx, p, api.ReplicaFilter{Watch: true}) {
		if err != nil {
			end = err
			break
		}
		if whole && e.Replica != nil {
			after = append(after, fmt.Sprintf("%s %s %s %v", e.Type, e.Replica.Name, e.Replica.State, e.Replica.Ready))
		}
		switch {
		case e.Type == api.ReplicaSynced && e.Engine == "":
			whole = true
			p.kube.Edit(web, func(s *deploy.Snapshot) {
				s.Replicas[0].Ready = false
				s.Replicas[0].Containers[0].State, s.Replicas[0].Containers[0].Reason, s.Replicas[0].Containers[0].Restarts = "waiting", "CrashLoopBackOff", 4
				s.Replicas = s.Replicas[:1]
			})
		case len(after) == 2 && e.Type == api.ReplicaGone:
			p.runtime.Fail(fail.New(fail.Unavailable, "down"))
		case e.Type == api.ReplicaNotice:
			require.Equal(t, "runtime", e.Failure.Backend)
			p.kube.Fail(fail.New(fail.Auth, "the token has expired"))
		}
	}
	require.Equal(t, []string{"replica web-1-0 CrashLoopBackOff false", "gone web-1-1 Running true"}, after)
	require.Equal(t, fail.Auth, fail.CodeOf(end), "when nobody tells any more: %v", end)
}
