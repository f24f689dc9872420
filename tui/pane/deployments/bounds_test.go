package deployments

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
)

// evil is what others may have written.
const evil = "\x1b]0;owned\x07\x1b[2J日本語\u202eevil\u0301\u0301👩‍👩‍👧 tab\there\nline\r\x00\u009b31m"

func hostile() api.Workload {
	w := cart()
	w.Namespace, w.Name, w.Revision, w.Cause = evil, "web"+evil, evil, strings.Repeat(evil, 3000)
	w.Images, w.State = []string{evil, strings.Repeat("w", 5000)}, "odd"+evil
	return w
}

// screens are panes on every screen, full of hostile content.
func screens(tb testing.TB) map[string]*Pane {
	tb.Helper()
	make1 := func() *Pane {
		p := opened(tb, "north", "south"+evil)
		other := hostile()
		other.Engine, other.Namespace, other.Context = "runtime", "x", evil
		listed(p, "north", hostile(), other, web())
		answer(p, listSlot+"south"+evil, "south", api.WorkloadList{}, fail.New(fail.Unavailable, "%s", strings.Repeat(evil, 50)).Hint("%s", evil))
		p.change.failed = evil
		p.change.queue = []target{{name: evil}}
		return p
	}
	big := strings.Repeat(evil, 20_000)
	out := map[string]*Pane{"list": make1(), "empty": opened(tb)}
	p := make1()
	p.Act("deployments.open")
	v := crashed()
	v.Message, v.Detail, v.Replica, v.Code, v.Next, v.Notes = big, evil, evil, evil, evil, []string{evil, big}
	v.Logs = []api.LogEntry{{Message: big, Level: evil}, {Message: evil}}
	s := status(hostile(), v)
	s.Canary = &api.DeployCanary{Revision: evil, Weight: 3, Message: big}
	for i := range 60 {
		s.Replicas = append(s.Replicas, api.DeployReplica{Name: fmt.Sprint(evil, i), State: evil, Node: evil, Message: big[:300]})
		s.Events = append(s.Events, api.DeployEvent{Time: noon, Object: evil, Reason: evil, Message: evil})
	}
	batch(p, watchSlot, "north", api.DeployWatchEvent{Type: evil, Message: big}, api.DeployWatchEvent{Type: "event", Event: &s.Events[1]})
	answer(p, statusSlot, "north", s, nil)
	out["rollout"] = p

	p = make1()
	p.Act("deployments.history")
	revision := api.DeployRevision{Name: evil, Created: noon, Cause: big, Actor: evil, Images: []string{evil}, Changes: []api.DeployChange{{Kind: "image", Action: "changed", Old: big, New: evil}, {Kind: evil, Action: "added", New: evil}}}
	answer(p, historySlot, "north", []api.DeployRevision{revision}, nil)
	out["history"] = p

	p = make1()
	p.push(newRevision(p, target{context: "north", name: evil}, revision))
	out["revision"] = p

	p = make1()
	p.Act("deployments.diff")
	answer(p, diffSlot, "north", api.DeployDiff{From: evil, To: big, Changes: revision.Changes, Since: []api.DeployAround{{Kind: "missing", Object: evil, Message: big, Changed: noon, By: evil}}}, nil)
	answer(p, diffSlot, "north", api.DeployDiff{}, fail.New(fail.Timeout, "%s", evil))
	out["diff"] = p

	p = make1()
	p.Act("deployments.replicas")
	for i := range 60 {
		r := pod(fmt.Sprint(evil, i), i%2 == 0, evil)
		r.Workload, r.Node, r.IP, r.Revision = evil, evil, evil, evil
		batch(p, replicaSlot+"north", "north", seen(r))
	}
	batch(p, replicaSlot+"north", "north", api.ReplicaEvent{Type: api.ReplicaNotice, Engine: evil, Message: big})
	out["replicas"] = p

	p = make1()
	p.Act("deployments.logs")
	for i := range 60 {
		e := said(i)
		e.Entry.Message, e.Entry.Source, e.Entry.Level = evil, evil, evil
		batch(p, linesSlot, "north", e)
	}
	batch(p, linesSlot, "north", api.LogEvent{Entry: &api.LogEntry{Message: big}}, api.LogEvent{Gap: &api.LogGap{Reason: big}})
	out["lines"] = p
	return out
}

func TestViewStaysInItsBounds(t *testing.T) {
	color, err := theme.New("default")
	require.NoError(t, err)
	for name, p := range screens(t) {
		for _, w := range []int{1, 2, 3, 4, 5, 7, 8, 11, 16, 20, 29, 30, 39, 40, 59, 60, 79, 80, 119, 120, 130, 139, 140, 200} {
			for _, h := range []int{1, 2, 3, 4, 5, 6, 9, 13, 24, 45} {
				if w == 80 {
					p.env.Theme = color
				}
				bounded(t, fmt.Sprintf("%s at %dx%d", name, w, h), p.View(w, h), w, h)
			}
		}
		mono, _ := theme.New(theme.Mono)
		p.env.Theme, p.env.ASCII = mono, true
		p.env.Now = noon.Add(time.Second)
		bounded(t, name+" in ASCII", p.View(100, 30), 100, 30)
	}
}

func bounded(t *testing.T, what, view string, w, h int) {
	t.Helper()
	lines := strings.Split(view, "\n")
	require.LessOrEqual(t, len(lines), h, what)
	for _, l := range lines {
		require.LessOrEqual(t, ansi.StringWidth(l), w, "%s: %q", what, l)
		plain := ansi.Strip(l)
		require.NotContains(t, plain, "\x1b", what)
		require.NotContains(t, l, "\x07", what)
		require.NotContains(t, l, "\u202e", what)
		require.NotContains(t, l, "\x1b[2J", what)
		require.NotContains(t, l, "\u009b", what)
	}
}

func TestASCIIKeepsToASCII(t *testing.T) {
	p := opened(t)
	p.env.ASCII = true
	listed(p, "demo", web(), cart(), mask())
	p.Act("list.mark")
	view := plainView(p, 120, 12)
	require.Contains(t, view, "x failed")
	require.Contains(t, view, "= paused")
	p.Act("deployments.open")
	answer(p, statusSlot, "demo", status(cart(), crashed()), nil)
	view += plainView(p, 160, 40)
	require.Contains(t, view, "######")
	for _, r := range view {
		require.Less(t, r, rune(0x80), "%q", r)
	}
}

// Any action in any state keeps the pane standing.
func TestEveryActionInEveryState(t *testing.T) {
	for name, p := range screens(t) {
		for _, a := range p.Actions() {
			for _, id := range []string{a.ID, "list.down", "list.mark", "list.sort", "list.right"} {
				p.Act(id)
				p.Click(3, 2)
				p.Scroll(3)
				p.Filter("web")
				p.Filter("")
				bounded(t, name+" after "+id, p.View(50, 10), 50, 10)
				require.NotEmpty(t, p.Command())
				require.True(t, strings.HasPrefix(p.Command(), "aictl deploy "), p.Command())
				p.Subject()
			}
			p.Refresh()
			p.Update(pane.Tick{Now: noon})
		}
	}
}
