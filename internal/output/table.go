package output

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// Column is one column of a table of T. Value may return foreign text: it is
// made safe and kept on one line. Colour comes from Style alone.
type Column[T any] struct {
	// Header is shown in upper case; CSV has it in lower case with underscores.
	Header string
	// Wide shows the column only with -o wide and -o csv.
	Wide bool
	// Right aligns numbers.
	Right bool
	Value func(T, Env) string
	// Style says what the cell means; nil is plain.
	Style func(T, Env) term.Style
}

// View is how people see values of T.
type View[T any] struct {
	// Kind is the singular noun of -o name, as in "service/chat".
	Kind    string
	Name    func(T) string
	Columns []Column[T]
}

// cell is a value ready to be laid out.
type cell struct {
	text  string
	style term.Style
}

// grid is a table without its types.
type grid struct {
	heads []cell
	right []bool
	rows  [][]cell
}

// List writes items: as the table of the view, or as a JSON array in machine
// formats. An empty list is the heads alone, or [].
func List[T any](p *Printer, view View[T], items []T) error {
	if items == nil {
		items = []T{}
	}
	return ListDoc(p, view, items, items)
}

// ListDoc is List for a document that holds more than the items: machine
// formats get doc, people the table of items.
func ListDoc[T any](p *Printer, view View[T], doc any, items []T) error {
	if p.expr == nil {
		switch p.format.Kind {
		case "", Table, Wide, Graph:
			return p.write(p.layout(view.grid(items, p.env, p.format.Kind == Wide)))
		case CSV:
			return p.writeCSV(view.grid(items, p.env, true))
		case Name:
			if view.Name != nil {
				names := make([]string, len(items))
				for i, it := range items {
					names[i] = view.Kind + "/" + view.Name(it)
				}
				return p.writeNames(names)
			}
		}
	}
	return p.Print(doc)
}

// One writes a single item: for people a line a column, the value beside the
// name; otherwise the JSON object.
func One[T any](p *Printer, view View[T], item T) error {
	if p.expr == nil {
		switch p.format.Kind {
		case "", Table, Wide, Graph:
			g := view.grid([]T{item}, p.env, true)
			pairs := make([][2]cell, len(g.heads))
			for i := range g.heads {
				pairs[i] = [2]cell{g.heads[i], g.rows[0][i]}
			}
			return p.writePairs(pairs)
		case CSV, Name:
			return ListDoc(p, view, any(item), []T{item})
		}
	}
	return p.Print(item)
}

func (v View[T]) grid(items []T, env Env, wide bool) grid {
	var g grid
	var cols []Column[T]
	for _, c := range v.Columns {
		if wide || !c.Wide {
			cols = append(cols, c)
			g.heads = append(g.heads, cell{strings.ToUpper(c.Header), term.Header})
			g.right = append(g.right, c.Right)
		}
	}
	env.Wide = wide
	g.rows = make([][]cell, len(items))
	for i, it := range items {
		row := make([]cell, len(cols))
		for j, c := range cols {
			row[j].text = term.SafeLine(c.Value(it, env))
			if c.Style != nil {
				row[j].style = c.Style(it, env)
			}
		}
		g.rows[i] = row
	}
	return g
}

func (p *Printer) writeNames(names []string) error {
	var b bytes.Buffer
	for _, n := range names {
		b.WriteString(strings.TrimPrefix(term.SafeLine(n), "/"))
		b.WriteByte('\n')
	}
	return p.write(b.Bytes())
}

const gap = 3 // columns between two columns, as kubectl

// layout aligns a grid. On a terminal the widest columns are cut until a line
// fits; anywhere else nothing is cut.
func (p *Printer) layout(g grid) []byte {
	if len(g.heads) == 0 {
		return nil
	}
	widths := make([]int, len(g.heads))
	rows := g.rows
	if !p.noHeaders {
		rows = append([][]cell{g.heads}, rows...)
	}
	for _, row := range rows {
		for j, c := range row {
			widths[j] = max(widths[j], term.Width(c.text))
		}
	}
	if p.tty {
		shrink(widths, p.env.Width)
	}
	var b bytes.Buffer
	for _, row := range rows {
		pad := 0 // written only before a next cell: no blanks at the end of a line
		for j, c := range row {
			text := c.text
			w := term.Width(text)
			if w > widths[j] {
				text = term.Truncate(text, widths[j])
				w = term.Width(text)
			}
			if g.right[j] {
				pad += widths[j] - w
				w = widths[j]
			}
			if text != "" {
				writeBlanks(&b, pad)
				b.WriteString(p.env.Styles.Apply(c.style, text))
				pad = widths[j] - w + gap
			} else {
				pad += widths[j] - w + gap
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// shrink takes columns from the widest until the line fits, never below eight.
func shrink(widths []int, limit int) {
	total := gap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for total > limit {
		widest := 0
		for j, w := range widths {
			if w > widths[widest] {
				widest = j
			}
		}
		if widths[widest] <= 8 {
			return
		}
		widths[widest]--
		total--
	}
}

func writeBlanks(b *bytes.Buffer, n int) {
	for range n {
		b.WriteByte(' ')
	}
}

// writePairs writes a line a pair: "Name:   value".
func (p *Printer) writePairs(pairs [][2]cell) error {
	wide := 0
	for _, kv := range pairs {
		wide = max(wide, term.Width(kv[0].text))
	}
	var b bytes.Buffer
	for _, kv := range pairs {
		label := title(kv[0].text) + ":"
		b.WriteString(p.env.Styles.Muted(label))
		if kv[1].text != "" {
			writeBlanks(&b, wide+1+gap-term.Width(label))
			b.WriteString(p.env.Styles.Apply(kv[1].style, kv[1].text))
		}
		b.WriteByte('\n')
	}
	return p.write(b.Bytes())
}

// title writes LAST SEEN as "Last seen" and leaves other words alone.
func title(s string) string {
	if s != strings.ToUpper(s) || len(s) < 2 {
		return s
	}
	return s[:1] + strings.ToLower(s[1:])
}

// writeCSV writes RFC 4180 with LF at line ends (the RFC says CRLF, Unix tools
// want LF, all readers take both). A spreadsheet runs a cell that begins with
// = + - @ as a formula (OWASP: CSV injection): such a cell gets an apostrophe
// before it, unless it is a number.
func (p *Printer) writeCSV(g grid) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	record := make([]string, len(g.heads))
	if !p.noHeaders && len(record) > 0 {
		for i, h := range g.heads {
			record[i] = strings.ReplaceAll(strings.ToLower(h.text), " ", "_")
		}
		if err := w.Write(record); err != nil {
			return fail.Wrap(fail.Internal, err, "writing CSV")
		}
	}
	for _, row := range g.rows {
		for i, c := range row {
			record[i] = harmless(c.text)
		}
		if err := w.Write(record); err != nil {
			return fail.Wrap(fail.Internal, err, "writing CSV")
		}
	}
	w.Flush()
	return p.write(b.Bytes())
}

func harmless(s string) string {
	if s == "" || !strings.ContainsRune("=+-@", rune(s[0])) || s == None {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}
