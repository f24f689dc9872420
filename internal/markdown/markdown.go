// Package markdown shows Markdown on a terminal: headings, emphasis, lists,
// code, quotes, tables, links. It renders what models and the assistant
// write, block by block while it streams.
//
// It parses with gomarkdown and styles by itself: the field's renderer,
// glamour, costs 16 ms at every start of the program (its highlighter's
// tables), which is twice the whole start of aictl without it.
//
// Input must be safe text (package term): the package adds its own styles and
// trusts what it is given not to hold control sequences.
package markdown

import (
	"fmt"
	"strings"

	"github.com/gomarkdown/markdown/ast"
	"github.com/gomarkdown/markdown/parser"

	"github.com/aictl/aictl/internal/term"
)

// Render gives the text for a terminal of the width, without a blank line at
// either end. It never fails: what it does not know is shown as it is.
func Render(source string, width int, styles term.Styles) string {
	p := parser.NewWithExtensions(parser.CommonExtensions&^parser.MathJax | parser.NoEmptyLineBeforeBlock | parser.OrderedListStart)
	doc := p.Parse([]byte(source))
	r := renderer{styles: styles, width: max(width, 20)}
	r.blocks(doc.GetChildren(), "")
	return strings.Trim(r.out.String(), "\n")
}

// safe is every piece of text on its way out. The source is safe already, but
// a character reference (&#27;) becomes a character only in the parser.
func safe(s string) string { return term.Safe(s) }

type renderer struct {
	out    strings.Builder
	styles term.Styles
	width  int
}

func (r *renderer) blocks(nodes []ast.Node, indent string) {
	for _, n := range nodes {
		r.block(n, indent)
	}
}

func (r *renderer) block(n ast.Node, indent string) {
	switch n := n.(type) {
	case *ast.Heading:
		r.paragraph(r.styles.Header(r.inline(n)), indent)
	case *ast.Paragraph:
		r.paragraph(r.inline(n), indent)
	case *ast.List:
		r.list(n, indent)
	case *ast.CodeBlock:
		for _, line := range strings.Split(safe(strings.TrimRight(string(n.Literal), "\n")), "\n") {
			r.line(indent + "  " + r.styles.Accent(line))
		}
		r.line("")
	case *ast.BlockQuote:
		r.blocks(n.GetChildren(), indent+r.styles.Muted("│ "))
	case *ast.HorizontalRule:
		r.line(indent + r.styles.Muted(strings.Repeat("─", min(40, r.width))))
		r.line("")
	case *ast.Table:
		r.table(n, indent)
	case *ast.HTMLBlock:
		r.paragraph(safe(string(n.Literal)), indent)
	default:
		if c := n.AsContainer(); c != nil {
			r.blocks(c.Children, indent)
			return
		}
		if leaf := n.AsLeaf(); leaf != nil {
			r.paragraph(safe(string(leaf.Literal)), indent)
		}
	}
}

func (r *renderer) line(s string) {
	r.out.WriteString(strings.TrimRight(s, " "))
	r.out.WriteByte('\n')
}

func (r *renderer) paragraph(text, indent string) {
	r.wrapped(text, indent, indent)
	r.line("")
}

func (r *renderer) wrapped(text, first, rest string) {
	lead := first
	for _, line := range strings.Split(term.Wrap(text, max(r.width-term.Width(rest), 20)), "\n") {
		r.line(lead + line)
		lead = rest
	}
}

func (r *renderer) list(l *ast.List, indent string) {
	number := max(l.Start, 1)
	for _, item := range l.Children {
		mark := "• "
		if l.ListFlags&ast.ListTypeOrdered != 0 {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		rest := indent + strings.Repeat(" ", len([]rune(mark)))
		first := true
		for _, child := range item.GetChildren() {
			if p, ok := child.(*ast.Paragraph); ok && first {
				r.wrapped(r.inline(p), indent+r.styles.Accent(mark), rest)
				first = false
				continue
			}
			if first {
				r.line(indent + r.styles.Accent(mark))
				first = false
			}
			r.block(child, rest)
		}
	}
	if _, nested := l.Parent.(*ast.ListItem); !nested {
		r.line("")
	}
}

// inline renders the children of a node on one line.
func (r *renderer) inline(n ast.Node) string {
	var b strings.Builder
	for _, c := range n.GetChildren() {
		switch c := c.(type) {
		case *ast.Text:
			b.WriteString(safe(strings.ReplaceAll(string(c.Literal), "\n", " ")))
		case *ast.Strong:
			b.WriteString(r.styles.Bold(r.inline(c)))
		case *ast.Emph:
			b.WriteString(r.styles.Accent(r.inline(c)))
		case *ast.Del:
			b.WriteString(r.styles.Muted(r.inline(c)))
		case *ast.Code:
			b.WriteString(r.styles.Accent(safe(string(c.Literal))))
		case *ast.Link:
			text := r.inline(c)
			b.WriteString(text)
			if dest := safe(string(c.Destination)); dest != text {
				b.WriteString(" " + r.styles.Muted("("+dest+")"))
			}
		case *ast.Image: // never fetched: the address is shown
			b.WriteString(r.inline(c) + " " + r.styles.Muted("("+safe(string(c.Destination))+")"))
		case *ast.Hardbreak:
			b.WriteByte('\n')
		case *ast.Softbreak, *ast.NonBlockingSpace:
			b.WriteByte(' ')
		default:
			if leaf := c.AsLeaf(); leaf != nil {
				b.WriteString(safe(string(leaf.Literal)))
			} else {
				b.WriteString(r.inline(c))
			}
		}
	}
	return b.String()
}

// table aligns the cells; a table wider than the terminal is not cut, the
// terminal wraps it.
func (r *renderer) table(t *ast.Table, indent string) {
	var rows [][]string
	heads := 0
	ast.WalkFunc(t, func(n ast.Node, entering bool) ast.WalkStatus {
		switch n := n.(type) {
		case *ast.TableRow:
			if entering {
				rows = append(rows, nil)
				if _, ok := n.Parent.(*ast.TableHeader); ok {
					heads = len(rows)
				}
			}
		case *ast.TableCell:
			if entering && len(rows) > 0 {
				rows[len(rows)-1] = append(rows[len(rows)-1], r.inline(n))
			}
			return ast.SkipChildren
		}
		return ast.GoToNext
	})
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], term.Width(cell))
		}
	}
	for i, row := range rows {
		var b strings.Builder
		for j, cell := range row {
			if j > 0 {
				b.WriteString("   ")
			}
			if i < heads {
				cell = r.styles.Bold(cell)
			}
			b.WriteString(term.PadRight(cell, widths[j]))
		}
		r.line(indent + b.String())
	}
	r.line("")
}
