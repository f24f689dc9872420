package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
	"github.com/aictl/aictl/tui/widget"
)

var now = time.Date(2026, 11, 29, 11, 0, 0, 0, time.UTC)

// open makes a pane that has been opened; nothing runs its commands.
func open(t testing.TB, contexts ...string) *Pane {
	t.Helper()
	if contexts == nil {
		contexts = []string{"demo"}
	}
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	feeds := feed.New(context.Background())
	t.Cleanup(feeds.Close)
	env := &pane.Env{
		Feeds: feeds, Theme: th, Now: now, Zone: time.UTC, Keys: &keymap.Map{},
		Window: pane.Window{Span: 15 * time.Minute, Live: true},
	}
	for _, c := range contexts {
		env.Contexts = append(env.Contexts, feed.Context{Name: c})
	}
	p := New(env)
	require.NotNil(t, p.Open(pane.Subject{}))
	return p
}

func entry(i int, level, message string) api.LogEntry {
	return api.LogEntry{
		ID: fmt.Sprint("id-", i), Time: now.Add(time.Duration(i-1000) * time.Second / 2), Level: level, Service: "checkout",
		Message: message, Trace: fmt.Sprint("trace-", i/10), Source: "logs", Fields: json.RawMessage(`{"http":{"response":{"status_code":500}}}`),
	}
}

func entries(from, to int) []api.LogEntry {
	var out []api.LogEntry
	for i := from; i < to; i++ {
		level := "info"
		if i%10 == 0 {
			level = "error"
		}
		out = append(out, entry(i, level, fmt.Sprint("message ", i)))
	}
	return out
}

func (p *Pane) give(slot string, results ...feed.Result) tea.Cmd {
	return p.Update(feed.Answer{Key: p.key(slot), Results: results})
}

func answer(context string, more bool, e []api.LogEntry) feed.Result {
	return feed.Result{Context: context, Out: api.LogAnswer{Entries: e, More: more}}
}

func (p *Pane) bring(context string, events ...api.LogEvent) tea.Cmd {
	return p.Update(feed.Batch{Key: p.key("tail/" + context), Context: context, Items: events})
}

func events(e []api.LogEntry) []api.LogEvent {
	var out []api.LogEvent
	for i := range e {
		out = append(out, api.LogEvent{Type: "entry", Entry: &e[i]})
	}
	return out
}

func (p *Pane) shown(w, h int) string { return ansi.Strip(p.View(w, h)) }

func TestSearchThenFollow(t *testing.T) {
	p := open(t)
	require.Contains(t, p.shown(100, 20), "searching…")
	require.NotNil(t, p.give("search", answer("demo", true, entries(100, 200))))
	require.Contains(t, p.shown(100, 20), "live · 100 lines+")
	require.Contains(t, p.shown(100, 20), "message 199")
	require.Contains(t, p.tails, "demo")

	// What the search gave already is not shown twice.
	p.bring("demo", events(entries(195, 205))...)
	require.Contains(t, p.shown(100, 20), "105 lines")
	require.Contains(t, p.shown(100, 20), "message 204")

	mark := now
	p.bring("demo", api.LogEvent{Type: "watermark", Watermark: &mark, Cursor: "here"})
	require.Equal(t, "here", *p.tails["demo"].place.Load())

	p.Act("list.up")
	p.bring("demo", events(entries(205, 212))...)
	require.Contains(t, p.shown(100, 20), "7 new below · paused, F follows")
	p.Act("logs.follow")
	require.Contains(t, p.shown(100, 20), "message 211")
}

func TestWhatTheTailSays(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", false, nil))
	require.Contains(t, p.shown(100, 20), "no lines in the last 15m")
	late := entry(1, "warn", "I am late")
	p.bring("demo",
		api.LogEvent{Type: "gap", Gap: &api.LogGap{From: now.Add(-time.Minute), To: now, Reason: "the store was away", Missed: 12}},
		api.LogEvent{Type: "entry", Entry: &late, Late: true},
		api.LogEvent{Type: "notice", Notice: &api.LogNotice{Code: "reconnecting", Message: "\x1b[2Jthe store"}})
	view := p.shown(100, 20)
	require.Contains(t, view, "gap: 10:59:00 to 11:00:00: the store was away, 12 entries missing")
	require.Contains(t, view, "(late) I am late")
	require.Contains(t, view, "reconnecting: ^[[2Jthe store")

	p.Update(feed.Batch{Key: p.key("tail/demo"), Context: "demo", Err: fail.New(fail.Unavailable, "no route"), Retry: 4 * time.Second})
	view = p.shown(100, 20)
	require.Contains(t, view, "trying again in 4s: no route")
	require.Contains(t, view, "reconnecting")
	p.bring("demo", events(entries(5, 6))...)
	view = p.shown(100, 20)
	require.NotContains(t, view, "trying again in")
	require.Contains(t, view, "the connection is back")
	p.Update(feed.Batch{Key: p.key("tail/demo"), Context: "demo", Err: fail.New(fail.Auth, "signed out"), Done: true})
	require.Contains(t, p.shown(100, 20), "not followed")
}

