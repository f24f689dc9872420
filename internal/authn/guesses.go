package authn

import (
	"net/netip"
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
	// byRemote is bounded: when it is full, any other entry makes room.
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

// slowed is a fail.Limited that says when to try again.
type slowed struct {
	err   *fail.Error
	after time.Duration
}

// Error implements error.
func (s *slowed) Error() string { return s.err.Error() }

// RetryAfter is how long to wait.
func (s *slowed) RetryAfter() time.Duration { return s.after }

// Unwrap gives the error with the code.
func (s *slowed) Unwrap() error { return s.err }

// network is what counts as one address: of IPv6 the /64 that one customer
// has, as guessing from another address in it costs nothing.
func network(remote string) string {
	a, err := netip.ParseAddr(remote)
	if err != nil || a.Is4() || a.Is4In6() {
		return remote
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return remote
	}
	return p.String()
}

func newGuesses(now func() time.Time) *guesses {
	return &guesses{now: now, byRemote: map[string]guess{}}
}

func (g *guesses) allowed(remote string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := g.byRemote[network(remote)].until.Sub(g.now())
	if wait <= 0 {
		return nil
	}
	return &slowed{
		fail.New(fail.Limited, "too many wrong tokens from this address; try again in %s", max(wait.Round(time.Second), time.Second)).
			Hint("aictl login"), wait,
	}
}

func (g *guesses) wrong(remote string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	remote = network(remote)
	e, had := g.byRemote[remote]
	if !had && len(g.byRemote) >= maxAddresses {
		for r := range g.byRemote {
			delete(g.byRemote, r)
			break
		}
	}
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
