package deployments

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/pane"
)

func TestScale(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web())
	ask := first[pane.Ask](t, p.Act("deployments.scale"))
	require.Equal(t, "3", ask.Fields[0].Initial)
	require.Equal(t, "bad", first[pane.Toast](t, ask.Then([]string{"many"})).Level)
	change := first[pane.Propose](t, ask.Then([]string{" 5 "}))
	require.Equal(t, "aictl deploy scale deployment/web --replicas 5", change.Command)
	require.Equal(t, api.DeployScale.ID, change.Change.Describe().ID)
	require.Equal(t, 5, *change.In.(*api.DeployScaleInput).Replicas)
	require.Equal(t, "demo", change.Context)
	require.NoError(t, op.Validate(change.In))
}

func TestPauseAndResume(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web())
	require.Equal(t, "aictl deploy pause deployment/web", first[pane.Propose](t, p.Act("deployments.pause")).Command)
	listed(p, "demo", mask())
	change := first[pane.Propose](t, p.Act("deployments.pause"))
	require.Equal(t, "aictl deploy resume service/mask", change.Command)
	require.Equal(t, api.DeployResume.ID, change.Change.Describe().ID)
}

func TestImage(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web())
	ask := first[pane.Ask](t, p.Act("deployments.image"))
	require.Equal(t, "registry.example/shop/web:1.7", ask.Fields[0].Initial)
	change := first[pane.Propose](t, ask.Then([]string{"app=web:1.8  side=envoy:2"}))
	require.Equal(t, "aictl deploy set-image deployment/web app=web:1.8 side=envoy:2", change.Command)
	require.Equal(t, "app=web:1.8 side=envoy:2", change.In.(*api.DeployImagesInput).Images)
	require.Equal(t, "bad", first[pane.Toast](t, ask.Then([]string{"  "})).Level)
}

func TestCanary(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web())
	require.Equal(t, "Kubernetes does not split calls", disabled(p, "deployments.canary"))
	listed(p, "demo", mask())
	ask := first[pane.Ask](t, p.Act("deployments.canary"))
	require.Equal(t, "begin", ask.Fields[0].Initial)
	change := first[pane.Propose](t, ask.Then([]string{"begin", " 3", "10 %"}))
	require.Equal(t, "aictl deploy canary service/mask --revision 3 --weight 10", change.Command)
	require.NoError(t, op.Validate(change.In))
	require.Equal(t, "bad", first[pane.Toast](t, ask.Then([]string{"begin", "3", "some"})).Level)
	require.Equal(t, "aictl deploy canary service/mask --abort", first[pane.Propose](t, ask.Then([]string{"abort", "", ""})).Command)

	p.Act("deployments.open")
	s := status(mask(), api.DeployVerdict{Outcome: api.DeployProgressing, Code: "canary", Message: "a canary goes on"})
	s.Canary = &api.DeployCanary{Revision: "3", Weight: 20, Since: noon}
	answer(p, statusSlot, "demo", s, nil)
	require.Contains(t, plainView(p, 100, 30), "Canary     revision 3 gets 20 % of the calls since 12:00:00")
	ask = first[pane.Ask](t, p.Act("deployments.canary"))
	require.Equal(t, "promote", ask.Fields[0].Initial)
	require.Equal(t, "aictl deploy canary service/mask --promote", first[pane.Propose](t, ask.Then([]string{"promote", "3", "20"})).Command)
}