func TestOlderLinesComeAtTheTop(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", true, entries(500, 600)))
	p.View(100, 20)
	p.Act("list.top")
	require.True(t, p.older.loading)
	require.Contains(t, p.shown(100, 20), "older lines come…")
	p.give("older", answer("demo", false, entries(400, 501)))
	view := p.shown(100, 30)
	require.Contains(t, view, "· 200 lines\n")
	require.Contains(t, view, "message 500")
	p.Act("list.up")
	require.Contains(t, p.shown(100, 30), "message 499")
	require.False(t, p.older.more)
}

func TestSeveralContexts(t *testing.T) {
	p := open(t, "east", "west")
	// East has more than it gave: west's lines before that would stand above a
	// hole of east's.
	p.give("search", answer("east", true, entries(150, 200)), answer("west", false, entries(100, 160)))
	require.Equal(t, 60, p.view.Len())
	require.Contains(t, p.shown(120, 20), "CONTEXT")
	require.Contains(t, p.shown(120, 20), "east")

	p = open(t, "east", "west")
	p.give("search", answer("east", false, entries(0, 5)), feed.Result{Context: "west", Err: fail.New(fail.Auth, "who are you").Hint("aictl login")})
	view := p.shown(120, 20)
	require.Contains(t, view, "! west: no answer: who are you (aictl login)")
	require.Contains(t, view, "message 4")
	require.NotContains(t, p.tails, "west", "what needs a sign-in is not tried again and again")
	require.Contains(t, p.Command(), "--context east --context west")
}

func TestQueryIsTypedAndMended(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", false, entries(0, 20)))
	p.Act("logs.query")
	require.True(t, p.Typing())
	p.Update(tea.PasteMsg{Content: "message level:loud"})
	p.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	require.True(t, p.Typing())
	require.Contains(t, p.shown(100, 20), `! "loud" is no level`)
	p.input.SetValue("message level:err")
	require.NotNil(t, p.Update(tea.KeyPressMsg{Code: tea.KeyEnter}))
	require.False(t, p.Typing())
	require.Equal(t, "message level:error", p.query.text)
	require.Equal(t, "aictl logs -f --since 15m --level error -- message", p.Command())
	require.Zero(t, p.view.Len(), "the lines of the other query are gone")
	p.give("search", answer("demo", false, entries(0, 1)))
	require.Contains(t, p.shown(100, 20), "query message level:error")

	require.True(t, p.Escape())
	require.NotNil(t, p.Update(pane.Tick{Now: now}))
	require.Empty(t, p.query.text)
	require.False(t, p.Escape())

	p.Act("logs.query")
	from, words := p.complete("x service:che")
	require.Equal(t, 10, from)
	require.Equal(t, []string{"checkout"}, words)
	from, words = p.complete("--level wa")
	require.Equal(t, 8, from)
	require.Contains(t, words, "warn")
	require.True(t, p.Escape())
}

func TestTraceAndSubject(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", false, entries(0, 20)))
	s := p.Subject()
	require.Equal(t, pane.Subject{Context: "demo", Service: "checkout", Trace: "trace-1", Level: "info", At: entries(19, 20)[0].Time}, s)
	require.NotNil(t, p.Act("logs.trace"))
	require.Equal(t, "trace:trace-1", p.query.text)
	require.NotNil(t, p.Open(pane.Subject{Service: "cart", Level: "error"}))
	require.Equal(t, "level:error service:cart", p.query.text)
	require.NotNil(t, p.Open(pane.Subject{Workload: "deployment/cart"}))
	require.Equal(t, "service:cart", p.query.text)
}

