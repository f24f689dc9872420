package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/tuitest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newPane(t testing.TB, contexts ...string) (*Pane, *tuitest.Recorder) {
	t.Helper()
	c := &tuitest.Recorder{Body: `[]`}
	p := New(tuitest.Env(t, noon, c.Contexts(contexts...)...))
	p.Open(pane.Subject{})
	return p, c
}

func answer(results ...feed.Result) feed.Answer {
	return feed.Answer{Key: key(slotLog), Results: results}
}

func all(name string, entries ...api.AuditEntry) feed.Result {
	return feed.Result{Context: name, Out: page{entries, true}}
}

func added(name string, entries ...api.AuditEntry) feed.Result {
	return feed.Result{Context: name, Out: page{entries, false}}
}

func intent(i int64, ago time.Duration, operation, target string) api.AuditEntry {
	return api.AuditEntry{
		Index: i, Time: noon.Add(-ago), Actor: "admin", Remote: "127.0.0.1", Operation: operation, Target: target, Phase: "intent",
		Reason: "it leaked", Request: fmt.Sprint("R", i), Details: json.RawMessage(`{"ref":"app/db","namespace":"shop"}`), Prev: "aaaa", Hash: fmt.Sprint("hash", i),
	}
}

func outcome(i int64, of api.AuditEntry, word string) api.AuditEntry {
	of.Index, of.Phase, of.Outcome, of.Details, of.Time, of.Hash = i, "outcome", word, nil, of.Time.Add(2*time.Second), fmt.Sprint("hash", i)
	return of
}

var (
	set    = intent(1, 30*time.Minute, "secrets.set", "vault:app/db")
	undo   = intent(3, 20*time.Minute, "deploy.undo", "checkout")
	silent = intent(5, 10*time.Minute, "alerts.silence", "{alertname=X}")
	now    = intent(6, 10*time.Second, "deploy.scale", "web")
)

func loaded(t testing.TB) *Pane {
	t.Helper()
	p, _ := newPane(t, "local")
	p.Update(answer(all("local", set, outcome(2, set, "ok"), undo, outcome(4, undo, "forbidden"), silent, now)))
	return p
}

func TestAChangeIsOneRow(t *testing.T) {
	p, _ := newPane(t, "local")
	require.Contains(t, p.View(100, 10), "asking…")
	p = loaded(t)
	lines := strings.Split(ansi.Strip(p.View(120, 12)), "\n")
	require.Contains(t, lines[0], "4 changes, 2 without success")
	require.Regexp(t, `11:59:50 +admin +deploy\.scale +web +running +it leaked +127\.0\.0\.1`, lines[2], "the newest first")
	require.Regexp(t, `alerts\.silence +\{alertname=X\} +no outcome`, lines[3])
	require.Regexp(t, `deploy\.undo +checkout +forbidden`, lines[4])
	require.Regexp(t, `secrets\.set +vault:app/db +ok`, lines[5])
	require.Len(t, lines, 6)
	require.Equal(t, "aictl audit log --since 1h --limit 2000", p.Command())
}

func TestWhatTheServerDoesByItselfIsOneRow(t *testing.T) {
	p, _ := newPane(t, "local")
	own := intent(1, time.Minute, "tokens.create", "admin")
	own.Request = ""
	p.Update(answer(all("local", own, outcome(2, own, "ok"))))
	require.Contains(t, p.View(120, 12), "1 change")
	require.NotContains(t, p.View(120, 12), "without success")
}

