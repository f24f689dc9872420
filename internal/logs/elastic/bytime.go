package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aictl/aictl/internal/logs"
)

var timeless time.Time

// timePosition is where a tail by time stands: in a pass over everything from
// Low on, after the document with the sort values After.
type timePosition struct {
	Low   time.Time         `json:"low,omitzero"`
	After []json.RawMessage `json:"after,omitempty"`
	Max   time.Time         `json:"max,omitzero"` // the greatest time seen
	Why   string            `json:"why"`
}

// nextByTime follows the entries' times. Each pass begins Overlap before the
// greatest time that the one before has seen, for documents that came late;
// what comes later than that is missed, which is why it is said every time.
func (s *Store) nextByTime(ctx context.Context, q logs.Query, p *position, caps *fieldCaps, o compileOptions) (logs.Batch, error) {
	if err := caps.checkTime(); err != nil {
		return logs.Batch{}, err
	}
	at, now := p.Time, s.o.Now()
	q.From = at.Low
	w := s.open(ctx, compile(caps, q, o), false, false)
	w.after = at.After
	var b logs.Batch
	hits, err := w.next(ctx, q.Limit)
	if err != nil {
		return logs.Batch{}, err
	}
	b.Entries = w.c.entries(hits)
	for i := range hits {
		if t := indexed(&hits[i], caps.members.Time); t.After(at.Max) && !t.After(now) {
			at.Max = t
		}
	}
	at.After, b.More = w.after, !w.done
	if w.done {
		at.After = nil
		if low := at.Max.Add(-s.o.Overlap); low.After(at.Low) {
			at.Low = low
		}
	}
	b.Warnings = append(b.Warnings, w.warnings...)
	b.Warnings = append(b.Warnings, fmt.Sprintf(
		"this tail follows the entries' times, for the store does not show its shards (%s): what arrives more than %s late is missed", at.Why, s.o.Overlap))
	b.Next = p.bytes(now)
	return b, nil
}
