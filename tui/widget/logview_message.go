package widget

import (
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/term"
)

const (
	// lateWord stands before a line that came after its place had passed.
	lateWord = "(late) "
	// mostWrapped is how many lines of a row are shown; enter shows all.
	mostWrapped = 12
	// bytesPerColumn is how much of a message is read for a column of the
	// screen: a character takes 4 bytes at most, and some marks with it.
	bytesPerColumn = 8
)

// oneLine is the first line of a message, as far as it is visible.
func (v *LogView) oneLine(l *LogLine) string {
	w := v.columns.message
	text := strings.TrimLeft(clipText(l.Message, (v.shift+w)*bytesPerColumn+64), "\r\n")
	more := 0
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
		more = strings.Count(strings.TrimRight(l.Message, "\r\n"), "\n")
	}
	if l.Late {
		text = lateWord + text
	}
	text = term.SafeLine(text)
	tail := ""
	if more > 0 {
		// What stands on further lines is said: a stack trace is below.
		tail = " [+" + strconv.Itoa(more) + " lines]"
		if len(tail) > w/2 {
			tail = ""
		}
	}
	out, _ := cutFrom(text, v.shift, w-len(tail))
	return out + tail
}

// wrapped are the lines of a whole message, up to mostWrapped.
func (v *LogView) wrapped(l *LogLine) []string {
	w := v.columns.message
	most := max(1, min(mostWrapped, v.page))
	text := clipText(l.Message, most*w*bytesPerColumn+64)
	cut := len(text) < len(l.Message)
	text = strings.TrimRight(term.Safe(text), "\n\t ")
	if l.Late {
		text = lateWord + text
	}
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		if Width(line) <= w {
			out = append(out, line)
		} else {
			out = append(out, Wrap(line, w)...)
		}
		if len(out) > most {
			cut = true
			break
		}
	}
	if cut && len(out) >= most {
		out = out[:most]
		more := " [enter: all]"
		last, _ := cutFrom(out[most-1], 0, max(w-len(more), 0))
		if out[most-1] = last + more; len(more) > w {
			out[most-1] = Cut(more, w)
		}
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}