func TestFilterMarksAndJumps(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", false, entries(0, 100)))
	p.Filter("message 7$|message 42")
	view := p.shown(100, 20)
	require.Contains(t, view, "2 of 100 match")
	require.NotContains(t, view, "message 41")
	p.Act("logs.around")
	view = p.shown(100, 20)
	require.Contains(t, view, "±3")
	require.Contains(t, view, "message 41")
	p.Filter("")
	p.Act("list.bottom")
	p.View(100, 20)
	p.Act("logs.previous-error")
	require.Equal(t, "error", p.Subject().Level)
	p.Act("list.mark")
	require.Contains(t, p.shown(100, 20), "1 marked")
}

func TestDetail(t *testing.T) {
	p := open(t)
	e := entry(3, "error", "it broke")
	e.Fields = json.RawMessage(`{"error":{"stack_trace":"panic\n\tat main.go:1"}}`)
	p.give("search", answer("demo", false, append(entries(0, 3), e)))
	p.Act("logs.open")
	view := p.shown(100, 30)
	require.Contains(t, view, "stack_trace:")
	require.Contains(t, view, "    at main.go:1")
	p.bring("demo", events(entries(4, 9))...)
	require.Contains(t, p.shown(100, 30), "it broke", "new lines do not move the detail")
	p.Act("list.left")
	require.Contains(t, p.shown(100, 30), "message 2")
	require.True(t, p.Escape())
	require.NotContains(t, p.shown(100, 30), "status_code")
}

func TestFacets(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", false, entries(0, 30)))
	p.Act("logs.fields")
	p.give("fields", feed.Result{Context: "demo", Out: []api.LogField{
		{Name: "http.status", Count: 10, Values: []api.LogFieldValue{{Value: "500", Count: 4}}},
		{Name: "service", Count: 30, Values: []api.LogFieldValue{{Value: "checkout", Count: 20}, {Value: "cart", Count: 10}}},
	}})
	view := p.shown(140, 30)
	require.Contains(t, view, "service 30")
	require.Contains(t, view, " 66%   checkout")
	require.Contains(t, view, "message 29", "there is room for both")
	require.NotContains(t, p.shown(80, 30), "message 29")
	p.Act("list.down")
	p.Act("logs.open")
	require.Equal(t, "service:checkout", p.query.text)
	for range 3 {
		p.Act("list.down")
	}
	p.Act("logs.open")
	require.Equal(t, "service:checkout where(http.status == 500)", p.query.text)
	p.Act("logs.open")
	require.Equal(t, "service:checkout", p.query.text)
	require.Equal(t, "aictl logs fields --since 15m --service checkout", p.Command())
}

func TestPatternsAndDiff(t *testing.T) {
	p := open(t)
	p.Act("logs.patterns")
	pattern := api.LogPattern{ID: "a", Pattern: "call to <*> failed (again)", Count: 12, Last: now, Levels: map[string]int64{"warn": 3, "error": 9}, Services: map[string]int64{"cart": 12}}
	p.give("patterns", feed.Result{Context: "demo", Out: api.LogPatterns{Patterns: []api.LogPattern{pattern}, Sample: api.LogSample{Entries: 40}}})
	view := p.shown(100, 20)
	require.Contains(t, view, "1 pattern in 40 entries")
	require.Contains(t, view, "12  ERROR  cart")
	require.Equal(t, "aictl logs patterns --since 15m", p.Command())
	require.Equal(t, "cart", p.Subject().Service)
	p.Act("logs.open")
	require.Equal(t, `call\s+to\s+.*\s+failed\s+\(again\)`, p.query.filter.Grep)
	require.Equal(t, showLines, p.mode)

	p.Act("logs.diff")
	p.give("diff", feed.Result{Context: "demo", Out: api.LogDiff{New: []api.LogChange{{LogPattern: pattern}}, Same: 4}})
	view = p.shown(100, 20)
	require.Contains(t, view, "1 new, 0 surging, 0 gone, 4 as before")
	require.Contains(t, view, "call to <*> failed")
	p.give("diff", feed.Result{Context: "demo", Err: fail.New(fail.Unavailable, "no store")})
	require.Contains(t, p.shown(100, 20), "no store")
	require.Contains(t, p.shown(100, 20), "call to <*> failed", "what was known stays")
}

