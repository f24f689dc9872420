package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
)

var night = time.Date(2026, 3, 4, 3, 10, 0, 0, time.UTC)

func made(t testing.TB, skin string) *Pane {
	t.Helper()
	th, err := theme.New(skin)
	require.NoError(t, err)
	feeds := feed.New(context.Background())
	t.Cleanup(feeds.Close)
	p := New(&pane.Env{
		Feeds: feeds, Theme: th, Now: night, Zone: time.UTC, Contexts: []feed.Context{{Name: "local"}},
		Window: pane.Window{Span: time.Hour, Live: true},
	})
	p.Open(pane.Subject{})
	return p
}

func press(p *Pane, keys ...string) (last tea.Cmd) {
	for _, k := range keys {
		msg := tea.KeyPressMsg{Text: k}
		switch k {
		case "enter":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter}
		case "alt+enter":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter, Mod: tea.ModAlt}
		case "ctrl+x":
			msg = tea.KeyPressMsg{Code: 'x', Mod: tea.ModCtrl}
		case "ctrl+j":
			msg = tea.KeyPressMsg{Code: 'j', Mod: tea.ModCtrl}
		}
		last = p.Update(msg)
	}
	return last
}

// asks sends a question; the command that would reach the network is not run.
func asks(t testing.TB, p *Pane, question string) {
	t.Helper()
	p.prompt.SetValue(question)
	require.NotNil(t, p.Act("chat.send"))
	require.NotNil(t, p.busy())
}

func comes(p *Pane, events ...api.ChatEvent) {
	p.Update(feed.Batch{Key: answerKey, Items: events})
}

func ends(p *Pane, err error) {
	p.Update(feed.Batch{Key: answerKey, Err: err, Done: true})
}

func delta(s string) api.ChatEvent { return api.ChatEvent{Type: "delta", Text: s} }

func view(p *Pane, w, h int) string { return ansi.Strip(p.View(w, h)) }

func TestAnAnswerAsItComes(t *testing.T) {
	p := made(t, theme.Mono)
	require.Contains(t, view(p, 80, 20), "Ask about this platform")
	require.False(t, p.Typing())
	p.Act("chat.type")
	require.True(t, p.Typing())
	press(p, "w", "h", "y", "alt+enter", "n", "o", "w", "ctrl+j", "?")
	require.Equal(t, "why\nnow\n?", p.prompt.Value())
	press(p, "enter")
	require.False(t, p.Typing(), "the keys are the conversation's")
	p.env.Now = night.Add(3 * time.Second)
	require.Contains(t, view(p, 80, 20), "answering… 3s (ctrl+x stops)")

	comes(p, delta("# Be"), delta("cause\n\nThe **pool** is "))
	require.Contains(t, view(p, 80, 20), "Because")
	require.Contains(t, view(p, 80, 20), "The pool is")
	comes(p, delta("small.\n\n- one\n- two"), api.ChatEvent{Type: "tool", Tool: &api.ChatTool{Index: 0, Name: "logs_search", Arguments: `{"query":"err`}})
	require.Contains(t, view(p, 80, 20), "⚙ the model asks for logs_search")
	comes(p, api.ChatEvent{Type: "tool", Tool: &api.ChatTool{Index: 0, Arguments: `or","limit":5}`}},
		api.ChatEvent{Type: "notice", Text: "asked once more\x1b[2J without tools"},
		api.ChatEvent{Type: "evidence", Evidence: []api.Evidence{{Source: "logs", ID: "1", Command: "aictl logs error --service chat"}}},
		api.ChatEvent{Type: "done", Model: "aictl-ops", Finish: "stop", Usage: &api.ChatUsage{InputTokens: 7, OutputTokens: 30}})
	ends(p, nil)
	got := view(p, 80, 20)
	for _, want := range []string{"▸ why", "• one", "• two", "aictl-ops", "37 tokens", "evidence: 1 — e lists it", "⚙ aictl logs", "asked once more"} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "answering")
	require.Nil(t, p.busy())
	require.Equal(t, "aictl chat 'why now ?'", p.Command())
	msg := p.Act("chat.copy")()
	require.Equal(t, pane.Copy{Text: "# Because\n\nThe **pool** is small.\n\n- one\n- two"}, msg)
}

