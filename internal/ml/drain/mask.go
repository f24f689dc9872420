package drain

import (
	"strings"
	"unsafe"
)

// tokenizer cuts messages into tokens and masks what is a value by its look.
// Its tokens hold until the next message.
type tokenizer struct {
	buf    []byte
	ends   []int
	tokens []string
}

// Mask is a message with its values masked: what a tree starts from. Its
// spaces are single.
func Mask(message string) string {
	var t tokenizer
	return join(t.split(message, len(message)+1))
}

// split cuts at white space and after the = of key=value.
func (t *tokenizer) split(message string, limit int) []string {
	t.buf, t.ends, t.tokens = t.buf[:0], t.ends[:0], t.tokens[:0]
	for rest := message; ; {
		rest = strings.TrimLeft(rest, " \t\r\n\x00")
		if rest == "" {
			break
		}
		if len(t.ends) >= limit-1 && limit > 1 && len(t.ends) > 0 {
			t.buf = append(t.buf, wild...)
			t.ends = append(t.ends, len(t.buf))
			break
		}
		end := strings.IndexAny(rest, " \t\r\n\x00")
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		if eq := strings.IndexByte(word, '='); eq > 0 && eq < len(word)-1 && isKey(word[:eq]) {
			t.buf = append(t.buf, word[:eq+1]...)
			t.ends = append(t.ends, len(t.buf))
			word = word[eq+1:]
		}
		t.buf = appendMasked(t.buf, word)
		t.ends = append(t.ends, len(t.buf))
		rest = rest[end:]
	}
	from := 0
	for _, end := range t.ends {
		token := t.buf[from:end]
		t.tokens = append(t.tokens, unsafe.String(unsafe.SliceData(token), len(token)))
		from = end
	}
	return t.tokens
}

func isKey(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("._-@[({\"'", s[i]) < 0 {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// appendMasked adds the token, with Wildcard in place of values: numbers, also
// with a unit; hexadecimal of six digits and more; UUIDs; addresses; times;
// paths of two parts and more; URLs; mail addresses. Brackets, quotes and
// punctuation around them stay, and so do digits within a word, as in sha256.
func appendMasked(dst []byte, token string) []byte {
	const opening, closing = "([{<\"'`", ")]}>\"'`,;:.!?"
	for token != "" && strings.IndexByte(opening, token[0]) >= 0 && token != Wildcard {
		dst = append(dst, token[0])
		token = token[1:]
	}
	end := len(token)
	for end > 0 && strings.IndexByte(closing, token[end-1]) >= 0 && token[:end] != Wildcard {
		end--
	}
	core, tail := token[:end], token[end:]
	switch {
	case core == "":
	case isWhole(core):
		dst = append(dst, Wildcard...)
	case !hasDigit(core):
		dst = append(dst, core...)
	default:
		dst = appendRuns(dst, core)
	}
	return append(dst, tail...)
}

// isWhole knows values that are one whatever they are made of.
func isWhole(s string) bool {
	if (s[0] == '/' || s[0] == '~') && strings.Count(s, "/") >= 2 || len(s) > 3 && s[1] == ':' && (s[2] == '\\' || s[2] == '/') {
		return true
	}
	if strings.Contains(s, "://") {
		return true
	}
	if at := strings.IndexByte(s, '@'); at > 0 && strings.IndexByte(s[at:], '.') > 1 {
		return true
	}
	return isUUID(s) || isIPv6(s)
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// isIPv6 knows addresses, MAC addresses too, by two colons at least between
// hexadecimal groups, with a digit somewhere.
func isIPv6(s string) bool {
	colons := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':':
			colons++
		case !isHex(c) && c != '.' && c != '[' && c != ']' && c != '%':
			return false
		}
	}
	return colons >= 2 && hasDigit(s)
}

// appendRuns masks runs of letters and digits that are values, and joins values
// with one sign between them to one.
func appendRuns(dst []byte, s string) []byte {
	masked := -1 // length of dst after the last value
	for i := 0; i < len(s); {
		if !isAlnum(s[i]) {
			dst = append(dst, s[i])
			i++
			continue
		}
		end := i
		for end < len(s) && isAlnum(s[end]) {
			end++
		}
		run := s[i:end]
		i = end
		if !isValue(run) {
			dst = append(dst, run...)
			continue
		}
		n := len(dst)
		switch {
		case masked >= 0 && n == masked+1 && strings.IndexByte(".:-,+/_*x", dst[n-1]) >= 0:
			dst = dst[:masked] // 10.0.0.1:80 is one value
			masked = len(dst)
			continue
		case n > 0 && (dst[n-1] == '-' || dst[n-1] == '+') && (n == 1 || !isAlnum(dst[n-2])):
			dst = dst[:n-1] // a sign
		}
		dst = append(dst, Wildcard...)
		masked = len(dst)
		if i < len(s) && s[i] == '%' {
			i++
		}
	}
	return dst
}

// isValue says whether a run of letters and digits is a value: digits, digits
// with a unit of at most three letters (35ms, 10MiB, 1h30m, 02T03), 0x…, or six
// and more hexadecimal digits.
func isValue(s string) bool {
	digits, hex := 0, true
	for i := range len(s) {
		if s[i]-'0' <= 9 {
			digits++
		}
		hex = hex && isHex(s[i])
	}
	switch {
	case digits == 0:
		return false
	case digits == len(s):
		return true
	case strings.HasPrefix(s, "0x"), strings.HasPrefix(s, "0X"), hex && len(s) >= 6:
		return true
	case s[0]-'0' > 9:
		return false
	}
	letters := 0
	for i := range len(s) {
		if s[i]-'0' <= 9 {
			letters = 0
		} else if letters++; letters > 3 || s[i] >= 0x80 && s[i] != 0xc2 && s[i] != 0xb5 { // µ
			return false
		}
	}
	return true
}
