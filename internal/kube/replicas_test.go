package kube

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

func TestAListOfReplicasIsReadInPages(t *testing.T) {
	f := newFake(t)
	const n = 2*page + 17
	for i := range n {
		f.has(fmt.Sprintf("%slone-%04d", podsPath, i), object{
			"metadata": object{"labels": object{"app": "lone"}}, "spec": object{"nodeName": "node-1", "containers": []any{object{"name": "main"}}},
			"status": object{"phase": "Pending", "podIP": "10.0.0.7"},
		})
	}
	k := f.client(Options{})
	f.mu.Lock()
	f.requests = nil
	f.mu.Unlock()
	seen := map[string]api.Replica{}
	for e, err := range k.Replicas(t.Context(), deploy.ReplicaQuery{}) {
		require.NoError(t, err)
		if e.Replica != nil {
			seen[e.Replica.Name] = *e.Replica
		}
	}
	require.Len(t, seen, n)
	require.Equal(t, api.Replica{
		Engine: "kubernetes", Context: "test", Namespace: "shop", Name: "lone-0003", State: "Pending", Containers: 1, Node: "node-1", IP: "10.0.0.7", Created: seen["lone-0003"].Created,
	}, seen["lone-0003"], "of no workload")
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Equal(t, []string{"GET /api/v1/namespaces/shop/pods", "GET /api/v1/namespaces/shop/pods", "GET /api/v1/namespaces/shop/pods"}, f.requests)
}

func TestWhoStopsListeningEndsTheList(t *testing.T) {
	f := newFake(t)
	for i := range 2*page + 1 {
		f.has(fmt.Sprintf("%slone-%04d", podsPath, i), object{"status": object{"phase": "Running"}})
	}
	k := f.client(Options{})
	for _, watch := range []bool{false, true} {
		for _, err := range k.Replicas(t.Context(), deploy.ReplicaQuery{Watch: watch}) {
			require.NoError(t, err)
			break // goleak looks
		}
	}
}

func TestWhatIsForgottenIsListedAnew(t *testing.T) {
	f := newFake(t)
	put := func(name, phase string) { f.has(podsPath+name, object{"status": object{"phase": phase}}) }
	put("a", "Running")
	put("b", "Running")
	put("c", "Running")
	k := f.client(Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var told []string
	synced := 0
	var end error
	for e, err := range k.Replicas(ctx, deploy.ReplicaQuery{Watch: true}) {
		if err != nil {
			end = err
			break
		}
		if e.Replica != nil {
			told = append(told, e.Type+" "+e.Replica.Name+" "+e.Replica.State)
			continue
		}
		require.Equal(t, api.ReplicaSynced, e.Type)
		switch synced++; synced {
		case 1: // the streams break, and what was before is forgotten
			told = nil
			f.mu.Lock()
			f.drop(podsPath + "a")
			f.mu.Unlock()
			put("b", "Failed")
			put("d", "Pending")
			f.expire()
		case 2:
			cancel()
		}
	}
	require.Equal(t, fail.Canceled, fail.CodeOf(end), "%v", end)
	require.Equal(t, 2, synced)
	require.ElementsMatch(t, []string{"replica b Failed", "replica d Pending", "gone a Running"}, told, "what differs, once, and not c")
}

func TestAWatchThatCannotGoOnSaysSo(t *testing.T) {
	f := newFake(t)
	f.has(podsPath+"a", object{"status": object{"phase": "Running"}})
	k := f.client(Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	refuse := func(code int, reason meta.StatusReason, message string) {
		f.mu.Lock()
		f.handle = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/pods") {
				status(w, code, reason, message)
				return true
			}
			return false
		}
		f.mu.Unlock()
	}
	var types []string
	var end error
	for e, err := range k.Replicas(ctx, deploy.ReplicaQuery{Watch: true}) {
		if err != nil {
			end = err
			break
		}
		types = append(types, e.Type)
		switch e.Type {
		case api.ReplicaSynced:
			refuse(500, meta.StatusReasonInternalError, "etcd is down")
			f.hangUp()
			f.expire()
		case api.ReplicaNotice:
			require.Equal(t, fail.Unavailable, e.Failure.Code)
			require.Contains(t, e.Message, "etcd is down")
			refuse(403, meta.StatusReasonForbidden, `User "ann" cannot list resource "pods" in API group ""`)
		}
	}
	require.Equal(t, fail.Forbidden, fail.CodeOf(end), "%v", end)
	require.Equal(t, []string{"replica", "synced", "notice"}, types[:3])
}