func TestBlocksAreDrawnOnce(t *testing.T) {
	p := made(t, theme.Mono)
	asks(t, p, "long")
	var whole strings.Builder
	for i := range 300 {
		part := fmt.Sprintf("Paragraph %d of *some* words that go on.\n\n", i)
		whole.WriteString(part)
		comes(p, delta(part[:9]), delta(part[9:]))
		p.View(80, 24)
	}
	turn := p.turns[0]
	require.Greater(t, turn.shown.upto, whole.Len()-200, "only the last blocks are still open")
	ends(p, nil)
	streamed := view(p, 80, 24)
	once := newTurn("long")
	once.write(whole.String())
	require.True(t, slices.Equal(once.answerLines(80, theme.Mono, false), turn.answerLines(80, theme.Mono, false)))
	require.NotContains(t, strings.Join(turn.answerLines(70, theme.Mono, false), "\n"), "*", "Markdown in any size")
	require.Contains(t, streamed, "Paragraph 299")
}

func TestCancelEndsTheAnswerAndNotTheConversation(t *testing.T) {
	p := made(t, theme.Mono)
	p.session = "night"
	asks(t, p, "one")
	comes(p, delta("half an ans"))
	p.prompt.Focus()
	press(p, "ctrl+x")
	require.Nil(t, p.busy())
	require.Contains(t, view(p, 80, 20), "half an ans")
	require.Contains(t, view(p, 80, 20), "✗ stopped; the conversation goes on")
	require.Equal(t, "night", p.session)
	comes(p, delta("late"))
	require.NotContains(t, view(p, 80, 20), "late")
	asks(t, p, "two")
	require.Equal(t, "aictl chat --session night two", p.Command())
}

func TestErrorsAreShownInline(t *testing.T) {
	p := made(t, theme.Mono)
	asks(t, p, "why?")
	comes(p, delta("It beg"))
	ends(p, fail.New(fail.Limited, "too many calls").Hint("wait a minute"))
	got := view(p, 80, 20)
	require.Contains(t, got, "It beg")
	require.Contains(t, got, "✗ limited: too many calls")
	require.Contains(t, got, "next: wait a minute; R asks again")
	require.NotNil(t, p.Act("chat.again"))
	require.Len(t, p.turns, 2)
	comes(p, delta("Now."))
	ends(p, nil)
	require.Equal(t, []api.ChatMessage{{Role: "user", Content: "why?"}, {Role: "assistant", Content: "Now."}}, p.messages(),
		"what failed is not told to the model as said")
	p.prompt.SetValue("more")
	p.turns[1].busy = true
	toast := p.Act("chat.send")()
	require.IsType(t, pane.Toast{}, toast)
	require.Equal(t, "more", p.prompt.Value(), "nothing that was written is lost")
}

