// Package logs is the domain of log entries: what a query is, what a store
// must be able to do, and what is built on any store: the lossless tail
// (tail.go), patterns and their differences, context lines, histograms.
//
// It promises that what a store cannot evaluate itself is evaluated here by
// the same rules (package where), so that a filter means the same on every
// store. It knows no store: the adapters below it (embedded, elastic) do.
package logs

import (
	"context"
	"iter"
	"regexp"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs/where"
)

// Query is a filter that has been checked and compiled, with its bounds.
type Query struct {
	Services []string // any of them; none is all
	// Levels that are wanted, in every spelling that Level maps to them; none
	// is all. They are the level asked for and the worse ones.
	Levels []string
	Text   string         // words that the message must hold, in any case
	Grep   *regexp.Regexp // on the message; nil is none
	Trace  string
	Where  where.Expr // nil is none
	Raw    string     // the store's own language
	// From and To bound the entries' time: from From, before To. A zero To has
	// no end.
	From, To time.Time
	// Limit bounds the answer; 0 is the store's own bound.
	Limit int
	// Newest takes the latest Limit entries in place of the first. They are
	// answered oldest first all the same.
	Newest bool
}

// Result is the answer of a search, oldest first.
type Result struct {
	Entries []api.LogEntry
	// More says that Limit cut the answer off.
	More bool
	// Client names the parts of the query that the store could not evaluate
	// and that ran here ("grep", "where: duration > 200ms").
	Client []string
	// Warnings are what the store said besides (failed shards, a mapping
	// conflict): the answer may be partial.
	Warnings []string
}

// Position is where a tail stands in a store's order of arrival. It is
// opaque to everybody but the adapter, and durable (a cursor file holds it).
// Empty is "from Query.From on".
type Position []byte

// Batch is what became visible since a Position.
type Batch struct {
	// Entries in any order. An entry may come again in a later batch: the tail
	// removes doubles by ID within its window.
	Entries []api.LogEntry
	// Next is the position after the batch.
	Next Position
	// More says that further entries wait already: ask again at once.
	More bool
	// Gaps are stretches that the store could not give (an index that was
	// deleted, a position that has expired). They are said aloud.
	Gaps []api.LogGap
	// Warnings, as in Result.
	Warnings []string
}

// Store is what the domain needs of a log store. Implementations are safe for
// concurrent use. Errors carry a fail.Code: Unavailable when the store can't be
// reached, Auth, Usage for a query that the store refuses, Limited when it
// pushes back.
type Store interface {
	// Search answers one page.
	Search(ctx context.Context, q Query) (Result, error)
	// Scan yields every match, oldest first, in bounded memory; q.Limit 0 is
	// all of them. A failure is yielded last.
	Scan(ctx context.Context, q Query) iter.Seq2[api.LogEntry, error]
	// Next gives what matches and became visible since the position; q.From
	// counts for an empty position only, q.Limit bounds the batch.
	Next(ctx context.Context, q Query, since Position) (Batch, error)
	// Histogram counts matches by step of time and level; empty steps are
	// there too.
	Histogram(ctx context.Context, q Query, step time.Duration) ([]api.LogBucket, error)
	// Fields lists the fields that the matches have, or the named ones, each
	// with its top values. A field may be named as --where names it (service,
	// http.status) and is answered under the name that it was asked by.
	Fields(ctx context.Context, q Query, names []string, top int) ([]api.LogField, error)
	// Check says whether the store answers, with its kind and version.
	Check(ctx context.Context) (Info, error)
}

// Info is what a store says of itself.
type Info struct {
	Kind    string // "elasticsearch", "opensearch", "embedded"
	Version string
	URL     string
	// Skew is the store's clock minus ours; 0 where it can't be told.
	Skew time.Duration
}
