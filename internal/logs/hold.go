package logs

import (
	"container/heap"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// hold keeps the entries of a tail until nothing that belongs before them can
// come any more, in a heap by Compare, and knows up to which position of the
// store everything has been let go.
type hold struct {
	heap    entryHeap
	bytes   int
	batches []*heldBatch // in order of arrival; the first has entries that are still held
	newest  time.Time    // the greatest time of any entry, not beyond the clock
}

// heldBatch is what is left of one answer of the store.
type heldBatch struct {
	before  Position // where the store stood before it
	left    int
	arrived time.Time
	last    key // the greatest of its entries
}

// key is an entry's place in the order.
type key struct {
	at time.Time
	id string
}

func keyOf(e *api.LogEntry) key { return key{e.Time, e.ID} }

func (k key) compare(o key) int {
	return Compare(&api.LogEntry{Time: k.at, ID: k.id}, &api.LogEntry{Time: o.at, ID: o.id})
}

type held struct {
	entry api.LogEntry
	batch *heldBatch
}

type entryHeap []held

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return Compare(&h[i].entry, &h[j].entry) < 0 }
func (h entryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *entryHeap) Push(x any)        { *h = append(*h, x.(held)) } //nolint:forcetypeassert // heap.Push of add alone
func (h *entryHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = held{} // let go of its strings
	*h = old[:len(old)-1]
	return last
}

// add takes the fresh entries of one answer; before is the position that was
// asked with.
func (h *hold) add(entries []api.LogEntry, before Position, now time.Time) {
	if len(entries) == 0 {
		return
	}
	b := &heldBatch{before: before, left: len(entries), arrived: now, last: keyOf(&entries[0])}
	h.batches = append(h.batches, b)
	h.bytes += len(before)
	for _, e := range entries {
		if k := keyOf(&e); k.compare(b.last) > 0 {
			b.last = k
		}
		if e.Time.After(h.newest) && !e.Time.After(now) {
			h.newest = e.Time
		}
		h.bytes += size(&e)
		heap.Push(&h.heap, held{e, b})
	}
}

func (h *hold) len() int { return len(h.heap) }

// least is the entry that comes next.
func (h *hold) least() *api.LogEntry { return &h.heap[0].entry }

// pop takes the least entry out. done must be called when it has been given
// away: until then the position stays before it.
func (h *hold) pop() (e api.LogEntry, done func()) {
	x := heap.Pop(&h.heap).(held) //nolint:forcetypeassert // the heap holds nothing else
	h.bytes -= size(&x.entry)
	return x.entry, func() {
		x.batch.left--
		for len(h.batches) > 0 && h.batches[0].left == 0 {
			h.bytes -= len(h.batches[0].before)
			h.batches[0] = nil
			h.batches = h.batches[1:]
		}
	}
}

// position is where the store can go on without losing what is held: before
// the oldest answer of which something is left, or at current.
func (h *hold) position(current Position) Position {
	if len(h.batches) > 0 {
		return h.batches[0].before
	}
	return current
}

// dueByArrival is the place in the order up to which everything has come, when
// the store was asked at fresh and gave all it had. Of entries that come at
// most window late, none can still be missing before an entry that came
// window ago: it would have come window after its own time, which is before
// that entry's time, which is before that entry's arrival. This compares
// arrivals on our clock alone, so the skew of the writers' clocks against it
// does not matter.
func (h *hold) dueByArrival(fresh time.Time, window time.Duration) (key, bool) {
	var due key
	found := false
	for _, b := range h.batches {
		if b.arrived.Add(window).After(fresh) {
			break
		}
		if !found || b.last.compare(due) > 0 {
			due, found = b.last, true
		}
	}
	return due, found
}

// dueByTime is the same by the entries' own times, for reading up a long past:
// what is older than the newest entry by more than window is complete, as far
// as the store answers in order of arrival.
func (h *hold) dueByTime(window time.Duration) time.Time { return h.newest.Add(-window) }

// nextArrival is when the oldest held answer came.
func (h *hold) nextArrival() (time.Time, bool) {
	if len(h.batches) == 0 {
		return time.Time{}, false
	}
	return h.batches[0].arrived, true
}