func TestSessions(t *testing.T) {
	p := made(t, theme.Mono)
	require.NotNil(t, p.Act("chat.sessions"))
	require.Contains(t, view(p, 80, 20), "Sessions · asking…")
	p.Update(feed.Answer{Key: sessionsKey, Results: []feed.Result{{Out: []api.Session{
		{Name: "day", Title: "what runs?", Messages: 2, Updated: night.Add(-time.Hour)},
		{Name: "night", Title: "is predict healthy?", Messages: 4, Updated: night.Add(-2 * time.Hour)},
	}}}})
	require.Contains(t, view(p, 80, 20), "4 messages, 2h ago")
	require.Equal(t, "aictl sessions list", p.Command())
	p.Act("list.down")
	proposed := p.Act("chat.delete")().(pane.Propose)
	require.Equal(t, "aictl sessions delete night", proposed.Command)
	require.Equal(t, &api.SessionName{Name: "night"}, proposed.In)
	require.NotNil(t, p.Act("chat.pick"))
	require.Contains(t, view(p, 80, 20), "reading the session…")
	p.Update(feed.Answer{Key: sessionKey, Results: []feed.Result{{Out: api.SessionDetail{History: []api.ChatMessage{
		{Role: "user", Content: "is predict healthy?"}, {Role: "assistant", Content: "Yes: **predict** is ready."},
	}}}}})
	require.Contains(t, view(p, 80, 20), "Yes: predict is ready.")
	require.Contains(t, view(p, 80, 20), "session night")
	require.Equal(t, pane.Subject{Context: "local", Session: "night"}, p.Subject())

	// What is kept comes back, with the session's messages.
	raw, err := json.Marshal(p.Save())
	require.NoError(t, err)
	q := made(t, theme.Mono)
	q.Restore(raw)
	require.NotNil(t, q.Open(pane.Subject{}))
	require.True(t, q.loading)
	q.Update(feed.Answer{Key: sessionKey, Results: []feed.Result{{Err: fail.New(fail.Unavailable, "nothing runs").Hint("aictl up")}}})
	require.Contains(t, view(q, 80, 20), "✗ the session could not be read: unavailable: nothing runs")
	require.Contains(t, view(q, 80, 20), "next: aictl up; r reads it again")
	require.NotNil(t, q.Refresh())
	q.Update(feed.Answer{Key: sessionKey, Results: []feed.Result{{Err: fail.New(fail.NotFound, "there is no session")}}})
	require.Contains(t, view(q, 80, 20), "Ask about this platform")
	q.Restore([]byte("{broken"))

	ask := q.Act("chat.new")().(pane.Ask)
	require.NotNil(t, ask.Then([]string{"third"}))
	require.Equal(t, "third", q.session)
	require.Nil(t, ask.Then([]string{""}))
	require.Empty(t, q.session)
	require.True(t, q.Typing())
}

func TestDeletingIsOffWhereReadOnly(t *testing.T) {
	p := made(t, theme.Mono)
	p.env.ReadOnly = true
	p.Act("chat.sessions")
	p.Update(feed.Answer{Key: sessionsKey, Results: []feed.Result{{Out: []api.Session{{Name: "day"}}}}})
	require.Nil(t, p.Act("chat.delete"))
	a, ok := p.env.Keys.Find("x", p.Actions())
	require.True(t, ok)
	require.Equal(t, "read-only", a.Disabled)
}

func TestModels(t *testing.T) {
	p := made(t, theme.Mono)
	p.Act("chat.model")
	p.Update(feed.Answer{Key: modelsKey, Results: []feed.Result{{Err: fail.New(fail.Forbidden, "you may not list providers").Hint("aictl whoami")}}})
	require.Contains(t, view(p, 100, 20), "✗ forbidden: you may not list providers — next: aictl whoami")
	p.Update(feed.Answer{Key: modelsKey, Results: []feed.Result{{Out: []api.Provider{
		{Name: "builtin", Kind: "builtin", Models: []string{"aictl-ops"}, State: "ready", Breaker: "closed"},
		{Name: "vllm", Kind: "openai", Models: []string{"llama"}, State: "degraded", Breaker: "open"},
	}}}})
	require.Contains(t, view(p, 100, 20), "(default) (in use)")
	require.Contains(t, view(p, 100, 20), "degraded, its breaker is open")
	p.Act("list.bottom")
	p.Act("chat.pick")
	require.Equal(t, "llama", p.model)
	asks(t, p, "-x")
	require.Equal(t, "aictl chat --model llama -- -x", p.Command())
	require.False(t, p.Escape())
}

