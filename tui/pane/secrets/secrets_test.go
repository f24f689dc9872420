package secrets

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/tuitest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const hidden = "hunter2"

func newPane(t testing.TB, contexts ...string) *Pane {
	t.Helper()
	c := &tuitest.Recorder{Body: `[]`}
	p := New(tuitest.Env(t, noon, c.Contexts(contexts...)...))
	p.Open(pane.Subject{})
	return p
}

func said(name string, out any) feed.Result { return feed.Result{Context: name, Out: out} }

func answer(slot string, results ...feed.Result) feed.Answer {
	return feed.Answer{Key: key(slot), Results: results}
}

func secretList() api.SecretList {
	return api.SecretList{Secrets: []api.Secret{
		{Ref: "vault:app/db", Store: "vault", Path: "app/db", Version: "2", Updated: noon.Add(-50 * time.Hour), Rotated: noon.Add(-100 * 24 * time.Hour), MaxAge: op.Duration(90 * 24 * time.Hour), Overdue: true, By: "admin"},
		{Ref: "vault:app/tls", Store: "vault", Path: "app/tls", Version: "1", Updated: noon.Add(-time.Hour), Rotated: noon.Add(-time.Hour)},
		{Ref: "aws:prod/key", Store: "aws", Path: "prod/key", Version: "0af1e2d3-aaaa-bbbb", Updated: noon},
	}}
}

func loaded(t testing.TB) *Pane {
	t.Helper()
	p := newPane(t, "local")
	p.Update(answer(slotList, said("local", secretList())))
	l := secretList()
	l.Secrets[0].Consumers = []string{"shop/Deployment/web"}
	p.Update(answer(slotConsumers, said("local", l)))
	return p
}

func TestListJoinsConsumers(t *testing.T) {
	p := newPane(t, "local")
	require.Contains(t, p.View(100, 10), "asking…")
	p.Update(answer(slotList, said("local", secretList())))
	require.Regexp(t, `app/db +2 +2d +100d +OVERDUE +\?`, p.View(120, 10))
	l := secretList()
	l.Secrets[0].Consumers = []string{"shop/Deployment/web"}
	p.Update(answer(slotConsumers, said("local", l)))
	out := p.View(120, 10)
	require.Regexp(t, `vault +app/db +2 +2d +100d +OVERDUE +shop/Deployment/web`, out)
	require.Regexp(t, `vault +app/tls +1 +60m +60m +none`, out)
	require.Regexp(t, `aws +prod/key +0af1e2d3 +0s +unknown +none`, out)
	require.Contains(t, out, "3 secrets in 2 stores, 1 overdue")
	require.Equal(t, pane.Subject{Context: "local", Secret: "vault:app/db", Namespace: "shop", Workload: "Deployment/web"}, p.Subject())
	require.Equal(t, "aictl secrets list --consumers", p.Command())

	p.Act("secrets.overdue")
	require.NotContains(t, p.View(120, 10), "app/tls")
	require.Equal(t, "aictl secrets list --consumers --overdue", p.Command())
	require.True(t, p.Escape())
	require.False(t, p.Escape())
}

func TestStoresAndContextsThatFailAreNamed(t *testing.T) {
	p := newPane(t, "a", "b")
	l := secretList()
	l.Failed = []api.BackendFailure{{Backend: "github", Message: "401 bad credentials", Next: "aictl doctor", Code: fail.Auth}}
	down := fail.New(fail.Unavailable, "connection refused")
	p.Update(answer(slotList, said("a", l), feed.Result{Context: "b", Err: down}))
	out := p.View(120, 20)
	require.Contains(t, out, "no data from b: connection refused")
	require.Contains(t, out, "no data from a: github: 401 bad credentials  → aictl doctor")
	require.Contains(t, out, "app/db")

	p = newPane(t, "a")
	p.Update(answer(slotList, feed.Result{Context: "a", Err: down}))
	require.Contains(t, p.View(100, 10), "Nobody answered; nothing is known.")
	require.NotContains(t, p.View(100, 10), "0 secrets")
}

