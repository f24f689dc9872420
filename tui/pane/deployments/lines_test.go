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

func said(i int) api.LogEvent {
	return api.LogEvent{Type: "entry", Entry: &api.LogEntry{ID: fmt.Sprint(i), Time: noon.Add(time.Duration(i) * time.Second), Level: "info", Source: "web-a/app", Message: fmt.Sprintf("line %d", i)}}
}

func onLines(tb testing.TB) *Pane {
	tb.Helper()
	p := opened(tb)
	listed(p, "demo", web())
	p.Act("deployments.logs")
	return p
}

func TestLinesAreFollowed(t *testing.T) {
	p := onLines(t)
	require.Equal(t, "aictl deploy logs deployment/web --tail 500 -f --since 1h", p.Command())
	l := p.top().(*lines)
	require.True(t, l.in.Follow)
	require.Equal(t, noon.Add(-time.Hour), l.in.From)
	require.Contains(t, plainView(p, 80, 10), "Waiting for lines…")
	for i := range 30 {
		batch(p, linesSlot, "demo", said(i))
	}
	view := plainView(p, 80, 10)
	require.Contains(t, view, "12:00:29 info  web-a/app line 29")
	require.Contains(t, view, "following")
	p.Act("list.pageup")
	batch(p, linesSlot, "demo", said(30), said(30))
	view = plainView(p, 80, 10)
	require.NotContains(t, view, "line 30", "who reads above is not moved")
	require.Contains(t, view, "G goes on following")
	p.Act("list.bottom")
	require.Equal(t, 1, strings.Count(plainView(p, 80, 20), "line 30"), "what comes twice is shown once")

	batch(p, linesSlot, "demo", api.LogEvent{Type: "gap", Gap: &api.LogGap{Reason: "too fast", Missed: 1200}}, api.LogEvent{Type: "notice", Notice: &api.LogNotice{Message: "web-b comes"}})
	p.Update(feed.Batch{Key: feed.Key{Pane: Name, Slot: linesSlot}, Err: fail.New(fail.Unavailable, "cut"), Retry: time.Second})
	view = plainView(p, 80, 20)
	require.Contains(t, view, "--- 1,200 lines missing: too fast")
	require.Contains(t, view, "--- web-b comes")
	require.Contains(t, view, ": cut")
	require.Contains(t, view, "again in 1s")
}

func TestLinesResumeAtTheLastOne(t *testing.T) {
	in := api.DeployLogsInput{From: noon}
	last := said(7)
	require.Equal(t, noon.Add(7*time.Second), resumeLines(in, &last).From)
	require.Equal(t, noon, resumeLines(in, nil).From)
}

func TestLinesBeforeTheCrashAndOfAWindow(t *testing.T) {
	p := onLines(t)
	require.Equal(t, "aictl deploy logs deployment/web --tail 500 --previous", first[pane.Ran](t, p.Act("deployments.previous")).Command)
	l := p.top().(*lines)
	require.True(t, l.in.Previous)
	require.False(t, l.in.Follow)
	require.NoError(t, l.in.Validate())
	p.Update(feed.Batch{Key: feed.Key{Pane: Name, Slot: linesSlot}, Done: true})
	require.Contains(t, plainView(p, 80, 10), "No lines.")
	p.Act("deployments.previous")
	require.Nil(t, p.top().refresh(), "a live window goes on by itself")
	p.env.Window = pane.Window{Span: time.Hour, End: noon}
	require.NotNil(t, p.top().refresh())
	require.False(t, l.in.Follow)
	require.Equal(t, noon, l.in.To)
	require.Equal(t, "aictl deploy logs deployment/web --tail 500 --from 2026-03-04T11:00:00Z --to 2026-03-04T12:00:00Z", p.Command())
}

func TestLinesAreBounded(t *testing.T) {
	p := onLines(t)
	p.env.Settings.LogLines = 100
	for i := range 50 {
		events := make([]api.LogEvent, 0, 10)
		for j := range 10 {
			events = append(events, said(i*10+j))
		}
		batch(p, linesSlot, "demo", events...)
	}
	l := p.top().(*lines)
	require.LessOrEqual(t, len(l.held), 100)
	require.Contains(t, plainView(p, 80, 10), "line 499")
	batch(p, linesSlot, "demo", api.LogEvent{Entry: &api.LogEntry{ID: "big", Time: noon, Message: strings.Repeat("x", 1<<20)}})
	require.Less(t, len(l.held[len(l.held)-1]), 5<<10)
}
