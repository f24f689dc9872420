package tui

import (
	"context"
	"io"
	"time"

	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/theme"
)

// Options are what the dashboard is given. Only Contexts is needed.
type Options struct {
	// Contexts are asked from the start; All names every one that can be
	// chosen, and OpenContext makes the client of one (it may read files).
	Contexts    []feed.Context
	All         []string
	OpenContext func(name string) (feed.Context, error)
	Namespace   string
	// ReadOnly greys every change; that none leaves is the transport's care.
	ReadOnly bool

	// Notice is shown at the start.
	Notice string
	// Pane is shown first; empty is the last one of the context.
	Pane string
	// Skin is a theme's name; empty is the settings'. NoColor wins.
	Skin    string
	NoColor bool
	ASCII   bool
	// Accessible appends lines instead of drawing a screen.
	Accessible bool
	// SpanDefault says that nobody chose the length: the kept one may win.
	SpanDefault bool
	// Span is the window's length at the start; End a moment in the past where
	// it should not be live.
	Span time.Duration
	End  time.Time

	Settings Settings
	// State is what was kept of the last run, and StateFile where it is kept;
	// empty keeps nothing.
	State     State
	StateFile string
	// CommandLog is a file that the session's commands are written to at its
	// end; empty writes none.
	CommandLog string

	// Exec runs a line of the command tree within the dashboard: the contexts
	// are those shown, window the flags of the window, for commands that take
	// one. A change is not made but given back. It is called off the loop, and
	// so are Words, which completes the last word of a line, and Complete,
	// which gives the live names of a kind of resource ("word\tdescription").
	// All three may be nil.
	Exec     func(ctx context.Context, words, contexts, window []string, width int) (Outcome, error)
	Words    func(ctx context.Context, words []string) []string
	Complete func(ctx context.Context, kind string, args []string, prefix string) []string

	// In, Out and Environ are the terminal's. Now is the clock.
	In      io.Reader
	Out     io.Writer
	Environ []string
	Now     func() time.Time
	Zone    *time.Location

	// Feeds is set by Run.
	Feeds *feed.Feeds
}

// Outcome is what a command line came to: text, or a change that wants to be
// planned, shown and confirmed.
type Outcome struct {
	Text   string
	Change op.UntypedChange
	In     any
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Span == 0 {
		o.Span = time.Hour
	}
	if o.Feeds == nil {
		o.Feeds = feed.New(context.Background())
	}
	return o
}

func (o Options) theme() (*theme.Theme, error) {
	switch {
	case o.NoColor:
		return theme.New(theme.Mono)
	case o.Skin != "":
		return theme.New(o.Skin)
	}
	return theme.New(o.Settings.Skin)
}
