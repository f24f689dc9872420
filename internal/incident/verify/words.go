package verify

import (
	_ "embed" // the word list
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed words.txt
var wordList string

// plainWords are read when the first text is checked, and never changed.
var plainWords = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(wordList) {
		out[w] = true
	}
	return out
})

// common reports whether a word is plain English: in lower case, or with a
// capital where a sentence begins. Hyphens may join such words.
func common(word string, first bool) bool {
	if first {
		r, n := utf8.DecodeRuneInString(word)
		word = string(unicode.ToLower(r)) + word[n:]
	}
	if word == "%" || word == "-" || word == "–" || word == "—" || word == "I" || word == "UTC" || word == "CPU" {
		return true
	}
	for _, part := range strings.Split(word, "-") {
		if !plainWords()[part] {
			return false
		}
	}
	return true
}
