package deployments

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// away is a platform that cannot be reached: what the tests show comes in
// messages.
type away struct{}

func (away) Send(context.Context, *op.Spec, *http.Request) (*http.Response, error) {
	return nil, fail.New(fail.Unavailable, "nobody is there")
}

func environment(tb testing.TB, contexts ...string) *pane.Env {
	tb.Helper()
	th, err := theme.New(theme.Mono)
	require.NoError(tb, err)
	feeds := feed.New(context.Background())
	tb.Cleanup(feeds.Close)
	e := &pane.Env{Feeds: feeds, Theme: th, Keys: &keymap.Map{}, Now: noon, Zone: time.UTC, Window: pane.Window{Span: time.Hour, Live: true}}
	if len(contexts) == 0 {
		contexts = []string{"demo"}
	}
	for _, c := range contexts {
		e.Contexts = append(e.Contexts, feed.Context{Name: c, Namespace: "shop", Caller: away{}})
	}
	return e
}

// messages runs a command and all that it is made of, but for the feeds'.
func messages(tb testing.TB, cmd tea.Cmd) []tea.Msg {
	tb.Helper()
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		var out []tea.Msg
		for _, c := range msg {
			out = append(out, messages(tb, c)...)
		}
		return out
	case nil, feed.Answer, feed.Batch:
		return nil
	default:
		return []tea.Msg{msg}
	}
}

// first is the message of a type among those of a command.
func first[M any](tb testing.TB, cmd tea.Cmd) M {
	tb.Helper()
	for _, msg := range messages(tb, cmd) {
		if m, ok := msg.(M); ok {
			return m
		}
	}
	var zero M
	require.Failf(tb, "no such message", "%T", zero)
	return zero
}

func answer[Out any](p *Pane, slot, context string, out Out, err error) tea.Cmd {
	return p.Update(feed.Answer{Key: feed.Key{Pane: Name, Slot: slot}, Results: []feed.Result{{Context: context, Out: out, Err: err}}})
}

func batch[Item any](p *Pane, slot, context string, items ...Item) tea.Cmd {
	return p.Update(feed.Batch{Key: feed.Key{Pane: Name, Slot: slot}, Context: context, Items: items})
}

func listed(p *Pane, context string, workloads ...api.Workload) {
	answer(p, listSlot+context, context, api.WorkloadList{Workloads: workloads}, nil)
}

func web() api.Workload {
	return api.Workload{
		Engine: "kubernetes", Namespace: "shop", Kind: "Deployment", Name: "web", State: "ready", Desired: 3, Updated: 3, Ready: 3, Available: 3,
		Revision: "7", Images: []string{"registry.example/shop/web:1.7"}, Cause: "release 1.7", Created: noon.Add(-72 * time.Hour), Changed: noon.Add(-2 * time.Hour),
	}
}

func cart() api.Workload {
	w := web()
	w.Name, w.State, w.Ready, w.Available, w.Revision, w.Changed = "cart", "failed", 1, 1, "4", noon.Add(-90*time.Second)
	w.Images, w.Cause = []string{"registry.example/shop/cart:2.0"}, "release 2.0"
	return w
}

func mask() api.Workload {
	return api.Workload{Engine: "runtime", Namespace: "shop", Kind: "Service", Name: "mask", State: "paused", Desired: 1, Ready: 1, Updated: 1, Available: 1, Revision: "2", Images: []string{"1.0.1"}, Created: noon.Add(-time.Hour)}
}

func opened(tb testing.TB, contexts ...string) *Pane {
	tb.Helper()
	p := New(environment(tb, contexts...))
	p.Open(pane.Subject{})
	return p
}

func plainView(p *Pane, w, h int) string { return ansi.Strip(p.View(w, h)) }

func TestListShowsTroubleFirst(t *testing.T) {
	p := opened(t)
	require.Contains(t, plainView(p, 80, 10), "Asking…")
	listed(p, "demo", web(), cart(), mask())
	view := plainView(p, 120, 12)
	require.Contains(t, view, "3 workloads · 1 failed · 1 paused · 1 ready")
	require.Contains(t, view, "✗ failed")
	require.Contains(t, view, "‖ paused")
	require.Contains(t, view, "namespace shop")
	lines := strings.Split(view, "\n")
	require.Contains(t, lines[2], "deployment/cart")
	require.Contains(t, lines[2], "1/3")
	require.Contains(t, lines[2], "90s")
	require.Contains(t, lines[2], "cart:2.0")
	s := p.Subject()
	require.Equal(t, pane.Subject{Context: "demo", Namespace: "shop", Service: "cart", Workload: "deployment/cart", At: noon.Add(-90 * time.Second)}, s)
	require.Equal(t, "aictl deploy list", p.Command())
}

func TestListKeepsWhatDidNotAnswer(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web(), mask())
	p.env.Now = noon.Add(30 * time.Second)
	answer(p, listSlot+"demo", "demo", api.WorkloadList{
		Workloads: []api.Workload{mask()},
		Failed:    []api.BackendFailure{{Backend: "kubernetes", Code: fail.Unavailable, Message: "connection refused", Next: "aictl doctor"}},
	}, nil)
	view := plainView(p, 120, 12)
	require.Contains(t, view, "! kubernetes: connection refused → aictl doctor")
	require.Contains(t, view, "? was ready")
	require.Contains(t, view, "1 not known now")
	answer(p, listSlot+"demo", "demo", api.WorkloadList{}, fail.New(fail.Unavailable, "the server is away").Hint("aictl up"))
	p.env.Now = noon.Add(60 * time.Second)
	view = plainView(p, 120, 12)
	require.Contains(t, view, "! the server is away")
	require.Contains(t, view, "2 not known now")
	require.NotContains(t, view, "✓")
	listed(p, "demo", web())
	view = plainView(p, 120, 12)
	require.Contains(t, view, "1 workload · 1 ready")
	require.NotContains(t, view, "away")
}

