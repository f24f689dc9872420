package elastic

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// hole is a run of sequence numbers, lo to hi, that were not visible when
// greater ones were: writes under way, or numbers that stay empty.
type hole struct {
	lo, hi int64
	seen   int64 // when it was first missed, in Unix seconds
}

// holes are the runs of one shard, in order and apart from each other. The
// zero value is empty.
type holes []hole

// maxHoles bounds the runs that one shard's position holds.
const maxHoles = 1024

// find is the index of the first run that ends at seq or after it.
func (h holes) find(seq int64) int {
	i, _ := slices.BinarySearchFunc(h, seq, func(r hole, seq int64) int {
		if r.hi < seq {
			return -1
		}
		return 1
	})
	return i
}

func (h holes) has(seq int64) bool {
	i := h.find(seq)
	return i < len(h) && h[i].lo <= seq
}

// add notes lo to hi, but for what is noted already.
func (h *holes) add(lo, hi int64, now time.Time) {
	for lo <= hi {
		i := h.find(lo)
		if i < len(*h) && (*h)[i].lo <= lo {
			lo = (*h)[i].hi + 1
			continue
		}
		end := hi
		if i < len(*h) {
			end = min(end, (*h)[i].lo-1)
		}
		*h = slices.Insert(*h, i, hole{lo, end, now.Unix()})
		lo = end + 1
	}
}

// remove takes a number out: it has become visible.
func (h *holes) remove(seq int64) {
	i := h.find(seq)
	if i == len(*h) || (*h)[i].lo > seq {
		return
	}
	r := (*h)[i]
	switch {
	case r.lo == r.hi:
		*h = slices.Delete(*h, i, i+1)
	case r.lo == seq:
		(*h)[i].lo++
	case r.hi == seq:
		(*h)[i].hi--
	default:
		(*h)[i].hi = seq - 1
		*h = slices.Insert(*h, i+1, hole{seq + 1, r.hi, r.seen})
	}
}

// expire forgets what was missed before the time: those numbers stay empty
// (an update, a deletion, a write that failed).
func (h *holes) expire(before time.Time) {
	*h = slices.DeleteFunc(*h, func(r hole) bool { return r.seen < before.Unix() })
}

// bound forgets the lowest runs beyond the limit, and gives how many numbers
// those were.
func (h *holes) bound(limit int) (forgotten int64) {
	if over := len(*h) - limit; over > 0 {
		for _, r := range (*h)[:over] {
			forgotten += r.hi - r.lo + 1
		}
		*h = slices.Clone((*h)[over:])
	}
	return forgotten
}

// query asks for the numbers, at most most of them: the highest, which are the
// likeliest to be still under way.
func (h holes) query(most int64) dsl {
	const long = 64 // numbers that are listed rather than given as a range
	var numbers []int64
	var parts []dsl
	for i := len(h) - 1; i >= 0 && most > 0 && len(parts) < 200; i-- {
		r := h[i]
		r.lo = max(r.lo, r.hi-most+1)
		most -= r.hi - r.lo + 1
		if r.hi-r.lo >= long {
			parts = append(parts, ranged("_seq_no", dsl{"gte": r.lo, "lte": r.hi}))
			continue
		}
		for n := r.lo; n <= r.hi; n++ {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) > 0 {
		parts = append(parts, terms("_seq_no", numbers))
	}
	return anyOf(parts...)
}

// MarshalJSON writes runs as triples: distance from the run before, length,
// and seconds since the run before was missed.
func (h holes) MarshalJSON() ([]byte, error) {
	flat := make([]int64, 0, 3*len(h))
	var last hole
	for _, r := range h {
		flat = append(flat, r.lo-last.hi, r.hi-r.lo, r.seen-last.seen)
		last = r
	}
	return json.Marshal(flat)
}

var errHoles = errors.New("the position's list of open numbers is damaged")

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *holes) UnmarshalJSON(b []byte) error {
	var flat []int64
	if err := json.Unmarshal(b, &flat); err != nil {
		return err
	}
	if len(flat)%3 != 0 || len(flat) > 3*maxHoles {
		return errHoles
	}
	*h = make(holes, 0, len(flat)/3)
	var last hole
	for i := 0; i < len(flat); i += 3 {
		r := hole{lo: last.hi + flat[i], seen: last.seen + flat[i+2]}
		r.hi = r.lo + flat[i+1]
		if flat[i] < 0 || flat[i+1] < 0 || r.lo < 0 || r.hi < r.lo || i > 0 && r.lo <= last.hi {
			return errHoles
		}
		*h = append(*h, r)
		last = r
	}
	return nil
}
