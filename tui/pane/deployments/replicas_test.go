package deployments

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

func pod(name string, ready bool, state string) api.Replica {
	r := api.Replica{Engine: "kubernetes", Namespace: "shop", Name: name, Workload: "deployment/web", Revision: "7c9", State: state, Ready: ready, Containers: 2, ReadyContainers: 1, Node: "n1", IP: "10.0.0.1", Created: noon.Add(-time.Hour)}
	if ready {
		r.ReadyContainers = 2
	}
	return r
}

func seen(r api.Replica) api.ReplicaEvent {
	return api.ReplicaEvent{Type: api.ReplicaSeen, Replica: &r}
}

func gone(r api.Replica) api.ReplicaEvent {
	return api.ReplicaEvent{Type: api.ReplicaGone, Replica: &r}
}

var synced = api.ReplicaEvent{Type: api.ReplicaSynced, Engine: "kubernetes"}

func onReplicas(tb testing.TB, contexts ...string) *Pane {
	tb.Helper()
	p := opened(tb, contexts...)
	listed(p, p.env.Primary().Name, web())
	p.Act("deployments.replicas")
	return p
}

func TestReplicasFollowTheStream(t *testing.T) {
	p := onReplicas(t)
	require.Equal(t, "aictl deploy replicas", p.Command())
	require.Contains(t, plainView(p, 100, 10), "Asking…")
	require.Contains(t, plainView(p, 100, 10), "reading")
	batch(p, replicaSlot+"demo", "demo", seen(pod("web-a", true, "Running")), seen(pod("web-b", false, "CrashLoopBackOff")), seen(pod("web-c", false, "Terminating")), synced)
	view := plainView(p, 120, 10)
	for _, want := range []string{"3 replicas · 1 ready · 2 not ready", "✓ Running", "✗ CrashLoopBackOff", "○ Terminating", "2/2", "1/2", "n1", "deployment/web"} {
		require.Contains(t, view, want)
	}
	require.NotContains(t, view, "reading")

	batch(p, replicaSlot+"demo", "demo", seen(pod("web-b", true, "Running")), gone(pod("web-c", false, "")), seen(pod("web-d", false, "Pending")), gone(pod("web-d", false, "")))
	require.Contains(t, plainView(p, 120, 10), "2 replicas · 2 ready")

	p.Act("deployments.trouble")
	require.Contains(t, plainView(p, 120, 10), "Nothing is in trouble")
	batch(p, replicaSlot+"demo", "demo", seen(pod("web-a", false, "OOMKilled")))
	require.Contains(t, plainView(p, 120, 10), "✗ OOMKilled")
	require.Contains(t, p.Command(), "--jq '.[] | select(.ready | not)'")
	batch(p, replicaSlot+"demo", "demo", seen(pod("web-a", true, "Running")))
	require.NotContains(t, plainView(p, 120, 10), "web-a")
	p.Act("deployments.trouble")

	s := p.Subject()
	require.Equal(t, "web", s.Service)
	require.Equal(t, map[string]string{"pod": "web-a"}, s.Labels)
	require.Equal(t, "aictl deploy logs deployment/web --tail 500 --replica web-a -f --since 1h", first[pane.Ran](t, p.Act("deployments.logs")).Command)
	p.Escape()
	require.Equal(t, "aictl deploy watch deployment/web", first[pane.Ran](t, p.Act("deployments.open")).Command)
	require.Equal(t, "aictl deploy replicas deployment/web", first[pane.Ran](t, p.Act("deployments.replicas")).Command)
	require.Len(t, p.stack, 2, "the screen of replicas is there once")
}