func TestTheOwnerDecidesWhoseAPodIs(t *testing.T) {
	yes := true
	pod := func(kind, owner string, labels map[string]string) *core.Pod {
		return &core.Pod{ObjectMeta: meta.ObjectMeta{Labels: labels, OwnerReferences: []meta.OwnerReference{{Kind: "Other", Name: "x"}, {Kind: kind, Name: owner, Controller: &yes}}}}
	}
	for name, tc := range map[string]struct {
		pod                *core.Pod
		workload, revision string
	}{
		"a Deployment's":             {pod("ReplicaSet", "web-canary-6d4f", map[string]string{"pod-template-hash": "6d4f"}), "deployment/web-canary", "6d4f"},
		"a bare ReplicaSet's":        {pod("ReplicaSet", "web", nil), "replicaset/web", ""},
		"an adopted ReplicaSet's":    {pod("ReplicaSet", "web", map[string]string{"pod-template-hash": "6d4f"}), "replicaset/web", ""},
		"a StatefulSet's":            {pod("StatefulSet", "db", map[string]string{"controller-revision-hash": "db-7f"}), "statefulset/db", "7f"},
		"a DaemonSet's":              {pod("DaemonSet", "agent", map[string]string{"controller-revision-hash": "7f"}), "daemonset/agent", "7f"},
		"a Job's":                    {pod("Job", "nightly-1", nil), "job/nightly-1", ""},
		"its own":                    {&core.Pod{}, "", ""},
		"an owner that is not in it": {&core.Pod{ObjectMeta: meta.ObjectMeta{OwnerReferences: []meta.OwnerReference{{Kind: "ReplicaSet", Name: "web"}}}}, "", ""},
	} {
		workload, revision := ownerOfPod(tc.pod)
		require.Equal(t, []string{tc.workload, tc.revision}, []string{workload, revision}, name)
	}
}

func TestOneWorkloadHasNoneOfItsNeighbours(t *testing.T) {
	f := newFake(t)
	f.has(deployments+"web", deployment("web", "", 2))
	canary := deployment("web-canary", "", 1)
	field(canary, "spec", "template", "metadata")["labels"] = object{"app": "web", "track": "canary"}
	field(canary, "spec", "selector")["matchLabels"] = object{"app": "web", "track": "canary"}
	f.has(deployments+"web-canary", canary)
	k := f.client(Options{})
	count := func(q deploy.ReplicaQuery) map[string]int {
		out := map[string]int{}
		for e, err := range k.Replicas(t.Context(), q) {
			require.NoError(t, err)
			if e.Replica != nil {
				out[e.Replica.Workload]++
			}
		}
		return out
	}
	require.Equal(t, map[string]int{"deployment/web": 2}, count(deploy.ReplicaQuery{Workload: deploy.Ref{Name: "web"}}))
	require.Equal(t, map[string]int{"deployment/web": 2, "deployment/web-canary": 1}, count(deploy.ReplicaQuery{Selector: "app=web"}))
	require.Empty(t, count(deploy.ReplicaQuery{Workload: deploy.Ref{Name: "web"}, Selector: "track=canary"}))
	for _, err := range k.Replicas(t.Context(), deploy.ReplicaQuery{AllNamespaces: true, Workload: deploy.Ref{Name: "web"}}) {
		require.Equal(t, fail.Usage, fail.CodeOf(err))
	}
}
