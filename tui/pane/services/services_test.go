package services

import (
	"encoding/json"
	"fmt"
	"net/url"
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
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/tuitest"
	"github.com/aictl/aictl/tui/widget"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newPane(t testing.TB, contexts ...string) (*Pane, *tuitest.Recorder) {
	t.Helper()
	c := &tuitest.Recorder{Body: `{}`}
	p := New(tuitest.Env(t, noon, c.Contexts(contexts...)...))
	p.Open(pane.Subject{})
	return p, c
}

func answer(slot string, results ...feed.Result) feed.Answer {
	return feed.Answer{Key: key(slot), Results: results, Took: 120 * time.Millisecond}
}

func said(name string, out any) feed.Result { return feed.Result{Context: name, Out: out} }

var listed = []api.Service{
	{Name: "chat", Version: "v2", Kind: "builtin", State: "ready", Replicas: 1, Ready: 1, Operations: []string{"complete", "models"}, Summary: "Answers"},
	{Name: "predict", Version: "v3", Kind: "process", State: "degraded", Replicas: 2, Ready: 1, Operations: []string{"forecast"}, Summary: "Forecasts"},
}

var healthy = []api.ServiceHealth{
	{Name: "chat", State: "ready", Window: op.Duration(5 * time.Minute), Requests: 600, Errors: 6, ErrorRate: 0.01, P95: 120},
	{Name: "predict", State: "degraded", Window: op.Duration(5 * time.Minute)},
}

var described = api.ServiceDetail{
	Service: listed[0], Health: healthy[0],
	Describes: []api.ServiceOperation{
		{
			Name: "complete", Summary: "Answer a conversation", Streams: true, Idempotent: true,
			Input:    json.RawMessage(`{"type":"object","required":["prompt"],"properties":{"prompt":{"type":"string","description":"what to say"},"n":{"type":"integer","minimum":1}}}`),
			Examples: []json.RawMessage{json.RawMessage(`{"prompt":"what is running?"}`)},
		},
		{Name: "models", Summary: "List the models", Input: json.RawMessage(`{"type":"object"}`), Examples: []json.RawMessage{json.RawMessage(`{}`)}},
	},
}

func loaded(t testing.TB) (*Pane, *tuitest.Recorder) {
	t.Helper()
	p, c := newPane(t, "local")
	p.Update(answer(slotList, said("local", listed)))
	p.Update(answer(slotHealth, said("local", healthy)))
	return p, c
}

func opened(t testing.TB) (*Pane, *tuitest.Recorder) {
	t.Helper()
	p, c := loaded(t)
	p.Act("services.open")
	p.Update(answer(slotDescribe, said("local", described)))
	return p, c
}

func enter() tea.Msg { return tea.KeyPressMsg{Code: tea.KeyEnter} }

func TestListJoinsServicesAndFigures(t *testing.T) {
	p, _ := newPane(t, "local")
	require.Contains(t, p.View(100, 10), "asking…")
	p.Update(answer(slotList, said("local", listed)))
	require.Regexp(t, `chat +ready +1/1 +v2 +- +- +-`, p.View(130, 10), "no figures yet is no zero")
	p.Update(answer(slotHealth, said("local", healthy)))
	out := p.View(130, 10)
	require.Contains(t, out, "2 services: 1 degraded, 1 ready")
	require.Contains(t, out, "figures of the last 5m")
	require.Regexp(t, `chat +ready +1/1 +v2 +2\.00 +6 \(1\.0%\) +120ms +2 +builtin`, out)
	require.Regexp(t, `predict +degraded +1/2 +v3 +0 +0 +- +1`, out)
	require.Equal(t, "aictl services list", p.Command())
	require.Equal(t, pane.Subject{Context: "local", Service: "chat"}, p.Subject())
}

func TestWhatFailedIsNamedAndOldRowsStay(t *testing.T) {
	p, _ := newPane(t, "a", "b")
	down := fail.New(fail.Unavailable, "connection refused").Hint("aictl doctor")
	p.Update(answer(slotList, feed.Result{Context: "a", Err: down}, feed.Result{Context: "b", Err: down}))
	out := p.View(100, 10)
	require.Contains(t, out, "Nobody answered; nothing is known.")
	require.Contains(t, out, "no data from a: connection refused")
	require.NotContains(t, out, "0 services")

	p.Update(answer(slotList, said("a", listed), said("b", listed[:1])))
	require.Contains(t, p.View(100, 10), "3 services")
	p.env.Now = noon.Add(4 * time.Minute)
	p.Update(answer(slotList, said("a", listed), feed.Result{Context: "b", Err: down}))
	out = p.View(120, 10)
	require.Contains(t, out, "3 services")
	require.Contains(t, out, "no data from b: connection refused; what is shown is 4m old  → aictl doctor")
	require.Regexp(t, `b +chat +ready`, out)

	p.Update(answer(slotList, said("a", listed), said("b", listed[:1])))
	p.Update(answer(slotHealth, said("a", healthy), feed.Result{Context: "b", Err: down}))
	require.Contains(t, p.View(120, 10), "no data from the figures of b")
	p.Act("list.bottom")
	p.Act("services.open")
	require.Contains(t, p.Command(), "--context")
}

func TestNothingOfAContextThatWasLeft(t *testing.T) {
	p, _ := newPane(t, "a", "b")
	p.Update(answer(slotList, said("a", listed[:1]), said("b", listed[1:])))
	p.Act("list.bottom")
	p.Act("services.open")
	require.Equal(t, "b", p.Subject().Context)
	p.env.Contexts = p.env.Contexts[:1]
	p.Refresh()
	require.Equal(t, pane.Subject{Context: "a", Service: "chat"}, p.Subject())
	require.NotContains(t, p.View(100, 10), "predict")
}

func TestALiveListIsAskedAgain(t *testing.T) {
	p, _ := loaded(t)
	p.env.Now = noon.Add(2 * time.Second)
	require.Nil(t, p.Update(pane.Tick{Now: p.env.Now}))
	p.env.Now = noon.Add(6 * time.Second)
	require.NotNil(t, p.Update(pane.Tick{Now: p.env.Now}))
	require.Nil(t, p.Update(pane.Tick{Now: p.env.Now}), "it was asked already")
	p.Update(answer(slotList, said("local", listed)))
	p.env.Now, p.env.Window.Live = noon.Add(time.Minute), false
	require.Nil(t, p.Update(pane.Tick{Now: p.env.Now}))
}

func TestASubjectOpensItsService(t *testing.T) {
	p, _ := newPane(t, "local")
	p.Open(pane.Subject{Service: "predict"})
	p.Update(answer(slotList, said("local", listed)))
	require.Equal(t, "aictl services describe predict", p.Command())
	require.True(t, p.Escape())
	p.Open(pane.Subject{Service: "checkout"})
	p.Update(answer(slotList, said("local", listed)))
	require.Contains(t, p.View(80, 24), "there is no AI service checkout here")
}

func TestDetailSaysWhatAnOperationTakes(t *testing.T) {
	p, _ := opened(t)
	out := p.View(100, 40)
	require.Contains(t, out, "600 calls in 5m, errors 6 (1.0%)")
	require.Regexp(t, `prompt\* +string +what to say`, out)
	require.Regexp(t, `n +integer +at least 1`, out)
	require.Contains(t, out, `aictl invoke chat complete -d '{"prompt":"what is running?"}'`)
	p.Act("services.schema")
	require.Contains(t, p.View(100, 40), `"minimum": 1`)
	require.Equal(t, "aictl services describe chat", p.Command())

	p.env.Now = noon.Add(time.Minute)
	p.Update(answer(slotDescribe, feed.Result{Context: "local", Err: fail.New(fail.Timeout, "no answer in time")}))
	require.Contains(t, p.View(100, 40), "no answer in time; what is shown is 60s old")
	require.Contains(t, p.View(100, 40), "Answer a conversation")
	require.True(t, p.Escape())
	require.False(t, p.Escape())
}

func TestInvokeByTheForm(t *testing.T) {
	p, caller := opened(t)
	p.Act("list.down")
	p.Act("services.invoke")
	require.True(t, p.Typing())
	require.Contains(t, p.View(80, 24), "it takes no input")
	require.Equal(t, "aictl invoke chat models", p.Command())
	caller.Body = `{"models":["a","b"]}`
	got := tuitest.Messages(p.Update(enter()))
	require.Equal(t, []tuitest.Sent{{Operation: "services.invoke", Query: url.Values{}, Body: `{"service":"chat","operation":"models","data":{}}`}}, caller.Sent())
	require.Contains(t, got, pane.Ran{Command: "aictl invoke chat models"})
	require.False(t, p.Typing())
	require.Contains(t, p.View(80, 24), "running 0s")
	for _, m := range got {
		if a, ok := m.(feed.Answer); ok {
			p.Update(a)
		}
	}
	out := p.View(80, 24)
	require.Contains(t, out, `"models": [`)
	require.Contains(t, out, "ok in")
	require.Equal(t, []tea.Msg{pane.Copy{Text: "{\n  \"models\": [\n    \"a\",\n    \"b\"\n  ]\n}"}}, tuitest.Messages(p.Act("services.copy")))
	require.True(t, p.Escape())
	require.True(t, p.Typing(), "the form is below its answer")
}

func TestAFailedCallSaysWhy(t *testing.T) {
	p, _ := opened(t)
	p.Act("list.down")
	p.Act("services.invoke")
	p.Update(enter())
	p.Update(answer(slotInvoke, feed.Result{Context: "local", Err: fail.New(fail.Limited, "too many calls").Hint("try later").WithRequest("R1")}))
	out := p.View(80, 24)
	require.Contains(t, out, "failed")
	require.Contains(t, out, "limited: too many calls")
	require.Contains(t, out, "→ try later")
	require.Contains(t, out, "request R1")
}

func TestAStreamIsShownAsItComes(t *testing.T) {
	p, _ := opened(t)
	p.Act("services.invoke")
	require.Contains(t, ansi.Strip(p.View(80, 24)), "what is running?")
	require.Equal(t, `aictl invoke chat complete --stream -d '{"prompt":"what is running?"}'`, p.Command())
	p.Update(enter())
	part := func(text string) api.InvokeEvent {
		return api.InvokeEvent{Type: "data", Data: json.RawMessage(fmt.Sprintf(`{"choices":[{"delta":{"content":%q}}]}`, text))}
	}
	batch := func(done bool, err error, items ...api.InvokeEvent) {
		p.Update(feed.Batch{Key: key(slotInvoke), Context: "local", Items: items, Done: done, Err: err})
	}
	batch(false, nil, part("2 services "), part("ready:\n"))
	require.Contains(t, p.View(80, 24), "2 services ready:")
	batch(false, nil, part("- chat"))
	p.env.Now = noon.Add(3 * time.Second)
	out := p.View(80, 24)
	require.Contains(t, out, "- chat")
	require.Contains(t, out, "running 3s, 3 events")
	batch(true, nil, part(" is up"))
	out = p.View(80, 24)
	require.Contains(t, out, "- chat is up")
	require.Contains(t, out, "ok in 3s")
	require.Equal(t, "2 services ready:\n- chat is up", p.copied())
	p.Act("services.events")
	require.Contains(t, p.View(80, 24), `{"choices":[{"delta":{"content":"2 services "}}]}`)
	p.Act("services.events")
	require.Contains(t, p.View(30, 24), "- chat is up")

	p.Act("services.invoke")
	p.Update(enter())
	batch(false, nil, part("half"))
	batch(true, fail.New(fail.Unavailable, "the stream was cut before its end"))
	out = p.View(80, 24)
	require.Contains(t, out, "half")
	require.Contains(t, out, "the stream was cut before its end")

	p.Act("services.invoke")
	p.Update(enter())
	p.Act("services.stop")
	require.Contains(t, p.View(80, 24), "stopped")
}

func TestALongStreamIsBounded(t *testing.T) {
	r := newRun(true, noon)
	for range mostEvents + 5 {
		r.event(json.RawMessage(`{"a":1}`))
	}
	require.Equal(t, 5, r.lost)
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	require.Contains(t, r.status(th, noon), "5 of them not kept")
}

func TestASecretIsInNoCommand(t *testing.T) {
	p, _ := opened(t)
	form, err := widget.NewForm(p.theme, json.RawMessage(`{"type":"object","properties":{"password":{"type":"string","writeOnly":true}}}`))
	require.NoError(t, err)
	p.call = &call{context: "local", service: "vault", operation: api.ServiceOperation{Name: "open"}, form: form}
	p.Update(tea.PasteMsg{Content: "hunter2"})
	require.NotContains(t, p.View(80, 24), "hunter2")
	require.Equal(t, "aictl invoke vault open -d @input.json", p.Command())
	require.NotContains(t, fmt.Sprint(tuitest.Messages(p.invoke())[0]), "hunter2")
}

func TestFilterAndActions(t *testing.T) {
	p, _ := loaded(t)
	p.Filter("pred")
	require.NotContains(t, p.View(100, 10), "Answers")
	for _, a := range p.Actions() {
		require.NotEmpty(t, a.Short, a.ID)
		require.NotEmpty(t, a.Help, a.ID)
	}
	p.Filter("nothing like it")
	for _, a := range p.Actions() {
		require.NotEmpty(t, a.Disabled, a.ID)
		p.Act(a.ID)
	}
}

func TestViewsStayInTheirBounds(t *testing.T) {
	hostile := "\x1b[2J\u202e世界e\u0301" + strings.Repeat("long ", 100)
	service := api.Service{Name: hostile, Version: hostile, Kind: hostile, State: hostile, Summary: hostile}
	health := api.ServiceHealth{Name: hostile, Reason: hostile, Targets: []api.ServiceTarget{{Name: hostile}}, Recent: []api.ServiceError{{Message: hostile}}}
	p, _ := newPane(t, "a", hostile)
	p.Update(answer(slotList, said("a", []api.Service{service}), feed.Result{Context: hostile, Err: fail.New(fail.Internal, "%s", hostile)}))
	p.Update(answer(slotHealth, said("a", []api.ServiceHealth{health}), said(hostile, []api.ServiceHealth{})))
	tuitest.Bounds(t, p)
	p.Act("services.open")
	tuitest.Bounds(t, p)
	schema := json.RawMessage(`{"type":"object","properties":{"a":{"description":"\u001b[2J` + strings.Repeat("世", 200) + `"}}}`)
	p.Update(answer(slotDescribe, said("a", api.ServiceDetail{Service: service, Health: health, Describes: []api.ServiceOperation{
		{Name: hostile, Summary: hostile, Input: schema, Output: json.RawMessage(`"` + strings.Repeat("x", 10000) + `"`), Examples: []json.RawMessage{json.RawMessage(`{"a":"\u001b]0;x"}`)}},
	}})))
	tuitest.Bounds(t, p)
	p.Act("services.invoke")
	tuitest.Bounds(t, p)
	p.invoke()
	tuitest.Bounds(t, p)
	p.Update(answer(slotInvoke, said("a", json.RawMessage(`{"`+strings.Repeat("世", 5000)+`":"\u001b[2J"}`))))
	tuitest.Bounds(t, p)
}
