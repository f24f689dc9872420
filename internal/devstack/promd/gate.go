package promd

import "context"

// gate bounds the queries that run at once. Prometheus's own tracker also
// keeps them in a memory-mapped file; on a full disk a write to such a map is
// a SIGBUS that no recover sees, so this one stays in memory.
type gate chan struct{}

// GetMaxConcurrent implements promql.QueryTracker.
func (g gate) GetMaxConcurrent() int { return cap(g) }

// Insert waits for a slot or for the end of ctx.
func (g gate) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case g <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Delete gives the slot back.
func (g gate) Delete(int) { <-g }

// Close implements io.Closer.
func (g gate) Close() error { return nil }
