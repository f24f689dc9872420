package logs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
)

// Compare is the order of entries everywhere: by time, then by ID, so that
// entries of one instant have one order on every run. A shorter ID comes first:
// a store whose IDs are numbers counts on, and 999 came before 1000.
func Compare(a, b *api.LogEntry) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID))
}

// Sort puts entries in order. It is stable, so that entries without an ID stay
// as they came.
func Sort(entries []api.LogEntry) {
	slices.SortStableFunc(entries, func(a, b api.LogEntry) int { return Compare(&a, &b) })
}

// size is about what an entry takes in memory, in bytes.
func size(e *api.LogEntry) int {
	const fixed = 256 // the struct, and its place in the queues
	return fixed + len(e.ID) + len(e.Level) + len(e.Service) + len(e.Message) + len(e.Trace) + len(e.Source) + cap(e.Fields)
}
