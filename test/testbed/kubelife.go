package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// life is a pod that is played, with what its next report still tells of the
// past: since when, and how the run before ended. One goroutine owns it.
type life struct {
	c       *Cluster
	pod     pod
	ip      string
	started string
	runs    map[string]*run
	since   map[string][2]string // condition → status, since
	events  map[PodEvent]int
}

// run is a container between two starts.
type run struct {
	restarts     int
	began, ended string
	last         [2]string // of the run before
	logs         podLog
}

func (c *Cluster) live(p pod) *life {
	n := c.played.Add(1)
	return &life{
		c: c, pod: p, ip: fmt.Sprintf("10.244.%d.%d", n/250%250, n%250+1), started: stamp(),
		runs: map[string]*run{}, since: map[string][2]string{}, events: map[PodEvent]int{},
	}
}

func stamp() string { return time.Now().UTC().Format(time.RFC3339) }

// play does the steps. A write that fails is of a pod that was deleted
// meanwhile: then there is nobody to tell.
func (l *life) play(ctx context.Context, play Play, decided chan<- time.Time) {
	meta := l.pod.Meta
	for _, s := range play {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.After):
		}
		if s.Apply != "" {
			_, _ = l.c.kubectl(ctx, strings.ReplaceAll(s.Apply, "NAMESPACE", meta.Namespace), "apply", "-n", meta.Namespace, "-f", "-")
		}
		if s.NodeReady != nil {
			l.node(ctx, *s.NodeReady)
		}
		if s.Event != nil {
			l.event(ctx, *s.Event)
		}
		if s.Container != nil || s.Init != nil || s.Phase != "" {
			status := l.status(s) // the run that a log belongs to begins here
			l.log(ctx, s)
			body, _ := json.Marshal(map[string]any{"status": status})
			_, _ = l.c.Do(ctx, http.MethodPatch, "/api/v1/namespaces/"+meta.Namespace+"/pods/"+meta.Name+"/status", "application/merge-patch+json", body)
		}
		if s.Decisive {
			select {
			case decided <- time.Now():
			default:
			}
		}
	}
}

// node makes the pod's node reachable or not, and does to the pod what the node
// lifecycle controller does to those of a node whose kubelet is silent.
func (l *life) node(ctx context.Context, is bool) {
	l.c.nodeReady(ctx, l.pod.Spec.Node, is)
	if is {
		return
	}
	l.since["Ready"] = [2]string{"False", stamp()}
	body, _ := json.Marshal(map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": "Ready", "status": "False", "lastTransitionTime": stamp()},
	}}})
	meta := l.pod.Meta
	_, _ = l.c.Do(ctx, http.MethodPatch, "/api/v1/namespaces/"+meta.Namespace+"/pods/"+meta.Name+"/status", "application/strategic-merge-patch+json", body)
	l.event(ctx, PodEvent{Reason: "NodeNotReady", Message: "Node is not ready", Source: "node-controller"})
}

// status is the whole status that a kubelet would write.
func (l *life) status(s Step) map[string]any {
	spec := l.pod.Spec
	out := map[string]any{"hostIP": "127.0.0.1", "hostIPs": []any{map[string]any{"ip": "127.0.0.1"}}, "startTime": l.started}
	if s.Phase != "" {
		out["phase"] = s.Phase
	}
	if s.Phase == "Running" || s.Init != nil {
		out["podIP"], out["podIPs"] = l.ip, []any{map[string]any{"ip": l.ip}}
	}
	started, ready := s.Init == nil, s.Container != nil && s.Container.Ready
	out["conditions"] = []any{
		l.condition("PodReadyToStartContainers", out["podIP"] != nil, ""), l.condition("PodScheduled", true, ""),
		l.condition("Initialized", started, "ContainersNotInitialized"), l.condition("Ready", ready, "ContainersNotReady"),
		l.condition("ContainersReady", ready, "ContainersNotReady"),
	}
	main := s.Container
	if s.Init != nil && main == nil {
		main = &ContainerStatus{Waiting: "PodInitializing"}
	}
	if len(spec.Inits) > 0 {
		init := s.Init
		if init == nil {
			init = &ContainerStatus{Exit: &Exit{0, "Completed"}, Ready: true}
		}
		out["initContainerStatuses"] = []any{l.container(spec.Inits[0], init)}
	}
	if main != nil {
		all := []any{l.container(spec.Containers[0], main)}
		for _, other := range spec.Containers[1:] { // those that nothing is wrong with
			one := &ContainerStatus{Waiting: "PodInitializing"}
			if s.Phase == "Running" {
				one = &ContainerStatus{Running: true, Ready: true}
			}
			all = append(all, l.container(other, one))
		}
		out["containerStatuses"] = all
	}
	return out
}

