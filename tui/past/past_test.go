package past_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/past"
	"github.com/aictl/aictl/tui/tuitest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// env is a window from ten to eleven, seen at noon.
func env(t *testing.T) *pane.Env {
	e := tuitest.Env(t, noon, feed.Context{Name: "prod"})
	e.Window = pane.Window{Span: time.Hour, End: noon.Add(-time.Hour)}
	return e
}

func at(minute int) time.Time { return noon.Add(-2*time.Hour + time.Duration(minute)*time.Minute) }

// firing is a stretch from one minute of the window to another; the end 60 is
// none: it went on.
func firing(name, service string, from, to int) api.AlertPast {
	a := api.AlertPast{Kind: "firing", Name: name, Labels: map[string]string{"alertname": name, "service": service}, Start: at(from)}
	if to < 60 {
		end := at(to)
		a.End = &end
	}
	return a
}

func ack(names, matchers string, minute int, by string) api.AlertPast {
	return api.AlertPast{Kind: "ack", Name: names, Matchers: matchers, Start: at(minute), By: by, Labels: map[string]string{"alertname": names}}
}

func TestFiringSaysWhatIsKnownAndNoMore(t *testing.T) {
	both := []api.AlertPast{firing("Slow", "chat", 5, 30), firing("Slow", "mask", 5, 30)}
	for _, c := range []struct {
		name        string
		history     []api.AlertPast
		chat, mask  string // who took it over
		began, last string // of the first
	}{
		{"nobody is recorded", both, past.Unknown, past.Unknown, "10:05:00", "10:30:00"},
		{"its matchers name it", append(both[:2:2], ack("Slow", `alertname="Slow" service="chat"`, 10, "ann")), "ann", past.Unknown, "10:05:00", "10:30:00"},
		{"a label that was added on the way", append(both[:2:2], ack("Slow", `alertname="Slow" cluster="eu" service="mask"`, 10, "bob")), past.Unknown, "bob", "10:05:00", "10:30:00"},
		{"one that hit both", append(both[:2:2], ack("Other Slow", `severity=~".*" service=~"chat|mask"`, 10, "eve")), "eve", "eve", "10:05:00", "10:30:00"},
		{"the last of two", append(both[:2:2], ack("Slow", `service="chat"`, 10, "ann"), ack("Slow", `service="chat"`, 12, "bob")), "bob", past.Unknown, "10:05:00", "10:30:00"},
		{"without matchers it may be either", append(both[:2:2], ack("Slow", "", 10, "ann")), past.Unknown, past.Unknown, "10:05:00", "10:30:00"},
		{"after it ended", append(both[:2:2], ack("Slow", `service="chat"`, 40, "ann")), past.Unknown, past.Unknown, "10:05:00", "10:30:00"},
		{"another alert's", append(both[:2:2], ack("Slower", `service="chat"`, 10, "ann")), past.Unknown, past.Unknown, "10:05:00", "10:30:00"},
		{"beyond the window", []api.AlertPast{firing("Slow", "chat", -1, 60), firing("Slow", "mask", 0, 60)}, past.Unknown, past.Unknown, "before 10:00:00", "after 11:00:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := env(t)
			list := past.Firing(c.history, at(0))
			require.Len(t, list, 2)
			require.Equal(t, []string{"chat", "mask"}, []string{list[0].Service, list[1].Service})
			require.Equal(t, []string{c.chat, c.mask}, []string{list[0].TakenBy(), list[1].TakenBy()})
			require.Equal(t, []string{c.began, c.last}, []string{list[0].Began(e), list[0].Ended(e)})
		})
	}
}

func TestAtAndLasted(t *testing.T) {
	e := env(t)
	f := past.Firing([]api.AlertPast{firing("Slow", "chat", 5, 30)}, at(0))[0]
	require.Equal(t, []bool{false, true, true, false}, []bool{f.At(at(4)), f.At(at(5)), f.At(at(29)), f.At(at(30))})
	require.Equal(t, 25*time.Minute, f.Lasted(e))
	f = past.Firing([]api.AlertPast{firing("Slow", "chat", -1, 60)}, at(0))[0]
	require.True(t, f.At(at(60)))
	require.Equal(t, time.Hour, f.Lasted(e), "of the window")
	e.Window.End = e.Window.End.Add(-10 * time.Hour)
	e.Window.Span = 24 * time.Hour
	require.Equal(t, "1 Mar 10:05:00", past.Clock(e, at(5)), "several days")
}

func TestQuiet(t *testing.T) {
	e := env(t)
	did := func(kind string, minute int) api.AlertPast {
		return api.AlertPast{Kind: kind, Name: "Slow", Start: at(minute), Labels: map[string]string{"alertname": "Slow", "service": "chat"}}
	}
	f := past.Firing([]api.AlertPast{firing("Slow", "chat", 5, 50), did("silenced", 10), did("unsilenced", 20), did("silenced", 40), did("silenced", 55)}, at(0))[0]
	require.Equal(t, "from 10:10:00 to 10:20:00 from 10:40:00", f.Quiet(e, "silenced"))
	require.Equal(t, past.Unknown, f.Quiet(e, "inhibited"))
	require.Equal(t, past.Unknown, f.TakenBy())
}

