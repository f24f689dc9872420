package widget

import (
	"strings"
)

// escapeLen is the length of the escape sequence at the start of s, which
// starts with ESC; all of s where it never ends.
func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x7e {
				return i // malformed: the rest is text
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b {
				if i+1 < len(s) && s[i+1] == '\\' {
					return i + 2
				}
				return i
			}
		}
		return len(s)
	}
	if s[1] < 0x20 || s[1] > 0x7e {
		return 1
	}
	return 2
}

func isStyle(seq string) bool {
	if len(seq) < 3 || seq[1] != '[' || seq[len(seq)-1] != 'm' {
		return false
	}
	for i := 2; i < len(seq)-1; i++ {
		if !digit(seq[i]) && seq[i] != ';' && seq[i] != ':' {
			return false
		}
	}
	return true
}

func isReset(seq string) bool { return seq == reset || seq == "\x1b[0m" }

// linkTarget reads a well-formed hyperlink (OSC 8); an empty target ends one.
func linkTarget(seq string) (target string, ok bool) {
	seq, ok = strings.CutPrefix(seq, "\x1b]8;")
	if !ok {
		return "", false
	}
	body, ok := strings.CutSuffix(seq, "\x07")
	if !ok {
		body, ok = strings.CutSuffix(seq, "\x1b\\")
	}
	if !ok || asciiRun(body, len(body)) != len(body) {
		return "", false
	}
	_, target, ok = strings.Cut(body, ";")
	return target, ok
}

// plainOf is styled text without its styles.
func plainOf(s string) string {
	i := strings.IndexByte(s, 0x1b)
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for ; i >= 0; i = strings.IndexByte(s, 0x1b) {
		b = append(b, s[:i]...)
		s = s[i:]
		s = s[escapeLen(s):]
	}
	return string(append(b, s...))
}

// carried gives the styles that are open after a line, of those before it.
func carried(open, line string) string {
	for {
		i := strings.Index(line, "\x1b[")
		if i < 0 {
			return open
		}
		line = line[i:]
		n := escapeLen(line)
		if isReset(line[:n]) {
			open = ""
		} else if isStyle(line[:n]) {
			open += line[:n]
		}
		line = line[n:]
	}
}
