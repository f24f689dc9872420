package logs

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Seen remembers which ids have passed, for a while and up to a count: what
// makes exactly once of at least once. It keeps 128 bits of a SHA-256 of each
// id, so that its memory depends on the count alone (about 64 bytes an id) and
// two ids are taken for one with a probability below 1e-27 at a million ids.
// It is not for concurrent use.
type Seen struct {
	window time.Duration
	limit  int
	at     map[digest]struct{}
	ring   []seenAt // the order of arrival; a queue from head on
	head   int
}

type digest [16]byte

type seenAt struct {
	id digest
	at time.Time
}

// NewSeen remembers at most limit ids, each for window; both are positive.
func NewSeen(window time.Duration, limit int) *Seen {
	return &Seen{window: window, limit: limit, at: map[digest]struct{}{}}
}

func digestOf(id string) digest {
	sum := sha256.Sum256([]byte(id))
	return digest(sum[:16])
}

// Add remembers the id. fresh says that it was not known; early says that
// another id was forgotten before its time to make room: from then on a double
// may go unseen.
func (s *Seen) Add(id string, now time.Time) (fresh, early bool) {
	return s.add(digestOf(id), now)
}

// Has reports whether the id is remembered.
func (s *Seen) Has(id string) bool {
	_, ok := s.at[digestOf(id)]
	return ok
}

func (s *Seen) add(d digest, now time.Time) (fresh, early bool) {
	if _, known := s.at[d]; known {
		return false, false
	}
	for s.Len() > 0 && now.Sub(s.ring[s.head].at) > s.window {
		s.drop()
	}
	if s.Len() >= s.limit {
		s.drop()
		early = true
	}
	s.at[d] = struct{}{}
	s.ring = append(s.ring, seenAt{d, now})
	return true, early
}

func (s *Seen) drop() {
	delete(s.at, s.ring[s.head].id)
	s.head++
	if s.head > 1024 && s.head*2 > len(s.ring) {
		s.ring = s.ring[:copy(s.ring, s.ring[s.head:])]
		s.head = 0
	}
}

// Len is how many ids are remembered.
func (s *Seen) Len() int { return len(s.ring) - s.head }

// short is the form of a digest in a cursor: 64 bits.
func (d digest) short() uint64 { return binary.BigEndian.Uint64(d[:8]) }
