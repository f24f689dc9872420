package deployments

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

func crashed() api.DeployVerdict {
	return api.DeployVerdict{
		Outcome: api.DeployFailed, Code: "crash_loop", Reason: "CrashLoopBackOff",
		Message: "container app of cart-b exits with code 1 again and again", Replica: "cart-b", Container: "app", Affected: 2,
		Exit:  &api.DeployExit{Code: 1, Reason: "Error", At: noon.Add(-12 * time.Second)},
		Logs:  []api.LogEntry{{Message: "starting\nno such table: carts\n", Level: "error"}},
		Notes: []string{"a disruption budget allows none"}, Next: "aictl deploy undo deployment/cart -n shop", Since: noon.Add(-time.Minute),
	}
}

func status(w api.Workload, v api.DeployVerdict) api.DeployStatus {
	return api.DeployStatus{
		Workload: w, Verdict: v,
		Replicas: []api.DeployReplica{
			{Name: "cart-a", Revision: "3", State: "Running", Ready: true, Created: noon.Add(-time.Hour), Node: "n1"},
			{Name: "cart-b", Revision: "4", Current: true, State: "CrashLoopBackOff", Restarts: 4, Created: noon.Add(-time.Minute), Node: "n2", Message: "back-off 40s"},
		},
		Events: []api.DeployEvent{{Time: noon.Add(-20 * time.Second), Object: "pod/cart-b", Reason: "BackOff", Message: "Back-off restarting\nfailed container", Count: 5}},
	}
}

func onRollout(tb testing.TB) *Pane {
	tb.Helper()
	p := opened(tb)
	listed(p, "demo", cart(), web())
	p.Act("deployments.open")
	return p
}

func TestRolloutShowsTheVerdictAndWhy(t *testing.T) {
	p := onRollout(t)
	require.Equal(t, "aictl deploy watch deployment/cart", p.Command())
	answer(p, statusSlot, "demo", status(cart(), crashed()), nil)
	view := plainView(p, 100, 40)
	for _, want := range []string{
		"deployment/cart in shop  ✗ failed: crash_loop", "following",
		"Why        container app of cart-b exits with code 1", "Replica    cart-b, and 1 more", "Exit       code 1, Error, 12s ago",
		"Note       a disruption budget allows none", "Next       aictl deploy undo deployment/cart -n shop",
		"1 of 3 ready, 3 updated", "Last lines of cart-b/app", "no such table: carts", "✗ CrashLoopBackOff", "n2 back-off 40s",
		"pod/cart-b", "Back-off restarting failed container",
	} {
		require.Contains(t, view, want)
	}
	wide := strings.Split(plainView(p, 200, 40), "\n")
	require.Contains(t, wide[1], "│ REPLICA", "replicas stand beside the verdict where there is room")
}

func TestRolloutIsFollowedUntilItsVerdict(t *testing.T) {
	p := onRollout(t)
	w := cart()
	w.State = "progressing"
	batch(p, watchSlot, "demo",
		api.DeployWatchEvent{Type: "workload", Time: noon, Workload: &w, Message: "1 of 3 replicas updated"},
		api.DeployWatchEvent{Type: "replica", Time: noon, Replica: &api.DeployReplica{Name: "cart-c", Revision: "4", Current: true, State: "ContainerCreating"}},
		api.DeployWatchEvent{Type: "replica", Time: noon, Replica: &api.DeployReplica{Name: "cart-d", Revision: "3", State: "Terminating"}},
		api.DeployWatchEvent{Type: "notice", Time: noon, Message: "a registry does not answer (it may pass)"},
	)
	view := plainView(p, 100, 40)
	require.Contains(t, view, "▸ ContainerCreating")
	require.Contains(t, view, "a registry does not answer")
	require.Contains(t, view, "1 of 3 replicas updated")

	batch(p, watchSlot, "demo", api.DeployWatchEvent{Type: "gone", Time: noon, Replica: &api.DeployReplica{Name: "cart-d", State: "gone"}})
	answer(p, statusSlot, "demo", status(cart(), crashed()), nil)
	require.NotContains(t, plainView(p, 100, 40), "n2 back-off 40s", "the watch knows the replicas better than an answer on its way")

	v := crashed()
	p.Update(feed.Batch{Key: feed.Key{Pane: Name, Slot: watchSlot}, Items: []api.DeployWatchEvent{{Type: "verdict", Time: noon, Verdict: &v}}, Done: true})
	require.Contains(t, plainView(p, 100, 30), "✗ failed: crash_loop")
	require.Equal(t, "aictl deploy status deployment/cart", p.Command())

	// Something else is rolled out later: it is followed again.
	again := status(cart(), api.DeployVerdict{Outcome: api.DeployProgressing, Code: "progressing", Message: "1 of 3"})
	require.NotNil(t, answer(p, statusSlot, "demo", again, nil))
	require.Contains(t, plainView(p, 100, 30), "following")
	require.Contains(t, plainView(p, 100, 30), "▸ progressing")
}

