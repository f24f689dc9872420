package polish

import (
	"io"
	"strings"

	render "github.com/aictl/aictl/internal/markdown"
	"github.com/aictl/aictl/internal/term"
)

// markdown renders an answer for a terminal while it comes in: each block as
// soon as it is complete, so that nothing shown has to be taken back. Text is
// made safe before it is styled.
type markdown struct {
	out    io.Writer
	width  int
	styles term.Styles
	safe   *term.SafeWriter
	text   strings.Builder // the blocks that are not complete yet
}

func newMarkdown(out io.Writer, width int, styles term.Styles) *markdown {
	m := &markdown{out: out, width: min(width, 100), styles: styles}
	m.safe = term.NewSafeWriter(&m.text)
	return m
}

// Write implements io.Writer.
func (m *markdown) Write(p []byte) (int, error) {
	if _, err := m.safe.Write(p); err != nil {
		return 0, err
	}
	if end := m.complete(m.text.String()); end > 0 {
		whole := m.text.String()
		m.text.Reset()
		m.text.WriteString(whole[end:])
		return len(p), m.show(whole[:end])
	}
	return len(p), nil
}

// complete finds the end of the last block that cannot grow any more: a blank
// line outside a code fence that no list or quote continues.
func (m *markdown) complete(s string) int {
	end, fence, offset := 0, false, 0
	lines := strings.SplitAfter(s, "\n")
	for i, line := range lines {
		offset += len(line)
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "```") {
			fence = !fence
		}
		if !fence && trimmed == "" && strings.HasSuffix(line, "\n") && i+1 < len(lines) {
			next := lines[i+1]
			if next != "" && !strings.HasPrefix(next, " ") && !continues(next) {
				end = offset
			}
		}
	}
	return end
}

// continues reports whether a line may belong to the list before the blank.
func continues(line string) bool {
	t := strings.TrimSpace(line)
	return strings.HasPrefix(t, "- ") || strings.HasPrefix(t, "* ") || strings.HasPrefix(t, "> ") ||
		(len(t) > 1 && t[0] >= '0' && t[0] <= '9')
}

func (m *markdown) show(block string) error {
	_, err := io.WriteString(m.out, render.Render(block, m.width, m.styles)+"\n\n")
	return err
}

// Close shows what is left.
func (m *markdown) Close() error {
	if err := m.safe.Close(); err != nil {
		return err
	}
	return m.rest()
}

// Flush shows what is there, as if it were whole.
func (m *markdown) Flush() error {
	if err := m.safe.Flush(); err != nil {
		return err
	}
	return m.rest()
}

func (m *markdown) rest() error {
	if rest := m.text.String(); strings.TrimSpace(rest) != "" {
		m.text.Reset()
		return m.show(rest)
	}
	return nil
}
