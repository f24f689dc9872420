// Package nearest finds the known word that a mistyped one was meant to be.
//
// It promises the optimal string alignment distance of Damerau ("A technique
// for computer detection and correction of spelling errors", CACM 7(3), 1964):
// insertions, deletions, substitutions and swaps of neighbours cost one each.
// It does not know languages.
package nearest

import "strings"

// longest is the longest word compared, in runes: the distance is quadratic,
// and names are short.
const longest = 64

// Distance is the number of edits between a and b, in runes. Words longer
// than 64 runes are cut first.
func Distance(a, b string) int {
	x, y := clip(a), clip(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

// Of gives the candidate nearest to word, without regard to case, and false
// where none is near enough: at most one edit for up to five letters, two for
// up to nine, three beyond. Words under four letters must be equal. The first
// of equally near candidates wins.
func Of(word string, candidates []string) (string, bool) {
	word = strings.ToLower(word)
	n := len([]rune(word))
	allowed := 3
	switch {
	case n < 4:
		allowed = 0
	case n <= 5:
		allowed = 1
	case n <= 9:
		allowed = 2
	}
	best, found := "", allowed+1
	for _, c := range candidates {
		if d := Distance(word, strings.ToLower(c)); d < found {
			best, found = c, d
		}
	}
	return best, found <= allowed
}

func clip(s string) []rune {
	if len(s) > 4*longest {
		s = s[:4*longest]
	}
	r := []rune(s)
	return r[:min(len(r), longest)]
}