func TestRolloutKeepsWhatItKnewWhenNobodyAnswers(t *testing.T) {
	p := onRollout(t)
	answer(p, statusSlot, "demo", status(cart(), crashed()), nil)
	p.Update(feed.Batch{Key: feed.Key{Pane: Name, Slot: watchSlot}, Err: fail.New(fail.Unavailable, "the stream was cut").Hint("aictl status"), Retry: 2 * time.Second})
	answer(p, statusSlot, "demo", api.DeployStatus{}, fail.New(fail.Unavailable, "the server is away"))
	view := plainView(p, 100, 40)
	require.Contains(t, view, "! following: the stream was cut → aictl status again in 2s")
	require.Contains(t, view, "! status: the server is away")
	require.Contains(t, view, "crash_loop")
	require.Contains(t, view, "connection lost")

	answer(p, statusSlot, "demo", api.DeployStatus{}, fail.New(fail.NotFound, "no workload cart"))
	require.Contains(t, plainView(p, 100, 40), "It is gone; what follows is how it was last seen.")
}

func TestRolloutIsJudgedEveryFiveSeconds(t *testing.T) {
	p := onRollout(t)
	require.Nil(t, p.Update(pane.Tick{Now: noon}))
	answer(p, statusSlot, "demo", status(cart(), crashed()), nil)
	p.env.Now = noon.Add(5 * time.Second)
	require.NotNil(t, p.Update(pane.Tick{Now: p.env.Now}))
}

func TestSubjectOpensTheRollout(t *testing.T) {
	p := New(environment(t))
	p.Open(pane.Subject{Context: "demo", Namespace: "other", Service: "pay"})
	require.Equal(t, "aictl deploy watch pay -n other", p.Command())
	require.True(t, p.Escape())
	require.Equal(t, "aictl deploy list", p.Command())
	require.False(t, p.Escape())

	listed(p, "demo", web(), cart())
	cmd := p.Open(pane.Subject{Service: "cart", Text: "undo", Labels: map[string]string{"revision": "3"}})
	ask := first[pane.Propose](t, cmd)
	require.Equal(t, "aictl deploy undo deployment/cart --to-revision 3", ask.Command)
	require.Equal(t, &api.DeployUndoInput{WorkloadName: api.WorkloadName{Name: "deployment/cart", Namespace: "shop", Engine: "kubernetes"}, ToRevision: "3"}, ask.In)
	require.Equal(t, api.DeployUndo.ID, ask.Change.Describe().ID)
	require.Equal(t, Name, ask.Pane)
}

