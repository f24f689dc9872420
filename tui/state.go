package tui

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/pane"
)

// State is what people expect to find again: the last context, and in each
// context the pane, the filters, the columns and queries of the panes.
type State struct {
	Context  string                  `json:"context"`
	Contexts map[string]ContextState `json:"contexts"`
	History  []string                `json:"history"`
}

// ContextState is what is kept of one context.
type ContextState struct {
	Pane      string                     `json:"pane"`
	Span      time.Duration              `json:"span"`
	Namespace string                     `json:"namespace"`
	Filters   map[string]string          `json:"filters"`
	Panes     map[string]json.RawMessage `json:"panes"`
}

const (
	maxState     = 4 << 20 // bytes of the file
	keepHistory  = 200
	saveInterval = 30 * time.Second
)

// LoadState reads the file. What cannot be read is forgotten: it is a
// convenience, and must not keep anybody from looking.
func LoadState(path string) State {
	var s State
	f, err := os.Open(path)
	if err != nil {
		return s
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil || json.Unmarshal(body, &s) != nil {
		return State{}
	}
	return s
}

// save writes the file whole or not at all; it names things of the platform,
// so it is the person's alone.
func (s State) save(path string) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".dashboard-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if _, err := tmp.Write(body); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// keeper says when the state is worth saving.
type keeper struct {
	path  string
	state State
	dirty bool
	last  time.Time
}

// savedMsg says how saving went.
type savedMsg struct{ err error }

func (k *keeper) touch() { k.dirty = true }

func (k *keeper) saved(msg savedMsg) {
	if msg.err != nil {
		k.path = "" // a disk that is full stays full: don't try every half minute
	}
}

func (k *keeper) remember(line string) {
	h := slices.DeleteFunc(slices.Clone(k.state.History), func(s string) bool { return s == line })
	h = append(h, line)
	k.state.History = h[max(0, len(h)-keepHistory):]
	k.dirty = true
}

// restore takes over what was kept of the primary context.
func (a *App) restore(s State) {
	if s.Contexts == nil {
		s.Contexts = map[string]ContextState{}
	}
	a.keep.state = s
	c, ok := s.Contexts[a.env.Primary().Name]
	if !ok {
		return
	}
	if i, err := a.find(c.Pane); err == nil && c.Pane != "" {
		a.front = i
	}
	if c.Span >= pane.ShortestWindow && c.Span <= pane.LongestWindow && a.opts.SpanDefault {
		a.env.Window.Span = c.Span
	}
	if a.env.Namespace == "" {
		a.env.Namespace = c.Namespace
	}
	for name, f := range c.Filters {
		if i, err := a.find(name); err == nil && f != "" {
			a.filters[name] = f
			a.panes[i].Filter(f)
		}
	}
	for name, raw := range c.Panes {
		if i, err := a.find(name); err == nil {
			if k, ok := a.panes[i].(pane.Keeper); ok {
				k.Restore(raw)
			}
		}
	}
}

// save writes what is kept when it changed: off the loop, and not too often
// unless it is the last time.
func (a *App) save(last bool) tea.Cmd {
	if a.keep.path == "" || !last && (!a.keep.dirty || a.env.Now.Sub(a.keep.last) < saveInterval) {
		return nil
	}
	a.keep.dirty, a.keep.last = false, a.env.Now
	c := ContextState{
		Pane: a.current().Info().Name, Span: a.env.Window.Span, Namespace: a.env.Namespace,
		Filters: maps.Clone(a.filters), Panes: map[string]json.RawMessage{},
	}
	for _, p := range a.panes {
		if k, ok := p.(pane.Keeper); ok {
			if raw, err := json.Marshal(k.Save()); err == nil {
				c.Panes[p.Info().Name] = raw
			}
		}
	}
	a.keep.state.Context = a.env.Primary().Name
	a.keep.state.Contexts = maps.Clone(a.keep.state.Contexts)
	a.keep.state.Contexts[a.env.Primary().Name] = c
	state, path := a.keep.state, a.keep.path
	return func() tea.Msg { return savedMsg{state.save(path)} }
}
