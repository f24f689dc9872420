package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/tui/theme"
)

// highlight puts plain text into a style and what matched into another. A
// character of several runes is never split: apart its parts are wider.
func highlight(s string, spans [][2]int, style, match theme.Style) string {
	if len(spans) == 0 {
		return style.Render(s)
	}
	var b strings.Builder
	at := 0
	for _, span := range spans {
		from, to := wholeIn(s, span[0], span[1])
		if from < at {
			from = at
		}
		if to <= from {
			continue
		}
		b.WriteString(style.Render(s[at:from]))
		b.WriteString(match.Render(s[from:to]))
		at = to
	}
	b.WriteString(style.Render(s[at:]))
	return b.String()
}

// highlightStyled puts parts of a styled line into another style; plain is the
// line without its styles, which the offsets of spans count in.
func highlightStyled(line, plain string, spans [][2]int, match theme.Style) string {
	var b strings.Builder
	var open string // the styles at this place of the line
	i, at, next := 0, 0, 0
	for i < len(line) && next < len(spans) {
		from, to := wholeIn(plain, spans[next][0], spans[next][1])
		// Up to the match, with the styles as they are.
		for i < len(line) && (at < from || line[i] == 0x1b) {
			n := 1
			if line[i] == 0x1b {
				n = escapeLen(line[i:])
				open = carried(open, line[i:i+n])
			} else {
				at++
			}
			b.WriteString(line[i : i+n])
			i += n
		}
		var found strings.Builder
		before := open
		for i < len(line) && at < to {
			if line[i] == 0x1b {
				n := escapeLen(line[i:])
				open = carried(open, line[i:i+n])
				i += n
				continue
			}
			found.WriteByte(line[i])
			i++
			at++
		}
		if found.Len() > 0 {
			if before != "" {
				b.WriteString(reset)
			}
			b.WriteString(match.Render(found.String()))
			b.WriteString(open)
		}
		next++
	}
	b.WriteString(line[i:])
	return b.String()
}

// wholeIn widens a part of a text to whole characters.
func wholeIn(s string, from, to int) (start, end int) {
	if ascii(s) {
		return from, to
	}
	start, end = -1, from
	for i := 0; i < len(s) && i < to; {
		cluster, _ := ansi.FirstGraphemeCluster(s[i:], ansi.GraphemeWidth)
		if i+len(cluster) > from {
			if start < 0 {
				start = i
			}
			end = i + len(cluster)
		}
		i += len(cluster)
	}
	if start < 0 {
		start = from
	}
	return start, end
}
