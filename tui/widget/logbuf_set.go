package widget

import "math/bits"

// lineSet is a set of line numbers that lie close together: a bit each, so
// that a filter that keeps all of a million lines takes 125 kB.
type lineSet struct {
	base  int64 // the number of the first bit; a multiple of 64
	words []uint64
	n     int
}

func (s *lineSet) place(n int64) (word int, bit uint64) {
	return int((n - s.base) >> 6), 1 << uint(n&63)
}

// add puts a number into the set.
func (s *lineSet) add(n int64) {
	if s.words == nil {
		s.base = n &^ 63
	}
	if n < s.base {
		// Older lines come in pages, from the newest to the oldest: room for
		// many more at once.
		grow := max(int((s.base-n+63)>>6), len(s.words)/2, 64)
		s.words = append(make([]uint64, grow, grow+len(s.words)), s.words...)
		s.base -= int64(grow) << 6
	}
	w, bit := s.place(n)
	for w >= len(s.words) {
		s.words = append(s.words, 0)
	}
	if s.words[w]&bit == 0 {
		s.words[w] |= bit
		s.n++
	}
}

// remove takes a number out.
func (s *lineSet) remove(n int64) {
	if s.has(n) {
		w, bit := s.place(n)
		s.words[w] &^= bit
		s.n--
	}
}

func (s *lineSet) has(n int64) bool {
	if n < s.base {
		return false
	}
	w, bit := s.place(n)
	return w < len(s.words) && s.words[w]&bit != 0
}

// next gives the least number of the set that is at least n.
func (s *lineSet) next(n int64) (int64, bool) {
	n = max(n, s.base)
	w, bit := s.place(n)
	for ; w < len(s.words); w++ {
		if rest := s.words[w] &^ (bit - 1); rest != 0 {
			return s.base + int64(w)<<6 + int64(bits.TrailingZeros64(rest)), true
		}
		bit = 1
	}
	return 0, false
}

// prev gives the greatest number of the set that is at most n.
func (s *lineSet) prev(n int64) (int64, bool) {
	if n < s.base || len(s.words) == 0 {
		return 0, false
	}
	n = min(n, s.base+int64(len(s.words))<<6-1)
	w, bit := s.place(n)
	mask := bit | (bit - 1)
	for ; w >= 0; w-- {
		if rest := s.words[w] & mask; rest != 0 {
			return s.base + int64(w)<<6 + 63 - int64(bits.LeadingZeros64(rest)), true
		}
		mask = ^uint64(0)
	}
	return 0, false
}

// below is how many numbers of the set are below n.
func (s *lineSet) below(n int64) int {
	if n <= s.base || len(s.words) == 0 {
		return 0
	}
	if n >= s.base+int64(len(s.words))<<6 {
		return s.n
	}
	w, bit := s.place(n)
	count := bits.OnesCount64(s.words[w] & (bit - 1))
	for _, word := range s.words[:w] {
		count += bits.OnesCount64(word)
	}
	return count
}

// dropBelow forgets the numbers below n.
func (s *lineSet) dropBelow(n int64) {
	if n <= s.base || len(s.words) == 0 {
		return
	}
	if n >= s.base+int64(len(s.words))<<6 {
		*s = lineSet{}
		return
	}
	w, bit := s.place(n)
	for _, word := range s.words[:w] {
		s.n -= bits.OnesCount64(word)
	}
	s.n -= bits.OnesCount64(s.words[w] & (bit - 1))
	s.words[w] &^= bit - 1
	s.words, s.base = s.words[w:], s.base+int64(w)<<6
}

func (s *lineSet) clone() lineSet {
	return lineSet{s.base, append([]uint64(nil), s.words...), s.n}
}
