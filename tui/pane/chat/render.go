package chat

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/markdown"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/widget"
)

const (
	// mostBlock is the longest block that is read as Markdown: the reader's time
	// grows with the square of what is badly nested.
	mostBlock = 8 << 10
	// mostTail is how much of a block that still grows is drawn with each part.
	mostTail = 4 << 10
	// readable is the widest that text is set.
	readable = 110
)

// shown is the drawn answer of a turn. Blocks that are complete are drawn once.
type shown struct {
	width   int
	skin    string
	done    []string // the lines of the complete blocks
	upto    int      // the bytes of the text that they are of
	version int
	lines   []string // done, and those of what still grows
	whole   []string // the turn with its question and its end
}

// answerLines draws the text of the answer. The slice is the turn's.
func (t *turn) answerLines(width int, skin string, color bool) []string {
	s := &t.shown
	if s.width != width || s.skin != skin {
		*s = shown{width: width, skin: skin, version: -1}
	}
	if s.version == t.version {
		return s.lines
	}
	s.version = t.version
	text := t.text.String()
	styles := term.NewStyles(color)
	rest := text[s.upto:]
	from := 0
	for _, end := range complete(rest) {
		s.done = append(s.done, draw(rest[from:end], width, styles)...)
		s.done = append(s.done, "")
		from = end
	}
	s.upto += from
	rest = rest[from:]
	if t.busy && len(rest) > mostTail {
		rest = rest[len(rest)-mostTail:]
		rest = rest[strings.IndexAny(rest, " \n")+1:]
	}
	s.lines = slices.Concat(s.done, draw(rest, width, styles))
	for len(s.lines) > 0 && s.lines[len(s.lines)-1] == "" {
		s.lines = s.lines[:len(s.lines)-1]
	}
	return s.lines
}

// draw gives the lines of safe Markdown.
func draw(block string, width int, styles term.Styles) []string {
	if strings.TrimSpace(block) == "" {
		return nil
	}
	if len(block) > mostBlock {
		return widget.Wrap(strings.TrimRight(block, "\n"), width)
	}
	return widget.Wrap(markdown.Render(disarm(block), min(width, readable), styles), width)
}

// reference is a character by its number, which Markdown replaces by the
// character itself.
var reference = regexp.MustCompile(`&#[xX]?[0-9a-fA-F]+;?`)

// disarm takes the meaning from references to characters that no terminal
// should get: an escape sequence can be spelled with them in safe text.
func disarm(s string) string {
	if !strings.Contains(s, "&#") {
		return s
	}
	return reference.ReplaceAllStringFunc(s, func(ref string) string {
		digits, base := strings.TrimSuffix(ref[2:], ";"), 10
		if digits[0] == 'x' || digits[0] == 'X' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseUint(digits, base, 31)
		if err != nil || n < 0x20 || n >= 0x7f && n < 0xa0 || term.Safe(string(rune(n))) != string(rune(n)) {
			return "&amp;" + ref[1:]
		}
		return ref
	})
}

// complete finds the ends of the blocks that cannot grow any more: blank lines
// outside a code fence that no list or quote continues.
func complete(s string) []int {
	var ends []int
	fence, blank := false, false
	for offset := 0; offset < len(s); {
		line := s[offset:]
		if n := strings.IndexByte(line, '\n'); n >= 0 {
			line = line[:n+1]
		}
		if blank && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\n") && !continues(line) {
			ends = append(ends, offset)
		}
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "```") {
			fence = !fence
		}
		blank = !fence && trimmed == "" && strings.HasSuffix(line, "\n")
		offset += len(line)
	}
	return ends
}

// continues reports whether a line may belong to the list before the blank.
func continues(line string) bool {
	t := strings.TrimSpace(line)
	return strings.HasPrefix(t, "- ") || strings.HasPrefix(t, "* ") || strings.HasPrefix(t, "> ") ||
		(len(t) > 1 && t[0] >= '0' && t[0] <= '9')
}
