// Package deploytest holds every engine of deployments to the same behaviour:
// what the port deploy.Cluster promises, and nothing of an engine's own. It is
// for tests only.
package deploytest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// Target is an engine under test. Every test takes workloads of its own names.
type Target struct {
	Cluster deploy.Cluster
	// Namespace and Kind are of the workloads that Make makes.
	Namespace, Kind string
	// Make brings a workload of version 1 there. It need not wait for it.
	Make func(t *testing.T, name string, replicas int)
	// Image is what a version is called in the workload's template.
	Image func(name string, version int) string
	// Roll brings a version; nil is a Change of Images.
	Roll func(t *testing.T, name string, version int)
	// Says makes a replica write lines; nil leaves the tests of logs out.
	Says func(t *testing.T, name, replica string, lines ...string)
	// Pauses says that the engine can pause a rollout of this kind; where it
	// cannot, it has to say so.
	Pauses bool
	// Shares says that the engine splits the calls between revisions.
	Shares bool
	// Resize changes the number of replicas of a kind that has none to be asked
	// for: a DaemonSet has one a node. nil is a kind that is scaled.
	Resize func(t *testing.T, name string, replicas int)
	// Limit is how long a rollout may take; 0 is 20 seconds.
	Limit time.Duration
}

// Conformance runs the suite; setup gives an engine at each call, which may be
// the same one.
func Conformance(t *testing.T, setup func(t *testing.T) Target) {
	tests := map[string]func(*testing.T, Target){
		"list": list, "get": get, "watch": watch, "a deleted one ends its watch": gone, "history": history, "undo": undo, "conflict": conflict,
		"one of many wins": race, "dry": dry, "scale": scale, "images": images, "restart": restart, "pause": pause, "canary": canary, "delete": remove, "related": related,
		"mistakes": mistakes, "cancelled": cancelled, "logs": logs, "logs that are followed": follow,
		"replicas": replicas, "replicas that are watched": replicasWatched,
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			x := setup(t)
			if strings.HasPrefix(name, "logs") && x.Says == nil {
				return // the engine has no such thing
			}
			f(t, x)
		})
	}
}

func (x Target) ref(name string) deploy.Ref {
	return deploy.Ref{Kind: x.Kind, Namespace: x.Namespace, Name: name}
}

// made makes a workload and waits for it.
func (x Target) made(t *testing.T, name string, replicas int) *deploy.Snapshot {
	t.Helper()
	x.Make(t, name, replicas)
	return x.settled(t, name, func(s *deploy.Snapshot) bool { return s.Workload.Desired == replicas })
}

func (x Target) roll(t *testing.T, name string, version int) *deploy.Snapshot {
	t.Helper()
	if x.Roll != nil {
		x.Roll(t, name, version)
	} else {
		_, err := x.Cluster.Change(t.Context(), x.ref(name), deploy.Change{Images: map[string]string{"": x.Image(name, version)}})
		require.NoError(t, err)
	}
	return x.settled(t, name, func(s *deploy.Snapshot) bool { return image(s.Template) == x.Image(name, version) })
}

// settled follows a workload until it is rolled out and the test is content.
func (x Target) settled(t *testing.T, name string, also func(*deploy.Snapshot) bool) *deploy.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(x.Limit, 20*time.Second))
	defer cancel()
	var state deploy.State
	var last api.DeployVerdict
	for s, err := range x.Cluster.Watch(ctx, x.ref(name)) {
		require.NoError(t, err, "the last verdict: %+v", last)
		last, state = deploy.Judge(state, s, time.Now(), deploy.JudgeOptions{})
		require.NotEqual(t, api.DeployFailed, last.Outcome, "%+v", last)
		if last.Outcome == api.DeployComplete && also(s) && len(alive(s)) == s.Workload.Desired {
			return s
		}
	}
	t.Fatalf("the watch of %s ended by itself", name)
	return nil
}

// alive are the replicas that take part.
func alive(s *deploy.Snapshot) (out []deploy.Replica) {
	for _, r := range s.Replicas {
		if !r.Deleting && r.Phase != "Succeeded" && r.Phase != "Failed" {
			out = append(out, r)
		}
	}
	return out
}

func image(t deploy.Template) string {
	for _, c := range t.Containers {
		if !c.Init {
			return c.Image
		}
	}
	return ""
}

func code(t *testing.T, want fail.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fail.CodeOf(err), "%v", err)
}

