package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a Manager in memory.
type fake struct {
	mu       sync.Mutex
	list     []api.Alert
	silences []Silence
	err      error
	failed   []api.BackendFailure
	sets     int
	set1     time.Time // when the first was made
	expired  []string
}

func (f *fake) Alerts(context.Context) ([]api.Alert, []api.BackendFailure, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]api.Alert(nil), f.list...), f.failed, f.err
}

func (f *fake) Silences(context.Context) ([]Silence, []api.BackendFailure, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Silence(nil), f.silences...), nil, f.err
}

func (f *fake) Set(_ context.Context, s Silence) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return "", f.err
	}
	if f.sets++; f.sets == 1 {
		f.set1 = time.Now()
	}
	for i := range f.silences {
		if f.silences[i].ID == s.ID {
			f.silences[i] = s
			return s.ID, nil
		}
	}
	s.ID = "s" + strconv.Itoa(len(f.silences))
	f.silences = append(f.silences, s)
	return s.ID, nil
}

func (f *fake) Expire(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expired = append(f.expired, id)
	for i := range f.silences {
		if f.silences[i].ID == id {
			f.silences[i].Ends = time.Now()
		}
	}
	return f.err
}

func (f *fake) Check(context.Context) ([]Member, error) { return nil, nil }

func (f *fake) set(err error, list ...api.Alert) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.list = err, list
}

func (f *fake) ended() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.expired)
}

func (f *fake) made() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sets
}

func (f *fake) first() Silence {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.silences[0]
}

func alert(name string, more ...string) api.Alert {
	a := api.Alert{Fingerprint: "fp-" + name, Name: name, State: "firing", Labels: map[string]string{"alertname": name}}
	for i := 0; i < len(more); i += 2 {
		a.Labels[more[i]] = more[i+1]
	}
	a.Severity, a.Service = a.Labels["severity"], a.Labels["service"]
	return a
}

// keep runs a keeper inside of a bubble of synctest.
func keep(f *fake, owner func(string) bool) (stop func()) {
	return keepLog(f, owner, time.Now, slog.New(slog.DiscardHandler))
}

func keepLog(f *fake, owner func(string) bool, now func() time.Time, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	k := &Keeper{
		Manager: func(context.Context) (Manager, error) { return f, nil }, Log: log, Now: now,
		Owner: func(_ context.Context, name string) bool { return owner == nil || owner(name) },
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func ack(a api.Alert, most time.Duration) Silence {
	now := time.Now()
	return Silence{ID: "s0", Matchers: Exactly(a.Labels), By: "ann", Starts: now, Ends: now.Add(AckFor), Comment: AckComment("looking", now.Add(most))}
}

func TestTheKeeperRenewsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alert("A", "severity", "critical")
		f := &fake{list: []api.Alert{a}}
		f.silences = []Silence{ack(a, 2*time.Hour)}
		defer keep(f, nil)()
		start := time.Now()
		for time.Since(start) < 2*time.Hour-time.Minute {
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, Active, f.first().State(time.Now()), "after %s", time.Since(start))
		}
		require.WithinDuration(t, start.Add(2*time.Hour), f.first().Ends, time.Second, "never beyond what was asked")
		require.Less(t, f.made(), 40)
		time.Sleep(2 * time.Minute)
		require.Equal(t, Expired, f.first().State(time.Now()))
	})
}

func TestTheKeeperEndsWhatHasResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alert("A")
		f := &fake{list: []api.Alert{a}}
		f.silences = []Silence{ack(a, 24*time.Hour)}
		defer keep(f, nil)()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Empty(t, f.ended())
		f.set(nil)
		time.Sleep(time.Minute)
		f.set(nil, a)
		time.Sleep(time.Minute)
		f.set(nil)
		time.Sleep(time.Minute + 30*time.Second)
		synctest.Wait()
		require.Empty(t, f.ended(), "an Alertmanager that has just started knows no alert for a minute")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"s0"}, f.ended())
	})
}

func TestTheKeeperRenewsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alert("A")
		f := &fake{list: []api.Alert{a}, silences: []Silence{ack(a, 24*time.Hour)}}
		start := time.Now()
		defer keep(f, nil)()
		time.Sleep(AckFor / 2)
		synctest.Wait()
		require.Equal(t, 1, f.made())
		require.WithinDuration(t, start.Add(AckFor/3), f.set1, 20*time.Second, "with two thirds left")
		require.WithinDuration(t, f.set1.Add(AckFor), f.first().Ends, 0)
		require.Equal(t, start, f.first().Starts)
	})
}

// TestWhoDoesNotAnswerHasResolvedNothing: while a whole cluster is silent the
// keeper ends nothing and says of no alert that it has resolved; a pair of
// which one answers says all there is.
func TestWhoDoesNotAnswerHasResolvedNothing(t *testing.T) {
	for _, covered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := alert("A")
			f := &fake{list: []api.Alert{a}, silences: []Silence{ack(a, 24*time.Hour)}}
			log := &lines{}
			defer keepLog(f, nil, time.Now, slog.New(slog.NewJSONHandler(log, nil)))()
			time.Sleep(time.Minute)
			f.mu.Lock()
			f.list, f.failed = nil, []api.BackendFailure{{Backend: "eu", Covered: covered}}
			f.mu.Unlock()
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			require.Equal(t, covered, len(f.ended()) > 0)
			require.Equal(t, covered, strings.Contains(log.String(), `"event.action":"resolved"`), log)
		})
	}
}

// TestTheKeeperStartsAnew: a second keeper finds the silences of the first by
// their mark, also when the Alertmanager has lost its alerts meanwhile.
func TestTheKeeperStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alert("A")
		f := &fake{list: []api.Alert{a}, silences: []Silence{ack(a, 24*time.Hour)}}
		keep(f, nil)()
		f.set(nil)
		defer keep(f, nil)()
		time.Sleep(time.Minute)
		f.set(nil, a)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Empty(t, f.ended())
		require.Equal(t, Active, f.first().State(time.Now()))
	})
}

// TestJumpsOfTheClock: whatever the clock does, nothing is kept quiet beyond
// what was asked, nothing that fires is ended, and nobody is busy.
func TestJumpsOfTheClock(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 26 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			a := alert("A")
			f := &fake{list: []api.Alert{a}, silences: []Silence{ack(a, 6*time.Hour)}}
			until, _ := ManagedUntil(f.silences[0].Comment)
			var offset atomic.Int64
			now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
			defer keepLog(f, nil, now, slog.New(slog.DiscardHandler))()
			time.Sleep(time.Hour)
			offset.Store(int64(jump))
			time.Sleep(3 * time.Hour)
			synctest.Wait()
			require.Empty(t, f.ended())
			require.Less(t, f.made(), 60)
			require.False(t, f.first().Ends.After(until))
			require.LessOrEqual(t, f.first().Ends.Sub(now()), AckFor+max(0, -jump))
			if jump < 0 {
				require.Equal(t, Active, f.first().State(now()))
			}
		})
	}
}

// TestSummerTime: the end of an acknowledgement is a point in time.
func TestSummerTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	before := time.Date(2026, 3, 29, 1, 50, 0, 0, zone)
	until := before.Add(time.Hour) // 03:50, after 02:00 has become 03:00
	at, ok := ManagedUntil(AckComment("x", until))
	require.True(t, ok)
	require.Equal(t, time.Hour, at.Sub(before))
	require.Equal(t, Active, Silence{Starts: before, Ends: at}.State(before.Add(59*time.Minute)))
	require.Equal(t, Expired, Silence{Starts: before, Ends: at}.State(at))
	require.Equal(t, Pending, Silence{Starts: before, Ends: at}.State(before.Add(-time.Second)))
}

func TestTheKeeperSaysOnceThatItCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{err: errors.New("down")}
		log := &lines{}
		defer keepLog(f, nil, time.Now, slog.New(slog.NewJSONHandler(log, nil)))()
		time.Sleep(10 * time.Minute)
		f.set(nil, alert("A"))
		time.Sleep(10 * time.Minute)
		f.set(nil, alert("A"), alert("B", "service", "chat"))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(log.String(), "cannot be looked after"))
		require.Equal(t, 1, strings.Count(log.String(), "looked after again"))
		require.Equal(t, 1, strings.Count(log.String(), `"event.action":"firing"`))
		require.NotContains(t, log.String(), `"aictl.alert":"A"`, "what was there before is no news")
	})
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestAnAcknowledgementLapsesWithItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alert("A")
		f := &fake{list: []api.Alert{a}}
		f.silences = []Silence{ack(a, 24*time.Hour)}
		defer keep(f, func(name string) bool { return name != "ann" })()
		time.Sleep(AckFor + time.Second)
		synctest.Wait()
		require.Zero(t, f.made())
		require.Equal(t, Expired, f.first().State(time.Now()))
	})
}

func TestTheKeeperOutlivesAnAlertmanagerThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alert("A")
		f := &fake{list: []api.Alert{a}}
		f.silences = []Silence{ack(a, 24*time.Hour)}
		defer keep(f, nil)()
		f.set(errors.New("down"), a)
		time.Sleep(10 * time.Minute)
		f.set(nil, a)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Positive(t, f.made())
		require.Greater(t, time.Until(f.first().Ends), AckFor/2)
		require.Empty(t, f.ended(), "nobody ends what cannot be seen")
	})
}

func TestTheKeeperLeavesOtherSilencesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		m, err := Parse("service=chat")
		require.NoError(t, err)
		f := &fake{silences: []Silence{
			{ID: "s0", Matchers: m, Starts: now, Ends: now.Add(time.Hour), Comment: "by hand"},
			{ID: "s1", Matchers: m, Starts: now, Ends: now.Add(10 * time.Minute), Comment: "ACK! by karma"},
		}}
		defer keep(f, nil)()
		time.Sleep(30 * time.Minute)
		require.Zero(t, f.made())
		require.Empty(t, f.ended())
	})
}

func TestComments(t *testing.T) {
	until := time.Date(2026, 3, 29, 1, 30, 0, 0, time.FixedZone("CET", 3600))
	c := AckComment("looking\n[x]", until)
	require.Equal(t, "ACK! looking\n[x] [aictl: until resolved, at most until 2026-03-29T00:30:00Z]", c)
	require.True(t, IsAck(c))
	require.Equal(t, "looking\n[x]", Words(c))
	at, ok := ManagedUntil(c)
	require.True(t, ok)
	require.True(t, at.Equal(until))
	_, ok = ManagedUntil("[aictl: until resolved, at most until soon]")
	require.False(t, ok)
	require.Equal(t, "by karma", Words("ACK! by karma"))
	require.Empty(t, Words(AckComment("", until)))
}

func TestWhatASilenceNeeds(t *testing.T) {
	critical, warning := alert("A", "severity", "critical"), alert("B", "severity", "warning")
	require.Empty(t, NeedsReason(time.Hour, []api.Alert{warning}))
	require.Contains(t, NeedsReason(25*time.Hour, nil), "more than")
	require.Contains(t, NeedsReason(time.Hour, []api.Alert{warning, critical}), "A, which is critical")
	require.Contains(t, NeedsReason(time.Hour, make([]api.Alert, 11)), "11 alerts")
	for text, code := range map[string]fail.Code{
		"": fail.Usage, "a=~.*": fail.Refused, "a!=x": fail.OK, `a=""`: fail.Refused, "a=x": fail.OK, "a=~.+": fail.OK, "a!=x b=y": fail.OK,
	} {
		m, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, code, fail.CodeOf(CheckSilence(m, time.Hour)), text)
	}
	m, err := Parse("a=x")
	require.NoError(t, err)
	require.Equal(t, fail.Usage, fail.CodeOf(CheckSilence(m, -time.Second)))
	require.Equal(t, fail.Refused, fail.CodeOf(CheckSilence(m, 100*24*time.Hour)))
}