func (l *life) condition(kind string, is bool, reason string) map[string]any {
	status := map[bool]string{true: "True", false: "False"}[is]
	if l.since[kind][0] != status {
		l.since[kind] = [2]string{status, stamp()}
	}
	one := map[string]any{"type": kind, "status": status, "lastTransitionTime": l.since[kind][1]}
	if !is && reason != "" {
		what := map[bool]string{true: "incomplete", false: "unready"}[kind == "Initialized"]
		one["reason"], one["message"] = reason, "containers with "+what+" status: ["+l.pod.Spec.Containers[0].Name+"]"
	}
	return one
}

// container reports one, and keeps the times of its runs.
func (l *life) container(of containerSpec, s *ContainerStatus) map[string]any {
	r := l.runs[of.Name]
	if r == nil {
		r = &run{}
		l.runs[of.Name] = r
	}
	fresh := r.began == "" || r.ended != "" && (s.Running || s.Restarts != r.restarts)
	switch {
	case s.Running && fresh, s.Exit != nil && fresh:
		if r.ended != "" {
			r.last = [2]string{r.began, r.ended}
		}
		r.began, r.ended, r.restarts = stamp(), "", s.Restarts
	case s.Running && s.Restarts != r.restarts: // it ended and began between two reports
		r.last = [2]string{r.began, stamp()}
		r.began, r.restarts = stamp(), s.Restarts
	}
	if !s.Running && r.began != "" && r.ended == "" {
		r.ended = stamp()
	}
	ended := func(e *Exit, times [2]string) map[string]any {
		return map[string]any{"terminated": map[string]any{
			"exitCode": e.Code, "reason": e.Reason, "startedAt": times[0], "finishedAt": times[1], "containerID": "containerd://" + of.Name,
		}}
	}
	out := map[string]any{
		"name": of.Name, "image": of.Image, "imageID": "", "ready": s.Ready, "started": s.Running, "restartCount": s.Restarts,
		"state": map[string]any{}, "lastState": map[string]any{},
	}
	now, last := [2]string{r.began, r.ended}, r.last
	switch {
	case s.Waiting != "":
		waiting := map[string]any{"reason": s.Waiting}
		if s.Message != "" {
			waiting["message"] = s.Message
		}
		out["state"], last = map[string]any{"waiting": waiting}, now
	case s.Exit != nil:
		out["state"] = ended(s.Exit, now)
	case s.Running:
		out["state"] = map[string]any{"running": map[string]any{"startedAt": r.began}}
		out["containerID"] = "containerd://" + of.Name
	}
	if s.Last != nil {
		if last[0] == "" { // nobody saw it run
			last = [2]string{stamp(), stamp()}
		}
		out["lastState"] = ended(s.Last, last)
	}
	return out
}

// log appends the step's lines to the log of the container that it is about.
func (l *life) log(ctx context.Context, s Step) {
	of, status := l.pod.Spec.Containers[0].Name, s.Container
	if s.Init != nil && len(l.pod.Spec.Inits) > 0 {
		of, status = l.pod.Spec.Inits[0].Name, s.Init
	}
	if r := l.runs[of]; r != nil && status != nil && (len(s.Log) > 0 || status.Restarts > r.logs.run) {
		_ = r.logs.write(ctx, l.c, l.pod.Meta.Namespace, l.pod.Meta.Name, of, status.Restarts, s.Log)
	}
}

// event writes an event, or counts the one that is there.
func (l *life) event(ctx context.Context, e PodEvent) {
	meta, source := l.pod.Meta, e.Source
	if source == "" {
		source = "kubelet"
	}
	l.events[e]++
	path, now := "/api/v1/namespaces/"+meta.Namespace+"/events", stamp()
	name := fmt.Sprintf("%s.%x", meta.Name, hash(e.Reason+e.Message+meta.UID))
	if n := l.events[e]; n > 1 {
		body, _ := json.Marshal(map[string]any{"count": n, "lastTimestamp": now})
		_, _ = l.c.Do(ctx, http.MethodPatch, path+"/"+name, "application/merge-patch+json", body)
		return
	}
	object := map[string]any{"apiVersion": "v1", "kind": "Pod", "name": meta.Name, "namespace": meta.Namespace, "uid": meta.UID}
	if e.Field != "" {
		object["fieldPath"] = e.Field
	}
	kind := map[bool]string{true: "Normal", false: "Warning"}[e.Normal]
	body, _ := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Event", "type": kind, "reason": e.Reason, "message": e.Message, "count": 1,
		"metadata":       map[string]any{"name": name, "namespace": meta.Namespace},
		"firstTimestamp": now, "lastTimestamp": now, "source": map[string]any{"component": source, "host": l.pod.Spec.Node},
		"reportingComponent": source, "reportingInstance": l.pod.Spec.Node, "involvedObject": object,
	})
	_, _ = l.c.Do(ctx, http.MethodPost, path, "", body)
}
