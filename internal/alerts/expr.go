package alerts

import (
	"strconv"
	"strings"
)

// Measured splits an alert's expression into what it measures and the limit
// that it compares with: "rate(x[5m]) > 0.1" measures rate(x[5m]) and its limit
// is 0.1. Of parts that are joined by and, or and unless, the first counts. An
// expression without a comparison measures itself; the limit is then unknown,
// as it is where it is no plain number.
func Measured(expr string) (measure string, limit float64, known bool) {
	expr = strings.TrimSpace(expr)
	if i := top(expr, func(rest string) bool {
		for _, word := range []string{"and", "or", "unless"} {
			if after, ok := cutWord(rest, word); ok && after != "" {
				return true
			}
		}
		return false
	}); i > 0 {
		return Measured(unwrap(expr[:i]))
	}
	i := top(expr, func(rest string) bool {
		return strings.HasPrefix(rest, ">") || strings.HasPrefix(rest, "<") || strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "!=")
	})
	if i <= 0 {
		if inner := unwrap(expr); inner != expr {
			return Measured(inner)
		}
		return expr, 0, false
	}
	right := strings.TrimSpace(strings.TrimLeft(expr[i:], "<>=!"))
	if after, ok := cutWord(right, "bool"); ok {
		right = strings.TrimSpace(after)
	}
	limit, err := strconv.ParseFloat(right, 64)
	if err != nil {
		return strings.TrimSpace(expr[:i]), 0, false
	}
	return strings.TrimSpace(expr[:i]), limit, true
}

// cutWord takes a keyword in any case off the front, where it stands alone.
func cutWord(s, word string) (string, bool) {
	if len(s) < len(word) || !strings.EqualFold(s[:len(word)], word) {
		return s, false
	}
	rest := s[len(word):]
	if rest != "" && wordChar(rest[0]) {
		return s, false
	}
	return rest, true
}

func wordChar(c byte) bool {
	return c == '_' || c == ':' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// unwrap takes parentheses around the whole off.
func unwrap(expr string) string {
	expr = strings.TrimSpace(expr)
	for strings.HasPrefix(expr, "(") && strings.HasSuffix(expr, ")") {
		if end := top(expr[1:], func(rest string) bool { return rest[0] == ')' }); end != len(expr)-2 {
			return expr
		}
		expr = strings.TrimSpace(expr[1 : len(expr)-1])
	}
	return expr
}

// top finds the first place outside of quotes, and of brackets that were
// opened after the start, where found holds; -1 where there is none. A word is
// looked at from its beginning only.
func top(s string, found func(rest string) bool) int {
	depth := 0
	var quote byte
	inWord := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
			continue
		case c == '"' || c == '\'' || c == '`':
			quote = c
			continue
		}
		if depth == 0 && !(inWord && wordChar(c)) && found(s[i:]) {
			return i
		}
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		inWord = wordChar(c)
	}
	return -1
}
