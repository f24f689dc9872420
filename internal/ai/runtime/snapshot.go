package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
)

// snapshot is the picture of the service now.
func (s *service) snapshot() *deploy.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.rt.now().UTC()
	rec := s.rec
	newest := rec.newest()
	out := &deploy.Snapshot{
		Version: versionOf(rec), Generation: rec.Generation, Observed: s.observed, Paused: rec.Paused, Taken: now,
		Events: slices.Clone(s.events),
	}
	w := &out.Workload
	*w = api.Workload{
		Engine: s.rt.Engine(), Namespace: namespace, Kind: deploy.Service, Name: s.name, Created: rec.Created, Changed: rec.Changed,
	}
	if newest == nil {
		return out
	}
	out.Template = template(newest)
	out.Deadline = 2*newest.Manifest.Probes.Startup.Timeout.D() + s.rt.o.Timing.Deadline
	w.Revision, w.Images, w.Cause = strconv.Itoa(newest.Number), deploy.Images(out.Template), newest.Reason
	w.Changed = newest.Created
	w.Desired = s.wanted
	if rec.Replicas != nil {
		w.Desired = *rec.Replicas
	}
	if rec.Target != rec.Stable && rec.Canary == nil && s.revisions[rec.Target] != nil {
		w.Desired = s.rolloutSize()
		if rec.Stable == 0 && rec.Replicas == nil {
			w.Desired = max(w.Desired, s.wanted)
		}
	}
	least := time.Duration(0)
	if rec.Stable != 0 && rec.Stable != rec.Target {
		least = s.rt.o.Timing.MinReady
	}
	looping := false
	for _, r := range s.replicas {
		one, st := s.picturesOf(r, newest.Number)
		out.Replicas = append(out.Replicas, one)
		if one.Deleting {
			continue
		}
		if one.Current {
			w.Updated++
			looping = looping || st.state == CrashLoop || st.bad >= 2 && !st.ready
		}
		if st.ready {
			w.Ready++
			if !one.Current || now.Sub(st.readySince) >= least {
				w.Available++
			}
		}
	}
	s.onCluster(out, newest)
	slices.SortStableFunc(out.Replicas, func(a, b deploy.Replica) int {
		x, _ := strconv.Atoi(a.Revision)
		y, _ := strconv.Atoi(b.Revision)
		return y - x
	})
	if rec.Canary != nil {
		out.Canary = &deploy.CanaryState{Revision: strconv.Itoa(rec.Canary.Revision), Weight: rec.Canary.Weight, Since: rec.Canary.Since}
		if s.judge != nil {
			out.Canary.Message = s.judge.message
		}
	}
	out.Conditions = append(s.conditions(now, out, looping), out.Conditions...)
	w.State = s.stateOf(out, looping)
	out.Raw = s.raw(out, newest)
	return out
}

// onCluster replaces the one address of a service on Kubernetes by the pods
// behind it, where they can be seen.
func (s *service) onCluster(out *deploy.Snapshot, newest *Revision) {
	if newest.Manifest.Runtime != plugin.Kubernetes {
		return
	}
	for _, r := range slices.Backward(s.replicas) {
		if r.rev.number != newest.Number {
			continue
		}
		v, blind := r.seen()
		if blind {
			out.Observed = min(out.Observed, out.Generation-1)
		}
		if v == nil {
			return
		}
		w, seen := &out.Workload, v.Workload
		w.Desired, w.Updated, w.Ready, w.Available = seen.Desired, seen.Updated, seen.Ready, seen.Available
		out.Replicas, out.Deadline = slices.Clone(v.Replicas), v.Deadline
		for i := range out.Replicas { // by our number, not by the cluster's
			out.Replicas[i].Revision = "0"
			if out.Replicas[i].Current {
				out.Replicas[i].Revision = strconv.Itoa(newest.Number)
			}
		}
		out.Events = append(slices.Clone(v.Events), out.Events...)
		if v.Observed < v.Generation {
			out.Observed = out.Generation - 1
		}
		for _, c := range v.Conditions {
			if c.Type == "Progressing" && c.Reason == "ProgressDeadlineExceeded" || c.Type == "ReplicaFailure" {
				out.Conditions = append(out.Conditions, c)
			}
		}
		return
	}
}

