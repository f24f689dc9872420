package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

// cell is a character as it is drawn.
type cell struct {
	text  string
	width int
	byte  int // its place in the text
}

// cells gives the characters of a piece of the text.
func (in *Input) cells(s string, base int) []cell {
	out := make([]cell, 0, len(s))
	for at := 0; at < len(s); {
		next := after(s, at)
		shown := term.SafeLine(s[at:next])
		if in.Secret {
			shown = "*"
		}
		if w := ansi.StringWidth(shown); w > 0 {
			out = append(out, cell{shown, w, base + at})
		}
		at = next
	}
	return out
}

// View draws the field as one line of at most width columns; what does not fit
// is cut so that the cursor is seen. A field of several lines shows the one of
// its cursor (Lines draws them all).
func (in *Input) View(width int) string {
	if width <= 0 {
		return ""
	}
	th := in.theme()
	prompt := ansi.Truncate(term.SafeLine(in.Prompt), max(width/2, 1), "")
	room := width - ansi.StringWidth(prompt)
	if in.text == "" && in.Placeholder != "" && room > 2 {
		line := th.Accent.Render(prompt)
		if in.focused {
			line += cursorAt(th, nil)
			room--
		}
		return line + th.Muted.Render(ansi.Truncate(term.SafeLine(in.Placeholder), room, "…"))
	}
	start := strings.LastIndexByte(in.text[:in.at], '\n') + 1
	row := in.cells(in.text[start:lineEnd(in.text, in.at)], start)
	return th.Accent.Render(prompt) + in.row(th, row, room)
}

// row draws characters in a room, with the cursor where it is theirs.
func (in *Input) row(th *theme.Theme, row []cell, room int) string {
	if room <= 0 {
		return ""
	}
	at := len(row)
	for i, c := range row {
		if c.byte >= in.at {
			at = i
			break
		}
	}
	// The window begins so late that the cursor is the last thing in it, at
	// the earliest; a column is kept for a cursor behind the text.
	first, used := at, 1
	if at < len(row) {
		used = row[at].width
	}
	for first > 0 && used+row[first-1].width <= room {
		first--
		used += row[first].width
	}
	var b strings.Builder
	drawn := 0
	for i := first; i < len(row) && drawn+row[i].width <= room; i++ {
		if i == at && in.focused {
			b.WriteString(cursorAt(th, &row[i]))
		} else {
			b.WriteString(row[i].text)
		}
		drawn += row[i].width
	}
	if at == len(row) && in.focused && drawn < room {
		b.WriteString(cursorAt(th, nil))
	}
	return b.String()
}

// cursorAt draws the cursor on a character, or behind the text. It is in
// reverse video; the plain underscore of the mono skin is seen without, too.
func cursorAt(th *theme.Theme, c *cell) string {
	switch {
	case c != nil:
		return "\x1b[7m" + c.text + "\x1b[27m"
	case th.Name == theme.Mono:
		return "_"
	}
	return "\x1b[7m \x1b[27m"
}

// Lines draws a field of several lines, wrapped, in at most height lines of at
// most width columns around the cursor. The prompt stands before the first
// line, and blanks before the others.
func (in *Input) Lines(width, height int) []string {
	if !strings.Contains(in.text, "\n") && ansi.StringWidth(in.Prompt)+ansi.StringWidth(in.text)+1 < width {
		return []string{in.View(width)}[:min(max(height, 0), 1)]
	}
	th := in.theme()
	prompt := ansi.Truncate(term.SafeLine(in.Prompt), max(width/2, 1), "")
	indent := ansi.StringWidth(prompt)
	room := max(width-indent-1, 1) // a column for the cursor behind the text
	var rows [][]cell
	here := 0
	for start := 0; ; {
		end := lineEnd(in.text, start)
		row, used := in.cells(in.text[start:end], start), 0
		first := len(rows)
		rows = append(rows, nil)
		for i, from := 0, 0; i < len(row); i++ {
			if used+row[i].width > room && i > from {
				rows, from, used = append(rows, nil), i, 0
			}
			used += row[i].width
			rows[len(rows)-1] = row[from : i+1]
		}
		if in.at >= start && in.at <= end {
			for here = first; here+1 < len(rows) && rows[here+1][0].byte <= in.at; here++ {
			}
		}
		if end == len(in.text) {
			break
		}
		start = end + 1
	}
	top := min(max(here-height+1, 0), max(len(rows)-height, 0))
	var out []string
	for i := top; i < len(rows) && len(out) < height; i++ {
		lead := strings.Repeat(" ", indent)
		if i == 0 {
			lead = th.Accent.Render(prompt)
		}
		line := ""
		if i == here {
			line = in.row(th, rows[i], max(width-indent, 0))
		} else {
			for _, c := range rows[i] {
				line += c.text
			}
		}
		out = append(out, ansi.Truncate(lead+line, max(width, 0), ""))
	}
	return out
}