func TestDetail(t *testing.T) {
	p := loaded(t)
	got := tuitest.Messages(p.Act("secrets.open"))
	require.Contains(t, got, pane.Ran{Command: "aictl secrets history vault:app/db"})
	require.Contains(t, p.View(100, 40), "asking the store…")
	p.Update(answer(slotHistory, said("local", api.SecretHistory{
		Ref:      "vault:app/db",
		Versions: []api.SecretVersion{{Version: "2", Created: noon.Add(-time.Hour), By: "admin", Current: true}, {Version: "1", Revoked: true}},
		Writes:   []api.SecretWrite{{Time: noon.Add(-time.Hour), Action: "rotate", By: "admin", Version: "2", Fingerprint: "f04a3e30805e394e736d0cafb8acbc87", Reason: "it leaked"}},
	})))
	p.Update(answer(slotPast, said("local", []api.SecretRotation{
		{ID: "rot-1", Ref: "vault:app/db", Step: "done", Old: "1", New: "2", Log: []api.SecretRotationLine{{Time: noon, Text: "the old version 1 is revoked"}}},
		{ID: "rot-2", Ref: "vault:other", Step: "done"},
	})))
	out := p.View(100, 60)
	require.Contains(t, out, "*****")
	require.Contains(t, out, "masked")
	require.Contains(t, out, "OVERDUE")
	require.Regexp(t, `2 +current +11:00:00  by admin`, out)
	require.Regexp(t, `1 +revoked`, out)
	require.Regexp(t, `rotate +2 +f04a3e30805e  by admin  it leaked`, out)
	require.Contains(t, out, "f04a3e30805e394e736d0cafb8acbc87", "the print of the current version")
	require.Contains(t, out, "the old version 1 is revoked")
	require.NotContains(t, out, "rot-2")
	require.Contains(t, out, "shop/Deployment/web")

	p.Update(answer(slotHistory, feed.Result{Context: "local", Err: fail.New(fail.Forbidden, "not for you")}))
	out = p.View(100, 60)
	require.Contains(t, out, "no data from the history: not for you")
	require.Contains(t, out, "revoked", "what was known stays")
}

// reveal goes through the question to the value.
func reveal(t *testing.T, p *Pane, say string) {
	t.Helper()
	ask := tuitest.First[pane.Ask](t, p.Act("secrets.reveal"))
	cmd := ask.Then([]string{say})
	if say != "yes" {
		require.Nil(t, cmd)
		return
	}
	require.Contains(t, tuitest.Messages(cmd), pane.Ran{Command: "aictl secrets get vault:app/db --reveal"})
	p.Update(answer(slotReveal, said("local", api.SecretValue{Secret: secretList().Secrets[0], Revealed: true, Value: hidden})))
}

func TestAValueIsShownForHalfAMinute(t *testing.T) {
	p := loaded(t)
	reveal(t, p, "no")
	require.Nil(t, p.detail)
	reveal(t, p, "yes")
	require.Contains(t, p.View(100, 40), hidden)
	require.Contains(t, p.View(100, 40), "SHOWN for 30 s more")
	require.NotContains(t, p.Command(), hidden)
	require.Equal(t, pane.Copy{Text: "vault:app/db"}, tuitest.First[pane.Copy](t, p.Act("secrets.copy")))

	p.env.Now = noon.Add(29 * time.Second)
	p.Update(pane.Tick{Now: p.env.Now})
	require.Contains(t, p.View(100, 40), hidden)
	p.env.Now = noon.Add(30 * time.Second)
	p.Update(pane.Tick{Now: p.env.Now})
	require.Nil(t, p.detail.shown)
	require.NotContains(t, p.View(100, 40), hidden)
	require.Contains(t, p.View(100, 40), masked)

	// Another pane was in front when its time was over.
	p.env.Now = noon
	reveal(t, p, "yes")
	require.Contains(t, p.View(100, 40), hidden)
	p.env.Now = noon.Add(time.Minute)
	require.NotContains(t, p.View(100, 40), hidden)

	// A visit, esc, and any other secret's value.
	reveal(t, p, "yes")
	p.Open(pane.Subject{})
	require.NotContains(t, p.View(100, 40), hidden)
	reveal(t, p, "yes")
	require.True(t, p.Escape())
	require.NotNil(t, p.detail)
	require.NotContains(t, p.View(100, 40), hidden)
	p.Update(answer(slotReveal, said("local", api.SecretValue{Secret: api.Secret{Ref: "vault:app/other"}, Revealed: true, Value: hidden})))
	require.NotContains(t, p.View(100, 40), hidden)
	p.Update(answer(slotReveal, said("local", api.SecretValue{Secret: api.Secret{Ref: "vault:app/db"}, Value: masked})))
	require.Contains(t, p.View(100, 40), "does not give the value back")
	p.Update(answer(slotReveal, said("local", api.SecretValue{Secret: api.Secret{Ref: "vault:app/db"}, Revealed: true, Value: "/wAB", Encoding: "base64"})))
	require.Contains(t, p.View(100, 40), "ff 00 01")
}

