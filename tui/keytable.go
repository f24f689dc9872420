package tui

import (
	"time"

	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/widget"
)

// KeySection is the keys of one part of the dashboard.
type KeySection struct {
	Title   string
	Actions []keymap.Action
}

// KeyTable lists what every key does, for the page of the manual. It needs no
// platform and no terminal.
func KeyTable() ([]KeySection, error) {
	a, err := New(Options{Contexts: []feed.Context{{}}, Now: func() time.Time { return time.Unix(0, 0) }}, Panes)
	if err != nil {
		return nil, err
	}
	defer a.opts.Feeds.Close()
	out := []KeySection{{"Everywhere", a.actions()}, {"In every list", widget.ListActions()}}
	for _, p := range a.panes {
		out = append(out, KeySection{p.Info().Title, p.Actions()})
	}
	return out, nil
}
