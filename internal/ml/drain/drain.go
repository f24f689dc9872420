// Package drain mines templates from log messages: messages that differ in
// their variable parts only are one template, with <*> where they differ.
//
// It is Drain: P. He, J. Zhu, Z. Zheng, M. R. Lyu, "Drain: An Online Log
// Parsing Approach with Fixed Depth Tree", ICWS 2017. As in its successor
// Drain3, what is a value by its look (a number, an address, an id, a path) is
// masked before, and of many templates the least recently seen one is given
// up.
//
// It promises: memory bounded by the options; equal results for equal messages
// in equal order; trees that can be merged. A message costs time by its length
// and by the templates that share its length and first word. It knows no times
// and no levels: package logs/pattern does.
package drain

import (
	"slices"
	"strings"
)

// Wildcard stands in a template for what varies.
const Wildcard = "<*>"

// wild is a whole token that varies among the messages of a cluster. A token
// that was masked says Wildcard and counts as equal to its like; wild does not
// count, as in the paper.
const wild = "\x00"

// Options of a tree. The zero value has the defaults of Drain3.
type Options struct {
	// Similarity is the least share of equal tokens with which a message joins
	// a cluster, over 0 and up to 1; 0 is 0.4.
	Similarity float64
	// Depth is how many of the first tokens lead to the leaf; 0 is 1, which is
	// Drain3's depth of 4 (it counts the root, the length and the leaf too).
	Depth int
	// MaxChildren bounds the branches of a node; further tokens share one. 0 is
	// 100.
	MaxChildren int
	// MaxClusters bounds the clusters; 0 is 10 000.
	MaxClusters int
	// MaxTokens bounds the tokens of a message; the rest is one wildcard. 0 is
	// 128, and 2 is the least.
	MaxTokens int
	// Evicted is told of a cluster that is given up; nil is nobody.
	Evicted func(*Cluster)
}

func (o Options) withDefaults() Options {
	if o.Similarity <= 0 || o.Similarity > 1 {
		o.Similarity = 0.4
	}
	for _, d := range []struct {
		n   *int
		def int
	}{{&o.Depth, 1}, {&o.MaxChildren, 100}, {&o.MaxClusters, 10_000}, {&o.MaxTokens, 128}} {
		if *d.n <= 0 {
			*d.n = d.def
		}
	}
	o.MaxTokens = max(o.MaxTokens, 2)
	return o
}

// Cluster is a set of messages with one template.
type Cluster struct {
	// Size is how many messages it has.
	Size   int64
	tokens []string
	leaf   *node
	seq    uint64 // order of creation
	// The list of all clusters, the latest seen first.
	newer, older *Cluster
}

// Template is the text of the template.
func (c *Cluster) Template() string { return join(c.tokens) }

// join puts tokens together; a key and its value were cut apart after =.
func join(tokens []string) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && !strings.HasSuffix(tokens[i-1], "=") {
			b.WriteByte(' ')
		}
		if t == wild {
			t = Wildcard
		}
		b.WriteString(t)
	}
	return b.String()
}

// Tree is the parse tree with its clusters. It is not for concurrent use.
type Tree struct {
	o      Options
	root   map[int]*node // by the number of tokens
	count  int
	seq    uint64
	newest *Cluster
	oldest *Cluster
	tokens tokenizer
}

type node struct {
	parent   *node
	key      string // in parent
	length   int    // of a node below the root: its number of tokens
	children map[string]*node
	clusters []*Cluster // of a leaf
}

// New makes an empty tree.
func New(o Options) *Tree {
	return &Tree{o: o.withDefaults(), root: map[int]*node{}}
}

// Len is the number of clusters.
func (t *Tree) Len() int { return t.count }

// Add learns a message and gives its cluster, whose template it may have
// changed.
func (t *Tree) Add(message string) *Cluster {
	return t.add(t.tokens.split(message, t.o.MaxTokens), 1)
}

// Match gives the cluster that a message would join, without learning it; nil
// where it would make one.
func (t *Tree) Match(message string) *Cluster {
	return t.find(t.tokens.split(message, t.o.MaxTokens))
}

// Merge adds what another tree has learned, cluster by cluster in the order of
// their creation, and gives what became of each. The other one stays as it is.
func (t *Tree) Merge(other *Tree) map[*Cluster]*Cluster {
	into := make(map[*Cluster]*Cluster, other.count)
	for _, c := range other.Clusters() {
		into[c] = t.add(c.tokens, c.Size)
	}
	return into
}