func TestAWrittenValueIsInNoCommand(t *testing.T) {
	p := loaded(t)
	ask := tuitest.First[pane.Ask](t, p.Act("secrets.set"))
	require.Equal(t, "vault:app/", ask.Fields[0].Initial)
	require.True(t, ask.Fields[1].Secret)
	got := tuitest.First[pane.Propose](t, ask.Then([]string{"vault:app/new", hidden, "", "max-age=90d"}))
	require.Equal(t, "aictl secrets set vault:app/new --tag max-age=90d < value.txt", got.Command)
	require.Equal(t, &api.SecretSetInput{Ref: "vault:app/new", Value: []byte(hidden), Tags: []string{"max-age=90d"}}, got.In)
	require.Equal(t, "secrets.set", got.Change.Describe().ID)
	require.Equal(t, "local", got.Context)

	got = tuitest.First[pane.Propose](t, ask.Then([]string{"vault:app/new", "", "20", ""}))
	require.Equal(t, "aictl secrets set vault:app/new --generate 20", got.Command)
	tuitest.First[pane.Toast](t, ask.Then([]string{"vault:app/new", "", "", ""}))
	tuitest.First[pane.Toast](t, ask.Then([]string{"vault:app/new", hidden, "20", ""}))
	tuitest.First[pane.Toast](t, ask.Then([]string{"vault:app/new", "", "many", ""}))
}

func TestRotate(t *testing.T) {
	p := loaded(t)
	ask := tuitest.First[pane.Ask](t, p.Act("secrets.rotate"))
	got := tuitest.First[pane.Propose](t, ask.Then([]string{"32", "", "aws:prod/db", "yes", "sum(up) > 0"}))
	require.Equal(t, "aictl secrets rotate vault:app/db --generate 32 --to aws:prod/db --keep-old --verify 'sum(up) > 0'", got.Command)
	got = tuitest.First[pane.Propose](t, ask.Then([]string{"32", hidden, "", "no", ""}))
	require.Equal(t, "aictl secrets rotate vault:app/db < value.txt", got.Command)
	require.NotContains(t, fmt.Sprintf("%s %v", got.Command, got.Change.Describe()), hidden)

	// Its journal is followed while it goes on.
	p.Update(answer(slotRotations, said("local", []api.SecretRotation{})))
	p.Update(answer(slotList, said("local", secretList())))
	p.env.Now = noon.Add(3 * time.Second)
	require.NotNil(t, p.Update(pane.Tick{Now: p.env.Now}))
	p.Update(answer(slotRotations, said("local", []api.SecretRotation{{
		ID: "rot-9", Ref: "vault:app/db", Step: "written", Open: true, Updated: p.env.Now,
		Log: []api.SecretRotationLine{{Time: noon, Text: "the new version 3 is written"}, {Time: noon, Text: "web restarts"}},
	}})))
	require.Contains(t, p.View(120, 20), "rotating vault:app/db web restarts")
	p.Act("secrets.open")
	require.Contains(t, p.View(120, 40), "the new version 3 is written")
	require.Contains(t, p.View(120, 40), "Rotation, not at its end")

	got = tuitest.First[pane.Propose](t, p.Act("secrets.abort"))
	require.Equal(t, "aictl secrets rotate vault:app/db --abort rot-9", got.Command)
	require.Equal(t, &api.SecretRotateInput{Ref: "vault:app/db", Abort: "rot-9"}, got.In)
	got = tuitest.First[pane.Propose](t, p.Act("secrets.resume"))
	require.Equal(t, "aictl secrets rotate vault:app/db --resume rot-9", got.Command)

	require.NotNil(t, p.Update(answer(slotRotations, said("local", []api.SecretRotation{}))), "its end makes the page ask again")
	require.NotContains(t, p.View(120, 40), "not at its end")
	require.NotNil(t, p.Update(pane.Changed{Operation: "secrets.rotate"}))
	require.Empty(t, p.watch.ref)
}

func TestDelete(t *testing.T) {
	p := loaded(t)
	got := tuitest.First[pane.Propose](t, p.Act("secrets.delete"))
	require.Equal(t, "aictl secrets delete vault:app/db", got.Command)
	require.Equal(t, &api.SecretDeleteInput{Ref: "vault:app/db"}, got.In)
}