func TestChanges(t *testing.T) {
	now := time.Now()
	kinds := func(was, is map[string]api.Alert) (out []string) {
		for _, e := range Changes(was, is, now) {
			out = append(out, e.Type+" "+e.Alert.Name)
		}
		return out
	}
	a, b := alert("A"), alert("B", "severity", "critical")
	quiet := a
	quiet.State, quiet.SilencedBy = "silenced", []string{"x"}
	again := a
	again.Started = now
	one := func(list ...api.Alert) map[string]api.Alert {
		m := map[string]api.Alert{}
		for _, a := range list {
			m[a.Fingerprint] = a
		}
		return m
	}
	require.Equal(t, []string{"snapshot B", "snapshot A"}, kinds(nil, one(a, b)), "the worst first")
	require.Empty(t, kinds(one(a), one(a)))
	require.Equal(t, []string{"firing B", "resolved A"}, kinds(one(a), one(b)))
	require.Equal(t, []string{"silenced A"}, kinds(one(a), one(quiet)))
	require.Equal(t, []string{"unsilenced A"}, kinds(one(quiet), one(a)))
	require.Equal(t, []string{"refiring A"}, kinds(one(a), one(again)))
	require.Equal(t, []string{"silenced A"}, kinds(one(), one(quiet)))
	held := a
	held.State, held.InhibitedBy = "inhibited", []string{"x"}
	require.Equal(t, []string{"inhibited A"}, kinds(one(a), one(held)))
	require.Equal(t, []string{"uninhibited A"}, kinds(one(held), one(a)))
	require.Equal(t, []string{"inhibited A"}, kinds(one(quiet), one(held)))
	require.Equal(t, []string{"silenced A"}, kinds(one(held), one(quiet)))
	require.Equal(t, []string{"resolved B", "resolved A"}, kinds(one(a, b), one()))
	require.Empty(t, kinds(one(), one()))
	require.Empty(t, kinds(nil, one()))
	for _, e := range Changes(one(a), one(again, b), now.In(time.FixedZone("x", 3600))) {
		require.Equal(t, time.UTC, e.Time.Location())
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{list: []api.Alert{alert("A")}}
		ctx, cancel := context.WithCancel(context.Background())
		var got []string
		step := 0
		for e, err := range Watch(ctx, f, 5*time.Second, time.Now, func(l []api.Alert) []api.Alert { return l }) {
			if err != nil {
				require.Equal(t, fail.Canceled, fail.CodeOf(err))
				break
			}
			name := ""
			if e.Alert != nil {
				name = e.Alert.Name
			} else {
				name = e.Gap.Message
			}
			got = append(got, e.Type+" "+name)
			switch step++; step {
			case 1:
				f.set(fail.New(fail.Unavailable, "down"), alert("A"))
			case 2:
				f.set(nil, alert("B"))
			case 4:
				cancel()
			}
		}
		require.Equal(t, []string{"snapshot A", "gap down", "firing B", "resolved A"}, got)
		cancel()
		f.set(fail.New(fail.Auth, "who are you"))
		for _, err := range Watch(context.Background(), f, time.Second, time.Now, nil) {
			require.Equal(t, fail.Auth, fail.CodeOf(err), "asking again cannot help")
		}
	})
}

