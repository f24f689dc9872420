package widget

import (
	"cmp"
	"strings"
)

// natural compares texts as people sort them: case is one, and numbers count by
// their value, so that pod-9 comes before pod-10.
func natural(a, b string) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		x, y := a[i], b[j]
		if digit(x) && digit(y) {
			for i < len(a) && a[i] == '0' {
				i++
			}
			for j < len(b) && b[j] == '0' {
				j++
			}
			m, n := i, j
			for i < len(a) && digit(a[i]) {
				i++
			}
			for j < len(b) && digit(b[j]) {
				j++
			}
			if c := cmp.Compare(i-m, j-n); c != 0 {
				return c
			}
			if c := strings.Compare(a[m:i], b[n:j]); c != 0 {
				return c
			}
			continue
		}
		if c := cmp.Compare(lower(x), lower(y)); c != 0 {
			return c
		}
		i++
		j++
	}
	return cmp.Compare(len(a)-i, len(b)-j)
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
