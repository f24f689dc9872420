package secrets

import (
	"context"
	"sync"
	"time"
)

// Entry is what the ledger keeps of one write through aictl.
type Entry struct {
	Ref         string      `json:"ref"`
	Action      string      `json:"action"` // set, sync, rotate, restore, delete
	Fingerprint Fingerprint `json:"fingerprint,omitempty"`
	// Version and Updated are the store's, as it told them after the write:
	// when they are others now, somebody else has written since.
	Version string    `json:"version,omitempty"`
	Updated time.Time `json:"updated,omitzero"`
	By      string    `json:"by,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
}

// Ledger remembers our writes by fingerprint, for stores that can't be read
// back and to tell a change of ours from somebody else's. Implementations are
// safe for concurrent use; a nil error of Record means durable.
type Ledger interface {
	// Record adds an entry.
	Record(ctx context.Context, e Entry) error
	// Entries gives those of the reference, the newest first, limit at most.
	Entries(ctx context.Context, ref string, limit int) ([]Entry, error)
}

// MemoryLedger is a ledger that lives as long as the process: for tests, and
// where there is no place to keep one.
type MemoryLedger struct {
	mu  sync.Mutex // guards all
	all map[string][]Entry
}

// Record implements Ledger.
func (l *MemoryLedger) Record(_ context.Context, e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string][]Entry{}
	}
	l.all[e.Ref] = append([]Entry{e}, l.all[e.Ref]...)
	return nil
}

// Entries implements Ledger.
func (l *MemoryLedger) Entries(_ context.Context, ref string, limit int) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all[ref]
	return append([]Entry(nil), all[:min(limit, len(all))]...), nil
}