// TestWatchGaps: a cluster that does not answer is said once, and what it had
// has not resolved; another one that falls silent is said for itself.
func TestWatchGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{list: []api.Alert{alert("A"), alert("B")}}
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		over := fail.New(fail.Refused, "enough")
		var got []string
		go func() {
			steps := []struct {
				failed []api.BackendFailure
				list   []api.Alert
			}{
				{[]api.BackendFailure{{Backend: "eu"}}, []api.Alert{alert("A")}},
				{[]api.BackendFailure{{Backend: "eu"}, {Backend: "us"}}, nil},
				{nil, []api.Alert{alert("B")}},
				{[]api.BackendFailure{{Backend: "eu", Covered: true}}, nil},
			}
			for _, s := range steps {
				time.Sleep(time.Minute)
				f.mu.Lock()
				f.list, f.failed = s.list, s.failed
				f.mu.Unlock()
			}
			time.Sleep(time.Minute)
			cancel(over)
		}()
		for e, err := range Watch(ctx, f, 7*time.Second, time.Now, func(l []api.Alert) []api.Alert { return l }) {
			switch {
			case err != nil:
				require.ErrorIs(t, err, over)
			case e.Gap != nil:
				got = append(got, "gap "+e.Gap.Backend)
			default:
				got = append(got, e.Type+" "+e.Alert.Name)
			}
		}
		require.Equal(t, []string{"snapshot A", "snapshot B", "gap eu", "gap us", "resolved A", "gap eu", "resolved B"}, got)
	})
}

func TestMeasured(t *testing.T) {
	for _, c := range []struct {
		expr, measure string
		limit         float64
		known         bool
	}{
		{"up == 0", "up", 0, true},
		{"rate(x[5m]) > 0.1", "rate(x[5m])", 0.1, true},
		{`sum(rate(x{a=~"b > c"}[5m])) by (job) >= bool 5e-1`, `sum(rate(x{a=~"b > c"}[5m])) by (job)`, 0.5, true},
		{"a:b{c!=\"d\"} > 0.05 and e > 1", `a:b{c!="d"}`, 0.05, true},
		{"(x > 3) and on() y", "x", 3, true},
		{"((x < 3))", "x", 3, true},
		{"(a > 1) or (b > 2)", "a", 1, true},
		{"x > y", "x", 0, false},
		{"vector(1)", "vector(1)", 0, false},
		{"absent(up)", "absent(up)", 0, false},
		{"orders > 1", "orders", 1, true},
		{"standard_or_not > 1", "standard_or_not", 1, true},
		{"x offset 1h > 2", "x offset 1h", 2, true},
		{"x > -3", "x", -3, true},
		{"x > +Inf", "x", math.Inf(1), true},
		{"a > 1 unless b", "a", 1, true},
		{"x @ 1600000000 >= 5", "x @ 1600000000", 5, true},
		{"sum by (a) (x{b='(>'}) != 2", "sum by (a) (x{b='(>'})", 2, true},
		{"max_over_time((x > bool 1)[5m:]) == 1", "max_over_time((x > bool 1)[5m:])", 1, true},
		{"x{a=`\\`} < 1", "x{a=`\\`}", 1, true},
		{"(a or b) > 1", "(a or b)", 1, true},
		{"((a > 1) and (b > 2)) or (c > 3)", "a", 1, true},
		{"x AND y", "x", 0, false},
		{")(", ")(", 0, false},
		{"x > 1e999", "x", 0, false},
		{"(((", "(((", 0, false},
		{"", "", 0, false},
	} {
		measure, limit, known := Measured(c.expr)
		require.Equal(t, c.measure, measure, c.expr)
		require.InDelta(t, c.limit, limit, 0, c.expr)
		require.Equal(t, c.known, known, c.expr)
	}
}