func list(t *testing.T, x Target) {
	x.made(t, "list-b", 1)
	x.made(t, "list-a", 2)
	all, err := x.Cluster.List(t.Context(), deploy.Filter{Namespace: x.Namespace})
	require.NoError(t, err)
	var names []string
	for _, w := range all {
		if strings.HasPrefix(w.Name, "list-") {
			names = append(names, w.Name)
			require.Equal(t, []string{x.Cluster.Engine(), x.Kind, x.Namespace, "ready"}, []string{w.Engine, w.Kind, w.Namespace, w.State})
			require.Equal(t, []string{x.Image(w.Name, 1)}, w.Images)
			require.Equal(t, w.Desired, w.Ready)
			require.False(t, w.Created.IsZero())
		}
	}
	require.Equal(t, []string{"list-a", "list-b"}, names, "by name")
	everywhere, err := x.Cluster.List(t.Context(), deploy.Filter{AllNamespaces: true, Kinds: []string{x.Kind}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(everywhere), 2)
	others := map[string]string{deploy.Deployment: deploy.DaemonSet, deploy.StatefulSet: deploy.DaemonSet, deploy.DaemonSet: deploy.Deployment, deploy.Service: deploy.Deployment}
	none, err := x.Cluster.List(t.Context(), deploy.Filter{Namespace: x.Namespace, Kinds: []string{others[x.Kind]}})
	require.NoError(t, err)
	for _, w := range none {
		require.NotEqual(t, x.Kind, w.Kind)
	}
	_, err = x.Cluster.List(t.Context(), deploy.Filter{Namespace: x.Namespace, Selector: "app in ("})
	code(t, fail.Usage, err)
}

func get(t *testing.T, x Target) {
	x.made(t, "get", 2)
	s, err := x.Cluster.Get(t.Context(), x.ref("get"))
	require.NoError(t, err)
	require.Equal(t, x.Image("get", 1), image(s.Template))
	require.NotEmpty(t, s.Version)
	require.GreaterOrEqual(t, s.Observed, s.Generation)
	require.False(t, s.Paused)
	require.Len(t, s.Replicas, 2)
	seen := map[string]bool{}
	for _, r := range s.Replicas {
		seen[r.Name] = true
		require.True(t, r.Ready && r.Current && !r.Deleting, "%+v", r)
		require.Equal(t, "Running", r.Phase)
		require.Equal(t, s.Workload.Revision, r.Revision)
		require.False(t, r.Created.IsZero())
		require.NotEmpty(t, r.Containers)
		require.Equal(t, "running", r.Containers[0].State)
	}
	require.Len(t, seen, 2)
	var raw map[string]any
	require.NoError(t, json.Unmarshal(s.Raw, &raw))
	require.NotContains(t, string(s.Raw), "managedFields")
	short, err := x.Cluster.Get(t.Context(), deploy.Ref{Namespace: x.Namespace, Name: "get"})
	require.NoError(t, err, "the kind is found")
	require.Equal(t, s.Version, short.Version, "looking changes nothing")
	require.Equal(t, x.Kind, short.Workload.Kind)
}

func watch(t *testing.T, x Target) {
	x.made(t, "watch", 1)
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(x.Limit, 20*time.Second))
	defer cancel()
	start, pictures, version := time.Now(), 0, ""
	var end error
	for s, err := range x.Cluster.Watch(ctx, x.ref("watch")) {
		if err != nil {
			end = err
			continue
		}
		pictures++
		if pictures == 1 {
			require.Less(t, time.Since(start), 5*time.Second, "a picture at once")
			version = s.Version
			x.resize(ctx, t, "watch", 2)
		}
		if s.Workload.Ready == 2 && (s.Version != version || x.Resize != nil) {
			cancel()
		}
	}
	require.GreaterOrEqual(t, pictures, 2)
	code(t, fail.Canceled, end)
}

func gone(t *testing.T, x Target) {
	x.made(t, "gone", 1)
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(x.Limit, 20*time.Second))
	defer cancel()
	first := true
	var end error
	for _, err := range x.Cluster.Watch(ctx, x.ref("gone")) {
		if end = err; err == nil && first {
			first = false
			_, err := x.Cluster.Change(ctx, x.ref("gone"), deploy.Change{Delete: true})
			require.NoError(t, err)
		}
	}
	code(t, fail.NotFound, end)
}

func history(t *testing.T, x Target) {
	x.made(t, "history", 1)
	s := x.roll(t, "history", 2)
	got, err := x.Cluster.History(t.Context(), x.ref("history"))
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, s.Workload.Revision, got[0].Name)
	require.True(t, got[0].Current && !got[1].Current, "the newest first")
	require.Equal(t, []string{x.Image("history", 2), x.Image("history", 1)}, []string{image(got[0].Template), image(got[1].Template)})
	require.Equal(t, 1, got[0].Ready)
	require.True(t, got[0].Good && got[1].Good, "both were rolled out")
	require.False(t, got[1].Created.After(got[0].Created))
}

