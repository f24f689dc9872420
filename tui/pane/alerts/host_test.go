package alerts

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/tuitest"
	"github.com/aictl/aictl/tui/widget"
)

var now = time.Date(2026, 11, 29, 10, 59, 0, 0, time.UTC)

// host is as much of the app as a pane needs: it drops what is stale, takes
// the next batches, and keeps what the pane says to the app.
type host struct {
	env  *pane.Env
	pane *Pane
	w, h int
	said []tea.Msg
}

func (h *host) Init() tea.Cmd { return h.pane.Open(pane.Subject{}) }

func (h *host) View() tea.View { return tea.NewView(h.Frame()) }

func (h *host) Frame() string { return h.pane.View(h.w, h.h) }

func (h *host) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		h.w, h.h = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if msg.String() == "esc" {
			h.pane.Escape()
			return h, nil
		}
		for _, actions := range [][]keymap.Action{h.pane.Actions(), widget.ListActions()} {
			if a, ok := h.env.Keys.Find(msg.String(), actions); ok {
				return h, h.pane.Act(a.ID)
			}
		}
	case feed.Answer:
		if h.env.Feeds.Current(msg.Key, msg.Gen) {
			return h, h.pane.Update(msg)
		}
	case feed.Batch:
		if h.env.Feeds.Current(msg.Key, msg.Gen) {
			return h, tea.Batch(h.pane.Update(msg), feed.Next(msg))
		}
	case batched:
		return h, msg.cmd
	case pane.Changed, pane.Tick:
		return h, h.pane.Update(msg)
	default:
		h.said = append(h.said, msg)
	}
	return h, nil
}

// last is the last thing of a kind that the pane said to the app.
func last[T any](t *testing.T, h *host) T {
	t.Helper()
	for i := len(h.said) - 1; i >= 0; i-- {
		if m, ok := h.said[i].(T); ok {
			return m
		}
	}
	var none T
	require.Failf(t, "the pane did not say it", "%T among %d messages", none, len(h.said))
	return none
}

// answer answers the last question that the pane asked the person.
func answer(t *testing.T, d *tuitest.Driver, h *host, values ...string) {
	t.Helper()
	q := last[pane.Ask](t, h)
	require.Len(t, values, len(q.Fields))
	cmd := q.Then(values)
	d.Send(batched{cmd})
	d.Settle()
}

// batched runs a command as if the model had returned it.
type batched struct{ cmd tea.Cmd }

func newEnv(t *testing.T, contexts ...feed.Context) *pane.Env {
	t.Helper()
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	return &pane.Env{
		Theme: th, Contexts: contexts, Now: now, Zone: time.UTC, Namespace: "default",
		Window: pane.Window{Span: time.Hour, Live: true},
	}
}

// drive runs a pane over a platform a context.
func drive(t *testing.T, platforms map[string]*tuitest.Platform, names []string, f func(d *tuitest.Driver, h *host)) {
	t.Helper()
	var contexts []feed.Context
	for _, n := range names {
		contexts = append(contexts, platforms[n].Context(t, n, false))
	}
	h := &host{env: newEnv(t, contexts...)}
	tuitest.Run(t, 100, 24, func(feeds *feed.Feeds) tuitest.Model {
		h.env.Feeds = feeds
		h.pane = New(h.env)
		return h
	}, func(d *tuitest.Driver) { f(d, h) })
}

// tick lets the pane's clock go on.
func tick(d *tuitest.Driver, h *host, by time.Duration) {
	h.env.Now = h.env.Now.Add(by)
	d.Send(pane.Tick{Now: h.env.Now})
	d.Settle()
}

func alert(name, service, severity, state string, ago time.Duration) api.Alert {
	return api.Alert{
		Fingerprint: "fp-" + name + "-" + service, Name: name, Service: service, Severity: severity, State: state,
		Summary: name + " of " + service, Started: now.Add(-ago),
		Labels: map[string]string{"alertname": name, "service": service, "severity": severity},
	}
}

func read[T any](t *testing.T, file string) T {
	t.Helper()
	var out T
	body, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &out))
	return out
}

// bounded checks that a frame fits its terminal.
func bounded(t *testing.T, frame string, w, h int) {
	t.Helper()
	lines := strings.Split(frame, "\n")
	require.LessOrEqual(t, len(lines), h, "%dx%d", w, h)
	for _, l := range lines {
		require.LessOrEqual(t, ansi.StringWidth(l), w, "%dx%d: %q", w, h, l)
		require.NotContains(t, l, "\x1b]", "%q", l)
		require.NotContains(t, l, "\u202e", "%q", l)
	}
}
