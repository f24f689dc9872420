package tuitest

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// Env is what a pane is given: no colours, a live window of an hour, and feeds
// that end with the test.
func Env(t testing.TB, now time.Time, contexts ...feed.Context) *pane.Env {
	t.Helper()
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	feeds := feed.New(t.Context())
	t.Cleanup(feeds.Close)
	return &pane.Env{
		Feeds: feeds, Theme: th, Contexts: contexts, Now: now, Zone: time.UTC, Namespace: "default",
		Window: pane.Window{Span: time.Hour, Live: true},
	}
}

// Host is as much of the app as one pane needs: it drops what is stale, takes
// the next batches, and keeps what the pane says to the app.
type Host[P pane.Pane] struct {
	Env  *pane.Env
	Pane P
	// Said are the messages to the app: Propose, Ask, Goto, Show, Toast, …
	Said []tea.Msg

	width, height int
}

// RunPane makes a pane of the environment within a bubble, opens it in a
// terminal of 100×24, and drives it with f.
func RunPane[P pane.Pane](t *testing.T, env *pane.Env, make func(*pane.Env) P, f func(d *Driver, h *Host[P])) {
	t.Helper()
	h := &Host[P]{Env: env}
	Run(t, 100, 24, func(feeds *feed.Feeds) Model {
		env.Feeds = feeds
		h.Pane = make(env)
		return h
	}, func(d *Driver) { f(d, h) })
}

// Init implements tea.Model.
func (h *Host[P]) Init() tea.Cmd { return h.Pane.Open(pane.Subject{}) }

// View implements tea.Model.
func (h *Host[P]) View() tea.View { return tea.NewView(h.Frame()) }

// Frame implements Model.
func (h *Host[P]) Frame() string { return h.Pane.View(h.width, h.height) }

// Update implements tea.Model.
func (h *Host[P]) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		h.width, h.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return h, h.press(msg)
	case feed.Answer:
		if h.Env.Feeds.Current(msg.Key, msg.Gen) {
			return h, h.Pane.Update(msg)
		}
	case feed.Batch:
		if h.Env.Feeds.Current(msg.Key, msg.Gen) {
			return h, tea.Batch(h.Pane.Update(msg), feed.Next(msg))
		}
	case pane.Changed, pane.Tick:
		return h, h.Pane.Update(msg)
	default:
		h.Said = append(h.Said, msg)
	}
	return h, nil
}

func (h *Host[P]) press(msg tea.KeyPressMsg) tea.Cmd {
	if msg.String() == "esc" {
		h.Pane.Escape()
		return nil
	}
	for _, actions := range [][]keymap.Action{h.Pane.Actions(), widget.ListActions()} {
		if a, ok := h.Env.Keys.Find(msg.String(), actions); ok {
			return h.Pane.Act(a.ID)
		}
	}
	return nil
}

// Answer answers the last question that the pane asked the person.
func (h *Host[P]) Answer(d *Driver, values ...string) {
	d.T.Helper()
	q := Last[pane.Ask](d.T, h)
	require.Len(d.T, values, len(q.Fields))
	d.Do(q.Then(values))
}

// Tick lets the pane's clock go on.
func (h *Host[P]) Tick(d *Driver, by time.Duration) {
	h.Env.Now = h.Env.Now.Add(by)
	d.Send(pane.Tick{Now: h.Env.Now})
	d.Settle()
}

// Last is the last thing of a kind that the pane said to the app.
func Last[T any, P pane.Pane](t testing.TB, h *Host[P]) T {
	t.Helper()
	for i := len(h.Said) - 1; i >= 0; i-- {
		if m, ok := h.Said[i].(T); ok {
			return m
		}
	}
	var none T
	require.Failf(t, "the pane did not say it", "%T among %d messages", none, len(h.Said))
	return none
}
