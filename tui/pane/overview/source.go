package overview

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
)

// source is one question that the overview asks again and again, in a slot of
// its own: a backend that is slow holds up nothing but its own box.
type source struct {
	slot  string
	every time.Duration
	ask   func() tea.Cmd
	// follows says that the answer is of the window; idle, where it is not nil,
	// that nothing asks for it now.
	follows bool
	idle    func() bool

	window  string // that of what is known, for one that follows
	asked   time.Time
	waiting bool
	parts   map[string]part // by context
}

// part is what one context said. An error leaves the data that was there.
type part struct {
	out any       // the last answer; nil where there was none yet
	at  time.Time // when it came
	err error     // what the newest question met; nil where it was answered
}

// lost is after how long an answer is not waited for any more: the app cancels
// what a pane asked when the pane is left, and then none comes.
const lost = 45 * time.Second

func (s *source) due(now time.Time) bool {
	if s.rests() {
		return false
	}
	if s.waiting {
		return now.Sub(s.asked) >= lost
	}
	return now.Sub(s.asked) >= s.every
}

func (s *source) rests() bool { return s.idle != nil && s.idle() }

// move forgets what is known of another window than the one that is shown: it
// must not stand under its bounds. A live window is one, however long.
func (s *source) move(window string) {
	if s.follows && s.window != window || s.rests() {
		s.parts = map[string]part{}
	}
	s.window = window
}

func (s *source) start(now time.Time) tea.Cmd {
	s.asked, s.waiting = now, true
	return s.ask()
}

func (s *source) take(a feed.Answer, now time.Time) {
	s.waiting = false
	for _, r := range a.Results {
		if fail.CodeOf(r.Err) == fail.Canceled {
			continue
		}
		p := s.parts[r.Context]
		if p.err = r.Err; r.Err == nil {
			p.out, p.at = r.Out, now
		}
		s.parts[r.Context] = p
	}
}

// keep forgets the contexts that are not asked any more.
func (s *source) keep(contexts []feed.Context) {
	kept := make(map[string]part, len(contexts))
	for _, c := range contexts {
		if p, ok := s.parts[c.Name]; ok {
			kept[c.Name] = p
		}
	}
	s.parts = kept
}

// said reports whether every context answered once, or failed to.
func (s *source) said(contexts []feed.Context) bool {
	for _, c := range contexts {
		if _, ok := s.parts[c.Name]; !ok {
			return false
		}
	}
	return true
}

// last is what a context said last; false where it never did.
func last[Out any](s *source, context string) (Out, bool) {
	out, ok := s.parts[context].out.(Out)
	return out, ok
}

// age is that of the oldest data that is shown; false where there is none.
func (s *source) age(now time.Time) (time.Duration, bool) {
	oldest, any := time.Duration(0), false
	for _, p := range s.parts {
		if p.out != nil {
			oldest, any = max(oldest, now.Sub(p.at)), true
		}
	}
	return oldest, any
}