func TestReplicasAfterACut(t *testing.T) {
	p := onReplicas(t)
	batch(p, replicaSlot+"demo", "demo", seen(pod("web-a", true, "Running")), seen(pod("web-b", true, "Running")), synced)
	p.Update(feed.Batch{Key: feed.Key{Pane: Name, Slot: replicaSlot + "demo"}, Err: fail.New(fail.Unavailable, "the stream was cut"), Retry: time.Second})
	view := plainView(p, 100, 10)
	require.Contains(t, view, "! replicas: the stream was cut")
	require.Contains(t, view, "trying again")
	require.Contains(t, view, "web-b", "what was known stays")
	batch(p, replicaSlot+"demo", "demo", seen(pod("web-a", true, "Running")))
	require.Contains(t, plainView(p, 100, 10), "web-b", "until all is told")
	batch(p, replicaSlot+"demo", "demo", synced)
	view = plainView(p, 100, 10)
	require.NotContains(t, view, "web-b")
	require.NotContains(t, view, "cut")
	batch(p, replicaSlot+"demo", "demo", synced)
	require.Contains(t, plainView(p, 100, 10), "web-a", "an engine that was asked anew tells what differs alone")
}

func TestReplicasNameTheEngineThatDoesNotAnswer(t *testing.T) {
	p := onReplicas(t, "north", "south")
	batch(p, replicaSlot+"north", "north", seen(pod("web-a", true, "Running")), synced)
	batch(p, replicaSlot+"south", "south", api.ReplicaEvent{Type: api.ReplicaNotice, Engine: "runtime", Message: "away", Failure: &api.BackendFailure{Backend: "runtime", Message: "no way there", Next: "aictl doctor"}})
	view := plainView(p, 120, 12)
	require.Contains(t, view, "! context south: runtime: no way there → aictl doctor")
	require.Contains(t, view, "CONTEXT")
	batch(p, replicaSlot+"south", "south", api.ReplicaEvent{Type: api.ReplicaSynced, Engine: "runtime"})
	require.NotContains(t, plainView(p, 120, 12), "no way there")
}

func TestOtherNamespacesForgetTheReplicas(t *testing.T) {
	p := onReplicas(t)
	batch(p, replicaSlot+"demo", "demo", seen(pod("web-a", true, "Running")), synced)
	p.Act("deployments.namespaces")
	view := plainView(p, 100, 10)
	require.NotContains(t, view, "web-a")
	require.Contains(t, view, "all namespaces")
	batch(p, replicaSlot+"demo", "demo", seen(pod("web-a", true, "Running")), synced)
	require.Contains(t, plainView(p, 100, 10), "NAMESPACE")
	require.Contains(t, plainView(p, 100, 10), "1 replica · 1 ready")
}

func many(n int) []api.ReplicaEvent {
	out := make([]api.ReplicaEvent, 0, n+1)
	for i := range n {
		out = append(out, seen(pod(fmt.Sprintf("web-%05d", i), i%50 > 0, "Running")))
	}
	return append(out, synced)
}

func TestManyReplicas(t *testing.T) {
	p := onReplicas(t)
	batch(p, replicaSlot+"demo", "demo", many(13_000)...)
	require.Contains(t, plainView(p, 120, 40), "13,000 replicas · 12,740 ready · 260 not ready")
	p.Filter("web-00050")
	require.Equal(t, 1, strings.Count(plainView(p, 120, 40), " web-00050 "))
	p.Act("deployments.trouble")
	p.Filter("")
	require.Equal(t, 260, p.top().(*replicas).table.Len())
}

// A second of a large cluster: 100 changes in 30 batches, a frame after each.
func BenchmarkASecondOf13000Replicas(b *testing.B) {
	p := onReplicas(b)
	batch(p, replicaSlot+"demo", "demo", many(13_000)...)
	p.View(200, 60)
	n := 0
	for b.Loop() {
		for range 30 {
			events := make([]api.ReplicaEvent, 0, 4)
			for range 4 {
				n = (n + 7919) % 13_000
				events = append(events, seen(pod(fmt.Sprintf("web-%05d", n), n%3 > 0, "Running")))
			}
			batch(p, replicaSlot+"demo", "demo", events...)
			p.View(200, 60)
		}
	}
}

func BenchmarkTheFirst13000Replicas(b *testing.B) {
	events := many(13_000)
	for b.Loop() {
		p := onReplicas(b)
		for from := 0; from < len(events); from += 2000 {
			batch(p, replicaSlot+"demo", "demo", events[from:min(from+2000, len(events))]...)
			p.View(200, 60)
		}
	}
}