// stateOf is the one word of a list.
func (s *service) stateOf(out *deploy.Snapshot, looping bool) string {
	w := out.Workload
	rolling := s.rec.Target != s.rec.Stable || s.rec.Canary != nil
	switch {
	case s.rec.Paused:
		return "paused"
	case looping && (rolling || w.Available == 0):
		return "failed"
	case rolling:
		return "progressing"
	case w.Desired == 0 && len(out.Replicas) == 0:
		return "stopped"
	case w.Available >= w.Desired:
		return "ready"
	case w.Available == 0 && w.Desired > 0 && slices.ContainsFunc(out.Replicas, func(r deploy.Replica) bool { return !r.Started.IsZero() && !r.Ready }):
		return "degraded"
	case w.Available > 0:
		return "degraded"
	}
	return "progressing"
}

func (s *service) conditions(now time.Time, out *deploy.Snapshot, looping bool) []deploy.Condition {
	w := out.Workload
	available := deploy.Condition{Type: "Available", Status: "True", Reason: "MinimumReplicasAvailable"}
	if w.Available < w.Desired {
		available.Status, available.Reason = "False", "MinimumReplicasUnavailable"
	}
	progressing := deploy.Condition{Type: "Progressing", Status: "True", Reason: "Complete", Since: s.progress.UTC()}
	if s.rec.Target != s.rec.Stable && !s.rec.Paused {
		progressing.Reason = "ReplicaSetUpdated"
		if now.Sub(s.progress) > out.Deadline {
			progressing.Status, progressing.Reason = "False", "ProgressDeadlineExceeded"
			progressing.Message = fmt.Sprintf("revision %s has made no progress for %s", w.Revision, now.Sub(s.progress).Round(time.Second))
		}
	}
	if looping {
		available.Message = "a replica does not stay up"
	}
	return []deploy.Condition{available, progressing}
}

// picturesOf is a replica in the words of a pod.
func (s *service) picturesOf(r *replica, newest int) (deploy.Replica, status) {
	st := r.snapshot()
	rev := r.rev
	out := deploy.Replica{
		Name: r.name, Revision: rev.name, Current: rev.number == newest, Phase: "Running", Ready: st.ready,
		Deleting: r.stopping.Err() != nil, Created: st.created, Started: st.started, Reason: st.reason, Message: st.message,
	}
	if st.pid > 0 {
		out.Node = "pid " + strconv.Itoa(st.pid)
	}
	c := deploy.ContainerState{
		Name: s.name, Image: imageOf(rev.manifest), State: "running", Ready: st.ready, Restarts: st.restarts, Since: st.started, Last: st.last,
	}
	switch st.state {
	case Backoff, CrashLoop:
		out.Phase = "Pending"
		c.State, c.Reason, c.Message, c.Since = "waiting", st.reason, st.message, st.since
	case Stopped:
		out.Phase = "Succeeded"
		c.State, c.Exit = "terminated", st.last
	case Starting, Ready, Unready, Draining:
		if st.pid == 0 && rev.manifest.Runtime == plugin.Process || st.started.IsZero() {
			out.Phase = "Pending"
			c.State, c.Reason, c.Since = "waiting", "ContainerCreating", st.since
		}
	}
	ready := deploy.Condition{Type: "Ready", Status: "False", Since: st.since}
	if st.ready {
		ready.Status = "True"
	}
	out.Conditions = []deploy.Condition{ready}
	out.Containers = []deploy.ContainerState{c}
	return out, st
}

func imageOf(m *plugin.Manifest) string {
	if m.Runtime == plugin.Kubernetes {
		return m.Image
	}
	return m.Version
}

