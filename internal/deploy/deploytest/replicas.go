package deploytest

import (
	"cmp"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// rows is a list of replicas, which ends with one "synced".
func (x Target) rows(t *testing.T, q deploy.ReplicaQuery) map[string]api.Replica {
	t.Helper()
	out := map[string]api.Replica{}
	synced := false
	for e, err := range x.Cluster.Replicas(t.Context(), q) {
		require.NoError(t, err)
		require.False(t, synced, "nothing follows %+v", e)
		if e.Type == api.ReplicaSynced {
			require.Equal(t, x.Cluster.Engine(), e.Engine)
			synced = true
			continue
		}
		require.Equal(t, api.ReplicaSeen, e.Type)
		require.NotContains(t, out, e.Replica.Name, "each once")
		out[e.Replica.Name] = *e.Replica
	}
	require.True(t, synced)
	return out
}

func replicas(t *testing.T, x Target) {
	x.made(t, "replicas-b", 1)
	s := x.made(t, "replicas", 2)
	own := x.rows(t, deploy.ReplicaQuery{Namespace: x.Namespace, Workload: x.ref("replicas")})
	require.Len(t, own, 2, "and none of replicas-b")
	for _, r := range s.Replicas {
		got := own[r.Name]
		require.Equal(t, []string{x.Cluster.Engine(), x.Namespace, deploy.Title(s.Workload), "Running"}, []string{got.Engine, got.Namespace, got.Workload, got.State})
		require.True(t, got.Ready && got.ReadyContainers == 1 && got.Containers == 1 && got.Restarts == 0, "%+v", got)
		require.NotEmpty(t, got.Revision)
		require.Equal(t, r.Created, got.Created)
	}
	short := x.rows(t, deploy.ReplicaQuery{Namespace: x.Namespace, Workload: deploy.Ref{Name: "replicas"}})
	require.Equal(t, own, short, "the kind is found")
	all := x.rows(t, deploy.ReplicaQuery{Namespace: x.Namespace})
	everywhere := x.rows(t, deploy.ReplicaQuery{AllNamespaces: true})
	labelled := x.rows(t, deploy.ReplicaQuery{Namespace: x.Namespace, Selector: "app=replicas"})
	for name, r := range own {
		require.Equal(t, r, all[name])
		require.Equal(t, r, everywhere[name])
	}
	require.Equal(t, own, labelled)
	require.Empty(t, x.rows(t, deploy.ReplicaQuery{Namespace: "no-such-namespace"}))
	for want, q := range map[fail.Code]deploy.ReplicaQuery{
		fail.NotFound: {Namespace: x.Namespace, Workload: x.ref("no-such-workload"), Watch: true},
		fail.Usage:    {Namespace: x.Namespace, Selector: "app in ("},
	} {
		n := 0
		for _, err := range x.Cluster.Replicas(t.Context(), q) {
			n++
			code(t, want, err)
		}
		require.Equal(t, 1, n)
	}
}

func replicasWatched(t *testing.T, x Target) {
	before := x.made(t, "changing", 1)
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(x.Limit, 20*time.Second))
	defer cancel()
	have, last, step, gone := map[string]bool{}, map[string]api.Replica{}, 0, 0
	var end error
	for e, err := range x.Cluster.Replicas(ctx, deploy.ReplicaQuery{Namespace: x.Namespace, Workload: x.ref("changing"), Watch: true}) {
		if err != nil {
			end = err
			continue
		}
		switch e.Type {
		case api.ReplicaSeen:
			require.True(t, strings.HasPrefix(e.Replica.Name, "changing-"), e.Replica.Name)
			require.NotEqual(t, last[e.Replica.Name], *e.Replica, "only what has changed")
			last[e.Replica.Name], have[e.Replica.Name] = *e.Replica, e.Replica.Ready && e.Replica.State == "Running"
		case api.ReplicaGone:
			require.Contains(t, have, e.Replica.Name)
			delete(have, e.Replica.Name)
			gone++
		}
		ready := 0
		for _, is := range have {
			if is {
				ready++
			}
		}
		switch {
		case step == 0 && e.Type == api.ReplicaSynced:
			require.Equal(t, map[string]bool{before.Replicas[0].Name: true}, have)
			step = 1
			x.resize(ctx, t, "changing", 3)
		case step == 1 && ready == 3:
			step = 2
			x.resize(ctx, t, "changing", 1)
		case step == 2 && len(have) == 1:
			step = 3
			require.Equal(t, 2, gone)
			cancel()
		}
	}
	require.Equal(t, 3, step)
	code(t, fail.Canceled, end)
	for _, err := range x.Cluster.Replicas(t.Context(), deploy.ReplicaQuery{Namespace: x.Namespace, Watch: true}) {
		require.NoError(t, err)
		break // whoever stops listening ends the watch
	}
}
