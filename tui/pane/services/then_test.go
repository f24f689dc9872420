package services

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/past"
	"github.com/aictl/aictl/tui/tuitest"
)

// then is a minute of the hour that ended an hour before noon.
func then(minute int) time.Time {
	return noon.Add(-2*time.Hour + time.Duration(minute)*time.Minute)
}

func measured(value func(minute int) float64, services ...string) api.MetricRange {
	out := api.MetricRange{From: then(0), To: then(60), Step: op.Duration(time.Minute)}
	for _, name := range services {
		s := api.MetricSeries{Labels: map[string]string{"service": name}}
		for i := range 61 {
			s.Samples = append(s.Samples, api.MetricSample{Time: then(i), Value: op.Number(value(i))})
		}
		out.Series = append(out.Series, s)
	}
	return out
}

// halfBack has a replica of legacy down in the first half of the hour.
func halfBack(context string) signals {
	return signals{context: context, Signals: past.Signals{
		Up: measured(func(i int) float64 {
			if i < 30 {
				return 0.5
			}
			return 1
		}, "chat", "legacy"),
		Calls: measured(func(int) float64 { return 3 }, "chat"),
		P95:   measured(func(int) float64 { return 0.12 }, "chat"),
	}}
}

func back(t testing.TB) *Pane {
	t.Helper()
	p, _ := loaded(t)
	p.env.Window = pane.Window{Span: time.Hour, End: then(60)}
	p.Refresh()
	return p
}

func TestServicesOfAPastWindow(t *testing.T) {
	p := back(t)
	require.Contains(t, p.View(100, 12), "asking…")
	require.NotContains(t, p.View(100, 12), "ready", "it is of now")
	p.Update(answer(slotThen, said("local", halfBack("local"))))
	out := ansi.Strip(p.View(110, 12))
	require.Contains(t, out, "past 10:00–11:00  at 11:00:00: 1 unknown, 2 up")
	require.Regexp(t, `chat +up +100% +3\.00 +- +120ms`, out)
	require.Regexp(t, `legacy +up +100% +- +- +-`, out, "it does not run any more")
	require.Regexp(t, `predict +unknown +- +- +- +- +no metric`, out)
	require.NotContains(t, out, "1/2")
	require.Equal(t, `aictl metrics query 'avg by (service) (up{service!=""})' --time 2026-03-01T11:00:00Z`, p.Command())

	p.env.Window.Cursor = then(10)
	p.Update(pane.Scrubbed{})
	out = ansi.Strip(p.View(110, 12))
	require.Contains(t, out, "at 10:10:00: 2 degraded, 1 unknown")
	require.Regexp(t, `chat +degraded +50% +3\.00 +- +120ms +50% of the replicas answered`, out)

	p.env.Window = pane.Window{Span: time.Hour, Live: true}
	p.Refresh()
	require.Contains(t, p.View(110, 12), "2 services: 1 degraded, 1 ready")
}

// What a service can do is that of now: one that is gone cannot be opened.
func TestOpeningAServiceOfThePast(t *testing.T) {
	p := back(t)
	p.Update(answer(slotThen, said("local", halfBack("local"))))
	p.before.Select("local\x00legacy")
	require.Equal(t, pane.Subject{Context: "local", Service: "legacy", At: then(60)}, p.Subject())
	require.Equal(t, "it is not known to run now", p.Actions()[0].Disabled)
	p.Act("services.open")
	require.Nil(t, p.detail)
	p.before.Select("local\x00chat")
	require.Empty(t, p.Actions()[0].Disabled)
	p.Act("services.open")
	p.Update(answer(slotDescribe, said("local", described)))
	out := ansi.Strip(p.View(100, 30))
	require.Contains(t, out, "now ready 1/1")
	require.Contains(t, out, "now: 600 calls in 5m")
	require.True(t, p.Escape())
	require.Contains(t, ansi.Strip(p.View(100, 30)), "past 10:00–11:00")
}

func TestWhoDoesNotAnswerOfThePastIsNamed(t *testing.T) {
	p := back(t)
	down := fail.New(fail.NotFound, "the bundle holds no answer").Hint("aictl record -- COMMAND")
	p.Update(answer(slotThen, feed.Result{Context: "local", Err: down}))
	out := ansi.Strip(p.View(120, 12))
	require.Contains(t, out, "no data from local: the bundle holds no answer  → aictl record -- COMMAND")
	require.Contains(t, out, "nothing is known of the window")
	require.NotContains(t, out, "ready")

	p.env.Now = noon.Add(healEvery - time.Second)
	require.Nil(t, p.Update(pane.Tick{Now: p.env.Now}))
	p.env.Now = noon.Add(healEvery)
	require.NotNil(t, p.Update(pane.Tick{Now: p.env.Now}), "it may answer by now")

	partly := halfBack("local")
	partly.failed = down
	p.Update(answer(slotThen, said("local", partly)))
	out = ansi.Strip(p.View(120, 12))
	require.Contains(t, out, "no data from a part of the metrics of local")
	require.Regexp(t, `chat +up`, out)
	p.env.Window.End = then(0)
	p.Refresh()
	require.NotRegexp(t, `chat +up`, ansi.Strip(p.View(120, 12)), "another window is not this one")
}

func TestFramesOfThePastFit(t *testing.T) {
	p := back(t)
	hostile := halfBack("local\x1b[2J")
	hostile.Up.Series[0].Labels["service"] = "\x1b]0;owned\x07\u202e" + strings.Repeat("宽", 300)
	hostile.failed = fail.New(fail.Unavailable, "\x1b[2J%s", strings.Repeat("x", 3000))
	p.Update(answer(slotThen, said("local", hostile)))
	tuitest.Bounds(t, p)
	tuitest.CheckKeys(t, p)
}