func undo(t *testing.T, x Target) {
	first := x.made(t, "undo", 1).Workload.Revision
	second := x.roll(t, "undo", 2)
	_, err := x.Cluster.Change(t.Context(), x.ref("undo"), deploy.Change{Version: second.Version, Undo: first, Cause: "2 is bad", Actor: "ann"})
	require.NoError(t, err)
	back := x.settled(t, "undo", func(s *deploy.Snapshot) bool { return image(s.Template) == x.Image("undo", 1) })
	require.NotEqual(t, second.Version, back.Version)
	require.NotEqual(t, second.Workload.Revision, back.Workload.Revision)
	got, err := x.Cluster.History(t.Context(), x.ref("undo"))
	require.NoError(t, err)
	require.True(t, got[0].Current)
	require.Equal(t, []string{x.Image("undo", 1), "2 is bad", "ann"}, []string{image(got[0].Template), got[0].Cause, got[0].Actor})
	_, err = x.Cluster.Change(t.Context(), x.ref("undo"), deploy.Change{Undo: "4711"})
	code(t, fail.NotFound, err)
}

func related(t *testing.T, x Target) {
	x.made(t, "related", 1)
	around, err := x.Cluster.Related(t.Context(), x.ref("related"))
	require.NoError(t, err)
	require.NotNil(t, around)
}

func mistakes(t *testing.T, x Target) {
	x.made(t, "mistakes", 1)
	_, err := x.Cluster.Change(t.Context(), x.ref("mistakes"), deploy.Change{})
	code(t, fail.Usage, err)
	ctx, absent := t.Context(), x.ref("no-such-workload")
	_, err = x.Cluster.Get(ctx, absent)
	code(t, fail.NotFound, err)
	_, err = x.Cluster.History(ctx, absent)
	code(t, fail.NotFound, err)
	_, err = x.Cluster.Related(ctx, absent)
	code(t, fail.NotFound, err)
	_, err = x.Cluster.Change(ctx, absent, deploy.Change{Restart: true})
	code(t, fail.NotFound, err)
	for _, err := range x.Cluster.Watch(ctx, absent) {
		code(t, fail.NotFound, err)
	}
	for _, err := range x.Cluster.Logs(ctx, absent, deploy.LogOptions{Follow: true}) {
		code(t, fail.NotFound, err)
	}
}

func cancelled(t *testing.T, x Target) {
	x.made(t, "cancelled", 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	for _, err := range x.Cluster.Watch(ctx, x.ref("cancelled")) {
		if seen++; err != nil {
			code(t, fail.Canceled, err)
		}
		cancel()
	}
	require.GreaterOrEqual(t, seen, 1)
	for _, err := range x.Cluster.Watch(t.Context(), x.ref("cancelled")) {
		require.NoError(t, err)
		break // whoever stops listening ends the watch
	}
}

func messages(t *testing.T, x Target, name string, o deploy.LogOptions) (text, ids []string) {
	t.Helper()
	for e, err := range x.Cluster.Logs(t.Context(), x.ref(name), o) {
		require.NoError(t, err)
		if e.Entry == nil {
			continue
		}
		require.Equal(t, name, e.Entry.Service)
		require.Contains(t, e.Entry.Source, "/")
		require.False(t, e.Entry.Time.IsZero())
		if strings.HasPrefix(e.Entry.Message, "line ") {
			text, ids = append(text, e.Entry.Message), append(ids, e.Entry.ID)
		}
	}
	return text, ids
}

func logs(t *testing.T, x Target) {
	replica := x.made(t, "logs", 1).Replicas[0].Name
	x.Says(t, "logs", replica, "line 1", "line 2", "line 3")
	require.Eventually(t, func() bool { text, _ := messages(t, x, "logs", deploy.LogOptions{}); return len(text) == 3 }, 10*time.Second, 20*time.Millisecond)
	text, ids := messages(t, x, "logs", deploy.LogOptions{Replica: replica})
	require.Equal(t, []string{"line 1", "line 2", "line 3"}, text)
	_, again := messages(t, x, "logs", deploy.LogOptions{})
	require.Equal(t, ids, again, "the same over a second reading")
	require.Len(t, map[string]bool{ids[0]: true, ids[1]: true, ids[2]: true}, 3)
	tail, _ := messages(t, x, "logs", deploy.LogOptions{Tail: 1})
	require.Equal(t, []string{"line 3"}, tail)
	none, _ := messages(t, x, "logs", deploy.LogOptions{Replica: "another"})
	require.Empty(t, none)
}

func follow(t *testing.T, x Target) {
	replica := x.made(t, "follow", 1).Replicas[0].Name
	x.Says(t, "follow", replica, "line 0")
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(x.Limit, 20*time.Second))
	defer cancel()
	var text []string
	var end error
	for e, err := range x.Cluster.Logs(ctx, x.ref("follow"), deploy.LogOptions{Follow: true}) {
		if err != nil {
			end = err
			continue
		}
		if e.Entry == nil || !strings.HasPrefix(e.Entry.Message, "line ") {
			continue
		}
		if text = append(text, e.Entry.Message); len(text) == 5 {
			cancel()
			continue
		}
		x.Says(t, "follow", replica, fmt.Sprintf("line %d", len(text)))
	}
	require.Equal(t, []string{"line 0", "line 1", "line 2", "line 3", "line 4"}, text, "each once")
	code(t, fail.Canceled, end)
}
