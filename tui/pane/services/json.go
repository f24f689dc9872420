package services

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

// shownLines is how many lines of an answer are shown; a copy has all.
const shownLines = 20_000

// pretty is JSON a member a line, the names in their own style. What is no
// JSON is shown as it is.
func pretty(th *theme.Theme, v json.RawMessage) []string {
	var b bytes.Buffer
	if json.Indent(&b, v, "", "  ") != nil {
		b.Reset()
		b.Write(v)
	}
	var out []string
	rest := b.String()
	for more := true; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		if len(out) == shownLines {
			return append(out, th.Muted.Render(fmt.Sprintf("… and %d lines more; y copies all", strings.Count(rest, "\n")+1)))
		}
		out = append(out, member(th, line))
	}
	return out
}

// member styles the name of a member. The line is of json.Indent: a name ends
// with ": and holds no quote that is not escaped.
func member(th *theme.Theme, line string) string {
	text := strings.TrimLeft(line, " ")
	if !strings.HasPrefix(text, `"`) {
		return term.SafeLine(line)
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			if !strings.HasPrefix(text[i+1:], ":") {
				return term.SafeLine(line)
			}
			return line[:len(line)-len(text)] + th.Info.Render(term.SafeLine(text[:i+1])) + term.SafeLine(text[i+1:])
		}
	}
	return term.SafeLine(line)
}
