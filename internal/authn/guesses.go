package authn

import (
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// guesses slows an address down that shows wrong tokens: after a few free
// ones, each doubles the wait, to a minute. A token has 256 random bits, so
// this is about load and logs more than about luck.
type guesses struct {
	now func() time.Time
	mu  sync.Mutex // guards byRemote
	// byRemote is bounded: when it is full, the entries that are over go.
	byRemote map[string]guess
}

type guess struct {
	wrong int
	until time.Time // refused before
	last  time.Time
}

const (
	freeGuesses  = 10
	longestWait  = time.Minute
	forgetAfter  = 10 * time.Minute
	maxAddresses = 10_000
)

func newGuesses(now func() time.Time) *guesses {
	return &guesses{now: now, byRemote: map[string]guess{}}
}

func (g *guesses) allowed(remote string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wait := g.byRemote[remote].until.Sub(g.now()); wait > 0 {
		return fail.New(fail.Limited, "too many wrong tokens from this address; try again in %s", wait.Round(time.Second)).
			Hint("aictl login")
	}
	return nil
}

func (g *guesses) wrong(remote string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if len(g.byRemote) >= maxAddresses {
		for r, e := range g.byRemote {
			if now.Sub(e.last) > forgetAfter || len(g.byRemote) >= 2*maxAddresses {
				delete(g.byRemote, r)
			}
		}
	}
	e := g.byRemote[remote]
	if now.Sub(e.last) > forgetAfter {
		e = guess{}
	}
	e.wrong++
	e.last = now
	if over := e.wrong - freeGuesses; over > 0 {
		e.until = now.Add(min(time.Second<<min(over-1, 10), longestWait))
	}
	g.byRemote[remote] = e
}