func TestRestartOfMarkedRowsIsAPlanEach(t *testing.T) {
	p := opened(t)
	listed(p, "demo", cart(), mask(), web())
	p.Act("list.mark")
	p.Act("list.mark")
	p.Act("list.mark")
	require.Equal(t, "aictl deploy restart deployment/cart", first[pane.Propose](t, p.Act("deployments.restart")).Command)

	// The first was made: the second is proposed at once.
	next := p.Update(pane.Changed{Operation: api.DeployRestart.ID, Out: api.DeployChanged{Workload: cart()}})
	require.Equal(t, "aictl deploy restart service/mask", first[pane.Propose](t, next).Command)
	require.Contains(t, plainView(p, 120, 12), "restart: 1 done, 2 to go, next service/mask")

	// The person said no to the second: nothing comes until they go on with it.
	require.Equal(t, "aictl deploy restart service/mask", first[pane.Propose](t, p.Act("deployments.restart")).Command)

	// It failed: the third is proposed, and the failure is shown.
	next = p.Update(pane.Changed{Operation: api.DeployRestart.ID, Err: fail.New(fail.Forbidden, "you may not")})
	require.Equal(t, "aictl deploy restart deployment/web", first[pane.Propose](t, next).Command)
	require.Contains(t, plainView(p, 120, 12), "! deploy.restart of service/mask: you may not")

	next = p.Update(pane.Changed{Operation: api.DeployRestart.ID, Out: api.DeployChanged{Workload: web()}})
	for _, m := range messages(t, next) {
		_, more := m.(pane.Propose)
		require.False(t, more)
	}
	require.Empty(t, p.list.table.Marked())
	require.Equal(t, "aictl deploy list", p.Command(), "a bulk change follows no single rollout")
}

func TestEscapeDropsWhatWaits(t *testing.T) {
	p := opened(t)
	listed(p, "demo", cart(), web())
	p.Act("list.mark")
	p.Act("list.mark")
	p.Act("deployments.restart")
	require.True(t, p.Escape())
	require.NotContains(t, plainView(p, 120, 12), "to go")
	require.True(t, p.Escape(), "then the marks")
	require.Empty(t, p.list.table.Marked())
}

func TestAnUndoIsFollowed(t *testing.T) {
	p := opened(t)
	listed(p, "demo", cart())
	change := first[pane.Propose](t, p.Act("deployments.undo"))
	require.Equal(t, "aictl deploy undo deployment/cart", change.Command)
	now := cart()
	now.Revision = "5"
	cmd := p.Update(pane.Changed{Operation: api.DeployUndo.ID, Out: api.DeployChanged{Workload: now, Template: "abc", Generation: 9}})
	require.Equal(t, "aictl deploy watch deployment/cart", first[pane.Ran](t, cmd).Command)
	r, ok := p.top().(*rollout)
	require.True(t, ok)
	require.Equal(t, watched{"abc", 9}, r.w)
	v := api.DeployVerdict{Outcome: api.DeployComplete, Code: "complete", Message: "3 of 3 replicas available"}
	done := batch(p, watchSlot, "demo", api.DeployWatchEvent{Type: "verdict", Verdict: &v})
	require.Equal(t, pane.Toast{Text: "deployment/cart complete: 3 of 3 replicas available", Level: "ok"}, first[pane.Toast](t, done))
	require.True(t, p.Escape())

	p.Act("deployments.undo")
	p.Update(pane.Changed{Operation: api.DeployUndo.ID, Err: fail.New(fail.Refused, "plan is stale")})
	require.Contains(t, plainView(p, 120, 12), "! deploy.undo of deployment/cart: plan is stale")
}

func TestReadOnlySaysSo(t *testing.T) {
	p := opened(t)
	listed(p, "demo", mask())
	p.env.Contexts[0].ReadOnly = true
	for _, id := range []string{"undo", "scale", "restart", "pause", "image", "canary"} {
		require.Equal(t, "read-only", disabled(p, "deployments."+id), id)
		toast := first[pane.Toast](t, p.Act("deployments."+id))
		require.Contains(t, toast.Text, "read-only")
	}
	require.Empty(t, disabled(p, "deployments.diff"))
}

func TestNoWorkloadNoAction(t *testing.T) {
	p := opened(t)
	for _, a := range p.Actions() {
		switch a.ID {
		case "deployments.replicas", "deployments.trouble", "deployments.namespaces", "deployments.previous":
		default:
			require.Equal(t, "there is no workload under the cursor", a.Disabled, a.ID)
		}
		p.Act(a.ID) // and none of them breaks
	}
}
