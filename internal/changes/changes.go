// Package changes is the domain of what was changed: one stream out of the
// sources that each know a part of it (the cluster, the control plane's
// runtime, its audit record, the Alertmanagers).
//
// It promises one clock: every change stands at the time that it had by ours,
// with what was taken off; that the same change read twice, or told by two
// sources, is one; and that the order does not depend on who answered first.
// A source that does not answer is named, and its changes are unknown rather
// than absent. It knows no backend.
package changes

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Query bounds what is asked of a source.
type Query struct {
	// From and To bound the time: from From, before To.
	From, To time.Time
	// Namespace is the namespace; "" is the source's own, "*" all.
	Namespace string
}

// Answer is what a source knows.
type Answer struct {
	// Changes in any order, their times by the source's own clock.
	Changes []api.Change
	// Skew is the source's clock minus ours, and Within how exactly that is
	// known; both 0 where the source has our clock.
	Skew, Within time.Duration
	// Warnings are what the source could not say (a kind that may not be read,
	// a history that does not reach back to From).
	Warnings []string
}

// Source knows of changes. Implementations are safe for concurrent use, ask a
// bounded number of questions, and hold no rules.
type Source interface {
	// Name is what stands in api.Change.Source.
	Name() string
	// Changes gives what changed in the window.
	Changes(ctx context.Context, q Query) (Answer, error)
}
