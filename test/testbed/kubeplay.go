package testbed

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// PlayAnnotation on a pod's template names the play that its pods are given in
// place of kwok's: what a kubelet would write, in its words and its order.
const PlayAnnotation = "aictl.test/play"

// EventsAnnotation names a play of events alone about pods that stay kwok's.
const EventsAnnotation = "aictl.test/events"

// Play is the life of a pod. Its steps are done in order, for each pod anew,
// from when the pod has a node; a play of events alone begins when the
// scheduler has found none.
type Play []Step

// Step is what a kubelet reports after a pause.
type Step struct {
	After time.Duration
	// Log is what the container writes before its status is reported: to its
	// log, which a restart makes the previous one.
	Log []string
	// Apply is applied in the pod's namespace (see Fixture.Around).
	Apply string
	// NodeReady changes the pod's node; nil leaves it.
	NodeReady *bool
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

// PodEvent is an event about a pod; the same reason and message again is the
// same event, counted.
type PodEvent struct {
	Reason, Message string
	// Field is the container's path; empty is the pod as a whole.
	Field string
	// Source is who says it; empty is the kubelet. Normal ones are no warnings.
	Source string
	Normal bool
}

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
			if json.Unmarshal(raw, &p) != nil {
				return
			}
			uid := p.Meta.UID
			if kind == "DELETED" || p.Meta.Deleted != nil {
				if stop := seen[uid]; stop != nil {
					stop()
				}
				return
			}
			play, ok := plays[cmp.Or(p.Meta.Annotations[PlayAnnotation], p.Meta.Annotations[EventsAnnotation])]
			if !ok || seen[uid] != nil || !play.begins(p) {
				return
			}
			ctx, stop := context.WithCancel(ctx)
			seen[uid] = stop
			one := c.live(p)
			wg.Go(func() { one.play(ctx, play, first) })
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

// begins says whether the moment of the play's first step has come.
func (p Play) begins(of pod) bool {
	for _, s := range p {
		if s.Container != nil || s.Init != nil || s.Phase != "" {
			return of.Spec.Node != ""
		}
	}
	for _, one := range of.Status.Conditions {
		if one.Type == "PodScheduled" && one.Status == "False" {
			return true
		}
	}
	return false
}

type pod struct {
	Meta struct {
		Name, Namespace, UID string
		Annotations          map[string]string
		Deleted              *string `json:"deletionTimestamp"`
	} `json:"metadata"`
	Spec struct {
		Node       string          `json:"nodeName"`
		Containers []containerSpec `json:"containers"`
		Inits      []containerSpec `json:"initContainers"`
	} `json:"spec"`
	Status struct {
		Conditions []struct{ Type, Status string } `json:"conditions"`
	} `json:"status"`
}

type containerSpec struct{ Name, Image string }

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
