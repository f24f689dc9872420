package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// PlayAnnotation on a pod's template names the play that its pods are given in
// place of kwok's: what a kubelet would write, in its words and its order.
const PlayAnnotation = "aictl.test/play"

// Play is the life of a pod. Its steps are done in order, for each pod anew.
type Play []Step

// Step is what a kubelet reports after a pause.
type Step struct {
	After time.Duration
	// Phase is the pod's; empty leaves it.
	Phase string
	// Container is the status of the pod's first container; nil leaves it. Init
	// is that of its first init container.
	Container, Init *ContainerStatus
	// Event is written about the pod.
	Event *PodEvent
	// Decisive marks the step after which nothing gets better by itself: the
	// verdict's time counts from there.
	Decisive bool
}

// ContainerStatus is a container as a kubelet reports it.
type ContainerStatus struct {
	Waiting  string // a reason
	Message  string
	Running  bool
	Ready    bool
	Exit     *Exit // terminated
	Last     *Exit
	Restarts int
}

// Exit is how a container ended.
type Exit struct {
	Code   int
	Reason string
}

// PodEvent is a warning about a pod.
type PodEvent struct{ Reason, Message string }

// Stage plays the pods of a namespace that carry the annotation, until the
// test ends. decided is told, once, when the first decisive step was written.
func (c *Cluster) Stage(t testing.TB, namespace string, plays map[string]Play) (decided <-chan time.Time) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	first := make(chan time.Time, 1)
	var wg sync.WaitGroup
	seen := map[string]context.CancelFunc{}
	wg.Go(func() {
		err := c.watch(ctx, "/api/v1/namespaces/"+namespace+"/pods", func(kind string, raw json.RawMessage) {
			var p pod
			if json.Unmarshal(raw, &p) != nil || p.Spec.Node == "" {
				return
			}
			uid := p.Meta.UID
			if kind == "DELETED" || p.Meta.Deleted != nil {
				if stop := seen[uid]; stop != nil {
					stop()
				}
				return
			}
			play, ok := plays[p.Meta.Annotations[PlayAnnotation]]
			if !ok || seen[uid] != nil {
				return
			}
			life, stop := context.WithCancel(ctx)
			seen[uid] = stop
			wg.Go(func() { c.play(life, p, play, first) })
		})
		if ctx.Err() == nil {
			t.Errorf("watching the pods of %s: %v", namespace, err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return first
}

type pod struct {
	Meta struct {
		Name, Namespace, UID string
		Annotations          map[string]string
		Deleted              *string `json:"deletionTimestamp"`
	} `json:"metadata"`
	Spec struct {
		Node       string `json:"nodeName"`
		Containers []struct{ Name, Image string }
		Inits      []struct{ Name, Image string } `json:"initContainers"`
	}
}

func (c *Cluster) play(ctx context.Context, p pod, play Play, decided chan<- time.Time) {
	for _, s := range play {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.After):
		}
		if s.Event != nil {
			c.event(ctx, p, *s.Event)
		}
		if s.Container != nil || s.Init != nil || s.Phase != "" {
			body, _ := json.Marshal(map[string]any{"status": s.status(p)})
			// The pod may have been deleted meanwhile: then there is nobody to tell.
			_, _ = c.Do(ctx, http.MethodPatch, "/api/v1/namespaces/"+p.Meta.Namespace+"/pods/"+p.Meta.Name+"/status", "application/merge-patch+json", body)
		}
		if s.Decisive {
			select {
			case decided <- time.Now():
			default:
			}
		}
	}
}

func (s Step) status(p pod) map[string]any {
	now := time.Now().UTC().Format(time.RFC3339)
	out := map[string]any{"hostIP": "127.0.0.1", "startTime": now}
	if s.Phase != "" {
		out["phase"] = s.Phase
	}
	condition := func(kind string, is bool, reason string) map[string]any {
		status := map[bool]string{true: "True", false: "False"}[is]
		one := map[string]any{"type": kind, "status": status, "lastTransitionTime": now}
		if !is {
			one["reason"] = reason
			one["message"] = "containers with unready status: [" + p.Spec.Containers[0].Name + "]"
		}
		return one
	}
	started := s.Init == nil
	ready := s.Container != nil && s.Container.Ready
	out["conditions"] = []any{
		condition("PodScheduled", true, ""), condition("Initialized", started, "ContainersNotInitialized"),
		condition("Ready", ready, "ContainersNotReady"), condition("ContainersReady", ready, "ContainersNotReady"),
	}
	if s.Init != nil && len(p.Spec.Inits) > 0 {
		out["initContainerStatuses"] = []any{s.Init.status(p.Spec.Inits[0].Name, p.Spec.Inits[0].Image, now)}
		if s.Container == nil {
			s.Container = &ContainerStatus{Waiting: "PodInitializing"}
		}
	}
	if s.Container != nil {
		out["containerStatuses"] = []any{s.Container.status(p.Spec.Containers[0].Name, p.Spec.Containers[0].Image, now)}
	}
	return out
}

func (s *ContainerStatus) status(name, image, now string) map[string]any {
	out := map[string]any{
		"name": name, "image": image, "imageID": "", "ready": s.Ready, "started": s.Running, "restartCount": s.Restarts,
		"state": map[string]any{}, "lastState": map[string]any{},
	}
	ended := func(e *Exit) map[string]any {
		return map[string]any{"terminated": map[string]any{
			"exitCode": e.Code, "reason": e.Reason, "startedAt": now, "finishedAt": now, "containerID": "containerd://" + name,
		}}
	}
	switch {
	case s.Waiting != "":
		out["state"] = map[string]any{"waiting": map[string]any{"reason": s.Waiting, "message": s.Message}}
	case s.Exit != nil:
		out["state"] = ended(s.Exit)
	case s.Running:
		out["state"] = map[string]any{"running": map[string]any{"startedAt": now}}
		out["containerID"] = "containerd://" + name
	}
	if s.Last != nil {
		out["lastState"] = ended(s.Last)
	}
	return out
}

// event writes a warning as a kubelet does.
func (c *Cluster) event(ctx context.Context, p pod, e PodEvent) {
	now := time.Now().UTC().Format(time.RFC3339)
	body, _ := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": e.Reason, "message": e.Message, "count": 1,
		"metadata":       map[string]any{"generateName": p.Meta.Name + ".", "namespace": p.Meta.Namespace},
		"firstTimestamp": now, "lastTimestamp": now, "source": map[string]any{"component": "kubelet", "host": p.Spec.Node},
		"involvedObject": map[string]any{
			"apiVersion": "v1", "kind": "Pod", "name": p.Meta.Name, "namespace": p.Meta.Namespace, "uid": p.Meta.UID,
			"fieldPath": fmt.Sprintf("spec.containers{%s}", p.Spec.Containers[0].Name),
		},
	})
	_, _ = c.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+p.Meta.Namespace+"/events", "", body)
}

// Await gives the time of the decisive step, and fails the test where none came
// within the limit.
func Await(t testing.TB, decided <-chan time.Time, limit time.Duration) time.Time {
	t.Helper()
	select {
	case at := <-decided:
		return at
	case <-time.After(limit):
		require.FailNow(t, "no decisive step was played", "within %s", limit)
		return time.Time{}
	}
}