func TestWhatIsNewComesToWhatIsThere(t *testing.T) {
	p, c := newPane(t, "local")
	p.Update(answer(all("local", set, outcome(2, set, "ok"), now)))
	p.env.Now = noon.Add(2 * time.Second)
	require.Nil(t, p.Update(pane.Tick{Now: p.env.Now}))
	p.env.Now = noon.Add(6 * time.Second)
	tuitest.Messages(p.Update(pane.Tick{Now: p.env.Now}))
	require.Equal(t, "2026-03-01T11:59:50Z", c.Sent()[0].Query.Get("from"), "from the last record on")
	p.Update(answer(added("local", now, outcome(7, now, "ok"))))
	out := p.View(120, 12)
	require.Contains(t, out, "2 changes")
	require.Regexp(t, `deploy\.scale +web +ok`, out)

	p.env.Now = noon.Add(40 * time.Minute) // set is out of the window
	p.Update(answer(added("local")))
	require.Contains(t, p.View(120, 12), "1 change")

	tuitest.Messages(p.Refresh())
	require.Equal(t, "2026-03-01T11:40:00Z", c.Sent()[1].Query.Get("from"))
	require.Empty(t, c.Sent()[1].Query.Get("to"))
	p.env.Window.Live, p.env.Window.End = false, noon
	tuitest.Messages(p.Refresh())
	require.Equal(t, "2026-03-01T12:00:00Z", c.Sent()[2].Query.Get("to"))
	require.Contains(t, p.Command(), "--from 2026-03-01T11:00:00Z --to 2026-03-01T12:00:00Z")
	require.Nil(t, p.Update(pane.Tick{Now: noon.Add(time.Hour)}), "what is past does not grow")
}

func TestARecordIsBounded(t *testing.T) {
	p, _ := newPane(t, "local")
	var entries []api.AuditEntry
	for i := range int64(most) {
		entries = append(entries, intent(i, time.Minute, "x.y", "z"))
	}
	p.Update(answer(all("local", entries...)))
	require.Contains(t, p.View(120, 20), "the latest 2000 records: zoom in, or narrow")
	p.Update(answer(added("local", intent(most+1, 0, "x.y", "new"))))
	require.Equal(t, most, p.table.Total())
	require.Contains(t, p.View(120, 20), "new")
}

func TestNarrow(t *testing.T) {
	p := loaded(t)
	ask := tuitest.First[pane.Ask](t, p.Act("audit.narrow"))
	got := tuitest.Messages(ask.Then([]string{"admin", " secrets.set ", ""}))
	require.Contains(t, got, pane.Ran{Command: "aictl audit log --since 1h --actor admin --operation secrets.set --limit 2000"})
	require.Contains(t, p.View(120, 12), "asking…", "what is not there yet is not nothing")
	p.Update(answer(all("local")))
	require.Contains(t, p.View(120, 12), "Nothing was changed in the window.")
	require.Contains(t, p.View(120, 12), "0 changes of admin by secrets.set")
	p.Update(answer(all("local", set)))
	p.Act("audit.same")
	require.Equal(t, api.AuditFilter{Target: "vault:app/db"}, p.filter)
	p.Act("audit.all")
	require.Equal(t, "aictl audit log --since 1h --limit 2000", p.Command())

	p.Open(pane.Subject{Workload: "Deployment/web"})
	require.Contains(t, p.Command(), "--target web")
	raw, err := json.Marshal(p.Save())
	require.NoError(t, err)
	other, _ := newPane(t, "local")
	other.Restore(raw)
	require.Equal(t, p.Command(), other.Command())
}

func TestTheWholeRecord(t *testing.T) {
	p := loaded(t)
	p.Act("list.bottom")
	p.Act("audit.open")
	out := p.View(100, 60)
	for _, want := range []string{"Record 1, intent", "Record 2, outcome", "hash1", "hash2", `"ref": "app/db"`, "R1", "it leaked", "2026-03-01T11:30:00.000000Z"} {
		require.Contains(t, out, want)
	}
	require.Equal(t, pane.Subject{Context: "local", Secret: "vault:app/db", At: set.Time}, p.Subject())
	require.True(t, p.Escape())
	require.False(t, p.Escape())

	// The outcome of what runs comes to its page.
	p.Act("list.top")
	p.Act("audit.open")
	require.Contains(t, p.View(100, 60), "running")
	p.Update(answer(added("local", outcome(7, now, "ok"))))
	require.Contains(t, p.View(100, 60), "Record 7, outcome")
}