func TestHistoryDiffAndUndo(t *testing.T) {
	p := onRollout(t)
	ran := first[pane.Ran](t, p.Act("deployments.history"))
	require.Equal(t, "aictl deploy history deployment/cart", ran.Command)
	answer(p, historySlot, "demo", []api.DeployRevision{
		{Name: "4", Created: noon.Add(-time.Minute), Current: true, Cause: "release 2.0", Images: []string{"cart:2.0"}, Changes: []api.DeployChange{
			{Kind: "image", Action: "changed", Where: "app", Old: "cart:1.9", New: "cart:2.0"}, {Kind: "env", Action: "changed", Name: "TOKEN", Old: "value a", New: "value b"},
		}},
		{Name: "3", Created: noon.Add(-time.Hour), Good: true, Ready: 1, Cause: "release 1.9", Images: []string{"cart:1.9"}},
		{Name: "2", Created: noon.Add(-2 * time.Hour), Good: true, Images: []string{"cart:1.8"}},
	}, nil)
	view := plainView(p, 120, 12)
	for _, want := range []string{"deployment/cart › history", "▸ current", "✓ worked", "cart:2.0, env TOKEN", "release 1.9"} {
		require.Contains(t, view, want)
	}
	p.Act("deployments.open")
	view = plainView(p, 120, 12)
	for _, want := range []string{"revision 4", "it runs; made 60s ago: release 2.0", "- app image: cart:1.9", "+ app image: cart:2.0", "~ env TOKEN: another value"} {
		require.Contains(t, view, want)
	}
	require.Equal(t, "it is the revision that runs", disabled(p, "deployments.undo"))
	p.Escape()

	p.Act("list.bottom")
	require.Equal(t, "aictl deploy undo deployment/cart --to-revision 2", first[pane.Propose](t, p.Act("deployments.undo")).Command)
	p.Act("list.top")
	p.Act("list.mark") // 4
	p.Act("list.mark") // 3
	ran = first[pane.Ran](t, p.Act("deployments.diff"))
	require.Equal(t, "aictl deploy diff deployment/cart --from-revision 3 --to-revision 4", ran.Command)
	require.Equal(t, "the diff does not begin at what runs", disabled(p, "deployments.undo"))
	p.Escape()
	p.Escape()

	p.Act("deployments.diff")
	require.Equal(t, "aictl deploy diff deployment/cart", p.Command())
	answer(p, diffSlot, "demo", api.DeployDiff{
		From: "4", To: "3", Changes: []api.DeployChange{{Kind: "image", Action: "changed", Where: "app", Old: "cart:2.0", New: "cart:1.9"}},
		Since:   []api.DeployAround{{Kind: "config", Object: "configmap/cart", Message: "has changed", Changed: noon.Add(-3 * time.Minute), By: "kim"}},
		Effects: []api.DeployAround{{Kind: "budget", Object: "pdb/cart", Message: "allows none to be away"}},
	}, nil)
	view = plainView(p, 120, 16)
	for _, want := range []string{
		"deployment/cart › revision 4 → 3", "- app image: cart:2.0", "+ app image: cart:1.9", "Changed since revision 3, and not by going back:",
		"! configmap/cart: has changed (3m ago by kim)", "What will happen beside it:", "! pdb/cart: allows none to be away",
	} {
		require.Contains(t, view, want)
	}
	require.Equal(t, "aictl deploy undo deployment/cart --to-revision 3", first[pane.Propose](t, p.Act("deployments.undo")).Command)
	answer(p, diffSlot, "demo", api.DeployDiff{}, fail.New(fail.Unavailable, "away"))
	require.Contains(t, plainView(p, 120, 16), "! revision 4 → 3: away")
	require.Contains(t, plainView(p, 120, 16), "pdb/cart")
}

func disabled(p *Pane, id string) string {
	for _, a := range p.Actions() {
		if a.ID == id {
			return a.Disabled
		}
	}
	return "no such action"
}

func TestARolloutBetweenTwoJudgementsIsSeen(t *testing.T) {
	p := onRollout(t)
	v := api.DeployVerdict{Outcome: api.DeployComplete, Code: "complete", Message: "all of them"}
	p.Update(feed.Batch{Key: feed.Key{Pane: Name, Slot: watchSlot}, Items: []api.DeployWatchEvent{{Type: "verdict", Verdict: &v}}, Done: true})
	require.Nil(t, answer(p, statusSlot, "demo", status(cart(), v), nil))
	next := cart()
	next.Revision = "5"
	require.NotNil(t, answer(p, statusSlot, "demo", status(next, v), nil), "it is followed for what happened")
	require.Contains(t, plainView(p, 100, 20), "following")
}
