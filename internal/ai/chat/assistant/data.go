package assistant

import (
	"strings"
	"unicode"

	"github.com/aictl/aictl/internal/argv"
)

// Everything that comes from the platform's state is data: it is shown by one
// of the functions here, as one line, without what could begin another line,
// close its code span, be a link, or move a terminal's cursor.

const (
	maxQuote   = 200 // characters of a foreign text
	maxSummary = 600 // of a sentence that the platform itself made of foreign words
	maxCommand = 600
	maxLabels  = 300
)

// quote shows foreign text as data: one line in a code span, without control,
// format and bidirectional characters, and not more than 200 characters.
func quote(s string) string { return quoted(s, maxQuote) }

func quoted(s string, most int) string {
	out := []rune{}
	space := true
	for _, r := range s {
		switch {
		case r == '`':
			r = '\''
		case r == unicode.ReplacementChar, !unicode.IsPrint(r):
			r = ' '
		}
		if r == ' ' && space {
			continue
		}
		space = r == ' '
		if out = append(out, r); len(out) == most {
			out = append(out, '…')
			break
		}
	}
	text := strings.TrimSpace(string(out))
	if text == "" {
		return "(no message)"
	}
	return "`" + text + "`"
}

// simple says that a name is letters, digits and what stands between them: it
// means nothing in Markdown.
func simple(s string) bool {
	letter := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	if s == "" || len(s) > 100 || !letter(s[0]) || !letter(s[len(s)-1]) || strings.HasPrefix(strings.ToLower(s), "www.") {
		return false
	}
	for i := range len(s) {
		if !letter(s[i]) && !strings.ContainsRune("._-", rune(s[i])) {
			return false
		}
	}
	return true
}

// name shows a foreign name.
func name(s string) string {
	if simple(s) {
		return "**" + s + "**"
	}
	return quote(s)
}

// word shows a foreign word of a small vocabulary: a state, a kind.
func word(s string) string {
	if simple(s) {
		return s
	}
	return quote(s)
}

// shown reports whether a command can be shown as it is: half a command, or
// one with characters that cannot be seen, is worse than none.
func shown(command string) bool {
	return command != "" && len(command) <= maxCommand && !strings.ContainsFunc(command, func(r rune) bool {
		return r != ' ' && (r == unicode.ReplacementChar || !unicode.IsPrint(r))
	})
}

// code shows a command in a code span that it cannot close.
func code(command string) string {
	if !shown(command) {
		return "(a command that is too long or too strange to be shown here)"
	}
	if !strings.Contains(command, "`") {
		return "`" + command + "`"
	}
	fence := "``"
	for strings.Contains(command, fence) {
		fence += "`"
	}
	return fence + " " + command + " " + fence
}

// aictl is a command line of ours; foreign words stay one argument each.
func aictl(words ...string) string { return argv.Line(append([]string{"aictl"}, words...)...) }

// identifier shows the id of evidence: those that are ours as they are.
func identifier(s string) string {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune(" ._-/#", rune(c)) {
			return quote(s)
		}
	}
	if len(s) > 100 || strings.Contains(s, "www.") {
		return quote(s)
	}
	return s
}