func TestSubjectsPrefillTheQuestion(t *testing.T) {
	p := made(t, theme.Mono)
	p.Open(pane.Subject{Alert: "ServiceErrorsHigh", Service: "demo-checkout", Context: "local"})
	require.True(t, p.Typing())
	require.Equal(t, "why does ServiceErrorsHigh fire for demo-checkout?", p.prompt.Value())
	p.Open(pane.Subject{Service: "chat"})
	require.Equal(t, "is chat healthy?", p.prompt.Value(), "what was prefilled is replaced")
	press(p, "!")
	p.Open(pane.Subject{Service: "predict"})
	require.Equal(t, "is chat healthy?!", p.prompt.Value(), "what a person wrote is not")
	require.True(t, p.Escape())
	require.False(t, p.Typing())
	require.Equal(t, "is chat healthy?!", p.prompt.Value())
	require.False(t, p.Escape())
	p.Open(pane.Subject{})
	require.False(t, p.Typing())
	for _, s := range []pane.Subject{{Alert: "A"}, {Incident: "i"}, {Secret: "a:b"}, {Trace: "t"}, {Query: "up"}, {Workload: "deployment/web"}, {Text: "x"}} {
		require.NotEmpty(t, question(s))
	}
	require.Empty(t, question(pane.Subject{Context: "c"}))
}

func TestAnotherContextIsAnotherConversation(t *testing.T) {
	p := made(t, theme.Mono)
	asks(t, p, "a secret of this platform")
	comes(p, delta("yes"))
	p.env.Contexts = []feed.Context{{Name: "prod"}}
	require.NotNil(t, p.Refresh())
	require.Empty(t, p.turns)
	require.Nil(t, p.busy())
	require.Empty(t, p.messages())
}

func TestEvidence(t *testing.T) {
	p := made(t, theme.Mono)
	a, _ := p.env.Keys.Find("e", p.Actions())
	require.NotEmpty(t, a.Disabled)
	asks(t, p, "why?")
	comes(p, delta("so"), api.ChatEvent{Type: "evidence", Evidence: []api.Evidence{
		{Source: "health", ID: "chat", Command: "aictl services health chat"},
		{Source: "manual", ID: "x.md", Command: "aictl logs --help"},
		{Source: "health", ID: "chat", Command: "aictl services health chat"},
	}})
	ends(p, nil)
	p.Act("chat.evidence")
	require.Equal(t, 2, p.picker.table.Total())
	require.Contains(t, view(p, 80, 20), "aictl services health chat")
	require.Equal(t, "aictl services health chat", p.Command())
	require.Equal(t, "chat", p.Subject().Service)
	require.Equal(t, pane.Goto{Pane: "services", Subject: pane.Subject{Context: "local", Service: "chat"}}, p.Act("chat.pick")())
	require.Equal(t, pane.Copy{Text: "aictl services health chat"}, p.Act("chat.copy")())
	p.Act("list.down")
	require.Equal(t, pane.Copy{Text: "aictl logs --help"}, p.Act("chat.pick")(), "what no pane shows is copied")
	require.True(t, p.Escape())
	require.Nil(t, p.picker)
}