func TestPastAndStale(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	end := now.Add(-time.Hour)
	stretches := []api.Annotation{
		{Kind: "alert", Title: "A", Time: now.Add(-2 * time.Hour), End: &end, Labels: map[string]string{"alertname": "A"}},
		{Kind: "alert", Title: "A", Time: now.Add(-10 * time.Minute), Labels: map[string]string{"alertname": "A"}},
		{Kind: "alert", Title: "B", Time: now.Add(-30 * time.Minute), End: &now, Labels: map[string]string{"alertname": "B", "x": "y"}},
		{Kind: "deployment", Title: "A", Time: now},
	}
	all, err := Parse("alertname=~.+")
	require.NoError(t, err)
	require.Equal(t, []api.PreviewPast{
		{Name: "A", Labels: map[string]string{"alertname": "A"}, Times: 2, Fired: op.Duration(70 * time.Minute), Last: now},
		{Name: "B", Labels: map[string]string{"alertname": "B", "x": "y"}, Times: 1, Fired: op.Duration(30 * time.Minute), Last: now},
	}, Past(stretches, all, now))
	b, err := Parse("x=y")
	require.NoError(t, err)
	require.Len(t, Past(stretches, b, now), 1)
	require.Len(t, Stretches(stretches, all), 3)
	old := Silence{Matchers: b, Starts: now.Add(-2 * time.Hour), Ends: now.Add(time.Hour)}
	require.Empty(t, Stale(old, 1, nil, now), "it hits something")
	require.Empty(t, Stale(old, 0, stretches, now), "what it hits fired lately")
	require.NotEmpty(t, Stale(old, 0, stretches[:2], now))
	require.NotEmpty(t, Stale(old, 0, nil, now))
	old.Starts = now.Add(-time.Minute)
	require.Empty(t, Stale(old, 0, nil, now), "it is young")
}

func TestTheRecordIsReadBack(t *testing.T) {
	_, ok := FromRecord(api.LogEntry{Fields: []byte(`{"event":{"dataset":"other","action":"ack"}}`)})
	require.False(t, ok)
	_, ok = FromRecord(api.LogEntry{Fields: []byte(`{"event":{"dataset":"aictl.alerts","action":"firing"}}`)})
	require.False(t, ok, "ALERTS has it")
	_, ok = FromRecord(api.LogEntry{Fields: []byte(`nonsense`)})
	require.False(t, ok)
	p, ok := FromRecord(api.LogEntry{Fields: []byte(`{"event":{"dataset":"aictl.alerts","action":"ack"},"user":{"name":"ann"},"aictl":{"alert":"A","comment":"looking"}}`)})
	require.True(t, ok)
	require.Equal(t, api.AlertPast{Kind: "ack", Name: "A", By: "ann", Text: "looking", Source: "record", Labels: map[string]string{"alertname": "A"}}, p)
}

// TestRecordAndBack: what Record and a Keeper write, FromRecord reads; the log
// store unfolds the dots.
func TestRecordAndBack(t *testing.T) {
	m, err := Parse(`alertname="A" größe="a b"`)
	require.NoError(t, err)
	var b bytes.Buffer
	s := Silence{ID: "s1", Matchers: m, By: "ann", Comment: AckComment("looking\n\x1b[2J", time.Now())}
	Record(context.Background(), slog.New(slog.NewJSONHandler(&b, nil)), "ack", s, []api.Alert{alert("A")})
	var flat map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &flat))
	p, ok := FromRecord(api.LogEntry{Fields: unfold(t, flat)})
	require.True(t, ok)
	require.Equal(t, api.AlertPast{
		Kind: "ack", Name: "A", By: "ann", Source: "record", Labels: map[string]string{"alertname": "A"},
		Matchers: `alertname="A" größe="a b"`, Text: `alertname="A" größe="a b" ` + "looking\n\x1b[2J",
	}, p)
	b.Reset()
	Record(context.Background(), slog.New(slog.NewJSONHandler(&b, nil)), "silence", s, make([]api.Alert, 10_000))
	require.Less(t, b.Len(), 2000, "a record has an end")
}

func unfold(t *testing.T, flat map[string]any) []byte {
	t.Helper()
	doc := map[string]any{}
	for k, v := range flat {
		head, tail, nested := strings.Cut(k, ".")
		if !nested {
			doc[k] = v
			continue
		}
		if doc[head] == nil {
			doc[head] = map[string]any{}
		}
		doc[head].(map[string]any)[tail] = v //nolint:forcetypeassert // made above
	}
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	return raw
}

