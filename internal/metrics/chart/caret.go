package chart

import (
	"strings"

	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/term"
)

// Caret gives the line of the mistake and a caret below its place. What does
// not fit the width is cut around the place.
func Caret(query string, at metrics.Place, width int) []string {
	start := strings.LastIndexByte(query[:at.Offset], '\n') + 1
	line := query[start:]
	if end := strings.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	line = strings.TrimRight(line, "\r")
	offset := min(at.Offset-start, len(line))
	before, after := term.SafeLine(line[:offset]), term.SafeLine(line[offset:])
	room := max(width-6, 20)
	if w := term.Width(before); w > room*2/3 {
		runes := []rune(before)
		for term.Width(string(runes)) > room*2/3 {
			runes = runes[1:]
		}
		before = "…" + string(runes)
	}
	after = term.Truncate(after, max(room-term.Width(before), 1))
	return []string{"  " + before + after, "  " + strings.Repeat(" ", term.Width(before)) + "^"}
}