func TestDiff(t *testing.T) {
	p := loaded(t)
	ask := tuitest.First[pane.Ask](t, p.Act("secrets.diff"))
	ask.Then([]string{"vault:app/db", "aws:prod/"})
	require.Equal(t, "aictl secrets diff vault:app/ aws:prod/", p.Command())
	require.Contains(t, p.View(100, 10), "comparing…")
	p.Update(answer(slotDiff, said("local", api.SecretDiff{Drift: 1, Secrets: []api.SecretDifference{
		{Name: "db", State: "different", LeftPrint: "ad6e51852c7656ce9a08", RightPrint: "1645d202ec7499d2dac5", Reason: "both values were read"},
		{Name: "tls", State: "missing-right", Reason: "it is not there"},
	}})))
	out := p.View(120, 10)
	require.Contains(t, out, "1 of 2 drift")
	require.Regexp(t, `different +db +ad6e51852c76 +1645d202ec74 +both values were read`, out)
	p.Update(answer(slotDiff, feed.Result{Context: "local", Err: fail.New(fail.NotFound, "no such folder")}))
	require.Contains(t, p.View(120, 10), "no data from the comparison: no such folder")
	require.True(t, p.Escape())
	require.Contains(t, p.View(120, 10), "3 secrets")
}

func TestNothingOfAContextThatWasLeft(t *testing.T) {
	p := newPane(t, "a", "b")
	p.Update(answer(slotList, said("a", api.SecretList{}), said("b", secretList())))
	p.Act("secrets.open")
	require.Equal(t, "b", p.Subject().Context)
	p.env.Contexts = p.env.Contexts[:1]
	p.Refresh()
	require.Equal(t, pane.Subject{}, p.Subject())
	require.Nil(t, p.Act("secrets.delete"), "it would be deleted elsewhere")
}

func TestReadOnlyWritesNothing(t *testing.T) {
	p := loaded(t)
	p.env.Contexts[0].ReadOnly = true
	for _, a := range p.Actions() {
		switch a.ID {
		case "secrets.rotate", "secrets.set", "secrets.delete":
			require.Equal(t, "read-only", a.Disabled)
			require.Nil(t, p.Act(a.ID))
		}
	}
	p.Filter("nothing like it")
	for _, a := range p.Actions() {
		require.NotEmpty(t, a.Help)
		p.Act(a.ID)
	}
}

func TestASubjectOpensItsPage(t *testing.T) {
	p := newPane(t, "local")
	p.Open(pane.Subject{Secret: "vault:app/tls"})
	p.Update(answer(slotList, said("local", secretList())))
	require.Equal(t, "aictl secrets history vault:app/tls", p.Command())
	p.Open(pane.Subject{Secret: "vault:gone"})
	require.Contains(t, p.View(100, 20), "not among the secrets")
	raw, err := json.Marshal(p.Save())
	require.NoError(t, err)
	p.Restore(raw)
}

func TestViewsStayInTheirBounds(t *testing.T) {
	hostile := "\x1b[2J\u202e世界e\u0301" + strings.Repeat("long ", 100)
	p := newPane(t, "a", hostile)
	s := api.Secret{Ref: hostile, Store: hostile, Path: hostile, Version: hostile, By: hostile, Note: hostile, Managed: hostile, Tags: map[string]string{hostile: hostile}, Consumers: []string{hostile}}
	l := api.SecretList{Secrets: []api.Secret{s}, Failed: []api.BackendFailure{{Backend: hostile, Message: hostile, Next: hostile}}}
	x := api.SecretRotation{ID: hostile, Ref: hostile, Step: hostile, Old: hostile, Failure: hostile, Consumers: []string{hostile}, Log: []api.SecretRotationLine{{Text: hostile}}}
	tuitest.Bounds(t, p)
	p.Update(answer(slotList, said("a", l), feed.Result{Context: hostile, Err: fail.New(fail.Internal, "%s", hostile)}))
	p.Update(answer(slotConsumers, said("a", l)))
	p.Update(answer(slotRotations, said("a", []api.SecretRotation{x})))
	tuitest.Bounds(t, p)
	p.Act("secrets.open")
	p.Update(answer(slotHistory, said("a", api.SecretHistory{Versions: []api.SecretVersion{{Version: hostile, Stages: []string{hostile}}}, Writes: []api.SecretWrite{{Action: hostile, By: hostile, Fingerprint: hostile, Reason: hostile}}})))
	p.Update(answer(slotPast, said("a", []api.SecretRotation{x})))
	p.Update(answer(slotReveal, said("a", api.SecretValue{Secret: s, Revealed: true, Value: hostile + strings.Repeat("x", 1<<20)})))
	tuitest.Bounds(t, p)
	p.compare("a", api.SecretDiffInput{Left: hostile, Right: hostile})
	p.Update(answer(slotDiff, said("a", api.SecretDiff{Secrets: []api.SecretDifference{{Name: hostile, State: hostile, Reason: hostile, LeftPrint: hostile}}})))
	tuitest.Bounds(t, p)
}
