package kube

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

func warning(pod, reason string, at time.Time) object {
	return object{
		"involvedObject": object{"kind": "Pod", "name": pod}, "type": "Warning", "reason": reason, "message": reason + " of " + pod,
		"lastTimestamp": at.UTC().Format(time.RFC3339), "count": 3,
	}
}

const eventsPath = "/api/v1/namespaces/shop/events/"

func TestAWatchIsTakenUpAgain(t *testing.T) {
	f := newFake(t)
	f.has(deployments+"web", deployment("web", "", 1))
	f.has(deployments+"webhook", deployment("webhook", "", 1))
	k := f.client(Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	step, pod := 0, ""
	var end error
	for s, err := range k.Watch(ctx, deploy.Ref{Name: "web"}) {
		if err != nil {
			end = err
			break
		}
		switch {
		case step == 0: // the streams break
			step, pod = 1, s.Replicas[0].Name
			f.hangUp()
			f.has(eventsPath+"other", warning("webhook-1", "Unhealthy", time.Now()))
			f.has(eventsPath+"old", warning(pod, "BackOff", time.Now().Add(-2*time.Hour)))
			f.has(eventsPath+"one", warning(pod, "Unhealthy", time.Now()))
		case step == 1 && len(s.Events) > 0: // what was before is forgotten meanwhile
			step = 2
			require.Len(t, s.Events, 1, "neither another's nor an old one")
			require.Equal(t, []any{"pod/" + pod, "Unhealthy", 3}, []any{s.Events[0].Object, s.Events[0].Reason, s.Events[0].Count})
			f.expire()
			f.has(podsPath+pod, object{"metadata": object{
				"labels": object{"app": "web"}, "ownerReferences": f.read(podsPath + pod)["metadata"].(object)["ownerReferences"],
			}, "status": object{"phase": "Failed", "reason": "Evicted"}})
		case step == 2 && len(s.Replicas) == 1 && s.Replicas[0].Reason == "Evicted":
			step = 3
			f.mu.Lock()
			f.drop(deployments + "web")
			f.mu.Unlock()
		}
	}
	require.Equal(t, 3, step)
	require.Equal(t, fail.NotFound, fail.CodeOf(end), "%v", end)
}

func (f *fake) read(path string) object {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[path]
}

func TestAWatchWithoutEventsIsStillOne(t *testing.T) {
	f := newFake(t)
	f.has(deployments+"web", deployment("web", "", 1))
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			return false
		}
		status(w, 403, meta.StatusReasonForbidden, `User "ann" cannot list resource "events" in API group ""`)
		return true
	}
	k := f.client(Options{})
	for s, err := range k.Watch(t.Context(), deploy.Ref{Name: "web"}) {
		require.NoError(t, err)
		require.Len(t, s.Replicas, 1)
		break
	}
	s, err := k.Get(t.Context(), deploy.Ref{Name: "web"})
	require.NoError(t, err)
	require.Len(t, s.Replicas, 1)
	// The pods are another matter: without them there is no picture.
	f.mu.Lock()
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/pods") {
			return false
		}
		status(w, 403, meta.StatusReasonForbidden, `User "ann" cannot list resource "pods" in API group ""`)
		return true
	}
	f.mu.Unlock()
	for _, err := range k.Watch(t.Context(), deploy.Ref{Name: "web"}) {
		require.Equal(t, fail.Forbidden, fail.CodeOf(err))
	}
}

func TestAReasonIsItsOwnRevisions(t *testing.T) {
	f := newFake(t)
	f.has(deployments+"web", deployment("web", "", 1))
	k := f.client(Options{})
	_, err := k.Change(t.Context(), deploy.Ref{Name: "web"}, deploy.Change{Images: map[string]string{"main": "web:2"}, Cause: "ours", Actor: "ann"})
	require.NoError(t, err)
	s, err := k.Get(t.Context(), deploy.Ref{Name: "web"})
	require.NoError(t, err)
	require.Equal(t, "ours", s.Workload.Cause)
	// kubectl leaves the annotations where they are.
	f.mu.Lock()
	o := f.objects[deployments+"web"]
	field(o, "spec", "template", "spec")["containers"] = []any{object{"name": "main", "image": "web:3"}}
	field(o, "metadata")["generation"] = 7
	f.put(deployments+"web", o)
	f.deploy()
	f.mu.Unlock()
	s, err = k.Get(t.Context(), deploy.Ref{Name: "web"})
	require.NoError(t, err)
	require.Empty(t, s.Workload.Cause)
	list, err := k.History(t.Context(), deploy.Ref{Name: "web"})
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, []string{"", "ours", ""}, []string{list[0].Cause, list[1].Cause, list[2].Cause})
	require.Equal(t, []string{"", "ann"}, []string{list[0].Actor, list[1].Actor})
}

func TestWhoMayOnlyScaleScales(t *testing.T) {
	f := newFake(t)
	f.has(deployments+"web", deployment("web", "", 1))
	scaled := ""
	f.handle = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method != http.MethodPatch:
			return false
		case strings.HasSuffix(r.URL.Path, "/scale"):
			scaled = r.URL.Query().Get("dryRun")
			answer(w, object{"apiVersion": "autoscaling/v1", "kind": "Scale"})
			return true
		}
		status(w, 403, meta.StatusReasonForbidden, `User "ann" cannot patch resource "deployments" in API group "apps"`)
		return true
	}
	k, five := f.client(Options{}), 5
	s, err := k.Change(t.Context(), deploy.Ref{Name: "web"}, deploy.Change{Scale: &five, Dry: true})
	require.NoError(t, err)
	require.Equal(t, 5, s.Workload.Desired)
	require.Equal(t, "All", scaled)
	_, err = k.Change(t.Context(), deploy.Ref{Name: "web"}, deploy.Change{Restart: true})
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
}