func TestSubjects(t *testing.T) {
	for _, c := range []struct {
		entry api.AuditEntry
		want  pane.Subject
	}{
		{set, pane.Subject{Secret: "vault:app/db"}},
		{intent(1, 0, "secrets.get", "app/db"), pane.Subject{Secret: "vault:app/db"}},
		{undo, pane.Subject{Service: "checkout", Namespace: "shop"}},
		{intent(1, 0, "deploy.apply", "Deployment/web"), pane.Subject{Workload: "Deployment/web", Namespace: "shop"}},
		{intent(1, 0, "incident.close", "inc-1"), pane.Subject{Incident: "inc-1", Text: "inc-1"}},
		{intent(1, 0, "incident.open", "Checkout is slow"), pane.Subject{Text: "Checkout is slow"}},
		{intent(1, 0, "sessions.delete", "s1"), pane.Subject{Session: "s1"}},
		{silent, pane.Subject{Text: "{alertname=X}"}},
	} {
		c.want.Context, c.want.At = "local", c.entry.Time
		require.Equal(t, c.want, subjectOf(row{context: "local", first: c.entry}), c.entry.Operation)
	}
}

func TestVerify(t *testing.T) {
	p, _ := newPane(t, "a", "b", "c")
	require.Contains(t, tuitest.Messages(p.Act("audit.verify")), pane.Ran{Command: "aictl audit verify"})
	require.Contains(t, p.View(120, 20), "verifying the chain…")
	at := int64(12)
	p.Update(feed.Answer{Key: key(slotVerify), Results: []feed.Result{
		{Context: "a", Out: api.AuditReport{OK: true, Records: 99, Head: "beef"}},
		{Context: "b", Out: api.AuditReport{BrokenAt: &at, Why: "its hash is another one"}},
		{Context: "c", Err: fail.New(fail.Unavailable, "connection refused")},
	}})
	out := p.View(120, 20)
	require.Contains(t, out, "a: the audit is whole: 99 records at 12:00:00, head beef")
	require.Contains(t, out, "its hash is another one")
	require.Contains(t, out, "b: BROKEN at record 12")
	require.Contains(t, out, "no data from c: not verified: connection refused")
	require.True(t, p.Escape())
	require.NotContains(t, p.View(120, 20), "BROKEN")
}

func TestWhatFailedIsNamed(t *testing.T) {
	p, _ := newPane(t, "a", "b")
	down := fail.New(fail.Unavailable, "connection refused").Hint("aictl doctor")
	p.Update(answer(feed.Result{Context: "a", Err: down}, feed.Result{Context: "b", Err: down}))
	require.Contains(t, p.View(120, 20), "Nobody answered; nothing is known.")
	p.Update(answer(all("a", set), all("b", undo)))
	p.env.Now = noon.Add(4 * time.Minute)
	p.Update(answer(all("a", set), feed.Result{Context: "b", Err: down}))
	out := p.View(120, 20)
	require.Contains(t, out, "no data from b: connection refused; what is shown is 4m old  → aictl doctor")
	require.Regexp(t, `b +admin +deploy\.undo`, out)
	require.Regexp(t, `a +admin +secrets\.set`, out)
	for _, a := range p.Actions() {
		require.NotEmpty(t, a.Help)
	}
	p.Act("list.top")
	p.Act("audit.open")
	require.Equal(t, "b", p.Subject().Context)
	p.env.Contexts = p.env.Contexts[:1]
	p.Refresh()
	require.Equal(t, "a", p.Subject().Context, "nothing of a context that was left")
}

func TestViewsStayInTheirBounds(t *testing.T) {
	hostile := "\x1b[2J\u202e世界e\u0301" + strings.Repeat("long ", 100)
	e := api.AuditEntry{Index: 1, Time: noon, Actor: hostile, Operation: hostile, Target: hostile, Phase: hostile, Outcome: hostile, Reason: hostile, Remote: hostile, Request: hostile, Prev: hostile, Hash: hostile, Details: json.RawMessage(`{"a":"` + strings.Repeat("世", 1<<18) + `"}`)}
	p, _ := newPane(t, "a", hostile)
	tuitest.Bounds(t, p)
	p.Update(answer(all("a", e), feed.Result{Context: hostile, Err: fail.New(fail.Internal, "%s", hostile)}))
	p.Update(feed.Answer{Key: key(slotVerify), Results: []feed.Result{{Context: hostile, Out: api.AuditReport{Why: hostile}}, {Context: "a", Err: fail.New(fail.False, "%s", hostile)}}})
	p.filter.Target = hostile
	tuitest.Bounds(t, p)
	p.Act("audit.open")
	tuitest.Bounds(t, p)
}
