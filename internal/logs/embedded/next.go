package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// Bounds of one batch of a tail.
const (
	batchEntries = 5_000
	// stride is how many numbers are asked of the engine at once.
	stride = 20_000
)

// position is where a tail stands: the number of the last entry that it has
// seen. Up to Until, what was there when the tail began, only entries not
// before From count.
type position struct {
	Store  string    `json:"store"`
	Number uint64    `json:"n"`
	Until  uint64    `json:"until,omitempty"`
	From   time.Time `json:"from,omitzero"`
	// Gone is the last removal of a day that the tail knows of.
	Gone uint64 `json:"gone,omitempty"`
}

func (p position) marshal() logs.Position {
	b, _ := json.Marshal(p) // plain members always encode
	return b
}

// Next implements logs.Store. The order of arrival is the number of the entry,
// so that an entry with an old time is found as surely as any other.
func (s *Store) Next(ctx context.Context, q logs.Query, since logs.Position) (logs.Batch, error) {
	p, gaps, err := s.position(ctx, q, since)
	if err != nil {
		return logs.Batch{}, err
	}
	limit := batchEntries
	if q.Limit > 0 {
		limit = min(limit, q.Limit)
	}
	rule := q
	rule.From = time.Time{} // it counts where the tail began only
	fits := logs.Matcher(rule)
	t := translate(q)
	out := logs.Batch{Gaps: gaps}
	begun, asked := p, false
	for len(out.Entries) < limit {
		list, last, whole := s.recent.after(p.Number, limit-len(out.Entries))
		if whole && q.Raw != "" { // only the engine knows its own language
			list, whole = nil, p.Number >= last
		}
		if whole {
			for i := range list {
				p.take(&out, list[i], fits)
			}
			if p.Number >= last {
				break
			}
			out.More = true
			continue
		}
		asked = true
		end := min(p.Number+stride, last)
		found, err := s.numbers(ctx, t.query, p, end, fits)
		if err != nil {
			return logs.Batch{}, err
		}
		cutOff := false
		for i := range found {
			if len(out.Entries) >= limit {
				cutOff = true
				break
			}
			p.take(&out, found[i], fits)
		}
		if !cutOff {
			p.Number = end
		}
	}
	if asked { // after the engine was: what it had then was not removed before
		gaps, told := s.removed(begun)
		out.Gaps, p.Gone = append(out.Gaps, gaps...), told
	}
	_, last, _ := s.recent.after(p.Number, 0)
	out.More = p.Number < last
	out.Next = p.marshal()
	return out, nil
}

func (p *position) take(out *logs.Batch, e numbered, fits func(*api.LogEntry) bool) {
	p.Number = e.n
	if e.n <= p.Until && e.Time.Before(p.From) {
		return
	}
	if fits(&e.LogEntry) {
		out.Entries = append(out.Entries, e.LogEntry)
	}
}

// position reads since, or makes the first one: from the lowest number that an
// entry not before q.From has.
func (s *Store) position(ctx context.Context, q logs.Query, since logs.Position) (p position, gaps []api.LogGap, err error) {
	last := s.seen.Load()
	if len(since) > 0 {
		if err := json.Unmarshal(since, &p); err != nil {
			return p, nil, fail.New(fail.Usage, "the cursor is not one of this log store").Hint("begin anew without --cursor")
		}
		if p.Store == s.id && p.Number <= last {
			return p, nil, nil
		}
		gaps = []api.LogGap{{From: p.From, To: s.o.Now(), Reason: "the log store's data is not that of the cursor: it was removed or restored"}}
	}
	_, told := s.removed(position{})
	p = position{Store: s.id, Until: last, From: q.From, Number: last, Gone: told}
	if err := s.flush(); err != nil {
		return p, nil, err
	}
	from, to := s.window(q)
	err = s.run(ctx, fmt.Sprintf("* | stats min(%s) as n", name(fieldNumber)), from, to, func(r row) {
		var n uint64
		if _, err := fmt.Sscan(r.get("n"), &n); err == nil && n > 0 {
			p.Number = min(p.Number, n-1)
		}
	})
	return p, gaps, err
}

// numbers gives the entries after the position up to end, by number.
func (s *Store) numbers(ctx context.Context, query string, p position, end uint64, fits func(*api.LogEntry) bool) ([]numbered, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	from := time.Time{}
	if end <= p.Until {
		from = p.From
	}
	asked := fmt.Sprintf("%s:>%d %s:<=%d (%s)", name(fieldNumber), p.Number, name(fieldNumber), end, query)
	found, err := s.fetch(ctx, asked, from, time.Time{}, fits)
	slices.SortFunc(found, func(a, b numbered) int { return compare(a.n, b.n) })
	return found, err
}

// Wait returns as soon as something may have arrived after the position, or
// when ctx ends. It implements the tail's optional interface.
func (s *Store) Wait(ctx context.Context, since logs.Position) error {
	var p position
	if len(since) > 0 {
		if err := json.Unmarshal(since, &p); err != nil {
			return fail.New(fail.Usage, "the cursor is not one of this log store")
		}
	}
	for {
		changed, there := s.recent.wait(p.Number)
		if there {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
