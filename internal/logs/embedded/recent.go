package embedded

import "sync"

// ring keeps the entries that arrived last, so that tails follow them without
// asking the engine. It is bounded in bytes; what falls out is found in the
// engine. Safe for concurrent use.
type ring struct {
	max int

	mu      sync.Mutex
	entries []arrived // in order of arrival, without holes
	bytes   int
	last    uint64        // the last number that arrived, whether kept or not
	changed chan struct{} // closed and replaced when something arrives
	ended   bool
}

func newRing(maxBytes int) *ring { return &ring{max: maxBytes, changed: make(chan struct{})} }

// skip forgets what there is and begins after n.
func (r *ring) skip(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries, r.bytes, r.last = nil, 0, n
}

// arrived is an entry as it was taken. What a search would show of it is made
// when a tail asks: most of the time nobody does.
type arrived struct {
	Entry
	n uint64
}

// add takes entries whose numbers end with last, without holes. They are the
// ring's from then on.
func (r *ring) add(list []Entry, last uint64) {
	if len(list) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := last - uint64(len(list))
	for i := range list {
		n++
		r.entries = append(r.entries, arrived{list[i], n})
		r.bytes += sizeOf(&list[i])
	}
	drop := 0
	for ; r.bytes > r.max && drop < len(r.entries); drop++ {
		r.bytes -= sizeOf(&r.entries[drop].Entry)
	}
	if drop > 0 {
		// The front is given back when it is as long as what stays.
		clear(r.entries[:drop])
		r.entries = r.entries[drop:]
		if cap(r.entries) > 2*len(r.entries)+1024 {
			r.entries = append(make([]arrived, 0, len(r.entries)+len(r.entries)/2), r.entries...)
		}
	}
	r.last = last
	close(r.changed)
	r.changed = make(chan struct{})
}

// sizeOf is about what an entry holds, in bytes.
func sizeOf(e *Entry) int {
	n := 200 + len(e.Message) + len(e.Service) + len(e.Trace)
	for i := range e.Fields {
		n += 48 + len(e.Fields[i].Name) + len(e.Fields[i].Value)
	}
	return n
}

// after gives at most limit entries after n, the last number there is, and
// whether the entries begin right after n: if not, the engine has them.
func (r *ring) after(n uint64, limit int) (list []numbered, last uint64, whole bool) {
	found, last, whole := r.slice(n, limit)
	for i := range found { // not under the lock: it would hold up who writes
		list = append(list, numbered{found[i].entry(found[i].n), found[i].n})
	}
	return list, last, whole
}

func (r *ring) slice(n uint64, limit int) (list []arrived, last uint64, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n >= r.last {
		return nil, r.last, true
	}
	if len(r.entries) == 0 || r.entries[0].n > n+1 {
		return nil, r.last, false
	}
	from := int(n + 1 - r.entries[0].n)
	return append(list, r.entries[from:min(from+limit, len(r.entries))]...), r.last, true
}

// wait gives a channel that is closed when something after n is there.
func (r *ring) wait(n uint64) (<-chan struct{}, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed, r.last > n || r.ended
}

func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended = true
		close(r.changed)
		r.changed = make(chan struct{})
	}
}