func TestTheSameAlertNow(t *testing.T) {
	f := past.Firing([]api.AlertPast{firing("Slow", "chat", 5, 30)}, at(0))[0]
	for labels, want := range map[*map[string]string]bool{
		{"alertname": "Slow", "service": "chat"}:                  true,
		{"alertname": "Slow", "service": "chat", "cluster": "eu"}: true,
		{"alertname": "Slow", "service": "mask"}:                  false,
		{"alertname": "Slow"}:                                     false,
	} {
		require.Equal(t, want, f.Is(&api.Alert{Name: "Slow", Labels: *labels}), "%v", *labels)
	}
	require.False(t, f.Is(&api.Alert{Name: "Other", Labels: map[string]string{"alertname": "Slow", "service": "chat"}}))
}

func TestMoment(t *testing.T) {
	e := env(t)
	require.Equal(t, at(60), past.Moment(e))
	for minute, scrubbed := range map[int]bool{-1: false, 0: true, 30: true, 60: true, 61: false} {
		e.Window.Cursor = at(minute)
		require.Equal(t, scrubbed, past.Scrubbed(e), "%d", minute)
		if scrubbed {
			require.Equal(t, at(minute), past.Moment(e))
		} else {
			require.Equal(t, at(60), past.Moment(e))
		}
	}
}

func TestState(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name              string
		up, calls, errors float64
		word, why         string
	}{
		{"all replicas are up", 1, nan, nan, "up", ""},
		{"none is", 0, 5, 0, "down", "no replica answered"},
		{"some are", 0.5, 5, 0, "degraded", "50% of the replicas answered"},
		{"calls fail", 1, 5, 0.2, "degraded", "20.0% of the calls failed"},
		{"one of a few calls failed", 1, 0.01, 0.5, "up", ""},
		{"only calls are known", nan, 5, 0, "up", ""},
		{"only calls are known, and fail", nan, 5, 0.2, "degraded", "20.0% of the calls failed"},
		{"nobody called", nan, 0, nan, past.Unknown, past.NoMetric},
		{"nothing is known", nan, nan, nan, past.Unknown, past.NoMetric},
	} {
		t.Run(c.name, func(t *testing.T) {
			word, why := past.Service{Up: c.up, Calls: c.calls, Errors: c.errors, P95: nan}.State()
			require.Equal(t, []string{c.word, c.why}, []string{word, why})
		})
	}
}

// ranged is an answer with a value a minute, a service; NaN is a gap.
func ranged(values map[string][]float64) api.MetricRange {
	out := api.MetricRange{From: at(0), To: at(10), Step: op.Duration(time.Minute)}
	for service, list := range values {
		s := api.MetricSeries{Labels: map[string]string{"service": service}}
		for i, v := range list {
			if !math.IsNaN(v) {
				s.Samples = append(s.Samples, api.MetricSample{Time: at(i), Value: op.Number(v)})
			}
		}
		out.Series = append(out.Series, s)
	}
	return out
}

func TestServicesAtAMoment(t *testing.T) {
	nan := math.NaN()
	s := past.Signals{
		Up:    ranged(map[string][]float64{"chat": {1, 1, 0, 0, nan, nan, nan, 1}}),
		Calls: ranged(map[string][]float64{"mask": {3, 4, 5}, "": {1}, past.Nobody: {1}}),
	}
	word := func(minute int) (out []string) {
		for _, one := range past.Services(s, at(minute)) {
			w, _ := one.State()
			out = append(out, one.Name+" "+w)
		}
		return out
	}
	require.Equal(t, []string{"chat up", "mask up"}, word(1))
	require.Equal(t, []string{"chat down", "mask up"}, word(3))
	require.Equal(t, []string{"chat unknown", "mask unknown"}, word(6), "a gap is no value")
	require.Equal(t, []string{"chat up", "mask unknown"}, word(8), "the newest may not be scraped yet")
	require.Equal(t, []string{"chat unknown", "mask unknown"}, word(-5))
	require.Equal(t, []string{"chat unknown", "mask unknown"}, word(500))
	require.Empty(t, past.Services(past.Signals{}, at(1)))
}

func TestAskKeepsWhatAnswered(t *testing.T) {
	p := tuitest.NewPlatform()
	queries := past.Queries(time.Hour)
	var mu sync.Mutex
	var asked []string
	tuitest.Query(p, api.MetricsRange, func(in api.MetricRangeInput) (api.MetricRange, error) {
		if !in.From.Equal(at(0)) || !in.To.Equal(at(60)) {
			return api.MetricRange{}, fail.New(fail.Usage, "asked for %v to %v", in.From, in.To)
		}
		mu.Lock()
		asked = append(asked, in.Query)
		mu.Unlock()
		if in.Query == queries[2] {
			return api.MetricRange{}, fail.New(fail.Usage, "no such rule")
		}
		return ranged(map[string][]float64{"chat": {1}}), nil
	})
	s, err := past.Ask(t.Context(), p.Context(t, "prod", true).Caller, at(0), at(60))
	require.ErrorContains(t, err, "no such rule")
	require.ElementsMatch(t, queries[:], asked)
	require.False(t, s.Nothing())
	require.Empty(t, s.Errors.Series)
	require.NotEmpty(t, s.P95.Series)
	require.NotEqual(t, queries, past.Queries(24*time.Hour), "a step of a long window is minutes")
}
