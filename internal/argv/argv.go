// Package argv writes command lines that a person can paste: every word is
// quoted for a POSIX shell where it needs to be, so that a name which came from
// a label or a log line stays one argument, whatever it holds.
package argv

import (
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// Line joins words into a command line.
func Line(words ...string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = shellescape.Quote(clean(w))
	}
	return strings.Join(out, " ")
}

// clean drops what no argument can hold or no terminal should get: NUL and
// other control characters.
func clean(w string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, w)
}