// template is what a revision runs, in the words of a pod's template.
func template(rev *Revision) deploy.Template {
	m := rev.Manifest
	c := deploy.Container{Name: m.Name, Image: imageOf(m), Command: m.Command, Limits: map[string]string{}}
	for _, e := range m.Env {
		source := "secret/" + e.Secret
		if e.Secret == "" {
			sum := sha256.Sum256([]byte(e.Value))
			source = "value sha256:" + hex.EncodeToString(sum[:])[:16]
		}
		c.Env = append(c.Env, deploy.EnvVar{Name: e.Name, Source: source})
	}
	if m.Limits.Memory > 0 {
		c.Limits["memory"] = m.Limits.Memory.String()
	}
	if m.Limits.CPU != "" {
		c.Limits["cpu"] = m.Limits.CPU
	}
	if m.Limits.Files > 0 {
		c.Limits["files"] = strconv.Itoa(m.Limits.Files)
	}
	if m.ImagePort > 0 {
		c.Ports = []int32{int32(m.ImagePort)} //nolint:gosec // Check bounds it
	}
	p := m.Probes
	line := func(p plugin.Probe) string {
		return fmt.Sprintf("http %s every %s, timeout %s, %d failures", p.Path, p.Period, p.Timeout, p.Failures)
	}
	c.Probes = map[string]string{"readiness": line(p.Readiness)}
	c.Timing = map[string]deploy.ProbeTiming{"readiness": {Period: p.Readiness.Period.D(), Failures: p.Readiness.Failures}}
	if m.Runtime != plugin.Remote {
		c.Probes["startup"] = fmt.Sprintf("http %s within %s", p.Readiness.Path, p.Startup.Timeout)
		c.Timing["startup"] = deploy.ProbeTiming{Period: p.Startup.Timeout.D(), Failures: 1}
		c.Probes["liveness"] = line(p.Liveness)
		c.Timing["liveness"] = deploy.ProbeTiming{Period: p.Liveness.Period.D(), Failures: p.Liveness.Failures}
	}
	out := deploy.Template{Containers: []deploy.Container{c}, Annotations: map[string]string{"aictl.dev/runtime": m.Runtime}}
	note := func(key, value string) {
		if value != "" {
			out.Annotations["aictl.dev/"+key] = value
		}
	}
	note("url", m.URL)
	note("listen", m.Listen)
	digest, files, ok := strings.Cut(rev.Digest, "+")
	note("manifest", digest[:min(len(digest), 16)])
	if ok {
		note("files", files[:min(len(files), 16)])
	}
	if !rev.Restart.IsZero() {
		note("restarted-at", rev.Restart.UTC().Format(time.RFC3339))
	}
	return out
}

// raw is the service as JSONPath expressions read it.
func (s *service) raw(out *deploy.Snapshot, newest *Revision) []byte {
	w := out.Workload
	spec := map[string]any{"manifest": newest.Manifest, "replicas": w.Desired, "paused": s.rec.Paused}
	if s.rec.Canary != nil {
		spec["canary"] = s.rec.Canary
	}
	return raw(map[string]any{
		"apiVersion": "aictl.dev/v1", "kind": "Service",
		"metadata": map[string]any{
			"name": s.name, "namespace": namespace, "generation": out.Generation, "creationTimestamp": s.rec.Created,
			"annotations": map[string]string{"aictl.dev/change-cause": s.rec.Cause, "aictl.dev/changed-by": s.rec.Actor},
		},
		"spec": spec,
		"status": map[string]any{
			"state": w.State, "revision": w.Revision, "observedGeneration": out.Observed, "replicas": len(out.Replicas),
			"updatedReplicas": w.Updated, "readyReplicas": w.Ready, "availableReplicas": w.Available, "conditions": out.Conditions,
		},
	})
}

func raw(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil { // manifests were checked: their schemas are JSON
		return []byte("{}")
	}
	return out
}