func TestListOfAFailedContextIsNotHealthy(t *testing.T) {
	p := opened(t)
	answer(p, listSlot+"demo", "demo", api.WorkloadList{}, fail.New(fail.Unavailable, "no way there"))
	view := plainView(p, 80, 10)
	require.Contains(t, view, "Not known: not everything answered.")
	require.NotContains(t, view, "Nothing is deployed")
}

func TestListOfSeveralContexts(t *testing.T) {
	p := opened(t, "north", "south")
	listed(p, "north", web())
	answer(p, listSlot+"south", "south", api.WorkloadList{}, fail.New(fail.Timeout, "no answer in time"))
	view := plainView(p, 120, 12)
	require.Contains(t, view, "CONTEXT")
	require.Contains(t, view, "north")
	require.Contains(t, view, "! context south: no answer in time")
	require.Equal(t, "aictl deploy list --context north --context south", p.Command())
	p.Act("deployments.namespaces")
	require.Equal(t, "aictl deploy list -A --context north --context south", p.Command())
	open := first[pane.Ran](t, p.Act("deployments.open"))
	require.Equal(t, "aictl deploy watch deployment/web --context north", open.Command)
}

func TestListIsAskedAgainAfterFiveSeconds(t *testing.T) {
	p := opened(t)
	require.Empty(t, cmds(p.Update(pane.Tick{Now: noon})), "the question is open")
	listed(p, "demo", web())
	p.env.Now = noon.Add(4 * time.Second)
	require.Empty(t, cmds(p.Update(pane.Tick{Now: p.env.Now})))
	p.env.Now = noon.Add(5 * time.Second)
	require.Len(t, cmds(p.Update(pane.Tick{Now: p.env.Now})), 1)
}

// cmds are the commands of a batch, without running them.
func cmds(cmd tea.Cmd) []tea.Cmd {
	if cmd == nil {
		return nil
	}
	return []tea.Cmd{cmd}
}

func TestTroubleAndNamespaces(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web(), cart())
	p.Act("deployments.trouble")
	view := plainView(p, 120, 10)
	require.Contains(t, view, "only troubled")
	require.NotContains(t, view, "deployment/web")
	require.Contains(t, p.Command(), `--jq '.workloads[]`)
	listed(p, "demo", web())
	require.Contains(t, plainView(p, 120, 10), "Nothing is in trouble. z shows all.")
	p.Act("deployments.trouble")
	p.Act("deployments.namespaces")
	require.Equal(t, "aictl deploy list -A", p.Command())
	require.Contains(t, plainView(p, 120, 10), "NAMESPACE")
	p.Act("deployments.namespaces")
	require.Equal(t, "aictl deploy list", p.Command())
}

func TestFilterAndMarksSurviveNewAnswers(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web(), cart(), mask())
	p.Filter("!mask")
	p.Act("list.mark")
	other := mask()
	other.Namespace = "other"
	listed(p, "demo", web(), cart(), mask(), other) // another column comes
	view := plainView(p, 120, 12)
	require.NotContains(t, view, "service/mask")
	require.Contains(t, view, "/!mask · 2/2 of 4, 1 marked")
	require.Contains(t, view, "NAMESPACE")
}

func TestSaveAndRestore(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web(), cart())
	p.Act("deployments.trouble")
	p.Act("deployments.namespaces")
	raw, err := json.Marshal(p.Save())
	require.NoError(t, err)
	q := New(environment(t))
	q.Restore(raw)
	q.Restore([]byte("{broken"))
	require.True(t, q.list.trouble)
	require.True(t, q.all())
}

func TestKeysDoNotCollide(t *testing.T) {
	p := opened(t)
	reserved := strings.Fields(": / ? esc tab shift+tab 1 2 3 4 5 6 7 8 9 0 q ctrl+c ctrl+k ctrl+z ctrl+l r w l m d [ ] + - , . M Y T @ ! up k down j pgup pgdown home g end G space s S left right")
	require.Empty(t, (&keymap.Map{}).Conflicts(p.Actions()))
	for _, a := range p.Actions() {
		require.NotEmpty(t, a.Short, a.ID)
		require.NotEmpty(t, a.Help, a.ID)
		for _, k := range a.Keys {
			require.NotContains(t, reserved, k, a.ID)
		}
	}
}

func TestAContextThatIsNotShownAnyMore(t *testing.T) {
	p := opened(t, "north", "south")
	listed(p, "north", web())
	listed(p, "south", cart())
	p.Act("list.top")
	p.Act("deployments.open")
	require.Contains(t, p.Command(), "deployment/cart --context south")
	p.env.Contexts = p.env.Contexts[:1]
	require.Equal(t, "its context is not shown any more", disabled(p, "deployments.undo"), "its name would lead to another context")
	p.Refresh()
	require.Equal(t, "aictl deploy list", p.Command())
	require.NotContains(t, plainView(p, 100, 10), "cart")
	toast := first[pane.Toast](t, p.Open(pane.Subject{Context: "south", Service: "cart"}))
	require.Contains(t, toast.Text, "context south is not among those that are shown")
}

func TestOtherNamespacesThatDoNotAnswer(t *testing.T) {
	p := opened(t)
	listed(p, "demo", web())
	p.Act("deployments.namespaces")
	require.Contains(t, plainView(p, 100, 10), "deployment/web", "until the answer comes")
	answer(p, listSlot+"demo", "demo", api.WorkloadList{}, fail.New(fail.Unavailable, "away"))
	require.NotContains(t, plainView(p, 100, 10), "deployment/web")
}
