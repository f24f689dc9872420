package line

import "encoding/binary"

// Most texts are plain ASCII, and most of the time of a pipe goes into looking
// at them: eight bytes at a time (as package term does), the last eight
// overlapping the ones before.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// odd8 has a bit set where a byte is no printable ASCII: its high bit is set,
// or it is below a space, or it is DEL.
func odd8(w uint64) uint64 {
	return (w | (w - ones*0x20) | ((w ^ ones*0x7f) - ones)) & highs
}

// escape8 has a bit set where a byte may need an escape in JSON: those of odd8,
// and " and \.
func escape8(w uint64) uint64 {
	return odd8(w) | (((w^ones*'"')-ones)|((w^ones*'\\')-ones))&highs
}

// isPrintable says whether s is printable ASCII throughout.
func isPrintable(s string) bool {
	if len(s) < 8 {
		return looks(bytesOf(s))&hasOdd == 0
	}
	b := bytesOf(s)
	var all uint64
	for i := 0; i+8 <= len(b); i += 8 {
		all |= odd8(binary.LittleEndian.Uint64(b[i:]))
	}
	return all|odd8(binary.LittleEndian.Uint64(b[len(b)-8:])) == 0
}

// isPlain says whether s stands in JSON as it is.
func isPlain(s string) bool {
	if len(s) < 8 {
		for i := range len(s) {
			if classes[s[i]]&hasOdd != 0 || s[i] == '"' || s[i] == '\\' {
				return false
			}
		}
		return true
	}
	b := bytesOf(s)
	for i := 0; i+8 <= len(b); i += 8 {
		if escape8(binary.LittleEndian.Uint64(b[i:])) != 0 {
			return false
		}
	}
	return escape8(binary.LittleEndian.Uint64(b[len(b)-8:])) == 0
}

// What looks finds in a text.
const (
	hasOdd   = 1 << iota // what is no printable ASCII: term.Safe has a say
	hasLine              // a line feed
	hasBreak             // what ends a value: a space, a quote, =, a control character
)

// classes are what each byte is. They are never written.
var classes = func() (t [256]uint8) {
	for c := range t {
		if c < ' ' || c >= 0x7f {
			t[c] |= hasOdd
		}
		if c <= ' ' || c == '"' || c == '=' {
			t[c] |= hasBreak
		}
	}
	t['\n'] |= hasLine
	return t
}()

// looks passes over the text once, without a branch.
func looks(text []byte) (all uint8) {
	for _, c := range text {
		all |= classes[c]
	}
	return all
}
