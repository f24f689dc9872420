package widget

import (
	"bytes"
)

// A shredder takes JSON documents apart into skeletons (all but the scalars)
// and the scalars, a column for each place in a skeleton, as CLP does with
// messages (Rodrigues, Luo and Yuan, OSDI 2021). Documents of one service
// share their skeleton, so that keys and punctuation are stored once a chunk.
// What comes out is byte for byte what went in, also where that is no JSON.
type shredder struct {
	known  map[string]int
	groups []shredGroup
	which  []byte // the group of each document

	skeleton []byte
	values   [][]byte
}

type shredGroup struct {
	skeleton string
	columns  [][][]byte
}

const (
	// slot stands in a skeleton for a scalar; JSON has no such byte.
	slot = 0
	// More skeletons or slots than this and documents are kept whole: foreign
	// documents can be made so that each has a skeleton of its own.
	maxSkeletons = 64
	maxSlots     = 256
)

// whole is the skeleton of a document that is kept as it is.
var whole = []byte{slot}

func (s *shredder) reset() {
	clear(s.known)
	clear(s.groups) // lets go of the documents
	s.groups, s.which = s.groups[:0], s.which[:0]
	clear(s.values)
}

// add takes a document apart. It refers to doc until reset.
func (s *shredder) add(doc []byte) {
	if s.known == nil {
		s.known = map[string]int{}
	}
	var skeleton []byte
	if !s.split(doc) || len(s.groups) >= maxSkeletons-1 && s.known[string(s.skeleton)] == 0 {
		skeleton, s.values = whole, append(s.values[:0], doc)
	} else {
		skeleton = s.skeleton
	}
	// known counts from 1: 0 is none.
	n := s.known[string(skeleton)]
	if n == 0 {
		text := string(skeleton)
		s.groups = append(s.groups, shredGroup{text, make([][][]byte, len(s.values))})
		n = len(s.groups)
		s.known[text] = n
	}
	g := &s.groups[n-1]
	for i, v := range s.values {
		g.columns[i] = append(g.columns[i], v)
	}
	s.which = append(s.which, byte(n-1)) //nolint:gosec // below maxSkeletons
}

// split fills skeleton and values; false where the document must stay whole.
func (s *shredder) split(doc []byte) bool {
	skeleton, values := s.skeleton[:0], s.values[:0]
	defer func() { s.skeleton, s.values = skeleton, values }()
	for i := 0; i < len(doc); {
		c := doc[i]
		switch {
		case c == slot || len(values) > maxSlots:
			return false
		case c == '"':
			end := stringEnd(doc, i+1)
			if end < 0 {
				return false
			}
			if isKey(doc, end+1) {
				skeleton = append(skeleton, doc[i:end+1]...)
			} else {
				skeleton = append(skeleton, '"', slot, '"')
				values = append(values, doc[i+1:end])
			}
			i = end + 1
		case scalarByte(c):
			end := i + 1
			for end < len(doc) && scalarByte(doc[end]) {
				end++
			}
			skeleton = append(skeleton, slot)
			values = append(values, doc[i:end])
			i = end
		default:
			skeleton = append(skeleton, c)
			i++
		}
	}
	return bytes.Count(skeleton, whole) == len(values) // a key may hold the byte
}

// stringEnd is the index of the quote that ends the string, or -1.
func stringEnd(doc []byte, from int) int {
	for i := from; ; {
		n := bytes.IndexByte(doc[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for k := i - 1; k >= from && doc[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		i++
	}
}

func isKey(doc []byte, from int) bool {
	for _, c := range doc[from:] {
		switch c {
		case ' ', '\t', '\n', '\r':
		default:
			return c == ':'
		}
	}
	return false
}

// scalarByte reports whether c is a byte of numbers and of true, false and null.
func scalarByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

// appendTo writes the documents.
func (s *shredder) appendTo(w *columnWriter, dst []byte) []byte {
	dst = append(dst, byte(len(s.groups))) //nolint:gosec // at most maxSkeletons
	dst = appendBytes(dst, s.which)
	for _, g := range s.groups {
		dst = appendBytes(dst, g.skeleton)
		for _, c := range g.columns {
			dst = appendColumn(w, dst, c)
		}
	}
	return dst
}

// shredded are documents that were taken apart.
type shredded struct {
	groups []joinGroup
	which  []byte
	place  []int // of each document within its group
}

type joinGroup struct {
	skeleton string
	columns  [][]string
	n        int
}

// readShredded reads n documents.
func readShredded(r *columnReader, n int) shredded {
	s := shredded{groups: make([]joinGroup, r.packed[0]), place: make([]int, n)}
	r.packed = r.packed[1:]
	s.which = r.bytes()
	for i := range n {
		g := &s.groups[s.which[i]]
		s.place[i] = g.n
		g.n++
	}
	for i := range s.groups {
		g := &s.groups[i]
		g.skeleton = string(r.bytes())
		for j := range len(g.skeleton) {
			if g.skeleton[j] == slot {
				g.columns = append(g.columns, r.column(g.n))
			}
		}
	}
	return s
}

// doc puts the i-th document together again.
func (s *shredded) doc(i int) []byte {
	g := &s.groups[s.which[i]]
	size := len(g.skeleton)
	for _, c := range g.columns {
		size += len(c[s.place[i]])
	}
	out, column := make([]byte, 0, size), 0
	for j := range len(g.skeleton) {
		if c := g.skeleton[j]; c != slot {
			out = append(out, c)
			continue
		}
		out = append(out, g.columns[column][s.place[i]]...)
		column++
	}
	return out
}
