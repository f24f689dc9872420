package widget

import (
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// key does what a key means; a key without a meaning does nothing.
func (in *Input) key(msg tea.KeyPressMsg) {
	switch name := msg.String(); name {
	case "left", "ctrl+b":
		in.at = before(in.text, in.at)
		in.CloseWords()
	case "right", "ctrl+f":
		in.at = after(in.text, in.at)
		in.CloseWords()
	case "home", "ctrl+a":
		in.at = strings.LastIndexByte(in.text[:in.at], '\n') + 1
		in.CloseWords()
	case "end", "ctrl+e":
		in.at = lineEnd(in.text, in.at)
		in.CloseWords()
	case "alt+b", "ctrl+left", "alt+left":
		in.at = wordStart(in.text, in.at)
		in.CloseWords()
	case "alt+f", "ctrl+right", "alt+right":
		in.at = wordEnd(in.text, in.at)
		in.CloseWords()
	case "backspace", "ctrl+h":
		in.erase(before(in.text, in.at), in.at)
	case "delete", "ctrl+d":
		in.erase(in.at, after(in.text, in.at))
	case "ctrl+w", "alt+backspace", "ctrl+backspace":
		in.erase(wordStart(in.text, in.at), in.at)
	case "alt+d", "alt+delete", "ctrl+delete":
		in.erase(in.at, wordEnd(in.text, in.at))
	case "ctrl+u":
		in.erase(strings.LastIndexByte(in.text[:in.at], '\n')+1, in.at)
	case "ctrl+k":
		in.erase(in.at, lineEnd(in.text, in.at))
	case "alt+enter", "shift+enter", "ctrl+j":
		if in.Multiline {
			in.Insert("\n")
		}
	case "up", "ctrl+p":
		in.vertical(-1)
	case "down", "ctrl+n":
		in.vertical(1)
	case "tab":
		in.take()
	default:
		if text := msg.Key().Text; text != "" {
			in.Insert(text)
		}
	}
}

// vertical goes through the words, else the lines, else the history.
func (in *Input) vertical(by int) {
	switch {
	case len(in.words) > 0 && (in.chosen >= 0 || by > 0):
		in.choose(by)
	case in.line(by):
	default:
		in.remember(by)
	}
}

// line moves the cursor a line up or down, as far right as it was.
func (in *Input) line(by int) bool {
	start := strings.LastIndexByte(in.text[:in.at], '\n') + 1
	column, to := utf8.RuneCountInString(in.text[start:in.at]), 0
	if by < 0 {
		if start == 0 {
			return false
		}
		to = strings.LastIndexByte(in.text[:start-1], '\n') + 1
	} else {
		end := lineEnd(in.text, in.at)
		if end == len(in.text) {
			return false
		}
		to = end + 1
	}
	end := lineEnd(in.text, to)
	for ; column > 0 && to < end; column-- {
		_, n := utf8.DecodeRuneInString(in.text[to:])
		to += n
	}
	in.at = edge(in.text, to)
	return true
}

func (in *Input) erase(from, to int) {
	if from == to {
		return
	}
	in.text, in.at = in.text[:from]+in.text[to:], from
	in.changed()
}

// The edges of characters: what a person sees as one is moved over, and
// erased, as one.

func after(s string, at int) int {
	if at >= len(s) {
		return len(s)
	}
	c, _ := ansi.FirstGraphemeCluster(s[at:], ansi.GraphemeWidth)
	return at + max(len(c), 1)
}

func before(s string, at int) int {
	// A cluster's start is only known from the line's.
	last := strings.LastIndexByte(s[:max(at-1, 0)], '\n') + 1
	for next := last; next < at; next = after(s, next) {
		last = next
	}
	if at == 0 {
		return 0
	}
	return last
}

// edge is the edge at or before the byte.
func edge(s string, at int) int {
	if at <= 0 {
		return 0
	}
	if at >= len(s) {
		return len(s)
	}
	last := strings.LastIndexByte(s[:at], '\n') + 1
	for next := last; next <= at; next = after(s, next) {
		last = next
	}
	return last
}

// cutAt is the edge of a rune at or before n bytes.
func cutAt(s string, n int) int {
	if n >= len(s) {
		return len(s)
	}
	n = max(n, 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

func lineEnd(s string, at int) int {
	if n := strings.IndexByte(s[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(s)
}

func wordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

func wordStart(s string, at int) int {
	s = strings.TrimRightFunc(s[:at], func(r rune) bool { return !wordRune(r) })
	return len(strings.TrimRightFunc(s, wordRune))
}

func wordEnd(s string, at int) int {
	rest := strings.TrimLeftFunc(s[at:], func(r rune) bool { return !wordRune(r) })
	return len(s) - len(strings.TrimLeftFunc(rest, wordRune))
}
