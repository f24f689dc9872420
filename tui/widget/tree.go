package widget

import (
	"github.com/aictl/aictl/tui/theme"
)

// Node is a branch or a leaf of a Tree.
type Node[T any] struct {
	// Key tells the node from all others of the tree.
	Key   string
	Value T
	// Closed is whether its children are hidden as long as the person has not
	// opened or closed it.
	Closed   bool
	Children []Node[T]
}

// Tree shows nodes below nodes. What is open, and where the cursor is, belongs
// to the keys, so that it stays when the nodes are replaced.
type Tree[T any] struct {
	// Empty is what a tree without nodes says.
	Empty string
	// ASCII keeps to characters that every terminal has.
	ASCII bool

	th     func() *theme.Theme
	label  func(n *Node[T]) string
	roots  []Node[T]
	open   map[string]bool // what the person opened or closed
	filter Filter

	flat   []branch[T] // the visible nodes, from the top
	cursor int
	on     string
	top    int
	page   int
	left   int
}

// branch is a visible node and how it hangs.
type branch[T any] struct {
	node   *Node[T]
	parent int    // in flat, -1 at a root
	guides string // the lines in front of it
	plain  string // the same in ASCII
}

// NewTree makes an empty tree. label gives a node's line: styled, safe text.
func NewTree[T any](th func() *theme.Theme, label func(n *Node[T]) string) *Tree[T] {
	return &Tree[T]{th: th, label: label, open: map[string]bool{}, page: 10}
}

// Set replaces the nodes. The tree keeps the slice.
func (t *Tree[T]) Set(roots []Node[T]) {
	t.roots = roots
	t.grow()
}

// Len is how many nodes can be seen, those below closed ones not counted.
func (t *Tree[T]) Len() int { return len(t.flat) }

// Current is the node under the cursor.
func (t *Tree[T]) Current() (*Node[T], bool) {
	if len(t.flat) == 0 {
		return nil, false
	}
	return t.flat[t.cursor].node, true
}

// Select puts the cursor on a node and opens what is above it; false where
// there is none.
func (t *Tree[T]) Select(key string) bool {
	var path []string
	if !pathTo(t.roots, key, &path) {
		return false
	}
	for _, k := range path {
		t.open[k] = true
	}
	t.on = key
	t.grow()
	return t.on == key
}

// pathTo collects the keys above a node.
func pathTo[T any](nodes []Node[T], key string, path *[]string) bool {
	for i := range nodes {
		n := &nodes[i]
		if n.Key == key {
			return true
		}
		*path = append(*path, n.Key)
		if pathTo(n.Children, key, path) {
			return true
		}
		*path = (*path)[:len(*path)-1]
	}
	return false
}

// Filter shows only the nodes that the expression lets through (NewFilter), with
// those above them; what is above a match is open.
func (t *Tree[T]) Filter(expr string) {
	if expr != t.filter.String() {
		t.filter = NewFilter(expr)
		t.grow()
	}
}

// Toggle opens or closes the node under the cursor; false where it has no
// children.
func (t *Tree[T]) Toggle() bool {
	n, ok := t.Current()
	if !ok || len(n.Children) == 0 {
		return false
	}
	t.open[n.Key] = !t.isOpen(n)
	t.grow()
	return true
}

func (t *Tree[T]) isOpen(n *Node[T]) bool {
	if open, said := t.open[n.Key]; said {
		return open
	}
	return !n.Closed
}

// grow makes the list of visible nodes.
func (t *Tree[T]) grow() {
	t.flat = t.flat[:0]
	t.hang(t.roots, -1, "", "")
	for i := range t.flat {
		if t.flat[i].node.Key == t.on {
			t.moveTo(i)
			return
		}
	}
	t.moveTo(t.cursor)
}

// hang adds nodes that hang below parent; false where the filter lets none
// through.
func (t *Tree[T]) hang(nodes []Node[T], parent int, guides, plain string) bool {
	any, last := false, -1
	for i := range nodes {
		n := &nodes[i]
		at := len(t.flat)
		t.flat = append(t.flat, branch[T]{node: n, parent: parent, guides: guides + "├─", plain: plain + "|-"})
		if parent < 0 {
			t.flat[at].guides, t.flat[at].plain = "", ""
		}
		matches := t.filter.Empty() || t.filter.Match(plainOf(t.label(n)))
		below := false
		switch {
		case !t.filter.Empty():
			below = t.hang(n.Children, at, t.below(guides, parent, "│ "), t.below(plain, parent, "| "))
		case t.isOpen(n):
			t.hang(n.Children, at, t.below(guides, parent, "│ "), t.below(plain, parent, "| "))
		}
		if !matches && !below {
			t.flat = t.flat[:at]
			continue
		}
		any, last = true, at
	}
	if last >= 0 && parent >= 0 {
		t.bend(last, guides, plain)
	}
	return any
}

func (t *Tree[T]) below(guides string, parent int, line string) string {
	if parent < 0 {
		return ""
	}
	return guides + line
}

// bend turns the guide of the last child, and takes its line away from what
// hangs below it.
func (t *Tree[T]) bend(at int, guides, plain string) {
	t.flat[at].guides, t.flat[at].plain = guides+"└─", plain+"`-"
	for i := at + 1; i < len(t.flat); i++ {
		b := &t.flat[i]
		b.guides = guides + "  " + b.guides[len(guides)+len("│ "):]
		b.plain = plain + "  " + b.plain[len(plain)+len("| "):]
	}
}
