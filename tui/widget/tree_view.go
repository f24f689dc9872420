package widget

import "strings"

// Act does a list action; false where the id is none of a tree's. list.right
// opens a node and then goes to its first child, list.left closes it and then
// goes to what it hangs on; on leaves without room they scroll.
func (t *Tree[T]) Act(id string) bool {
	switch id {
	case "list.up":
		t.moveTo(t.cursor - 1)
	case "list.down":
		t.moveTo(t.cursor + 1)
	case "list.pageup":
		t.moveTo(t.cursor - t.page)
	case "list.pagedown":
		t.moveTo(t.cursor + t.page)
	case "list.top":
		t.moveTo(0)
	case "list.bottom":
		t.moveTo(len(t.flat) - 1)
	case "list.right":
		t.rightwards()
	case "list.left":
		t.leftwards()
	default:
		return false
	}
	return true
}

func (t *Tree[T]) rightwards() {
	n, ok := t.Current()
	switch {
	case !ok:
	case len(n.Children) == 0:
		t.left += shiftStep // View takes back what is too much
	case t.filter.Empty() && !t.isOpen(n):
		t.Toggle()
	default:
		t.moveTo(t.cursor + 1)
	}
}

func (t *Tree[T]) leftwards() {
	n, ok := t.Current()
	switch {
	case !ok:
	case t.left > 0:
		t.left = max(t.left-shiftStep, 0)
	case len(n.Children) > 0 && t.filter.Empty() && t.isOpen(n):
		t.Toggle()
	case t.flat[t.cursor].parent >= 0:
		t.moveTo(t.flat[t.cursor].parent)
	}
}

func (t *Tree[T]) moveTo(i int) {
	t.cursor = max(0, min(i, len(t.flat)-1))
	if len(t.flat) > 0 {
		t.on = t.flat[t.cursor].node.Key
	}
	t.reveal()
}

func (t *Tree[T]) reveal() {
	t.top = min(t.top, t.cursor)
	t.top = max(t.top, t.cursor-t.page+1)
	t.top = max(0, min(t.top, len(t.flat)-t.page))
}

// Click puts the cursor on the node in line y of the last View; on the node
// under the cursor it opens or closes. False where there is none.
func (t *Tree[T]) Click(y int) bool {
	at := t.top + y
	if y < 0 || y >= t.page || at >= len(t.flat) {
		return false
	}
	if at == t.cursor {
		t.Toggle()
		return true
	}
	t.moveTo(at)
	return true
}

// Scroll moves what is visible by lines, down where positive; the cursor goes
// along where it would leave the page.
func (t *Tree[T]) Scroll(lines int) {
	t.top = max(0, min(t.top+lines, len(t.flat)-t.page))
	if at := max(t.top, min(t.cursor, t.top+t.page-1)); at != t.cursor {
		t.moveTo(at)
	}
}

// View draws the tree: at most height lines of at most width columns.
func (t *Tree[T]) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	t.page = height
	t.reveal()
	if len(t.flat) == 0 {
		text := t.Empty
		if len(t.roots) > 0 {
			text = "nothing matches " + t.filter.String()
		}
		return t.th().Muted.Render(Cut(cellText(text), width))
	}
	visible := t.flat[t.top:min(t.top+height, len(t.flat))]
	lines, longest := make([]string, len(visible)), 0
	for i := range visible {
		// No further than what is shown: a label may have a megabyte.
		lines[i] = Cut(t.line(&visible[i], t.left+width), t.left+width)
		if t.left > 0 {
			longest = max(longest, Width(lines[i]))
		}
	}
	t.left = max(0, min(t.left, longest-width+1))
	for i, l := range lines {
		l, w := cutFrom(l, t.left, width-1)
		if t.top+i == t.cursor {
			lines[i] = t.th().Selected.Render(">" + plainOf(l) + spaces(width-1-w))
		} else {
			lines[i] = " " + l
		}
	}
	return strings.Join(lines, "\n")
}

// line is what a node says, its label cut to limit columns.
func (t *Tree[T]) line(b *branch[T], limit int) string {
	th := t.th()
	guides := b.guides
	if t.ASCII {
		guides = b.plain
	}
	sign := " "
	if len(b.node.Children) > 0 {
		open := t.isOpen(b.node) || !t.filter.Empty()
		switch {
		case open && t.ASCII:
			sign = "-"
		case open:
			sign = "▾"
		case t.ASCII:
			sign = "+"
		default:
			sign = "▸"
		}
	}
	label := Cut(apart(t.label(b.node)), limit)
	if spans := t.filter.Spans(plainOf(label)); len(spans) > 0 {
		label = highlightStyled(label, plainOf(label), spans, th.Match)
	}
	return th.Muted.Render(guides+sign) + " " + label
}