// Clusters lists all clusters in the order of their creation.
func (t *Tree) Clusters() []*Cluster {
	out := make([]*Cluster, 0, t.count)
	for c := t.newest; c != nil; c = c.older {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *Cluster) int { return int(a.seq) - int(b.seq) }) //nolint:gosec // far below 2^63
	return out
}

func (t *Tree) add(tokens []string, n int64) *Cluster {
	c := t.find(tokens)
	if c == nil {
		c = &Cluster{tokens: cloneAll(tokens), seq: t.seq}
		t.seq++
		c.leaf = t.grow(c.tokens)
		c.leaf.clusters = append(c.leaf.clusters, c)
		t.count++
	} else {
		t.unlink(c)
		for i, token := range tokens {
			if c.tokens[i] != token {
				c.tokens[i] = wild
			}
		}
	}
	c.Size += n
	c.older, c.newer = t.newest, nil
	if t.newest != nil {
		t.newest.newer = c
	}
	t.newest = c
	if t.oldest == nil {
		t.oldest = c
	}
	if t.count > t.o.MaxClusters {
		t.evict(t.oldest)
	}
	return c
}

// find walks down to the leaf of the tokens and takes the most similar of its
// clusters, if it is similar enough.
func (t *Tree) find(tokens []string) *Cluster {
	n := t.root[len(tokens)]
	for i := 0; n != nil && i < min(t.o.Depth, len(tokens)); i++ {
		next := n.children[tokens[i]]
		if next == nil {
			next = n.children[wild]
		}
		n = next
	}
	if n == nil {
		return nil
	}
	var best *Cluster
	most, mostWild := -1, -1
	for _, c := range n.clusters {
		same, wilds := 0, 0
		for i, token := range c.tokens {
			switch token {
			case wild:
				if tokens[i] == wild { // templates that are merged
					same++
				}
				wilds++
			case tokens[i]:
				same++
			}
		}
		if same > most || same == most && wilds > mostWild {
			best, most, mostWild = c, same, wilds
		}
	}
	if best == nil || float64(most) < t.o.Similarity*float64(len(tokens)) {
		// A message that fits the template word for word belongs to it however
		// much of the template varies.
		if best == nil || most+mostWild < len(tokens) || most == 0 {
			return nil
		}
	}
	return best
}

// grow makes the way down to the leaf of the tokens. Tokens with digits, and
// those that have no room, take the branch of wildcards.
func (t *Tree) grow(tokens []string) *node {
	n := t.root[len(tokens)]
	if n == nil {
		n = &node{length: len(tokens)}
		t.root[len(tokens)] = n
	}
	for i := range min(t.o.Depth, len(tokens)) {
		key := tokens[i]
		if n.children[key] == nil && (key == wild || hasDigit(key) || len(n.children) >= t.o.MaxChildren-1) {
			key = wild
		}
		next := n.children[key]
		if next == nil {
			next = &node{parent: n, key: key, length: n.length}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[key] = next
		}
		n = next
	}
	return n
}

// evict forgets a cluster and the branches that led to it alone.
func (t *Tree) evict(c *Cluster) {
	t.unlink(c)
	c.newer, c.older = nil, nil
	t.count--
	n := c.leaf
	if i := slices.Index(n.clusters, c); i >= 0 {
		n.clusters = slices.Delete(n.clusters, i, i+1)
	}
	for len(n.clusters) == 0 && len(n.children) == 0 {
		if n.parent == nil {
			delete(t.root, n.length)
			break
		}
		delete(n.parent.children, n.key)
		n = n.parent
	}
	if t.o.Evicted != nil {
		t.o.Evicted(c)
	}
}

func (t *Tree) unlink(c *Cluster) {
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		t.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		t.oldest = c.newer
	}
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if s[i]-'0' <= 9 {
			return true
		}
	}
	return false
}

// cloneAll copies tokens out of the tokenizer's memory, all into one text.
func cloneAll(tokens []string) []string {
	n := 0
	for _, t := range tokens {
		n += len(t)
	}
	all := make([]byte, 0, n)
	for _, t := range tokens {
		all = append(all, t...)
	}
	text, out := string(all), make([]string, len(tokens))
	for i, t := range tokens {
		out[i], text = text[:len(t)], text[len(t):]
	}
	return out
}

// Has says whether the cluster is still in the tree.
func (t *Tree) Has(c *Cluster) bool {
	return c == t.newest || c.newer != nil
}