func TestHistogram(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", false, entries(0, 3)))
	p.give("histogram", feed.Result{Context: "demo", Out: []api.LogBucket{
		{Time: now.Add(-10 * time.Minute), Count: 1000, Levels: map[string]int64{"info": 999, "error": 1}},
		{Time: now.Add(-5 * time.Minute), Count: 500, Levels: map[string]int64{"info": 200, "warn": 300}},
	}})
	p.env.Window.Cursor = now.Add(-5 * time.Minute)
	view := p.shown(100, 20)
	lines := strings.Split(view, "\n")
	require.Contains(t, lines[1], "1000 ")
	require.Contains(t, lines[1], "▒")
	require.Contains(t, lines[3], "▂", "one error of a thousand is seen")
	require.Contains(t, lines[3], "▓")
	require.Contains(t, lines[4], "▲ 10:55:00")
	require.Contains(t, lines[4], "10:45:00")
	p.env.ASCII = true
	require.Contains(t, p.shown(100, 20), "#")
	p.give("histogram", feed.Result{Context: "demo", Err: fail.New(fail.Timeout, "too slow")})
	require.Contains(t, p.shown(100, 20), "no counts over time: too slow")
	require.Contains(t, p.shown(100, 20), "#", "the old counts stay")
}

func TestWindowAndCursor(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", true, entries(500, 600)))
	p.View(100, 20)
	// Among the lines: the view goes there.
	p.env.Window.Cursor = entries(520, 521)[0].Time
	p.Refresh()
	require.Equal(t, entries(520, 521)[0].Time, p.Subject().At)
	require.Contains(t, p.tails, "demo", "what is followed goes on")
	// Further back: the lines around it are asked for.
	p.env.Window.Cursor = entries(100, 101)[0].Time
	require.NotNil(t, p.Refresh())
	require.Equal(t, fromPast, p.source)
	require.Empty(t, p.tails)
	p.give("search", answer("demo", true, entries(60, 140)))
	require.Equal(t, entries(100, 101)[0].Time, p.Subject().At)
	require.Contains(t, p.shown(100, 20), "F back to now")
	p.env.Window.Cursor = time.Time{}
	p.Refresh()
	require.Equal(t, fromTail, p.source)

	p.env.Window.Live, p.env.Window.End = false, now.Add(-time.Hour)
	p.Refresh()
	p.give("search", answer("demo", false, entries(0, 3)))
	require.Contains(t, p.shown(100, 20), "window 09:45:00 to 10:00:00")
	require.Equal(t, "aictl logs --from 2026-11-29T09:45:00Z --to 2026-11-29T10:00:00Z --limit 1000", p.Command())
	require.Empty(t, p.tails)
}

func TestSave(t *testing.T) {
	p := open(t)
	p.give("search", answer("demo", false, entries(0, 20)))
	ask, ok := p.Act("logs.save")().(pane.Ask)
	require.True(t, ok)
	require.Len(t, ask.Fields, 2)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	out, err := writeLines(context.Background(), path, p.view.Shows(false))
	require.NoError(t, err)
	require.Equal(t, 20, out.lines)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	require.Len(t, lines, 20)
	var e api.LogEntry
	require.NoError(t, json.Unmarshal([]byte(lines[7]), &e))
	require.Equal(t, entries(7, 8)[0], e)

	_, err = writeLines(context.Background(), path, p.view.Shows(false))
	require.Equal(t, fail.Conflict, fail.CodeOf(err), "nothing is overwritten")
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	gone := filepath.Join(t.TempDir(), "gone.jsonl")
	_, err = writeLines(canceled, gone, p.view.Shows(false))
	require.Error(t, err)
	require.NoFileExists(t, gone)
}

func TestKeeps(t *testing.T) {
	p := open(t)
	p.ask(query{filter: api.LogFilter{Level: "warn", Text: "x"}})
	p.Act("logs.wrap")
	p.setColumns([]string{"time", "level", "http.status"})
	raw, err := json.Marshal(p.Save())
	require.NoError(t, err)
	again := open(t)
	again.Restore(raw)
	require.Equal(t, p.query, again.query)
	require.Equal(t, p.Save(), again.Save())
	again.give("search", answer("demo", false, entries(0, 3)))
	again.view.Wrap = false
	require.Contains(t, again.shown(120, 20), "HTTP.STATUS")
	require.Contains(t, again.shown(120, 20), " 500 ")
	again.Restore([]byte("not JSON"))
}

func TestKeysDoNotConflict(t *testing.T) {
	p := open(t)
	require.Empty(t, p.env.Keys.Conflicts(append(p.Actions(), widget.ListActions()...)))
	for _, a := range p.Actions() {
		require.NotEmpty(t, a.Help)
		for _, k := range a.Keys {
			require.NotContains(t, []string{":", "/", "?", "esc", "tab", "q", "r", "w", "l", "m", "d", "[", "]", "+", "-", ",", ".", "M", "Y", "T", "@", "!"}, k)
		}
	}
}
