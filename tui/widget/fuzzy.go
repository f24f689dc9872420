package widget

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// maxFuzzy bounds how much of a text a fuzzy expression looks at.
const maxFuzzy = 64 << 10

// reach is how many runes a fuzzy match of n letters may stretch over. Without
// a bound nearly every long line holds nearly every word.
func reach(n int) int { return 3*n + 6 }

// nearby finds the letters of word in s, in order and within reach, and gives
// where the first match starts and ends; -1 where there is none.
func nearby(s string, word []rune, fold bool) (from, to int) {
	s = s[:runeStart(s, maxFuzzy)]
	limit := reach(len(word))
	for start := 0; start < len(s); {
		r, n := utf8.DecodeRuneInString(s[start:])
		if same(r, word[0], fold) {
			if end := follow(s[start:], word, limit, fold); end >= 0 {
				return start, start + end
			}
		}
		start += n
	}
	return -1, -1
}

// follow matches word from the start of s, each letter as early as it can be,
// and gives the end of the match.
func follow(s string, word []rune, limit int, fold bool) int {
	at, seen := 0, 0
	for i, r := range s {
		if seen == limit {
			return -1
		}
		seen++
		if same(r, word[at], fold) {
			if at++; at == len(word) {
				_, n := utf8.DecodeRuneInString(s[i:])
				return i + n
			}
		}
	}
	return -1
}

// same compares with a letter of the expression; with fold that is lower-case.
func same(r, want rune, fold bool) bool {
	switch {
	case r == want:
		return true
	case !fold:
		return false
	case 'A' <= r && r <= 'Z':
		return r+'a'-'A' == want
	}
	return r >= utf8.RuneSelf && unicode.ToLower(r) == want
}

// fuzzySpans are the letters that the words were found in.
func (f Filter) fuzzySpans(s string) [][2]int {
	var out [][2]int
	for _, word := range f.fuzzy {
		from, to := nearby(s, word, f.fold)
		if from < 0 {
			return nil
		}
		at := 0
		for i, r := range s[from:to] {
			if at < len(word) && same(r, word[at], f.fold) {
				_, n := utf8.DecodeRuneInString(s[from+i:])
				out = append(out, [2]int{from + i, from + i + n})
				at++
			}
		}
	}
	return merged(out)
}

// merged puts spans in order and joins those that touch.
func merged(spans [][2]int) [][2]int {
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s[0] <= out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], s[1])
			continue
		}
		out = append(out, s)
	}
	return out[:min(len(out), maxSpans)]
}