func TestAcknowledge(t *testing.T) {
	now := time.Now()
	list := []api.Alert{{SilencedBy: []string{"plain", "over", "ack"}}, {SilencedBy: []string{"plain"}}, {}}
	Acknowledge(list, []Silence{
		{ID: "plain", By: "bob", Starts: now, Ends: now.Add(time.Hour), Comment: "night"},
		{ID: "over", By: "bob", Starts: now.Add(-time.Hour), Ends: now.Add(-time.Minute), Comment: "ACK! old"},
		{ID: "ack", By: "ann", Starts: now, Ends: now.Add(time.Minute), Comment: AckComment("mine", now)},
	}, now)
	require.Equal(t, &api.AlertAck{By: "ann", Comment: "mine", Until: now.Add(time.Minute).UTC(), Silence: "ack"}, list[0].Ack)
	require.Nil(t, list[1].Ack)
	require.Nil(t, list[2].Ack)
}

func TestAnnotations(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m, err := Parse("a=b")
	require.NoError(t, err)
	at := func(from, to time.Duration) Silence {
		return Silence{Matchers: m, By: "ann", Comment: "ACK! x", Starts: now.Add(from), Ends: now.Add(to)}
	}
	got := Annotations([]Silence{at(-3*time.Hour, -2*time.Hour), at(-90*time.Minute, -30*time.Minute), at(-time.Minute, time.Hour), at(0, time.Hour)}, now.Add(-time.Hour), now)
	end := now.Add(-30 * time.Minute)
	require.Equal(t, []api.Annotation{
		{Kind: "silence", Time: now.Add(-90 * time.Minute), End: &end, Title: `a="b"`, Text: "ann: x"},
		{Kind: "silence", Time: now.Add(-time.Minute), Title: `a="b"`, Text: "ann: x"},
	}, got)
}

func TestSelect(t *testing.T) {
	quiet := alert("Q", "severity", "critical", "service", "chat")
	quiet.State = "silenced"
	list := []api.Alert{alert("W", "severity", "warning", "service", "chat"), quiet, alert("C", "severity", "critical", "service", "predict")}
	names := func(f api.AlertFilter) (out []string) {
		m, err := Parse(f.Matchers)
		require.NoError(t, err)
		for _, a := range Select(list, f, m) {
			out = append(out, a.Name)
		}
		return out
	}
	require.Equal(t, []string{"C", "W"}, names(api.AlertFilter{State: "firing"}))
	require.Equal(t, []string{"C", "W", "Q"}, names(api.AlertFilter{State: "all"}))
	require.Equal(t, []string{"W", "Q"}, names(api.AlertFilter{State: "all", Service: "chat"}))
	require.Equal(t, []string{"C"}, names(api.AlertFilter{State: "all", Matchers: "fp-C"}))
	require.Equal(t, []string{"C", "Q"}, names(api.AlertFilter{State: "all", Severity: "critical"}))
	require.Equal(t, []string{"W"}, names(api.AlertFilter{State: "firing", Matchers: "service=~ch.+"}))
}

// FuzzMeasured: whatever a rule's expression is, its measure is a part of it.
func FuzzMeasured(f *testing.F) {
	for _, s := range []string{"a > 1", "((a) and b) > 2", `x{a="\"`, ")", "a >", "((((", "a or or", "`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		measure, limit, known := Measured(s)
		if !strings.Contains(s, measure) || !known && limit != 0 {
			t.Fatalf("%q measures %q, limit %g (%t)", s, measure, limit, known)
		}
	})
}

func TestMeasuredOfHostileExpressions(t *testing.T) {
	start := time.Now()
	Measured(strings.Repeat("(", 5_000) + "a > 1" + strings.Repeat(")", 5_000))
	Measured(strings.Repeat("a and ", 100_000) + "b")
	require.Less(t, time.Since(start), 3*time.Second)
}
