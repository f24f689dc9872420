package widget

import (
	"strings"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

// DiffLine is a line of a diff. Kind is '+' (added), '-' (removed), '~'
// (changed), '@' (the head of a part) or ' ' (as it was). Text is plain.
type DiffLine struct {
	Kind rune
	Text string
}

// Diff makes lines of a diff, with the sign of their kind in front.
func Diff(th *theme.Theme, lines []DiffLine) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		text := term.SafeLine(strings.ReplaceAll(l.Text, "\t", "    "))
		switch l.Kind {
		case '+':
			out[i] = th.Added.Render("+ " + text)
		case '-':
			out[i] = th.Removed.Render("- " + text)
		case '~':
			out[i] = th.Changed.Render("~ " + text)
		case '@':
			out[i] = th.Info.Render(text)
		default:
			out[i] = th.Text.Render("  " + text)
		}
	}
	return out
}

// ParseDiff reads a unified diff. The signs are of the first column; the two
// lines that name the files are heads.
func ParseDiff(unified string) []DiffLine {
	if unified == "" {
		return nil
	}
	var out []DiffLine
	for line := range strings.SplitSeq(strings.TrimSuffix(unified, "\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case strings.HasPrefix(line, "@@"), strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
			out = append(out, DiffLine{'@', line})
		case line != "" && strings.ContainsRune("+-~ ", rune(line[0])):
			out = append(out, DiffLine{rune(line[0]), line[1:]})
		default:
			out = append(out, DiffLine{' ', line})
		}
	}
	return out
}