func TestDestinations(t *testing.T) {
	for _, c := range []struct {
		command, pane string
		subject       pane.Subject
	}{
		{"aictl services health", "services", pane.Subject{}},
		{"aictl logs --service demo-checkout --level error --since 15m", "logs", pane.Subject{Service: "demo-checkout", Level: "error"}},
		{"aictl logs 'no connection' -n shop", "logs", pane.Subject{Text: "no connection", Namespace: "shop"}},
		{"aictl logs patterns --service=chat", "logs", pane.Subject{Service: "chat"}},
		{`aictl metrics query 'sum(rate(x{a="b"}[5m]))' --time now-1h`, "metrics", pane.Subject{Query: `sum(rate(x{a="b"}[5m]))`}},
		{"aictl alerts show ServiceErrorsHigh", "alerts", pane.Subject{Alert: "ServiceErrorsHigh"}},
		{"aictl deploy history deployment/web", "deployments", pane.Subject{Workload: "deployment/web", Service: "web"}},
		{"aictl deploy list -A", "deployments", pane.Subject{}},
		{"aictl why ServiceErrorsHigh --service demo-checkout", "incident", pane.Subject{Alert: "ServiceErrorsHigh", Service: "demo-checkout"}},
		{"aictl why demo-checkout", "incident", pane.Subject{Service: "demo-checkout"}},
		{"aictl incident show inc-1", "incident", pane.Subject{Incident: "inc-1"}},
		{"aictl secrets get vault:db", "secrets", pane.Subject{Secret: "vault:db"}},
		{"aictl audit log", "audit", pane.Subject{}},
		{"aictl doctor", "overview", pane.Subject{}},
		{"aictl logs --help", "", pane.Subject{}},
		{"aictl login", "", pane.Subject{}},
		{"rm -rf /", "", pane.Subject{}},
		{"aictl logs x; rm -rf /", "", pane.Subject{}},
		{"aictl logs $(id)", "", pane.Subject{}},
		{"aictl logs 'open", "", pane.Subject{}},
		{"", "", pane.Subject{}},
	} {
		to, s, ok := destination(c.command)
		require.Equal(t, c.pane != "", ok, c.command)
		require.Equal(t, c.pane, to, c.command)
		if ok {
			require.Equal(t, c.subject, s, c.command)
		}
	}
}

func TestToolCommands(t *testing.T) {
	for name, want := range map[string]string{
		"services_health": "aictl services health chat",
		"services.health": "aictl services health chat",
		"metrics_range":   "aictl metrics range 'up{job=\"a\"}' --from=2026-01-01T00:00:00Z --step=30s",
		"get_weather":     "",
	} {
		args := `{"name":"chat"}`
		if name == "metrics_range" {
			args = `{"query":"up{job=\"a\"}","step":"30s","from":"2026-01-01T00:00:00Z"}`
		}
		require.Equal(t, want, toolCommand(api.ChatTool{Name: name, Arguments: args}))
	}
	require.Empty(t, toolCommand(api.ChatTool{Name: "services_health", Arguments: `{"na`}))
}

func TestScrollingBackStaysThere(t *testing.T) {
	p := made(t, theme.Mono)
	asks(t, p, "count")
	for i := range 60 {
		comes(p, delta(fmt.Sprintf("- line %d\n", i)))
	}
	require.Contains(t, view(p, 80, 20), "line 59")
	p.Act("list.top")
	require.Contains(t, view(p, 80, 20), "line 0")
	require.Contains(t, view(p, 80, 20), "scrolled back")
	comes(p, delta("- line 60\n"))
	require.Contains(t, view(p, 80, 20), "line 0\n")
	p.Act("list.bottom")
	comes(p, delta("- line 61\n"))
	require.Contains(t, view(p, 80, 20), "line 61")
	p.Filter("line 7$")
	require.Contains(t, view(p, 80, 20), "line 7")
	p.Scroll(1000)
	require.True(t, p.follow)
	p.Click(3, 19)
	require.True(t, p.Typing())
}

func TestKeysDoNotConflict(t *testing.T) {
	p := made(t, theme.Mono)
	reserved := []string{":", "/", "?", "esc", "tab", "shift+tab", "q", "ctrl+c", "ctrl+k", "ctrl+z", "ctrl+l", "r", "w", "l", "m", "d", "[", "]", "+", "-", ",", ".", "M", "Y", "T", "@", "!", "up", "k", "down", "j", "pgup", "pgdown", "home", "g", "end", "G", "space", "s", "S", "left", "right"}
	check := func() {
		t.Helper()
		require.Empty(t, (*keymap.Map)(nil).Conflicts(p.Actions()))
		for _, a := range p.Actions() {
			require.NotEmpty(t, a.Short)
			require.NotEmpty(t, a.Help)
			for _, k := range a.Keys {
				require.NotContains(t, reserved, k, a.ID)
			}
		}
	}
	check()
	p.Act("chat.sessions")
	check()
}

var _ interface {
	pane.Pane
	pane.Keeper
	pane.Clicker
} = (*Pane)(nil)
